// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * ring.c - the ring channel: start, stop, and the way of a reply. The picture is in
 * ring.h.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "shim/channel.h"
#include "shim/fdtab.h"
#include "shim/policy.h"
#include "shim/port.h"
#include "shim/proto.h"
#include "shim/real.h"
#include "shim/ring.h"

#define QUICK 4			/* so many times soon back: the bell may wait */

/* --- the driver ------------------------------------------------------------- */

int ring_enter(struct rings *r, unsigned int ring, unsigned int home, unsigned int flags)
{
	unsigned long arg = EFUSE_ENTER(ring, home, flags);
	long ret = syscall(__NR_ioctl, r->devfd, EFUSE_IOC_RING_ENTER, arg);

	return ret < 0 ? -errno : (int)ret;
}

void ring_bell(struct rings *r, unsigned int ring)
{
	count_add(&ring_block(r, ring)->doorbells, 1);
	ring_enter(r, ring, ring, EFUSE_ENTER_COMPLETE);
}

void ring_dead(struct rings *r)
{
	__atomic_store_n(&r->dead, 1, __ATOMIC_SEQ_CST);
}

/* --- replies ---------------------------------------------------------------- */

/*
 * `comp_tail` is ours alone, so what it was is known without asking. The fence
 * pairs with the driver's between `need` and its last look at `comp_tail`.
 */
bool ring_complete(struct ring *ring, uint32_t depth, uint32_t slot)
{
	uint32_t tail;

	pthread_mutex_lock(&ring->lock);
	tail = __atomic_load_n(&ring->daemon->comp_tail, __ATOMIC_RELAXED);
	__atomic_store_n(&ring->completed[tail & (depth - 1)], slot, __ATOMIC_RELAXED);
	__atomic_store_n(&ring->daemon->comp_tail, tail + 1, __ATOMIC_RELEASE);
	pthread_mutex_unlock(&ring->lock);
	ring_barrier();
	return __atomic_load_n(&ring->kernel->need, __ATOMIC_RELAXED);
}

static bool claim(struct ring_request *req, uint64_t unique)
{
	uint64_t want = unique;

	return __atomic_load_n(&req->unique, __ATOMIC_RELAXED) == unique &&
	       __atomic_compare_exchange_n(&req->unique, &want, 0, false, __ATOMIC_ACQUIRE,
					   __ATOMIC_RELAXED);
}

/*
 * Takes the slot whose request is UNIQUE for the calling thread alone, so that of two
 * replies to one request the second finds nothing. False when there is none.
 */
static bool claim_slot(struct rings *r, uint64_t unique, unsigned int *ring, uint32_t *slot)
{
	if (!EFUSE_IS_RING(unique))
		return false;
	*ring = EFUSE_RING_OF(unique);
	*slot = EFUSE_SLOT_OF(unique);
	return *ring < r->count && *slot < r->depth && claim(&r->ring[*ring].request[*slot], unique);
}

/*
 * The callers of RING wait for the bell. Whose own next system call is near leaves it
 * to that; one ring at a time.
 */
static void ring_or_owe(struct rings *r, struct ring_worker *w, unsigned int ring)
{
	if (w && w->quick >= QUICK && (!w->owed || w->owed == ring + 1)) {
		w->owed = ring + 1;
		return;
	}
	ring_bell(r, ring);
	if (w)
		w->calls++;
	else
		count_add(&r->session->stats->syscalls, 1);
}

/* What the daemon says goes into the slot, as the cache policy has it, and off. */
static void reply_by_ring(struct rings *r, struct ring_worker *w, unsigned int ring, uint32_t slot,
			  const struct iovec *iov, int count, size_t total)
{
	struct session *s = r->session;
	struct fuse_out_header *out = ring_reply_slot(r, ring, slot);
	struct ring_request *req = &r->ring[ring].request[slot];

	proto_iov_gather(iov, count, 0, out, total);
	if (s->cache && cache_concerns(req->asked.opcode))
		policy_reply(s, r->devfd, &req->asked, out, out + 1, r->slot_size - sizeof(*out));
	if (ring_complete(&r->ring[ring], r->depth, slot))
		ring_or_owe(r, w, ring);
}

/* One that does not fit, or after fork: the device finds its request by the id. */
static ssize_t reply_by_device(struct rings *r, struct ring_worker *w, struct ring_request *req,
			       const struct iovec *iov, int count, size_t total)
{
	struct cache_request asked = req->asked;

	if (w)
		w->calls++;
	return dev_reply_to(r->session, r->devfd, r->session->cache ? &asked : NULL, iov, count,
			    total);
}

/* A request that came SINCE is answered: which is the oldest of its ring's now? */
static void note_oldest(struct rings *r, unsigned int ring, uint64_t since)
{
	struct stats_core *core = ring_block(r, ring);
	uint64_t oldest = 0;

	if (__atomic_load_n(&core->oldest, __ATOMIC_RELAXED) != since)
		return;
	for (uint32_t i = 0; __atomic_load_n(&core->depth, __ATOMIC_RELAXED) && i < r->depth; i++) {
		struct ring_request *req = &r->ring[ring].request[i];

		if (__atomic_load_n(&req->unique, __ATOMIC_RELAXED) &&
		    (!oldest || __atomic_load_n(&req->since, __ATOMIC_RELAXED) < oldest))
			oldest = __atomic_load_n(&req->since, __ATOMIC_RELAXED);
	}
	count_set(&core->oldest, oldest);
}

static ssize_t ring_reply(struct session *s, int fd, const struct fuse_out_header *out,
			  const struct iovec *iov, int count, size_t total)
{
	struct rings *r = s->rings;
	struct ring_worker *w = ring_worker_find(s);
	struct ring_request *req;
	ssize_t ret = (ssize_t)total;
	unsigned int ring;
	uint32_t slot;
	uint64_t now;

	(void)fd;
	if (!claim_slot(r, out->unique, &ring, &slot)) {
		if (w)
			w->calls++;
		return channel_dev.reply(s, r->devfd, out, iov, count, total);
	}
	req = &r->ring[ring].request[slot];
	now = count_now();
	count_reply(ring_block(r, ring), req->opcode, out->error, now - req->since);
	note_oldest(r, ring, req->since);
	if (total > r->slot_size || r->inherited)
		ret = reply_by_device(r, w, req, iov, count, total);
	else
		reply_by_ring(r, w, ring, slot, iov, count, total);
	if (w)
		w->replied = now;
	return ret;
}

/* --- start and stop ---------------------------------------------------------- */

static void rings_free(struct rings *r)
{
	ring_unmap(r);
	if (r->devfd >= 0) {
		fdtab_clear(r->devfd);
		real()->close(r->devfd);
	}
	pthread_mutex_destroy(&r->lock);
	free(r);
}

static int ring_prepare(struct session *s, int fd, uint32_t payload)
{
	struct rings *r = calloc(1, sizeof(*r));
	int err;

	(void)payload;
	if (!r)
		return -ENOMEM;
	r->session = s;
	r->devfd = -1;
	r->inherited = session_state(s) == SESSION_FORKED;
	if (r->inherited)
		r->how = s->rings->how;		/* the parent's, of no other use here */
	pthread_mutex_init(&r->lock, NULL);
	r->devfd = port_private_fd(real()->fcntl(fd, F_DUPFD_CLOEXEC, 3));
	if (r->devfd < 0) {
		err = -errno;
		session_reason(s, "rings cannot be set up: %s", strerror(-err));
		rings_free(r);
		return err;
	}
	s->rings = r;
	return 0;
}

static void ring_stop(struct session *s)
{
	if (!s->rings)
		return;
	rings_free(s->rings);
	s->rings = NULL;
}

static const char *no_rings_because(int err)
{
	switch (err) {
	case -ENOMEM:
		return "not enough locked memory allowed (ulimit -l)";
	case -EEXIST:
		return "the connection has rings already";
	default:
		return strerror(-err);
	}
}

static int ring_start(struct session *s)
{
	struct rings *r = s->rings;
	int err = ring_map(r);

	if (!err && !r->inherited)
		err = ring_enter(r, 0, 0, EFUSE_ENTER_START);
	if (err < 0) {
		session_reason(s, "the driver gave no rings: %s", no_rings_because(err));
		ring_stop(s);
		return err;
	}
	r->device_left = 1;		/* something may have come before */
	s->stats->payload_size = r->slot_size;
	for (unsigned int i = 0; i < r->count; i++)
		count_set(&ring_block(r, i)->entries, r->depth);
	return 0;
}

static ssize_t ring_next(struct session *s, int fd, void *buf, size_t size)
{
	(void)fd;
	return size < s->min_read ? -EINVAL : ring_worker_next(s, buf, size);
}

static void ring_wake(struct session *s)
{
	ring_dead(s->rings);
	reader_drop(s);
}

const struct channel channel_ring = {
	.name = "ring",
	.id = STATS_CHANNEL_RING,
	.prepare = ring_prepare,
	.start = ring_start,
	.next = ring_next,
	.reply = ring_reply,
	.wake = ring_wake,
	.stop = ring_stop,
};

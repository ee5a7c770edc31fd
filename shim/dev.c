// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * dev.c - the dev channel: plain FUSE, read(2) and write(2) of the device, with
 * requests counted on the way. It changes nothing of what is read or written,
 * unless a cache policy has it so.
 */
#include <errno.h>
#include <linux/fuse.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "shim/channel.h"
#include "shim/count.h"
#include "shim/policy.h"
#include "shim/proto.h"
#include "shim/real.h"
#include "shim/session.h"

#define PENDING 1024

/*
 * Requests at the daemon, for their latency only: a slot taken by a later
 * request with the same hash loses the earlier one's measure and nothing else.
 */
struct pending {
	uint64_t unique;
	uint64_t since;
	uint32_t opcode;
};

static struct pending pending[PENDING];

static struct pending *slot(uint64_t unique)
{
	return &pending[(unique >> 1) % PENDING];
}

static bool wants_reply(uint32_t opcode)
{
	return opcode != FUSE_FORGET && opcode != FUSE_BATCH_FORGET &&
	       opcode != FUSE_INTERRUPT && opcode != FUSE_NOTIFY_REPLY;
}

void dev_note(struct session *s, const struct fuse_in_header *in)
{
	struct stats_core *core = count_dev_block(s);
	struct pending *p = slot(in->unique);

	count_request(core, in->opcode);
	if (!wants_reply(in->opcode)) {
		__atomic_sub_fetch(&core->depth, 1, __ATOMIC_RELAXED);
		return;
	}
	__atomic_store_n(&p->since, count_now(), __ATOMIC_RELAXED);
	__atomic_store_n(&p->opcode, in->opcode, __ATOMIC_RELAXED);
	__atomic_store_n(&p->unique, in->unique, __ATOMIC_RELEASE);
}

static void note_reply(struct session *s, const struct fuse_out_header *out)
{
	struct pending *p = slot(out->unique);
	uint64_t want = out->unique, since;
	uint32_t opcode;

	since = __atomic_load_n(&p->since, __ATOMIC_ACQUIRE);
	opcode = __atomic_load_n(&p->opcode, __ATOMIC_RELAXED);
	if (__atomic_compare_exchange_n(&p->unique, &want, 0, false, __ATOMIC_ACQUIRE,
					__ATOMIC_RELAXED))
		count_reply(count_dev_block(s), opcode, out->error, count_now() - since);
}

static ssize_t dev_next(struct session *s, int fd, void *buf, size_t size)
{
	ssize_t len = real()->read(fd, buf, size);

	if (len < 0)
		return -errno;
	if ((size_t)len >= sizeof(struct fuse_in_header))
		dev_note(s, buf);
	if (s->cache)
		cache_ask(s->cache, buf, (size_t)len);
	return len;
}

static ssize_t write_own(int fd, const struct iovec *iov, int count)
{
	ssize_t ret = real()->writev(fd, iov, count);

	return ret < 0 ? -errno : ret;
}

/*
 * The reply to REQ by way of a copy at OUT with room for SIZE bytes. The daemon is
 * told that all it wrote was written.
 */
static ssize_t write_changed(struct session *s, int fd, const struct cache_request *req,
			     const struct iovec *iov, int count, size_t total,
			     struct fuse_out_header *out, size_t size)
{
	proto_iov_gather(iov, count, 0, out, total);
	policy_reply(s, fd, req, out, out + 1, size - sizeof(*out));
	return syscall(__NR_write, fd, out, out->len) < 0 ? -errno : (ssize_t)total;
}

/* Without memory for the copy the daemon's own words have to do. */
static ssize_t reply_by_policy(struct session *s, int fd, const struct cache_request *req,
			       const struct iovec *iov, int count, size_t total)
{
	char small[512] __attribute__((aligned(8)));
	ssize_t ret;
	void *big;

	if (total <= sizeof(small) - sizeof(struct fuse_entry_out))
		return write_changed(s, fd, req, iov, count, total, (void *)small, sizeof(small));
	big = cache_buffer(s->cache, total);
	if (!big)
		return write_own(fd, iov, count);
	ret = write_changed(s, fd, req, iov, count, total, big, total);
	cache_buffer_back(s->cache, big);
	return ret;
}

ssize_t dev_reply_to(struct session *s, int fd, const struct cache_request *req,
		     const struct iovec *iov, int count, size_t total)
{
	if (req && cache_concerns(req->opcode))
		return reply_by_policy(s, fd, req, iov, count, total);
	return write_own(fd, iov, count);
}

static ssize_t dev_reply(struct session *s, int fd, const struct fuse_out_header *out,
			 const struct iovec *iov, int count, size_t total)
{
	struct cache_request req;
	bool known = s->cache && cache_recall(s->cache, out->unique, &req);

	note_reply(s, out);
	return dev_reply_to(s, fd, known ? &req : NULL, iov, count, total);
}

static int dev_prepare(struct session *s, int fd, uint32_t payload)
{
	(void)s, (void)fd, (void)payload;
	return 0;
}

static int dev_start(struct session *s)
{
	(void)s;
	return 0;
}

/* Threads that sleep in read(2) of the device are the kernel's to wake. */
static void dev_nothing(struct session *s)
{
	(void)s;
}

const struct channel channel_dev = {
	.name = "dev",
	.id = STATS_CHANNEL_DEV,
	.prepare = dev_prepare,
	.start = dev_start,
	.next = dev_next,
	.reply = dev_reply,
	.wake = dev_nothing,
	.stop = dev_nothing,
};

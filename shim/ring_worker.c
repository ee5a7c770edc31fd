// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * ring_worker.c - a thread of the daemon that reads requests from rings. See ring.h.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "shim/cancel.h"
#include "shim/channel.h"
#include "shim/policy.h"
#include "shim/proto.h"
#include "shim/ring.h"
#include "shim/settings.h"

#define DEVICE_TURN 16		/* the device comes first once in so many requests */
#define OTHERS_TURN 8		/* the other rings do */
#define QUICK_NS 20000		/* back so soon after a reply is quick, */
#define QUICK_POLL 400		/* or within so many ns per us of efuse.poll */
#define QUICK_SURE 64		/* so often in a row, */
#define QUICK_ASK 8		/* it is looked at only once in so many */
#define LEAVE_TRIES 8		/* a woken worker may be so long on its way */
#define BESIDE_POLLS 8		/* requests in less than so many times efuse.poll are fast */
#define SPIN_LOOKS 16		/* between two looks at the clock */

static bool alone(struct rings *r)
{
	return __atomic_load_n(&r->workers, __ATOMIC_RELAXED) == 1;
}

/* The ring to look at first, and to sleep at. */
static unsigned int own_ring(struct rings *r, const struct ring_worker *w)
{
	return alone(r) ? w->reader.lastq : w->reader.home;
}

/* --- joining and leaving ---------------------------------------------------- */

/* The core, of those this thread may run on, with the fewest workers. */
static unsigned int choose_home(struct rings *r, const struct place *p)
{
	unsigned int here = place_here(), best, i;

	best = here < r->count ? here : 0;
	for (i = 0; p->usable && i < r->count && i < CPU_SETSIZE; i++)
		if (CPU_ISSET(i, &p->allowed) && r->ring[i].at_home < r->ring[best].at_home)
			best = i;
	return best;
}

static void note_workers(struct rings *r, unsigned int home, uint32_t change)
{
	count_add(&ring_block(r, home)->workers, change);
	count_add(&r->session->stats->threads, change);
	count_set(&r->session->stats->single, alone(r));
}

static void join(struct rings *r, struct ring_worker *w)
{
	pthread_mutex_lock(&r->lock);
	w->reader.home = choose_home(r, &w->reader.place);
	w->reader.lastq = w->reader.home;
	r->ring[w->reader.home].at_home++;
	__atomic_add_fetch(&r->workers, 1, __ATOMIC_SEQ_CST);
	pthread_mutex_unlock(&r->lock);
	note_workers(r, w->reader.home, 1);
}

static void count_calls(struct ring_worker *w)
{
	count_add(&w->reader.session->stats->syscalls, w->calls - w->calls_counted);
	w->calls_counted = w->calls;
}

static void ring_owed(struct rings *r, struct ring_worker *w)
{
	if (!w->owed)
		return;
	ring_bell(r, w->owed - 1);
	w->owed = 0;
	w->calls++;
}

/* Woken for what it does not take: somebody else is to. */
static void pass_on(struct rings *r, struct ring_worker *w)
{
	ring_enter(r, 0, w->reader.home, EFUSE_ENTER_KICK);
	w->calls++;
}

static void sleep_over(struct rings *r, struct ring_worker *w)
{
	__atomic_sub_fetch(&r->ring[w->asleep - 1].asleep, 1, __ATOMIC_RELAXED);
	w->asleep = 0;
}

/* The thread may have been cancelled in the driver. */
static void worker_end(struct reader *reader)
{
	struct ring_worker *w = (struct ring_worker *)reader;
	struct session *s = reader->session;
	struct rings *r = s->rings;
	int cancel = cancel_off();

	if (w->asleep)
		sleep_over(r, w);
	ring_owed(r, w);
	pthread_mutex_lock(&r->lock);
	r->ring[reader->home].at_home--;
	__atomic_sub_fetch(&r->workers, 1, __ATOMIC_SEQ_CST);
	pthread_mutex_unlock(&r->lock);
	note_workers(r, reader->home, (uint32_t)-1);
	pass_on(r, w);
	place_release(&reader->place);
	count_calls(w);
	session_put(s);
	free(w);
	cancel_restore(cancel);
}

static struct ring_worker *worker_attach(struct session *s)
{
	struct ring_worker *w = ring_worker_find(s);
	int cancel;

	if (w)
		return w;
	cancel = cancel_off();
	w = calloc(1, sizeof(*w));
	if (w) {
		reader_begin(&w->reader, s, worker_end);
		w->reader.place.may_idle = false;	/* nobody would watch it */
		w->reader.spin_credit = READER_CREDIT;
		join(s->rings, w);
	}
	cancel_restore(cancel);
	return w;
}

/* --- what there is ----------------------------------------------------------- */

/*
 * What the kernel does with a request larger than the daemon's buffer
 * (fuse_dev_do_read): the request fails, the daemon is asked for the next.
 */
static void too_large(struct rings *r, unsigned int ring, uint32_t slot,
		      const struct fuse_in_header *in)
{
	*ring_reply_slot(r, ring, slot) = (struct fuse_out_header){
		.len = sizeof(struct fuse_out_header), .unique = in->unique,
		.error = in->opcode == FUSE_SETXATTR ? -E2BIG : -EIO,
	};
	if (ring_complete(&r->ring[ring], r->depth, slot))
		ring_bell(r, ring);
}

/* The request at IN, in SLOT of RING, is now the daemon's. */
static void hand_over(struct rings *r, struct ring_worker *w, unsigned int ring, uint32_t slot,
		      const struct fuse_in_header *in)
{
	struct ring_request *req = &r->ring[ring].request[slot];
	struct stats_core *core = ring_block(r, ring);

	req->opcode = in->opcode;
	__atomic_store_n(&req->since, count_now(), __ATOMIC_RELAXED);
	if (r->session->cache)
		cache_request_read(&req->asked, in, in + 1);
	count_request(core, in->opcode);
	if (!__atomic_load_n(&core->oldest, __ATOMIC_RELAXED))
		count_set(&core->oldest, req->since);
	w->reader.lastq = ring;
	w->reader.lastpid = in->pid;
	place_stream(&w->reader.place, proto_readahead(in, in + 1));
	place_pace(&w->reader.place, req->since, callers_moved(&r->callers, in->pid, ring));
	__atomic_store_n(&req->unique, in->unique, __ATOMIC_RELEASE);
}

/*
 * The oldest of RING is the calling thread's: its slot, or -1 when there is none. An
 * entry is written again only once its slot was used again, and that only after the
 * head has passed it, so what was read is good if the head is still where it was.
 */
static int64_t pop(struct rings *r, struct ring *ring)
{
	uint32_t head = __atomic_load_n(&ring->daemon->sub_head, __ATOMIC_ACQUIRE), slot;

	do {
		if (head == __atomic_load_n(&ring->kernel->sub_tail, __ATOMIC_ACQUIRE))
			return -1;
		slot = __atomic_load_n(&ring->submitted[head & (r->depth - 1)], __ATOMIC_RELAXED);
	} while (!__atomic_compare_exchange_n(&ring->daemon->sub_head, &head, head + 1, false,
					      __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE));
	return slot < r->depth ? (int64_t)slot : -1;
}

static ssize_t from_ring(struct rings *r, struct ring_worker *w, unsigned int ring, void *buf,
			 size_t size)
{
	const struct fuse_in_header *in;
	int64_t slot;

	while ((slot = pop(r, &r->ring[ring])) >= 0) {
		ring_owed(r, w);
		in = (const void *)(r->ring[ring].requests + (size_t)slot * r->slot_size);
		if (in->len > size || in->len > r->slot_size) {
			too_large(r, ring, (uint32_t)slot, in);
			continue;
		}
		memcpy(buf, in, in->len);
		hand_over(r, w, ring, (uint32_t)slot, buf);
		return in->len;
	}
	return 0;
}

/* Whether the device may have something: also when more was queued since we looked. */
static bool device_has(struct rings *r)
{
	return __atomic_load_n(&r->device_left, __ATOMIC_RELAXED) > 0 ||
	       __atomic_load_n(&r->ring[0].kernel->device_tail, __ATOMIC_ACQUIRE) !=
	       __atomic_load_n(&r->device_seen, __ATOMIC_RELAXED);
}

/* What was queued is seen before the read, so what is queued in between is not missed. */
static void device_look(struct rings *r)
{
	uint32_t tail = __atomic_load_n(&r->ring[0].kernel->device_tail, __ATOMIC_ACQUIRE);
	uint32_t seen = __atomic_exchange_n(&r->device_seen, tail, __ATOMIC_SEQ_CST);

	__atomic_add_fetch(&r->device_left, (int)(tail - seen), __ATOMIC_RELAXED);
}

/*
 * Several FORGETs come at once, so what is counted may be too much; where threads meet
 * here, too little. Nothing is left for long: a read that finds nothing sets it right, and
 * the driver tells whoever goes to sleep.
 */
static void device_taken(struct rings *r)
{
	if (__atomic_sub_fetch(&r->device_left, 1, __ATOMIC_RELAXED) < 0)
		__atomic_store_n(&r->device_left, 0, __ATOMIC_RELAXED);
}

/* FORGET, INTERRUPT, what did not fit, and what no slot was free for. */
static ssize_t from_device(struct rings *r, struct ring_worker *w, void *buf, size_t size)
{
	struct session *s = w->reader.session;
	ssize_t len;

	if (!device_has(r))
		return 0;
	ring_owed(r, w);
	device_look(r);
	w->calls++;
	len = syscall(__NR_read, r->devfd, buf, size);
	if (len < 0 && (errno == ENODEV || errno == ECONNABORTED))
		ring_dead(r);
	if (len < 0 && errno != EINTR && errno != ENOENT) {
		__atomic_store_n(&r->device_left, 0, __ATOMIC_RELAXED);
		return errno == EINVAL ? -EINVAL : 0;
	}
	if (len >= 0 || errno == ENOENT)
		device_taken(r);
	if (len < (ssize_t)sizeof(struct fuse_in_header))
		return 0;
	dev_note(s, buf);
	if (s->cache)
		cache_ask(s->cache, buf, (size_t)len);
	return len;
}

/*
 * The other rings, from the one after the last on. One whose own worker is asleep is
 * left to that, unless ALL are to be looked at.
 */
static ssize_t from_others(struct rings *r, struct ring_worker *w, unsigned int own, bool all,
			   void *buf, size_t size)
{
	unsigned int i, ring;
	ssize_t len;

	for (i = 1; i < r->count; i++) {
		ring = (own + i) % r->count;
		if (!ring_has(&r->ring[ring]))
			continue;
		if (!all && __atomic_load_n(&r->ring[ring].asleep, __ATOMIC_RELAXED) > 0)
			continue;
		len = from_ring(r, w, ring, buf, size);
		if (len) {
			if (ring != w->reader.home) {
				count_add(&r->session->stats->shared, 1);
				count_add(&ring_block(r, ring)->shared, 1);
			}
			return len;
		}
	}
	return 0;
}

/*
 * The own ring, the others, the device: lest an INTERRUPT overtakes its request. But
 * once in a while what comes last is first: none of them starves.
 */
static ssize_t take(struct rings *r, struct ring_worker *w, bool all, void *buf, size_t size)
{
	unsigned int own = own_ring(r, w), turn = ++w->turn;
	ssize_t len = 0;

	if (turn % DEVICE_TURN == 0)
		len = from_device(r, w, buf, size);
	if (!len && turn % OTHERS_TURN == 0)
		len = from_others(r, w, own, all, buf, size);
	if (!len)
		len = from_ring(r, w, own, buf, size);
	if (!len)
		len = from_others(r, w, own, all, buf, size);
	return len ? len : from_device(r, w, buf, size);
}

/* --- waiting ------------------------------------------------------------------ */

static bool something(struct rings *r)
{
	for (unsigned int i = 0; i < r->count; i++)
		if (ring_has(&r->ring[i]))
			return true;
	return device_has(r) || ring_is_dead(r);
}

/* The same, as far as a thread that polls takes it at once. */
static bool something_to_take(struct rings *r, unsigned int own)
{
	if (ring_has(&r->ring[own]))
		return true;
	return alone(r) ? something(r) : device_has(r) || ring_is_dead(r);
}

/* Whether something came within the time that the mounting user allows. */
static bool spin_for(struct rings *r, unsigned int own)
{
	uint64_t end = count_now() + settings_get()->poll_us * 1000ull;
	unsigned int i;

	do {
		for (i = 0; i < SPIN_LOOKS; i++) {
			if (something_to_take(r, own))
				return true;
			reader_relax();
		}
	} while (count_now() < end);
	return false;
}

/*
 * Who owes a bell rings it before looking, and may then have to sleep all the same: two
 * system calls, where sleeping at once is one that does both. Only who has saved some.
 */
static bool may_look(struct ring_worker *w)
{
	return reader_may_spin(&w->reader) &&
	       (!w->owed || w->calls + 2 <= w->reader.place.progress);
}

/*
 * While `pollers` says so, who submits to the ring wakes nobody. So whoever leaves
 * it looks whether more came than one can take: the fence pairs with the driver's
 * between the submission and its look at `pollers`.
 */
static bool spin(struct rings *r, struct ring_worker *w)
{
	unsigned int own = own_ring(r, w);
	struct efuse_ring_daemon *words = r->ring[own].daemon;
	bool paid;

	if (!may_look(w))
		return false;
	ring_owed(r, w);
	__atomic_store_n(&words->poller_cpu, place_here(), __ATOMIC_RELAXED);
	__atomic_add_fetch(&words->pollers, 1, __ATOMIC_SEQ_CST);
	paid = spin_for(r, own);
	__atomic_sub_fetch(&words->pollers, 1, __ATOMIC_SEQ_CST);
	reader_spun(&w->reader, paid);
	if (paid)
		count_add(&ring_block(r, own)->polled, 1);
	w->polled = paid ? own + 1 : 0;
	return paid;
}

/* It leaves with what it found polling: if there is more, nobody may know. */
static void leave_polled(struct rings *r, struct ring_worker *w)
{
	unsigned int own = w->polled - 1;

	if (!w->polled)
		return;
	w->polled = 0;
	ring_barrier();
	if (something(r) &&
	    !__atomic_load_n(&r->ring[own].daemon->pollers, __ATOMIC_RELAXED) &&
	    __atomic_load_n(&r->ring[0].kernel->all_sleepers, __ATOMIC_RELAXED))
		pass_on(r, w);
}

/*
 * The sleep itself. ioctl(2) is no cancellation point of libc, and libraries end
 * their threads by pthread_cancel(3) and wait for them: so, as libc does inside its
 * own, cancellation is asynchronous just here, where nothing is held.
 */
static int enter_cancellable(struct rings *r, unsigned int ring, unsigned int home,
			     unsigned int flags)
{
	int old, ret;

	pthread_setcanceltype(PTHREAD_CANCEL_ASYNCHRONOUS, &old);
	ret = ring_enter(r, ring, home, flags);
	pthread_setcanceltype(old, NULL);
	return ret;
}

/* Tells of the reply that is owed, too. Returns as ring_enter(). */
static int sleep_in_driver(struct rings *r, struct ring_worker *w)
{
	unsigned int own = own_ring(r, w), flags = EFUSE_ENTER_WAIT, ring = 0;
	int ret;

	if (w->owed) {
		flags |= EFUSE_ENTER_COMPLETE;
		ring = w->owed - 1;
	}
	w->asleep = own + 1;
	__atomic_add_fetch(&r->ring[own].asleep, 1, __ATOMIC_RELAXED);
	ret = enter_cancellable(r, ring, own, flags);
	sleep_over(r, w);
	w->owed = 0;
	w->calls++;
	if (ret > 0 && ret & EFUSE_ENTER_DEVICE)
		__atomic_store_n(&r->device_left, 1, __ATOMIC_RELAXED);
	if (ret == -ENODEV)
		ring_dead(r);
	count_add(&r->session->stats->sleeps, 1);
	count_add(&ring_block(r, own)->sleeps, 1);
	return ret;
}

/* --- next ---------------------------------------------------------------------- */

/* Who may poll for long is on a slow machine, or has time. */
static uint64_t quick_ns(void)
{
	uint64_t ns = settings_get()->poll_us * (uint64_t)QUICK_POLL;

	return ns > QUICK_NS ? ns : QUICK_NS;
}

/*
 * How soon the thread is back tells whether it will be the next time: of one that
 * always was it is not asked each time. Returns the time, or nearly.
 */
static uint64_t note_return(struct ring_worker *w)
{
	uint64_t now, replied = w->replied;

	w->replied = 0;
	if (replied && w->quick >= QUICK_SURE && ++w->quick % QUICK_ASK)
		return replied;
	now = count_now();
	if (replied && now - replied > quick_ns())
		w->quick = 0;
	else if (replied)
		w->quick++;
	return now;
}

/* A thread that is alone and may poll runs beside its callers while cores are idle. */
static void settle(struct rings *r, struct ring_worker *w, uint64_t now)
{
	struct reader *reader = &w->reader;

	if (!alone(r) || !settings_get()->poll_us)
		w->calls += reader_settle(reader, alone(r));
	else if (place_beside(&reader->place, reader->lastq, reader->lastpid,
			      settings_get()->poll_us * BESIDE_POLLS * 1000ull, now))
		w->calls++;
}

/* See reader_begin(). It has nothing, and may have been woken for something. */
static ssize_t interrupted(struct rings *r, struct ring_worker *w)
{
	if (!alone(r))
		pass_on(r, w);
	return -EINTR;
}

static ssize_t next_or_error(struct rings *r, struct ring_worker *w, void *buf, size_t size)
{
	unsigned int tries = 0;
	ssize_t len;
	int ret = 0;

	for (;;) {
		if (ring_is_dead(r))
			return -ENODEV;
		len = take(r, w, tries > LEAVE_TRIES || ret & EFUSE_ENTER_WOKEN || alone(r),
			   buf, size);
		if (len)
			return len;
		if (tries && w->reader.minds_signals)
			return interrupted(r, w);
		if (spin(r, w))
			continue;
		if (w->reader.rests)
			return interrupted(r, w);
		ret = sleep_in_driver(r, w);
		if (ret < 0 && ret != -ENODEV) {
			pass_on(r, w);
			return ret;
		}
		tries++;
	}
}

/* It leaves with a request: what it cost since the last one. */
static void note_cost(struct rings *r, struct ring_worker *w)
{
	if (w->calls == w->calls_left)
		count_add(&ring_block(r, w->reader.lastq)->quiet, 1);
	else
		count_calls(w);
	w->calls_left = w->calls;
}

ssize_t ring_worker_next(struct session *s, void *buf, size_t size)
{
	struct rings *r = s->rings;
	struct ring_worker *w = worker_attach(s);
	ssize_t len;

	if (!w)
		return -ENOMEM;
	settle(r, w, note_return(w));
	len = next_or_error(r, w, buf, size);
	if (len == -ENODEV) {
		reader_drop(s);
		return len;
	}
	leave_polled(r, w);
	note_cost(r, w);
	return len;
}

// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * worker.c - a thread of the daemon that reads requests. See uring.h.
 *
 * A struct worker is used by its own thread; others reach it through the list
 * of uring.workers, under the lock, and touch only its port's inbox and state.
 */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "shim/cache.h"
#include "shim/cancel.h"
#include "shim/count.h"
#include "shim/proto.h"
#include "shim/real.h"
#include "shim/settings.h"
#include "shim/uring.h"

#define LINGER_MS 200		/* a joinable thread may stay this long */
#define TICK_MS 20
#define SYSCALLS_BATCH 16
#define DEVICE_TURN 16
#define DEVICE_OWN 16		/* messages of the device after which to watch it */

/* --- joining and leaving -------------------------------------------------- */

/*
 * The core, of those this thread may run on, that lacks a worker most: where
 * requests had to go through the keeper, shared among the workers at home
 * there; on a tie the one with fewer workers, and then the one it is on.
 */
static unsigned int choose_home(struct uring *u, const struct place *p)
{
	unsigned int here = place_here(), best, q;

	best = here < u->nqueues ? here : 0;
	for (q = 0; p->usable && q < u->nqueues && q < CPU_SETSIZE; q++) {
		uint64_t a = __atomic_load_n(&u->passed[q], __ATOMIC_RELAXED) / (u->at_home[q] + 1);
		uint64_t b = __atomic_load_n(&u->passed[best], __ATOMIC_RELAXED) /
			     (u->at_home[best] + 1);

		if (!CPU_ISSET(q, &p->allowed))
			continue;
		if (a / 64 > b / 64 || (a / 64 == b / 64 && u->at_home[q] < u->at_home[best]))
			best = q;
	}
	return best;
}

static void join(struct uring *u, struct worker *w)
{
	pthread_mutex_lock(&u->lock);
	w->reader.home = choose_home(u, &w->reader.place);
	w->reader.lastq = w->reader.home;
	__atomic_add_fetch(&u->at_home[w->reader.home], 1, __ATOMIC_SEQ_CST);
	w->next = u->workers;
	u->workers = w;
	/* Two workers and more: from now on the keeper has queues to fill. */
	if (__atomic_add_fetch(&u->nworkers, 1, __ATOMIC_SEQ_CST) == 2) {
		__atomic_store_n(&u->device_with_worker, 0, __ATOMIC_SEQ_CST);
		uring_nudge_port(u, &u->keeper);
	}
	pthread_mutex_unlock(&u->lock);
	count_add(&count_block(u->session, w->reader.home)->workers, 1);
	count_add(&u->session->stats->threads, 1);
	count_set(&u->session->stats->single,
		  __atomic_load_n(&u->nworkers, __ATOMIC_RELAXED) == 1);
}

/*
 * From here on nobody gives W anything: what its inbox holds, the keeper gets,
 * and a nudge that it will not act on goes to the next. It stays in the list
 * until its port closes, so that uring_dead() can wake it.
 */
static void leave(struct uring *u, struct worker *w)
{
	struct entry *e;

	pthread_mutex_lock(&u->lock);
	w->leaving = true;
	__atomic_sub_fetch(&u->at_home[w->reader.home], 1, __ATOMIC_SEQ_CST);
	__atomic_sub_fetch(&u->nworkers, 1, __ATOMIC_SEQ_CST);
	__atomic_store_n(&u->device_with_worker, 0, __ATOMIC_SEQ_CST);
	__atomic_store_n(&w->port.state, PORT_BUSY, __ATOMIC_SEQ_CST);
	while ((e = w->port.inbox)) {
		__atomic_store_n(&w->port.inbox, e->next, __ATOMIC_RELAXED);
		e->next = u->keeper.inbox;
		u->keeper.inbox = e;
	}
	uring_nudge_port(u, &u->keeper);
	pthread_mutex_unlock(&u->lock);
	uring_pass_on(u, w->reader.home);
	count_add(&count_block(u->session, w->reader.home)->workers, (uint32_t)-1);
	count_add(&u->session->stats->threads, (uint32_t)-1);
}

static void unlist(struct uring *u, struct worker *w)
{
	struct worker **p;

	pthread_mutex_lock(&u->lock);
	for (p = &u->workers; *p != w; p = &(*p)->next)
		;
	*p = w->next;
	__atomic_store_n(&w->port.state, PORT_GONE, __ATOMIC_SEQ_CST);
	pthread_mutex_unlock(&u->lock);
}

static int entries_waiting(const struct worker *w)
{
	return __atomic_load_n(&w->port.exposed, __ATOMIC_SEQ_CST);
}

/* Asks the keeper for an entry on top of each of W's. */
static void cover(struct uring *u, struct worker *w)
{
	unsigned int q;

	for (q = 0; q < w->port.nqueues; q++)
		if (__atomic_load_n(&w->port.avail[q], __ATOMIC_RELAXED))
			__atomic_store_n(&u->cover[q], 1, __ATOMIC_SEQ_CST);
	uring_wake_keeper(u);
}

static void pass_all(struct uring *u, struct worker *w)
{
	struct port_event ev;

	while (port_next(&w->port, &ev))
		if (ev.entry && ev.res >= 0)
			uring_lane_push(u, ev.entry);
}

/*
 * An entry that waits in the kernel cannot be taken back, and a request that
 * is handed to a dying thread is lost. So the keeper puts entries of its own on
 * top of those of a thread that leaves, and the thread stays until its own were
 * used, passing what arrives to the others: for good when nobody joins it, for
 * a moment when somebody may.
 */
static void linger(struct uring *u, struct worker *w)
{
	bool forever = reader_detached();
	int left = LINGER_MS / TICK_MS;

	place_release(&w->reader.place);
	if (entries_waiting(w) && !uring_is_dead(u))
		cover(u, w);
	while (entries_waiting(w) && !uring_is_dead(u) && (forever || left-- > 0)) {
		if (forever)
			port_wait(&w->port, false);
		else
			port_nap(&w->port, TICK_MS * 1000000L);
		pass_all(u, w);
	}
}

/* What is lost with W's ring no longer waits anywhere: the keeper makes good. */
static void disown(struct uring *u, struct worker *w)
{
	int lost = entries_waiting(w);
	unsigned int q;

	for (q = 0; q < w->port.nqueues; q++) {
		unsigned int n = w->port.avail[q];

		__atomic_sub_fetch(&u->waiting[q], (int)n, __ATOMIC_SEQ_CST);
		count_add(&count_block(w->reader.session, q)->entries, (uint32_t)-n);
	}
	if (lost && !uring_is_dead(u))
		uring_wake_keeper(u);
}

static void worker_end(struct reader *r)
{
	struct worker *w = worker_of(r);
	struct uring *u = r->session->uring;
	int cancel = cancel_off();

	leave(u, w);
	linger(u, w);
	unlist(u, w);
	disown(u, w);
	count_add(&w->reader.session->stats->syscalls, w->port.syscalls);
	port_close(&w->port);
	session_put(w->reader.session);
	free(w);
	cancel_restore(cancel);
}

static struct worker *worker_new(struct session *s, int *err)
{
	struct uring *u = s->uring;
	struct worker *w = calloc(1, sizeof(*w));

	*err = w ? port_open(&w->port, u->devfd, u->nqueues, u->waiting) : -ENOMEM;
	if (*err) {
		free(w);
		return NULL;
	}
	reader_begin(&w->reader, s, worker_end);
	join(u, w);
	return w;
}

struct worker *worker_attach(struct session *s, int *err)
{
	struct worker *w = worker_find(s);
	int cancel;

	if (w)
		return w;
	cancel = cancel_off();
	w = worker_new(s, err);
	cancel_restore(cancel);
	return w;
}

/* --- fetching ------------------------------------------------------------- */

/* Commits the replies that other threads made to requests of this one. */
static void empty_inbox(struct uring *u, struct worker *w)
{
	struct entry *e;

	if (!__atomic_load_n(&w->port.inbox, __ATOMIC_SEQ_CST))
		return;
	pthread_mutex_lock(&u->lock);
	while ((e = w->port.inbox) && !port_commit(&w->port, e))
		__atomic_store_n(&w->port.inbox, e->next, __ATOMIC_RELAXED);
	pthread_mutex_unlock(&u->lock);
	port_submit(&w->port);
}

static bool alone(struct uring *u)
{
	return __atomic_load_n(&u->nworkers, __ATOMIC_RELAXED) == 1;
}

/* Another entry for queue QID on W's own ring. */
static void add_entry(struct uring *u, struct worker *w, unsigned int qid)
{
	struct entry *e = entry_new(&u->entries, (uint16_t)qid);

	if (!e)
		return;	/* the keeper tries again */
	port_register(&w->port, e);
	port_submit(&w->port);
	count_add(&count_block(w->reader.session, qid)->entries, 1);
}

/*
 * A thread that comes back for more without having answered (the answer will
 * come from elsewhere) needs another entry, or its queue would have none.
 */
static void ensure_entry(struct uring *u, struct worker *w, unsigned int qid)
{
	if (__atomic_load_n(&w->port.avail[qid], __ATOMIC_RELAXED))
		return;
	if (qid == w->reader.home || alone(u))
		add_entry(u, w, qid);
}

/*
 * The request of the last entry that waited in queue QID goes to the daemon:
 * the next request of that core must find another. Of the own ring, while this
 * worker answers fast; else of the keeper's, who passes requests on.
 */
static void replace_last(struct uring *u, struct worker *w, unsigned int qid)
{
	if (__atomic_load_n(&u->waiting[qid], __ATOMIC_SEQ_CST) > 0 || alone(u))
		return;
	if (w->port.avail && qid == w->reader.home && worker_is_fast(w))
		add_entry(u, w, qid);
	else
		uring_wake_keeper(u);
}

static void answer_with(struct uring *u, struct worker *w, struct entry *e,
			const struct fuse_out_header *out, const void *body)
{
	size_t len = out->len - sizeof(*out);

	memcpy(e->hdr->in_out, out, sizeof(*out));
	e->hdr->ent.flags = 0;
	e->hdr->ent.commit_id = e->commit_id;
	e->hdr->ent.payload_sz = (uint32_t)len;
	memcpy(e->payload, body, len);
	uring_commit(u, w, e);
}

static void answer_error(struct uring *u, struct worker *w, struct entry *e, int error)
{
	struct fuse_in_header in;
	struct fuse_out_header out = { .len = sizeof(out), .error = error };

	memcpy(&in, e->hdr->in_out, sizeof(in));
	out.unique = in.unique;
	answer_with(u, w, e, &out, "");
}

/*
 * What the kernel does with a request larger than the daemon's buffer
 * (fuse_dev_do_read): the request fails, the daemon is asked for the next. With
 * light opens it may have been looked at before, by a thread with a larger buffer.
 */
static void too_large(struct uring *u, struct worker *w, struct entry *e, uint32_t opcode)
{
	int error = opcode == FUSE_SETXATTR ? -E2BIG : -EIO;
	struct fuse_in_header in;

	memcpy(&in, e->hdr->in_out, sizeof(in));
	if (w->reader.session->lights)
		lights_reply(w->reader.session->lights, &e->ticket, &in, e->hdr->op_in, error, NULL, 0,
			     false);
	answer_error(u, w, e, error);
}

/*
 * A keeper that rests is told when there is a worker to watch: one that is busy
 * while entries of its own wait in the kernel.
 */
static void tell_keeper(struct uring *u, struct worker *w)
{
	if (!alone(u) && entries_waiting(w) && __atomic_load_n(&u->keeper_rests, __ATOMIC_SEQ_CST) &&
	    __atomic_exchange_n(&u->keeper_rests, 0, __ATOMIC_SEQ_CST))
		uring_wake_keeper(u);
}

/*
 * A FUSE_NOTIFY_REPLY gets no reply: the kernel only wants its entry back. The
 * keeper's own (see keeper.c) is none of the daemon's business.
 */
static ssize_t deliver_notify_reply(struct uring *u, struct worker *w, struct entry *e,
				    uint64_t unique, void *buf, ssize_t len)
{
	struct stats_core *core = count_block(w->reader.session, e->qid);

	answer_error(u, w, e, 0);
	if (unique == PROTO_PULL_UNIQUE)
		return 0;
	count_request(core, FUSE_NOTIFY_REPLY);
	count_reply(core, FUSE_NOTIFY_REPLY, 0, 0);
	proto_retrieve_in(buf, (size_t)len);
	return len;
}

/* E's request, made by thread PID, is now the daemon's. */
static void hand_over(struct uring *u, struct worker *w, struct entry *e, uint64_t unique,
		      uint32_t pid)
{
	e->since = count_now();
	count_request(count_block(w->reader.session, e->qid), e->opcode);
	w->reader.lastq = e->qid;
	w->reader.lastpid = pid;
	place_stream(&w->reader.place, proto_readahead(e->hdr->in_out, e->hdr->op_in));
	__atomic_store_n(&w->busy_since, e->since, __ATOMIC_SEQ_CST);
	replace_last(u, w, e->qid);
	if (place_pace(&w->reader.place, e->since, callers_moved(&u->callers, pid, e->qid)))
		uring_wake_keeper(u);
	tell_keeper(u, w);
	entry_publish(&u->entries, e, unique);
}

/* What there is to hand over of E's request in BUF: its length, or 0. */
static ssize_t deliver_lightly(struct uring *u, struct worker *w, struct entry *e, void *buf,
			       ssize_t len, size_t size)
{
	struct session *s = w->reader.session;
	const struct fuse_in_header *in = buf;
	struct lights_answer answer;
	size_t now = (size_t)len;
	unsigned int qid = e->qid;

	switch (lights_request(s->lights, &e->ticket, buf, &now, size,
			       cache_keeps(s->cache, in->nodeid), &answer)) {
	case LIGHTS_ANSWERED:
		count_add(&s->stats->cache_opens, 1);
		answer_with(u, w, e, &answer.out, &answer.open);
		return 0;
	case LIGHTS_PARKED:	/* E is somebody else's by now */
		replace_last(u, w, qid);
		return 0;
	case LIGHTS_INSTEAD:
		e->opcode = FUSE_OPEN;
		return (ssize_t)now;
	default:
		return len;
	}
}

/* Hands E's request to the daemon. Its length, or 0 when it was not to be had. */
static ssize_t deliver(struct uring *u, struct worker *w, struct entry *e, void *buf, size_t size)
{
	ssize_t len = proto_ring_request(e->hdr, u->entries.payload);
	struct fuse_in_header in;

	memcpy(&in, e->hdr->in_out, sizeof(in));
	e->commit_id = e->hdr->ent.commit_id;
	e->opcode = in.opcode;
	if (len < 0 || (size_t)len > size) {
		too_large(u, w, e, in.opcode);
		return 0;
	}
	proto_ring_assemble(e->hdr, e->payload, (size_t)len, buf);
	if (in.opcode == FUSE_NOTIFY_REPLY)
		return deliver_notify_reply(u, w, e, in.unique, buf, len);
	if (w->reader.session->lights)
		len = deliver_lightly(u, w, e, buf, len, size);
	if (len)
		hand_over(u, w, e, in.unique, in.pid);
	return len;
}

static void count_device(struct session *s, const struct fuse_in_header *in)
{
	struct stats_core *core = count_dev_block(s);

	count_request(core, in->opcode);
	__atomic_sub_fetch(&core->depth, 1, __ATOMIC_RELAXED);
}

/*
 * The only worker of a connection with such messages watches for them by itself:
 * the keeper would only be woken to wake it, or to disturb it.
 */
static void own_device(struct uring *u, struct worker *w)
{
	if (!w->port.avail || !alone(u) ||
	    __atomic_load_n(&u->device_with_worker, __ATOMIC_RELAXED) ||
	    ++w->device_messages < DEVICE_OWN)
		return;
	w->device_messages = 0;
	if (!w->polls_device)
		w->polls_device = !port_poll_device(&w->port) && !port_submit(&w->port);
	if (!w->polls_device)
		return;
	pthread_mutex_lock(&u->lock);
	__atomic_store_n(&u->device_with_worker, alone(u), __ATOMIC_SEQ_CST);
	uring_nudge_port(u, &u->keeper);
	pthread_mutex_unlock(&u->lock);
}

/*
 * FORGET, INTERRUPT and the like. The flag is lowered before the read and
 * raised again unless there was nothing, so that a message which arrives in
 * between is not missed: its poll event raises the flag once more.
 */
static ssize_t from_device(struct uring *u, struct worker *w, void *buf, size_t size)
{
	ssize_t len;

	if (!__atomic_load_n(&u->device_ready, __ATOMIC_SEQ_CST))
		return 0;
	__atomic_store_n(&u->device_ready, 0, __ATOMIC_SEQ_CST);
	w->port.syscalls++;
	len = syscall(__NR_read, u->devfd, buf, size);
	if (len < 0 && (errno == ENODEV || errno == ECONNABORTED))
		uring_dead(u);
	if (len < 0 && errno != EINTR && errno != ENOENT)
		return errno == EINVAL ? -EINVAL : 0;
	__atomic_store_n(&u->device_ready, 1, __ATOMIC_SEQ_CST);
	if (len >= (ssize_t)sizeof(struct fuse_in_header)) {
		count_device(w->reader.session, buf);
		own_device(u, w);
	}
	if (len > 0 && w->reader.session->cache)
		cache_ask(w->reader.session->cache, buf, (size_t)len);
	if (len > 0 && w->reader.session->lights)
		lights_device(w->reader.session->lights, buf, (size_t)len);
	return len < 0 ? 0 : len;
}

/* The lane holds requests of every core: say so when one changed cores. */
static void count_shared(struct session *s, unsigned int qid)
{
	count_add(&s->stats->shared, 1);
	count_add(&count_block(s, qid)->shared, 1);
}

static ssize_t from_lane(struct uring *u, struct worker *w, void *buf, size_t size)
{
	struct entry *e;
	ssize_t len;

	if (!__atomic_load_n(&u->lane_length, __ATOMIC_SEQ_CST))
		return 0;
	while ((e = uring_lane_pop(u))) {
		if (e->qid != w->reader.home)
			count_shared(w->reader.session, e->qid);
		len = deliver(u, w, e, buf, size);
		if (len)
			return len;
	}
	return 0;
}

static ssize_t from_ring(struct uring *u, struct worker *w, void *buf, size_t size)
{
	struct port_event ev;
	ssize_t len;

	while (port_next(&w->port, &ev)) {
		if (ev.tag == PORT_DEVICE)
			uring_device_event(u, ev.res);
		if (!ev.entry)
			continue;
		if (ev.res < 0) {
			uring_lost(u, ev.res);
			continue;
		}
		len = deliver(u, w, ev.entry, buf, size);
		if (len)
			return len;
	}
	return 0;
}

/*
 * Ring and lane take turns; the device comes last, lest an INTERRUPT overtakes
 * its request, but once in DEVICE_TURN it is first: none of them starves.
 */
static ssize_t take(struct uring *u, struct worker *w, void *buf, size_t size)
{
	bool lane_first = ++w->turn % 2;
	ssize_t len = 0;

	if (w->turn % DEVICE_TURN == 0)
		len = from_device(u, w, buf, size);
	if (!len && lane_first)
		len = from_lane(u, w, buf, size);
	if (!len)
		len = from_ring(u, w, buf, size);
	if (!len && !lane_first)
		len = from_lane(u, w, buf, size);
	return len ? len : from_device(u, w, buf, size);
}

static bool has_work(struct uring *u, struct worker *w)
{
	return __atomic_load_n(&u->lane_length, __ATOMIC_SEQ_CST) ||
	       __atomic_load_n(&u->device_ready, __ATOMIC_SEQ_CST) ||
	       __atomic_load_n(&w->port.inbox, __ATOMIC_SEQ_CST) || uring_is_dead(u);
}

/* Whether something came within the time that the mounting user allows. */
static bool spin_for(struct uring *u, struct worker *w)
{
	uint64_t end = count_now() + settings_get()->poll_us * 1000ull;

	do {
		if (port_pending(&w->port) || has_work(u, w))
			return true;
		reader_relax();
	} while (count_now() < end);
	return false;
}

static bool spin(struct uring *u, struct worker *w)
{
	bool paid;

	if (!reader_may_spin(&w->reader))
		return false;
	paid = spin_for(u, w);
	if (paid)
		port_collect(&w->port);
	reader_spun(&w->reader, paid);
	return paid;
}

static int sleep_until_work(struct uring *u, struct worker *w)
{
	int err = 0;

	__atomic_store_n(&w->busy_since, 0, __ATOMIC_RELAXED);

	if (spin(u, w))
		return 0;
	if (w->reader.rests)
		return -EINTR;

	__atomic_store_n(&w->port.state, PORT_WAITING, __ATOMIC_SEQ_CST);
	if (!has_work(u, w))
		err = port_wait(&w->port, true);
	__atomic_store_n(&w->port.state, PORT_BUSY, __ATOMIC_SEQ_CST);
	count_add(&w->reader.session->stats->sleeps, 1);
	return err;
}

static void find_place(struct uring *u, struct worker *w)
{
	if (reader_settle(&w->reader, alone(u)))
		w->port.syscalls++;
}

static void flush_count(struct worker *w)
{
	if (w->port.syscalls < SYSCALLS_BATCH)
		return;
	count_add(&w->reader.session->stats->syscalls, w->port.syscalls);
	w->port.syscalls = 0;
}

ssize_t worker_next(struct worker *w, void *buf, size_t size)
{
	struct uring *u = w->reader.session->uring;
	bool again = false;
	ssize_t len;

	flush_count(w);
	find_place(u, w);
	for (;;) {
		if (uring_is_dead(u)) {
			reader_drop(w->reader.session);
			return -ENODEV;
		}
		empty_inbox(u, w);
		ensure_entry(u, w, w->reader.home);
		ensure_entry(u, w, w->reader.lastq);
		len = take(u, w, buf, size);
		if (!len && again && w->reader.minds_signals)
			len = -EINTR;
		if (len)
			break;
		len = sleep_until_work(u, w);
		if (len && len != -EAGAIN)
			break;
		again = true;
	}
	empty_inbox(u, w);
	if (!__atomic_load_n(&w->busy_since, __ATOMIC_RELAXED))
		__atomic_store_n(&w->busy_since, count_now(), __ATOMIC_SEQ_CST);
	uring_pass_on(u, w->reader.home);
	return len;
}

/*
 * A thread that could not get a ring (descriptors or memory ran out) takes
 * what the keeper passes on, looking every few milliseconds. Its replies are
 * committed by the keeper.
 */
ssize_t worker_next_without_port(struct session *s, void *buf, size_t size)
{
	static const struct timespec nap = { .tv_nsec = 5000000 };
	struct worker none = { .reader.session = s };
	struct entry *e;
	ssize_t len;

	for (;;) {
		if (uring_is_dead(s->uring))
			return -ENODEV;
		while ((e = uring_lane_pop(s->uring))) {
			count_shared(s, e->qid);
			len = deliver(s->uring, &none, e, buf, size);
			if (len)
				return len;
		}
		len = from_device(s->uring, &none, buf, size);
		if (len)
			return len;
		if (nanosleep(&nap, NULL))
			return -EINTR;
	}
}

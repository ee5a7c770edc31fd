// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * uring.c - the uring channel: start, stop, and the way of a replied entry.
 * The picture is in uring.h.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "shim/channel.h"
#include "shim/count.h"
#include "shim/cpus.h"
#include "shim/fdtab.h"
#include "shim/policy.h"
#include "shim/proto.h"
#include "shim/real.h"
#include "shim/uring.h"

/* --- lane and nudges ------------------------------------------------------ */

void uring_nudge_port(struct uring *u, struct port *p)
{
	if (__atomic_load_n(&p->state, __ATOMIC_RELAXED) == PORT_GONE)
		return;
	port_nudge(p);
	count_add(&u->session->stats->syscalls, 1);
}

/* One that leaves is never PORT_WAITING. */
static bool nudge(struct worker *w)
{
	int waiting = PORT_WAITING;

	if (!__atomic_compare_exchange_n(&w->port.state, &waiting, PORT_NUDGED, false,
					 __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
		return false;
	uring_nudge_port(w->reader.session->uring, &w->port);
	return true;
}

static unsigned int has_waiting(const struct worker *w, unsigned int qid)
{
	return __atomic_load_n(&w->port.avail[qid], __ATOMIC_RELAXED);
}

/* The waiting worker at home on QID with the fewest entries there, or NULL. */
static struct worker *poorest_at_home(struct uring *u, unsigned int qid)
{
	struct worker *w, *best = NULL;

	for (w = u->workers; w; w = w->next) {
		bool waits = __atomic_load_n(&w->port.state, __ATOMIC_SEQ_CST) == PORT_WAITING;

		if (w->reader.home == qid && waits &&
		    (!best || has_waiting(w, qid) < has_waiting(best, qid)))
			best = w;
	}
	return best;
}

/* Who is found waiting and is not any more, went by itself: it looks for work. */
static void nudge_one_locked(struct uring *u, unsigned int qid)
{
	struct worker *w;

	while ((w = poorest_at_home(u, qid)))
		if (nudge(w))
			return;
	for (w = u->workers; w; w = w->next)
		if (nudge(w))
			return;
}

void uring_nudge_one(struct uring *u, unsigned int qid)
{
	pthread_mutex_lock(&u->lock);
	nudge_one_locked(u, qid);
	pthread_mutex_unlock(&u->lock);
}

void uring_pass_on(struct uring *u, unsigned int qid)
{
	if (__atomic_load_n(&u->lane_length, __ATOMIC_SEQ_CST) ||
	    __atomic_load_n(&u->device_ready, __ATOMIC_SEQ_CST))
		uring_nudge_one(u, qid);
}

void uring_wake_keeper(struct uring *u)
{
	pthread_mutex_lock(&u->lock);
	uring_nudge_port(u, &u->keeper);
	pthread_mutex_unlock(&u->lock);
}

void uring_lane_push(struct uring *u, struct entry *e)
{
	e->port = &u->keeper;	/* whoever had it may be gone by its reply */
	pthread_mutex_lock(&u->lock);
	e->next = NULL;
	*u->lane_tail = e;
	u->lane_tail = &e->next;
	__atomic_add_fetch(&u->lane_length, 1, __ATOMIC_SEQ_CST);
	nudge_one_locked(u, e->qid);
	pthread_mutex_unlock(&u->lock);
}

struct entry *uring_lane_pop(struct uring *u)
{
	struct entry *e;

	pthread_mutex_lock(&u->lock);
	e = u->lane;
	if (e) {
		u->lane = e->next;
		if (!u->lane)
			u->lane_tail = &u->lane;
		__atomic_sub_fetch(&u->lane_length, 1, __ATOMIC_SEQ_CST);
	}
	pthread_mutex_unlock(&u->lock);
	return e;
}

void uring_device_event(struct uring *u, int res)
{
	if (res == -ECANCELED)
		return;		/* port_unpoll_device() */
	if (res < 0 || (res & (POLLERR | POLLHUP)))
		uring_dead(u);
	else
		__atomic_store_n(&u->device_ready, 1, __ATOMIC_SEQ_CST);
}

void uring_dead(struct uring *u)
{
	struct worker *w;

	if (__atomic_exchange_n(&u->dead, 1, __ATOMIC_SEQ_CST))
		return;
	pthread_mutex_lock(&u->lock);
	for (w = u->workers; w; w = w->next)
		uring_nudge_port(u, &w->port);
	pthread_mutex_unlock(&u->lock);
}

void uring_lost(struct uring *u, int res)
{
	switch (res) {
	case -ENOTCONN:
	case -ENODEV:
	case -ECONNABORTED:
	case -ECANCELED:
		uring_dead(u);
		break;
	default:
		count_add(&u->session->stats->malformed, 1);
		session_reason(u->session, "a ring entry was refused: %s", strerror(-res));
	}
}

/* --- replies -------------------------------------------------------------- */

/* The slowest answer counts, and is forgotten over the next few dozen. */
static void note_time(struct worker *w, uint64_t ns)
{
	w->slowest_ns -= w->slowest_ns / 16;
	if (ns > w->slowest_ns)
		w->slowest_ns = ns;
}

/*
 * See uring.h: whether E's next request comes to the replying worker's ring. The
 * entry committed last is used next, so one that a worker gave away brings the
 * next request of its core to the keeper, and that one, and so on, until it
 * comes to a worker with less than its share. There is one: the shares together
 * are more than all entries.
 */
static bool keeps(struct uring *u, struct worker *w, struct entry *e)
{
	unsigned int sharers = __atomic_load_n(&u->at_home[e->qid], __ATOMIC_RELAXED);
	uint32_t all = __atomic_load_n(&count_block(u->session, e->qid)->entries, __ATOMIC_RELAXED);

	if (__atomic_load_n(&u->nworkers, __ATOMIC_RELAXED) == 1)
		return true;
	if (e->qid != w->reader.home && sharers)
		return false;
	return has_waiting(w, e->qid) <= all / (sharers ?: 1);
}

static void inbox_push(struct port *p, struct entry *e)
{
	e->next = p->inbox;
	__atomic_store_n(&p->inbox, e, __ATOMIC_SEQ_CST);
}

/*
 * Leaves E with the worker that fetched it, if that one sleeps in its ring.
 * The state is looked at again after the push: a worker stores PORT_BUSY
 * before it looks into its inbox for the last time, so either it sees E or we
 * see that it is busy and, the lock still held, take E back.
 */
static bool commit_by_worker(struct uring *u, struct entry *e)
{
	struct worker *w;

	for (w = u->workers; w; w = w->next) {
		if (&w->port != e->port || w->leaving)
			continue;
		inbox_push(&w->port, e);
		if (__atomic_load_n(&w->port.state, __ATOMIC_SEQ_CST) != PORT_BUSY) {
			uring_nudge_port(u, &w->port);
			return true;
		}
		__atomic_store_n(&w->port.inbox, e->next, __ATOMIC_RELAXED);
	}
	return false;
}

static void commit_elsewhere(struct uring *u, struct entry *e)
{
	pthread_mutex_lock(&u->lock);
	if (!commit_by_worker(u, e)) {
		inbox_push(&u->keeper, e);
		uring_nudge_port(u, &u->keeper);
	}
	pthread_mutex_unlock(&u->lock);
}

int uring_commit(struct uring *u, struct worker *w, struct entry *e)
{
	bool fetched_here = w && (e->port == &w->port || e->port == &u->keeper);

	if (fetched_here && keeps(u, w, e)) {
		int err = port_commit(&w->port, e);

		return err ? err : port_submit(&w->port);
	}
	if (fetched_here)
		e->port = &u->keeper;
	commit_elsewhere(u, e);
	return 0;
}

/* The reply to REQ in E, as the cache policy has it. */
static void reply_by_policy(struct session *s, struct entry *e, const struct cache_request *req)
{
	struct fuse_out_header *out = (void *)e->hdr->in_out;

	policy_reply(s, s->uring->devfd, req, out, e->payload, s->uring->entries.payload);
	e->hdr->ent.payload_sz = out->len - (uint32_t)sizeof(*out);
}

static void reply_fill(struct session *s, struct entry *e, const struct fuse_out_header *out,
		       const struct iovec *iov, int count, size_t total)
{
	size_t payload = total - sizeof(*out);
	struct fuse_in_header in;
	struct cache_request req;

	/* The request's header makes room for the reply's. */
	if (s->lights)
		memcpy(&in, e->hdr->in_out, sizeof(in));
	if (s->cache)
		cache_request_read(&req, e->hdr->in_out, e->hdr->op_in);
	memcpy(e->hdr->in_out, out, sizeof(*out));
	e->hdr->ent.flags = 0;
	e->hdr->ent.commit_id = e->commit_id;
	e->hdr->ent.payload_sz = (uint32_t)payload;
	proto_iov_gather(iov, count, sizeof(*out), e->payload, payload);
	if (s->cache && cache_concerns(req.opcode))
		reply_by_policy(s, e, &req);
	if (s->lights)
		lights_reply(s->lights, &e->ticket, &in, e->hdr->op_in, out->error, e->payload,
			     payload, cache_keeps(s->cache, in.nodeid));
}

static void push_ticket(struct uring *u, struct lights_ticket *t)
{
	uring_lane_push(u, (struct entry *)((char *)t - offsetof(struct entry, ticket)));
}

/* The daemon's answer to an OPEN that went instead of E's own request. */
static void light_opened(struct session *s, struct entry *e, const struct fuse_out_header *out,
			 const struct iovec *iov, int count, size_t total)
{
	struct fuse_open_out open = { .fh = 0 };
	struct lights_ticket *t, *next;
	int error = out->error;

	if (!error && total != sizeof(*out) + sizeof(open))
		error = -EIO;
	if (!error)
		proto_iov_gather(iov, count, sizeof(*out), &open, sizeof(open));
	count_reply(count_block(s, e->qid), e->opcode, error, count_now() - e->since);
	t = lights_opened(s->lights, &e->ticket, error, &open);
	push_ticket(s->uring, &e->ticket);
	for (; t; t = next) {
		next = t->next;
		push_ticket(s->uring, t);
	}
}

static ssize_t uring_reply(struct session *s, int fd, const struct fuse_out_header *out,
			   const struct iovec *iov, int count, size_t total)
{
	struct uring *u = s->uring;
	struct worker *w = worker_find(s);
	struct entry *e;
	uint64_t ns;
	int err;

	(void)fd;
	e = entry_claim(&u->entries, out->unique);
	if (!e)	/* an INTERRUPT's, an old one, or nonsense: the kernel knows */
		return channel_dev.reply(s, u->devfd, out, iov, count, total);
	if (e->ticket.opening) {
		light_opened(s, e, out, iov, count, total);
		return (ssize_t)total;
	}
	if (total - sizeof(*out) > u->entries.payload) {
		/* As fs/fuse/dev.c: the request fails, and the daemon hears of it. */
		count_add(&s->stats->malformed, 1);
		reply_fill(s, e, &(struct fuse_out_header){ .len = sizeof(*out), .error = -EIO,
							 .unique = out->unique },
			   NULL, 0, sizeof(*out));
		count_reply(count_block(s, e->qid), e->opcode, -EIO, count_now() - e->since);
		uring_commit(u, w, e);
		return -EINVAL;
	}
	reply_fill(s, e, out, iov, count, total);
	ns = count_now() - e->since;
	count_reply(count_block(s, e->qid), e->opcode, out->error, ns);
	if (w)
		note_time(w, ns);
	err = uring_commit(u, w, e);
	return err ? err : (ssize_t)total;
}

static ssize_t uring_next(struct session *s, int fd, void *buf, size_t size)
{
	int err = 0;
	struct worker *w;

	(void)fd;
	if (size < s->min_read)
		return -EINVAL;
	if (uring_is_dead(s->uring)) {
		reader_drop(s);
		return -ENODEV;
	}
	w = worker_attach(s, &err);
	if (!w) {
		session_reason(s, "a thread got no ring: %s", strerror(-err));
		return worker_next_without_port(s, buf, size);
	}
	return worker_next(w, buf, size);
}

/* --- start and stop ------------------------------------------------------- */

static void device_nonblock(int fd, bool on)
{
	int flags = real()->fcntl(fd, F_GETFL);

	if (flags < 0)
		return;
	real()->fcntl(fd, F_SETFL, on ? flags | O_NONBLOCK : flags & ~O_NONBLOCK);
}

static void uring_free(struct uring *u)
{
	entries_release(&u->entries);
	if (u->devfd >= 0) {
		fdtab_clear(u->devfd);
		real()->close(u->devfd);
	}
	pthread_mutex_destroy(&u->lock);
	pthread_mutex_destroy(&u->step_lock);
	pthread_cond_destroy(&u->step_cond);
	free(u->at_home);
	free(u->passed);
	free(u->waiting);
	free(u->cover);
	free(u);
}

static struct uring *uring_new(struct session *s, uint32_t payload)
{
	struct uring *u = calloc(1, sizeof(*u));

	if (!u)
		return NULL;
	u->session = s;
	u->nqueues = cpus_possible();
	u->devfd = -1;
	u->entries.payload = payload;
	u->lane_tail = &u->lane;
	pthread_mutex_init(&u->lock, NULL);
	pthread_mutex_init(&u->step_lock, NULL);
	pthread_cond_init(&u->step_cond, NULL);
	u->at_home = calloc(u->nqueues, sizeof(*u->at_home));
	u->passed = calloc(u->nqueues, sizeof(*u->passed));
	u->waiting = calloc(u->nqueues, sizeof(*u->waiting));
	u->cover = calloc(u->nqueues, sizeof(*u->cover));
	if (!u->at_home || !u->passed || !u->waiting || !u->cover) {
		uring_free(u);
		return NULL;
	}
	return u;
}

static int uring_prepare(struct session *s, int fd, uint32_t payload)
{
	struct uring *u = uring_new(s, payload);
	int err;

	if (!u)
		return -ENOMEM;
	u->devfd = port_private_fd(real()->fcntl(fd, F_DUPFD_CLOEXEC, 3));
	err = u->devfd < 0 ? -errno : keeper_prepare(u);
	if (err) {
		session_reason(s, "io_uring cannot be set up: %s", strerror(-err));
		uring_free(u);
		return err;
	}
	s->uring = u;
	return 0;
}

static void uring_stop(struct session *s)
{
	struct uring *u = s->uring;

	if (!u)
		return;
	keeper_stop(u);
	uring_free(u);
	s->uring = NULL;
}

static int uring_start(struct session *s)
{
	struct uring *u = s->uring;
	unsigned int q;
	int err;

	device_nonblock(u->devfd, true);
	/* Requests may have queued up since the parent's rings went. */
	if (session_state(s) == SESSION_FORKED)
		for (q = 0; q < u->nqueues; q++)
			u->cover[q] = 1;
	err = keeper_start(u);
	if (err) {
		device_nonblock(u->devfd, false);
		session_reason(s, "the kernel refused a ring entry: %s", strerror(-err));
		uring_stop(s);
	}
	return err;
}

static void uring_wake(struct session *s)
{
	uring_dead(s->uring);
	reader_drop(s);
	keeper_stop(s->uring);
}

const struct channel channel_uring = {
	.name = "uring",
	.id = STATS_CHANNEL_URING,
	.prepare = uring_prepare,
	.start = uring_start,
	.next = uring_next,
	.reply = uring_reply,
	.wake = uring_wake,
	.stop = uring_stop,
};

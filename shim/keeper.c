// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * keeper.c - the thread of the shim that keeps every queue served. See uring.h.
 *
 * It sleeps unless a request finds no worker of its core free, the device fd
 * has something, or a thread that reads nothing answered a request. It takes
 * no signals, runs none of the daemon's code and holds the lock only briefly.
 */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "shim/count.h"
#include "shim/proto.h"
#include "shim/real.h"
#include "shim/uring.h"

#define STACK_SIZE (128 * 1024)
#define ENTRIES_PER_QUEUE 1024
#define IDLE_LOOKS 16	/* looks that find nobody busy before the keeper rests */

enum keeper_step { STEP_NONE, STEP_READY, STEP_START, STEP_STARTED, STEP_STOP };

static void step_set(struct uring *u, int step, int result)
{
	pthread_mutex_lock(&u->step_lock);
	u->step = step;
	u->result = result;
	pthread_cond_broadcast(&u->step_cond);
	pthread_mutex_unlock(&u->step_lock);
}

/* Waits for a step after SEEN; returns it. */
static int step_wait(struct uring *u, int seen)
{
	int step;

	pthread_mutex_lock(&u->step_lock);
	while (u->step == seen)
		pthread_cond_wait(&u->step_cond, &u->step_lock);
	step = u->step;
	pthread_mutex_unlock(&u->step_lock);
	return step;
}

static int add_entry(struct uring *u, unsigned int qid)
{
	struct stats_core *core = count_block(u->session, qid);
	struct entry *e;
	int err;

	if (__atomic_load_n(&core->entries, __ATOMIC_RELAXED) >= ENTRIES_PER_QUEUE)
		return -EBUSY;
	e = entry_new(&u->entries, (uint16_t)qid);
	if (!e)
		return -ENOMEM;
	err = port_register(&u->keeper, e);
	if (!err)
		count_add(&core->entries, 1);
	return err;
}

/* Whether E came back with our own request, see pull(). */
static bool is_pull(const struct entry *e)
{
	struct fuse_in_header in;

	memcpy(&in, e->hdr->in_out, sizeof(in));
	return in.opcode == FUSE_NOTIFY_REPLY && in.unique == PROTO_PULL_UNIQUE;
}

/* The kernel wants no answer, only the entry: and so pulls the next request. */
static void answer_pull(struct uring *u, struct entry *e)
{
	struct fuse_out_header out = { .len = sizeof(out), .unique = PROTO_PULL_UNIQUE };

	e->commit_id = e->hdr->ent.commit_id;
	memcpy(e->hdr->in_out, &out, sizeof(out));
	e->hdr->ent.payload_sz = 0;
	port_commit(&u->keeper, e);
}

/* A request that found no worker's entry on top: whoever waits may have it. */
static void got_request(struct uring *u, struct entry *e)
{
	if (is_pull(e)) {
		answer_pull(u, e);
		return;
	}
	__atomic_add_fetch(&u->passed[e->qid], 1, __ATOMIC_RELAXED);
	uring_lane_push(u, e);
}

/*
 * The kernel answers a bad REGISTER at once and a good one only with a request,
 * which cannot come before the last queue has its entry.
 */
static int register_all(struct uring *u)
{
	struct port_event ev;
	unsigned int qid;
	int err;

	for (qid = 0; qid < u->nqueues; qid++) {
		err = add_entry(u, qid);
		if (!err)
			err = port_submit(&u->keeper);
		if (err)
			return err;
		while (port_next(&u->keeper, &ev)) {
			if (ev.entry && ev.res < 0)
				return ev.res;
			if (ev.entry)
				got_request(u, ev.entry);
		}
	}
	return 0;
}

static void commit_inbox(struct uring *u)
{
	struct entry *e;

	pthread_mutex_lock(&u->lock);
	while ((e = u->keeper.inbox)) {
		if (port_commit(&u->keeper, e))
			break;
		u->keeper.inbox = e->next;
	}
	pthread_mutex_unlock(&u->lock);
}

/* --- no queue without an entry --------------------------------------------- */

/*
 * The kernel gives a request that it had to queue to the next entry that is
 * committed, not to one that is registered. So after an entry was added to a
 * queue that had none, a request of our own is sent through that queue: its
 * commit pulls what is waiting there. It goes to the queue of the core which
 * asks for it.
 */
static void pull(struct uring *u, unsigned int qid)
{
	struct proto_pull msg = proto_pull();

	u->keeper_place.pinnable = u->keeper_place.allowed;
	if (!place_pin(&u->keeper_place, qid) && place_here() != qid)
		return;	/* a core nobody runs on */
	(void)!syscall(__NR_write, u->devfd, &msg, sizeof(msg));
	place_release(&u->keeper_place);
	u->keeper_place.away = PLACE_NOWHERE;
}

/*
 * With one worker its own entries serve all queues, and requests wait for it in
 * the kernel; with none, or several, every queue must have one waiting.
 */
static void fill_queues(struct uring *u)
{
	bool alone = __atomic_load_n(&u->nworkers, __ATOMIC_RELAXED) == 1;
	unsigned int q;

	for (q = 0; q < u->nqueues; q++) {
		bool empty = __atomic_load_n(&u->waiting[q], __ATOMIC_SEQ_CST) <= 0;
		bool asked = __atomic_exchange_n(&u->cover[q], 0, __ATOMIC_SEQ_CST);

		if ((!asked && (alone || !empty)) || add_entry(u, q))
			continue;
		port_submit(&u->keeper);
		pull(u, q);
	}
}

/* --- no request behind a busy worker --------------------------------------- */

/* Takes what W was handed and has not begun. The port is open: we have the lock. */
static struct entry *steal(struct worker *w)
{
	struct entry *list = NULL, **tail = &list;
	struct port_event ev;

	while (port_next(&w->port, &ev)) {
		if (!ev.entry || ev.res < 0)
			continue;
		*tail = ev.entry;
		tail = &ev.entry->next;
		*tail = NULL;
	}
	return list;
}

/*
 * One look at all workers: what a busy one sits on for STEAL_NS goes to the
 * lane. Returns whether one is busy that might be handed more, so that another
 * look is due.
 */
static bool rescue(struct uring *u)
{
	uint64_t now = count_now(), since;
	struct entry *stolen = NULL, *e;
	struct worker *w;
	bool busy = false;

	pthread_mutex_lock(&u->lock);
	for (w = u->workers; w && !stolen; w = w->next) {
		since = w->leaving ? 0 : __atomic_load_n(&w->busy_since, __ATOMIC_SEQ_CST);
		busy |= since && (__atomic_load_n(&w->port.exposed, __ATOMIC_SEQ_CST) ||
				  port_ready(&w->port));
		if (since && now > since + STEAL_NS && port_ready(&w->port))
			stolen = steal(w);
	}
	pthread_mutex_unlock(&u->lock);
	while ((e = stolen)) {
		stolen = e->next;
		got_request(u, e);
	}
	return busy;
}

static void got_device(struct uring *u, int res)
{
	uring_device_event(u, res);
	if (res >= 0)
		uring_nudge_one(u, place_here());
}

static void handle_events(struct uring *u)
{
	struct port_event ev;

	while (port_next(&u->keeper, &ev)) {
		if (!ev.entry && ev.tag == PORT_DEVICE)
			got_device(u, ev.res);
		else if (ev.entry && ev.res < 0)
			uring_lost(u, ev.res);
		else if (ev.entry)
			got_request(u, ev.entry);
	}
}

/*
 * Begins or ends the keeper's own poll of the device. A worker polls before it
 * says so, and a poll that begins looks at once, so that nothing is missed.
 */
static void watch_device(struct uring *u)
{
	bool wanted = !__atomic_load_n(&u->device_with_worker, __ATOMIC_SEQ_CST);

	if (wanted == u->keeper_polls)
		return;
	if (!(wanted ? port_poll_device : port_unpoll_device)(&u->keeper))
		u->keeper_polls = wanted;
}

/* Under the lock, so that whoever stops us is done with our port. */
static bool stopping(struct uring *u)
{
	bool stop;

	pthread_mutex_lock(&u->step_lock);
	stop = u->step == STEP_STOP;
	pthread_mutex_unlock(&u->step_lock);
	return stop;
}

/*
 * Looks after the workers in the idle class, and keeps off the core of the last
 * of them. The lock keeps them from ending meanwhile. Returns whether any is.
 */
static bool watch(struct uring *u)
{
	struct stats_head *st = u->session->stats;
	unsigned int idle = 0, backoffs = 0;
	int core = PLACE_NOWHERE;
	uint64_t now = count_now();
	struct worker *w;

	pthread_mutex_lock(&u->lock);
	for (w = u->workers; w; w = w->next) {
		if (!w->leaving && place_watch(&w->reader.place, now)) {
			idle++;
			core = __atomic_load_n(&w->reader.place.core, __ATOMIC_RELAXED);
		}
		backoffs += __atomic_load_n(&w->reader.place.backoffs, __ATOMIC_RELAXED);
	}
	pthread_mutex_unlock(&u->lock);
	count_set(&st->idle_class, idle);
	count_set(&st->idle_backoffs, backoffs);
	place_away(&u->keeper_place, core);
	return idle;
}

/* For how many ns to sleep until the next look; 0 for until somebody calls. */
static long next_look(struct uring *u)
{
	bool idle = watch(u);

	if (__atomic_load_n(&u->nworkers, __ATOMIC_SEQ_CST) != 1 && rescue(u))
		return STEAL_NS;
	return idle ? PLACE_WATCH_NS : 0;
}

/*
 * Sleeps until called. Somebody may have become busy since the last look: so
 * first the wish to be told, then another look.
 */
static void rest(struct uring *u)
{
	__atomic_store_n(&u->keeper_rests, 1, __ATOMIC_SEQ_CST);
	if (!next_look(u))
		port_wait(&u->keeper, false);
	__atomic_store_n(&u->keeper_rests, 0, __ATOMIC_SEQ_CST);
}

static void serve(struct uring *u)
{
	unsigned int idle = 0;
	long ns;

	while (!stopping(u)) {
		handle_events(u);
		commit_inbox(u);
		fill_queues(u);
		watch_device(u);
		port_submit(&u->keeper);
		if (stopping(u))
			break;
		ns = next_look(u);
		idle = ns ? 0 : idle + 1;
		if (idle > IDLE_LOOKS)
			rest(u);
		else
			port_nap(&u->keeper, ns ? ns : STEAL_NS);
		count_add(&u->session->stats->syscalls, u->keeper.syscalls);
		u->keeper.syscalls = 0;
	}
}

static void *keeper_main(void *arg)
{
	struct uring *u = arg;
	int err;

	prctl(PR_SET_NAME, "efuse-keeper");
	place_init(&u->keeper_place);
	err = port_open(&u->keeper, u->devfd, u->nqueues, u->waiting);
	step_set(u, STEP_READY, err);
	if (err)
		return NULL;
	if (step_wait(u, STEP_READY) == STEP_START) {
		watch_device(u);
		err = register_all(u);
		if (err)
			port_refuse(&u->keeper);
		step_set(u, STEP_STARTED, err);
		if (err)
			step_wait(u, STEP_STARTED);
		else
			serve(u);
	}
	pthread_mutex_lock(&u->lock);
	__atomic_store_n(&u->keeper.state, PORT_GONE, __ATOMIC_RELAXED);
	pthread_mutex_unlock(&u->lock);
	port_close(&u->keeper);
	return NULL;
}

/* The thread is made with every signal blocked: none is ever handled there. */
static int thread_make(struct uring *u)
{
	pthread_attr_t attr;
	sigset_t all, old;
	int err;

	err = pthread_attr_init(&attr);
	if (err)
		return -err;
	pthread_attr_setstacksize(&attr, STACK_SIZE);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	err = real()->pthread_create(&u->keeper_thread, &attr, keeper_main, u);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	pthread_attr_destroy(&attr);
	return -err;
}

int keeper_prepare(struct uring *u)
{
	int err;

	err = thread_make(u);
	if (err)
		return err;
	step_wait(u, STEP_NONE);
	if (u->result) {
		pthread_join(u->keeper_thread, NULL);
		return u->result;
	}
	u->keeper_runs = true;
	return 0;
}

int keeper_start(struct uring *u)
{
	step_set(u, STEP_START, 0);
	step_wait(u, STEP_START);
	return u->result;
}

void keeper_stop(struct uring *u)
{
	if (!__atomic_exchange_n(&u->keeper_runs, false, __ATOMIC_SEQ_CST))
		return;
	pthread_mutex_lock(&u->step_lock);
	u->step = STEP_STOP;
	port_nudge(&u->keeper);
	pthread_cond_broadcast(&u->step_cond);
	pthread_mutex_unlock(&u->step_lock);
	pthread_join(u->keeper_thread, NULL);
}

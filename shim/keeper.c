// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * keeper.c - the thread of the shim that keeps every queue served. See uring.h.
 *
 * It sleeps unless a request finds no worker of its core free, the device fd
 * has something, or a thread that reads nothing answered a request. It takes
 * no signals, runs none of the daemon's code and holds the lock only briefly.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>

#include "shim/count.h"
#include "shim/real.h"
#include "shim/uring.h"

#define STACK_SIZE (128 * 1024)
#define ENTRIES_PER_QUEUE 1024
#define NAPS 4
#define NAP_NS 1000000

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
				uring_lane_push(u, ev.entry);
		}
	}
	return 0;
}

static void commit_inbox(struct uring *u)
{
	struct entry *e;

	pthread_mutex_lock(&u->lock);
	while ((e = u->keeper.inbox)) {
		u->keeper.inbox = e->next;
		if (port_commit(&u->keeper, e))
			break;
	}
	pthread_mutex_unlock(&u->lock);
}

/* Whether a worker at home on QID sleeps, and so could have had the request. */
static bool home_is_free(struct uring *u, unsigned int qid)
{
	struct worker *w;
	bool waiting = false;

	pthread_mutex_lock(&u->lock);
	for (w = u->workers; w && !waiting; w = w->next)
		waiting = w->home == qid &&
			  __atomic_load_n(&w->port.state, __ATOMIC_SEQ_CST) == PORT_WAITING;
	pthread_mutex_unlock(&u->lock);
	return waiting;
}

/*
 * The kernel hands a request to the entry submitted last. So an entry of the
 * keeper's is a reserve, used when the workers of a core are all busy, only if
 * it was submitted before theirs; submitted while they all work, it is, for
 * they commit later. If instead a request comes to us although a worker of its
 * core sleeps, the order is wrong: the entry then settles on the ring of the
 * worker that answers, and a new reserve waits for a better moment.
 */
static void keep_reserve(struct uring *u, struct entry *e)
{
	e->settle = home_is_free(u, e->qid);
	if (u->keeper.avail[e->qid])
		return;
	if (!e->settle)
		add_entry(u, e->qid);
	else
		u->missing[e->qid] = true;
}

static void got_request(struct uring *u, struct entry *e)
{
	u->passed[e->qid]++;
	if (__atomic_load_n(&u->nworkers, __ATOMIC_RELAXED) > 1)
		keep_reserve(u, e);
	uring_lane_push(u, e);
}

/* Adds the reserves that are due. Returns whether some still have to wait. */
static bool fill_reserves(struct uring *u)
{
	bool wait = false;
	unsigned int q;

	if (__atomic_load_n(&u->nworkers, __ATOMIC_RELAXED) < 2)
		return false;
	for (q = 0; q < u->nqueues; q++) {
		if (!u->missing[q])
			continue;
		u->missing[q] = home_is_free(u, q);
		if (u->missing[q])
			wait = true;
		else if (!u->keeper.avail[q])
			add_entry(u, q);
	}
	return wait;
}

static void got_device(struct uring *u, int res)
{
	if (res < 0 || (res & (POLLERR | POLLHUP))) {
		uring_dead(u);
		return;
	}
	__atomic_store_n(&u->device_ready, 1, __ATOMIC_SEQ_CST);
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
 * Looks after the single thread while it is in the idle class. The lock keeps
 * the worker from ending meanwhile.
 */
static bool watch_worker(struct uring *u)
{
	struct stats_head *st = u->session->stats;
	int core = PLACE_NOWHERE;
	bool again = false;

	pthread_mutex_lock(&u->lock);
	if (u->workers && !u->workers->next) {
		again = place_watch(&u->workers->place, count_now());
		core = __atomic_load_n(&u->workers->place.core, __ATOMIC_RELAXED);
		count_set(&st->idle_backoffs, u->workers->place.backoffs);
	}
	pthread_mutex_unlock(&u->lock);
	count_set(&st->idle_class, again);
	place_away(&u->keeper_place, again ? core : PLACE_NOWHERE);
	return again;
}

/*
 * Sleeps. While a reserve is missing, a few short naps are taken to find the
 * workers busy; then the next request that one of them fetches wakes us.
 */
static void rest(struct uring *u, bool missing, unsigned int *naps)
{
	if (missing && ++*naps <= NAPS) {
		port_nap(&u->keeper, NAP_NS);
		return;
	}
	*naps = 0;
	__atomic_store_n(&u->keeper_wants, missing, __ATOMIC_SEQ_CST);
	port_wait(&u->keeper, false);
	__atomic_store_n(&u->keeper_wants, false, __ATOMIC_SEQ_CST);
}

static void serve(struct uring *u)
{
	unsigned int naps = 0;
	bool missing;

	while (!stopping(u)) {
		handle_events(u);
		commit_inbox(u);
		missing = fill_reserves(u);
		port_submit(&u->keeper);
		if (stopping(u))
			break;
		if (watch_worker(u))
			port_nap(&u->keeper, PLACE_WATCH_NS);
		else
			rest(u, missing, &naps);
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
	err = port_open(&u->keeper, u->devfd, u->nqueues);
	step_set(u, STEP_READY, err);
	if (err)
		return NULL;
	if (step_wait(u, STEP_READY) == STEP_START) {
		port_poll_device(&u->keeper);
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
	u->keeper.state = PORT_GONE;
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

	u->keeper.keeper = true;
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

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * uring.h - the uring channel: per-core FUSE-over-io_uring queues served by
 * the daemon's own threads. What its three files share.
 *
 * The kernel has one queue per possible core and puts a request into the queue
 * of the core that made it. It hands it to the most recently submitted entry
 * of that queue, in the context of the thread that submitted the entry.
 *
 *   worker.c   a thread of the daemon inside read(2): has an entry waiting in
 *              the queue of its home core, so a request of that core wakes it
 *              there.
 *   keeper.c   one thread of the shim per connection. It has the first entry of
 *              every queue, and gives what arrives there to whichever worker
 *              waits. It watches the device fd (FORGET, INTERRUPT, the end),
 *              unless a worker that is the only one has come to do so, and
 *              the workers: what the kernel handed to one that is busy for
 *              long, it passes to another. It never runs the daemon's code.
 *   uring.c    the channel: start, stop, and where a replied entry goes next.
 *
 * A request that lights.c answers or parks goes back, or stays aside, where it
 * would have been handed over (worker.c), and comes out by the lane (uring.c).
 *
 * Where an entry is submitted next decides who serves the queue next:
 * - one worker in all (a single-threaded daemon): always on its own ring, and
 *   so its one thread comes to serve all queues with no help;
 * - else on its own ring when the queue is its home, or nobody's home, and no
 *   more than its share of the entries waits there already; on the keeper's ring
 *   otherwise, whose requests go to the waiting worker that has the fewest.
 *
 * No request waits for good. A queue in which no entry waits gets one before
 * its last entry's request goes to the daemon; a request that reached a worker
 * which stays busy is passed on after STEAL_NS; one that the kernel queued
 * because no entry was there is pulled (keeper.c). What cannot be rescued is a
 * request handed to a thread in uninterruptible sleep, until that sleep ends.
 *
 * Locking: `lock` protects the list of workers, the lane and the inboxes, and
 * orders nudges against the end of a port. It is taken on no path that a
 * request takes which its own worker fetches and answers.
 *
 * Sleeping: a worker stores PORT_WAITING, then looks at everything that others
 * may have left (lane, inbox, device flag, end), then sleeps; the others store
 * first and then look for PORT_WAITING, both sequentially consistent. So
 * either the worker sees the work or they see the worker, and nudge it. A
 * nudged worker may find something else to do first: whoever leaves with a
 * request while work is left nudges the next.
 */
#ifndef EFUSE_SHIM_URING_H
#define EFUSE_SHIM_URING_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "shim/callers.h"
#include "shim/entry.h"
#include "shim/place.h"
#include "shim/port.h"
#include "shim/reader.h"
#include "shim/session.h"

#define STEAL_NS 1000000	/* how long a worker may sit on what it has not begun */

struct worker {
	struct reader reader;		/* first */
	struct port port;
	struct worker *next;		/* uring.workers, under the lock */
	unsigned int turn;		/* whose turn it is: ring, lane, device */
	uint64_t busy_since;		/* ns, 0 while in read(2); atomic */
	bool polls_device;		/* its ring has a poll of the device */
	unsigned int device_messages;	/* it read while the keeper watched the device */
	bool leaving;			/* its thread is about to end; under the lock */
	uint64_t slowest_ns;		/* of its answers of late */
};

static inline struct worker *worker_of(struct reader *r)
{
	return (struct worker *)r;
}

struct uring {
	struct session *session;
	unsigned int nqueues;		/* possible cores */
	int devfd;			/* our own descriptor of the connection */
	struct entries entries;

	pthread_mutex_t lock;
	struct worker *workers;
	struct entry *lane, **lane_tail;	/* requests for any worker, oldest first */
	unsigned int *at_home;		/* workers per home core; written under the lock */
	uint64_t *passed;		/* requests per queue that came through the keeper */
	int *waiting;			/* entries waiting in the kernel per queue; atomic */
	int *cover;			/* queues that want an entry on top now; atomic */
	int keeper_rests;		/* it wants to know when a worker gets busy; atomic */

	unsigned int nworkers;		/* atomic; written under the lock */
	unsigned int lane_length;	/* atomic; written under the lock */
	struct callers callers;
	int device_ready;		/* the device fd may have something; atomic */
	int device_with_worker;		/* who watches it; atomic; written under the lock */
	bool keeper_polls;		/* the device; the keeper's */
	int dead;			/* atomic */

	struct port keeper;
	struct place keeper_place;
	pthread_t keeper_thread;
	bool keeper_runs;
	int step;			/* enum keeper_step; futex-like, under step_lock */
	int result;
	pthread_mutex_t step_lock;
	pthread_cond_t step_cond;
};

/* --- worker.c ------------------------------------------------------------ */

/* The worker of the calling thread for S, or NULL when it never read from S. */
static inline struct worker *worker_find(struct session *s)
{
	return worker_of(reader_find(s));
}

/* The same, made on first use. NULL with *ERR set to -errno when it cannot be. */
struct worker *worker_attach(struct session *s, int *err);

/* The next request for W: its length, or -errno. */
ssize_t worker_next(struct worker *w, void *buf, size_t size);

/* The same for a thread that worker_attach() could not give a ring. */
ssize_t worker_next_without_port(struct session *s, void *buf, size_t size);

/* --- keeper.c ------------------------------------------------------------ */

/* Starts the keeper's thread and its ring. 0 or -errno. */
int keeper_prepare(struct uring *u);

/* Lets it register an entry in every queue. 0 or -errno of the first failure. */
int keeper_start(struct uring *u);

/* Ends it and waits for it. May follow keeper_prepare() without a start. */
void keeper_stop(struct uring *u);

/* --- uring.c ------------------------------------------------------------- */

/*
 * Sends the reply in E on its way. W is the worker of the calling thread, or
 * NULL. Returns 0 or -errno of io_uring_enter(2).
 */
int uring_commit(struct uring *u, struct worker *w, struct entry *e);

/* Adds E, whose request nobody has seen yet, to the lane and wakes a worker. */
void uring_lane_push(struct uring *u, struct entry *e);

/* The oldest of the lane, or NULL. */
struct entry *uring_lane_pop(struct uring *u);

/* Wakes the thread of P, which is the keeper's or in the list, under the lock. */
void uring_nudge_port(struct uring *u, struct port *p);

/*
 * Wakes one waiting worker, if any: of those at home on core QID the one with
 * the fewest entries waiting there, or else any.
 */
void uring_nudge_one(struct uring *u, unsigned int qid);

/*
 * The kernel gave an entry back with the error RES. When that means that the
 * connection is gone, uring_dead(); else it is counted and logged.
 */
void uring_lost(struct uring *u, int res);

/*
 * The calling worker is off with something: if more is left, in the lane or on
 * the device, the next one that waits is woken for it, preferring core QID.
 */
void uring_pass_on(struct uring *u, unsigned int qid);

/* Wakes the keeper. Takes the lock. */
void uring_wake_keeper(struct uring *u);

/* A poll of the device fd says RES, poll(2) events or -errno. */
void uring_device_event(struct uring *u, int res);

/* The connection is gone: wakes everybody. */
void uring_dead(struct uring *u);

/* Below this a request that waits behind another is served soon enough. */
#define FAST_NS 50000

/* Whether W's answers took less than FAST_NS of late. */
static inline bool worker_is_fast(const struct worker *w)
{
	return w->slowest_ns < FAST_NS;
}

static inline bool uring_is_dead(struct uring *u)
{
	return __atomic_load_n(&u->dead, __ATOMIC_SEQ_CST);
}

#endif

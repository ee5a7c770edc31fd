/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * place.h - where and how a thread of the daemon runs: the only file that
 * changes affinity or scheduling class.
 *
 * A thread is only ever narrowed to one core of those it was allowed when the
 * shim first saw it, or was given by somebody since, and widened to exactly
 * those again.
 *
 * The idle class. A thread that answers on its caller's core meets a scheduler
 * that, waking the caller while the thread still runs there, moves the caller
 * to an idle core: every reply drives the caller away. A core that runs nothing
 * but SCHED_IDLE threads counts as idle, and the caller stays. But such a
 * thread gets next to nothing on a core that others want. So it enters the
 * class only while requests come fast and the machine has cores to spare, only
 * if it can leave it by itself, and under the eyes of the keeper, which takes
 * it out as soon as it is runnable and gets hardly anywhere.
 *
 * Where the class is not to be had and callers keep moving, pinning does not
 * pay: then the thread runs where the scheduler puts it, as with plain FUSE,
 * and pinning is tried again later.
 */
#ifndef EFUSE_SHIM_PLACE_H
#define EFUSE_SHIM_PLACE_H

#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define PLACE_NOWHERE (-1)

/*
 * How often the keeper looks: the longest that a thread which just lost its
 * core stays in the idle class. Each look disturbs caller and thread.
 */
#define PLACE_WATCH_NS 8000000

struct place {
	cpu_set_t allowed;	/* as the shim found the thread */
	cpu_set_t pinnable;	/* the same without cores that were refused of late */
	int core;		/* pinned to, or PLACE_NOWHERE; atomic */
	int away;		/* kept off this core, or PLACE_NOWHERE */
	int wanted;		/* where the last callers were */
	uint32_t caller;	/* the last one */
	unsigned int streak;	/* requests in a row from `wanted` */
	unsigned int seen;	/* requests of this window */
	unsigned int changes;	/* of them, those from another core than the last */
	unsigned int turns;	/* of them, those of another caller than the last */
	unsigned int mixed;	/* windows in which not to follow: callers of several cores, or many */
	int off;		/* kept beside the callers of this core, or PLACE_NOWHERE */
	unsigned int met;	/* requests in a row served on their caller's core */
	bool beside;		/* cores are idle: poll on another than the callers' */
	uint64_t beside_looked;	/* ns, when that was found */
	uint64_t beside_seen;	/* progress then */
	bool usable;		/* affinity can be read and set */

	pid_t tid;
	bool may_idle;		/* normal class now, and able to return to it; atomic */
	int idle;		/* 1 while in the idle class; atomic */
	unsigned int window;	/* requests since window_start */
	unsigned int moved;	/* of them, those whose caller had changed cores */
	unsigned int loose;	/* windows in which not to pin */
	unsigned int stream;	/* requests until a stream has ended */
	unsigned int loosened;	/* times that pinning did not pay, in a row */
	uint64_t window_start;	/* ns */
	uint64_t not_before;	/* ns: no new attempt earlier; atomic */
	unsigned int backoffs;	/* times the keeper took it out; atomic */
	unsigned int penalty;	/* doublings of the next wait; the keeper's */
	uint64_t entered;	/* ns: when it went in last; atomic */

	uint64_t progress;	/* counts up with every request; atomic */
	uint64_t watched;	/* the keeper's: progress when it last looked */
	uint64_t looked;	/* the keeper's: ns, when that was */
	unsigned int still;	/* the keeper's: looks without progress */
};

/* Remembers where and how the calling thread runs. */
void place_init(struct place *p);

/* The core the calling thread is on. */
unsigned int place_here(void);

/* Pins the calling thread to CORE if it may run there. Returns whether it did. */
bool place_pin(struct place *p, unsigned int core);

/*
 * Keeps the calling thread off CORE, if it has another; PLACE_NOWHERE ends it.
 * A keeper that woke up on the core of an idle-class thread would be taken for
 * the core's load, and drive the caller away.
 */
void place_away(struct place *p, int core);

/*
 * Lets the calling thread run wherever, and in the class, it was found: before
 * it makes children, and at its end.
 */
void place_release(struct place *p);

/*
 * The same in the child of fork(2), whose one thread goes on with the place of
 * the thread that made it: P still names the parent's.
 */
void place_forked(struct place *p);

/*
 * Thread PID asked on CORE (0: nobody waits for it): after a few requests in a
 * row from the same core the calling thread is moved there. Not when requests
 * of several cores alternate, nor those of several callers, who work while the
 * thread does and are better off with a core it is not on: then, and for a
 * while, it runs where the scheduler puts it. Returns whether it moved.
 */
bool place_follow(struct place *p, unsigned int core, uint32_t pid);

/*
 * The same for a thread that polls for requests: while one comes every FAST ns or
 * sooner, and a core is idle, it is kept off the callers' core, where polling would be in
 * their way, and runs beside them. NOW is CLOCK_MONOTONIC in ns.
 */
bool place_beside(struct place *p, unsigned int core, uint32_t pid, uint64_t fast, uint64_t now);

/*
 * The calling thread was handed a request at NOW (CLOCK_MONOTONIC, ns), whose
 * caller MOVED to another core since its last one. Every few dozen requests it
 * decides about the idle class and about pinning. Returns whether the thread
 * entered the class: the keeper must then watch.
 */
bool place_pace(struct place *p, uint64_t now, bool moved);

/*
 * The calling thread was handed a request; BACKGROUND: one that its caller does
 * not wait for, and goes on using its core. While such come the thread is
 * neither pinned nor in the idle class: a stream is served on another core.
 */
void place_stream(struct place *p, bool background);

/*
 * The keeper's look, every PLACE_WATCH_NS, at another thread. Takes it out of
 * the idle class when it is runnable and makes little progress, or has had
 * nothing to do for a while. Returns whether to look again. Earlier calls do
 * nothing.
 */
bool place_watch(struct place *p, uint64_t now);

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * place.h - which core a thread of the daemon runs on: the only file that
 * changes affinity or scheduling class.
 *
 * A thread is only ever narrowed to one core of those it was allowed when the
 * shim first saw it, and widened to exactly those again.
 */
#ifndef EFUSE_SHIM_PLACE_H
#define EFUSE_SHIM_PLACE_H

#include <sched.h>
#include <stdbool.h>

#define PLACE_NOWHERE (-1)

struct place {
	cpu_set_t allowed;	/* as the shim found it */
	int core;		/* pinned to, or PLACE_NOWHERE */
	int wanted;		/* where the last callers were */
	unsigned int streak;	/* requests in a row from `wanted` */
	bool usable;		/* affinity can be read and set */
};

/* Remembers where the calling thread may run. */
void place_init(struct place *p);

/* The core the calling thread is on. */
unsigned int place_here(void);

/* Pins the calling thread to CORE if it may run there. Returns whether it did. */
bool place_pin(struct place *p, unsigned int core);

/* Lets the calling thread run wherever it was allowed. */
void place_unpin(struct place *p);

/*
 * A request came from CORE: after a few in a row from the same one the calling
 * thread is moved there. Returns whether it moved.
 */
bool place_follow(struct place *p, unsigned int core);

#endif

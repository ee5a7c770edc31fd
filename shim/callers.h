/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * callers.h - which core each calling thread was on when it last asked.
 *
 * A small table without locks: threads whose ids meet in a slot only blur the
 * answer, and a slot is written only when its caller moved, so callers that
 * stay share no cache line that changes.
 */
#ifndef EFUSE_SHIM_CALLERS_H
#define EFUSE_SHIM_CALLERS_H

#include <stdbool.h>
#include <stdint.h>

#define CALLERS_SLOTS 64

struct callers {
	uint16_t core[CALLERS_SLOTS];	/* atomic */
};

/*
 * Thread PID (of struct fuse_in_header) asked on CORE: whether its last request
 * came from another core. Any thread may call it.
 */
static inline bool callers_moved(struct callers *c, uint32_t pid, unsigned int core)
{
	uint16_t *slot = &c->core[pid % CALLERS_SLOTS];

	if (__atomic_load_n(slot, __ATOMIC_RELAXED) == (uint16_t)core)
		return false;
	__atomic_store_n(slot, (uint16_t)core, __ATOMIC_RELAXED);
	return true;
}

#endif

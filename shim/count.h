/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * count.h - writing the status file of stats.h.
 *
 * Every function may be called from any thread; counters are relaxed atomics
 * and say nothing about order.
 */
#ifndef EFUSE_SHIM_COUNT_H
#define EFUSE_SHIM_COUNT_H

#include <stdint.h>
#include <time.h>

#include "shim/session.h"
#include "shim/stats.h"

/*
 * Creates the status file of S in the configured directory, or private memory
 * of the same layout when there is none or it cannot be made (the reason is
 * recorded). NCORES is the number of possible cores. Returns 0 or -ENOMEM.
 */
int count_open(struct session *s, unsigned int ncores);

/* Unmaps and removes it. */
void count_close(struct session *s);

/* Unmaps what is the parent's, in the child of fork(2). The file stays. */
void count_forget(struct session *s);

/* CLOCK_MONOTONIC in ns. */
static inline uint64_t count_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

#define count_add(p, n) ((void)__atomic_fetch_add((p), (n), __ATOMIC_RELAXED))
#define count_set(p, v) __atomic_store_n((p), (v), __ATOMIC_RELAXED)

/* The block of core QID; the block of the device fd is nblocks - 1. */
static inline struct stats_core *count_block(struct session *s, unsigned int qid)
{
	return (struct stats_core *)((char *)s->stats + sizeof(struct stats_head)) + qid;
}

static inline struct stats_core *count_dev_block(struct session *s)
{
	return count_block(s, s->stats->nblocks - 1);
}

/* One request of OPCODE was handed to the daemon. */
void count_request(struct stats_core *core, uint32_t opcode);

/* Its reply: NS after the request; ERROR is 0 or negative. */
void count_reply(struct stats_core *core, uint32_t opcode, int error, uint64_t ns);

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * stats.h - the status file: what the shim counts and `efuse status` reads.
 *
 * One file per FUSE connection, DIR/TOKEN-PID-N (N counts the connections of
 * one process from 0), mapped shared by the shim, read-only by anybody else.
 * It holds plain data: a reader checks magic, version and every length before
 * it uses one, and shows what it reads as the daemon's own claim.
 *
 * Layout: struct stats_head, then head.nblocks blocks of struct stats_core,
 * each head.block_size bytes: one per possible core, then one for what went
 * over the /dev/fuse file descriptor.
 *
 * Counters are written with relaxed atomic adds by whichever thread handles
 * the request and never go back; a reader may see a request counted whose
 * reply is not counted yet, so differences may be off by what is in flight.
 */
#ifndef EFUSE_SHIM_STATS_H
#define EFUSE_SHIM_STATS_H

#include <stdint.h>

#define STATS_MAGIC	0x45465354u	/* "EFST" */
#define STATS_VERSION	1
#define STATS_OPS	64		/* opcode slots; slot 0 is every other opcode */
#define STATS_BUCKETS	56		/* latency buckets, two per octave */
#define STATS_FIRST_BIT	7		/* bucket 0 holds all below 2^7 ns = 128 ns */

enum stats_channel {
	STATS_CHANNEL_NONE,	/* no INIT answered yet */
	STATS_CHANNEL_DEV,
	STATS_CHANNEL_URING,
	STATS_CHANNEL_RING,
};

enum stats_state {
	STATS_STATE_INIT,	/* waiting for the daemon's INIT reply */
	STATS_STATE_RUNNING,
	STATS_STATE_ENDED,	/* the connection is gone */
};

/* The cache policy in force. */
enum stats_cache {
	STATS_CACHE_AUTO,	/* the daemon's own timeouts and flags */
	STATS_CACHE_ALWAYS,
	STATS_CACHE_TIMEOUT,	/* cache_ns */
	STATS_CACHE_NONE,
};

/* efuse.direct: see direct.h. From DIFFERS on it is off for good. */
enum stats_direct {
	STATS_DIRECT_OFF,	/* not asked for */
	STATS_DIRECT_ASK,	/* comparing */
	STATS_DIRECT_ON,
	STATS_DIRECT_DIFFERS,	/* the file system's contents are not those of its file */
	STATS_DIRECT_SHARED,	/* one file was behind two of the file system's */
	STATS_DIRECT_FAILED,	/* the driver, or a fork(2) */
	STATS_DIRECT_ABSENT,	/* the driver cannot */
};

/* efuse.direct=verify,rw: WRITEs. */
enum stats_writes {
	STATS_WRITES_OFF,	/* not asked for */
	STATS_WRITES_ASK,	/* comparing */
	STATS_WRITES_ON,
};

struct stats_head {
	uint32_t magic;		/* STATS_MAGIC, stored last when the file is ready */
	uint32_t version;	/* STATS_VERSION */
	uint32_t head_size;	/* sizeof(struct stats_head) */
	uint32_t block_size;	/* sizeof(struct stats_core) */
	uint32_t nblocks;	/* possible cores + 1 */
	uint32_t pid;		/* of the daemon; pid namespace of the daemon */
	uint64_t starttime;	/* field 22 of /proc/PID/stat, clock ticks */
	uint32_t conn;		/* minor of the mount's st_dev, 0 when unknown */
	uint32_t index;		/* which connection of the process, from 0 */
	uint32_t channel;	/* enum stats_channel */
	uint32_t state;		/* enum stats_state */
	uint32_t proto_major;	/* as the daemon answered INIT */
	uint32_t proto_minor;
	uint32_t max_write;	/* bytes */
	uint32_t payload_size;	/* bytes reserved per ring entry, or of a slot */
	uint32_t threads;	/* daemon threads seen reading requests */
	uint32_t single;	/* 1 while one thread serves all queues */
	uint64_t syscalls;	/* system calls the shim made to move requests */
	uint64_t shared;	/* requests handed to another core's thread */
	uint64_t migrations;	/* times a worker thread was moved to a caller's core */
	uint64_t notifications;	/* FUSE_NOTIFY_* sent by the daemon */
	uint64_t malformed;	/* messages from the daemon that the shim refused */
	uint64_t spins;		/* waits that polling ended without sleeping */
	uint64_t sleeps;	/* waits that slept */
	uint32_t idle_class;	/* threads that run as SCHED_IDLE now */
	uint32_t idle_backoffs;	/* times the keeper took one out again */
	uint32_t cache;		/* enum stats_cache */
	uint32_t cache_unused;	/* zero */
	uint64_t cache_ns;	/* of STATS_CACHE_TIMEOUT */
	uint64_t cache_changed;	/* replies changed by the policy, the next included */
	uint64_t cache_negative;	/* of LOOKUPs: "no such name" made to be kept */
	uint64_t cache_opens;	/* OPENs and what went with them that nobody asked the daemon */
	uint32_t direct;	/* enum stats_direct */
	uint32_t direct_rw;	/* enum stats_writes */
	uint64_t direct_ranges;	/* that held the same, before or after it was on */
	uint64_t direct_reads;	/* that the driver answered, as of the last comparison */
	uint64_t direct_bytes;
	uint64_t direct_held;	/* WRITEs after which the file held what was written */
	uint64_t direct_writes;	/* that the driver did, as of the last comparison */
	uint64_t reserved[4];	/* zero */
	char comm[32];		/* the program's name */
	char reason[224];	/* why a lower tier serves, "" when none does */
};

struct stats_op {
	uint64_t requests;
	uint64_t replies;
	uint64_t errors;	/* replies with a negative errno */
	uint64_t total_ns;	/* sum of all latencies below */
	uint64_t hist[STATS_BUCKETS];	/* request fetched until reply, ns */
};

struct stats_core {
	uint32_t entries;	/* registered for this core's queue, or slots of its ring */
	uint32_t workers;	/* threads at home on this core */
	uint32_t depth;		/* requests now in the daemon */
	uint32_t depth_max;
	uint64_t shared;	/* requests of this core that another core's thread took */
	/* The ring channel only: */
	uint64_t oldest;	/* CLOCK_MONOTONIC ns of its oldest request in the daemon, or 0 */
	uint64_t polled;	/* waits that polling ended */
	uint64_t sleeps;	/* waits that slept */
	uint64_t doorbells;	/* system calls for nothing but telling of a reply */
	uint64_t quiet;		/* requests taken and answered without a system call */
	struct stats_op op[STATS_OPS];
};

_Static_assert(sizeof(struct stats_head) == 512, "status file layout");
_Static_assert(sizeof(struct stats_op) == 32 + 8 * STATS_BUCKETS, "status file layout");
_Static_assert(sizeof(struct stats_core) == 64 + STATS_OPS * sizeof(struct stats_op),
	       "status file layout");

/* The bucket of a latency of NS nanoseconds: two buckets per octave. */
static inline unsigned int stats_bucket(uint64_t ns)
{
	unsigned int msb, idx;

	if (ns < (1u << STATS_FIRST_BIT))
		return 0;
	msb = 63 - (unsigned int)__builtin_clzll(ns);
	idx = 1 + 2 * (msb - STATS_FIRST_BIT) + ((ns >> (msb - 1)) & 1);
	return idx < STATS_BUCKETS ? idx : STATS_BUCKETS - 1;
}

/* The smallest latency in ns that falls into bucket IDX (IDX < STATS_BUCKETS). */
static inline uint64_t stats_bucket_floor(unsigned int idx)
{
	unsigned int msb;

	if (idx == 0)
		return 0;
	msb = STATS_FIRST_BIT + (idx - 1) / 2;
	return (1ull << msb) + ((idx - 1) % 2 ? 1ull << (msb - 1) : 0);
}

#endif

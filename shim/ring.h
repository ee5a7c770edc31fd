/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ring.h - the ring channel: a ring per core in memory that the efuse driver and
 * this process share, served by the daemon's own threads. What its files share.
 * The words in that memory, and who writes which, are in <linux/efuse.h>.
 *
 *   ring_map.c      the memory: asked of the driver, mapped, given back
 *   ring_worker.c   a thread of the daemon inside read(2)
 *   ring.c          the channel: start, stop, and the way of a reply
 *
 * The driver puts a request into the ring of the core it was made on, unless it is
 * larger than a slot, no slot is free or it needs no reply: such come by the device.
 * A thread takes what is in the ring of its home core first, then from others, then
 * from the device, and sleeps in the driver, where a request of its core wakes it.
 * The reply goes into the reply slot of the same number, or, where it is longer than
 * that, to the device.
 *
 * The bell. A caller that sleeps has to be told of its reply: EFUSE_IOC_RING_ENTER.
 * A thread that is about to sleep itself says both in one system call, so one that
 * always came back for more soon after a reply leaves the bell to that call. If it
 * does not come this time, the driver looks for itself within two ticks.
 *
 * Nothing is lost. Who has submitted looks whether anybody sleeps or polls; who goes
 * to sleep is looked at by the driver once more. A thread that was polling for a ring
 * and leaves with one request of several wakes another; so does one that was woken
 * and leaves with none (a signal, its end).
 *
 * Other cores' requests. Where a worker of that core is asleep the driver has woken
 * it, and it is let do its work: it is where the caller is. Else they are taken, as they
 * are by whoever the driver has woken in its place.
 *
 * Locking: `lock` of a ring orders those who complete in it; that of the rings
 * protects joining and leaving. Neither is held in a system call.
 */
#ifndef EFUSE_SHIM_RING_H
#define EFUSE_SHIM_RING_H

#include <linux/efuse.h>
#include <linux/fuse.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "shim/cache.h"
#include "shim/callers.h"
#include "shim/count.h"
#include "shim/reader.h"
#include "shim/session.h"

/* What is at the daemon out of one slot. */
struct ring_request {
	uint64_t unique;		/* 0 for nothing; atomic */
	uint64_t since;			/* CLOCK_MONOTONIC ns when handed over */
	uint32_t opcode;
	struct cache_request asked;	/* with a cache policy */
};

struct ring {
	const struct efuse_ring_kernel *kernel;	/* which we cannot write */
	const uint32_t *submitted;	/* slots, by submission */
	const char *requests;
	struct efuse_ring_daemon *daemon;
	uint32_t *completed;		/* slots, by completion */
	char *replies;

	struct ring_request *request;	/* by slot */
	unsigned int at_home;		/* workers; written under the lock of the rings */
	int asleep;			/* threads in the driver at this ring; atomic */
	pthread_mutex_t lock;
};

struct rings {
	struct session *session;
	int devfd;			/* our own descriptor of the connection */
	bool inherited;			/* after fork: replies go to the device */
	unsigned int count;		/* rings */
	uint32_t depth;			/* slots of each, a power of two */
	uint32_t slot_size;		/* bytes */
	struct efuse_ring_setup how;	/* as the driver made them */
	struct ring *ring;

	pthread_mutex_t lock;
	unsigned int workers;		/* atomic; written under the lock */
	uint32_t device_seen;		/* of what was queued on the device; atomic */
	int device_left;		/* of those, not read yet, or nearly; atomic */
	int dead;			/* atomic */
	struct callers callers;
};

struct ring_worker {
	struct reader reader;		/* first */
	unsigned int turn;
	unsigned int owed;		/* ring + 1 whose bell is not rung yet, 0 for none */
	unsigned int quick;		/* replies in a row after which it soon came back */
	unsigned int polled;		/* ring + 1 that it polled for what it leaves with */
	unsigned int asleep;		/* ring + 1 that it is asleep at */
	uint64_t replied;		/* ns when it last replied, 0 if not since it came back */
	uint64_t calls;			/* system calls */
	uint64_t calls_counted;		/* of them, those in the status file */
	uint64_t calls_left;		/* when it last left with a request */
};

/*
 * A full barrier, between what we and what the driver store and look at. Of fences
 * the thread sanitizer knows nothing, and says so: it gets another one.
 */
static inline void ring_barrier(void)
{
#ifdef __SANITIZE_THREAD__
	int any = 0;

	__atomic_fetch_add(&any, 1, __ATOMIC_SEQ_CST);
#else
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
#endif
}

/* --- ring_map.c ---------------------------------------------------------- */

/*
 * Asks the driver for rings and maps them; R->devfd is the device. Without memory
 * for the usual depth a smaller one is tried. After fork (R->inherited) the rings
 * that are there are mapped. Returns 0 or -errno of ioctl(2), mmap(2) or calloc.
 */
int ring_map(struct rings *r);

/* The other way round, also of what was half done. */
void ring_unmap(struct rings *r);

/* --- ring_worker.c ------------------------------------------------------- */

/* The worker of the calling thread for S, or NULL when it never read from S. */
static inline struct ring_worker *ring_worker_find(struct session *s)
{
	return (struct ring_worker *)reader_find(s);
}

/* The next request, as channel.next(). */
ssize_t ring_worker_next(struct session *s, void *buf, size_t size);

/* --- ring.c -------------------------------------------------------------- */

/* EFUSE_IOC_RING_ENTER. Its result, or -errno. */
int ring_enter(struct rings *r, unsigned int ring, unsigned int home, unsigned int flags);

/* The reply in the slot is ready. Returns whether a caller needs the bell. */
bool ring_complete(struct ring *ring, uint32_t depth, uint32_t slot);

/* Rings the bell of RING. */
void ring_bell(struct rings *r, unsigned int ring);

/*
 * The connection is gone, or nobody wants it: threads that look for a request find
 * this instead. Of those that sleep each wakes the next when it leaves.
 */
void ring_dead(struct rings *r);

static inline bool ring_is_dead(struct rings *r)
{
	return __atomic_load_n(&r->dead, __ATOMIC_SEQ_CST);
}

/* Whether something is in RING that nobody has taken. */
static inline bool ring_has(const struct ring *ring)
{
	return __atomic_load_n(&ring->kernel->sub_tail, __ATOMIC_ACQUIRE) !=
	       __atomic_load_n(&ring->daemon->sub_head, __ATOMIC_RELAXED);
}

/* What counts the requests of RING. */
static inline struct stats_core *ring_block(struct rings *r, unsigned int ring)
{
	unsigned int cores = r->session->stats->nblocks - 1;

	return count_block(r->session, ring < cores ? ring : cores - 1);
}

static inline struct fuse_out_header *ring_reply_slot(struct rings *r, unsigned int ring,
						      uint32_t slot)
{
	return (void *)(r->ring[ring].replies + (size_t)slot * r->slot_size);
}

#endif

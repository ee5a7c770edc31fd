/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ring.h - rings: requests and replies in memory that the driver and the server share,
 * as <linux/efuse.h> has it. ringmem.c is that memory, ring.c sets rings up and takes
 * them down, ringsend.c puts requests on them, ringreply.c takes replies from them,
 * ringwait.c is who sleeps, who is woken and who looks instead.
 *
 * To the rest of FUSE a request on a ring is one that the server has read: it is on the
 * list of a device of the ring's own, and its reply goes where one by write(2) does. So
 * abort, interrupts and replies to what there is not are what they are for any device.
 *
 * What the server writes is looked at in two words and in what it sends, each read once
 * and checked: a number or a length that cannot be aborts the connection. Everything
 * that anything here depends on is kept where only the kernel gets at it; words that it
 * writes for the server are mapped read-only.
 *
 * Locks: fc->lock, fc->bg_lock, fi->lock > ring->lock > the device's pq.lock, and
 * ring->comp_lock inside of nothing. No request is ended under any of ours.
 */
#ifndef _FS_FUSE_EFUSE_RING_H
#define _FS_FUSE_EFUSE_RING_H

#include <linux/bitmap.h>
#include <linux/efuse.h>
#include <linux/list.h>
#include <linux/spinlock.h>
#include <linux/timer.h>
#include <linux/types.h>
#include <linux/workqueue.h>

struct fuse_conn;
struct fuse_dev;
struct fuse_req;
struct user_struct;

/* One of a ring's two mappings. */
struct efuse_ring_part {
	struct page **pages;
	void *base;		/* all of them */
	bool writable;		/* for the server */
};

/*
 * All that is mapped. Belongs to a file that each mapping keeps open, so that none
 * keeps the device open.
 */
struct efuse_ring_mem {
	struct user_struct *user;	/* whose RLIMIT_MEMLOCK it counts against, or NULL */
	unsigned long accounted;	/* pages */
	unsigned int nr_parts;		/* two for a ring: kernel, daemon */
	unsigned int nr_pages[2];	/* of each of the two */
	struct efuse_ring_part part[];
};

/* A slot, as the kernel knows it. */
struct efuse_ring_slot {
	u64 id;			/* the request's unique, and ASYNC; of the last one if free */
	unsigned long since;	/* jiffies when it was put there */
};

#define EFUSE_SLOT_ASYNC	1ULL	/* uniques are even */

/* A thread asleep in ENTER, on its stack. */
struct efuse_sleeper {
	struct list_head entry;	/* under the ring's lock; empty once woken */
	struct task_struct *task;
	bool woken;		/* set under the lock */
	bool came;		/* and has looked since, or is about to; its own */
};

/* Who was woken, or need not be: a thread on a core, or one of these. */
#define EFUSE_WOKE_NONE		(-1)	/* nobody sleeps there */
#define EFUSE_WOKE_RUNNABLE	(-2)	/* one that waits for this core */
#define EFUSE_WOKE_AWAY		INT_MAX	/* one that has it already, on another core */

struct efuse_ring {
	struct efuse_rings *rings;
	unsigned int index;
	struct fuse_dev *fud;	/* whose list the requests are on */

	/* The memory. */
	struct efuse_ring_kernel *k;
	struct efuse_ring_daemon *d;
	u32 *sub, *comp;
	void *requests, *replies;
	struct page **reply_pages;	/* of the whole part */

	spinlock_t lock;	/* the following */
	u32 sub_tail;		/* published in k */
	u32 inflight;		/* published in k; changed by one at a time, read by all */
	u64 unique;		/* of the last request, without the ring and the slot */
	unsigned long *free;	/* which slots, a bitmap */
	struct list_head sleepers;
	atomic_t coming;	/* of those, woken and not seen to look since */

	struct efuse_ring_slot *slot;

	/* The core, and 1, on which a thread lets others run before it sleeps here; or 0. */
	unsigned int yielder;
	/* Who takes the replies and sleeps at once after that; racy, only compared. */
	struct task_struct *leaver;

	spinlock_t comp_lock ____cacheline_aligned_in_smp;
	u32 comp_head;		/* replies taken, under comp_lock */
	unsigned long *deferred;	/* replies taken that only the work may end: slots */
	int poll_credit;	/* what looking for replies has brought; racy */
	int yield_credit;	/* what letting others run before sleeping has; racy */
	bool away;		/* the last reply looked for came while we did; racy */

	/* While requests are in flight: what nobody has noticed for a jiffy. */
	struct timer_list timer;
	bool ticking;
	u32 seen_comp, seen_sub;	/* by the timer alone */
	bool was_comp, was_sub;
	struct work_struct work;
};

struct efuse_rings {
	struct fuse_conn *fc;	/* which has us */
	unsigned int nr;
	u32 depth, mask, slot_size;
	u64 poll_ns;
	bool broken;		/* to be aborted by the work */
	struct efuse_ring_mem *mem;
	struct file *file;	/* which owns mem */
	unsigned long *used;	/* rings that ever had a request, a bitmap */
	unsigned int next;	/* where to look for a sleeper first; racy */
	struct efuse_ring ring[];
};

/* A word that others read while we change it. */
static inline atomic_t *efuse_word(__u32 *word)
{
	BUILD_BUG_ON(sizeof(atomic_t) != sizeof(__u32));
	return (atomic_t *)word;
}

static inline atomic_t *efuse_all_sleepers(struct efuse_rings *rings)
{
	return efuse_word(&rings->ring[0].k->all_sleepers);
}

/* Requests on the ring that the server says it has not taken. */
static inline bool efuse_ring_untaken(struct efuse_ring *ring)
{
	return READ_ONCE(ring->sub_tail) != READ_ONCE(ring->d->sub_head);
}

/* Counts are for people: lost updates are none of their business. */
static inline void efuse_ring_count(struct efuse_ring *ring, enum efuse_ring_count what)
{
	WRITE_ONCE(ring->k->count[what], ring->k->count[what] + 1);
}

/* The rings of a connection, by its input queue, or NULL. */
static inline struct efuse_rings *efuse_rings_of(struct fuse_iqueue *fiq)
{
	/* Pairs with the release of rings_install(). */
	return smp_load_acquire(&container_of(fiq, struct fuse_conn, iq)->efuse.rings);
}

/* --- ring.c ------------------------------------------------------------------ */

/* EFUSE_IOC_RING_SETUP, with a checked structure that is filled in. May sleep. */
int efuse_ring_setup(struct fuse_conn *fc, struct efuse_ring_setup *setup);

/* EFUSE_IOC_RING_ENTER. Returns what is there, EFUSE_ENTER_*, or -errno. May sleep. */
long efuse_ring_enter(struct fuse_conn *fc, unsigned long arg);

/* --- ringmem.c --------------------------------------------------------------- */

/*
 * The memory of nr rings with kernel_bytes and daemon_bytes each, zeroed, and the file
 * that owns it in *file: fput() gives both back. Returns ERR_PTR(-errno): ENOMEM also for
 * more than the caller may lock.
 */
struct efuse_ring_mem *efuse_ring_mem_new(unsigned int nr, u32 kernel_bytes,
					  u32 daemon_bytes, struct file **file);

/* mmap(2) of the device: vma becomes one of the file's. Returns 0 or -errno. */
int efuse_ring_mem_map(struct efuse_rings *rings, struct vm_area_struct *vma);

/* --- ringsend.c -------------------------------------------------------------- */

/* What the input queue of a connection calls once its rings have started. */
extern const struct fuse_iqueue_ops efuse_ring_iqueue_ops;

/* --- ringreply.c ------------------------------------------------------------- */

/*
 * Take the replies that are on the ring and end their requests; with all false, only
 * those whose requester waits, since the caller may hold what ending another needs:
 * the work does that. Without any lock. May sleep.
 */
void efuse_ring_reap(struct efuse_ring *ring, bool all);

/* End what efuse_ring_reap() has left to the work, which calls this. */
void efuse_ring_reap_deferred(struct efuse_ring *ring);

/* --- ringwait.c -------------------------------------------------------------- */

void efuse_ring_wait_init(struct efuse_ring *ring);

/* Nothing of the ring's runs any more afterwards. May sleep. */
void efuse_ring_wait_stop(struct efuse_ring *ring);

/* A request was put on the ring, which had none: the timer runs. Under ring->lock. */
void efuse_ring_tick(struct efuse_ring *ring);

/*
 * A request was put on the ring, with a full barrier after it: wake one who sleeps there,
 * unless one is about to, looks for requests, or has taken it. here: whoever asks goes to
 * sleep at once, so that the core is free. Under ring->lock. Returns where the thread
 * runs, or EFUSE_WOKE_*.
 */
int efuse_ring_tell_locked(struct efuse_ring *ring, bool here);

/* Wake one who sleeps anywhere, without any ring's lock. Returns as above. */
int efuse_rings_wake(struct efuse_rings *rings, bool here);

/* Wake all of them. */
void efuse_rings_wake_all(struct efuse_rings *rings);

/* Whether there is anything for the server on any ring, after a full barrier. */
bool efuse_rings_pending(struct efuse_rings *rings);

/* The same, but for what threads that were woken or look for it will take. */
bool efuse_rings_left(struct efuse_rings *rings);

/*
 * Sleep at the ring until there is something for the server. Returns EFUSE_ENTER_* or
 * -errno: EINTR, ENODEV.
 */
long efuse_ring_sleep(struct efuse_ring *ring);

#endif /* _FS_FUSE_EFUSE_RING_H */

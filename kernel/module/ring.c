// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * ring.c - rings of a connection are set up and started by the server's helper, entered
 * by its threads, and go with the connection.
 */
#include "../fuse_i.h"
#include "ring.h"

#include <linux/file.h>
#include <linux/log2.h>
#include <linux/mm.h>
#include <linux/slab.h>

#define DEPTH		16
#define SLOT_SIZE	(4096 + 256)	/* a block, and what goes before it */

/* One set-up at a time. */
static DEFINE_MUTEX(setup_mutex);

/* --- one ring ---------------------------------------------------------------- */

/* Undone by ring_uninit(), however far it has come. */
static int ring_init(struct efuse_rings *rings, unsigned int index)
{
	struct efuse_ring *ring = &rings->ring[index];
	struct efuse_ring_part *part = &rings->mem->part[2 * index];

	ring->rings = rings;
	ring->index = index;
	spin_lock_init(&ring->lock);
	spin_lock_init(&ring->comp_lock);
	efuse_ring_wait_init(ring);

	ring->k = part[0].base;
	ring->sub = part[0].base + EFUSE_RING_ARRAY;
	ring->requests = part[0].base + EFUSE_RING_SLOTS;
	ring->d = part[1].base;
	ring->comp = part[1].base + EFUSE_RING_ARRAY;
	ring->replies = part[1].base + EFUSE_RING_SLOTS;
	ring->reply_pages = part[1].pages;

	ring->free = bitmap_alloc(rings->depth, GFP_KERNEL_ACCOUNT);
	ring->deferred = bitmap_zalloc(rings->depth, GFP_KERNEL_ACCOUNT);
	ring->slot = kcalloc(rings->depth, sizeof(*ring->slot), GFP_KERNEL_ACCOUNT);
	ring->fud = fuse_dev_alloc();
	if (!ring->free || !ring->deferred || !ring->slot || !ring->fud)
		return -ENOMEM;
	bitmap_fill(ring->free, rings->depth);
	return 0;
}

static void ring_uninit(struct efuse_ring *ring)
{
	if (!ring->rings)
		return;
	efuse_ring_wait_stop(ring);
	if (ring->fud)
		fuse_dev_free(ring->fud);
	kfree(ring->slot);
	bitmap_free(ring->deferred);
	bitmap_free(ring->free);
}

/* --- all of them ------------------------------------------------------------- */

static void rings_free(struct efuse_rings *rings)
{
	for (unsigned int i = 0; i < rings->nr; i++)
		ring_uninit(&rings->ring[i]);
	if (rings->file)
		fput(rings->file);
	bitmap_free(rings->used);
	kvfree(rings);
}

/* Undone by rings_free(), however far it has come. */
static int rings_init(struct efuse_rings *rings, const struct efuse_ring_setup *setup)
{
	int err = 0;

	rings->used = bitmap_zalloc(rings->nr, GFP_KERNEL_ACCOUNT);
	if (!rings->used)
		return -ENOMEM;
	rings->mem = efuse_ring_mem_new(rings->nr, setup->kernel_bytes, setup->daemon_bytes,
					&rings->file);
	if (IS_ERR(rings->mem))
		return PTR_ERR(rings->mem);
	for (unsigned int i = 0; !err && i < rings->nr; i++) {
		err = ring_init(rings, i);
		cond_resched();
	}
	return err;
}

static struct efuse_rings *rings_new(struct fuse_conn *fc, const struct efuse_ring_setup *setup)
{
	struct efuse_rings *rings;
	int err;

	rings = kvzalloc(struct_size(rings, ring, setup->rings), GFP_KERNEL_ACCOUNT);
	if (!rings)
		return ERR_PTR(-ENOMEM);
	rings->fc = fc;
	rings->nr = setup->rings;
	rings->depth = setup->depth;
	rings->mask = setup->depth - 1;
	rings->slot_size = setup->slot_size;
	rings->poll_ns = setup->poll_us * NSEC_PER_USEC;
	err = rings_init(rings, setup);
	if (err) {
		rings_free(rings);
		return ERR_PTR(err);
	}
	return rings;
}

/*
 * The connection has them, and takes their devices along when it is aborted. These hold
 * no reference to it: they go when it goes. Under setup_mutex.
 */
static int rings_install(struct fuse_conn *fc, struct efuse_rings *rings)
{
	int err = 0;

	spin_lock(&fc->lock);
	if (!fc->connected || fc->conn_error) {
		err = -ENOTCONN;
	} else {
		for (unsigned int i = 0; i < rings->nr; i++) {
			rings->ring[i].fud->fc = fc;
			list_add_tail(&rings->ring[i].fud->entry, &fc->devices);
		}
		/* With all that is in them, for who looks without a lock. */
		smp_store_release(&fc->efuse.rings, rings);
	}
	spin_unlock(&fc->lock);
	return err;
}

void efuse_rings_free(struct fuse_conn *fc)
{
	struct efuse_rings *rings = fc->efuse.rings;

	if (!rings)
		return;
	for (unsigned int i = 0; i < rings->nr; i++)
		efuse_ring_wait_stop(&rings->ring[i]);
	for (unsigned int i = 0; i < rings->nr; i++) {
		list_del(&rings->ring[i].fud->entry);
		rings->ring[i].fud->fc = NULL;
	}
	rings_free(rings);
}

/* --- set-up ------------------------------------------------------------------ */

/* Fill in what is not chosen. Returns 0 or -EINVAL. */
static int setup_check(struct efuse_ring_setup *setup)
{
	if (!setup->depth)
		setup->depth = DEPTH;
	if (!setup->slot_size)
		setup->slot_size = SLOT_SIZE;
	if (!is_power_of_2(setup->depth) || setup->depth < 2 ||
	    setup->depth > EFUSE_RING_DEPTH_MAX || setup->slot_size % 64 ||
	    setup->slot_size < EFUSE_RING_SLOT_MIN || setup->slot_size > EFUSE_RING_SLOT_MAX ||
	    setup->poll_us > EFUSE_RING_POLL_MAX)
		return -EINVAL;
	setup->rings = nr_cpu_ids;
	setup->kernel_bytes = PAGE_ALIGN(EFUSE_RING_SLOTS + setup->depth * setup->slot_size);
	setup->daemon_bytes = setup->kernel_bytes;
	return 0;
}

static int setup_locked(struct fuse_conn *fc, struct efuse_ring_setup *setup)
{
	struct efuse_rings *rings;
	int err;

	if (fc->efuse.rings)
		return -EEXIST;
	rings = rings_new(fc, setup);
	if (IS_ERR(rings))
		return PTR_ERR(rings);
	err = rings_install(fc, rings);
	if (err)
		rings_free(rings);
	return err;
}

int efuse_ring_setup(struct fuse_conn *fc, struct efuse_ring_setup *setup)
{
	int err = setup_check(setup);

	if (err)
		return err;
	/* The server's page is another one than ours where caches have aliases. */
	if (IS_ENABLED(CONFIG_CPU_CACHE_ALIASING) || nr_cpu_ids > EFUSE_RING_MAX)
		return -EOPNOTSUPP;
	if (!fc->initialized)
		return -EAGAIN;
	mutex_lock(&setup_mutex);
	err = setup_locked(fc, setup);
	mutex_unlock(&setup_mutex);
	return err;
}

int efuse_dev_mmap(struct file *file, struct vm_area_struct *vma)
{
	struct fuse_dev *fud = READ_ONCE(file->private_data);
	struct efuse_rings *rings = fud ? efuse_rings_of(&fud->fc->iq) : NULL;

	return rings ? efuse_ring_mem_map(rings, vma) : -ENODEV;
}

/* --- entering ---------------------------------------------------------------- */

/*
 * From now on requests go on rings. What is queued on the device stays there. Who waits
 * to read it comes back, to look at both.
 */
static void start(struct efuse_rings *rings)
{
	struct fuse_iqueue *fiq = &rings->fc->iq;

	spin_lock(&fiq->lock);
	WRITE_ONCE(rings->fc->efuse.by_rings, true);
	WRITE_ONCE(fiq->ops, &efuse_ring_iqueue_ops);
	wake_up_all(&fiq->waitq);
	spin_unlock(&fiq->lock);
}

/* Of two that do so at once, one is not known to leave. */
static void take_replies(struct efuse_ring *ring, bool leaves)
{
	if (leaves)
		WRITE_ONCE(ring->leaver, current);
	efuse_ring_reap(ring, true);
	if (leaves)
		WRITE_ONCE(ring->leaver, NULL);
}

long efuse_ring_enter(struct fuse_conn *fc, unsigned long arg)
{
	const unsigned long flags = EFUSE_ENTER_START | EFUSE_ENTER_COMPLETE |
				    EFUSE_ENTER_KICK | EFUSE_ENTER_WAIT;
	struct efuse_rings *rings = efuse_rings_of(&fc->iq);
	unsigned int index = arg & (EFUSE_RING_MAX - 1);
	unsigned int home = (arg / EFUSE_RING_MAX) & (EFUSE_RING_MAX - 1);

	if (!rings || index >= rings->nr || home >= rings->nr ||
	    arg & ~(flags | (EFUSE_ENTER_COMPLETE - 1)))
		return -EINVAL;
	if (arg & EFUSE_ENTER_START)
		start(rings);
	if (!efuse_by_rings(&fc->efuse))
		return -EINVAL;
	if (!READ_ONCE(fc->iq.connected))
		return -ENODEV;
	if (arg & EFUSE_ENTER_COMPLETE)
		take_replies(&rings->ring[index], arg & EFUSE_ENTER_WAIT);
	if (arg & EFUSE_ENTER_KICK && efuse_rings_left(rings))
		efuse_rings_wake(rings, false);
	return arg & EFUSE_ENTER_WAIT ? efuse_ring_sleep(&rings->ring[home]) : 0;
}

/* --- hooks ------------------------------------------------------------------- */

struct fuse_pqueue *efuse_ring_pq(struct fuse_dev *fud, u64 unique)
{
	struct efuse_rings *rings = efuse_rings_of(&fud->fc->iq);
	u32 index = EFUSE_RING_OF(unique);

	return rings && index < rings->nr ? &rings->ring[index].fud->pq : &fud->pq;
}

bool efuse_rings_readable(struct fuse_iqueue *fiq)
{
	struct efuse_rings *rings = efuse_rings_of(fiq);

	return rings && efuse_rings_pending(rings);
}

void efuse_rings_abort(struct fuse_iqueue *fiq)
{
	struct efuse_rings *rings = efuse_rings_of(fiq);

	if (rings)
		efuse_rings_wake_all(rings);
}

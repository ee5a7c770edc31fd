// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * ringsend.c - requests go on the ring of the core that makes them, or another one's if
 * nobody waits for them, or to the device as they always did. Called under fc->bg_lock
 * and fi->lock, too: nothing here sleeps, and no request is ended.
 */
#include "../fuse_i.h"
#include "ring.h"

#include <linux/highmem.h>

/* --- one request ------------------------------------------------------------- */

static void *copy_pages(void *to, struct fuse_args *args, unsigned int left)
{
	struct fuse_args_pages *ap = container_of(args, typeof(*ap), args);
	unsigned int n;

	if (ap->uses_folios) {
		for (unsigned int i = 0; left && i < ap->num_folios; i++, to += n, left -= n) {
			n = min(left, ap->folio_descs[i].length);
			memcpy_from_folio(to, ap->folios[i], ap->folio_descs[i].offset, n);
		}
		return to;
	}
	for (unsigned int i = 0; left && i < ap->num_pages; i++, to += n, left -= n) {
		n = min(left, ap->descs[i].length);
		memcpy_from_page(to, ap->pages[i], ap->descs[i].offset, n);
	}
	return to;
}

/* req->in.h.len bytes, as fuse_dev_do_read() would have copied them. */
static void copy_request(void *to, struct fuse_req *req)
{
	struct fuse_args *args = req->args;

	memcpy(to, &req->in.h, sizeof(req->in.h));
	to += sizeof(req->in.h);
	for (unsigned int i = 0; i < args->in_numargs; i++) {
		const struct fuse_in_arg *arg = &args->in_args[i];

		if (args->in_pages && i == args->in_numargs - 1) {
			copy_pages(to, args, arg->size);
			return;
		}
		memcpy(to, arg->value, arg->size);
		to += arg->size;
	}
}

/* Under ring->lock. */
static u64 next_unique(struct efuse_ring *ring, unsigned int slot)
{
	ring->unique = (ring->unique + 2) & GENMASK_ULL(39, 0);
	return EFUSE_RING_UNIQUE(ring->index, slot) | ring->unique;
}

static void fill_slot(struct efuse_ring *ring, unsigned int slot, struct fuse_req *req)
{
	bool async = test_bit(FR_ASYNC, &req->flags);

	req->in.h.unique = next_unique(ring, slot);
	copy_request(ring->requests + slot * ring->rings->slot_size, req);
	WRITE_ONCE(ring->slot[slot].id, req->in.h.unique | (async ? EFUSE_SLOT_ASYNC : 0));
	WRITE_ONCE(ring->slot[slot].since, jiffies);
	req->efuse.ring = ring;
	req->efuse.slot = slot;
	req->efuse.counted = test_bit(FR_BACKGROUND, &req->flags);
}

/*
 * After this the server can see it, may have answered it, and the request be gone. There
 * are as many places in the array as there are slots, so that none is written that the
 * server has not taken, unless it has answered what it did not take.
 */
static void publish(struct efuse_ring *ring, unsigned int slot)
{
	WRITE_ONCE(ring->sub[ring->sub_tail & ring->rings->mask], slot);
	WRITE_ONCE(ring->sub_tail, ring->sub_tail + 1);
	/* Pairs with the server's acquire: what it counts is there. */
	smp_store_release(&ring->k->sub_tail, ring->sub_tail);
}

/*
 * Returns whether the request is on the ring: there was a slot and the connection is
 * not aborted. Under ring->lock, without which nobody gives a slot back.
 */
static bool put_locked(struct efuse_ring *ring, struct fuse_req *req)
{
	unsigned int slot = find_first_bit(ring->free, ring->rings->depth);
	bool background = test_bit(FR_BACKGROUND, &req->flags);

	if (slot >= ring->rings->depth)
		return false;
	fill_slot(ring, slot, req);
	if (!fuse_dev_sent(ring->fud, req)) {
		req->efuse.ring = NULL;
		return false;
	}
	__clear_bit(slot, ring->free);
	WRITE_ONCE(ring->inflight, ring->inflight + 1);
	WRITE_ONCE(ring->k->inflight, ring->inflight);
	if (background)
		atomic_inc(efuse_word(&ring->k->need));
	if (!test_bit(ring->index, ring->rings->used))
		set_bit(ring->index, ring->rings->used);
	publish(ring, slot);
	efuse_ring_count(ring, EFUSE_RC_SUBMITTED);
	return true;
}

/* Called by fuse_request_end(), once for each request, without ring->lock. */
void efuse_ring_end(struct fuse_req *req)
{
	struct efuse_ring *ring = req->efuse.ring;

	if (req->efuse.counted)
		atomic_dec(efuse_word(&ring->k->need));
	spin_lock(&ring->lock);
	__set_bit(req->efuse.slot, ring->free);
	WRITE_ONCE(ring->inflight, ring->inflight - 1);
	WRITE_ONCE(ring->k->inflight, ring->inflight);
	spin_unlock(&ring->lock);
}

/* --- who is told ------------------------------------------------------------- */

/* Nobody looks at rings, and nobody sleeps at one: perhaps in poll(2). */
static void wake_pollers(struct fuse_iqueue *fiq)
{
	/* After the barrier of put(); efuse_rings_pending() has the other. */
	if (waitqueue_active(&fiq->waitq))
		wake_up(&fiq->waitq);
	if (READ_ONCE(fiq->fasync))
		kill_fasync(&fiq->fasync, SIGIO, POLL_IN);
}

static int wake_elsewhere(struct efuse_ring *ring, bool here)
{
	int cpu = efuse_rings_wake(ring->rings, here);

	if (cpu != EFUSE_WOKE_NONE)
		efuse_ring_count(ring, EFUSE_RC_STOLEN);
	else
		wake_pollers(&ring->rings->fc->iq);
	return cpu;
}

/*
 * Put the request on the ring and have somebody look at it. The barrier is between the
 * tail and what says who looks: whoever is not seen there sees the tail before sleeping.
 */
static bool put(struct efuse_ring *ring, struct fuse_req *req)
{
	bool here = !test_bit(FR_BACKGROUND, &req->flags);
	int cpu;

	spin_lock(&ring->lock);
	if (!put_locked(ring, req)) {
		spin_unlock(&ring->lock);
		return false;
	}
	/* As above; pairs with those of ringwait.c and of the server. */
	smp_mb();
	efuse_ring_tick(ring);
	cpu = efuse_ring_tell_locked(ring, here);
	spin_unlock(&ring->lock);
	if (cpu == EFUSE_WOKE_NONE)
		cpu = wake_elsewhere(ring, here);
	/* Of a background request there may be nothing left. */
	if (here)
		req->efuse.cpu = cpu;
	return true;
}

/* --- which ring -------------------------------------------------------------- */

#define SPREAD_MAX	8	/* rings looked at for one request */

/* Its thread has nothing to do, and the core is not known to be busy. */
static bool is_idle(const struct efuse_ring *ring)
{
	return cpu_online(ring->index) && READ_ONCE(ring->k->sleepers) &&
	       !READ_ONCE(ring->inflight);
}

/*
 * Where a request that nobody waits for and that moves data would not be served by the
 * core that goes on making others. NULL if there is no such ring.
 */
static struct efuse_ring *idle_ring(struct efuse_ring *own)
{
	struct efuse_rings *rings = own->rings;
	unsigned int n = min(rings->nr - 1, SPREAD_MAX);

	if (READ_ONCE(own->d->pollers) &&
	    READ_ONCE(own->d->poller_cpu) != raw_smp_processor_id())
		return NULL;
	for (unsigned int i = 1; i <= n; i++) {
		struct efuse_ring *ring = &rings->ring[(own->index + i) % rings->nr];

		if (is_idle(ring))
			return ring;
	}
	return NULL;
}

static bool put_spread(struct efuse_ring *own, struct efuse_ring *ring, struct fuse_req *req)
{
	if (!put(ring, req))
		return false;
	efuse_ring_count(own, EFUSE_RC_SPREAD);
	return true;
}

static bool put_background(struct efuse_ring *own, struct fuse_req *req)
{
	struct efuse_rings *rings = own->rings;
	unsigned int n = min(rings->nr - 1, SPREAD_MAX);
	struct efuse_ring *idle = NULL;

	if (req->args->opcode == FUSE_READ || req->args->opcode == FUSE_WRITE)
		idle = idle_ring(own);
	if ((idle && put_spread(own, idle, req)) || put(own, req))
		return true;
	for (unsigned int i = 1; i <= n; i++)
		if (put_spread(own, &rings->ring[(own->index + i) % rings->nr], req))
			return true;
	return false;
}

/* --- the input queue --------------------------------------------------------- */

/*
 * Something was queued on the device, before: whoever looks at rings sees the count,
 * whoever sleeps is woken.
 */
static void told_device(struct efuse_rings *rings, bool here)
{
	atomic_inc(efuse_word(&rings->ring[0].k->device_tail));
	/* Pairs with the one of who goes to sleep. */
	smp_mb__after_atomic();
	efuse_rings_wake(rings, here);
}

static bool send_on_ring(struct efuse_rings *rings, struct fuse_req *req)
{
	struct efuse_ring *own = &rings->ring[raw_smp_processor_id()];
	bool sent;

	if (!test_bit(FR_ISREPLY, &req->flags) || req->in.h.opcode == FUSE_NOTIFY_REPLY)
		return false;
	if (req->in.h.len > rings->slot_size) {
		efuse_ring_count(own, EFUSE_RC_BIG);
		return false;
	}
	sent = test_bit(FR_BACKGROUND, &req->flags) ? put_background(own, req) : put(own, req);
	if (!sent)
		efuse_ring_count(own, EFUSE_RC_FULL);
	return sent;
}

static void send_req(struct fuse_iqueue *fiq, struct fuse_req *req)
{
	struct efuse_rings *rings = efuse_rings_of(fiq);
	bool here = !test_bit(FR_BACKGROUND, &req->flags);

	if (send_on_ring(rings, req))
		return;
	fuse_dev_fiq_ops.send_req(fiq, req);
	told_device(rings, here);
}

static void send_forget(struct fuse_iqueue *fiq, struct fuse_forget_link *forget)
{
	fuse_dev_fiq_ops.send_forget(fiq, forget);
	told_device(efuse_rings_of(fiq), false);
}

static void send_interrupt(struct fuse_iqueue *fiq, struct fuse_req *req)
{
	fuse_dev_fiq_ops.send_interrupt(fiq, req);
	told_device(efuse_rings_of(fiq), false);
}

const struct fuse_iqueue_ops efuse_ring_iqueue_ops = {
	.send_forget = send_forget,
	.send_interrupt = send_interrupt,
	.send_req = send_req,
};

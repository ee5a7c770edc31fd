// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * ringreply.c - replies are taken from a ring: by the server's thread that rings the
 * bell, by the requester that looks for its own or is about to sleep, by the work when
 * the timer has found that nobody did. A reply goes where write(2) would have brought it.
 *
 * A requester may hold what the end of somebody else's request needs: it takes no
 * notification, which no ring carries, and leaves requests that end by callback to the
 * work, as well as the end of the connection.
 */
#include "../fuse_i.h"
#include "ring.h"

#include <linux/bvec.h>
#include <linux/uio.h>

/* A slot of 64 KiB that does not begin with a page has a page more. */
#define REPLY_PAGES	(EFUSE_RING_SLOT_MAX / PAGE_SIZE + 1)

/* The server has written what cannot be. */
static void break_rings(struct efuse_ring *ring, bool all)
{
	WRITE_ONCE(ring->rings->broken, true);
	if (all)
		fuse_abort_conn(ring->rings->fc);
	else
		queue_work(system_unbound_wq, &ring->work);
}

/* Returns 1 with a slot that has a reply, 0 if there is none, -EPROTO. */
static int pop(struct efuse_ring *ring, u32 *slot)
{
	struct efuse_rings *rings = ring->rings;
	int ret = -EPROTO;
	u32 n;

	if (READ_ONCE(ring->d->comp_tail) == READ_ONCE(ring->comp_head))
		return 0;
	spin_lock(&ring->comp_lock);
	/* What it counts was written before it: the number and the reply. */
	n = smp_load_acquire(&ring->d->comp_tail) - ring->comp_head;
	if (!n) {
		ret = 0;
	} else if (n <= rings->depth) {
		*slot = READ_ONCE(ring->comp[ring->comp_head & rings->mask]);
		if (*slot < rings->depth) {
			WRITE_ONCE(ring->comp_head, ring->comp_head + 1);
			ret = 1;
		}
	}
	spin_unlock(&ring->comp_lock);
	return ret;
}

/* The header as it is now; it may change as soon as it was read. */
static struct fuse_out_header read_header(const void *reply)
{
	const struct fuse_out_header *oh = reply;

	return (struct fuse_out_header){
		.len = READ_ONCE(oh->len),
		.error = READ_ONCE(oh->error),
		.unique = READ_ONCE(oh->unique),
	};
}

/* left bytes from at on, in the ring's part. */
static void describe(struct efuse_ring *ring, size_t at, size_t left, struct bio_vec *vec,
		     struct iov_iter *iter)
{
	size_t size = left, len;
	unsigned int n = 0;

	for (; left; at += len, left -= len) {
		len = min(left, PAGE_SIZE - offset_in_page(at));
		bvec_set_page(&vec[n++], ring->reply_pages[at >> PAGE_SHIFT], len,
			      offset_in_page(at));
	}
	iov_iter_bvec(iter, ITER_SOURCE, vec, n, size);
}

/*
 * Give the request what follows the header in the slot. Most of it is on the first page,
 * which needs no describing. Returns 0 or -errno.
 */
static int answer(struct efuse_ring *ring, u32 slot, const struct fuse_out_header *oh)
{
	size_t at = EFUSE_RING_SLOTS + slot * ring->rings->slot_size + sizeof(*oh);
	size_t size = oh->len - sizeof(*oh);
	struct bio_vec vec[REPLY_PAGES], first;
	struct iov_iter iter;

	bvec_set_page(&first, ring->reply_pages[at >> PAGE_SHIFT],
		      min(size, PAGE_SIZE - offset_in_page(at)), offset_in_page(at));
	if (first.bv_len == size)
		return fuse_dev_answer(ring->fud, oh, &first, NULL);
	describe(ring, at + first.bv_len, size - first.bv_len, vec, &iter);
	return fuse_dev_answer(ring->fud, oh, &first, &iter);
}

/* Returns 0, or -EPROTO for a reply that could not fit in where it is. */
static int take(struct efuse_ring *ring, u32 slot, bool all)
{
	const void *reply = ring->replies + slot * ring->rings->slot_size;
	struct fuse_out_header oh = read_header(reply);
	/* Of the request there, or of one before: then it does not match or is not found. */
	u64 id = READ_ONCE(ring->slot[slot].id);
	int err;

	if (oh.len < sizeof(oh) || oh.len > ring->rings->slot_size)
		return -EPROTO;
	if (oh.unique != (id & ~EFUSE_SLOT_ASYNC)) {
		efuse_ring_count(ring, EFUSE_RC_REFUSED);
		return 0;
	}
	if (!all && (id & EFUSE_SLOT_ASYNC)) {
		set_bit(slot, ring->deferred);
		queue_work(system_unbound_wq, &ring->work);
		return 0;
	}
	err = fuse_dev_answer_memory(ring->fud, &oh, reply + sizeof(oh));
	if (err > 0)
		err = answer(ring, slot, &oh);
	if (err)
		efuse_ring_count(ring, EFUSE_RC_REFUSED);
	return 0;
}

/* A server that goes on putting them there does not keep the caller. */
void efuse_ring_reap(struct efuse_ring *ring, bool all)
{
	int ret = 1;
	u32 slot;

	for (u32 i = 0; i < ring->rings->depth && ret > 0; i++) {
		ret = pop(ring, &slot);
		if (ret <= 0)
			break;
		efuse_ring_count(ring, EFUSE_RC_COMPLETED);
		ret = take(ring, slot, all) ?: 1;
	}
	if (ret < 0)
		break_rings(ring, all);
}

void efuse_ring_reap_deferred(struct efuse_ring *ring)
{
	unsigned int slot;

	for_each_set_bit(slot, ring->deferred, ring->rings->depth)
		if (test_and_clear_bit(slot, ring->deferred) && take(ring, slot, true))
			break_rings(ring, true);
}

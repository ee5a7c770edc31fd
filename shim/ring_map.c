// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * ring_map.c - the memory of the rings: asked of the driver, mapped, given back.
 *
 * What the driver says of its sizes is checked once, here, as is the length of each
 * mapping by the driver; afterwards only numbers of slots come from there.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "shim/ring.h"
#include "shim/settings.h"

#define DEPTH_LEAST 2

static int setup(struct rings *r, uint32_t depth)
{
	unsigned int poll_us = settings_get()->poll_us;
	struct efuse_ring_setup how = {
		.size = sizeof(how), .depth = depth,
		.poll_us = poll_us < EFUSE_RING_POLL_MAX ? poll_us : EFUSE_RING_POLL_MAX,
	};

	if (syscall(__NR_ioctl, r->devfd, EFUSE_IOC_RING_SETUP, &how))
		return -errno;
	r->how = how;
	return 0;
}

/* The driver's own choice, or as much as the user may lock. */
static int setup_or_less(struct rings *r)
{
	uint32_t depth;
	int err = setup(r, 0);

	for (depth = 8; err == -ENOMEM && depth >= DEPTH_LEAST; depth /= 2)
		err = setup(r, depth);
	return err;
}

static void *map_part(struct rings *r, uint64_t offset, size_t size, int prot)
{
	void *map = mmap(NULL, size, prot, MAP_SHARED, r->devfd, (off_t)offset);

	if (map == MAP_FAILED)
		return NULL;
	/* A child maps them anew, if it reads at all. */
	madvise(map, size, MADV_DONTFORK);
	return map;
}

static int map_ring(struct rings *r, unsigned int i)
{
	struct ring *ring = &r->ring[i];
	char *daemon;

	pthread_mutex_init(&ring->lock, NULL);
	ring->request = calloc(r->depth, sizeof(*ring->request));
	if (!ring->request)
		return -ENOMEM;
	ring->kernel = map_part(r, EFUSE_RING_KERNEL(i), r->how.kernel_bytes, PROT_READ);
	if (!ring->kernel)
		return -errno;
	ring->daemon = map_part(r, EFUSE_RING_DAEMON(i), r->how.daemon_bytes,
				PROT_READ | PROT_WRITE);
	if (!ring->daemon)
		return -errno;
	daemon = (char *)ring->daemon;
	ring->submitted = (const void *)((const char *)ring->kernel + EFUSE_RING_ARRAY);
	ring->requests = (const char *)ring->kernel + EFUSE_RING_SLOTS;
	ring->completed = (void *)(daemon + EFUSE_RING_ARRAY);
	ring->replies = daemon + EFUSE_RING_SLOTS;
	return 0;
}

static bool fits(const struct efuse_ring_setup *how)
{
	size_t least = EFUSE_RING_SLOTS + (size_t)how->depth * how->slot_size;

	return how->depth && how->depth <= EFUSE_RING_DEPTH_MAX && !(how->depth & (how->depth - 1)) &&
	       how->slot_size >= EFUSE_RING_SLOT_MIN && how->slot_size <= EFUSE_RING_SLOT_MAX &&
	       how->rings && how->rings <= EFUSE_RING_MAX &&
	       how->kernel_bytes >= least && how->daemon_bytes >= least;
}

int ring_map(struct rings *r)
{
	int err = r->inherited ? 0 : setup_or_less(r);

	if (!err && !fits(&r->how))
		err = -EPROTO;
	if (err)
		return err;
	r->depth = r->how.depth;
	r->slot_size = r->how.slot_size;
	r->ring = calloc(r->how.rings, sizeof(*r->ring));
	if (!r->ring)
		return -ENOMEM;
	r->count = r->how.rings;
	for (unsigned int i = 0; !err && i < r->count; i++)
		err = map_ring(r, i);
	return err;
}

static void unmap_ring(struct rings *r, struct ring *ring)
{
	if (ring->kernel)
		munmap((void *)(uintptr_t)ring->kernel, r->how.kernel_bytes);
	if (ring->daemon)
		munmap(ring->daemon, r->how.daemon_bytes);
	free(ring->request);
}

void ring_unmap(struct rings *r)
{
	for (unsigned int i = 0; i < r->count; i++)
		unmap_ring(r, &r->ring[i]);
	free(r->ring);
	r->ring = NULL;
	r->count = 0;
}

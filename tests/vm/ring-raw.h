/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ring-raw.h - rings as <linux/efuse.h> has them, for servers that speak the FUSE
 * protocol without a library: the least that works, to test and to count with.
 */
#ifndef VM_RING_RAW_H
#define VM_RING_RAW_H

#include <errno.h>
#include <linux/efuse.h>
#include <linux/fuse.h>
#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#define RAW_RINGS	64

struct raw_ring {
	const struct efuse_ring_kernel *k;
	struct efuse_ring_daemon *d;
	const uint32_t *sub;
	uint32_t *comp;
	const char *requests;
	char *replies;
	pthread_mutex_t lock;	/* of comp_tail */
};

struct raw_rings {
	int fd;
	struct efuse_ring_setup setup;
	struct raw_ring ring[RAW_RINGS];
	uint32_t device_seen;	/* device_tail when the device was last found empty */
};

/* One of the server's threads. */
struct raw_thread {
	struct raw_rings *rings;
	uint32_t home;		/* where it looks first */
	uint32_t spin_us;	/* how long it looks before it sleeps */
	uint32_t owed;		/* the ring whose bell is to be rung, and 1; 0 if none */
	unsigned long enters;	/* system calls it made: of rings, and of the device */
	unsigned long calls;
	unsigned long woken;	/* times that it slept and was woken */
	char *buffer;		/* for what is read from the device */
	size_t size;
};

static inline uint64_t raw_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

/* --- set-up ------------------------------------------------------------------ */

static inline int raw_map_ring(struct raw_rings *rings, uint32_t i)
{
	struct raw_ring *ring = &rings->ring[i];
	char *k = mmap(NULL, rings->setup.kernel_bytes, PROT_READ, MAP_SHARED, rings->fd,
		       (off_t)EFUSE_RING_KERNEL(i));
	char *d = mmap(NULL, rings->setup.daemon_bytes, PROT_READ | PROT_WRITE, MAP_SHARED,
		       rings->fd, (off_t)EFUSE_RING_DAEMON(i));

	if (k == MAP_FAILED || d == MAP_FAILED)
		return -errno;
	*ring = (struct raw_ring){
		.k = (const void *)k, .sub = (const void *)(k + EFUSE_RING_ARRAY),
		.requests = k + EFUSE_RING_SLOTS,
		.d = (void *)d, .comp = (void *)(d + EFUSE_RING_ARRAY),
		.replies = d + EFUSE_RING_SLOTS,
	};
	return pthread_mutex_init(&ring->lock, NULL);
}

/* Make and map the rings of a mounted descriptor. Returns 0 or -errno. */
static inline int raw_setup(struct raw_rings *rings, int fd, uint32_t depth,
			    uint32_t slot_size, uint32_t poll_us)
{
	int err = 0;

	*rings = (struct raw_rings){ .fd = fd, .setup = { .size = sizeof(rings->setup) } };
	rings->setup.depth = depth;
	rings->setup.slot_size = slot_size;
	rings->setup.poll_us = poll_us;
	if (ioctl(fd, EFUSE_IOC_RING_SETUP, &rings->setup))
		return -errno;
	if (rings->setup.rings > RAW_RINGS)
		return -E2BIG;
	for (uint32_t i = 0; !err && i < rings->setup.rings; i++)
		err = raw_map_ring(rings, i);
	return err;
}

static inline int raw_enter(const struct raw_rings *rings, uint32_t ring, uint32_t home,
			    uint32_t flags)
{
	int ret = ioctl(rings->fd, EFUSE_IOC_RING_ENTER, EFUSE_ENTER(ring, home, flags));

	return ret < 0 ? -errno : ret;
}

/* --- requests ---------------------------------------------------------------- */

static inline bool raw_has(const struct raw_ring *ring)
{
	return __atomic_load_n(&ring->k->sub_tail, __ATOMIC_ACQUIRE) !=
	       __atomic_load_n(&ring->d->sub_head, __ATOMIC_RELAXED);
}

static inline const struct fuse_in_header *raw_take(struct raw_rings *rings, uint32_t i)
{
	struct raw_ring *ring = &rings->ring[i];
	uint32_t head, slot;

	for (;;) {
		head = __atomic_load_n(&ring->d->sub_head, __ATOMIC_RELAXED);
		if (head == __atomic_load_n(&ring->k->sub_tail, __ATOMIC_ACQUIRE))
			return NULL;
		slot = __atomic_load_n(&ring->sub[head & (rings->setup.depth - 1)],
				       __ATOMIC_RELAXED);
		if (__atomic_compare_exchange_n(&ring->d->sub_head, &head, head + 1, false,
						__ATOMIC_SEQ_CST, __ATOMIC_RELAXED))
			return (const void *)(ring->requests + slot * rings->setup.slot_size);
	}
}

/* NULL when there is nothing on the device, or it has ended. */
static inline const struct fuse_in_header *raw_read(struct raw_thread *t)
{
	struct raw_rings *rings = t->rings;
	uint32_t tail = __atomic_load_n(&rings->ring[0].k->device_tail, __ATOMIC_ACQUIRE);

	if (tail == __atomic_load_n(&rings->device_seen, __ATOMIC_RELAXED))
		return NULL;
	t->calls++;
	if (read(rings->fd, t->buffer, t->size) > 0)
		return (const void *)t->buffer;
	__atomic_store_n(&rings->device_seen, tail, __ATOMIC_RELAXED);
	return NULL;
}

static inline const struct fuse_in_header *raw_look(struct raw_thread *t)
{
	struct raw_rings *rings = t->rings;
	const struct fuse_in_header *in;

	for (uint32_t i = 0; i < rings->setup.rings; i++) {
		in = raw_take(rings, (t->home + i) % rings->setup.rings);
		if (in)
			return in;
	}
	return raw_read(t);
}

static inline const struct fuse_in_header *raw_spin(struct raw_thread *t)
{
	const struct fuse_in_header *in = raw_look(t);
	uint64_t end;

	if (in)
		return in;
	for (end = raw_now() + t->spin_us * 1000; !in && raw_now() < end; in = raw_look(t))
		__builtin_ia32_pause();
	return in;
}

static inline void raw_ring_bell(struct raw_thread *t)
{
	if (!t->owed)
		return;
	t->enters++;
	raw_enter(t->rings, t->owed - 1, t->home, EFUSE_ENTER_COMPLETE);
	t->owed = 0;
}

static inline void raw_poll_begin(struct raw_thread *t)
{
	struct efuse_ring_daemon *d = t->rings->ring[t->home].d;

	__atomic_store_n(&d->poller_cpu, (uint32_t)sched_getcpu(), __ATOMIC_RELAXED);
	__atomic_fetch_add(&d->pollers, 1, __ATOMIC_SEQ_CST);
}

/* The next one may have to be woken for what is left. */
static inline void raw_poll_end(struct raw_thread *t, bool found)
{
	struct raw_rings *rings = t->rings;
	bool more = false;

	if (__atomic_sub_fetch(&rings->ring[t->home].d->pollers, 1, __ATOMIC_SEQ_CST) || !found)
		return;
	if (!__atomic_load_n(&rings->ring[0].k->all_sleepers, __ATOMIC_SEQ_CST))
		return;
	for (uint32_t i = 0; i < rings->setup.rings; i++)
		more |= raw_has(&rings->ring[i]);
	if (more) {
		t->enters++;
		raw_enter(rings, 0, t->home, EFUSE_ENTER_KICK);
	}
}

static inline const struct fuse_in_header *raw_poll(struct raw_thread *t)
{
	const struct fuse_in_header *in;

	raw_poll_begin(t);
	in = raw_spin(t);
	raw_poll_end(t, in != NULL);
	return in;
}

static inline int raw_sleep(struct raw_thread *t)
{
	uint32_t owed = t->owed;

	t->owed = 0;
	t->enters++;
	return raw_enter(t->rings, owed ? owed - 1 : 0, t->home,
			 EFUSE_ENTER_WAIT | (owed ? EFUSE_ENTER_COMPLETE : 0));
}

/* The next request. It is there until it is answered. NULL: the connection has ended. */
static inline const struct fuse_in_header *raw_next(struct raw_thread *t)
{
	const struct fuse_in_header *in;
	int ret;

	for (;;) {
		in = t->spin_us ? raw_poll(t) : raw_look(t);
		if (in)
			break;
		ret = raw_sleep(t);
		if (ret < 0 && ret != -EINTR)
			return NULL;
		t->woken += ret > 0 && ret & EFUSE_ENTER_WOKEN;
		if (ret >= 0 && ret & EFUSE_ENTER_DEVICE)
			__atomic_fetch_sub(&t->rings->device_seen, 1, __ATOMIC_RELAXED);
	}
	raw_ring_bell(t);
	return in;
}

/* --- replies ----------------------------------------------------------------- */

/* comp_tail moves on, and who waits for that is told, at the latest by raw_next(). */
static inline void raw_complete(struct raw_thread *t, uint32_t index, uint32_t slot)
{
	struct raw_ring *ring = &t->rings->ring[index];
	uint32_t tail;

	pthread_mutex_lock(&ring->lock);
	tail = ring->d->comp_tail;
	ring->comp[tail & (t->rings->setup.depth - 1)] = slot;
	__atomic_store_n(&ring->d->comp_tail, tail + 1, __ATOMIC_SEQ_CST);
	pthread_mutex_unlock(&ring->lock);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (!__atomic_load_n(&ring->k->need, __ATOMIC_RELAXED))
		return;
	raw_ring_bell(t);
	t->owed = index + 1;
}

/* Answer with error (0 or -errno) and size bytes of data. Returns 0 or -errno. */
static inline int raw_reply(struct raw_thread *t, uint64_t unique, int error, const void *data,
			    size_t size)
{
	struct fuse_out_header header = {
		.len = (uint32_t)(sizeof(header) + size), .error = error, .unique = unique,
	};
	struct iovec iov[2] = { { &header, sizeof(header) }, { (void *)data, size } };
	uint32_t i = EFUSE_RING_OF(unique), slot = EFUSE_SLOT_OF(unique);
	char *to;

	if (EFUSE_IS_RING(unique) && header.len <= t->rings->setup.slot_size) {
		to = t->rings->ring[i].replies + slot * t->rings->setup.slot_size;
		memcpy(to, &header, sizeof(header));
		memcpy(to + sizeof(header), data, size);
		raw_complete(t, i, slot);
		return 0;
	}
	t->calls++;
	return writev(t->rings->fd, iov, 2) < 0 ? -errno : 0;
}

#endif

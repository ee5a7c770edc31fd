/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ring-fs.h - a small file system of several threads that serves rings, and what its
 * tests share with it: one folder, files with the same contents read in different ways,
 * and one whose attributes come when they are let go.
 */
#ifndef VM_RING_FS_H
#define VM_RING_FS_H

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "ring-raw.h"

#define DATA_SIZE	(1 << 20)
#define MAX_WRITE	(128 << 10)
#define FS_THREADS	8
#define HELD_MAX	64

enum { DIRECT_INO = 2, CACHED_INO, HELD_INO, SLOW_INO, LINK_INO, MADE_INO };

/* What parent and server share. */
struct fs_shared {
	int ready;		/* 1, or -errno */
	int hold;		/* replies about `held` wait while it is set */
	int held;		/* so many do */
	int splice;		/* long replies are spliced */
	int interrupts, forgets;
	uint64_t interrupted[HELD_MAX];	/* uniques; 0: free */
	uint32_t slow_us;
	unsigned long requests, enters, calls, woken;
	uint64_t count[EFUSE_RING_COUNTS];
	char data[DATA_SIZE];
};

struct fs_options {
	uint32_t depth, slot_size, poll_us, spin_us;
	int threads;
	int first_cpu;		/* threads are pinned from here on; -1: not at all */
	int home;		/* of all threads; -1: their number */
};

struct fs {
	struct fs_options o;
	struct fs_shared *shared;
	char dir[32];
	int fd;			/* until the server has it */
	pid_t pid;
};

/* --- the server -------------------------------------------------------------- */

struct fs_thread {
	struct raw_thread raw;
	struct fs *fs;
	int index;
	pthread_t id;
	char reply[MAX_WRITE + 4096];
};

static struct raw_rings fs_rings;

static inline struct fuse_attr fs_attr(uint64_t ino)
{
	struct fuse_attr attr = {
		.ino = ino, .nlink = 1, .blksize = 4096, .size = DATA_SIZE, .mode = S_IFREG | 0666,
	};

	if (ino == FUSE_ROOT_ID || ino == MADE_INO)
		attr.mode = S_IFDIR | 0777;
	else if (ino == LINK_INO)
		attr.mode = S_IFLNK | 0777;
	return attr;
}

static inline bool fs_is_interrupted(struct fs_shared *s, uint64_t unique)
{
	for (int i = 0; i < HELD_MAX; i++)
		if (__atomic_load_n(&s->interrupted[i], __ATOMIC_SEQ_CST) == unique) {
			__atomic_store_n(&s->interrupted[i], 0, __ATOMIC_SEQ_CST);
			return true;
		}
	return false;
}

static inline void fs_interrupt(struct fs_shared *s, uint64_t unique)
{
	__atomic_fetch_add(&s->interrupts, 1, __ATOMIC_SEQ_CST);
	for (int i = 0; i < HELD_MAX; i++) {
		uint64_t none = 0;

		if (__atomic_compare_exchange_n(&s->interrupted[i], &none, unique, false,
						__ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
			return;
	}
}

/* Returns 0, or -EINTR if it was asked to. */
static inline int fs_held(struct fs_shared *s, uint64_t unique)
{
	int err = 0;

	__atomic_fetch_add(&s->held, 1, __ATOMIC_SEQ_CST);
	while (!err && __atomic_load_n(&s->hold, __ATOMIC_SEQ_CST)) {
		usleep(1000);
		if (fs_is_interrupted(s, unique))
			err = -EINTR;
	}
	__atomic_fetch_sub(&s->held, 1, __ATOMIC_SEQ_CST);
	return err;
}

static inline int fs_lookup(struct fuse_entry_out *out, const char *name)
{
	static const char * const names[] = { "direct", "cached", "held", "slow", "link", "made" };

	for (uint64_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (!strcmp(name, names[i])) {
			*out = (struct fuse_entry_out){ .nodeid = DIRECT_INO + i,
							.attr = fs_attr(DIRECT_INO + i) };
			return sizeof(*out);
		}
	return -ENOENT;
}

static inline int fs_read(struct fs_shared *s, const struct fuse_read_in *in, char *to)
{
	uint64_t at = in->offset < DATA_SIZE ? in->offset : DATA_SIZE;
	uint32_t size = in->size < DATA_SIZE - at ? in->size : (uint32_t)(DATA_SIZE - at);

	size = size < MAX_WRITE ? size : MAX_WRITE;
	memcpy(to, s->data + at, size);
	return (int)size;
}

static inline int fs_write(struct fs_shared *s, const struct fuse_write_in *in, char *reply)
{
	struct fuse_write_out *out = (void *)reply;

	if (in->offset > DATA_SIZE || in->size > DATA_SIZE - in->offset)
		return -ENOSPC;
	memcpy(s->data + in->offset, in + 1, in->size);
	*out = (struct fuse_write_out){ .size = in->size };
	return sizeof(*out);
}

static inline int fs_readdir(const struct fuse_read_in *in, char *to)
{
	struct fuse_dirent *d = (void *)to;

	if (in->offset)
		return 0;
	*d = (struct fuse_dirent){ .ino = DIRECT_INO, .off = 1, .namelen = 6, .type = S_IFREG >> 12 };
	memcpy(d->name, "direct", 6);
	return (int)FUSE_DIRENT_SIZE(d);
}

static inline int fs_getattr(struct fs_shared *s, const struct fuse_in_header *in, char *reply)
{
	struct fuse_attr_out *out = (void *)reply;
	int err = 0;

	if (in->nodeid == HELD_INO)
		err = fs_held(s, in->unique);
	else if (in->nodeid == SLOW_INO)
		usleep(s->slow_us);
	*out = (struct fuse_attr_out){ .attr = fs_attr(in->nodeid) };
	return err ?: (int)sizeof(*out);
}

/* The bytes of the reply in t->reply, or -errno. */
static inline int fs_answer(struct fs_thread *t, const struct fuse_in_header *in)
{
	struct fs_shared *s = t->fs->shared;
	const void *arg = in + 1;

	switch (in->opcode) {
	case FUSE_LOOKUP:
	case FUSE_MKDIR:
		return fs_lookup((void *)t->reply,
				 in->opcode == FUSE_MKDIR ? "made" : arg);
	case FUSE_GETATTR:
		return fs_getattr(s, in, t->reply);
	case FUSE_SETATTR:
		*(struct fuse_attr_out *)t->reply =
			(struct fuse_attr_out){ .attr = fs_attr(in->nodeid) };
		return sizeof(struct fuse_attr_out);
	case FUSE_OPEN:
	case FUSE_OPENDIR:
		*(struct fuse_open_out *)t->reply = (struct fuse_open_out){
			.open_flags = in->nodeid == DIRECT_INO ? FOPEN_DIRECT_IO : 0,
		};
		return sizeof(struct fuse_open_out);
	case FUSE_READ:
		return fs_read(s, arg, t->reply);
	case FUSE_WRITE:
		return fs_write(s, arg, t->reply);
	case FUSE_READDIR:
		return fs_readdir(arg, t->reply);
	case FUSE_READLINK:
		memcpy(t->reply, "direct", 6);
		return 6;
	case FUSE_STATFS:
		*(struct fuse_statfs_out *)t->reply =
			(struct fuse_statfs_out){ .st = { .bsize = 4096, .namelen = 255 } };
		return sizeof(struct fuse_statfs_out);
	case FUSE_RMDIR:
	case FUSE_RELEASE:
	case FUSE_RELEASEDIR:
	case FUSE_FLUSH:
	case FUSE_FSYNC:
	case FUSE_DESTROY:
		return 0;
	default:
		return -ENOSYS;
	}
}

/* A reply by splice(2): the pipe has room for it. */
static inline int fs_splice(struct fs_thread *t, uint64_t unique, int size)
{
	struct fuse_out_header header = {
		.len = (uint32_t)sizeof(header) + (uint32_t)size, .unique = unique,
	};
	struct iovec iov[2] = { { &header, sizeof(header) }, { t->reply, (size_t)size } };
	int p[2], err = pipe(p);

	if (err)
		return -errno;
	fcntl(p[0], F_SETPIPE_SZ, 1 << 20);
	if (writev(p[1], iov, 2) != (ssize_t)header.len ||
	    splice(p[0], NULL, fs_rings.fd, NULL, header.len, 0) != (ssize_t)header.len)
		err = -errno;
	close(p[0]);
	close(p[1]);
	return err;
}

static inline void fs_serve_one(struct fs_thread *t, const struct fuse_in_header *in)
{
	struct fs_shared *s = t->fs->shared;
	uint64_t unique = in->unique;
	uint32_t opcode = in->opcode;
	int size;

	__atomic_fetch_add(&s->requests, 1, __ATOMIC_RELAXED);
	if (opcode == FUSE_FORGET || opcode == FUSE_BATCH_FORGET) {
		__atomic_fetch_add(&s->forgets, 1, __ATOMIC_SEQ_CST);
	} else if (opcode == FUSE_INTERRUPT) {
		fs_interrupt(s, ((const struct fuse_interrupt_in *)(in + 1))->unique);
	} else {
		size = fs_answer(t, in);
		if (s->splice && opcode == FUSE_READ && size > 0)
			fs_splice(t, unique, size);
		else
			raw_reply(&t->raw, unique, size < 0 ? size : 0, t->reply,
				  size < 0 ? 0 : (size_t)size);
	}
}

static inline void fs_pin(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET((size_t)cpu, &set);
	if (cpu >= 0)
		sched_setaffinity(0, sizeof(set), &set);
}

static inline void *fs_thread(void *arg)
{
	struct fs_thread *t = arg;
	struct fs_options *o = &t->fs->o;
	const struct fuse_in_header *in;
	int cpus = (int)sysconf(_SC_NPROCESSORS_ONLN);

	if (o->first_cpu >= 0)
		fs_pin((o->first_cpu + t->index) % cpus);
	t->raw.home = (uint32_t)(o->home >= 0 ? o->home : t->index) % fs_rings.setup.rings;
	while ((in = raw_next(&t->raw)))
		fs_serve_one(t, in);
	__atomic_fetch_add(&t->fs->shared->enters, t->raw.enters, __ATOMIC_SEQ_CST);
	__atomic_fetch_add(&t->fs->shared->woken, t->raw.woken, __ATOMIC_SEQ_CST);
	__atomic_fetch_add(&t->fs->shared->calls, t->raw.calls, __ATOMIC_SEQ_CST);
	return NULL;
}

static inline int fs_answer_init(int fd, char *buffer, size_t size)
{
	struct {
		struct fuse_out_header header;
		struct fuse_init_out init;
	} out = { { sizeof(out), 0, 0 }, { .major = FUSE_KERNEL_VERSION, .minor = 31 } };
	const struct fuse_in_header *in = (const void *)buffer;
	const struct fuse_init_in *init = (const void *)(in + 1);

	if (read(fd, buffer, size) < 0)
		return -errno;
	out.header.unique = in->unique;
	out.init.max_readahead = init->max_readahead;
	out.init.max_write = MAX_WRITE;
	out.init.max_background = 12;
	out.init.max_pages = MAX_WRITE / 4096;
	out.init.flags = init->flags & (FUSE_ASYNC_READ | FUSE_BIG_WRITES | FUSE_MAX_PAGES);
	return write(fd, &out, sizeof(out)) < 0 ? -errno : 0;
}

static inline int fs_start_rings(struct fs *fs, int fd, char *buffer, size_t size)
{
	int err = fs_answer_init(fd, buffer, size);

	if (!err)
		err = raw_setup(&fs_rings, fd, fs->o.depth, fs->o.slot_size, fs->o.poll_us);
	return err ?: raw_enter(&fs_rings, 0, 0, EFUSE_ENTER_START);
}

/* The server's process. */
static inline void fs_run(struct fs *fs, int fd)
{
	static struct fs_thread threads[FS_THREADS];
	static char buffers[FS_THREADS][MAX_WRITE + 8192] __attribute__((aligned(8)));
	int err = fs_start_rings(fs, fd, buffers[0], sizeof(buffers[0]));

	for (int i = 0; !err && i < fs->o.threads; i++) {
		threads[i] = (struct fs_thread){
			.fs = fs, .index = i,
			.raw = { .rings = &fs_rings, .spin_us = fs->o.spin_us,
				 .buffer = buffers[i], .size = sizeof(buffers[i]) },
		};
		err = -pthread_create(&threads[i].id, NULL, fs_thread, &threads[i]);
	}
	__atomic_store_n(&fs->shared->ready, err ?: 1, __ATOMIC_SEQ_CST);
	for (int i = 0; !err && i < fs->o.threads; i++)
		pthread_join(threads[i].id, NULL);
	for (uint32_t i = 0; !err && i < fs_rings.setup.rings; i++)
		for (int c = 0; c < EFUSE_RING_COUNTS; c++)
			fs->shared->count[c] += fs_rings.ring[i].k->count[c];
	_exit(err != 0);
}

/* --- for the tests ----------------------------------------------------------- */

static inline int fs_mount(int fd, const char *dir)
{
	char options[96];

	snprintf(options, sizeof(options),
		 "fd=%d,rootmode=40000,user_id=0,group_id=0,allow_other", fd);
	mkdir(dir, 0755);
	return mount("ring", dir, "efuse", MS_NOSUID | MS_NODEV, options) ? -errno : 0;
}

/* What a server needs, mounted. Returns 0 or -errno. */
static inline int fs_prepare(struct fs *fs, const char *dir)
{
	fs->fd = open("/dev/efuse", O_RDWR | O_CLOEXEC);
	snprintf(fs->dir, sizeof(fs->dir), "%s", dir);
	fs->shared = mmap(NULL, sizeof(*fs->shared), PROT_READ | PROT_WRITE,
			  MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	for (int i = 0; i < DATA_SIZE; i++)
		fs->shared->data[i] = (char)(i ^ i >> 9);
	return fs->fd < 0 ? -errno : fs_mount(fs->fd, dir);
}

/* A mounted file system served by rings. Returns 0 or -errno. */
static inline int fs_start(struct fs *fs, const char *dir, struct fs_options o)
{
	int err = fs_prepare(fs, dir);

	if (err)
		return err;
	fs->o = o;
	fs->pid = fork();
	if (!fs->pid)
		fs_run(fs, fs->fd);
	close(fs->fd);
	while (!__atomic_load_n(&fs->shared->ready, __ATOMIC_SEQ_CST))
		usleep(1000);
	return fs->shared->ready > 0 ? 0 : fs->shared->ready;
}

/* Returns the server's exit status once it has ended; its numbers are in shared then. */
static inline int fs_wait(struct fs *fs)
{
	int status = -1;

	while (waitpid(fs->pid, &status, 0) < 0 && errno == EINTR)
		;
	return status;
}

/* Unmounts. Returns whether the server then ended well. */
static inline bool fs_stop(struct fs *fs)
{
	if (umount(fs->dir))
		umount2(fs->dir, MNT_DETACH | MNT_FORCE);
	return fs_wait(fs) == 0;
}

static inline void fs_free(struct fs *fs)
{
	munmap(fs->shared, sizeof(*fs->shared));
}

#endif

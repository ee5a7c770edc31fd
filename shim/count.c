// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * count.c - writes the status file. It must never make a request fail: without
 * a file the same counters live in private memory.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "shim/count.h"
#include "shim/real.h"
#include "shim/settings.h"
#include "shim/smallfile.h"

/* Start time of this process: field 22 of /proc/self/stat, in clock ticks. */
static uint64_t start_time(void)
{
	char buf[1024], *p;
	unsigned long long ticks = 0;

	if (!smallfile_read("/proc/self/stat", buf, sizeof(buf)))
		return 0;
	p = strrchr(buf, ')');
	if (!p || sscanf(p + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d "
			 "%*d %*d %*d %*d %llu", &ticks) != 1)
		return 0;
	return ticks;
}

static char *file_path(const struct session *s)
{
	const struct settings *set = settings_get();
	char *path;

	if (!set->status[0] || !set->token[0])
		return NULL;
	if (asprintf(&path, "%s/%s-%d-%u", set->status, set->token, (int)getpid(), s->index) < 0)
		return NULL;
	return path;
}

/* Maps a new file of SIZE bytes at PATH; its pages exist once touched. */
static void *file_map(const char *path, size_t size)
{
	void *map = MAP_FAILED;
	int err, fd;

	fd = real()->open(path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
	if (fd < 0)
		return MAP_FAILED;
	/* posix_fallocate: a full file system must fail here, not by SIGBUS. */
	err = posix_fallocate(fd, 0, (off_t)size);
	if (!err) {
		map = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
		err = errno;
	}
	real()->close(fd);
	if (map == MAP_FAILED) {
		unlink(path);
		errno = err;
	}
	return map;
}

static void head_fill(struct session *s, unsigned int ncores)
{
	struct stats_head *h = s->stats;

	h->version = STATS_VERSION;
	h->head_size = sizeof(struct stats_head);
	h->block_size = sizeof(struct stats_core);
	h->nblocks = ncores + 1;
	h->pid = (uint32_t)getpid();
	h->starttime = start_time();
	h->index = s->index;
	prctl(PR_GET_NAME, h->comm);
}

int count_open(struct session *s, unsigned int ncores)
{
	size_t size = sizeof(struct stats_head) + (ncores + 1) * sizeof(struct stats_core);
	char *path = file_path(s);
	void *map = MAP_FAILED;
	int err = 0;

	if (path) {
		map = file_map(path, size);
		err = errno;
	}
	if (map == MAP_FAILED) {
		char *failed = path;

		path = NULL;
		map = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		if (failed)
			settings_log("no status file %s: %s", failed, strerror(err));
		free(failed);
	}
	if (map == MAP_FAILED)
		return -ENOMEM;
	s->stats = map;
	s->stats_size = size;
	s->stats_pid = getpid();
	__atomic_store_n(&s->stats_path, path, __ATOMIC_RELEASE);
	head_fill(s, ncores);
	__atomic_store_n(&s->stats->magic, STATS_MAGIC, __ATOMIC_RELEASE);
	return 0;
}

/* The path has one owner, who removes the file: the last put, or the end. */
static void file_remove(struct session *s)
{
	char *path = __atomic_exchange_n(&s->stats_path, NULL, __ATOMIC_ACQ_REL);

	if (path && s->stats_pid == getpid())
		unlink(path);
	free(path);
}

static void unmap(struct session *s)
{
	munmap(s->stats, s->stats_size);
	s->stats = NULL;
}

void count_close(struct session *s)
{
	if (!s->stats)
		return;
	count_set(&s->stats->state, STATS_STATE_ENDED);
	file_remove(s);
	unmap(s);
}

void count_forget(struct session *s)
{
	if (!s->stats)
		return;
	s->stats_pid = 0;
	file_remove(s);
	unmap(s);
}

/*
 * A program may exit with threads that still hold the session. They may count
 * on: the memory stays. A child's exit must not remove the parent's file.
 */
static void remove_own(struct session *s)
{
	if (s->stats_pid == getpid())
		file_remove(s);
}

__attribute__((destructor)) static void remove_files(void)
{
	session_each(remove_own);
}

static struct stats_op *op_slot(struct stats_core *core, uint32_t opcode)
{
	return &core->op[opcode < STATS_OPS ? opcode : 0];
}

void count_request(struct stats_core *core, uint32_t opcode)
{
	uint32_t depth = __atomic_add_fetch(&core->depth, 1, __ATOMIC_RELAXED);

	if (depth > __atomic_load_n(&core->depth_max, __ATOMIC_RELAXED))
		count_set(&core->depth_max, depth);
	count_add(&op_slot(core, opcode)->requests, 1);
}

void count_reply(struct stats_core *core, uint32_t opcode, int error, uint64_t ns)
{
	struct stats_op *op = op_slot(core, opcode);

	__atomic_sub_fetch(&core->depth, 1, __ATOMIC_RELAXED);
	count_add(&op->replies, 1);
	if (error)
		count_add(&op->errors, 1);
	count_add(&op->total_ns, ns);
	count_add(&op->hist[stats_bucket(ns)], 1);
}

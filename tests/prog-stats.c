// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * prog-stats.c - prints a status file of the shim (shim/stats.h) as key=value
 * lines that a shell test can look at.
 *
 *   prog-stats FILE
 *
 * ring.* sums the blocks of the cores, dev.* is the block of the /dev/fuse file
 * descriptor, dev.odd counts requests there that had no business being there.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/fuse.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "shim/stats.h"

static const char *const op_names[STATS_OPS] = {
	[0] = "OTHER", [FUSE_LOOKUP] = "LOOKUP", [FUSE_FORGET] = "FORGET",
	[FUSE_GETATTR] = "GETATTR", [FUSE_SETATTR] = "SETATTR", [FUSE_READLINK] = "READLINK",
	[FUSE_SYMLINK] = "SYMLINK", [FUSE_MKNOD] = "MKNOD", [FUSE_MKDIR] = "MKDIR",
	[FUSE_UNLINK] = "UNLINK", [FUSE_RMDIR] = "RMDIR", [FUSE_RENAME] = "RENAME",
	[FUSE_LINK] = "LINK", [FUSE_OPEN] = "OPEN", [FUSE_READ] = "READ", [FUSE_WRITE] = "WRITE",
	[FUSE_STATFS] = "STATFS", [FUSE_RELEASE] = "RELEASE", [FUSE_FSYNC] = "FSYNC",
	[FUSE_SETXATTR] = "SETXATTR", [FUSE_GETXATTR] = "GETXATTR",
	[FUSE_LISTXATTR] = "LISTXATTR", [FUSE_REMOVEXATTR] = "REMOVEXATTR",
	[FUSE_FLUSH] = "FLUSH", [FUSE_INIT] = "INIT", [FUSE_OPENDIR] = "OPENDIR",
	[FUSE_READDIR] = "READDIR", [FUSE_RELEASEDIR] = "RELEASEDIR",
	[FUSE_FSYNCDIR] = "FSYNCDIR", [FUSE_GETLK] = "GETLK", [FUSE_SETLK] = "SETLK",
	[FUSE_SETLKW] = "SETLKW", [FUSE_ACCESS] = "ACCESS", [FUSE_CREATE] = "CREATE",
	[FUSE_INTERRUPT] = "INTERRUPT", [FUSE_BMAP] = "BMAP", [FUSE_DESTROY] = "DESTROY",
	[FUSE_IOCTL] = "IOCTL", [FUSE_POLL] = "POLL", [FUSE_NOTIFY_REPLY] = "NOTIFY_REPLY",
	[FUSE_BATCH_FORGET] = "BATCH_FORGET", [FUSE_FALLOCATE] = "FALLOCATE",
	[FUSE_READDIRPLUS] = "READDIRPLUS", [FUSE_RENAME2] = "RENAME2", [FUSE_LSEEK] = "LSEEK",
	[FUSE_COPY_FILE_RANGE] = "COPY_FILE_RANGE",
};

static const char *const channels[] = { "none", "dev", "uring", "ring" };
static const char *const directs[] = {
	"off", "comparing", "on", "differs", "shared", "failed", "absent",
};
static const char *const caches[] = { "auto", "always", "timeout", "none" };
static const char *const states[] = { "init", "running", "ended" };

struct sum {
	uint64_t requests, replies, errors, odd;
	uint64_t op[STATS_OPS];
};

static const char *pick(const char *const *names, size_t n, uint32_t i)
{
	return i < n ? names[i] : "bad";
}

/* What stays on the file descriptor while the ring serves. */
static int belongs_on_dev(int op)
{
	return op == FUSE_INIT || op == FUSE_DESTROY || op == FUSE_FORGET ||
	       op == FUSE_BATCH_FORGET || op == FUSE_INTERRUPT || op == FUSE_NOTIFY_REPLY;
}

static void sum_add(struct sum *sum, const struct stats_core *core)
{
	for (int i = 0; i < STATS_OPS; i++) {
		sum->requests += core->op[i].requests;
		sum->replies += core->op[i].replies;
		sum->errors += core->op[i].errors;
		sum->op[i] += core->op[i].requests;
		if (!belongs_on_dev(i))
			sum->odd += core->op[i].requests;
	}
}

static void sum_print(const char *name, const struct sum *sum)
{
	printf("%s.requests=%lu\n%s.replies=%lu\n%s.errors=%lu\n%s.odd=%lu\n", name, sum->requests,
	       name, sum->replies, name, sum->errors, name, sum->odd);
	for (int i = 0; i < STATS_OPS; i++)
		if (sum->op[i] && op_names[i])
			printf("%s.%s=%lu\n", name, op_names[i], sum->op[i]);
		else if (sum->op[i])
			printf("%s.OP%d=%lu\n", name, i, sum->op[i]);
}

static void print_head(const struct stats_head *h)
{
	printf("channel=%s\nstate=%s\n", pick(channels, 4, h->channel), pick(states, 3, h->state));
	printf("pid=%u\nstarttime=%lu\nconn=%u\nindex=%u\nnblocks=%u\n", h->pid, h->starttime,
	       h->conn, h->index, h->nblocks);
	printf("proto=%u.%u\nmax_write=%u\npayload_size=%u\nthreads=%u\nsingle=%u\n",
	       h->proto_major, h->proto_minor, h->max_write, h->payload_size, h->threads,
	       h->single);
	printf("syscalls=%lu\nshared=%lu\nmigrations=%lu\nnotifications=%lu\nmalformed=%lu\n",
	       h->syscalls, h->shared, h->migrations, h->notifications, h->malformed);
	printf("cache=%s\ncache_ns=%lu\ncache_changed=%lu\ncache_negative=%lu\ncache_opens=%lu\n",
	       pick(caches, 4, h->cache), h->cache_ns, h->cache_changed, h->cache_negative,
	       h->cache_opens);
	printf("direct=%s\ndirect_ranges=%lu\ndirect_reads=%lu\ndirect_bytes=%lu\n",
	       pick(directs, 7, h->direct), h->direct_ranges, h->direct_reads, h->direct_bytes);
	printf("direct_rw=%s\ndirect_held=%lu\ndirect_writes=%lu\n",
	       pick(directs, 3, h->direct_rw), h->direct_held, h->direct_writes);
	printf("comm=%.31s\nreason=%.223s\n", h->comm, h->reason);
}

/* 0, or what is wrong with the file. */
static const char *check(const struct stats_head *h, size_t size)
{
	if (size < sizeof(*h) || h->magic != STATS_MAGIC)
		return "not a status file";
	if (h->version != STATS_VERSION)
		return "another version";
	if (h->head_size != sizeof(*h) || h->block_size != sizeof(struct stats_core))
		return "another layout";
	if (h->nblocks < 2 || size < sizeof(*h) + (size_t)h->nblocks * sizeof(struct stats_core))
		return "shorter than its blocks";
	return NULL;
}

static void print_all(const struct stats_head *h)
{
	const struct stats_core *core = (const void *)(h + 1);
	struct sum ring = { 0 }, dev = { 0 };
	uint32_t ncores = h->nblocks - 1;

	print_head(h);
	for (uint32_t i = 0; i < ncores; i++) {
		sum_add(&ring, &core[i]);
		printf("core%u.entries=%u\ncore%u.workers=%u\ncore%u.depth=%u\n", i,
		       core[i].entries, i, core[i].workers, i, core[i].depth);
		printf("core%u.polled=%lu\ncore%u.sleeps=%lu\ncore%u.doorbells=%lu\n"
		       "core%u.quiet=%lu\n", i, core[i].polled, i, core[i].sleeps, i,
		       core[i].doorbells, i, core[i].quiet);
	}
	sum_add(&dev, &core[ncores]);
	sum_print("ring", &ring);
	sum_print("dev", &dev);
}

int main(int argc, char **argv)
{
	int fd = argc == 2 ? open(argv[1], O_RDONLY) : -1;
	const char *wrong;
	struct stat st;
	void *map;

	if (fd < 0 || fstat(fd, &st)) {
		fprintf(stderr, "prog-stats: %s: %s\n", argc == 2 ? argv[1] : "usage: FILE",
			strerror(errno));
		return 1;
	}
	map = mmap(NULL, st.st_size ? (size_t)st.st_size : 1, PROT_READ, MAP_SHARED, fd, 0);
	wrong = map == MAP_FAILED ? strerror(errno) : check(map, (size_t)st.st_size);
	if (wrong) {
		fprintf(stderr, "prog-stats: %s: %s\n", argv[1], wrong);
		return 1;
	}
	print_all(map);
	return 0;
}

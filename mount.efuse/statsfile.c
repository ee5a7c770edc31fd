// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * statsfile.c - checking and copying one status file.
 *
 * They are written by daemons of any user and read by root, so nothing about
 * them is believed: a file must belong to the user it should or to root; no
 * symbolic link is followed, nothing but a regular file is read, no length of
 * the file is used before it was compared with this machine's own. It is read,
 * never mapped: a file that shrinks under us gives a short read, not SIGBUS.
 */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysinfo.h>
#include <time.h>
#include <unistd.h>

#include "mount.efuse/statsfile.h"

#define CORES_MAX	8192

unsigned int statsfile_max_blocks(void)
{
	char text[256] = "", *last;
	long cores = get_nprocs_conf();
	FILE *f = fopen("/sys/devices/system/cpu/possible", "re");

	if (f) {
		if (fgets(text, sizeof(text), f)) {
			last = strpbrk(text, "-,") ? strrchr(text, '-') : text;
			if (last && atol(last + (*last == '-')) + 1 > cores)
				cores = atol(last + (*last == '-')) + 1;
		}
		fclose(f);
	}
	if (cores < 1)
		cores = 1;
	return (cores < CORES_MAX ? cores : CORES_MAX) + 1;
}

/* Field 22 of /proc/PID/stat; the command name before it may hold anything. */
static int read_starttime(uint32_t pid, uint64_t *starttime)
{
	char path[32], text[1024], *s;
	size_t len;
	FILE *f;
	int i;

	snprintf(path, sizeof(path), "/proc/%u/stat", pid);
	f = fopen(path, "re");
	if (!f)
		return -errno;
	len = fread(text, 1, sizeof(text) - 1, f);
	fclose(f);
	text[len] = '\0';
	s = strrchr(text, ')');
	for (i = 2; s && i < 22; i++)
		s = strchr(s + 1, ' ');
	if (!s)
		return -ESRCH;
	*starttime = strtoull(s + 1, NULL, 10);
	return 0;
}

bool statsfile_alive(uint32_t pid, uint64_t starttime)
{
	uint64_t now;

	if (pid == 0 || pid > INT_MAX)
		return false;
	if (read_starttime(pid, &now) == 0)
		return now == starttime;
	/* With hidepid= another user's process shows only by its signals. */
	return kill((pid_t)pid, 0) == 0 || errno == EPERM;
}

int statsfile_check(const struct stats_head *head, uint64_t size, unsigned int max_blocks)
{
	if (size < sizeof(*head) || head->magic == 0)
		return -EAGAIN;
	if (head->magic != STATS_MAGIC)
		return -EBADMSG;
	if (head->version != STATS_VERSION)
		return -EPROTONOSUPPORT;
	if (head->head_size != sizeof(*head) || head->block_size != sizeof(struct stats_core))
		return -EBADMSG;
	if (head->nblocks < 2 || head->nblocks > max_blocks)
		return -EBADMSG;
	if (size < sizeof(*head) + (uint64_t)head->nblocks * sizeof(struct stats_core))
		return -EBADMSG;
	if (head->channel > STATS_CHANNEL_RING || head->state > STATS_STATE_ENDED ||
	    head->cache > STATS_CACHE_NONE || head->direct > STATS_DIRECT_ABSENT ||
	    head->direct_rw > STATS_WRITES_ON)
		return -EBADMSG;
	return 0;
}

uint64_t statsfile_age(const struct statsfile_core *core)
{
	struct timespec ts;
	uint64_t now;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	now = (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
	return core->oldest && core->depth && now > core->oldest ? now - core->oldest : 0;
}

/* Split TOKEN-PID-N; -EBADMSG for a name the shim never makes. */
static int parse_name(const char *name, uint32_t *pid, uint32_t *index)
{
	size_t token = strspn(name, "0123456789abcdef");
	unsigned long long p, n;
	char *end;

	if (token < 1 || token > 32 || name[token] != '-' || !isdigit((unsigned char)name[token + 1]))
		return -EBADMSG;
	errno = 0;
	p = strtoull(name + token + 1, &end, 10);
	if (errno || p == 0 || p > INT_MAX || end[0] != '-' || !isdigit((unsigned char)end[1]))
		return -EBADMSG;
	n = strtoull(end + 1, &end, 10);
	if (errno || n > UINT32_MAX || *end)
		return -EBADMSG;
	*pid = p;
	*index = n;
	return 0;
}

/* Read LEN bytes at OFFSET or fail: a short file is no status file. */
static int read_full(int fd, void *buf, size_t len, off_t offset)
{
	ssize_t ret;

	while (len > 0) {
		ret = pread(fd, buf, len, offset);
		if (ret < 0 && errno == EINTR)
			continue;
		if (ret <= 0)
			return ret ? -errno : -EBADMSG;
		buf = (char *)buf + ret;
		len -= (size_t)ret;
		offset += ret;
	}
	return 0;
}

static void add_ops(struct stats_op *sum, const struct stats_op *op)
{
	for (int i = 0; i < STATS_OPS; i++) {
		sum[i].requests += op[i].requests;
		sum[i].replies += op[i].replies;
		sum[i].errors += op[i].errors;
		sum[i].total_ns += op[i].total_ns;
		for (int b = 0; b < STATS_BUCKETS; b++)
			sum[i].hist[b] += op[i].hist[b];
	}
}

static void add_block(struct statsfile_core *core, struct stats_op *sum,
		      const struct stats_core *block)
{
	core->entries = block->entries;
	core->workers = block->workers;
	core->depth = block->depth;
	core->depth_max = block->depth_max;
	core->shared = block->shared;
	core->oldest = block->oldest;
	core->polled = block->polled;
	core->sleeps = block->sleeps;
	core->doorbells = block->doorbells;
	core->quiet = block->quiet;
	for (int i = 0; i < STATS_OPS; i++)
		core->requests += block->op[i].requests;
	add_ops(sum, block->op);
}

/* Every block but the last is a core's. */
static int read_blocks(int fd, struct statsfile *file)
{
	struct stats_core *block = malloc(sizeof(*block));
	unsigned int i;
	int err = block ? 0 : -ENOMEM;

	for (i = 0; !err && i < file->head.nblocks; i++) {
		err = read_full(fd, block, sizeof(*block),
				sizeof(file->head) + (off_t)i * sizeof(*block));
		if (err)
			break;
		if (i < file->ncores)
			add_block(&file->cores[i], file->ring, block);
		else
			add_block(&file->dev, file->over_dev, block);
	}
	free(block);
	return err;
}

static void free_one(struct statsfile *file)
{
	if (!file)
		return;
	free(file->path);
	free(file->cores);
	free(file);
}

void statsfile_free(struct statsfile *list)
{
	while (list) {
		struct statsfile *next = list->next;

		free_one(list);
		list = next;
	}
}

/* Open NAME if it is a regular file of OWNER or root; the descriptor or -errno. */
static int open_file(int dirfd, const char *name, uid_t owner, struct stat *st)
{
	int fd = openat(dirfd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	if (fstat(fd, st) == 0 && S_ISREG(st->st_mode) && (st->st_uid == owner || st->st_uid == 0))
		return fd;
	close(fd);
	return -EPERM;
}

/* The head, checked; and that it tells the same process as the file's name. */
static int read_head(int fd, const char *name, uint64_t size, struct stats_head *head)
{
	uint32_t pid, index;
	int err = parse_name(name, &pid, &index);

	if (err)
		return err;
	memset(head, 0, sizeof(*head));
	if (size >= sizeof(*head))
		err = read_full(fd, head, sizeof(*head), 0);
	if (!err)
		err = statsfile_check(head, size, statsfile_max_blocks());
	if (err == -EAGAIN)
		return kill((pid_t)pid, 0) && errno == ESRCH ? -ESRCH : -EAGAIN;
	if (err == -EBADMSG)
		return err;
	/* Of another version only the name is known to mean what it did. */
	if (err)
		return kill((pid_t)pid, 0) && errno == ESRCH ? -ESRCH : err;
	if (head->pid != pid || head->index != index)
		return -EBADMSG;
	head->comm[sizeof(head->comm) - 1] = '\0';
	head->reason[sizeof(head->reason) - 1] = '\0';
	return statsfile_alive(head->pid, head->starttime) ? 0 : -ESRCH;
}

static int fill(int fd, const struct stat *st, const char *name, struct statsfile *file)
{
	int err = read_head(fd, name, (uint64_t)st->st_size, &file->head);

	if (err)
		return err;
	file->owner = st->st_uid;
	file->ncores = file->head.nblocks - 1;
	file->cores = calloc(file->ncores, sizeof(*file->cores));
	file->path = strdup(name);
	if (!file->cores || !file->path)
		return -ENOMEM;
	return read_blocks(fd, file);
}

int statsfile_read(int dirfd, const char *name, uid_t owner, struct statsfile **file)
{
	struct stat st;
	int err, fd = open_file(dirfd, name, owner, &st);

	if (fd < 0)
		return fd;
	*file = calloc(1, sizeof(**file));
	err = *file ? fill(fd, &st, name, *file) : -ENOMEM;
	close(fd);
	if (err) {
		free_one(*file);
		*file = NULL;
	}
	return err;
}

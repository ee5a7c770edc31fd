/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ex-random.h - a seeded random sequence of operations on a small set of
 * names. What each returned is recorded, so that two directories on which the
 * same sequence ran can be compared step by step, not only by what they hold.
 */
#ifndef EX_RANDOM_H
#define EX_RANDOM_H

#include "ex.h"

#define RANDOM_DIRS	4
#define RANDOM_NAMES	6
#define RANDOM_MAX	120000

struct random_op {
	const char *name;
	unsigned int needs;
	int64_t (*run)(uint64_t *state);
};

static void random_path(uint64_t *state, char *path)
{
	uint64_t r = ex_random(state);

	sprintf(path, "r%d/f%d", (int)(r % RANDOM_DIRS), (int)((r >> 20) % RANDOM_NAMES));
}

/* Open a random name; all draws happen whether or not that works. */
static int random_open(uint64_t *state, int flags, uint64_t *r)
{
	char path[32];

	random_path(state, path);
	*r = ex_random(state);
	return open(path, flags, 0644);
}

static int64_t random_finish(int fd, int64_t ret)
{
	int err = errno;

	close(fd);
	errno = err;
	return ret;
}

static int64_t random_write(uint64_t *state)
{
	uint64_t r;
	int fd = random_open(state, O_CREAT | O_RDWR, &r);
	size_t off = r % RANDOM_MAX, len = 1 + (r >> 32) % 30000;

	if (fd < 0)
		return -1;
	ex_fill(ex_a, len, r, off);
	return random_finish(fd, ex_write_at(fd, ex_a, len, (off_t)off));
}

static int64_t random_read(uint64_t *state)
{
	uint64_t r;
	int fd = random_open(state, O_RDONLY, &r);
	ssize_t got;

	if (fd < 0)
		return -1;
	got = ex_read_at(fd, ex_b, 1 + (r >> 32) % 50000, (off_t)(r % RANDOM_MAX));
	return random_finish(fd, got <= 0 ? got : (int64_t)(ex_hash(ex_b, (size_t)got) >> 1));
}

static int64_t random_append(uint64_t *state)
{
	uint64_t r;
	int fd = random_open(state, O_CREAT | O_WRONLY | O_APPEND, &r);
	size_t len = 1 + r % 5000;

	if (fd < 0)
		return -1;
	ex_fill(ex_a, len, r, 0);
	return random_finish(fd, write(fd, ex_a, len));
}

static int64_t random_ftruncate(uint64_t *state)
{
	uint64_t r;
	int fd = random_open(state, O_WRONLY, &r);

	return fd < 0 ? -1 : random_finish(fd, ftruncate(fd, (off_t)(r % RANDOM_MAX)));
}

static int64_t random_truncate(uint64_t *state)
{
	char path[32];

	random_path(state, path);
	return truncate(path, (off_t)(ex_random(state) % RANDOM_MAX));
}

static int64_t random_excl(uint64_t *state)
{
	uint64_t r;
	int fd = random_open(state, O_CREAT | O_EXCL | O_WRONLY, &r);

	return fd < 0 ? -1 : random_finish(fd, write(fd, &r, sizeof(r)));
}

static int64_t random_unlink(uint64_t *state)
{
	char path[32];

	random_path(state, path);
	return unlink(path);
}

static int64_t random_rename(uint64_t *state)
{
	char from[32], to[32];

	random_path(state, from);
	random_path(state, to);
	return rename(from, to);
}

static int64_t random_link(uint64_t *state)
{
	char from[32], to[32];

	random_path(state, from);
	random_path(state, to);
	return link(from, to);
}

static int64_t random_symlink(uint64_t *state)
{
	char path[32];

	random_path(state, path);
	return symlink("f0", path);
}

static int64_t random_mkdir(uint64_t *state)
{
	char path[32];

	random_path(state, path);
	strcat(path, ".d");
	return mkdir(path, 0755);
}

static int64_t random_rmdir(uint64_t *state)
{
	char path[32];

	random_path(state, path);
	strcat(path, ".d");
	return rmdir(path);
}

static int64_t random_chmod(uint64_t *state)
{
	char path[32];

	random_path(state, path);
	return chmod(path, 0600 | (ex_random(state) & 077));
}

static int64_t random_stat(uint64_t *state)
{
	char path[32];
	struct stat st;

	random_path(state, path);
	if (lstat(path, &st))
		return -1;
	return (int64_t)((uint64_t)st.st_size << 16 | (st.st_mode & S_IFMT));
}

static const struct random_op random_ops[] = {
	{ "write", 0, random_write },		{ "read", 0, random_read },
	{ "write", 0, random_write },		{ "read", 0, random_read },
	{ "append", 0, random_append },		{ "stat", 0, random_stat },
	{ "ftruncate", 0, random_ftruncate },	{ "truncate", 0, random_truncate },
	{ "excl", 0, random_excl },		{ "unlink", 0, random_unlink },
	{ "rename", 0, random_rename },		{ "rename", 0, random_rename },
	{ "mkdir", 0, random_mkdir },		{ "rmdir", 0, random_rmdir },
	{ "chmod", F_CHMOD, random_chmod },	{ "stat", 0, random_stat },
	{ "link", F_LINK | F_COHERENT, random_link },	{ "symlink", F_SYMLINK, random_symlink },
};

#define RANDOM_OPS	(sizeof(random_ops) / sizeof(*random_ops))

/* The result of one step; every failure is -1 where errnos are not exact. */
static int64_t random_step(struct ex *x, uint64_t *state)
{
	const struct random_op *op = &random_ops[ex_random(state) % RANDOM_OPS];
	int64_t ret;

	x->steps[x->nresults] = op->name;
	if ((op->needs & x->features) != op->needs)
		return 0;
	ret = op->run(state);
	if (ret >= 0)
		return ret;
	return x->features & F_ERRNO ? -errno : -1;
}

static int random_run(struct ex *x)
{
	uint64_t state = x->seed * 2 + 1;
	char dir[16];

	for (int i = 0; i < RANDOM_DIRS; i++) {
		sprintf(dir, "r%d", i);
		CHECK(x, mkdir(dir, 0755) == 0);
	}
	for (x->nresults = 0; x->nresults < x->ops; x->nresults++)
		x->results[x->nresults] = random_step(x, &state);
	return 0;
}

#endif

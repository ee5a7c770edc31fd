/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ex.h - what the parts of the file system exerciser share: one pass over one
 * directory, the features its file system was found to have, and how a step
 * says what went wrong.
 *
 * A section is a function that works in the current directory, an empty folder
 * of its own, and returns 0 or fails through CHECK. It must leave the same tree
 * behind wherever it runs: the trees are compared afterwards.
 */
#ifndef EX_H
#define EX_H

#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/wait.h>

#include "ex-bytes.h"

enum {
	F_LINK		= 1 << 0,	/* hard links */
	F_SYMLINK	= 1 << 1,
	F_XATTR		= 1 << 2,	/* user.* extended attributes */
	F_DIRECT	= 1 << 3,	/* O_DIRECT */
	F_MMAP		= 1 << 4,	/* shared writable mappings */
	F_EXCHANGE	= 1 << 5,	/* renameat2(RENAME_EXCHANGE) */
	F_NOREPLACE	= 1 << 6,	/* renameat2(RENAME_NOREPLACE) */
	F_FALLOC	= 1 << 7,	/* fallocate */
	F_PUNCH		= 1 << 8,	/* FALLOC_FL_PUNCH_HOLE */
	F_CHMOD		= 1 << 9,	/* permission bits are kept */
	F_NSEC		= 1 << 10,	/* times finer than a second */
	F_ERRNO		= 1 << 11,	/* errnos are the local ones */
	F_FIFO		= 1 << 12,	/* named pipes */
	F_UNLINKED	= 1 << 13,	/* unlinked open files go on */
	F_UTIMES	= 1 << 14,	/* times can be set */
	F_COHERENT	= 1 << 15,	/* all names of a file show the same, at once */
	F_ALL		= (1 << 16) - 1,
};

#define EX_RESULTS	8192

struct ex {
	unsigned int features;
	uint64_t seed;
	unsigned int ops;
	unsigned int nresults;
	const char *steps[EX_RESULTS];	/* the random sequence, */
	int64_t results[EX_RESULTS];	/* and what each step returned */
	char why[256];
};

struct section {
	const char *name;
	unsigned int needs;
	int (*run)(struct ex *x);
};

static int ex_fail(struct ex *x, const char *file, int line, const char *what)
{
	int err = errno;

	snprintf(x->why, sizeof(x->why), "%s:%d: %s (errno %d, %s)", file, line, what,
		 err, strerror(err));
	return -1;
}

#define CHECK(x, cond) do {						\
	errno = 0;							\
	if (!(cond))							\
		return ex_fail(x, __FILE__, __LINE__, #cond);		\
} while (0)

/* CHECK that EXPR fails with errno ERR; where errnos differ, that it fails. */
#define CHECK_ERR(x, expr, err)						\
	CHECK(x, (expr) < 0 && (errno == (err) || !((x)->features & F_ERRNO)))

static int ex_write_at(int fd, const void *buf, size_t len, off_t off)
{
	size_t done = 0;

	while (done < len) {
		ssize_t ret = pwrite(fd, (const char *)buf + done, len - done, off + (off_t)done);

		if (ret < 0 && errno == EINTR)
			continue;
		if (ret <= 0)
			return -1;
		done += (size_t)ret;
	}
	return 0;
}

/* Create NAME with LEN bytes of pattern SEED. */
static int ex_make(const char *name, size_t len, uint64_t seed)
{
	int fd = open(name, O_CREAT | O_TRUNC | O_WRONLY, 0644);
	int err;

	if (fd < 0)
		return -1;
	ex_fill(ex_a, len, seed, 0);
	err = ex_write_at(fd, ex_a, len, 0);
	return close(fd) || err ? -1 : 0;
}

/* NAME holds exactly LEN bytes of pattern SEED. */
static bool ex_holds(const char *name, size_t len, uint64_t seed)
{
	int fd = open(name, O_RDONLY);
	ssize_t got;

	if (fd < 0)
		return false;
	got = ex_read_at(fd, ex_b, len + 1, 0);
	close(fd);
	ex_fill(ex_a, len, seed, 0);
	return got == (ssize_t)len && memcmp(ex_a, ex_b, len) == 0;
}

static off_t ex_size(const char *name)
{
	struct stat st;

	return lstat(name, &st) ? -1 : st.st_size;
}

static bool ex_exists(const char *name)
{
	struct stat st;

	return lstat(name, &st) == 0;
}

/* Wait for N children; true when all of them left with 0. */
static bool ex_reap(int n)
{
	bool good = true;
	int status;

	while (n-- > 0)
		if (wait(&status) < 0 || !WIFEXITED(status) || WEXITSTATUS(status))
			good = false;
	return good;
}

#endif

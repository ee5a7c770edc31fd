/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * util.h - the few words every file here speaks: cleanup attributes, taking
 * ownership, comparing strings, reading the clock. It holds no policy, and
 * nothing in it prints.
 */
#ifndef EFUSE_UTIL_H
#define EFUSE_UTIL_H

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define __cleanup(fn)	__attribute__((cleanup(fn)))
#define __printf(a, b)	__attribute__((format(printf, a, b)))
#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))

/* __cleanup(closep) int fd = -1; closes what is still owned at scope end. */
static inline void closep(int *fd)
{
	if (*fd >= 0)
		close(*fd);
}

/* __cleanup(freep) char *p = NULL; for any pointer from malloc. */
static inline void freep(void *p)
{
	free(*(void **)p);
}

static inline void fclosep(FILE **f)
{
	if (*f)
		fclose(*f);
}

/* Hand the descriptor over: the variable no longer owns it. */
static inline int take_fd(int *fd)
{
	int ret = *fd;

	*fd = -1;
	return ret;
}

/* The same for a pointer. */
#define take_ptr(p) ({ __typeof__(p) __taken = (p); (p) = NULL; __taken; })

static inline bool streq(const char *a, const char *b)
{
	return strcmp(a, b) == 0;
}

/* What follows PREFIX in S, or NULL when S does not begin with it. */
static inline const char *str_after(const char *s, const char *prefix)
{
	size_t len = strlen(prefix);

	return strncmp(s, prefix, len) == 0 ? s + len : NULL;
}

/* The last component of PATH, as basename(3) would not modify it. */
static inline const char *path_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

/* Milliseconds of a clock that only goes forward. */
static inline int64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/*
 * At most SIZE - 1 bytes of the file at PATH into BUF, terminated, without the
 * last newline: how one value is read from /proc and /sys. Returns the length
 * or -errno.
 */
static inline ssize_t file_read(const char *path, char *buf, size_t size)
{
	__cleanup(closep) int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t len;

	if (fd < 0)
		return -errno;
	len = read(fd, buf, size - 1);
	if (len < 0)
		return -errno;
	if (len > 0 && buf[len - 1] == '\n')
		len--;
	buf[len] = '\0';
	return len;
}

#endif

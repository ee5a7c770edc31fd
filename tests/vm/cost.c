// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * cost.c - what one call costs, in nanoseconds of the guest's clock, which are
 * instructions when the machine counts those.
 *
 *   cost fstat|stat|read|drop|miss PATH COUNT
 *
 * drop is posix_fadvise(2), so that the page cache has nothing of what a read reads; miss
 * is both.
 * Prints two numbers. The first is what a call costs on average, timer interrupts
 * and all else that happens meanwhile included: the least of five rounds of COUNT
 * calls. The second is the median of COUNT calls that were timed one by one, without
 * what reading the clock costs: the call alone, for differences of a few instructions.
 */
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define MAX_COUNT	10000

static long long now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000LL + ts.tv_nsec;
}

static bool reads, drops;

/* fd is -1 for stat, -2 for nothing at all. */
static int once(int fd, const char *path)
{
	static char buf[4096];
	struct stat st;

	if (fd == -2)
		return 0;
	if (drops && posix_fadvise(fd, 8192, sizeof(buf), POSIX_FADV_DONTNEED))
		return 1;
	if (drops && !reads)
		return 0;
	if (reads)
		return pread(fd, buf, sizeof(buf), 8192) != sizeof(buf);
	return fd >= 0 ? fstat(fd, &st) : stat(path, &st);
}

static long long round_of(int fd, const char *path, int count)
{
	long long start = now();

	for (int i = 0; i < count; i++)
		if (once(fd, path))
			return -1;
	return (now() - start) / count;
}

static long long mean_of(int fd, const char *path, int count)
{
	long long best = -1;

	for (int i = 0; i < 5; i++) {
		long long ns = round_of(fd, path, count);

		if (best < 0 || ns < best)
			best = ns;
	}
	return best;
}

static int by_value(const void *a, const void *b)
{
	const long long *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static long long median_of(int fd, const char *path, int count)
{
	static long long ns[MAX_COUNT];

	for (int i = 0; i < count; i++)
		ns[i] = round_of(fd, path, 1);
	qsort(ns, (size_t)count, sizeof(*ns), by_value);
	return ns[0] < 0 ? -1 : ns[count / 2];
}

int main(int argc, char **argv)
{
	int count = argc == 4 ? atoi(argv[3]) : 0;
	int fd = count && strcmp(argv[1], "stat") != 0 ? open(argv[2], O_RDONLY) : -1;
	long long mean, median;

	if (count < 1 || count > MAX_COUNT)
		return 2;
	drops = !strcmp(argv[1], "drop") || !strcmp(argv[1], "miss");
	reads = !strcmp(argv[1], "read") || !strcmp(argv[1], "miss");
	if (drops)	/* a page, and no other ahead */
		posix_fadvise(fd, 0, 0, POSIX_FADV_RANDOM);
	round_of(fd, argv[2], count);
	mean = mean_of(fd, argv[2], count);
	median = median_of(fd, argv[2], count);
	printf("%lld %lld\n", mean, median - median_of(-2, NULL, count));
	return mean < 0 || median < 0;
}

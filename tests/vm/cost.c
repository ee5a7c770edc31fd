// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * cost.c - what one call costs, in nanoseconds of the guest's clock, which are
 * instructions when the machine counts those.
 *
 *   cost fstat|stat PATH COUNT
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

static long long now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000LL + ts.tv_nsec;
}

static int once(int fd, const char *path)
{
	struct stat st;

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

/* The first round warms up; the least of five others is printed. */
int main(int argc, char **argv)
{
	int count = argc == 4 ? atoi(argv[3]) : 0;
	int fd = count && !strcmp(argv[1], "fstat") ? open(argv[2], O_RDONLY) : -1;
	long long best = -1;

	if (count < 1)
		return 2;
	round_of(fd, argv[2], count);
	for (int i = 0; i < 5; i++) {
		long long ns = round_of(fd, argv[2], count);

		if (best < 0 || ns < best)
			best = ns;
	}
	printf("%lld\n", best);
	return best < 0;
}

// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * workers.c - processes that each do one thing over and over, on a processor of
 * their own, for as long as all do.
 *
 *   workers fstat|stat|read|write SECONDS CPU:PATH...
 *
 * read and write are of 4 KiB at random places within 1 MiB, past the page cache. For
 * each one a line `CPU OPERATIONS MEDIAN P99`, the times in microseconds; the last line
 * is `all OPERATIONS`. Every file is opened before any begins.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MAX_WORKERS	16
#define MAX_TIMES	(1 << 20)
#define BLOCK		4096
#define BLOCKS		256

struct result {
	long operations;
	unsigned int median, p99;	/* ns / 10 */
	int ready, err;
};

static struct result *results;	/* shared with the children */
static int *begin;
static char block[BLOCK] __attribute__((aligned(BLOCK)));

static long long now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000LL + ts.tv_nsec;
}

static int once(const char *what, int fd, const char *path)
{
	off_t at = (off_t)(rand() % BLOCKS) * BLOCK;
	struct stat st;

	switch (what[0]) {
	case 'f':
		return fstat(fd, &st);
	case 's':
		return stat(path, &st);
	case 'r':
		return pread(fd, block, BLOCK, at) < 0 ? -1 : 0;
	default:
		return pwrite(fd, block, BLOCK, at) < 0 ? -1 : 0;
	}
}

static int by_value(const void *a, const void *b)
{
	const unsigned int *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static int prepare(const char *what, int cpu, const char *path)
{
	int io = what[0] == 'r' || what[0] == 'w';
	cpu_set_t one;
	int fd, i;

	CPU_ZERO(&one);
	CPU_SET(cpu, &one);
	if (sched_setaffinity(0, sizeof(one), &one))
		return -1;
	fd = open(path, io ? O_RDWR | O_CREAT | O_DIRECT : O_RDONLY, 0644);
	for (i = 0; fd >= 0 && io && i < BLOCKS; i++)
		if (pwrite(fd, block, BLOCK, (off_t)i * BLOCK) != BLOCK)
			return -1;
	return fd;
}

static int work(struct result *r, const char *what, long long length, int cpu, const char *path)
{
	unsigned int *times = calloc(MAX_TIMES, sizeof(*times));
	int fd = times ? prepare(what, cpu, path) : -1;
	long long start, end, last, t;
	size_t kept;

	r->err = fd < 0 ? errno : 0;
	__atomic_store_n(&r->ready, 1, __ATOMIC_RELEASE);
	while (!__atomic_load_n(begin, __ATOMIC_ACQUIRE))
		usleep(1000);
	start = last = now();
	end = start + length;
	while (!r->err && last < end) {
		if (once(what, fd, path))
			r->err = errno;
		t = now();
		times[r->operations++ % MAX_TIMES] = (unsigned int)((t - last) / 10);
		last = t;
	}
	kept = r->operations < MAX_TIMES ? (size_t)r->operations : MAX_TIMES;
	qsort(times, kept, sizeof(*times), by_value);
	if (kept) {
		r->median = times[kept / 2];
		r->p99 = times[kept - 1 - kept / 100];
	}
	return r->err != 0;
}

static int start(int i, const char *what, long long length, char *where)
{
	char *path = strchr(where, ':');
	pid_t pid = path ? fork() : -1;

	if (pid == 0)
		_exit(work(&results[i], what, length, atoi(where), path + 1));
	while (pid > 0 && !__atomic_load_n(&results[i].ready, __ATOMIC_ACQUIRE))
		usleep(1000);
	return pid < 0;
}

int main(int argc, char **argv)
{
	int i, count = argc - 3, bad = 0, status;
	long all = 0;

	if (count < 1 || count > MAX_WORKERS)
		return 2;
	results = mmap(NULL, 65536, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (results == MAP_FAILED)
		return 2;
	begin = (int *)&results[MAX_WORKERS];
	for (i = 0; i < count; i++)
		bad |= start(i, argv[1], (long long)(atof(argv[2]) * 1e9), argv[i + 3]);
	__atomic_store_n(begin, 1, __ATOMIC_RELEASE);
	while (wait(&status) > 0)
		bad |= status != 0;
	for (i = 0; i < count; i++) {
		printf("%d %ld %.1f %.1f%s%s\n", atoi(argv[i + 3]), results[i].operations,
		       results[i].median / 100.0, results[i].p99 / 100.0,
		       results[i].err ? " " : "", results[i].err ? strerror(results[i].err) : "");
		all += results[i].operations;
	}
	printf("all %ld\n", all);
	return bad;
}

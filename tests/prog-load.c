// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * prog-load.c - steady load on a file system, until a time is over or an
 * operation fails.
 *
 *   prog-load DIR SECONDS [THREADS]
 *
 * Every thread creates, writes, reads back, renames and removes files of its
 * own, moving over the cores. Prints `ops=N worst_ms=N wrong=N errno=N`, where
 * worst_ms is the longest single operation, the failed one too. Leaves with 0,
 * with 3 when an operation failed, with 1 when contents were wrong.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define LOAD_THREADS	16
#define LOAD_SIZE	20000

struct load {
	pthread_t thread;
	int who;
	unsigned long ops, wrong;
	uint64_t worst;
	int error;
	char name[2][64];
	unsigned char out[LOAD_SIZE], in[LOAD_SIZE + 1];
};

static struct load loads[LOAD_THREADS];
static const char *dir;
static uint64_t end;
static bool failed;	/* atomic: the others stop too */

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000ull + (uint64_t)ts.tv_nsec;
}

/* Note how long an operation took that began at START; what it returned. */
static long timed(struct load *l, uint64_t start, long ret)
{
	int err = errno;
	uint64_t took = now_ns() - start;

	if (took > l->worst)
		l->worst = took;
	l->ops++;
	if (ret < 0 && !l->error)
		l->error = err ? err : EIO;
	return ret;
}

#define TIMED(l, call) ({			\
	uint64_t start_ = now_ns();		\
	long ret_ = (call);			\
						\
	timed(l, start_, ret_);			\
})

/* A failure halfway shows as a short result first: go on until it says so. */
static size_t write_all(struct load *l, int fd, size_t len)
{
	size_t done = 0;
	long ret;

	while (done < len) {
		ret = TIMED(l, write(fd, l->out + done, len - done));
		if (ret <= 0)
			break;
		done += (size_t)ret;
	}
	return done;
}

static size_t read_all(struct load *l, int fd)
{
	size_t done = 0;
	long ret;

	while ((ret = TIMED(l, read(fd, l->in + done, sizeof(l->in) - done))) > 0)
		done += (size_t)ret;
	return done;
}

static void write_file(struct load *l, size_t len)
{
	int fd = (int)TIMED(l, open(l->name[0], O_CREAT | O_TRUNC | O_WRONLY, 0644));

	if (fd < 0)
		return;
	memset(l->out, (int)(l->ops % 251) + 1, len);
	if (write_all(l, fd, len) != len && !l->error)
		l->wrong++;
	TIMED(l, close(fd));
}

static void check_file(struct load *l, size_t len)
{
	int fd = (int)TIMED(l, open(l->name[1], O_RDONLY));
	size_t got;

	if (fd < 0)
		return;
	got = read_all(l, fd);
	if (!l->error && (got != len || memcmp(l->in, l->out, len)))
		l->wrong++;
	TIMED(l, close(fd));
}

static void check_size(struct load *l, size_t len)
{
	struct stat st;

	if (TIMED(l, stat(l->name[1], &st)) == 0 && st.st_size != (off_t)len)
		l->wrong++;
}

static void round_of(struct load *l, unsigned int n)
{
	size_t len = 1 + (n * 7919u) % LOAD_SIZE;

	write_file(l, len);
	if (!l->error)
		TIMED(l, rename(l->name[0], l->name[1]));
	if (!l->error)
		check_size(l, len);
	if (!l->error)
		check_file(l, len);
	if (!l->error && n % 4 == 0)
		TIMED(l, unlink(l->name[1]));
}

static void move_to_core(unsigned int n)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(n % (unsigned int)sysconf(_SC_NPROCESSORS_CONF), &set);
	sched_setaffinity(0, sizeof(set), &set);	/* the core may be off */
}

static void *load_thread(void *arg)
{
	struct load *l = arg;

	snprintf(l->name[0], sizeof(l->name[0]), "new-%d-%d", getpid(), l->who);
	snprintf(l->name[1], sizeof(l->name[1]), "old-%d-%d", getpid(), l->who);
	for (unsigned int n = 0; now_ns() < end; n++) {
		if (__atomic_load_n(&failed, __ATOMIC_RELAXED))
			break;
		if (n % 64 == 0)
			move_to_core(n / 64 + (unsigned int)l->who);
		round_of(l, n);
		if (l->error || l->wrong)
			__atomic_store_n(&failed, true, __ATOMIC_RELAXED);
	}
	if (!l->error)
		unlink(l->name[1]);
	return NULL;
}

static int report(int n)
{
	struct load sum = { 0 };

	for (int i = 0; i < n; i++) {
		sum.ops += loads[i].ops;
		sum.wrong += loads[i].wrong;
		sum.worst = loads[i].worst > sum.worst ? loads[i].worst : sum.worst;
		sum.error = sum.error ? sum.error : loads[i].error;
	}
	printf("ops=%lu worst_ms=%lu wrong=%lu errno=%d\n", sum.ops,
	       (unsigned long)(sum.worst / 1000000), sum.wrong, sum.error);
	return sum.wrong ? 1 : sum.error ? 3 : 0;
}

int main(int argc, char **argv)
{
	int n = argc > 3 ? atoi(argv[3]) : 2;

	if (argc < 3 || n < 1 || n > LOAD_THREADS) {
		fprintf(stderr, "usage: prog-load DIR SECONDS [THREADS]\n");
		return 2;
	}
	dir = argv[1];
	end = now_ns() + (uint64_t)(atof(argv[2]) * 1e9);
	if (chdir(dir)) {
		fprintf(stderr, "prog-load: %s: %s\n", dir, strerror(errno));
		return 3;
	}
	for (int i = 0; i < n; i++) {
		loads[i].who = i;
		if (pthread_create(&loads[i].thread, NULL, load_thread, &loads[i]))
			return 2;
	}
	for (int i = 0; i < n; i++)
		pthread_join(loads[i].thread, NULL);
	return report(n);
}

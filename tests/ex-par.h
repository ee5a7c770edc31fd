/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ex-par.h - the exerciser's sections with several processes and threads:
 * parallel writers, appenders, create and unlink, and file locks.
 */
#ifndef EX_PAR_H
#define EX_PAR_H

#include <pthread.h>
#include <sys/file.h>
#include <time.h>

#include "ex.h"

#define PAR_PROCS	3
#define PAR_THREADS	3
#define PAR_REGION	200000

/* Fork N children that leave with FN's result. */
static int par_spawn(struct ex *x, int n, int (*fn)(int who))
{
	for (int i = 0; i < n; i++) {
		pid_t pid = fork();

		CHECK(x, pid >= 0);
		if (pid == 0)
			_exit(fn(i) != 0);
	}
	CHECK(x, ex_reap(n));
	return 0;
}

/* Write and check one region of the file all share, and a file of one's own. */
static int par_region(int who)
{
	size_t size = 20000;
	unsigned char *buf = malloc(2 * size);
	int fd = open("regions", O_RDWR), err = fd < 0 || !buf;
	char name[32];

	for (size_t off = 0; !err && off < PAR_REGION; off += size) {
		off_t at = (off_t)who * PAR_REGION + (off_t)off;

		ex_fill(buf, size, 21, (uint64_t)at);
		err = ex_write_at(fd, buf, size, at) ||
		      ex_read_at(fd, buf + size, size, at) != (ssize_t)size ||
		      memcmp(buf, buf + size, size);
	}
	snprintf(name, sizeof(name), "own-%d", who);
	close(fd);
	fd = open(name, O_CREAT | O_EXCL | O_WRONLY, 0644);
	err = err || fd < 0 || ex_write_at(fd, buf, size, 0) || close(fd);
	free(buf);
	return err;
}

static void *par_region_thread(void *arg)
{
	return (void *)(intptr_t)par_region((int)(intptr_t)arg);
}

static int par_region_threads(int who)
{
	pthread_t thread[PAR_THREADS];
	void *ret;
	int err = 0;

	for (intptr_t i = 0; i < PAR_THREADS; i++)
		if (pthread_create(&thread[i], NULL, par_region_thread,
				   (void *)(who * PAR_THREADS + i)))
			return -1;
	for (int i = 0; i < PAR_THREADS; i++) {
		pthread_join(thread[i], &ret);
		err |= ret != NULL;
	}
	return err;
}

static int par_writers(struct ex *x)
{
	size_t total = (size_t)PAR_PROCS * PAR_THREADS * PAR_REGION;

	CHECK(x, ex_make("regions", 0, 0) == 0);
	if (par_spawn(x, PAR_PROCS, par_region_threads))
		return -1;
	CHECK(x, ex_holds("regions", total, 21));
	return 0;
}

static int par_append_one(int who)
{
	int fd = open("log", O_WRONLY | O_APPEND), err = fd < 0;
	char line[64];

	memset(line, 'a' + who, sizeof(line));
	line[63] = '\n';
	for (int i = 0; !err && i < 200; i++)
		err = write(fd, line, sizeof(line)) != sizeof(line);
	return close(fd) || err;
}

/* Several appenders: each record is there, whole. */
static int par_append(struct ex *x)
{
	int count[PAR_PROCS] = { 0 }, fd;

	CHECK(x, ex_make("log", 0, 0) == 0);
	if (par_spawn(x, PAR_PROCS, par_append_one))
		return -1;
	fd = open("log", O_RDONLY);
	CHECK(x, ex_read_at(fd, ex_b, EX_BUF, 0) == PAR_PROCS * 200 * 64 && close(fd) == 0);
	for (int i = 0; i < PAR_PROCS * 200; i++) {
		unsigned char *line = ex_b + (size_t)i * 64;

		CHECK(x, line[63] == '\n' && memcmp(line, line + 1, 62) == 0);
		CHECK(x, line[0] >= 'a' && line[0] < 'a' + PAR_PROCS);
		count[line[0] - 'a']++;
	}
	for (int i = 0; i < PAR_PROCS; i++)
		CHECK(x, count[i] == 200);
	CHECK(x, unlink("log") == 0);	/* its order is nobody's business */
	return 0;
}

/* Says what came out of a call by name that should not have. Returns 1. */
static int par_unlike(const char *call, const char *name)
{
	dprintf(STDERR_FILENO, "# %s %s: %s\n", call, name, strerror(errno));
	return 1;
}

/* All fight for the same few names: only these outcomes are right. */
static int par_fight_one(int who)
{
	uint64_t state = (uint64_t)who + 99;
	char a[16], b[16];

	for (int i = 0; i < 150; i++) {
		int fd;

		snprintf(a, sizeof(a), "fight-%d", (int)(ex_random(&state) % 5));
		snprintf(b, sizeof(b), "fight-%d", (int)(ex_random(&state) % 5));
		fd = open(a, O_CREAT | O_RDWR, 0644);
		if (fd < 0 && errno != ENOENT)
			return par_unlike("open", a);
		if (fd >= 0)
			close(fd);
		if (unlink(b) < 0 && errno != ENOENT)
			return par_unlike("unlink", b);
		if (rename(a, b) < 0 && errno != ENOENT)
			return par_unlike("rename", a);
		snprintf(a, sizeof(a), "mine-%d-%d", who, i);
		if (ex_make(a, 100, 1) || !ex_holds(a, 100, 1) || unlink(a))
			return par_unlike("making", a);
	}
	return 0;
}

static int par_fight(struct ex *x)
{
	char name[16];

	if (par_spawn(x, PAR_PROCS, par_fight_one))
		return -1;
	for (int i = 0; i < 5; i++) {
		snprintf(name, sizeof(name), "fight-%d", i);
		CHECK(x, unlink(name) == 0 || errno == ENOENT);
	}
	return 0;
}

static struct flock par_range(short type, off_t start, off_t len)
{
	struct flock fl = { .l_type = type, .l_whence = SEEK_SET, .l_start = start, .l_len = len };

	return fl;
}

/* In a child: the parent holds [0,100) for writing. */
static int lock_child(int who)
{
	struct flock fl = par_range(F_WRLCK, 50, 10);
	int fd = open("lock", O_RDWR);

	(void)who;
	if (fd < 0 || fcntl(fd, F_SETLK, &fl) == 0 || (errno != EAGAIN && errno != EACCES))
		return 1;
	if (fcntl(fd, F_GETLK, &fl) || fl.l_type != F_WRLCK || fl.l_start != 0 || fl.l_len != 100)
		return 2;
	fl = par_range(F_WRLCK, 100, 10);
	return fcntl(fd, F_SETLK, &fl) != 0;
}

static int lock_fcntl(struct ex *x)
{
	struct flock fl = par_range(F_WRLCK, 0, 100);
	int fd;

	CHECK(x, ex_make("lock", 200, 1) == 0);
	fd = open("lock", O_RDWR);
	CHECK(x, fd >= 0 && fcntl(fd, F_SETLK, &fl) == 0);
	if (par_spawn(x, 1, lock_child))
		return -1;
	fl = par_range(F_UNLCK, 0, 100);
	CHECK(x, fcntl(fd, F_SETLK, &fl) == 0 && close(fd) == 0);
	return 0;
}

static void lock_signal(int sig)
{
	(void)sig;
}

/* A blocked F_SETLKW ends with EINTR when a signal comes. */
static int lock_wait_child(int who)
{
	struct sigaction sa = { .sa_handler = lock_signal };
	struct flock fl = par_range(F_WRLCK, 0, 1);
	int fd = open("lock", O_RDWR);

	(void)who;
	sigaction(SIGUSR1, &sa, NULL);
	return fd < 0 || fcntl(fd, F_SETLKW, &fl) == 0 || errno != EINTR;
}

static int lock_interrupt(struct ex *x)
{
	struct flock fl = par_range(F_WRLCK, 0, 1);
	struct timespec ms10 = { 0, 10000000 };
	int fd, status = -1;
	pid_t pid;

	CHECK(x, ex_make("lock", 200, 1) == 0);
	fd = open("lock", O_RDWR);
	CHECK(x, fd >= 0 && fcntl(fd, F_SETLK, &fl) == 0);
	pid = fork();
	CHECK(x, pid >= 0);
	if (pid == 0)
		_exit(lock_wait_child(0));
	for (int i = 0; i < 500 && waitpid(pid, &status, WNOHANG) == 0; i++) {
		nanosleep(&ms10, NULL);
		if (i >= 5)
			kill(pid, SIGUSR1);
	}
	CHECK(x, WIFEXITED(status) && WEXITSTATUS(status) == 0);
	CHECK(x, close(fd) == 0);
	return 0;
}

static int flock_child(int who)
{
	int fd = open("flock", O_RDWR);

	(void)who;
	return fd < 0 || flock(fd, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK;
}

static int flock_child_free(int who)
{
	int fd = open("flock", O_RDWR);

	(void)who;
	return fd < 0 || flock(fd, LOCK_SH) != 0;
}

static int lock_flock(struct ex *x)
{
	int fd;

	CHECK(x, ex_make("flock", 1, 1) == 0);
	fd = open("flock", O_RDWR);
	CHECK(x, fd >= 0 && flock(fd, LOCK_EX) == 0);
	if (par_spawn(x, 1, flock_child))
		return -1;
	CHECK(x, flock(fd, LOCK_UN) == 0);
	if (par_spawn(x, 1, flock_child_free))
		return -1;
	CHECK(x, close(fd) == 0);
	return 0;
}

#endif

// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * prog-replace.c - threads that read files while others replace and remove them.
 *
 *   prog-replace DIR SECONDS [THREADS]
 *
 * Every file holds one byte many times and is never written in place: what a
 * descriptor shows must be uniform and stay the same, also when its name is gone
 * and its pages were dropped meanwhile. Prints what was done; exit 1 when not so.
 *
 * fstat(2) may say ENOENT: libfuse answers it by path, and an open(2) that comes
 * while the last handle of a replaced file is released (fuse_do_release) finds the
 * file, but leaves it without a path. So it is with nothing but libfuse.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define FILES	24
#define SIZE	6000

static const char *dir;
static time_t end;
static unsigned long reads, replaced, failures;

static bool fail(const char *what, int i, int err)
{
	__atomic_add_fetch(&failures, 1, __ATOMIC_RELAXED);
	printf("file %d: %s: %s\n", i, what, strerror(err));
	return false;
}

static int check(int fd, int i, int want)
{
	char buf[SIZE + 1];
	ssize_t len = pread(fd, buf, sizeof(buf), 0);

	if (len < 0)
		return fail("read", i, errno) - 1;
	for (ssize_t k = 0; k < len; k++)
		if (buf[k] != buf[0])
			return fail("not uniform", i, 0) - 1;
	if (len != SIZE)
		return fail("length", i, 0) - 1;
	if (want >= 0 && buf[0] != (char)want)
		return fail("changed under a descriptor", i, 0) - 1;
	return (unsigned char)buf[0];
}

static void read_one(int i, unsigned int *seed)
{
	char path[4096];
	struct stat st;
	int fd, c;

	snprintf(path, sizeof(path), "%s/f%d", dir, i);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0) {
		if (errno != ENOENT)
			fail("open", i, errno);
		return;
	}
	if (rand_r(seed) % 3 == 0)
		posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
	c = rand_r(seed) % 4 ? check(fd, i, -1) : -1;
	if (rand_r(seed) % 2)
		usleep((useconds_t)(rand_r(seed) % 2000));
	if (rand_r(seed) % 2)
		posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
	errno = 0;
	if (fstat(fd, &st) ? errno != ENOENT : st.st_size != SIZE)
		fail("fstat", i, errno);
	if (rand_r(seed) % 4)
		check(fd, i, c);
	close(fd);
	__atomic_add_fetch(&reads, 1, __ATOMIC_RELAXED);
}

static void replace_one(int i, unsigned int *seed)
{
	char path[4096], temp[4096], buf[SIZE];
	int fd;

	snprintf(path, sizeof(path), "%s/f%d", dir, i);
	snprintf(temp, sizeof(temp), "%s/t%lu", dir, (unsigned long)pthread_self());
	if (rand_r(seed) % 8 == 0 && unlink(path) && errno != ENOENT)
		fail("unlink", i, errno);
	if (rand_r(seed) % 8 == 0 && chmod(path, rand_r(seed) % 2 ? 0600 : 0644) && errno != ENOENT)
		fail("chmod", i, errno);
	memset(buf, rand_r(seed), sizeof(buf));
	fd = open(temp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	if (fd < 0 || write(fd, buf, sizeof(buf)) != sizeof(buf) || close(fd) || rename(temp, path))
		fail("replace", i, errno);
	__atomic_add_fetch(&replaced, 1, __ATOMIC_RELAXED);
}

static void *work(void *arg)
{
	unsigned int seed = (unsigned int)(uintptr_t)arg * 7919;

	while (time(NULL) < end && !__atomic_load_n(&failures, __ATOMIC_RELAXED)) {
		for (int i = 0; i < 40; i++)
			read_one(rand_r(&seed) % FILES, &seed);
		replace_one(rand_r(&seed) % FILES, &seed);
	}
	return NULL;
}

int main(int argc, char **argv)
{
	unsigned int seed = 1, threads = argc > 3 ? (unsigned int)atoi(argv[3]) : 6;
	pthread_t thread[64];

	if (argc < 3 || threads > 64)
		return 2;
	dir = argv[1];
	end = time(NULL) + atoi(argv[2]);
	for (int i = 0; i < FILES; i++)
		replace_one(i, &seed);
	for (unsigned int i = 0; i < threads; i++)
		if (pthread_create(&thread[i], NULL, work, (void *)(uintptr_t)(i + 1)))
			return 2;
	for (unsigned int i = 0; i < threads; i++)
		pthread_join(thread[i], NULL);
	printf("%lu reads, %lu replaced, %lu failures\n", reads, replaced, failures);
	return failures != 0;
}

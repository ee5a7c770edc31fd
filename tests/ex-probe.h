/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ex-probe.h - finds out what the file system under a directory can do, by
 * trying. What it lacks is left out of the exercise and listed.
 */
#ifndef EX_PROBE_H
#define EX_PROBE_H

#include <linux/fs.h>
#include <sys/mman.h>
#include <sys/xattr.h>

#include "ex.h"

static bool probe_link(void)
{
	struct stat st;

	return link("probe", "probe-link") == 0 && stat("probe", &st) == 0 && st.st_nlink == 2;
}

/* Two caches of one file show themselves when one name is changed. */
static bool probe_coherent(void)
{
	return ex_make("probe-c", 100, 1) == 0 && link("probe-c", "probe-d") == 0 &&
	       ex_size("probe-d") == 100 && ex_make("probe-c", 200, 2) == 0 &&
	       ex_holds("probe-d", 200, 2);
}

static bool probe_symlink(void)
{
	char buf[8];

	return symlink("probe", "probe-sym") == 0 &&
	       readlink("probe-sym", buf, sizeof(buf)) == 5;
}

static bool probe_xattr(void)
{
	return setxattr("probe", "user.probe", "x", 1, 0) == 0;
}

static bool probe_direct(void)
{
	void *buf = aligned_alloc(4096, 4096);
	int fd = open("probe", O_RDONLY | O_DIRECT);
	bool good = buf && fd >= 0 && pread(fd, buf, 4096, 0) == 4096;

	close(fd);
	free(buf);
	return good;
}

static bool probe_mmap(void)
{
	int fd = open("probe", O_RDWR);
	void *map = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	close(fd);
	return map != MAP_FAILED && munmap(map, 4096) == 0;
}

static bool probe_exchange(void)
{
	return ex_make("probe-x", 1, 1) == 0 &&
	       renameat2(AT_FDCWD, "probe", AT_FDCWD, "probe-x", RENAME_EXCHANGE) == 0;
}

static bool probe_noreplace(void)
{
	return ex_make("probe-n", 1, 1) == 0 &&
	       renameat2(AT_FDCWD, "probe-n", AT_FDCWD, "probe-m", RENAME_NOREPLACE) == 0;
}

static bool probe_fallocate(int mode)
{
	int fd = open("probe", O_RDWR);
	bool good = fallocate(fd, mode, 0, 4096) == 0;

	close(fd);
	return good;
}

static bool probe_falloc(void)
{
	return probe_fallocate(0);
}

static bool probe_punch(void)
{
	return probe_fallocate(FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE);
}

static bool probe_chmod(void)
{
	struct stat st;

	return chmod("probe", 0641) == 0 && stat("probe", &st) == 0 &&
	       (st.st_mode & 07777) == 0641;
}

static bool probe_times(long nsec)
{
	struct timespec ts[2] = { { 1111111111, nsec }, { 1111111111, nsec } };
	struct stat st;

	return utimensat(AT_FDCWD, "probe", ts, 0) == 0 && stat("probe", &st) == 0 &&
	       st.st_mtim.tv_sec == 1111111111 && st.st_mtim.tv_nsec == nsec;
}

static bool probe_utimes(void)
{
	return probe_times(0);
}

static bool probe_nsec(void)
{
	return probe_times(123456700);
}

static bool probe_errno(void)
{
	return mkdir("probe-e", 0755) == 0 && mkdir("probe-e/e", 0755) == 0 &&
	       rmdir("probe-e") < 0 && errno == ENOTEMPTY;
}

static bool probe_fifo(void)
{
	return mkfifo("probe-fifo", 0644) == 0;
}

static bool probe_unlinked(void)
{
	int fd;
	bool good;

	if (ex_make("probe-u", 10, 1))
		return false;
	fd = open("probe-u", O_RDWR);
	good = unlink("probe-u") == 0 && pread(fd, ex_b, 10, 0) == 10;
	close(fd);
	return good;
}

static const struct probe {
	const char *name;
	unsigned int bit;
	bool (*has)(void);
} probes[] = {
	{ "link", F_LINK, probe_link },
	{ "coherent", F_COHERENT, probe_coherent },
	{ "symlink", F_SYMLINK, probe_symlink },
	{ "xattr", F_XATTR, probe_xattr },
	{ "direct", F_DIRECT, probe_direct },
	{ "mmap", F_MMAP, probe_mmap },
	{ "falloc", F_FALLOC, probe_falloc },
	{ "punch", F_PUNCH, probe_punch },
	{ "chmod", F_CHMOD, probe_chmod },
	{ "utimes", F_UTIMES, probe_utimes },
	{ "nsec", F_NSEC, probe_nsec },
	{ "errno", F_ERRNO, probe_errno },
	{ "fifo", F_FIFO, probe_fifo },
	{ "unlinked", F_UNLINKED, probe_unlinked },
	{ "noreplace", F_NOREPLACE, probe_noreplace },
	{ "exchange", F_EXCHANGE, probe_exchange },	/* last: it swaps the file */
};

#define NPROBES	(sizeof(probes) / sizeof(*probes))

/* The features of the current directory's file system; -1 if it cannot even
 * make a file. */
static int probe_features(unsigned int *features)
{
	*features = 0;
	if (ex_make("probe", 8192, 1))
		return -1;
	for (size_t i = 0; i < NPROBES; i++)
		if (probes[i].has())
			*features |= probes[i].bit;
	return 0;
}

/* The bits of a comma-separated list of names, or -1. */
static int probe_parse(char *list, unsigned int *bits)
{
	char *save, *name;

	*bits = 0;
	for (name = strtok_r(list, ",", &save); name; name = strtok_r(NULL, ",", &save)) {
		size_t i;

		for (i = 0; i < NPROBES && strcmp(name, probes[i].name); i++)
			;
		if (i == NPROBES)
			return -1;
		*bits |= probes[i].bit;
	}
	return 0;
}

static void probe_print(const char *title, unsigned int bits)
{
	printf("%s:", title);
	for (size_t i = 0; i < NPROBES; i++)
		if (bits & probes[i].bit)
			printf(" %s", probes[i].name);
	printf("\n");
}

#endif

// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * race.c - whether everybody sees his own changes at once while others change and
 * look at the same things.
 *
 *   race DIR SECONDS
 *
 * Each of some threads is the only one that changes one property of what they all
 * share: the size of a file, its mode, an extended attribute, whether a name is
 * there, what a name is, a number of links. After a change it looks. The others look
 * all the time, so that what is remembered comes from replies of all kinds that
 * race the changes. Prints how many looks were wrong, and leaves with 1 if any was.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <time.h>
#include <unistd.h>

#define ENOUGH	100	/* looks; for fewer, on a slow machine, it takes up to ten times as long */

static volatile int stop;
static volatile unsigned long changes, wrongs;

static void look(int good, const char *what, long want, long got)
{
	__atomic_add_fetch(&changes, 1, __ATOMIC_RELAXED);
	if (good)
		return;
	if (__atomic_add_fetch(&wrongs, 1, __ATOMIC_RELAXED) < 20)
		printf("# %s: want %ld, got %ld (%s)\n", what, want, got, strerror(errno));
}

static struct stat st_of(const char *path)
{
	struct stat st = { .st_nlink = 0 };

	if (lstat(path, &st))
		st.st_nlink = 0;
	return st;
}

static void sizes(int i)
{
	long want = i % 1000;

	if (truncate("file", want) == 0)
		look(st_of("file").st_size == want, "size", want, st_of("file").st_size);
}

static void modes(int i)
{
	long want = 0600 + i % 64;

	if (chmod("file", (mode_t)want) == 0)
		look((st_of("file").st_mode & 07777) == want, "mode", want,
		     st_of("file").st_mode & 07777);
}

static void attributes(int i)
{
	char want[16], got[16] = "";
	int n = snprintf(want, sizeof(want), "%d", i);

	if (lsetxattr("file", "user.race", want, (size_t)n, 0) == 0) {
		(void)!lgetxattr("file", "user.race", got, sizeof(got) - 1);
		look(strcmp(want, got) == 0, "attribute", i, atol(got));
	}
	if (i % 8 == 0 && lremovexattr("file", "user.race") == 0)
		look(lgetxattr("file", "user.race", got, sizeof(got)) < 0, "no attribute", 0, 0);
}

static void names(int i)
{
	int fd = open("name", O_CREAT | O_EXCL | O_WRONLY, 0600);

	(void)i;
	if (fd >= 0)
		close(fd);
	look(st_of("name").st_nlink == 1, "made", 1, (long)st_of("name").st_nlink);
	unlink("name");
	look(st_of("name").st_nlink == 0, "removed", 0, (long)st_of("name").st_nlink);
	mkdir("name", 0700);
	look(S_ISDIR(st_of("name").st_mode), "folder", 1, st_of("name").st_mode);
	rmdir("name");
	look(st_of("name").st_nlink == 0, "removed folder", 0, (long)st_of("name").st_nlink);
}

static void moves(int i)
{
	const char *from = i % 2 ? "there" : "here", *to = i % 2 ? "here" : "there";

	if (rename(from, to) == 0) {
		look(st_of(from).st_nlink == 0, "moved from", 0, (long)st_of(from).st_nlink);
		look(st_of(to).st_nlink == 1, "moved to", 1, (long)st_of(to).st_nlink);
	}
}

static void links(int i)
{
	(void)i;
	if (link("linked", "link") == 0)
		look(st_of("linked").st_nlink == 2, "links", 2, (long)st_of("linked").st_nlink);
	if (unlink("link") == 0)
		look(st_of("linked").st_nlink == 1, "link", 1, (long)st_of("linked").st_nlink);
}

/* Whether a folder lists a name; without one it is only read. */
static int lists(const char *folder, const char *name)
{
	DIR *dir = opendir(folder);
	struct dirent *d;
	int found = 0;

	while (dir && (d = readdir(dir)))
		found |= name && strcmp(d->d_name, name) == 0;
	if (dir)
		closedir(dir);
	return found;
}

/* How many folders there are in one, which only this thread makes. */
static void folders(int i)
{
	(void)i;
	if (mkdir("dir/sub", 0700) == 0) {
		look(st_of("dir").st_nlink == 3, "folders", 3, (long)st_of("dir").st_nlink);
		look(lists("dir", "sub"), "listed", 1, 0);
	}
	if (rmdir("dir/sub") == 0) {
		look(st_of("dir").st_nlink == 2, "no folders", 2, (long)st_of("dir").st_nlink);
		look(!lists("dir", "sub"), "not listed", 0, 1);
	}
}

static void looks(int i)
{
	static const char * const all[] = {
		"file", "name", "here", "there", "linked", "link", "dir", "dir/sub", ".",
	};
	char value[64];

	(void)st_of(all[(unsigned int)i % (sizeof(all) / sizeof(all[0]))]);
	if (i % 4 == 0)
		(void)!lgetxattr("file", "user.race", value, sizeof(value));
	if (i % 16 == 0)
		(void)!llistxattr("file", value, sizeof(value));
	if (i % 64 == 0)
		(void)!access("file", R_OK);
	if (i % 8 == 0)
		lists(i % 16 ? "." : "dir", NULL);
}

static void *runs(void *arg)
{
	void (*step)(int) = (void (*)(int))arg;

	for (int i = 0; !stop; i++)
		step(i);
	return NULL;
}

static int make(const char *name)
{
	int fd = open(name, O_CREAT | O_WRONLY, 0600);

	return fd < 0 ? -1 : close(fd);
}

int main(int argc, char **argv)
{
	static void (* const steps[])(int) = {
		sizes, modes, attributes, names, moves, links, folders, looks, looks, looks,
	};
	enum { STEPS = sizeof(steps) / sizeof(steps[0]) };
	pthread_t threads[STEPS];

	if (argc != 3 || chdir(argv[1]) || make("file") || make("here") || make("linked") ||
	    mkdir("dir", 0700))
		return 2;
	for (int i = 0; i < STEPS; i++)
		pthread_create(&threads[i], NULL, runs, (void *)steps[i]);
	for (int i = 0; i < 10 && (!i || changes < ENOUGH); i++)
		sleep((unsigned int)atoi(argv[2]));
	stop = 1;
	for (int i = 0; i < STEPS; i++)
		pthread_join(threads[i], NULL);
	printf("# race: %lu looks, %lu wrong\n", changes, wrongs);
	return wrongs > 0 || changes < ENOUGH;
}

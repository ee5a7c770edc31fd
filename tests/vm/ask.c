// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * ask.c - single system calls that the shell of the virtual machine has no words for.
 *
 *   ask get PATH NAME          the value of an extended attribute
 *   ask list PATH              their names, each with a blank
 *   ask size PATH              of that list, which the kernel is asked for alone
 *   ask set PATH NAME VALUE
 *   ask remove PATH NAME
 *   ask access PATH MODE       as access(2)
 *   ask files PATH             how many more files there can be
 *   ask listed PATH COMMAND    how many names a folder has that is opened, before the
 *                              shell's COMMAND, and read after it
 *
 *   ask as ID QUESTION...      one of these, ID being user and group for file access
 *
 * Leaves with the errno of a call that failed.
 */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/fsuid.h>
#include <sys/statvfs.h>
#include <sys/xattr.h>
#include <unistd.h>

static char value[65536];

static int get(char **arg)
{
	ssize_t n = lgetxattr(arg[0], arg[1], value, sizeof(value) - 1);

	if (n >= 0)
		printf("%.*s\n", (int)n, value);
	return n < 0;
}

static int list(char **arg)
{
	ssize_t n = llistxattr(arg[0], value, sizeof(value));

	for (ssize_t i = 0; i < n; i += (ssize_t)strlen(value + i) + 1)
		printf("%s ", value + i);
	printf("\n");
	return n < 0;
}

static int size(char **arg)
{
	ssize_t n = llistxattr(arg[0], NULL, 0);

	printf("%zd\n", n);
	return n < 0;
}

static int set(char **arg)
{
	return lsetxattr(arg[0], arg[1], arg[2], strlen(arg[2]), 0) < 0;
}

static int take(char **arg)
{
	return lremovexattr(arg[0], arg[1]) < 0;
}

static int may(char **arg)
{
	return access(arg[0], atoi(arg[1])) < 0;
}

static int files(char **arg)
{
	struct statvfs sv;

	if (statvfs(arg[0], &sv) < 0)
		return 1;
	printf("%lu\n", (unsigned long)sv.f_ffree);
	return 0;
}

static int listed(char **arg)
{
	DIR *dir = opendir(arg[0]);
	int n = 0;

	if (!dir || system(arg[1]))
		return 1;
	while (readdir(dir))
		n++;
	printf("%d\n", n);
	return closedir(dir) < 0;
}

static const struct {
	const char *verb;
	int args;
	int (*call)(char **arg);
} verbs[] = {
	{ "get", 2, get }, { "list", 1, list }, { "size", 1, size }, { "set", 3, set },
	{ "remove", 2, take }, { "access", 2, may }, { "files", 1, files },
	{ "listed", 2, listed },
};

/* These calls do not say whether they did it: the same again does. */
static int become(const char *id)
{
	unsigned int number = (unsigned int)atoi(id);

	setfsgid(number);
	setfsuid(number);
	return setfsgid(number) != (int)number || setfsuid(number) != (int)number;
}

int main(int argc, char **argv)
{
	if (argc > 3 && strcmp(argv[1], "as") == 0) {
		if (become(argv[2]))
			return 255;
		argc -= 2;
		argv += 2;
	}
	for (size_t i = 0; argc > 1 && i < sizeof(verbs) / sizeof(verbs[0]); i++)
		if (strcmp(argv[1], verbs[i].verb) == 0 && argc == verbs[i].args + 2)
			return verbs[i].call(argv + 2) ? errno : 0;
	return 255;
}

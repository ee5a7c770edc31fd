// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * walk.c - a tree of small files, and a walk over it.
 *
 *   walk make DIR FILES    folders three deep, ten files and one link in each; one
 *                          file in ten has an extended attribute
 *   walk DIR               reads every folder, and of everything found asks for
 *                          attributes, the names and one value of extended
 *                          attributes, and where it leads; prints how many they are
 */
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

static unsigned long found, attributes;

static int visit(const char *path, const struct stat *unused, int type, struct FTW *where)
{
	char text[4096];
	struct stat st;

	(void)unused;
	(void)type;
	(void)where;
	if (lstat(path, &st) || llistxattr(path, text, sizeof(text)) < 0)
		return -1;
	attributes += lgetxattr(path, "user.name", text, sizeof(text)) > 0;
	if (S_ISLNK(st.st_mode) && readlink(path, text, sizeof(text)) < 0)
		return -1;
	found++;
	return 0;
}

static int make_file(const char *dir, int i)
{
	char path[256], text[] = "a line of text, and another one that ends here\n";
	int fd;

	snprintf(path, sizeof(path), "%s/file%d", dir, i);
	fd = open(path, O_CREAT | O_WRONLY, 0644);
	if (fd < 0 || write(fd, text, sizeof(text)) < 0 || close(fd))
		return -1;
	return i ? 0 : setxattr(path, "user.name", "value", 5, 0);
}

static int make_folder(const char *dir)
{
	char path[256];
	int err = mkdir(dir, 0755);

	for (int i = 0; i < 10 && !err; i++)
		err = make_file(dir, i);
	snprintf(path, sizeof(path), "%s/link", dir);
	return err ? err : symlink("file0", path);
}

static int make(const char *dir, int files)
{
	char path[200];
	int err = mkdir(dir, 0755);

	for (int i = 0; i < files / 10 && !err; i++) {
		snprintf(path, sizeof(path), "%s/%d", dir, i / 100);
		mkdir(path, 0755);
		snprintf(path, sizeof(path), "%s/%d/%d", dir, i / 100, i / 10 % 10);
		mkdir(path, 0755);
		snprintf(path, sizeof(path), "%s/%d/%d/%d", dir, i / 100, i / 10 % 10, i % 10);
		err = make_folder(path);
	}
	return err;
}

int main(int argc, char **argv)
{
	int err = 2;

	if (argc == 4 && strcmp(argv[1], "make") == 0)
		err = make(argv[2], atoi(argv[3]));
	else if (argc == 2)
		err = nftw(argv[1], visit, 16, FTW_PHYS);
	if (err)
		perror("walk");
	else if (argc == 2)
		printf("%lu found, %lu with the attribute\n", found, attributes);
	return err != 0;
}

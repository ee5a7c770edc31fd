/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ex-name.h - the exerciser's sections on names and metadata: directories,
 * links, rename, permissions, times, extended attributes.
 */
#ifndef EX_NAME_H
#define EX_NAME_H

#include <dirent.h>
#include <linux/fs.h>
#include <sys/statvfs.h>
#include <sys/xattr.h>

#include "ex.h"

#define NAME_MANY	10000

static int name_create(struct ex *x)
{
	int fd = open("new", O_CREAT | O_EXCL | O_RDWR, 0644);
	struct stat st;

	CHECK(x, fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size == 0);
	CHECK(x, close(fd) == 0);
	CHECK_ERR(x, open("new", O_CREAT | O_EXCL | O_RDWR, 0644), EEXIST);
	CHECK_ERR(x, open("none", O_RDONLY), ENOENT);
	CHECK_ERR(x, open("new/below", O_RDONLY), ENOTDIR);
	CHECK_ERR(x, mkdir("new", 0755), EEXIST);
	CHECK(x, unlink("new") == 0 && !ex_exists("new"));
	CHECK_ERR(x, unlink("new"), ENOENT);
	return 0;
}

static int name_rename(struct ex *x)
{
	CHECK(x, ex_make("a", 1000, 1) == 0 && ex_make("b", 2000, 2) == 0);
	CHECK(x, rename("a", "c") == 0 && !ex_exists("a") && ex_holds("c", 1000, 1));
	CHECK(x, rename("c", "b") == 0 && !ex_exists("c") && ex_holds("b", 1000, 1));
	CHECK_ERR(x, rename("none", "b"), ENOENT);
	CHECK(x, mkdir("d", 0755) == 0 && mkdir("e", 0755) == 0);
	CHECK(x, rename("b", "d/b") == 0 && ex_holds("d/b", 1000, 1));
	CHECK(x, rename("d", "e/d") == 0 && ex_holds("e/d/b", 1000, 1));
	CHECK_ERR(x, rename("e", "e/d/e"), EINVAL);
	CHECK(x, rename("e/d/b", "b") == 0 && ex_holds("b", 1000, 1));
	return 0;
}

static int name_noreplace(struct ex *x)
{
	CHECK(x, ex_make("a", 10, 1) == 0 && ex_make("b", 20, 2) == 0);
	CHECK_ERR(x, renameat2(AT_FDCWD, "a", AT_FDCWD, "b", RENAME_NOREPLACE), EEXIST);
	CHECK(x, renameat2(AT_FDCWD, "a", AT_FDCWD, "c", RENAME_NOREPLACE) == 0);
	CHECK(x, ex_holds("b", 20, 2) && ex_holds("c", 10, 1));
	return 0;
}

static int name_exchange(struct ex *x)
{
	CHECK(x, ex_make("a", 10, 1) == 0 && ex_make("b", 20, 2) == 0);
	CHECK(x, renameat2(AT_FDCWD, "a", AT_FDCWD, "b", RENAME_EXCHANGE) == 0);
	CHECK(x, ex_holds("a", 20, 2) && ex_holds("b", 10, 1));
	return 0;
}

static int name_dirs(struct ex *x)
{
	char path[600] = "";

	for (int i = 0; i < 30; i++) {
		snprintf(path + strlen(path), sizeof(path) - strlen(path), "%sdir-%d", i ? "/" : "", i);
		CHECK(x, mkdir(path, 0755) == 0);
	}
	strcat(path, "/leaf");
	CHECK(x, ex_make(path, 300, 3) == 0 && ex_holds(path, 300, 3));
	CHECK_ERR(x, rmdir("dir-0"), ENOTEMPTY);
	CHECK(x, mkdir("gone", 0755) == 0 && rmdir("gone") == 0 && !ex_exists("gone"));
	CHECK_ERR(x, rmdir("gone"), ENOENT);
	CHECK(x, ex_make("file", 1, 1) == 0);
	CHECK_ERR(x, rmdir("file"), ENOTDIR);
	CHECK(x, unlink("dir-0") < 0);
	return 0;
}

static int name_odd(struct ex *x)
{
	static const char *const names[] = {
		"with space", "ümläut-日本-🙂", ".hidden", "tab\there", "-dash", "back\\slash", "#hash",
	};
	char longest[256];

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		if (strpbrk(names[i], "\t\\") && !(x->features & F_CHMOD))
			continue;	/* not a POSIX name space */
		CHECK(x, ex_make(names[i], 10 + i, i) == 0);
		CHECK(x, ex_holds(names[i], 10 + i, i));
	}
	memset(longest, 'n', 255);
	longest[255] = '\0';
	CHECK(x, ex_make(longest, 5, 5) == 0 && ex_holds(longest, 5, 5));
	return 0;
}

/* Every name once, none twice: counted with one flag per number. */
static int count_many(struct ex *x, const char *dir, int *count)
{
	static unsigned char seen[NAME_MANY];
	struct dirent *de;
	DIR *d = opendir(dir);
	int n;

	memset(seen, 0, sizeof(seen));
	CHECK(x, d);
	for (*count = 0; (de = readdir(d));) {
		if (de->d_name[0] == '.')
			continue;
		n = atoi(de->d_name + strlen("entry-of-many-"));
		CHECK(x, n >= 0 && n < NAME_MANY && !seen[n]);
		seen[n] = 1;
		(*count)++;
	}
	CHECK(x, closedir(d) == 0);
	return 0;
}

static int name_many(struct ex *x)
{
	char name[64];
	int count, fd;

	CHECK(x, mkdir("many", 0755) == 0);
	for (int i = 0; i < NAME_MANY; i++) {
		snprintf(name, sizeof(name), "many/entry-of-many-%05d", i);
		fd = open(name, O_CREAT | O_EXCL | O_WRONLY, 0644);
		CHECK(x, fd >= 0 && close(fd) == 0);
	}
	if (count_many(x, "many", &count))
		return -1;
	CHECK(x, count == NAME_MANY);
	for (int i = 0; i < NAME_MANY; i++) {
		if (i % 1000 == 7)
			continue;
		snprintf(name, sizeof(name), "many/entry-of-many-%05d", i);
		CHECK(x, unlink(name) == 0);
	}
	if (count_many(x, "many", &count))
		return -1;
	CHECK(x, count == NAME_MANY / 1000);
	return 0;
}

static int name_symlink(struct ex *x)
{
	char buf[300], target[256];
	struct stat st;

	memset(target, 't', 255);
	target[255] = '\0';
	CHECK(x, ex_make("real", 50, 4) == 0 && symlink("real", "sym") == 0);
	CHECK(x, readlink("sym", buf, sizeof(buf)) == 4 && memcmp(buf, "real", 4) == 0);
	CHECK(x, ex_holds("sym", 50, 4));
	CHECK(x, lstat("sym", &st) == 0 && S_ISLNK(st.st_mode));
	CHECK(x, symlink(target, "dangling") == 0);
	CHECK(x, readlink("dangling", buf, sizeof(buf)) == 255 && memcmp(buf, target, 255) == 0);
	CHECK_ERR(x, open("dangling", O_RDONLY), ENOENT);
	CHECK(x, symlink("real", "removed") == 0 && unlink("removed") == 0 && ex_exists("real"));
	return 0;
}

static int name_link(struct ex *x)
{
	struct stat one, two;

	CHECK(x, ex_make("one", 60, 5) == 0 && link("one", "two") == 0);
	CHECK(x, stat("one", &one) == 0 && stat("two", &two) == 0);
	CHECK(x, one.st_nlink == 2 && two.st_nlink == 2);
	CHECK(x, ex_make("two", 70, 6) == 0);
	CHECK(x, !(x->features & F_COHERENT) || ex_holds("one", 70, 6));
	CHECK_ERR(x, link("one", "two"), EEXIST);
	CHECK(x, link("two", "three") == 0 && unlink("one") == 0 && ex_holds("three", 70, 6));
	CHECK(x, stat("two", &two) == 0 && two.st_nlink == 2);
	return 0;
}

static int name_chmod(struct ex *x)
{
	static const mode_t modes[] = { 0644, 0600, 0755, 0400, 0777, 0640 };
	char name[16];
	struct stat st;

	for (size_t i = 0; i < sizeof(modes) / sizeof(*modes); i++) {
		snprintf(name, sizeof(name), "mode-%o", modes[i]);
		CHECK(x, ex_make(name, 1, 1) == 0 && chmod(name, modes[i]) == 0);
		CHECK(x, stat(name, &st) == 0 && (st.st_mode & 07777) == modes[i]);
	}
	CHECK(x, mkdir("dir", 0700) == 0 && chmod("dir", 0750) == 0);
	CHECK(x, stat("dir", &st) == 0 && (st.st_mode & 07777) == 0750);
	return 0;
}

static int name_times(struct ex *x)
{
	struct timespec want[2] = { { 1000000000, 123456700 }, { 1234567890, 987654300 } };
	struct stat st;

	if (!(x->features & F_NSEC))
		want[0].tv_nsec = want[1].tv_nsec = 0;
	CHECK(x, ex_make("time-set", 10, 1) == 0);
	CHECK(x, utimensat(AT_FDCWD, "time-set", want, 0) == 0);
	CHECK(x, stat("time-set", &st) == 0);
	CHECK(x, st.st_mtim.tv_sec == want[1].tv_sec && st.st_mtim.tv_nsec == want[1].tv_nsec);
	CHECK(x, st.st_atim.tv_sec == want[0].tv_sec);
	CHECK(x, ex_make("now", 10, 1) == 0 && utimensat(AT_FDCWD, "now", want, 0) == 0);
	CHECK(x, utimensat(AT_FDCWD, "now", NULL, 0) == 0 && stat("now", &st) == 0);
	CHECK(x, st.st_mtim.tv_sec > 1500000000);
	return 0;
}

static int name_statfs(struct ex *x)
{
	struct statvfs sv;

	CHECK(x, statvfs(".", &sv) == 0);
	CHECK(x, sv.f_bsize > 0 && sv.f_namemax >= 255);
	return 0;
}

static int name_fifo(struct ex *x)
{
	struct stat st;

	CHECK(x, mkfifo("fifo", 0644) == 0);
	CHECK(x, lstat("fifo", &st) == 0 && S_ISFIFO(st.st_mode));
	return 0;
}

static int name_unlinked(struct ex *x)
{
	struct stat st;
	int fd;

	CHECK(x, ex_make("unlinked", 9000, 8) == 0);
	fd = open("unlinked", O_RDWR);
	CHECK(x, fd >= 0 && unlink("unlinked") == 0 && !ex_exists("unlinked"));
	CHECK(x, ex_write_at(fd, "still here", 10, 9000) == 0);
	CHECK(x, ex_read_at(fd, ex_b, 10000, 0) == 9010);
	CHECK(x, memcmp(ex_b + 9000, "still here", 10) == 0);
	CHECK(x, fstat(fd, &st) == 0 && st.st_size == 9010);
	CHECK(x, ex_make("unlinked", 20, 9) == 0 && ex_holds("unlinked", 20, 9));
	CHECK(x, ex_read_at(fd, ex_b, 10000, 0) == 9010);
	CHECK(x, close(fd) == 0);
	return 0;
}

static int name_xattr(struct ex *x)
{
	char big[2000], buf[2100];

	memset(big, 'x', sizeof(big));
	CHECK(x, ex_make("xattr", 10, 1) == 0);
	CHECK(x, setxattr("xattr", "user.one", "first", 5, XATTR_CREATE) == 0);
	CHECK(x, setxattr("xattr", "user.two", big, sizeof(big), 0) == 0);
	CHECK_ERR(x, setxattr("xattr", "user.one", "x", 1, XATTR_CREATE), EEXIST);
	CHECK_ERR(x, setxattr("xattr", "user.new", "x", 1, XATTR_REPLACE), ENODATA);
	CHECK(x, getxattr("xattr", "user.one", NULL, 0) == 5);
	CHECK(x, getxattr("xattr", "user.two", buf, sizeof(buf)) == sizeof(big));
	CHECK(x, memcmp(buf, big, sizeof(big)) == 0);
	CHECK_ERR(x, getxattr("xattr", "user.two", buf, 10), ERANGE);
	CHECK(x, setxattr("xattr", "user.gone", "z", 1, 0) == 0);
	CHECK(x, removexattr("xattr", "user.gone") == 0);
	CHECK_ERR(x, getxattr("xattr", "user.gone", buf, 10), ENODATA);
	CHECK(x, listxattr("xattr", buf, sizeof(buf)) >= 18);
	return 0;
}

#endif

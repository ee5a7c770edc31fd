// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * pages.c - reads a file as few programs do, and prints what it holds: each page by itself, in
 * no order, so that nothing is read ahead, or by a mapping.
 *
 *   pages read FILE	by pread(2)
 *   pages map FILE	from a shared mapping
 *   pages private FILE	from a private one
 *   pages ahead FILE	from a shared one, in order, read ahead as the kernel likes
 *   pages twice FILE	as map; then, when a line comes in, as read, by the same descriptor
 *   pages drop FILE	nothing is read or printed; the page cache has nothing of it then
 */
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define PAGE	4096

static size_t at_most(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* Whether what a mapping shows behind the end of the file is zero. */
static bool ends_well(const char *map, size_t size, size_t count)
{
	for (size_t i = size; i < count * PAGE; i++)
		if (map[i])
			return false;
	return true;
}

/* The page that is number I of COUNT: a prime leaves none out, but in its multiples. */
static size_t page_of(size_t i, size_t count, bool random)
{
	return random && count % 7919 ? i * 7919 % count : i;
}

static int read_pages(int fd, char *to, size_t size)
{
	size_t count = (size + PAGE - 1) / PAGE;

	posix_fadvise(fd, 0, 0, POSIX_FADV_RANDOM);
	for (size_t i = 0; i < count; i++) {
		size_t off = page_of(i, count, true) * PAGE, n = at_most(size - off, PAGE);

		if (pread(fd, to + off, n, (off_t)off) != (ssize_t)n)
			return -1;
	}
	return 0;
}

static int map_pages(int fd, char *to, size_t size, int flags, bool random)
{
	size_t count = (size + PAGE - 1) / PAGE;
	char *map = size ? mmap(NULL, size, PROT_READ, flags, fd, 0) : to;

	if (map == MAP_FAILED)
		return -1;
	if (size)
		madvise(map, size, random ? MADV_RANDOM : MADV_NORMAL);
	for (size_t i = 0; i < count; i++) {
		size_t off = page_of(i, count, random) * PAGE;

		memcpy(to + off, map + off, at_most(size - off, PAGE));
	}
	if (!ends_well(map, size, size ? count : 0))
		return -1;
	return size ? munmap(map, size) : 0;
}

static int show(const char *how, int fd)
{
	struct stat st;
	size_t size;
	char *to;
	int err;

	if (fstat(fd, &st))
		return -1;
	size = (size_t)st.st_size;
	to = malloc(size + 1);
	if (!to)
		return -1;
	if (!strcmp(how, "read"))
		err = read_pages(fd, to, size);
	else
		err = map_pages(fd, to, size, strcmp(how, "private") ? MAP_SHARED : MAP_PRIVATE,
				strcmp(how, "ahead") != 0);
	if (!err)
		err = write(STDOUT_FILENO, to, size) == (ssize_t)size ? 0 : -1;
	free(to);
	return err;
}

int main(int argc, char **argv)
{
	const char *how = argc == 3 ? argv[1] : "";
	int fd = argc == 3 ? open(argv[2], O_RDONLY) : -1;

	if (fd < 0)
		return 2;
	if (!strcmp(how, "drop"))
		return posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED) != 0;
	if (strcmp(how, "twice") != 0)
		return show(how, fd) != 0;
	if (show("map", fd))
		return 1;
	getchar();
	return show("read", fd) != 0;
}

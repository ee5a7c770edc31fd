// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * t-compare.c - what a file holds beside what was said of it (shim/compare.h): the same
 * bytes, other bytes, ends, and a file that changes.
 */
#include <linux/fuse.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "shim/compare.h"

#define SIZE	10000

static int tests, failures;
static char contents[SIZE];

static void check(int good, const char *what)
{
	tests++;
	failures += !good;
	printf("%sok %d - %s\n", good ? "" : "not ", tests, what);
}

/* A file with the contents, and no name. */
static int make_file(void)
{
	char path[] = "/tmp/efuse-compare-XXXXXX";
	int fd = mkstemp(path);

	for (size_t i = 0; i < SIZE; i++)
		contents[i] = (char)(i * 7919 >> 5);
	if (fd < 0 || unlink(path) || write(fd, contents, SIZE) != SIZE)
		exit(1);
	return fd;
}

/* A reply in three pieces, its header in the first two, to a READ of WANTED bytes at OFFSET. */
static enum verdict said(int fd, uint64_t offset, char *data, size_t size, size_t wanted)
{
	struct fuse_out_header header = { 0 };
	struct iovec iov[] = {
		{ &header, 5 }, { (char *)&header + 5, sizeof(header) - 5 }, { data, size },
	};
	bool varied = false;

	return compare_reply(fd, offset, iov, 3, size, wanted, &varied);
}

static void test_reply(int fd)
{
	char other[SIZE];

	memcpy(other, contents, SIZE);
	other[SIZE - 1] ^= 1;
	check(said(fd, 0, contents, SIZE, SIZE) == AGREES, "all of it");
	check(said(fd, 0, other, SIZE, SIZE) == DIFFERS, "one bit is another");
	check(said(fd, 5000, contents + 5000, 1, 1) == AGREES, "a byte");
	check(said(fd, 4999, contents + 5000, 100, 100) == DIFFERS, "the bytes beside");
	check(said(fd, 9000, contents + 9000, 1000, 4096) == AGREES, "up to the end");
	check(said(fd, 9000, contents + 9000, 900, 4096) == DIFFERS, "an end before it");
	check(said(fd, SIZE, contents, 0, 4096) == AGREES, "behind the end");
	check(said(fd, 9999, contents, 0, 4096) == DIFFERS, "nothing where there is something");
	check(said(fd, 0, contents, 200, 100) == DIFFERS, "more than was wanted");
}

static bool holds(int fd, const char *data, uint64_t offset, size_t size)
{
	struct digest written = { .sum = 0 }, there = { .sum = 0 };

	digest_memory(&written, data, size);
	return digest_file(&there, fd, offset, size) == size && written.sum == there.sum;
}

static void test_digest(int fd)
{
	static const size_t sizes[] = { 1, 7, 8, 4095, 4096, 4097, SIZE };
	char other[SIZE];
	bool good = true, bad = false;

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
		for (size_t at = 0; at < sizes[i]; at += 97) {
			memcpy(other, contents, SIZE);
			other[at] ^= 4;
			good &= holds(fd, contents, 0, sizes[i]);
			bad |= holds(fd, other, 0, sizes[i]);
		}
	check(good, "what was written is there");
	check(!bad, "and is not with one bit another, wherever");
	memcpy(other, contents, SIZE);
	memcpy(other + 8, contents, 8);
	memcpy(other, contents + 8, 8);
	check(!holds(fd, other, 0, SIZE), "nor in another order");
	check(!holds(fd, contents, 1, SIZE), "nor is the file that long");
}

static void test_varied(void)
{
	struct digest same = { .sum = 0 }, other = { .sum = 0 };
	char data[SIZE];

	memset(data, 'a', SIZE);
	digest_memory(&same, data, SIZE);
	data[4096] = 'b';
	digest_memory(&other, data, SIZE);
	check(!same.varied && other.varied, "whether it is all one byte");
}

static void test_likeness(int fd)
{
	struct likeness fresh, settled, after;

	likeness_of(fd, &fresh);
	check(!likeness_same(&fresh, &fresh), "what was changed just now may change unseen");
	usleep(50000);
	likeness_of(fd, &settled);
	likeness_of(fd, &after);
	check(likeness_same(&settled, &after), "later it looks the same");
	if (pwrite(fd, "x", 1, 0) != 1)
		exit(1);
	likeness_of(fd, &after);
	check(!likeness_same(&settled, &after), "but not once it was written");
	check(!likeness_of(-1, &after), "nor does what cannot be seen");
}

int main(void)
{
	int fd = make_file();

	test_reply(fd);
	test_digest(fd);
	test_varied();
	test_likeness(fd);
	close(fd);
	printf("1..%d\n", tests);
	return failures != 0;
}

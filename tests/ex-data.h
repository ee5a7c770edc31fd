/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ex-data.h - the exerciser's sections on file contents: what was written must
 * be read back, whatever the size, offset, flag or way of writing.
 */
#ifndef EX_DATA_H
#define EX_DATA_H

#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/uio.h>

#include "ex.h"

static int data_sizes(struct ex *x)
{
	static const size_t sizes[] = {
		0, 1, 511, 4095, 4096, 4097, 65536, 131071, 131072, 131073, 1 << 20, 1500000,
	};
	char name[32];

	for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
		snprintf(name, sizeof(name), "size-%zu", sizes[i]);
		CHECK(x, ex_make(name, sizes[i], i) == 0);
		CHECK(x, ex_size(name) == (off_t)sizes[i]);
		CHECK(x, ex_holds(name, sizes[i], i));
	}
	return 0;
}

static int data_big(struct ex *x)
{
	int fd = open("big", O_CREAT | O_RDWR, 0644);

	CHECK(x, fd >= 0);
	for (int i = 0; i < 4; i++) {
		ex_fill(ex_a, EX_BUF / 2, 7, (uint64_t)i * EX_BUF / 2);
		CHECK(x, write(fd, ex_a, EX_BUF / 2) == EX_BUF / 2);
	}
	CHECK(x, fsync(fd) == 0);
	for (int i = 3; i >= 0; i--) {
		ex_fill(ex_a, EX_BUF / 2, 7, (uint64_t)i * EX_BUF / 2);
		CHECK(x, pread(fd, ex_b, EX_BUF / 2, (off_t)i * EX_BUF / 2) == EX_BUF / 2);
		CHECK(x, memcmp(ex_a, ex_b, EX_BUF / 2) == 0);
	}
	CHECK(x, close(fd) == 0);
	return 0;
}

static int data_offsets(struct ex *x)
{
	uint64_t state = x->seed | 1;
	static unsigned char want[300000];
	int fd = open("offsets", O_CREAT | O_RDWR, 0644);

	memset(want, 0, sizeof(want));
	CHECK(x, fd >= 0 && ftruncate(fd, sizeof(want)) == 0);
	for (int i = 0; i < 60; i++) {
		size_t off = ex_random(&state) % (sizeof(want) - 10000);
		size_t len = 1 + ex_random(&state) % 10000;

		ex_fill(want + off, len, (uint64_t)i, off);
		CHECK(x, ex_write_at(fd, want + off, len, (off_t)off) == 0);
		off = ex_random(&state) % (sizeof(want) - 10000);
		CHECK(x, ex_read_at(fd, ex_b, len, (off_t)off) == (ssize_t)len);
		CHECK(x, memcmp(ex_b, want + off, len) == 0);
	}
	CHECK(x, ex_read_at(fd, ex_b, sizeof(want) + 1, 0) == sizeof(want));
	CHECK(x, memcmp(ex_b, want, sizeof(want)) == 0);
	CHECK(x, close(fd) == 0);
	return 0;
}

static int data_append(struct ex *x)
{
	int fd = open("append", O_CREAT | O_WRONLY | O_APPEND, 0644);
	int other;

	CHECK(x, fd >= 0);
	for (int i = 0; i < 20; i++) {
		ex_fill(ex_a, 1000, 3, (uint64_t)i * 1000);
		CHECK(x, lseek(fd, 0, SEEK_SET) == 0);
		CHECK(x, write(fd, ex_a, 1000) == 1000);
	}
	CHECK(x, close(fd) == 0);
	CHECK(x, ex_holds("append", 20000, 3));
	other = open("append", O_WRONLY | O_APPEND);
	CHECK(x, other >= 0 && write(other, "tail", 4) == 4 && close(other) == 0);
	CHECK(x, ex_size("append") == 20004);
	return 0;
}

static int data_truncate(struct ex *x)
{
	int fd;

	CHECK(x, ex_make("trunc", 10000, 5) == 0);
	CHECK(x, truncate("trunc", 5000) == 0 && ex_holds("trunc", 5000, 5));
	CHECK(x, truncate("trunc", 9000) == 0 && ex_size("trunc") == 9000);
	fd = open("trunc", O_RDWR);
	CHECK(x, fd >= 0 && ex_read_at(fd, ex_b, 9000, 0) == 9000);
	ex_fill(ex_a, 5000, 5, 0);
	memset(ex_a + 5000, 0, 4000);
	CHECK(x, memcmp(ex_a, ex_b, 9000) == 0);
	CHECK(x, ftruncate(fd, 100) == 0 && ex_size("trunc") == 100);
	CHECK(x, ex_read_at(fd, ex_b, 9000, 0) == 100 && memcmp(ex_a, ex_b, 100) == 0);
	CHECK(x, close(fd) == 0);
	fd = open("trunc", O_WRONLY | O_TRUNC);
	CHECK(x, fd >= 0 && close(fd) == 0 && ex_size("trunc") == 0);
	CHECK(x, ex_make("trunc", 777, 6) == 0 && ex_holds("trunc", 777, 6));
	return 0;
}

static int data_sparse(struct ex *x)
{
	int fd = open("sparse", O_CREAT | O_RDWR, 0644);

	CHECK(x, fd >= 0);
	CHECK(x, ex_write_at(fd, "start", 5, 0) == 0);
	CHECK(x, ex_write_at(fd, "end", 3, 3 << 20) == 0);
	CHECK(x, ex_size("sparse") == (3 << 20) + 3);
	CHECK(x, ex_read_at(fd, ex_b, 1 << 20, 1 << 20) == 1 << 20);
	memset(ex_a, 0, 1 << 20);
	CHECK(x, memcmp(ex_a, ex_b, 1 << 20) == 0);
	CHECK(x, ex_read_at(fd, ex_b, 100, 3 << 20) == 3 && memcmp(ex_b, "end", 3) == 0);
	CHECK(x, lseek(fd, 0, SEEK_END) == (3 << 20) + 3);
	CHECK(x, close(fd) == 0);
	return 0;
}

static int data_direct(struct ex *x)
{
	int fd = open("direct", O_CREAT | O_RDWR | O_DIRECT, 0644);
	unsigned char *buf = aligned_alloc(4096, 1 << 20);
	int err = 0;

	CHECK(x, fd >= 0 && buf);
	for (int i = 0; i < 4; i++) {
		ex_fill(buf, 1 << 18, 9, (uint64_t)i << 18);
		err |= pwrite(fd, buf, 1 << 18, (off_t)i << 18) != 1 << 18;
	}
	err |= pread(fd, buf, 1 << 20, 0) != 1 << 20;
	ex_fill(ex_a, 1 << 20, 9, 0);
	err |= memcmp(buf, ex_a, 1 << 20) != 0;
	err |= pread(fd, buf, 4096, 4096) != 4096;
	err |= memcmp(buf, ex_a + 4096, 4096) != 0;
	free(buf);
	CHECK(x, err == 0);
	CHECK(x, close(fd) == 0);
	CHECK(x, ex_holds("direct", 1 << 20, 9));
	return 0;
}

static int data_mmap_read(struct ex *x)
{
	unsigned char *map;
	int fd;

	CHECK(x, ex_make("mapped", 200001, 11) == 0);
	fd = open("mapped", O_RDONLY);
	CHECK(x, fd >= 0);
	map = mmap(NULL, 200001, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	CHECK(x, map != MAP_FAILED);
	ex_fill(ex_a, 200001, 11, 0);
	CHECK(x, memcmp(map, ex_a, 200001) == 0);
	map[5] ^= 1;
	CHECK(x, munmap(map, 200001) == 0 && close(fd) == 0);
	CHECK(x, ex_holds("mapped", 200001, 11));
	return 0;
}

static int data_mmap_write(struct ex *x)
{
	int fd = open("shared", O_CREAT | O_RDWR, 0644);
	unsigned char *map;

	CHECK(x, fd >= 0 && ftruncate(fd, 100000) == 0);
	map = mmap(NULL, 100000, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	CHECK(x, map != MAP_FAILED);
	ex_fill(map, 100000, 12, 0);
	CHECK(x, msync(map, 100000, MS_SYNC) == 0);
	CHECK(x, ex_holds("shared", 100000, 12));
	CHECK(x, ex_write_at(fd, "through write", 13, 50000) == 0);
	CHECK(x, memcmp(map + 50000, "through write", 13) == 0);
	ex_fill(map, 100000, 13, 0);
	CHECK(x, munmap(map, 100000) == 0);
	CHECK(x, fsync(fd) == 0 && close(fd) == 0);
	CHECK(x, ex_holds("shared", 100000, 13));
	return 0;
}

static int data_vector(struct ex *x)
{
	int fd = open("vector", O_CREAT | O_RDWR, 0644);
	struct iovec out[3] = { { ex_a, 100 }, { ex_a + 100, 70000 }, { ex_a + 70100, 3 } };
	struct iovec in[2] = { { ex_b, 7 }, { ex_b + 7, 70096 } };

	ex_fill(ex_a, 70103, 14, 0);
	CHECK(x, fd >= 0 && writev(fd, out, 3) == 70103);
	CHECK(x, preadv(fd, in, 2, 0) == 70103 && memcmp(ex_a, ex_b, 70103) == 0);
	CHECK(x, close(fd) == 0);
	return 0;
}

static int data_copy(struct ex *x)
{
	off_t off = 0;
	int in, out;

	CHECK(x, ex_make("copy-from", 400000, 15) == 0);
	in = open("copy-from", O_RDONLY);
	out = open("copy-to", O_CREAT | O_WRONLY, 0644);
	CHECK(x, in >= 0 && out >= 0);
	while (off < 400000)
		CHECK(x, sendfile(out, in, &off, (size_t)(400000 - off)) > 0);
	CHECK(x, close(out) == 0 && ex_holds("copy-to", 400000, 15));
	out = open("copy-range", O_CREAT | O_WRONLY, 0644);
	CHECK(x, out >= 0);
	off = 0;
	while (off < 400000)
		CHECK(x, copy_file_range(in, &off, out, NULL, (size_t)(400000 - off), 0) > 0);
	CHECK(x, close(out) == 0 && close(in) == 0 && ex_holds("copy-range", 400000, 15));
	return 0;
}

static int data_fallocate(struct ex *x)
{
	int fd;

	CHECK(x, ex_make("falloc", 5000, 16) == 0);
	fd = open("falloc", O_RDWR);
	CHECK(x, fd >= 0 && fallocate(fd, 0, 0, 20000) == 0);
	CHECK(x, ex_size("falloc") == 20000);
	ex_fill(ex_a, 5000, 16, 0);
	CHECK(x, ex_read_at(fd, ex_b, 30000, 0) == 20000 && memcmp(ex_a, ex_b, 5000) == 0);
	CHECK(x, close(fd) == 0);
	return 0;
}

static int data_punch(struct ex *x)
{
	int fd;

	CHECK(x, ex_make("punch", 20000, 17) == 0);
	fd = open("punch", O_RDWR);
	CHECK(x, fd >= 0);
	CHECK(x, fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 4096, 8192) == 0);
	ex_fill(ex_a, 20000, 17, 0);
	memset(ex_a + 4096, 0, 8192);
	CHECK(x, ex_read_at(fd, ex_b, 20001, 0) == 20000 && memcmp(ex_a, ex_b, 20000) == 0);
	CHECK(x, close(fd) == 0);
	return 0;
}

#endif

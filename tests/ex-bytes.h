/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ex-bytes.h - random numbers, bytes that tell where they belong, and reading all
 * of them: for the exerciser and the differential tester.
 */
#ifndef EX_BYTES_H
#define EX_BYTES_H

#include <errno.h>
#include <stdint.h>
#include <unistd.h>

#define EX_BUF		(4u << 20)

/* As O_DIRECT wants them. */
static _Alignas(4096) unsigned char ex_a[EX_BUF], ex_b[EX_BUF];

/* xorshift64*: the same sequence everywhere. */
static uint64_t ex_random(uint64_t *state)
{
	*state ^= *state >> 12;
	*state ^= *state << 25;
	*state ^= *state >> 27;
	return *state * 2685821657736338717ull;
}

/* Fill BUF with bytes that depend on SEED and the offset in the file. */
static void ex_fill(unsigned char *buf, size_t len, uint64_t seed, uint64_t off)
{
	for (size_t i = 0; i < len; i++) {
		uint64_t v = (off + i) * 0x9e3779b97f4a7c15ull + seed * 0xc2b2ae3d27d4eb4full;

		buf[i] = (unsigned char)(v >> 56) ^ (unsigned char)(v >> 24);
	}
}

static uint64_t ex_hash(const unsigned char *buf, size_t len)
{
	uint64_t h = 1469598103934665603ull;

	for (size_t i = 0; i < len; i++)
		h = (h ^ buf[i]) * 1099511628211ull;
	return h;
}

/* Bytes read, short only at the end of the file. */
static ssize_t ex_read_at(int fd, void *buf, size_t len, off_t off)
{
	size_t done = 0;

	while (done < len) {
		ssize_t ret = pread(fd, (char *)buf + done, len - done, off + (off_t)done);

		if (ret < 0 && errno == EINTR)
			continue;
		if (ret < 0)
			return -1;
		if (ret == 0)
			break;
		done += (size_t)ret;
	}
	return (ssize_t)done;
}

#endif

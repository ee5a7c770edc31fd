// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * ringserver.c - server.c, served by rings.
 *
 *   [SPIN=MICROSECONDS] [POLL=MICROSECONDS] ringserver /dev/fd/N
 *
 * One thread looks for requests for SPIN before it sleeps; who waits for a reply looks
 * for it for POLL. When it is unmounted it says on one line how many requests it
 * answered, and how many system calls it made for them.
 */
#include <stdio.h>
#include <stdlib.h>

#include "ring-raw.h"
#include "serve.h"

static char buffer[BUFFER] __attribute__((aligned(8)));

static uint32_t number(const char *name)
{
	const char *text = getenv(name);

	return text ? (uint32_t)atoi(text) : 0;
}

/* INIT comes by the device: there are no rings yet. */
static int serve_init(int fd)
{
	const struct fuse_in_header *in = (const void *)buffer;

	if (read(fd, buffer, sizeof(buffer)) < 0)
		return -errno;
	out.header.len = (uint32_t)(sizeof(out.header) + answer(in));
	out.header.unique = in->unique;
	return write(fd, &out, out.header.len) < 0 ? -errno : 0;
}

static void serve(struct raw_thread *t)
{
	const struct fuse_in_header *in;
	unsigned long requests = 0;
	size_t size;

	for (; (in = raw_next(t)); requests++) {
		if (in->opcode == FUSE_FORGET || in->opcode == FUSE_BATCH_FORGET)
			continue;
		size = answer(in);
		raw_reply(t, in->unique, out.header.error, &out.init, size);
	}
	printf("%lu %lu\n", requests, t->enters + t->calls);
}

int main(int argc, char **argv)
{
	static struct raw_rings rings;
	struct raw_thread t = {
		.rings = &rings, .spin_us = number("SPIN"), .buffer = buffer, .size = BUFFER,
	};
	int fd, err;

	if (argc != 2 || sscanf(argv[1], "/dev/fd/%d", &fd) != 1)
		return 2;
	err = serve_init(fd);
	if (!err)
		err = raw_setup(&rings, fd, 0, 0, number("POLL"));
	if (!err)
		err = raw_enter(&rings, 0, 0, EFUSE_ENTER_START);
	if (err < 0) {
		fprintf(stderr, "ringserver: no rings: %s\n", strerror(-err));
		return 1;
	}
	serve(&t);
	return 0;
}

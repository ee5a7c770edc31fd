// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * server.c - the least that a FUSE file system can cost: one file named file, which
 * is open for direct I/O and holds zeroes, no library, one read() and one write() for
 * a request. Nothing it says holds for any time.
 *
 *   server /dev/fd/N	a descriptor that is mounted already
 *
 * Ends when unmounted.
 */
#include <stdio.h>
#include <unistd.h>

#include "serve.h"

static int serve(int fd)
{
	static _Alignas(8) char buffer[BUFFER];
	const struct fuse_in_header *in = (const void *)buffer;

	while (read(fd, buffer, sizeof(buffer)) > 0) {
		if (in->opcode == FUSE_FORGET || in->opcode == FUSE_BATCH_FORGET)
			continue;
		out.header.len = (uint32_t)(sizeof(out.header) + answer(in));
		out.header.unique = in->unique;
		if (write(fd, &out, out.header.len) < 0 && errno != ENOENT)
			return 1;
	}
	return errno != ENODEV;
}

int main(int argc, char **argv)
{
	int fd;

	if (argc != 2 || sscanf(argv[1], "/dev/fd/%d", &fd) != 1)
		return 2;
	return serve(fd);
}

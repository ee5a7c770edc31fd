// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * server.c - the least that a FUSE file system can cost: one file named file, which
 * is open for direct I/O and holds zeroes, no library, one read() and one write() for
 * a request. Nothing it says holds for any time.
 *
 *   [BACKING=FILE] [CACHED=1] server /dev/fd/N	a descriptor that is mounted already
 *
 * With BACKING the efuse driver is to read from that file, which has to hold the same
 * and be as old. With CACHED the page cache is used, for reads of one page. Ends when
 * unmounted.
 */
#include <fcntl.h>
#include <linux/efuse.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "serve.h"

static int tell(int dev, uint32_t what, int fd, uint64_t unique)
{
	struct efuse_direct direct = {
		.size = sizeof(direct), .what = what, .fd = fd, .unique = unique,
	};

	return ioctl(dev, EFUSE_IOC_DIRECT, &direct);
}

static int name_backing(int dev, int backing, const struct fuse_in_header *in)
{
	if (backing < 0 || in->opcode != FUSE_OPEN)
		return 0;
	return tell(dev, EFUSE_DIRECT_FILE, backing, in->unique) || tell(dev, EFUSE_DIRECT_ON, 0, 0);
}

static int serve(int fd, int backing)
{
	static _Alignas(8) char buffer[BUFFER];
	const struct fuse_in_header *in = (const void *)buffer;

	while (read(fd, buffer, sizeof(buffer)) > 0) {
		if (in->opcode == FUSE_FORGET || in->opcode == FUSE_BATCH_FORGET)
			continue;
		if (name_backing(fd, backing, in))
			return 1;
		out.header.len = (uint32_t)(sizeof(out.header) + answer(in));
		out.header.unique = in->unique;
		if (write(fd, &out, out.header.len) < 0 && errno != ENOENT)
			return 1;
	}
	return errno != ENODEV;
}

int main(int argc, char **argv)
{
	const char *path = getenv("BACKING");
	int fd, backing = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;

	struct stat st;

	if (backing >= 0 && fstat(backing, &st) == 0)
		file_ctime = st.st_ctim;
	if (getenv("CACHED"))
		open_flags = 0;
	if (argc != 2 || sscanf(argv[1], "/dev/fd/%d", &fd) != 1 || (path && backing < 0))
		return 2;
	return serve(fd, backing);
}

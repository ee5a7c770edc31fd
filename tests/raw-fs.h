/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * raw-fs.h - the little tree of fs-raw: `data`, one mebibyte that can be read
 * and written, and any name beginning with bad-, whose LOOKUP (bad-over: whose
 * READ) is answered wrongly first, see raw-bad.h.
 */
#ifndef RAW_FS_H
#define RAW_FS_H

#include <sys/stat.h>

#include "raw-io.h"

#define RAW_DATA_INO	2
#define RAW_BAD_INO	3
#define RAW_DATA_SIZE	(1u << 20)

static unsigned char raw_data[RAW_DATA_SIZE];

static struct fuse_attr raw_attr(uint64_t ino)
{
	struct fuse_attr attr = {
		.ino = ino,
		.mode = ino == FUSE_ROOT_ID ? S_IFDIR | 0755 : S_IFREG | 0644,
		.size = ino == FUSE_ROOT_ID ? 4096 : ino == RAW_DATA_INO ? RAW_DATA_SIZE : 4096,
		.nlink = ino == FUSE_ROOT_ID ? 2 : 1,
		.blksize = 4096,
	};

	return attr;
}

static size_t raw_init_size(unsigned int minor)
{
	return minor < 5 ? 8 : minor < 23 ? FUSE_COMPAT_22_INIT_OUT_SIZE :
	       sizeof(struct fuse_init_out);
}

static int raw_init(struct raw_io *io, const struct fuse_in_header *ih)
{
	const struct fuse_init_in *in = (const void *)(ih + 1);
	struct fuse_init_out out = {
		.major = FUSE_KERNEL_VERSION, .minor = raw.minor, .max_readahead = in->max_readahead,
		.flags = FUSE_BIG_WRITES, .max_write = RAW_WRITE, .max_background = 12,
		.congestion_threshold = 9,
	};

	return raw_answer(io, ih->unique, 0, &out, raw_init_size(raw.minor));
}

static int raw_entry(struct raw_io *io, uint64_t unique, uint64_t ino)
{
	struct fuse_entry_out out = { .nodeid = ino, .generation = 1, .attr = raw_attr(ino) };

	return raw_answer(io, unique, 0, &out, sizeof(out));
}

static int raw_getattr(struct raw_io *io, const struct fuse_in_header *ih)
{
	struct fuse_attr_out out = { .attr = raw_attr(ih->nodeid) };

	return raw_answer(io, ih->unique, 0, &out, sizeof(out));
}

static int raw_read_data(struct raw_io *io, const struct fuse_in_header *ih)
{
	struct fuse_read_in in;
	size_t len;

	memcpy(&in, ih + 1, sizeof(in));
	len = in.offset >= RAW_DATA_SIZE ? 0 : RAW_DATA_SIZE - in.offset;
	if (len > in.size)
		len = in.size;
	return raw_answer(io, ih->unique, 0, raw_data + (len ? in.offset : 0), len);
}

static int raw_write_data(struct raw_io *io, const struct fuse_in_header *ih)
{
	const struct fuse_write_in *in = (const void *)(ih + 1);
	struct fuse_write_out out = { .size = in->size };

	if (in->offset > RAW_DATA_SIZE || in->size > RAW_DATA_SIZE - in->offset ||
	    ih->len != sizeof(*ih) + sizeof(*in) + in->size)
		return raw_answer(io, ih->unique, -EFBIG, NULL, 0);
	memcpy(raw_data + in->offset, in + 1, in->size);
	return raw_answer(io, ih->unique, 0, &out, sizeof(out));
}

static int raw_readdir(struct raw_io *io, const struct fuse_in_header *ih)
{
	unsigned char buf[FUSE_DIRENT_ALIGN(FUSE_NAME_OFFSET + 4)] = { 0 };
	struct fuse_dirent *de = (void *)buf;
	struct fuse_read_in in;

	memcpy(&in, ih + 1, sizeof(in));
	de->ino = RAW_DATA_INO;
	de->off = 1;
	de->namelen = 4;
	de->type = S_IFREG >> 12;
	memcpy(de->name, "data", 4);
	return raw_answer(io, ih->unique, 0, buf, in.offset ? 0 : sizeof(buf));
}

static int raw_statfs(struct raw_io *io, const struct fuse_in_header *ih)
{
	struct fuse_statfs_out out = { .st = { .bsize = 4096, .frsize = 4096, .namelen = 255 } };

	return raw_answer(io, ih->unique, 0, &out, sizeof(out));
}

static int raw_open(struct raw_io *io, const struct fuse_in_header *ih)
{
	struct fuse_open_out out = { .fh = ih->nodeid };

	return raw_answer(io, ih->unique, 0, &out, sizeof(out));
}

#endif

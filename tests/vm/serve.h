/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * serve.h - the answers of a file system that costs nothing: one file named file, which
 * holds zeroes and is open for direct I/O, unless open_flags are others. Nothing it says
 * holds for any time. For server.c and ringserver.c.
 */
#ifndef VM_SERVE_H
#define VM_SERVE_H

#include <errno.h>
#include <linux/fuse.h>
#include <string.h>
#include <sys/stat.h>

#define FILE_INO	2
#define BUFFER		(64 << 10)	/* more than FUSE_MIN_READ_BUFFER and a WRITE */

static struct {
	struct fuse_out_header header;
	union {
		struct fuse_init_out init;
		struct fuse_entry_out entry;
		struct fuse_attr_out attr;
		struct fuse_open_out open;
		char data[4096];
	};
} out;

static struct timespec file_ctime;	/* what it is said to have been changed */
static uint32_t open_flags = FOPEN_DIRECT_IO;

static struct fuse_attr attr_of(uint64_t ino)
{
	struct fuse_attr attr = { .ino = ino, .nlink = 1, .blksize = 4096 };

	attr.size = ino == FUSE_ROOT_ID ? 0 : 1 << 20;
	attr.mode = ino == FUSE_ROOT_ID ? S_IFDIR | 0755 : S_IFREG | 0644;
	attr.ctime = (uint64_t)file_ctime.tv_sec;
	attr.ctimensec = (uint32_t)file_ctime.tv_nsec;
	return attr;
}

static size_t answer_init(const struct fuse_init_in *in)
{
	out.init = (struct fuse_init_out){
		.major = FUSE_KERNEL_VERSION, .minor = 31, .max_readahead = in->max_readahead,
		.max_write = BUFFER / 2, .max_background = 12, .congestion_threshold = 9,
	};
	return sizeof(out.init);
}

static size_t answer_lookup(const char *name)
{
	if (strcmp(name, "file") != 0) {
		out.header.error = -ENOENT;
		return 0;
	}
	out.entry = (struct fuse_entry_out){ .nodeid = FILE_INO, .attr = attr_of(FILE_INO) };
	return sizeof(out.entry);
}

static size_t answer_getattr(uint64_t ino)
{
	out.attr = (struct fuse_attr_out){ .attr = attr_of(ino) };
	return sizeof(out.attr);
}

/* Into out. Returns the bytes after the header. */
static size_t answer(const struct fuse_in_header *in)
{
	out.header.error = 0;
	switch (in->opcode) {
	case FUSE_INIT:
		return answer_init((const void *)(in + 1));
	case FUSE_LOOKUP:
		return answer_lookup((const void *)(in + 1));
	case FUSE_GETATTR:
		return answer_getattr(in->nodeid);
	case FUSE_OPEN:
		out.open = (struct fuse_open_out){ .open_flags = open_flags };
		return sizeof(out.open);
	case FUSE_READ:
		memset(out.data, 0, sizeof(out.data));
		return sizeof(out.data);
	case FUSE_RELEASE:
	case FUSE_FLUSH:
	case FUSE_DESTROY:
		return 0;
	default:
		out.header.error = -ENOSYS;
		return 0;
	}
}

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mem-data.h - fs-mem's requests on one node: attributes, contents, extended
 * attributes, poll.
 */
#ifndef MEM_DATA_H
#define MEM_DATA_H

#include <fcntl.h>
#include <poll.h>

#include "mem-ctl.h"
#include "mem-name.h"

static void mem_answer_attr(fuse_req_t req, struct store *st, struct node *node,
			    unsigned int late_ms)
{
	struct reply r = {
		.req = req, .kind = REPLY_ATTR, .attr = node_stat(node), .timeout = mem_timeout,
	};

	mem_unlock(st);
	mem_sleep(late_ms);
	reply(&r);
}

static void mem_getattr(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	(void)fi;
	mem_answer_attr(req, mem_lock(req), mem_node(req, ino), 0);
}

static void set_times(struct node *node, const struct stat *attr, int to_set)
{
	if (to_set & FUSE_SET_ATTR_ATIME)
		node->attr.st_atim = attr->st_atim;
	if (to_set & FUSE_SET_ATTR_MTIME)
		node->attr.st_mtim = attr->st_mtim;
	if (to_set & FUSE_SET_ATTR_ATIME_NOW)
		clock_gettime(CLOCK_REALTIME, &node->attr.st_atim);
	if (to_set & FUSE_SET_ATTR_MTIME_NOW)
		clock_gettime(CLOCK_REALTIME, &node->attr.st_mtim);
}

static int set_size(struct node *node, off_t size)
{
	int fd = node_fd(node);

	if (fd < 0)
		return fd;
	store_touch(node, true);
	return ftruncate(fd, size) ? -errno : 0;
}

static void mem_setattr(fuse_req_t req, fuse_ino_t ino, struct stat *attr, int to_set,
			struct fuse_file_info *fi)
{
	struct store *st = mem_lock(req);
	struct node *node = mem_node(req, ino);
	int err = 0;

	(void)fi;
	if (to_set & FUSE_SET_ATTR_SIZE)
		err = set_size(node, attr->st_size);
	if (to_set & FUSE_SET_ATTR_MODE)
		node->attr.st_mode = (node->attr.st_mode & S_IFMT) | (attr->st_mode & 07777);
	if (to_set & FUSE_SET_ATTR_UID)
		node->attr.st_uid = attr->st_uid;
	if (to_set & FUSE_SET_ATTR_GID)
		node->attr.st_gid = attr->st_gid;
	store_touch(node, false);
	set_times(node, attr, to_set);
	if (!err) {
		mem_answer_attr(req, st, node, node->late_ms);
		return;
	}
	mem_unlock(st);
	reply_err(req, err);
}

static void mem_open(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct store *st = mem_lock(req);
	struct node *node = mem_node(req, ino);
	struct reply r = { .req = req, .kind = REPLY_OPEN, .fi = *fi };
	int err = fi->flags & O_TRUNC ? set_size(node, 0) : 0;

	mem_unlock(st);
	r.fi.direct_io = node == st->ctl || node->blocks;
	r.fi.keep_cache = mem_keep_cache;
	if (err)
		reply_err(req, err);
	else
		reply(&r);
}

static void mem_create(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode,
		       struct fuse_file_info *fi)
{
	struct store *st = mem_lock(req);
	struct reply r = { .req = req, .kind = REPLY_CREATE, .fi = *fi };
	struct node *node = NULL;
	int err = mem_make(req, parent, name, mode, &node);

	if (!err) {
		r.entry = mem_entry(st, node);
		r.fi.direct_io = node->blocks;
	}
	mem_unlock(st);
	if (err)
		reply_err(req, err);
	else
		reply(&r);
}

/* Reply with a file descriptor, so that libfuse may splice. */
static void read_fd(fuse_req_t req, int fd, size_t size, off_t off)
{
	struct fuse_bufvec buf = FUSE_BUFVEC_INIT(size);

	buf.buf[0].flags = FUSE_BUF_IS_FD | FUSE_BUF_FD_SEEK;
	buf.buf[0].fd = fd;
	buf.buf[0].pos = off;
	fuse_reply_data(req, &buf, FUSE_BUF_SPLICE_MOVE);
}

static void read_copy(fuse_req_t req, int fd, size_t size, off_t off)
{
	char *buf = malloc(size + 1);
	ssize_t got = buf ? pread(fd, buf, size, off) : -1;

	if (got < 0)
		reply_err(req, EIO);
	else
		reply_buf(req, buf, (size_t)got);
	free(buf);
}

static void mem_read(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off,
		     struct fuse_file_info *fi)
{
	struct store *st = mem_lock(req);
	struct node *node = mem_node(req, ino);
	off_t end = node_stat(node).st_size;
	int fd = node->fd;

	(void)fi;
	if (node == st->ctl) {
		ctl_read(req, st, off, size);
		return;
	}
	mem_unlock(st);
	if (node->blocks) {
		ctl_block(req);
		return;
	}
	mem_sleep(node->delay_ms);
	if (off >= end || fd < 0)
		reply_buf(req, NULL, 0);
	else if (reply_async)
		read_copy(req, fd, size, off);
	else
		read_fd(req, fd, (off_t)size > end - off ? (size_t)(end - off) : size, off);
}

static void mem_write_buf(fuse_req_t req, fuse_ino_t ino, struct fuse_bufvec *in, off_t off,
			  struct fuse_file_info *fi)
{
	struct fuse_bufvec out = FUSE_BUFVEC_INIT(fuse_buf_size(in));
	struct store *st = mem_lock(req);
	struct node *node = mem_node(req, ino);
	int fd = node_fd(node);
	ssize_t done;

	(void)fi;
	store_touch(node, true);
	mem_unlock(st);
	if (node == st->ctl) {
		ctl_write(req, in);
		return;
	}
	out.buf[0].flags = FUSE_BUF_IS_FD | FUSE_BUF_FD_SEEK | FUSE_BUF_FD_RETRY;
	out.buf[0].fd = fd;
	out.buf[0].pos = off;
	done = fd < 0 ? fd : fuse_buf_copy(&out, in, 0);
	if (done < 0)
		reply_err(req, (int)done);
	else
		reply_size(req, REPLY_WRITE, (size_t)done);
}

static void mem_done(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	(void)ino;
	(void)fi;
	reply_err(req, 0);
}

static void mem_fsync(fuse_req_t req, fuse_ino_t ino, int datasync, struct fuse_file_info *fi)
{
	(void)datasync;
	mem_done(req, ino, fi);
}

static void mem_fallocate(fuse_req_t req, fuse_ino_t ino, int mode, off_t off, off_t len,
			  struct fuse_file_info *fi)
{
	struct store *st = mem_lock(req);
	int fd = node_fd(mem_node(req, ino));

	(void)fi;
	store_touch(mem_node(req, ino), true);
	mem_unlock(st);
	reply_err(req, fd < 0 ? fd : fallocate(fd, mode, off, len) ? -errno : 0);
}

static void mem_lseek(fuse_req_t req, fuse_ino_t ino, off_t off, int whence,
		      struct fuse_file_info *fi)
{
	struct reply r = { .req = req, .kind = REPLY_LSEEK };
	struct store *st = mem_lock(req);
	int fd = node_fd(mem_node(req, ino));
	off_t ret = fd < 0 ? -1 : lseek(fd, off, whence);

	(void)fi;
	mem_unlock(st);
	r.number = (uint64_t)ret;
	if (ret < 0)
		reply_err(req, errno);
	else
		reply(&r);
}

static void mem_statfs(fuse_req_t req, fuse_ino_t ino)
{
	struct store *st = mem_lock(req);
	struct reply r = { .req = req, .kind = REPLY_STATFS };

	(void)ino;
	r.sv.f_ffree = (1 << 20) - st->last_ino;
	mem_unlock(st);
	r.sv.f_bsize = r.sv.f_frsize = 4096;
	r.sv.f_blocks = r.sv.f_bfree = r.sv.f_bavail = 1 << 18;
	r.sv.f_files = 1 << 20;
	r.sv.f_namemax = 255;
	reply(&r);
}

static void mem_setxattr(fuse_req_t req, fuse_ino_t ino, const char *name, const char *value,
			 size_t size, int flags)
{
	struct store *st = mem_lock(req);
	struct node *node = mem_node(req, ino);
	bool there = *xattr_find(node, name) != NULL;
	int err;

	if (there && (flags & 1))	/* XATTR_CREATE */
		err = -EEXIST;
	else if (!there && (flags & 2))	/* XATTR_REPLACE */
		err = -ENODATA;
	else
		err = xattr_set(node, name, value, size);
	mem_unlock(st);
	reply_err(req, err);
}

/* Answer SIZE bytes, or how many there are when the caller asks that; unlocks. */
static void answer_xattr(fuse_req_t req, struct store *st, const char *data, size_t len,
			 size_t size)
{
	if (size == 0)
		reply_size(req, REPLY_XATTR, len);
	else if (size < len)
		reply_err(req, ERANGE);
	else
		reply_buf(req, data, len);
	mem_unlock(st);
}

static void mem_getxattr(fuse_req_t req, fuse_ino_t ino, const char *name, size_t size)
{
	struct store *st = mem_lock(req);
	struct xattr *xa = *xattr_find(mem_node(req, ino), name);

	if (xa) {
		answer_xattr(req, st, xa->value, xa->size, size);
		return;
	}
	mem_unlock(st);
	reply_err(req, ENODATA);
}

static void mem_listxattr(fuse_req_t req, fuse_ino_t ino, size_t size)
{
	struct store *st = mem_lock(req);
	char list[65536];
	size_t len = 0;

	for (struct xattr *xa = mem_node(req, ino)->xattrs; xa; xa = xa->next) {
		size_t need = strlen(xa->name) + 1;

		if (len + need > sizeof(list))
			break;
		memcpy(list + len, xa->name, need);
		len += need;
	}
	answer_xattr(req, st, list, len, size);
}

static void mem_removexattr(fuse_req_t req, fuse_ino_t ino, const char *name)
{
	struct store *st = mem_lock(req);
	struct xattr **p = xattr_find(mem_node(req, ino), name), *xa = *p;

	if (xa)
		*p = xa->next;
	free(xa);
	mem_unlock(st);
	reply_err(req, xa ? 0 : ENODATA);
}

static void mem_poll(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi,
		     struct fuse_pollhandle *ph)
{
	struct reply r = { .req = req, .kind = REPLY_POLL };
	struct store *st = mem_lock(req);
	struct node *node = mem_node(req, ino);

	(void)fi;
	if (ph) {
		if (node->poll)
			fuse_pollhandle_destroy(node->poll);
		node->poll = ph;
	}
	r.number = POLLOUT | (node->ready ? POLLIN : 0);
	mem_unlock(st);
	reply(&r);
}

#endif

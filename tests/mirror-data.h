/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mirror-data.h - fs-mirror's requests on one file: attributes, contents,
 * extended attributes. And its control file, .ctl in the root:
 *
 *   inode INO		writing this tells the kernel that the file of that number,
 *   entry INO NAME	or the name in that folder, is not what it was
 *   twist HOW		from now on contents are not as they are: see mirror_twists
 *
 * Reading it gives the number of nodes that the kernel holds lookups of.
 */
#ifndef MIRROR_DATA_H
#define MIRROR_DATA_H

#include <sys/statvfs.h>
#include <sys/xattr.h>

#include "mirror-name.h"

static struct fuse_session *mirror_session;
/*
 * What a file system may do to contents: one bit of every byte, or only of those behind
 * 64 KiB; the last byte is kept back; whatever is opened is what was opened first; one bit of
 * every byte that is written, or all that is written is left out.
 */
enum { TWIST_NONE, TWIST_BITS, TWIST_TAIL, TWIST_SHORT, TWIST_SHARE, TWIST_WRITTEN, TWIST_LOST, TWISTS };
static const char *const mirror_twists[TWISTS] = {
	"none", "bits", "tail", "short", "share", "written", "lost",
};
static int mirror_twist;

static int mirror_writeback, mirror_keep_cache, mirror_acl, mirror_direct;

static int fd_of(fuse_ino_t ino, const struct fuse_file_info *fi)
{
	return fi ? (int)fi->fh : node_fd(ino);
}

/* --- attributes -------------------------------------------------------------- */

/* ret is of the call that changed them. */
static void reply_attr(fuse_req_t req, long ret, fuse_ino_t ino)
{
	struct stat st;
	int err = ret < 0 || fstatat(node_fd(ino), "", &st, AT_EMPTY_PATH) ? errno : 0;

	become_self();
	if (err)
		fuse_reply_err(req, err);
	else
		fuse_reply_attr(req, &st, mirror_timeout);
}

static void mirror_getattr(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	(void)fi;
	reply_attr(req, 0, ino);
}

static int set_times(const char *path, const struct stat *attr, int what)
{
	struct timespec ts[2] = { { .tv_nsec = UTIME_OMIT }, { .tv_nsec = UTIME_OMIT } };

	if (what & FUSE_SET_ATTR_ATIME)
		ts[0] = attr->st_atim;
	if (what & FUSE_SET_ATTR_MTIME)
		ts[1] = attr->st_mtim;
	if (what & FUSE_SET_ATTR_ATIME_NOW)
		ts[0].tv_nsec = UTIME_NOW;
	if (what & FUSE_SET_ATTR_MTIME_NOW)
		ts[1].tv_nsec = UTIME_NOW;
	return utimensat(AT_FDCWD, path, ts, 0);
}

static int set_all(fuse_ino_t ino, const struct stat *attr, int what,
		   const struct fuse_file_info *fi)
{
	uid_t uid = what & FUSE_SET_ATTR_UID ? attr->st_uid : (uid_t)-1;
	gid_t gid = what & FUSE_SET_ATTR_GID ? attr->st_gid : (gid_t)-1;
	char path[32];

	node_path(ino, path);
	if ((what & FUSE_SET_ATTR_MODE) && chmod(path, attr->st_mode))
		return -1;
	if ((what & (FUSE_SET_ATTR_UID | FUSE_SET_ATTR_GID)) &&
	    fchownat(node_fd(ino), "", uid, gid, AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW))
		return -1;
	if ((what & FUSE_SET_ATTR_SIZE) &&
	    (fi ? ftruncate((int)fi->fh, attr->st_size) : truncate(path, attr->st_size)))
		return -1;
	if (what & (FUSE_SET_ATTR_ATIME | FUSE_SET_ATTR_MTIME))
		return set_times(path, attr, what);
	return 0;
}

static void mirror_setattr(fuse_req_t req, fuse_ino_t ino, struct stat *attr, int what,
			   struct fuse_file_info *fi)
{
	become(req, false);
	reply_attr(req, ino == node_ctl ? 0 : set_all(ino, attr, what, fi), ino);
}

static void mirror_readlink(fuse_req_t req, fuse_ino_t ino)
{
	char target[4097];
	ssize_t len = readlinkat(node_fd(ino), "", target, sizeof(target) - 1);

	if (len < 0) {
		fuse_reply_err(req, errno);
		return;
	}
	target[len] = '\0';
	fuse_reply_readlink(req, target);
}

static void mirror_access(fuse_req_t req, fuse_ino_t ino, int mask)
{
	become(req, false);
	done(req, syscall(SYS_faccessat2, node_fd(ino), "", mask, AT_EMPTY_PATH | AT_EACCESS));
}

static void mirror_statfs(fuse_req_t req, fuse_ino_t ino)
{
	struct statvfs sv;

	if (fstatvfs(node_fd(ino), &sv))
		fuse_reply_err(req, errno);
	else
		fuse_reply_statfs(req, &sv);
}

/* --- extended attributes ----------------------------------------------------- */

static void mirror_setxattr(fuse_req_t req, fuse_ino_t ino, const char *name,
			    const char *value, size_t size, int flags)
{
	char path[32];

	become(req, false);
	done(req, setxattr(node_path(ino, path), name, value, size, flags));
}

static void mirror_removexattr(fuse_req_t req, fuse_ino_t ino, const char *name)
{
	char path[32];

	become(req, false);
	done(req, removexattr(node_path(ino, path), name));
}

static void reply_sized(fuse_req_t req, ssize_t ret, const char *buf, size_t size)
{
	int err = ret < 0 ? errno : 0;

	become_self();
	if (err)
		fuse_reply_err(req, err);
	else if (size)
		fuse_reply_buf(req, buf, (size_t)ret);
	else
		fuse_reply_xattr(req, (size_t)ret);
}

static void mirror_getxattr(fuse_req_t req, fuse_ino_t ino, const char *name, size_t size)
{
	char path[32], *buf = malloc(size + 1);

	become(req, false);
	reply_sized(req, getxattr(node_path(ino, path), name, buf, size), buf, size);
	free(buf);
}

static void mirror_listxattr(fuse_req_t req, fuse_ino_t ino, size_t size)
{
	char path[32], *buf = malloc(size + 1);

	become(req, false);
	reply_sized(req, listxattr(node_path(ino, path), buf, size), buf, size);
	free(buf);
}

/* --- contents ---------------------------------------------------------------- */

/* The kernel appends where it knows the end, and reads what it wrote itself. */
static int open_flags(int flags)
{
	if (mirror_writeback && (flags & O_ACCMODE) == O_WRONLY)
		flags = (flags & ~O_ACCMODE) | O_RDWR;
	if (mirror_writeback)
		flags &= ~O_APPEND;
	return (flags & ~(O_NOFOLLOW | O_DIRECT)) | O_CLOEXEC;
}

static int twist_find(const char *how)
{
	for (int i = 0; how && i < TWISTS; i++)
		if (strcmp(how, mirror_twists[i]) == 0)
			return i;
	return -1;
}

/* What is opened for a node. */
static fuse_ino_t shared(fuse_ino_t ino)
{
	static fuse_ino_t first;

	if (mirror_twist != TWIST_SHARE)
		return ino;
	first = first ? first : ino;
	return first;
}

static void mirror_open(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	char path[32];
	int fd, err;

	become(req, false);
	fd = ino == node_ctl ? 0 : open(node_path(shared(ino), path), open_flags(fi->flags));
	err = fd < 0 ? errno : 0;
	become_self();
	fi->fh = (uint64_t)fd;
	fi->direct_io = (mirror_direct & 1) || ino == node_ctl;
	fi->keep_cache = mirror_keep_cache & 1;
	if (err)
		fuse_reply_err(req, err);
	else
		fuse_reply_open(req, fi);
}

static void mirror_create(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode,
			  struct fuse_file_info *fi)
{
	struct fuse_entry_param e;
	int fd, err;

	become(req, true);
	fd = openat(node_fd(parent), name, open_flags(fi->flags) | O_CREAT, mode);
	err = fd < 0 || entry_get(parent, name, &e) ? errno : 0;
	become_self();
	fi->fh = (uint64_t)fd;
	fi->direct_io = mirror_direct & 1;
	if (!err) {
		fuse_reply_create(req, &e, fi);
		return;
	}
	if (fd >= 0)
		close(fd);
	fuse_reply_err(req, err);
}

static void ctl_read(fuse_req_t req, size_t size, off_t off)
{
	char text[32];
	size_t len = (size_t)sprintf(text, "%u\n", node_count()), from = (size_t)off;

	from = from < len ? from : len;
	fuse_reply_buf(req, text + from, len - from < size ? len - from : size);
}

static void twisted_read(fuse_req_t req, size_t size, off_t off, int fd)
{
	char *buf = malloc(size);
	ssize_t len = buf ? pread(fd, buf, size, off) : -1;

	for (ssize_t i = 0; i < len; i++)
		if (mirror_twist == TWIST_BITS || (mirror_twist == TWIST_TAIL && off + i >= 65536))
			buf[i] ^= 1;
	if (mirror_twist == TWIST_SHORT && len > 0 && (size_t)len < size)
		len--;
	if (len < 0)
		fuse_reply_err(req, errno);
	else
		fuse_reply_buf(req, buf, (size_t)len);
	free(buf);
}

static void mirror_read(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off,
			struct fuse_file_info *fi)
{
	struct fuse_bufvec buf = FUSE_BUFVEC_INIT(size);

	if (ino == node_ctl) {
		ctl_read(req, size, off);
		return;
	}
	if (mirror_twist) {
		twisted_read(req, size, off, (int)fi->fh);
		return;
	}
	buf.buf[0].flags = FUSE_BUF_IS_FD | FUSE_BUF_FD_SEEK;
	buf.buf[0].fd = (int)fi->fh;
	buf.buf[0].pos = off;
	fuse_reply_data(req, &buf, 0);
}

/* One line. What the kernel does not know, it need not be told of. */
static int ctl_run(char *line)
{
	char *save, *what = strtok_r(line, " \n", &save), *number = strtok_r(NULL, " \n", &save);
	char *name = strtok_r(NULL, "\n", &save);
	fuse_ino_t ino = number ? node_find(strtoull(number, NULL, 10)) : 0;
	int err = -EINVAL;

	if (!number)
		return err;
	if (strcmp(what, "twist") == 0) {
		mirror_twist = twist_find(number);
		return mirror_twist < 0 ? err : 0;
	}
	if (!ino)
		return 0;
	if (strcmp(what, "inode") == 0)
		err = fuse_lowlevel_notify_inval_inode(mirror_session, ino, 0, 0);
	else if (strcmp(what, "entry") == 0 && name)
		err = fuse_lowlevel_notify_inval_entry(mirror_session, ino, name, strlen(name));
	return err == -ENOENT ? 0 : err;
}

static void ctl_write(fuse_req_t req, struct fuse_bufvec *in)
{
	char line[512];
	struct fuse_bufvec out = FUSE_BUFVEC_INIT(sizeof(line) - 1);
	ssize_t len;
	int err;

	out.buf[0].mem = line;
	len = fuse_buf_copy(&out, in, 0);
	line[len < 0 ? 0 : len] = '\0';
	err = len < 0 ? (int)len : ctl_run(line);
	if (err)
		fuse_reply_err(req, -err);
	else
		fuse_reply_write(req, (size_t)len);
}

static ssize_t twisted_write(struct fuse_bufvec *in, off_t off, int fd)
{
	size_t size = fuse_buf_size(in);
	struct fuse_bufvec out = FUSE_BUFVEC_INIT(size);
	char *buf = malloc(size);
	ssize_t len;

	if (!buf)
		return -ENOMEM;
	out.buf[0].mem = buf;
	len = fuse_buf_copy(&out, in, 0);
	for (ssize_t i = 0; i < len; i++)
		buf[i] ^= mirror_twist == TWIST_WRITTEN;
	if (len > 0 && mirror_twist != TWIST_LOST) {
		len = pwrite(fd, buf, (size_t)len, off);
		len = len < 0 ? -errno : len;
	}
	free(buf);
	return len;
}

static void mirror_write_buf(fuse_req_t req, fuse_ino_t ino, struct fuse_bufvec *in, off_t off,
			     struct fuse_file_info *fi)
{
	struct fuse_bufvec out = FUSE_BUFVEC_INIT(fuse_buf_size(in));
	ssize_t ret;

	if (ino == node_ctl) {
		ctl_write(req, in);
		return;
	}
	out.buf[0].flags = FUSE_BUF_IS_FD | FUSE_BUF_FD_SEEK;
	out.buf[0].fd = (int)fi->fh;
	out.buf[0].pos = off;
	ret = mirror_twist ? twisted_write(in, off, (int)fi->fh) : fuse_buf_copy(&out, in, 0);
	if (ret < 0)
		fuse_reply_err(req, (int)-ret);
	else
		fuse_reply_write(req, (size_t)ret);
}

static void mirror_flush(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	(void)ino;
	(void)fi;
	fuse_reply_err(req, 0);
}

static void mirror_release(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	if (ino != node_ctl)
		close((int)fi->fh);
	fuse_reply_err(req, 0);
}

static void mirror_fsync(fuse_req_t req, fuse_ino_t ino, int datasync, struct fuse_file_info *fi)
{
	(void)datasync;
	done(req, fsync(fd_of(ino, fi)));
}

static void mirror_fallocate(fuse_req_t req, fuse_ino_t ino, int mode, off_t off, off_t len,
			     struct fuse_file_info *fi)
{
	(void)ino;
	done(req, fallocate((int)fi->fh, mode, off, len));
}

static void mirror_copy(fuse_req_t req, fuse_ino_t ino, off_t off, struct fuse_file_info *fi,
			fuse_ino_t ino_out, off_t off_out, struct fuse_file_info *fi_out,
			size_t len, int flags)
{
	ssize_t ret = copy_file_range((int)fi->fh, &off, (int)fi_out->fh, &off_out, len,
				      (unsigned int)flags);

	(void)ino;
	(void)ino_out;
	if (ret < 0)
		fuse_reply_err(req, errno);
	else
		fuse_reply_write(req, (size_t)ret);
}

#endif

// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * fs2-pass.c - a libfuse 2.9 file system that shows another directory: the
 * high-level interface, multi-threaded unless -s.
 *
 *   fs2-pass ROOT [fuse options] MOUNTPOINT
 *
 * A read of a file called delay-N waits N ms first, so that a test can have
 * threads inside the file system when it ends.
 */
#define FUSE_USE_VERSION 29
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fuse.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/xattr.h>
#include <unistd.h>

static int root = -1;
static char root_path[PATH_MAX];

/* Every path is taken below root; "/" itself is ".". */
static const char *rel(const char *path)
{
	return path[1] ? path + 1 : ".";
}

static int res(long ret)
{
	return ret < 0 ? -errno : 0;
}

static int pass_getattr(const char *path, struct stat *st)
{
	return res(fstatat(root, rel(path), st, AT_SYMLINK_NOFOLLOW));
}

static int pass_fgetattr(const char *path, struct stat *st, struct fuse_file_info *fi)
{
	(void)path;
	return res(fstat((int)fi->fh, st));
}

static int pass_readlink(const char *path, char *buf, size_t size)
{
	ssize_t ret = readlinkat(root, rel(path), buf, size - 1);

	if (ret < 0)
		return -errno;
	buf[ret] = '\0';
	return 0;
}

static int pass_mknod(const char *path, mode_t mode, dev_t dev)
{
	return res(mknodat(root, rel(path), mode, dev));
}

static int pass_mkdir(const char *path, mode_t mode)
{
	return res(mkdirat(root, rel(path), mode));
}

static int pass_unlink(const char *path)
{
	return res(unlinkat(root, rel(path), 0));
}

static int pass_rmdir(const char *path)
{
	return res(unlinkat(root, rel(path), AT_REMOVEDIR));
}

static int pass_symlink(const char *target, const char *path)
{
	return res(symlinkat(target, root, rel(path)));
}

static int pass_rename(const char *from, const char *to)
{
	return res(renameat(root, rel(from), root, rel(to)));
}

static int pass_link(const char *from, const char *to)
{
	return res(linkat(root, rel(from), root, rel(to), 0));
}

static int pass_chmod(const char *path, mode_t mode)
{
	return res(fchmodat(root, rel(path), mode, 0));
}

static int pass_chown(const char *path, uid_t uid, gid_t gid)
{
	return res(fchownat(root, rel(path), uid, gid, AT_SYMLINK_NOFOLLOW));
}

static int pass_utimens(const char *path, const struct timespec ts[2])
{
	return res(utimensat(root, rel(path), ts, AT_SYMLINK_NOFOLLOW));
}

static int pass_open(const char *path, struct fuse_file_info *fi)
{
	int fd = openat(root, rel(path), fi->flags & ~(O_APPEND | O_DIRECT));

	fi->fh = (uint64_t)fd;
	return res(fd);
}

static int pass_create(const char *path, mode_t mode, struct fuse_file_info *fi)
{
	int fd = openat(root, rel(path), (fi->flags & ~(O_APPEND | O_DIRECT)) | O_CREAT, mode);

	fi->fh = (uint64_t)fd;
	return res(fd);
}

static int pass_truncate(const char *path, off_t size)
{
	int fd = openat(root, rel(path), O_WRONLY);
	int err = fd < 0 || ftruncate(fd, size) ? -errno : 0;

	close(fd);
	return err;
}

static int pass_ftruncate(const char *path, off_t size, struct fuse_file_info *fi)
{
	(void)path;
	return res(ftruncate((int)fi->fh, size));
}

static int pass_read(const char *path, char *buf, size_t size, off_t off,
		     struct fuse_file_info *fi)
{
	const char *base = strrchr(path, '/') + 1;
	ssize_t ret;

	if (strncmp(base, "delay-", 6) == 0)
		usleep((useconds_t)atoi(base + 6) * 1000);
	ret = pread((int)fi->fh, buf, size, off);
	return ret < 0 ? -errno : (int)ret;
}

static int pass_write(const char *path, const char *buf, size_t size, off_t off,
		      struct fuse_file_info *fi)
{
	ssize_t ret = pwrite((int)fi->fh, buf, size, off);

	(void)path;
	return ret < 0 ? -errno : (int)ret;
}

static int pass_release(const char *path, struct fuse_file_info *fi)
{
	(void)path;
	return res(close((int)fi->fh));
}

static int pass_fsync(const char *path, int datasync, struct fuse_file_info *fi)
{
	(void)path;
	return res(datasync ? fdatasync((int)fi->fh) : fsync((int)fi->fh));
}

static int pass_readdir(const char *path, void *buf, fuse_fill_dir_t fill, off_t off,
			struct fuse_file_info *fi)
{
	DIR *dir = fdopendir(openat(root, rel(path), O_RDONLY | O_DIRECTORY));
	struct dirent *de;

	(void)off;
	(void)fi;
	if (!dir)
		return -errno;
	while ((de = readdir(dir)))
		if (fill(buf, de->d_name, NULL, 0))
			break;
	closedir(dir);
	return 0;
}

static int pass_statfs(const char *path, struct statvfs *sv)
{
	(void)path;
	return res(fstatvfs(root, sv));
}

/* There is no xattr call relative to a directory. */
static const char *full(const char *path, char *buf)
{
	snprintf(buf, 2 * PATH_MAX, "%s%s", root_path, path);
	return buf;
}

static int pass_setxattr(const char *path, const char *name, const char *value, size_t size,
			 int flags)
{
	char buf[2 * PATH_MAX];

	return res(lsetxattr(full(path, buf), name, value, size, flags));
}

static int pass_getxattr(const char *path, const char *name, char *value, size_t size)
{
	char buf[2 * PATH_MAX];
	ssize_t ret = lgetxattr(full(path, buf), name, value, size);

	return ret < 0 ? -errno : (int)ret;
}

static int pass_listxattr(const char *path, char *list, size_t size)
{
	char buf[2 * PATH_MAX];
	ssize_t ret = llistxattr(full(path, buf), list, size);

	return ret < 0 ? -errno : (int)ret;
}

static int pass_removexattr(const char *path, const char *name)
{
	char buf[2 * PATH_MAX];

	return res(lremovexattr(full(path, buf), name));
}

static const struct fuse_operations pass_ops = {
	.getattr	= pass_getattr,
	.fgetattr	= pass_fgetattr,
	.readlink	= pass_readlink,
	.mknod		= pass_mknod,
	.mkdir		= pass_mkdir,
	.unlink		= pass_unlink,
	.rmdir		= pass_rmdir,
	.symlink	= pass_symlink,
	.rename		= pass_rename,
	.link		= pass_link,
	.chmod		= pass_chmod,
	.chown		= pass_chown,
	.utimens	= pass_utimens,
	.open		= pass_open,
	.create		= pass_create,
	.truncate	= pass_truncate,
	.ftruncate	= pass_ftruncate,
	.read		= pass_read,
	.write		= pass_write,
	.release	= pass_release,
	.fsync		= pass_fsync,
	.readdir	= pass_readdir,
	.statfs		= pass_statfs,
	.setxattr	= pass_setxattr,
	.getxattr	= pass_getxattr,
	.listxattr	= pass_listxattr,
	.removexattr	= pass_removexattr,
};

int main(int argc, char **argv)
{
	if (argc < 3 || !realpath(argv[1], root_path)) {
		fprintf(stderr, "usage: fs2-pass ROOT [fuse options] MOUNTPOINT\n");
		return 1;
	}
	root = open(root_path, O_RDONLY | O_DIRECTORY);
	if (root < 0) {
		fprintf(stderr, "fs2-pass: %s: %s\n", root_path, strerror(errno));
		return 1;
	}
	umask(0);
	argv[1] = argv[0];
	return fuse_main(argc - 1, argv + 1, &pass_ops, NULL);
}

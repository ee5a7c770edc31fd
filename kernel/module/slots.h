/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * slots.h - the slots of a policy, each named once. BPF takes 64 members in a
 * struct_ops type, no more.
 */
#ifndef _FS_FUSE_EFUSE_SLOTS_H
#define _FS_FUSE_EFUSE_SLOTS_H

/*
 * Before a request is queued: X(opcode, slot). A program returns EFUSE_PASS,
 * EFUSE_DONE or -errno. Which requests can be answered with EFUSE_DONE is in
 * answer.c; the others can be refused with -errno, unless FUSE insists on them
 * (FLUSH, RELEASE) or has sent them in the background.
 */
#define EFUSE_SLOTS(X) \
	X(FUSE_LOOKUP, lookup) \
	X(FUSE_FORGET, forget) \
	X(FUSE_GETATTR, getattr) \
	X(FUSE_SETATTR, setattr) \
	X(FUSE_READLINK, readlink) \
	X(FUSE_SYMLINK, symlink) \
	X(FUSE_MKNOD, mknod) \
	X(FUSE_MKDIR, mkdir) \
	X(FUSE_UNLINK, unlink) \
	X(FUSE_RMDIR, rmdir) \
	X(FUSE_RENAME, rename) \
	X(FUSE_LINK, link) \
	X(FUSE_OPEN, open) \
	X(FUSE_READ, read) \
	X(FUSE_WRITE, write) \
	X(FUSE_STATFS, statfs) \
	X(FUSE_RELEASE, release) \
	X(FUSE_FSYNC, fsync) \
	X(FUSE_SETXATTR, setxattr) \
	X(FUSE_GETXATTR, getxattr) \
	X(FUSE_LISTXATTR, listxattr) \
	X(FUSE_REMOVEXATTR, removexattr) \
	X(FUSE_FLUSH, flush) \
	X(FUSE_OPENDIR, opendir) \
	X(FUSE_READDIR, readdir) \
	X(FUSE_RELEASEDIR, releasedir) \
	X(FUSE_FSYNCDIR, fsyncdir) \
	X(FUSE_GETLK, getlk) \
	X(FUSE_SETLK, setlk) \
	X(FUSE_SETLKW, setlkw) \
	X(FUSE_ACCESS, access) \
	X(FUSE_CREATE, create) \
	X(FUSE_BMAP, bmap) \
	X(FUSE_IOCTL, ioctl) \
	X(FUSE_POLL, poll) \
	X(FUSE_FALLOCATE, fallocate) \
	X(FUSE_READDIRPLUS, readdirplus) \
	X(FUSE_RENAME2, rename2) \
	X(FUSE_LSEEK, lseek) \
	X(FUSE_COPY_FILE_RANGE, copy_file_range) \
	X(FUSE_SYNCFS, syncfs) \
	X(FUSE_TMPFILE, tmpfile) \
	X(FUSE_STATX, statx) \
	X(EFUSE_REOPENDIR, reopendir) /* a folder that FUSE has read: is OPENDIR to be left out? */

/* No request of FUSE's. */
#define EFUSE_REOPENDIR 60

/* After the server's reply, err being 0 or -errno: X(opcode, slot). */
#define EFUSE_REPLY_SLOTS(X) \
	X(FUSE_LOOKUP, lookup_reply) \
	X(FUSE_GETATTR, getattr_reply) \
	X(FUSE_GETXATTR, getxattr_reply) \
	X(FUSE_LISTXATTR, listxattr_reply) \
	X(FUSE_READLINK, readlink_reply) \
	X(FUSE_ACCESS, access_reply) \
	X(FUSE_STATFS, statfs_reply)

/* What is no request: X(slot). */
#define EFUSE_EVENT_SLOTS(X) \
	X(invalidate)	/* opcode says what: enum fuse_notify_code, efuse_invalidation */ \
	X(mount)	/* a connection has chosen the policy */ \
	X(unmount)	/* it has chosen another, or none, or has ended */

#endif /* _FS_FUSE_EFUSE_SLOTS_H */

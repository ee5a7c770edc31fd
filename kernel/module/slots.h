/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * slots.h - what a policy sees and consists of: requests, verdicts, and its slots,
 * each named once. BPF takes 64 members in a struct_ops type, no more.
 *
 * Policies are compiled with this as well (bpf/efuse.bpf.h). It is no ABI: they
 * find fields in the running driver by their names.
 */
#ifndef _FS_FUSE_EFUSE_SLOTS_H
#define _FS_FUSE_EFUSE_SLOTS_H

#include <linux/efuse.h>
#include <linux/types.h>

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

/* What a program returns beside -errno. */
enum efuse_verdict {
	EFUSE_PASS = 0,		/* the server answers, or a READ its own file */
	EFUSE_DONE = 1,		/* efuse_reply() holds the answer */
	EFUSE_REST = 2,		/* efuse_reply_more() its beginning; the others have the rest */
};

/* efuse_request.flags */
enum efuse_request_flags {
	/* Answered as others are: the kernel checks permissions, or it is the one user's. */
	EFUSE_REQ_PERMISSIONS = 1,
	EFUSE_REQ_LOCKS = 2,	/* the server keeps POSIX locks, not the kernel */
	/* What FUSE keeps of an answer, which it shows to all, none sees who may not. */
	EFUSE_REQ_SHARED = 4,
	/* A READ or WRITE of the caller's memory, not the page cache; not set for a reply. */
	EFUSE_REQ_DIRECT = 8,
	/* A READ that is answered another way, unless it is refused: see chooser.h. */
	EFUSE_REQ_ELSEWHERE = 16,
};

/* efuse_ops.flags */
enum efuse_ops_flags {
	/* READs with EFUSE_REQ_ELSEWHERE need not be shown: none of them is refused. */
	EFUSE_OPS_NO_ELSEWHERE = 1,
};

/* efuse_request.opcode of invalidate() beside enum fuse_notify_code */
enum efuse_invalidation {
	/* FUSE itself took attributes as stale; argument 0: __u32 STATX_* */
	EFUSE_INVAL_ATTR = 0,
};

/* A request as a program sees it; the ids are what the server would see, or -1. */
struct efuse_request {
	__u64 conn;	/* whose: a number never used before this policy was attached */
	__u64 nodeid;
	__u64 cookie;	/* what efuse_keep() has kept, 0 at first */
	__u64 param[EFUSE_PARAMS];	/* what the connection chose the policy with */
	__u32 opcode;
	__u32 flags;
	__u32 uid;
	__u32 gid;
	__u32 pid;
	__u32 numargs;	/* for efuse_arg() and its like */
};

/* struct efuse_ops, the struct_ops type. A slot that is NULL passes. */
struct efuse_ops {
#define EFUSE_SLOT(opcode, slot) int (*slot)(struct efuse_request *req);
#define EFUSE_REPLY_SLOT(opcode, slot) void (*slot)(struct efuse_request *req, int err);
#define EFUSE_EVENT_SLOT(slot) void (*slot)(struct efuse_request *req);
	/* Every request without a slot of its own. At the beginning, for answer.c. */
	int (*other)(struct efuse_request *req);
	EFUSE_SLOTS(EFUSE_SLOT)
	/* Every reply without a slot of its own. */
	void (*reply)(struct efuse_request *req, int err);
	EFUSE_REPLY_SLOTS(EFUSE_REPLY_SLOT)
	EFUSE_EVENT_SLOTS(EFUSE_EVENT_SLOT)
#undef EFUSE_SLOT
#undef EFUSE_REPLY_SLOT
#undef EFUSE_EVENT_SLOT
	__u32 flags;	/* EFUSE_OPS_* */
	char name[EFUSE_NAME_MAX];
};

#endif /* _FS_FUSE_EFUSE_SLOTS_H */

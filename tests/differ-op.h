/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * differ-op.h - the operations of the differential tester, and how they are
 * drawn: each depends on seed and index alone, so that a sequence with some left
 * out has the same others.
 */
#ifndef DIFFER_OP_H
#define DIFFER_OP_H

#include <sys/mman.h>
#include <sys/xattr.h>

#include "differ.h"

#define DIFFER_MAX	9000	/* bytes, about, of a file */
#define DIFFER_BLOCK	512

/* --- names ------------------------------------------------------------------- */

static int64_t op_mkdir(struct place *p, const struct op *op)
{
	return result(mkdir(at(p, op->a), 0700 | (op->arg & 077)));
}

static int64_t op_rmdir(struct place *p, const struct op *op)
{
	return result(rmdir(at(p, op->a)));
}

static int64_t op_unlink(struct place *p, const struct op *op)
{
	return result(unlink(at(p, op->a)));
}

static int64_t op_symlink(struct place *p, const struct op *op)
{
	return result(symlink(op->b, at(p, op->a)));
}

static int64_t op_link(struct place *p, const struct op *op)
{
	return result(linkat(AT_FDCWD, at(p, op->a), AT_FDCWD, at(p, op->b), 0));
}

static int64_t op_mknod(struct place *p, const struct op *op)
{
	mode_t type = op->arg & 1 && !differ_no_pipes ? S_IFIFO : S_IFREG;

	return result(mknod(at(p, op->a), type | 0644, 0));
}

static int64_t op_rename(struct place *p, const struct op *op)
{
	static const unsigned int flags[4] = { 0, 0, RENAME_NOREPLACE, RENAME_EXCHANGE };

	return result(renameat2(AT_FDCWD, at(p, op->a), AT_FDCWD, at(p, op->b),
				flags[op->arg & 3]));
}

static int64_t op_readlink(struct place *p, const struct op *op)
{
	char target[64];
	ssize_t len = readlink(at(p, op->a), target, sizeof(target));

	return len < 0 ? result(len) : (int64_t)(ex_hash((void *)target, (size_t)len) >> 1);
}

/* --- attributes -------------------------------------------------------------- */

static int64_t op_stat(struct place *p, const struct op *op)
{
	struct stat st;

	return result(stat(at(p, op->a), &st));
}

static int64_t op_access(struct place *p, const struct op *op)
{
	return result(faccessat(AT_FDCWD, at(p, op->a), (int)(op->arg & 7), AT_EACCESS));
}

static int64_t op_chmod(struct place *p, const struct op *op)
{
	return result(chmod(at(p, op->a), op->arg & 0777));
}

static int64_t op_chown(struct place *p, const struct op *op)
{
	uid_t uid = differ_uids[op->arg % DIFFER_USERS];

	return result(lchown(at(p, op->a), uid, op->arg & 64 ? uid : (gid_t)-1));
}

static int64_t op_utimens(struct place *p, const struct op *op)
{
	struct timespec ts[2] = {
		{ .tv_sec = op->arg % 2000000000, .tv_nsec = op->arg % 999999999 },
		{ .tv_sec = op->arg % 1999999999, .tv_nsec = op->arg % 999999998 },
	};

	return result(utimensat(AT_FDCWD, at(p, op->a), ts, AT_SYMLINK_NOFOLLOW));
}

static int64_t op_truncate(struct place *p, const struct op *op)
{
	return result(truncate(at(p, op->a), (off_t)(op->arg % DIFFER_MAX)));
}

/* --- extended attributes ----------------------------------------------------- */

static const char *const xattr_names[] = {
	"user.a", "user.b", "user.a-name-that-has-more-than-thirty-two-bytes",
};

#define XATTR_NAMES	(sizeof(xattr_names) / sizeof(*xattr_names))

static int64_t op_setxattr(struct place *p, const struct op *op)
{
	static const int flags[4] = { 0, 0, XATTR_CREATE, XATTR_REPLACE };
	unsigned char value[128];

	ex_fill(value, sizeof(value), op->arg, 0);
	return result(lsetxattr(at(p, op->a), xattr_names[op->arg % XATTR_NAMES], value,
				(op->arg >> 16) % sizeof(value), flags[op->arg >> 8 & 3]));
}

static int64_t op_removexattr(struct place *p, const struct op *op)
{
	return result(lremovexattr(at(p, op->a), xattr_names[op->arg % XATTR_NAMES]));
}

static int64_t op_getxattr(struct place *p, const struct op *op)
{
	char value[128];

	return result(lgetxattr(at(p, op->a), xattr_names[op->arg % XATTR_NAMES], value,
				(op->arg >> 8) % sizeof(value)));
}

/* --- access control lists ---------------------------------------------------- */

#define ACL_NAME	"system.posix_acl_access"

struct acl {
	uint32_t version;
	struct {
		uint16_t tag, perm;
		uint32_t id;
	} entries[5];
};

/* Owner, a user, group, mask, others: as the kernel wants them, in this order. */
static struct acl acl_of(uint64_t arg)
{
	struct acl acl = { .version = 2 };
	static const uint16_t tags[5] = { 0x01, 0x02, 0x04, 0x10, 0x20 };

	for (int i = 0; i < 5; i++) {
		acl.entries[i].tag = tags[i];
		acl.entries[i].perm = arg >> 3 * i & 7;
		acl.entries[i].id = (uint32_t)-1;
	}
	acl.entries[1].id = differ_uids[1 + (arg >> 16 & 1)];
	return acl;
}

static int64_t op_setacl(struct place *p, const struct op *op)
{
	struct acl acl = acl_of(op->arg >> 8);

	if (!differ_acl)
		return 0;
	if (op->arg % 4 == 0)
		return result(lremovexattr(at(p, op->a), ACL_NAME));
	return result(lsetxattr(at(p, op->a), ACL_NAME, &acl, sizeof(acl), 0));
}

/* --- capabilities of a file, which a write takes away -------------------------- */

#define CAP_NAME	"security.capability"

static int64_t op_setcap(struct place *p, const struct op *op)
{
	/* Revision 2, effective; bind to low ports. */
	const uint32_t caps[5] = { 0x02000001, 1 << 10, op->arg & 1 << 10, 0, 0 };

	if (!differ_acl)
		return 0;
	return result(lsetxattr(at(p, op->a), CAP_NAME, caps, sizeof(caps), 0));
}

/* --- contents ---------------------------------------------------------------- */

static int open_at(struct place *p, const char *rel, int flags)
{
	return open(at(p, rel), flags | O_NONBLOCK | O_CLOEXEC, 0666);
}

static int64_t write_some(int fd, const struct op *op, bool append)
{
	size_t len = 1 + (op->arg >> 32) % 3000;

	if (fd < 0)
		return -errno;
	ex_fill(ex_a, len, op->arg, 0);
	return result(append ? write(fd, ex_a, len) :
		      pwrite(fd, ex_a, len, (off_t)(op->arg % (DIFFER_MAX - 3000))));
}

static int64_t op_write(struct place *p, const struct op *op)
{
	int fd = open_at(p, op->a, O_CREAT | O_RDWR);

	return fd < 0 ? -errno : and_close(fd, write_some(fd, op, false));
}

static int64_t op_append(struct place *p, const struct op *op)
{
	int fd = open_at(p, op->a, O_CREAT | O_WRONLY | O_APPEND);

	return fd < 0 ? -errno : and_close(fd, write_some(fd, op, true));
}

/* Past the kernel's pages. */
static int64_t op_direct_write(struct place *p, const struct op *op)
{
	size_t len = DIFFER_BLOCK * (1 + (op->arg >> 32) % 8);
	int fd = open_at(p, op->a, O_CREAT | O_RDWR | O_DIRECT);

	if (fd < 0)
		return -errno;
	ex_fill(ex_a, len, op->arg, 0);
	return and_close(fd, pwrite(fd, ex_a, len, (off_t)(op->arg % 10 * DIFFER_BLOCK)));
}

static int64_t op_direct_read(struct place *p, const struct op *op)
{
	int fd = open_at(p, op->a, O_RDONLY | O_DIRECT);
	ssize_t len;

	if (fd < 0)
		return -errno;
	len = ex_read_at(fd, ex_b, DIFFER_BLOCK * (1 + (op->arg >> 32) % 8),
			 (off_t)(op->arg % 10 * DIFFER_BLOCK));
	return and_close(fd, len <= 0 ? len : (int64_t)(ex_hash(ex_b, (size_t)len) >> 1));
}

static int64_t op_cut(struct place *p, const struct op *op)
{
	int fd = open_at(p, op->a, O_WRONLY | O_TRUNC);

	return fd < 0 ? -errno : and_close(fd, 0);
}

static int64_t op_excl(struct place *p, const struct op *op)
{
	int fd = open_at(p, op->a, O_CREAT | O_EXCL | O_WRONLY);

	return fd < 0 ? -errno : and_close(fd, 0);
}

static int64_t op_read(struct place *p, const struct op *op)
{
	int fd = open_at(p, op->a, O_RDONLY);
	ssize_t len;

	if (fd < 0)
		return -errno;
	len = ex_read_at(fd, ex_b, 1 + (op->arg >> 32) % 5000, (off_t)(op->arg % DIFFER_MAX));
	return and_close(fd, len <= 0 ? len : (int64_t)(ex_hash(ex_b, (size_t)len) >> 1));
}

static int64_t op_fsync(struct place *p, const struct op *op)
{
	int fd = open_at(p, op->a, O_RDWR);

	return fd < 0 ? -errno : and_close(fd, op->arg & 1 ? fsync(fd) : fdatasync(fd));
}

static int64_t op_fallocate(struct place *p, const struct op *op)
{
	static const int modes[4] = {
		0, FALLOC_FL_KEEP_SIZE, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0,
	};
	int fd = open_at(p, op->a, O_RDWR);

	if (fd < 0)
		return -errno;
	return and_close(fd, fallocate(fd, modes[op->arg & 3], (off_t)(op->arg >> 8) % DIFFER_MAX,
				       1 + (off_t)(op->arg >> 32) % 3000));
}

static int64_t op_copy(struct place *p, const struct op *op)
{
	off_t from = (off_t)(op->arg % 5000), to = (off_t)(op->arg >> 16) % 5000;
	int in = open_at(p, op->a, O_RDONLY), out;
	int64_t ret;

	if (in < 0)
		return -errno;
	out = open_at(p, op->b, O_RDWR);
	if (out < 0)
		return and_close(in, out);
	ret = copy_file_range(in, &from, out, &to, 1 + (op->arg >> 32) % 3000, 0);
	ret = and_close(out, ret);
	close(in);
	return ret;
}

/* What is open for direct I/O cannot be mapped: the same by writing. */
static int64_t write_byte(int fd, uint64_t at, unsigned char byte)
{
	return pwrite(fd, &byte, 1, (off_t)at) == 1 ? 0 : -1;
}

static int64_t op_mmap(struct place *p, const struct op *op)
{
	int fd = open_at(p, op->a, O_RDWR);
	unsigned char *map;
	struct stat st;
	int64_t ret = 0;

	if (fd < 0)
		return -errno;
	/* Behind a mount this is a write, which takes capabilities away. */
	if (fstat(fd, &st) || !S_ISREG(st.st_mode) || !st.st_size ||
	    fgetxattr(fd, CAP_NAME, NULL, 0) > 0)
		return and_close(fd, 0);
	map = mmap(NULL, (size_t)st.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (map == MAP_FAILED)
		return and_close(fd, errno == ENODEV ?
				 write_byte(fd, op->arg % (uint64_t)st.st_size,
					    (unsigned char)(op->arg >> 40)) : -1);
	map[op->arg % (uint64_t)st.st_size] = (unsigned char)(op->arg >> 40);
	ret = msync(map, (size_t)st.st_size, MS_SYNC);
	munmap(map, (size_t)st.st_size);
	return and_close(fd, ret);
}

/* --- files that stay open ---------------------------------------------------- */

static bool is_file(int fd)
{
	struct stat st;

	return !fstat(fd, &st) && S_ISREG(st.st_mode);
}

static int *slot_of(struct place *p, const struct op *op)
{
	return &p->slot[op->arg % DIFFER_SLOTS];
}

static int64_t op_hold(struct place *p, const struct op *op)
{
	int *slot = slot_of(p, op);

	if (*slot >= 0)
		close(*slot);
	*slot = open_at(p, op->a, O_CREAT | (op->arg >> 8 & 1 ? O_RDONLY : O_RDWR));
	if (*slot < 0)
		return -errno;
	if (is_file(*slot))
		return 0;
	close(*slot);	/* a pipe has a reader only where it is held */
	*slot = -1;
	return 0;
}

static int64_t op_let_go(struct place *p, const struct op *op)
{
	int *slot = slot_of(p, op), fd = *slot;

	*slot = -1;
	return fd < 0 ? -EBADF : result(close(fd));
}

/* The same file once more, whatever became of its name, to be read or written. */
static int64_t op_reopen(struct place *p, const struct op *op)
{
	int *slot = slot_of(p, op), fd;
	char path[32];

	if (*slot < 0)
		return -EBADF;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", *slot);
	fd = open(path, (op->arg >> 8 & 1 ? O_RDONLY : O_RDWR) | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	close(*slot);
	*slot = fd;
	return 0;
}

static int64_t op_held_write(struct place *p, const struct op *op)
{
	return write_some(*slot_of(p, op), op, false);
}

static int64_t op_held_read(struct place *p, const struct op *op)
{
	ssize_t len = ex_read_at(*slot_of(p, op), ex_b, 1 + (op->arg >> 32) % 5000,
				 (off_t)(op->arg >> 8) % DIFFER_MAX);

	return len < 0 ? -errno : len == 0 ? 0 : (int64_t)(ex_hash(ex_b, (size_t)len) >> 1);
}

static int64_t op_held_fsync(struct place *p, const struct op *op)
{
	return result(fsync(*slot_of(p, op)));
}

static int64_t op_held_cut(struct place *p, const struct op *op)
{
	return result(ftruncate(*slot_of(p, op), (off_t)(op->arg >> 8) % DIFFER_MAX));
}

/* The result is what an observer compares: links and size of a file without a name. */
static int64_t op_held_stat(struct place *p, const struct op *op)
{
	struct stat st;

	if (fstat(*slot_of(p, op), &st))
		return -errno;
	return (int64_t)st.st_size << 32 | (int64_t)st.st_nlink << 16 | (int64_t)(st.st_mode & 07777);
}

static int64_t op_held_chmod(struct place *p, const struct op *op)
{
	return result(fchmod(*slot_of(p, op), (op->arg >> 8) & 0777));
}

/* --- the list ---------------------------------------------------------------- */

static const struct op_kind op_kinds[] = {
	{ "write", op_write, false, true }, { "write", op_write, false, true },
	{ "append", op_append, false, true }, { "read", op_read, true, true },
	{ "direct-write", op_direct_write, false, true },
	{ "direct-read", op_direct_read, true, true }, { "mkdir", op_mkdir, false, false },
	{ "mkdir", op_mkdir, false, false }, { "rmdir", op_rmdir, false, false },
	{ "unlink", op_unlink, false, false }, { "unlink", op_unlink, false, false },
	{ "rename", op_rename, false, false }, { "rename", op_rename, false, false },
	{ "link", op_link, false, false }, { "link", op_link, false, false },
	{ "symlink", op_symlink, false, false }, { "mknod", op_mknod, false, false },
	{ "readlink", op_readlink, true, false }, { "stat", op_stat, true, false },
	{ "access", op_access, true, false }, { "chmod", op_chmod, false, false },
	{ "chown", op_chown, false, false }, { "utimens", op_utimens, false, false },
	{ "truncate", op_truncate, false, true }, { "cut", op_cut, false, true },
	{ "excl", op_excl, false, false }, { "setxattr", op_setxattr, false, false },
	{ "setxattr", op_setxattr, false, false },
	{ "removexattr", op_removexattr, false, false }, { "getxattr", op_getxattr, true, false },
	{ "setacl", op_setacl, false, false }, { "setcap", op_setcap, false, false },
	{ "fallocate", op_fallocate, false, true },
	{ "copy", op_copy, false, true }, { "mmap", op_mmap, true, true },
	{ "hold", op_hold, true, true }, { "let-go", op_let_go, true, false },
	{ "fsync", op_fsync, true, true }, { "reopen", op_reopen, true, true },
	{ "held-read", op_held_read, true, true },
	{ "held-fsync", op_held_fsync, true, true },
	{ "held-write", op_held_write, true, true },
	{ "held-cut", op_held_cut, true, true },
	{ "held-stat", op_held_stat, true, false }, { "held-chmod", op_held_chmod, true, false },
};

#define OP_KINDS	(sizeof(op_kinds) / sizeof(*op_kinds))

/* Up to two folders and a name; a name can be a folder's or a file's. */
static void draw_path(uint64_t *state, char *path)
{
	unsigned int r = (unsigned int)(ex_random(state) >> 20), depth = r % 4, n = 0;

	for (; depth > 1 && !differ_contents; depth--, r /= 3)
		n += (unsigned int)sprintf(path + n, "d%u/", r / 4 % 3);
	r = (unsigned int)(ex_random(state) >> 20);
	if (differ_contents)
		r &= ~1u;
	sprintf(path + n, r & 1 ? "d%u" : "f%u", r / 2 % (r & 1 ? 3 : 5));
}

/* What is only looked at: often in the folder that an operation may have closed. */
static void draw_look(struct op *op, uint64_t *state, unsigned int users)
{
	draw_path(state, op->c);
	op->looker = (unsigned int)(ex_random(state) % users);
	op->looks = ex_random(state) >> 20 & 63;
	if (ex_random(state) >> 20 & 1 && !differ_contents)
		snprintf(op->c, sizeof(op->c), "%.16s/f%u", op->a,
			 (unsigned int)(ex_random(state) >> 20) % 3);
}

/* behind: in 1,000 operations so many are done behind the mount. */
static struct op op_draw(uint64_t seed, unsigned int index, unsigned int users,
			 unsigned int behind)
{
	uint64_t state = (seed + 1) * 0x9e3779b97f4a7c15ull ^ ((uint64_t)index + 1) << 20;
	struct op op = { .index = index };

	for (int i = 0; i < 3; i++)
		ex_random(&state);
	op.kind = &op_kinds[ex_random(&state) % OP_KINDS];
	for (int i = 0; i < 3 && differ_contents && !op.kind->data; i++)
		op.kind = &op_kinds[ex_random(&state) % OP_KINDS];
	op.user = ex_random(&state) % 5 < 2 ? 0 : (unsigned int)(ex_random(&state) % users);
	op.behind = ex_random(&state) % 1000 < behind && !op.kind->here;
	op.thorough = ex_random(&state) % 4 == 0 || differ_contents;
	op.arg = ex_random(&state);
	draw_path(&state, op.a);
	draw_path(&state, op.b);
	draw_look(&op, &state, users);
	return op;
}

#endif

// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * point.c - pinning and judging mount points. See point.h.
 *
 * Runs with the caller's rights only: no path is ever walked with more.
 */
#include "mount.efuse/point.h"

#include <fcntl.h>
#include <limits.h>
#include <linux/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>

#include "mount.efuse/util.h"

#ifndef AT_HANDLE_MNT_ID_UNIQUE		/* Linux 6.12 */
#define AT_HANDLE_MNT_ID_UNIQUE 0x001
#endif

struct point_path point_path(int fd)
{
	struct point_path path;

	snprintf(path.text, sizeof(path.text), "/proc/self/fd/%d", fd);
	return path;
}

/* --- finding --------------------------------------------------------------- */

/* PATH without the slashes at its end, malloced. */
static char *without_slashes(const char *path)
{
	size_t len = strlen(path);

	while (len > 1 && path[len - 1] == '/')
		len--;
	return strndup(path, len);
}

int point_pin(const char *path, struct point *point, struct msg *why)
{
	__cleanup(freep) char *plain = without_slashes(path);
	__cleanup(closep) int fd = -1;
	struct stat st;

	point->fd = -1;
	if (!plain)
		return msg_set_errno(why, -ENOMEM, "cannot read the mount point");
	if (!*plain)
		return msg_set(why, -ENOENT, "invalid mountpoint ''");
	fd = open(plain, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0)
		return msg_set_errno(why, -errno, "failed to access mountpoint %s", path);
	/* The new API would mount on the link itself, where nobody could find it. */
	if (S_ISLNK(st.st_mode))
		return msg_set(why, -ELOOP, "mountpoint %s is a symbolic link", path);
	*point = (struct point){ .fd = take_fd(&fd), .mode = st.st_mode, .owner = st.st_uid };
	return 0;
}

/* --- who may mount --------------------------------------------------------- */

/*
 * File systems whose files have the meaning of files. On others (proc, sysfs,
 * cgroup, ...) a name a user may write to is an interface of the kernel or of
 * a service, and covering it would deceive whoever trusts that interface. The
 * list is the one of libfuse's helper.
 */
static const uint64_t safe_types[] = {
	0x61756673,		/* aufs */
	0x00000187,		/* autofs */
	0xca451a4e,		/* bcachefs */
	0x9123683e,		/* btrfs */
	0x00c36400,		/* ceph */
	0xff534d42,		/* cifs */
	0x0000f15f,		/* ecryptfs */
	0x2011bab0,		/* exfat */
	0x0000ef53,		/* ext2, ext3, ext4 */
	0xf2f52010,		/* f2fs */
	0x65735546,		/* fuse */
	0x01161970,		/* gfs2 */
	0x47504653,		/* gpfs */
	0x0000482b,		/* hfsplus */
	0x000072b6,		/* jffs2 */
	0x3153464a,		/* jfs */
	0x0bd00bd0,		/* lustre */
	0x00004d44,		/* msdos */
	0x0000564c,		/* ncp */
	0x00006969,		/* nfs */
	0x00003434,		/* nilfs */
	0x5346544e,		/* ntfs */
	0x5346414f,		/* openafs */
	0x794c7630,		/* overlayfs */
	0x52654973,		/* reiserfs */
	0xfe534d42,		/* smb2 */
	0x73717368,		/* squashfs */
	0x01021994,		/* tmpfs */
	0x24051905,		/* ubifs */
	0x736675005346544e,	/* ufsd */
	0x58465342,		/* xfs */
	0x2fc12fc1,		/* zfs */
};

static int check_type(const struct point *point, struct msg *why)
{
	struct statfs fs;

	if (fstatfs(point->fd, &fs) < 0)
		return msg_set_errno(why, -errno, "failed to access the mountpoint's file system");
	for (size_t i = 0; i < ARRAY_SIZE(safe_types); i++)
		if ((uint64_t)(unsigned long)fs.f_type == safe_types[i])
			return 0;
	return msg_set(why, -EPERM, "mounting over filesystem type %#010lx is forbidden",
		       (unsigned long)fs.f_type);
}

/* Linux before 5.8 has no faccessat2; the path means the descriptor all the same. */
static int may_write(int fd)
{
	if (syscall(SYS_faccessat2, fd, "", W_OK, AT_EMPTY_PATH | AT_EACCESS) == 0)
		return 0;
	if (errno != ENOSYS && errno != EINVAL)
		return -errno;
	return access(point_path(fd).text, W_OK) < 0 ? -errno : 0;
}

int point_check(const struct point *point, const char *path, struct msg *why)
{
	if (!S_ISDIR(point->mode) && !S_ISREG(point->mode))
		return msg_set(why, -EPERM, "mountpoint %s is not a directory or a regular file", path);
	if (S_ISDIR(point->mode) && (point->mode & S_ISVTX) && point->owner != getuid())
		return msg_set(why, -EPERM, "mountpoint %s not owned by user", path);
	if (may_write(point->fd) < 0)
		return msg_set(why, -EACCES, "user has no write access to mountpoint %s", path);
	return check_type(point, why);
}

/* --- which mount is it? ---------------------------------------------------- */

/* The kernel fills the id in even when the handle does not fit (EOVERFLOW). */
static uint64_t unique_id(int fd)
{
	struct file_handle none = { .handle_bytes = 0 };
	uint64_t id = 0;

	if (syscall(SYS_name_to_handle_at, fd, "", &none, &id,
		    AT_EMPTY_PATH | AT_HANDLE_MNT_ID_UNIQUE) < 0 && errno != EOVERFLOW)
		return 0;
	return id;
}

/* "mnt_id:" of fdinfo, for Linux before 5.8. */
static int mount_of_fdinfo(int fd)
{
	char path[64], text[512];
	const char *line;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	if (file_read(path, text, sizeof(text)) < 0)
		return -ENOSYS;
	line = strstr(text, "mnt_id:");
	return line ? atoi(line + strlen("mnt_id:")) : -ENOSYS;
}

/*
 * A mask of 0 with DONT_SYNC asks for nothing that a FUSE daemon would have to
 * answer, and is the one form that the kernel answers to every user.
 */
static int ask(int fd, struct statx *stx)
{
	return statx(fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, 0, stx) < 0 ? -errno : 0;
}

static int mount_of(int fd, const struct statx *stx)
{
	return stx->stx_mask & STATX_MNT_ID ? (int)stx->stx_mnt_id : mount_of_fdinfo(fd);
}

int point_mount(int fd)
{
	struct statx stx;
	int err = ask(fd, &stx);

	return err ? err : mount_of(fd, &stx);
}

int point_identify(int fd, struct point_id *id)
{
	struct statx stx;
	int err = ask(fd, &stx);

	if (err)
		return err;
	*id = (struct point_id){
		.mount = mount_of(fd, &stx),
		.unique = unique_id(fd),
		.dev = makedev(stx.stx_dev_major, stx.stx_dev_minor),
		.root = !(stx.stx_attributes_mask & STATX_ATTR_MOUNT_ROOT) ||
			(stx.stx_attributes & STATX_ATTR_MOUNT_ROOT),
	};
	return id->mount < 0 ? id->mount : 0;
}

/* --- finding what is mounted ----------------------------------------------- */

/* The path the kernel has for ".", "..", "x/." and "/", which name no entry of a folder. */
static char *named_path(const char *path)
{
	__cleanup(freep) char *plain = without_slashes(path);
	__cleanup(closep) int fd = -1;
	char real[PATH_MAX];
	const char *name;
	ssize_t len;

	if (!plain || !*plain)
		return NULL;
	name = path_name(plain);
	if (!streq(name, ".") && !streq(name, ".."))
		return take_ptr(plain);
	fd = open(plain, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	len = fd < 0 ? -1 : readlink(point_path(fd).text, real, sizeof(real));
	return len <= 0 || len == sizeof(real) ? NULL : strndup(real, (size_t)len);
}

int point_find(const char *path, int *folder, char **name, int *mounted)
{
	__cleanup(freep) char *whole = NULL;
	char *slash;

	*folder = *mounted = -1;
	*name = NULL;
	errno = ENOENT;
	whole = named_path(path);
	if (!whole)
		return -errno;
	slash = strrchr(whole, '/');
	*name = strdup(slash && slash[1] ? slash + 1 : slash ? "." : whole);
	if (!*name)
		return -ENOMEM;
	if (slash)
		slash[slash == whole] = '\0';	/* "/x" is in "/", "a/x" in "a" */
	*folder = open(slash ? whole : ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (*folder < 0)
		return -errno;
	*mounted = openat(*folder, *name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	return *mounted < 0 ? -errno : 0;
}

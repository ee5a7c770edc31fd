// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * device.c - what the FUSE driver of the running kernel offers. See device.h.
 *
 * Features are asked of the kernel's own switches, never of a version number.
 */
#include "mount.efuse/device.h"

#include <grp.h>
#include <linux/efuse.h>
#include <sys/ioctl.h>

#include "mount.efuse/util.h"

static bool in_group(gid_t gid)
{
	return gid == getegid() || group_member(gid);
}

/* kernel.io_uring_disabled: 1 leaves it to root and one group, 2 to nobody. */
static int check_sysctl(struct msg *why)
{
	char value[16], group[16];

	if (file_read(DEVICE_URING_DISABLED, value, sizeof(value)) <= 0 || value[0] == '0')
		return 0;
	if (value[0] == '1') {
		if (geteuid() == 0)
			return 0;
		if (file_read(DEVICE_URING_GROUP, group, sizeof(group)) > 0 && atoi(group) >= 0 &&
		    in_group((gid_t)atoi(group)))
			return 0;
	}
	return msg_set(why, -EPERM, "io_uring is forbidden here (sysctl kernel.io_uring_disabled=%s)",
		       value);
}

int device_check_uring(struct msg *why)
{
	char value[16];

	if (file_read(DEVICE_ENABLE_URING, value, sizeof(value)) <= 0)
		return msg_set(why, -ENOSYS, "this kernel has no FUSE over io_uring (Linux 6.14 or newer has)");
	if (value[0] != 'Y' && value[0] != '1')
		return msg_set(why, -ENOTSUP, "FUSE over io_uring is switched off; `efuse setup` as root switches it on");
	return check_sysctl(why);
}

int device_check_efuse(struct msg *why)
{
	struct efuse_hello hello = {
		.size = sizeof(hello), .version = EFUSE_VERSION_MAX, .required = EFUSE_F_POLICY,
	};
	__cleanup(closep) int fd = open(DEVICE_EFUSE, O_RDWR | O_CLOEXEC);

	if (fd < 0 && errno == ENOENT)
		return msg_set(why, -ENOENT, "the efuse driver is not loaded");
	if (fd < 0)
		return msg_set_errno(why, -errno, "%s", DEVICE_EFUSE);
	if (ioctl(fd, EFUSE_IOC_HELLO, &hello) == 0)
		return 0;
	if (errno == EPROTONOSUPPORT)
		return msg_set(why, -EPROTONOSUPPORT,
			       "the efuse driver speaks versions from %u on, we up to %u",
			       hello.min_version, EFUSE_VERSION_MAX);
	return msg_set_errno(why, -errno, "the efuse driver does not fit");
}

int device_check_fuse(struct msg *why)
{
	if (faccessat(AT_FDCWD, DEVICE_FUSE, R_OK | W_OK, AT_EACCESS) == 0)
		return 0;
	if (errno == ENOENT)
		return msg_set(why, -ENOENT, "%s is not there; is the fuse module loaded?", DEVICE_FUSE);
	return msg_set_errno(why, -errno, "%s", DEVICE_FUSE);
}

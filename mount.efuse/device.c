// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * device.c - what the FUSE driver of the running kernel offers. See device.h.
 *
 * Features are asked of the kernel's own switches, never of a version number.
 */
#include "mount.efuse/device.h"

#include <grp.h>
#include <limits.h>
#include <sys/ioctl.h>
#include <sys/sysmacros.h>
#include <sys/utsname.h>

#include "mount.efuse/hello.h"
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

int device_check_efuse(struct efuse_hello *answer, struct msg *why)
{
	int fd = hello_open(answer, why);

	if (fd >= 0)
		close(fd);
	return fd < 0 ? fd : 0;
}

int device_read_state(dev_t dev, struct efuse_state *state, struct msg *why)
{
	struct efuse_state got = {
		.size = sizeof(got), .major = major(dev), .minor = minor(dev),
	};
	__cleanup(closep) int fd = -1;

	*state = (struct efuse_state){ .size = 0 };
	fd = hello_open(NULL, why);
	if (fd < 0)
		return fd;
	if (ioctl(fd, EFUSE_IOC_STATE, &got) == 0) {
		got.name[sizeof(got.name) - 1] = '\0';
		*state = got;
		return 0;
	}
	if (errno == ENOTTY)
		return msg_set(why, -ENOTTY, "the efuse driver is too old to tell");
	if (errno == EACCES)
		return msg_set(why, -EACCES, "it lets this user not in; root can tell");
	return msg_set_errno(why, -errno, "the efuse driver does not tell");
}

void device_describe(const struct efuse_hello *hello, char *text, size_t size)
{
	static const struct {
		uint64_t bit;
		const char *word;
	} known[] = { { EFUSE_F_POLICY, "policies" }, { EFUSE_F_RING, "rings" } };
	uint64_t rest = hello->known & ~(EFUSE_FEATURES_ALL | EFUSE_F_RING);
	size_t len = (size_t)snprintf(text, size, "protocol version %u", hello->version);

	for (size_t i = 0; i < ARRAY_SIZE(known) && len < size; i++)
		if (hello->known & known[i].bit)
			len += (size_t)snprintf(text + len, size - len, ", %s", known[i].word);
	if (rest && len < size)
		snprintf(text + len, size - len, ", and features %#llx that are newer than we",
			 (unsigned long long)rest);
}

bool device_module_installed(void)
{
	struct utsname name;
	char path[PATH_MAX], line[1024];
	__cleanup(fclosep) FILE *f = NULL;
	bool found = false;

	if (uname(&name))
		return false;
	snprintf(path, sizeof(path), "/lib/modules/%s/modules.dep", name.release);
	f = fopen(path, "re");
	while (f && !found && fgets(line, sizeof(line), f))
		found = strstr(line, "/efuse.ko") != NULL;
	return found;
}

int device_check_fuse(struct msg *why)
{
	if (faccessat(AT_FDCWD, DEVICE_FUSE, R_OK | W_OK, AT_EACCESS) == 0)
		return 0;
	if (errno == ENOENT)
		return msg_set(why, -ENOENT, "%s is not there; is the fuse module loaded?", DEVICE_FUSE);
	return msg_set_errno(why, -errno, "%s", DEVICE_FUSE);
}

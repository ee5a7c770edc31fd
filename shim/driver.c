// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * driver.c - the efuse driver in the stock one's place. See driver.h.
 *
 * A mount has the type of the driver whose device it is of, so both the open and
 * the mount of a daemon have to be seen. A user's daemon may open the device, but
 * not mount it: it leaves both to fusermount3, which takes the stock driver. One
 * that mounts with fsopen(2), as libfuse does from 3.18 on, cannot mount the efuse
 * driver's device: efuse.driver=stock is for that.
 */
#include "shim/driver.h"

#include <errno.h>
#include <linux/efuse.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "shim/fds.h"
#include "shim/real.h"
#include "shim/settings.h"

#define STOCK_RDEV	makedev(10, 229)
#define POLICY		"generic"

/* param[0] of that policy: see bpf/clock.bpf.h. */
enum { MODE_AUTO, MODE_ALWAYS, MODE_TIMEOUT };

const char *driver_path(const char *path)
{
	if (!settings_get()->active || !settings_get()->efuse || !path ||
	    strcmp(path, DRIVER_STOCK_DEVICE) != 0 || fds_foreign())
		return path;
	return DRIVER_EFUSE_DEVICE;
}

bool driver_is_path(const char *path)
{
	return strcmp(path, DRIVER_STOCK_DEVICE) == 0 || strcmp(path, DRIVER_EFUSE_DEVICE) == 0;
}

/* The number of its device is another one at every start of the machine. */
static bool is_efuse(const struct stat *st)
{
	struct stat dev;

	return stat(DRIVER_EFUSE_DEVICE, &dev) == 0 && S_ISCHR(dev.st_mode) &&
	       st->st_rdev == dev.st_rdev;
}

static bool device_of(int fd, bool *efuse)
{
	int saved = errno;
	struct stat st;
	bool is;

	*efuse = false;
	is = fstat(fd, &st) == 0 && S_ISCHR(st.st_mode);
	if (is && st.st_rdev != STOCK_RDEV)
		is = *efuse = is_efuse(&st);
	errno = saved;
	return is;
}

bool driver_is_device(int fd)
{
	bool efuse;

	return device_of(fd, &efuse);
}

/* The descriptor that mount data names, -1 if none. */
static int data_fd(const char *data)
{
	const char *at = data;
	int fd;

	while (at && *at) {
		if (sscanf(at, "fd=%d", &fd) == 1)
			return fd;
		at = strchr(at, ',');
		at += !!at;
	}
	return -1;
}

static bool is_fuse_type(const char *type)
{
	size_t len = strcspn(type, ".");

	return (len == 4 && strncmp(type, "fuse", 4) == 0) ||
	       (len == 7 && strncmp(type, "fuseblk", 7) == 0);
}

/* The connection goes on without where the policy is not there. */
static void choose_policy(int fd)
{
	const struct cache_policy *cache = &settings_get()->cache;
	struct efuse_policy policy = { .size = sizeof(policy), .name = POLICY };

	if (cache->mode == STATS_CACHE_NONE)
		return;
	if (cache->mode == STATS_CACHE_ALWAYS)
		policy.param[0] = MODE_ALWAYS;
	if (cache->mode == STATS_CACHE_TIMEOUT) {
		policy.param[0] = MODE_TIMEOUT;
		policy.param[1] = cache->ns;
	}
	if (real()->ioctl(fd, EFUSE_IOC_POLICY, &policy) < 0)
		settings_log("no BPF policy %s: %s", POLICY, strerror(errno));
	else
		settings_log("efuse driver, BPF policy %s", POLICY);
}

int driver_mount(const char *source, const char *target, const char *type,
		 unsigned long flags, const void *data)
{
	char ours[128];
	int fd, ret;
	bool efuse = false;

	fd = type && data && is_fuse_type(type) ? data_fd(data) : -1;
	if (fd < 0 || !device_of(fd, &efuse) || !efuse)
		return real()->mount(source, target, type, flags, data);
	if (snprintf(ours, sizeof(ours), "e%s", type) >= (int)sizeof(ours)) {
		errno = EINVAL;
		return -1;
	}
	ret = real()->mount(source, target, ours, flags, data);
	if (ret == 0)
		choose_policy(fd);
	return ret;
}

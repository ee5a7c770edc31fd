// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * driver.c - the efuse driver in the stock one's place. See driver.h.
 *
 * A mount has the type of the driver whose device it is of, so both the open and
 * the mount of a daemon have to be seen. It mounts with mount(2), or with fsopen(2),
 * as libfuse does from 3.18 on, which is told the type before it is told the
 * device. A user's daemon may open the device, but not mount it: it leaves both to
 * fusermount3, to which the same variables speak.
 */
#include "shim/driver.h"

#include <errno.h>
#include <linux/efuse.h>
#include <stdint.h>
#include <stdio.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "shim/config.h"
#include "shim/fds.h"
#include "shim/real.h"
#include "shim/settings.h"

#define STOCK_RDEV	makedev(10, 229)
#define CONTEXTS	8

/* The driver of the device that was opened last. */
static atomic_bool efuse_last;

/*
 * File system contexts and their devices, by the context's descriptor modulo CONTEXTS:
 * descriptor + 1 above, device below, 0 for none. Of two that share a place the
 * earlier one is not told its policy.
 */
static _Atomic uint64_t contexts[CONTEXTS];

const char *driver_path(const char *path)
{
	if (!settings_get()->active || !settings_get()->efuse || !path ||
	    strcmp(path, DRIVER_STOCK_DEVICE) != 0 || fds_foreign())
		return path;
	return DRIVER_EFUSE_DEVICE;
}

void driver_opened(const char *path)
{
	efuse_last = settings_get()->active && settings_get()->efuse &&
		     strcmp(path, DRIVER_EFUSE_DEVICE) == 0;
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

static void fill_policy(struct efuse_policy *policy)
{
	const struct settings *settings = settings_get();

	strcpy(policy->name, settings->policy[0] ? settings->policy : CONFIG_POLICY);
	if (settings->cache.mode == STATS_CACHE_ALWAYS)
		policy->param[0] = CONFIG_MODE_ALWAYS;
	if (settings->cache.mode == STATS_CACHE_TIMEOUT) {
		policy->param[0] = CONFIG_MODE_TIMEOUT;
		policy->param[1] = settings->cache.ns;
	}
	policy->param[0] |= config_entries_param(settings->entries);
	policy->param[0] |= config_mem_param(settings->mem);
}

/* The connection goes on without where the policy is not there. */
static void choose_policy(int fd)
{
	struct efuse_policy policy = { .size = sizeof(policy) };

	if (settings_get()->cache.mode == STATS_CACHE_NONE && !settings_get()->policy[0])
		return;
	fill_policy(&policy);
	if (real()->ioctl(fd, EFUSE_IOC_POLICY, &policy) < 0)
		settings_log("no BPF policy %s: %s", policy.name, strerror(errno));
	else
		settings_log("efuse driver, BPF policy %s", policy.name);
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

/* --- the new mount API ------------------------------------------------------ */

int driver_fsopen(const char *type, unsigned int flags)
{
	char ours[16];
	int fd;

	if (!real()->fsopen) {
		errno = ENOSYS;
		return -1;
	}
	if (efuse_last && type && is_fuse_type(type) &&
	    snprintf(ours, sizeof(ours), "e%s", type) < (int)sizeof(ours))
		type = ours;
	fd = real()->fsopen(type, flags);
	if (fd >= 0)
		contexts[(unsigned int)fd % CONTEXTS] = 0;
	return fd;
}

/* The device that KEY and VALUE give to a context, -1 for another setting. */
static int config_fd(unsigned int cmd, const char *key, const void *value, int aux)
{
	int fd;

	if (!key || strcmp(key, "fd") != 0)
		return -1;
	if (cmd == FSCONFIG_SET_FD)
		return aux;
	return cmd == FSCONFIG_SET_STRING && value && sscanf(value, "%d", &fd) == 1 ? fd : -1;
}

/* The device of the context FD, once. */
static int take_context(int fd)
{
	uint64_t context = atomic_exchange(&contexts[(unsigned int)fd % CONTEXTS], 0);

	return context >> 32 == (uint64_t)fd + 1 ? (int)(uint32_t)context : -1;
}

int driver_fsconfig(int fd, unsigned int cmd, const char *key, const void *value, int aux)
{
	int device, ret, saved;
	bool efuse;

	if (!real()->fsconfig) {
		errno = ENOSYS;
		return -1;
	}
	ret = real()->fsconfig(fd, cmd, key, value, aux);
	if (ret < 0 || fd < 0)
		return ret;
	saved = errno;
	device = config_fd(cmd, key, value, aux);
	if (device >= 0 && device_of(device, &efuse) && efuse)
		contexts[(unsigned int)fd % CONTEXTS] = ((uint64_t)fd + 1) << 32 | (uint32_t)device;
	device = cmd == FSCONFIG_CMD_CREATE ? take_context(fd) : -1;
	if (device >= 0)
		choose_policy(device);
	errno = saved;
	return ret;
}

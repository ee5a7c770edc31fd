/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * driver.h - which driver serves a connection: the stock one, or the efuse
 * driver, whose device takes the place of the stock one's where the daemon opens
 * and mounts that.
 */
#ifndef EFUSE_SHIM_DRIVER_H
#define EFUSE_SHIM_DRIVER_H

#include <stdbool.h>

#define DRIVER_STOCK_DEVICE	"/dev/fuse"
#define DRIVER_EFUSE_DEVICE	"/dev/efuse"

/*
 * The path to open where the daemon opens PATH, a string that stays: PATH, or the
 * efuse driver's device. If that cannot be opened, PATH is to be.
 */
const char *driver_path(const char *path);

/* PATH, which is one of the devices, was opened: the next fsopen(2) follows it. */
void driver_opened(const char *path);

/* Whether PATH is a FUSE device of one driver or the other. */
bool driver_is_path(const char *path);

/* Whether FD is one. Keeps errno. */
bool driver_is_device(int fd);

/*
 * mount(2), for a connection of the efuse driver with the type of that, and with
 * the policy chosen. As mount(2) returns. Not in a child of vfork(2).
 */
int driver_mount(const char *source, const char *target, const char *type,
		 unsigned long flags, const void *data);

/*
 * fsopen(2) and fsconfig(2), which together do the same: a context for FUSE is one
 * of the driver whose device this process opened last, and the policy is chosen
 * when the file system is there. As those return; ENOSYS where libc has neither.
 * Not in a child of vfork(2).
 */
int driver_fsopen(const char *type, unsigned int flags);
int driver_fsconfig(int fd, unsigned int cmd, const char *key, const void *value, int aux);

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * device.h - what the FUSE driver of the running kernel offers this user.
 */
#ifndef EFUSE_DEVICE_H
#define EFUSE_DEVICE_H

#include <sys/types.h>

#include "mount.efuse/msg.h"

struct efuse_hello;
struct efuse_state;

#define DEVICE_FUSE		"/dev/fuse"
#define DEVICE_ENABLE_URING	"/sys/module/fuse/parameters/enable_uring"
#define DEVICE_URING_DISABLED	"/proc/sys/kernel/io_uring_disabled"
#define DEVICE_URING_GROUP	"/proc/sys/kernel/io_uring_group"

/*
 * Can a FUSE daemon of this user be served over io_uring? Returns 0, or with
 * the words in WHY, the remedy included: -ENOSYS (the kernel cannot), -ENOTSUP
 * (FUSE over io_uring is switched off), -EPERM (io_uring is forbidden).
 */
int device_check_uring(struct msg *why);

/*
 * Does the efuse driver speak with us, and has it all that is asked of it?
 * ANSWER, unless NULL, is what it said. Returns 0, or with the words in WHY:
 * -ENOENT (there is none), or -errno.
 */
int device_check_efuse(struct efuse_hello *answer, struct msg *why);

/*
 * What HELLO, an answer of the efuse driver, says of it, in words:
 * "protocol version 1, policies". TEXT has SIZE bytes, 80 are enough.
 */
void device_describe(const struct efuse_hello *hello, char *text, size_t size);

/*
 * What the mount of the efuse driver with that device number has chosen, in STATE.
 * Does not reach the mounted file system. Returns 0, or with the words in WHY:
 * -ENOTTY (the driver is older than the question), -EACCES (it is not for this user
 * to know), or another -errno; STATE is empty then.
 */
int device_read_state(dev_t dev, struct efuse_state *state, struct msg *why);

/* Is there an efuse.ko that modprobe(8) finds for the running kernel? */
bool device_module_installed(void);

/* Can this user open /dev/fuse? Returns 0, or -errno with the words in WHY. */
int device_check_fuse(struct msg *why);

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * daemon.h - start a FUSE program and wait until its file system answers, or
 * until it is clear that it will not.
 */
#ifndef EFUSE_DAEMON_H
#define EFUSE_DAEMON_H

#include <limits.h>

#include "mount.efuse/msg.h"

struct daemon_plan {
	const char *path;	/* the program's file */
	char *const *argv;
	char *const *envp;
	const char *target;	/* absolute mount point, see mounts_resolve() */
	int timeout;		/* seconds */
};

/*
 * Start the program and wait for a mount at TARGET that was not there before and
 * answers. On success the program keeps running on its own and the mount's id
 * is in *MOUNT_ID. On failure everything that was started is killed and
 * reaped, and what was half mounted is unmounted.
 *
 * Returns 0, or with the words in WHY: -EINTR (SIGINT, SIGTERM or SIGHUP came),
 * -ETIMEDOUT, -ECHILD (the program ended without mounting), -ENOTCONN (it
 * mounted and went away), or the -errno of the step that failed, such as exec.
 */
int daemon_mount(const struct daemon_plan *plan, int *mount_id, struct msg *why);

#endif

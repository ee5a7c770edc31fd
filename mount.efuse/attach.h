/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * attach.h - the privileged steps: making a FUSE file system, putting it on a
 * pinned mount point, taking a mount away. Each is one function of attach.c,
 * with the argument why it is safe; nothing else in the program is privileged.
 */
#ifndef EFUSE_ATTACH_H
#define EFUSE_ATTACH_H

#include <stdbool.h>
#include <sys/types.h>

#include "mount.efuse/mountopts.h"
#include "mount.efuse/point.h"

/* What is to be mounted, and where. All borrowed. */
struct attach {
	const struct mountopts *opts;
	const struct point *point;
	bool listed;		/* the mount table tells of the mount that POINT is on */
	bool efuse;		/* the driver: efuse's, or the kernel's own */
	int device;		/* its open device */
	const char *source;	/* as the mount table will show it */
	uid_t uid;		/* whose file system it is */
	gid_t gid;
};

/*
 * Mount it. With the new mount API *MOUNTED becomes a descriptor of the mount
 * (the caller's, keeps it busy), otherwise -1. Returns 0 or -errno; on failure
 * nothing is mounted.
 */
int attach_mount(const struct attach *plan, int *mounted);

/*
 * Take away exactly the mount that MOUNTED (O_PATH, or from attach_mount()) is the
 * root of, whether or not it is in use: at once for new users, at the end of use
 * for the present ones. 0 or -errno.
 */
int attach_detach(int mounted);

/*
 * Take away what is mounted on NAME in FOLDER, when it is not in use. The caller
 * has made sure whose mount it is. 0 or -errno.
 */
int attach_unmount(int folder, const char *name);

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * point.h - a mount point: found once, by the caller's own rights, held by a
 * descriptor from then on, and the rule which of them a user may mount on.
 *
 * Everything that is checked is asked of the descriptor, and everything that is
 * done is done to it: what happens to the path meanwhile does not matter.
 */
#ifndef EFUSE_POINT_H
#define EFUSE_POINT_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

#include "mount.efuse/msg.h"

/* A file or folder held by FD (O_PATH), as it was when it was pinned. */
struct point {
	int fd;			/* -1: none */
	mode_t mode;
	uid_t owner;
};

/* Which mount a descriptor is on, without asking its file system anything. */
struct point_id {
	int mount;		/* mount id, as in mountinfo; used again once the mount is gone */
	uint64_t unique;	/* one that is never used again, 0 where the kernel has none */
	dev_t dev;
	bool root;		/* the descriptor is the root of that mount */
};

/*
 * Pin PATH, which must not be a symbolic link; slashes at its end do not count.
 * 0 or -errno with words. The caller closes POINT->fd.
 */
int point_pin(const char *path, struct point *point, struct msg *why);

/*
 * May the calling user, who is not root, mount on POINT? A folder he may write
 * to, his own if it is sticky, or a file he may write to, on a file system that
 * it is safe to cover. 0 or -errno with words that name PATH.
 */
int point_check(const struct point *point, const char *path, struct msg *why);

/*
 * What is mounted at PATH, for unmounting: *FOLDER is the folder that holds the
 * mount point and *NAME (malloced) its name there, *MOUNTED the root of what is
 * mounted, or what is there in its place. A folder without a name (".", "/") is
 * looked for by the path the kernel has for it. 0 or -errno; all are the
 * caller's to close and free.
 */
int point_find(const char *path, int *folder, char **name, int *mounted);

/* The id of the mount that FD is on, without asking its file system anything; -errno on failure. */
int point_mount(int fd);

/* Fill ID for FD. Sends no request to a FUSE daemon. 0 or -errno. */
int point_identify(int fd, struct point_id *id);

/* "/proc/self/fd/N", for system calls that want a path. */
struct point_path {
	char text[32];
};
struct point_path point_path(int fd);

#endif

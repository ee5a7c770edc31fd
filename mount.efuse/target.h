/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * target.h - the mount point: where it is, whether it is fit to be mounted on,
 * whether what is asked for is mounted there already.
 */
#ifndef EFUSE_TARGET_H
#define EFUSE_TARGET_H

#include <stdbool.h>

#include "mount.efuse/msg.h"

/*
 * The absolute path of the mount point PATH, malloced into *TARGET. It exists
 * (directory or file: what fits is the program's to say), has no control
 * characters, and answers within TIMEOUT seconds if something is mounted on it.
 * Returns 0, or -errno with the words in WHY.
 */
int target_find(const char *path, int timeout, char **target, struct msg *why);

/*
 * Is SOURCE, served by the program at PROGRAM, what is mounted at TARGET?
 * Told by the record in the folder STATUS, or by type and source as mounted.
 */
bool target_is_served(const char *target, const char *program, const char *source,
		      const char *status);

#endif

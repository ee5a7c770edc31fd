/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * remount.h - change what the kernel lets change on a mounted FUSE file system.
 */
#ifndef EFUSE_REMOUNT_H
#define EFUSE_REMOUNT_H

#include "mount.efuse/msg.h"
#include "mount.efuse/opts.h"

/*
 * Apply the flags of O (ro, nosuid, noatime, ...) to the FUSE mount at TARGET;
 * the program keeps running. An option that belongs to the program or to efuse
 * and is not in force already, by the record in the folder STATUS or by the
 * mount table, is an error. Returns 0, or -errno with the words in WHY.
 */
int remount_apply(const char *target, const struct opts *o, const char *status,
		  struct msg *why);

#endif

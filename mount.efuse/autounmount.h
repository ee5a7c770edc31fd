/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * autounmount.h - taking a mount away when its file system's process has ended.
 *
 * The mount is remembered by its id, not by its path and not by a descriptor,
 * which would keep it busy. When the process has ended, the mount and every bind
 * mount of it in our mount namespace is taken away, provided that its connection
 * is dead; one that still answers stays, and so does everything else.
 */
#ifndef EFUSE_AUTOUNMOUNT_H
#define EFUSE_AUTOUNMOUNT_H

#include "mount.efuse/point.h"

/* Seconds in which a mount whose process has ended must be found dead. */
#ifndef AUTOUNMOUNT_SECONDS
#define AUTOUNMOUNT_SECONDS 10
#endif

/*
 * Wait, however long that takes, until the other end of SOCK is closed, and then
 * take away the mount that was identified as ID, and its bind mounts, made for
 * the user UID (root: for anybody). Returns when nothing of it is left, whoever
 * took it away, or AUTOUNMOUNT_SECONDS after the end of SOCK with what still
 * answers left alone.
 */
void autounmount_run(int sock, const struct point_id *id, uid_t uid);

#endif

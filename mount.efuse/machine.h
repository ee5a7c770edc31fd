/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * machine.h - what this kernel and this user can do for a FUSE mount.
 */
#ifndef EFUSE_MACHINE_H
#define EFUSE_MACHINE_H

#include "mount.efuse/finding.h"

/* The kernel: its version, FUSE-over-io_uring, io_uring itself. */
void machine_check_kernel(struct findings *all);

/* What the user is allowed: devices, limits, fusermount, scheduling. */
void machine_check_user(struct findings *all);

/* What efuse installed: shim, mount helper, status folder, driver. */
void machine_check_efuse(struct findings *all);

#endif

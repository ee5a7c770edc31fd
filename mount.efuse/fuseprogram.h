/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fuseprogram.h - what a FUSE program is made of, and what efuse can do for it.
 */
#ifndef EFUSE_FUSEPROGRAM_H
#define EFUSE_FUSEPROGRAM_H

#include "mount.efuse/finding.h"

/* Look at the program NAME. Returns 0, or -errno when there is none to look at. */
int fuseprogram_check(struct findings *all, const char *name);

#endif

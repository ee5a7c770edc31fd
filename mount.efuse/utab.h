/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * utab.h - libmount's own notes about a mount, /run/mount/utab.
 */
#ifndef EFUSE_UTAB_H
#define EFUSE_UTAB_H

#include "mount.efuse/mounts.h"

/*
 * Keep the options of OPTIONS that only user space knows (x-*, _netdev, ...)
 * for MOUNT. mount(8) does this itself for its helpers, and hands no x-* to
 * them: this is for when there is no mount(8) above us. Does nothing where utab
 * cannot be written. Returns 0 or -errno.
 */
int utab_add(const struct mounts_entry *mount, const char *options);

#endif

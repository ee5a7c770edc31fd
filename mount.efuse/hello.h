/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * hello.h - the first word with the efuse driver: is it there, and has it all
 * that is asked of it? Part of the set-user-ID program: libc only.
 */
#ifndef EFUSE_HELLO_H
#define EFUSE_HELLO_H

#include <linux/efuse.h>

#include "mount.efuse/msg.h"

#define HELLO_DEVICE	"/dev/efuse"

/*
 * Open HELLO_DEVICE, with the rights of the calling process, and agree on the
 * protocol. ANSWER, unless NULL, is what the driver said. Returns the descriptor,
 * not mounted yet and the caller's, or with the words in WHY: -ENOENT (there is no
 * such driver), -EPROTONOSUPPORT (of another time), -EOPNOTSUPP (lacks what we need,
 * ANSWER tells), or another -errno.
 */
int hello_open(struct efuse_hello *answer, struct msg *why);

#endif

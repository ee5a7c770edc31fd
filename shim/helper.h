/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * helper.h - our fusermount3 in place of the one a FUSE library asks for.
 */
#ifndef EFUSE_SHIM_HELPER_H
#define EFUSE_SHIM_HELPER_H

/*
 * The program to execute when FILE is asked for: NULL for FILE itself, which is
 * everything but fusermount3, or when ours is not there or cannot mount. Safe in a
 * child of a process with threads; keeps errno.
 */
const char *helper_for(const char *file);

#endif

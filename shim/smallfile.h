/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * smallfile.h - reading the small files of /proc and /sys.
 */
#ifndef EFUSE_SHIM_SMALLFILE_H
#define EFUSE_SHIM_SMALLFILE_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Reads up to ROOM - 1 bytes of PATH into BUF and ends them with a zero. False
 * when the file cannot be read or is empty. No cancellation point.
 */
bool smallfile_read(const char *path, char *buf, size_t room);

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fds.h - descriptors of /dev/fuse. See fds.c; the calls themselves are
 * declared by interpose.h.
 */
#ifndef EFUSE_SHIM_FDS_H
#define EFUSE_SHIM_FDS_H

/*
 * Looks for connections that the process was started with, as programs given
 * the mount point /dev/fd/N are. For the constructor.
 */
void fds_inherited(void);

#endif

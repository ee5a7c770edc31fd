/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fds.h - descriptors of /dev/fuse. See fds.c; the calls themselves are
 * declared by interpose.h.
 */
#ifndef EFUSE_SHIM_FDS_H
#define EFUSE_SHIM_FDS_H

/*
 * Looks for connections that the process was started with: programs are then
 * given the mount point /dev/fd/N (mount.fuse3(8), fuse_session_mount()). For
 * the constructor, with main()'s arguments.
 */
void fds_inherited(int argc, char **argv);

#endif

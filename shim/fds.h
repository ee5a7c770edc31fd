/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fds.h - descriptors of /dev/fuse. See fds.c; the calls themselves are
 * declared by interpose.h.
 */
#ifndef EFUSE_SHIM_FDS_H
#define EFUSE_SHIM_FDS_H

#include <stdbool.h>

/*
 * The table of descriptors is the calling process's: for the constructor and
 * for the child of fork(2).
 */
void fds_own(void);

/*
 * Whether the calling process is another than the table's. The child of
 * vfork(2) uses our memory and has descriptors of its own: what it closes and
 * replaces there, as CPython's subprocess does before exec, must change nothing
 * here.
 */
bool fds_foreign(void);

/*
 * Looks for connections that the process was started with: programs are then
 * given the mount point /dev/fd/N (mount.fuse3(8), fuse_session_mount()). For
 * the constructor, with main()'s arguments.
 */
void fds_inherited(int argc, char **argv);

#endif

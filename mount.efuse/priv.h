/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * priv.h - what the set-user-ID program may do, and when.
 *
 * After priv_drop() the process is the calling user in every respect: real,
 * effective, saved and file system ids are the caller's and no capability is
 * effective. All it keeps is CAP_SYS_ADMIN in its permitted set, which
 * priv_do() makes effective around one step at a time. Files are therefore
 * always opened with the caller's own rights.
 *
 * For root nothing is dropped: root's own rights are all there is to protect.
 */
#ifndef EFUSE_PRIV_H
#define EFUSE_PRIV_H

#include <stdbool.h>
#include <sys/types.h>

/*
 * Become the caller, for good. Checked by asking the kernel afterwards; on any
 * doubt -EPERM or the error of the step that failed, and the program must end.
 */
int priv_drop(void);

/*
 * Run STEP(ARG) with CAP_SYS_ADMIN effective and return what it returned.
 * Without the capability (not installed set-user-ID, and not root of a user
 * namespace) the step runs without it: the kernel then refuses what it must.
 * Ends the process when the capability cannot be put away again.
 */
int priv_do(int (*step)(void *arg), void *arg);

/* Is it root who calls: may mount anywhere, unmount anything? */
bool priv_is_root(void);

#endif

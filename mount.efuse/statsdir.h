/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * statsdir.h - every status file of this machine that the caller may read.
 */
#ifndef EFUSE_STATSDIR_H
#define EFUSE_STATSDIR_H

#include "mount.efuse/statsfile.h"

/* What a search found besides the files themselves. */
struct statsdir_found {
	struct statsfile *list;
	unsigned int foreign;	/* live files of another layout version */
	unsigned int removed;	/* left behind by dead processes, now gone */
};

/* Answers whether PATH must not be touched (it is on a FUSE mount). */
typedef bool statsdir_avoid(const char *path, void *arg);

/*
 * Search every folder where status files may be, and remove the files of
 * dead processes where that is permitted. AVOID may be NULL.
 */
int statsdir_search(statsdir_avoid *avoid, void *arg, struct statsdir_found *found);

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * handover.h - what the daemon's environment tells the shim (shim/config.h),
 * and the folder where the shim leaves its status files.
 */
#ifndef EFUSE_HANDOVER_H
#define EFUSE_HANDOVER_H

#include <limits.h>
#include <stdbool.h>

#include "mount.efuse/msg.h"

struct handover {
	bool preload;			/* put the shim into LD_PRELOAD */
	char shim[PATH_MAX];		/* its path */
	char status[PATH_MAX];		/* status folder, "" when there is none */
	char helpers[PATH_MAX];		/* where to look for fusermount3 first, "" for as usual */
	char token[33];			/* names the status files of this start */
	const char *channel;		/* NULL: leave the variable as it is */
	const char *driver;		/* NULL: leave the variable as it is */
	const char *policy;		/* NULL: leave the variable as it is */
	const char *direct;		/* NULL: leave the variable as it is */
	const char *log;		/* NULL: leave the variable as it is */
	const char *cache;		/* these two go together: with both NULL */
	const char *cache_timeout;	/* the variables are left, else one may be empty */
	int poll;			/* microseconds; -1: leave the variable as it is */
	int cache_entries;		/* -1: leave the variable as it is */
	int cache_mem;			/* the same */
};

/* The shim's path: $EFUSE_SHIM, or the installed one. Never NULL. */
const char *handover_shim_path(void);

/*
 * The caller's status folder into DIR: /run/efuse for root, otherwise
 * $XDG_RUNTIME_DIR/efuse or /tmp/efuse-UID. It need not exist. Returns 0 or
 * -ENAMETOOLONG.
 */
int handover_status_path(char dir[PATH_MAX]);

/*
 * Make the folder handover_status_path() names, or check that the one that is
 * there is a real folder owned by the caller that nobody else can write.
 * Returns 0 or -errno with the words in WHY.
 */
int handover_status_make(char dir[PATH_MAX], struct msg *why);

/*
 * Fill H: shim path, a fresh token, and nothing chosen otherwise (preload off,
 * status and helpers "", all else NULL, poll -1). Returns 0 or -errno.
 */
int handover_init(struct handover *h);

/*
 * A copy of ENVIRON_IN with the variables of H set; every other variable stays
 * as it is and in its place, its string still belonging to ENVIRON_IN. With
 * H->preload off only what fusermount3 reads is set: driver, policy and cache, and
 * PATH where H->helpers is given.
 * The result is one allocation (free() it), or NULL when there is no memory.
 */
char **handover_environ(const struct handover *h, char *const *environ_in);

#endif

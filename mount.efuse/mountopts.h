/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mountopts.h - fusermount3's -o: which options exist, who may use them, and
 * where each goes: flags of the mount, parameters of the kernel's file system,
 * names, or nowhere.
 *
 * They are kept apart from here on and reach the kernel one by one, so that no
 * value can be read as another option later. An option that is not in the
 * table is an error.
 */
#ifndef EFUSE_MOUNTOPTS_H
#define EFUSE_MOUNTOPTS_H

#include <stdbool.h>
#include <stddef.h>

#include "mount.efuse/driver.h"
#include "mount.efuse/msg.h"

/* A parameter for the kernel: "max_read" with a value, "allow_other" without (NULL). */
struct mountopts_param {
	const char *key;
	const char *value;
};

struct mountopts {
	unsigned long flags;		/* MS_*, as mount(2) takes them */
	bool blkdev;			/* type fuseblk */
	bool auto_unmount;
	const char *fsname;		/* without backslashes; NULL: not given */
	const char *subtype;
	struct driver_wish efuse;	/* options of ours: efuse.driver= and so on */
	struct mountopts_param *param;	/* in the order given */
	size_t params;
	char *text;			/* what all of the above point into */
};

/* Who asks: decides what is refused or ignored. */
struct mountopts_caller {
	bool root;
	bool allow_other;		/* user_allow_other is set */
};

/*
 * Take TEXT ("rw,fsname=x,...") apart. NOTE(words) is told of what is ignored.
 * Returns 0, -EINVAL (unknown), -EPERM (not for this caller) with words in WHY,
 * or -ENOMEM. mountopts_free() is safe in any case.
 */
int mountopts_parse(struct mountopts *opts, const char *text, const struct mountopts_caller *caller,
		    void (*note)(const char *words), struct msg *why);
void mountopts_free(struct mountopts *opts);

/* The source that the mount table will show: fsname, or subtype, or DEVICE. */
const char *mountopts_source(const struct mountopts *opts, const char *device);

#endif

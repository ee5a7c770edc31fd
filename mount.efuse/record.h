/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * record.h - what a mount was made from, kept in the status folder: the program,
 * the source, the options as given, the token of its status files. The mount table shows only what the
 * daemon chose to call itself. A remount needs it to tell which options would
 * change, and a second `mount -a` to see that its work is done.
 *
 * A record is named "mount-ID" after the mount's id; ids are used again, so it
 * also holds the device number, and one that does not match counts as none.
 * The folder is one that handover_status_make() has approved; "" is none at all.
 */
#ifndef EFUSE_RECORD_H
#define EFUSE_RECORD_H

#include "mount.efuse/mounts.h"

struct record {
	char *program, *source, *options;
	char *token;		/* what its status files are named after */
	/* all owned by the struct, and never NULL, after record_read() */
};

/* Write the record of MOUNT into the folder DIR, by a rename, so it is whole. 0 or -errno. */
int record_write(const char *dir, const struct mounts_entry *mount, const struct record *r);

/* Read the record of MOUNT. Returns 0, -ENOENT when there is none, or another -errno. */
int record_read(const char *dir, const struct mounts_entry *mount, struct record *r);
void record_free(struct record *r);

/* Remove the records in DIR whose mount is no more. */
void record_purge(const char *dir);

#endif

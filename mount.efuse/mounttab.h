/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mounttab.h - /proc/self/mountinfo for the set-user-ID program, with nothing
 * but libc (mounts.h is the reader of all others, through libmount).
 *
 * Mounts are told apart by their ids, never by their paths: those are for
 * finding the way to one, and are checked by id once there.
 */
#ifndef EFUSE_MOUNTTAB_H
#define EFUSE_MOUNTTAB_H

#include <stdbool.h>
#include <sys/types.h>

/* One reading of the table. */
struct mounttab {
	char *text;		/* the file, taken apart while it is walked */
	char *next;
};

/* One mount; the strings live as long as the struct mounttab. */
struct mounttab_entry {
	int id;
	int parent;
	dev_t dev;		/* of the super block: one FUSE connection, however often bound */
	char *target;		/* decoded; as the root of this process sees it */
	char *fstype;
	char *super;		/* options of the super block */
};

/* Read the table as it is now. 0 or -errno; mounttab_close() in any case is safe. */
int mounttab_open(struct mounttab *tab);
void mounttab_close(struct mounttab *tab);

/* The next mount in the order they were made, false at the end. Lines not understood are passed over. */
bool mounttab_next(struct mounttab *tab, struct mounttab_entry *entry);

/* The mount with id ID. */
bool mounttab_find(struct mounttab *tab, int id, struct mounttab_entry *entry);

/* A FUSE mount: "fuse", "fuseblk", with or without ".SUBTYPE". */
bool mounttab_is_fuse(const struct mounttab_entry *entry);

/* Is it a FUSE mount made for user UID (the kernel's user_id=)? */
bool mounttab_is_of(const struct mounttab_entry *entry, uid_t uid);

/*
 * One look at the table: how many mounts of type "fuse" and "fuse.SUBTYPE" there
 * are in all, which is what mount_max limits, and in *LISTED whether the mount
 * with id ID is one of those that it tells of. -errno on failure.
 */
int mounttab_count(int id, bool *listed);

/* For tests: walk TEXT (malloced, taken over) instead of the file. */
void mounttab_from(struct mounttab *tab, char *text);

#endif

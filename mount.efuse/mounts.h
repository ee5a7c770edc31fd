/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mounts.h - what is mounted where, as /proc/self/mountinfo says, read through
 * libmount; utab (libmount's notes about a mount) is merged in where it exists.
 */
#ifndef EFUSE_MOUNTS_H
#define EFUSE_MOUNTS_H

#include <stdbool.h>
#include <sys/types.h>

struct libmnt_table;
struct libmnt_iter;

/* One reading of the mount table. */
struct mounts {
	struct libmnt_table *table;
	struct libmnt_iter *iter;
};

/*
 * One mount. The strings are decoded (no \040), belong to the struct mounts
 * they came from and live as long as it does; none is NULL.
 */
struct mounts_entry {
	int id;			/* mount id of this mount */
	int parent;		/* mount id it is mounted upon */
	dev_t dev;		/* st_dev of its files; minor(dev) is the FUSE connection */
	const char *source;	/* "host:/dir", "/dev/sdb1", ... */
	const char *target;
	const char *fstype;	/* "fuse.sshfs", "fuseblk", "ext4", ... */
	const char *options;	/* of the mount, the super block and utab, comma separated */
	const char *attributes;	/* our own notes from utab, "" when there are none */
};

/* Read the table as it is now. Returns 0 or -errno; mounts_close() in any case is safe. */
int mounts_open(struct mounts *m);
void mounts_close(struct mounts *m);

/* The next mount, in the order they were made; false at the end, then from the start again. */
bool mounts_next(struct mounts *m, struct mounts_entry *entry);

/*
 * The topmost mount whose mount point is exactly PATH (an absolute path without
 * symbolic links, see mounts_resolve()). False when PATH is no mount point.
 */
bool mounts_at(struct mounts *m, const char *path, struct mounts_entry *entry);

/*
 * The topmost mount that PATH is on: PATH itself or the nearest mount point
 * above it. False only when the table is empty.
 */
bool mounts_holding(struct mounts *m, const char *path, struct mounts_entry *entry);

/*
 * An absolute path without symbolic links for PATH, malloced into *OUT, without
 * a system call on PATH itself: only the folder above is resolved, so that a
 * mount point whose file system hangs or is dead (ENOTCONN) can be named. A
 * last component that is a symbolic link is followed. Returns 0 or -errno.
 */
int mounts_resolve(const char *path, char **out);

/* A FUSE mount of any kind: "fuse", "fuseblk", "fuse.X", "fuseblk.X", or those with an e. */
bool mounts_is_fuse(const char *fstype);

/* One of those that the efuse driver serves: "efuse", "efuseblk", "efuse.X", "efuseblk.X". */
bool mounts_is_efuse(const char *fstype);

/* The file system behind a FUSE type: "sshfs" of "fuse.sshfs", "" when it does not say. */
const char *mounts_subtype(const char *fstype);

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fusemount.h - the FUSE mounts of this machine, each with its status file
 * where it has one.
 */
#ifndef EFUSE_FUSEMOUNT_H
#define EFUSE_FUSEMOUNT_H

#include <stdbool.h>
#include <sys/types.h>

#include "mount.efuse/statsfile.h"

struct fusemount {
	struct fusemount *next;
	char *source;
	char *target;		/* where it was mounted first */
	char *fstype;		/* "fuse.sshfs" */
	char **also;		/* further mount points of the same connection */
	unsigned int nalso;
	dev_t dev;
	uid_t user;		/* the mount's user_id= */
	struct statsfile *stats;	/* NULL: not under efuse */
	bool wanted;		/* the caller's own mark */
};

struct fusemount_table {
	struct fusemount *list;
	struct statsfile *elsewhere;	/* live files that match no mount seen here */
	unsigned int foreign;		/* see struct statsdir_found */
	unsigned int removed;
};

/* Read mount table and status files as they are now. 0 or -errno. */
int fusemount_read(struct fusemount_table *table);
void fusemount_free(struct fusemount_table *table);

/*
 * The FUSE mount at PATH, in *MOUNT (part of TABLE). -ENOENT when there is no
 * such path, -EINVAL when it is no mount point of a FUSE file system.
 */
int fusemount_find(struct fusemount_table *table, const char *path, struct fusemount **mount);

/* Give each file of LIST to the mount it belongs to; returns those left over. */
struct statsfile *fusemount_match(struct fusemount *mounts, struct statsfile *list);

#endif

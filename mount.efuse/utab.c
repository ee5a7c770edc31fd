// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * utab.c - libmount's own notes about a mount. See utab.h.
 */
#include "mount.efuse/utab.h"

#include <libmount/libmount.h>

#include "mount.efuse/util.h"

static struct libmnt_fs *describe(const struct mounts_entry *mount, const char *options)
{
	struct libmnt_fs *fs = mnt_new_fs();

	if (fs && mnt_fs_set_source(fs, mount->source) == 0 &&
	    mnt_fs_set_target(fs, mount->target) == 0 &&
	    mnt_fs_set_fstype(fs, mount->fstype) == 0 && mnt_fs_set_options(fs, options) == 0)
		return fs;
	mnt_unref_fs(fs);
	return NULL;
}

/* Under libmount's lock, as mount(8) writes it. */
static int write_entry(struct libmnt_update *update)
{
	struct libmnt_lock *lock = mnt_new_lock(mnt_update_get_filename(update), getpid());
	int err;

	if (!lock)
		return -ENOMEM;
	err = mnt_update_table(update, lock);
	mnt_free_lock(lock);
	return err;
}

int utab_add(const struct mounts_entry *mount, const char *options)
{
	struct libmnt_fs *fs = describe(mount, options);
	struct libmnt_update *update = mnt_new_update();
	int err = fs && update ? mnt_update_set_fs(update, 0, NULL, fs) : -ENOMEM;

	if (!err)
		err = write_entry(update);
	else if (err == 1 || err == -EACCES)
		err = 0; /* nothing to keep, or no place for it */
	mnt_free_update(update);
	mnt_unref_fs(fs);
	return err > 0 ? -EIO : err;
}

// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * remount.c - change what the kernel lets change. See remount.h.
 *
 * mount(8) repeats the options of fstab with every remount, so an option of
 * the program's is refused only when it is not the one it was started with.
 */
#include "mount.efuse/remount.h"

#include <libmount/libmount.h>
#include <limits.h>
#include <sys/mount.h>

#include "mount.efuse/mounts.h"
#include "mount.efuse/record.h"
#include "mount.efuse/util.h"

/* What a FUSE mount or its superblock takes; bind, move and the like it does not. */
#define FLAGS	(MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_SYNCHRONOUS | MS_DIRSYNC | \
		 MS_NOATIME | MS_NODIRATIME | MS_RELATIME | MS_STRICTATIME | MS_LAZYTIME)

/* What is in force, and what was asked for. */
struct check {
	const char *options[2];	/* as given at the mount, as the mount table shows them */
	const char *asked;
	struct msg *why;
};

static int same(const char *option, void *asked)
{
	return streq(option, asked);
}

static int check_option(const char *option, void *arg)
{
	const struct check *c = arg;

	if (opts_is_for_mount(option))
		return 0;
	for (size_t i = 0; i < ARRAY_SIZE(c->options); i++)
		if (opts_each(c->options[i], same, (void *)option) == 1)
			return 0;
	return msg_set(c->why, -EINVAL,
		       "option %s cannot be changed by a remount; unmount and mount again", option);
}

/* The options of O that are neither mount flags nor mount(8)'s. */
static int check_options(const struct opts *o, const struct mounts_entry *e,
			 const char *status, struct msg *why)
{
	struct check c = { .options = { "", e->options }, .why = why };
	__cleanup(freep) char *others = NULL;
	struct record r = { 0 };
	int err;

	err = mnt_split_optstr(o->given, NULL, NULL, &others, 0, 0);
	if (err)
		return msg_set_errno(why, err, "cannot read options");
	if (record_read(status, e, &r) == 0)
		c.options[0] = r.options;
	err = others ? opts_each(others, check_option, &c) : 0;
	record_free(&r);
	return err;
}

static int find(struct mounts *m, const char *target, struct mounts_entry *e, struct msg *why)
{
	int err = mounts_open(m);

	if (err)
		return msg_set_errno(why, err, "cannot read the mount table");
	if (!mounts_at(m, target, e))
		return msg_set(why, -EINVAL, "not mounted");
	if (!mounts_is_fuse(e->fstype))
		return msg_set(why, -EINVAL, "cannot remount: a %s is mounted here, no FUSE file system",
			       e->fstype);
	return 0;
}

static int apply(const char *target, const char *options, struct msg *why)
{
	unsigned long flags = 0;
	int err = mnt_optstr_get_flags(options, &flags, mnt_get_builtin_optmap(MNT_LINUX_MAP));

	if (err)
		return msg_set_errno(why, err, "cannot read options");
	if (mount("none", target, NULL, MS_REMOUNT | (flags & FLAGS), NULL) < 0)
		return msg_set_errno(why, -errno, "cannot remount");
	return 0;
}

int remount_apply(const char *target, const struct opts *o, const char *status,
		  struct msg *why)
{
	struct mounts_entry e;
	struct mounts m;
	int err = find(&m, target, &e, why);

	if (!err)
		err = check_options(o, &e, status, why);
	if (!err)
		err = apply(target, o->given, why);
	mounts_close(&m);
	return err;
}

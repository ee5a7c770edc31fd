// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * target.c - the mount point. See target.h.
 */
#include "mount.efuse/target.h"

#include <limits.h>

#include "mount.efuse/mounts.h"
#include "mount.efuse/probe.h"
#include "mount.efuse/record.h"
#include "mount.efuse/util.h"

static bool has_control(const char *s)
{
	for (; *s; s++)
		if ((unsigned char)*s < 0x20 || *s == 0x7f)
			return true;
	return false;
}

static int check(const char *target, int timeout, struct msg *why)
{
	struct probe_answer answer;
	int err = probe_wait(target, timeout * 1000, &answer);

	if (!err)
		err = answer.err;
	switch (err) {
	case 0:
		return 0;
	case -ENOENT:
		return msg_set(why, err, "the mount point does not exist");
	case -ENOTCONN:
		return msg_set(why, err, "a file system whose program has ended is still mounted here; unmount it first");
	case -ETIMEDOUT:
		return msg_set(why, err, "what is mounted here does not answer; unmount it first (umount -l)");
	default:
		return msg_set_errno(why, err, "cannot look at the mount point");
	}
}

int target_find(const char *path, int timeout, char **target, struct msg *why)
{
	int err;

	*target = NULL;
	if (has_control(path))
		return msg_set(why, -EINVAL, "a mount point with control characters in its name is not accepted");
	err = mounts_resolve(path, target);
	if (err == -ENOENT)
		return msg_set(why, err, "the mount point does not exist");
	if (err)
		return msg_set_errno(why, err, "cannot look at the mount point");
	if (has_control(*target))
		return msg_set(why, -EINVAL, "a mount point with control characters in its name is not accepted");
	return check(*target, timeout, why);
}

static bool same_file(const char *a, const char *b)
{
	__cleanup(freep) char *real_a = realpath(a, NULL);
	__cleanup(freep) char *real_b = realpath(b, NULL);

	return real_a && real_b && streq(real_a, real_b);
}

/* What the mount table says; a daemon without a subtype is told by its source alone. */
static bool looks_served(const struct mounts_entry *e, const char *program, const char *source)
{
	const char *subtype = mounts_subtype(e->fstype);

	if (subtype[0] && !streq(subtype, path_name(program)))
		return false;
	return streq(e->source, source) || same_file(e->source, source);
}

static bool is_served(const struct mounts_entry *e, const char *program, const char *source,
		      const char *status)
{
	struct record r;
	bool same;

	if (!mounts_is_fuse(e->fstype))
		return false;
	if (record_read(status, e, &r) < 0)
		return looks_served(e, program, source);
	same = streq(r.program, program) && streq(r.source, source);
	record_free(&r);
	return same;
}

bool target_is_served(const char *target, const char *program, const char *source,
		      const char *status)
{
	struct mounts_entry e;
	struct mounts m;
	bool served;

	served = mounts_open(&m) == 0 && mounts_at(&m, target, &e) &&
		 is_served(&e, program, source, status);
	mounts_close(&m);
	return served;
}

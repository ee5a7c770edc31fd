// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * attach.c - mounting by descriptor. See attach.h.
 *
 * A step gets descriptors and words that were checked before, walks no path
 * that anybody else could change, opens nothing but what it makes, and is run
 * by priv_do().
 */
#include "mount.efuse/attach.h"

#include <fcntl.h>
#include <linux/mount.h>
#include <stdarg.h>
#include <sys/syscall.h>

#include "mount.efuse/priv.h"
#include "mount.efuse/util.h"

/*
 * <linux/mount.h> has the new API and <sys/mount.h> of glibc 2.36 the same names
 * again; the system calls are made by number, so that an older libc does.
 */
#ifndef MS_RDONLY
#error "<linux/mount.h> without MS_RDONLY"
#endif
#ifndef MNT_DETACH
#define MNT_DETACH 2
#endif
#ifndef UMOUNT_NOFOLLOW
#define UMOUNT_NOFOLLOW 8
#endif

/* fsconfig() takes values of at most 255 bytes, mount() one page for all. */
#define FSCONFIG_VALUE_MAX 255
#define MOUNT_DATA_SIZE 4096

struct job {
	const struct attach *plan;
	int fs;			/* the file system context of fsopen() */
	int mount;		/* the mount, not yet attached anywhere */
	char *type, *data;	/* for mount(2) */
};

static const char *type_name(const struct attach *plan)
{
	if (plan->opts->blkdev)
		return plan->efuse ? "efuseblk" : "fuseblk";
	return plan->efuse ? "efuse" : "fuse";
}

/* --- the new API ----------------------------------------------------------- */

static int set(const struct job *job, unsigned int cmd, const char *key, const char *value)
{
	return syscall(SYS_fsconfig, job->fs, cmd, key, value, 0) < 0 ? -errno : 0;
}

__printf(3, 4) static int set_number(const struct job *job, const char *key, const char *fmt, ...)
{
	char value[32];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(value, sizeof(value), fmt, ap);
	va_end(ap);
	return set(job, FSCONFIG_SET_STRING, key, value);
}

/* Flags that belong to the super block; the others are the mount's. */
static int set_super_flags(const struct job *job)
{
	unsigned long flags = job->plan->opts->flags;
	int err = 0;

	if (flags & MS_RDONLY)
		err = set(job, FSCONFIG_SET_FLAG, "ro", NULL);
	if (!err && (flags & MS_SYNCHRONOUS))
		err = set(job, FSCONFIG_SET_FLAG, "sync", NULL);
	if (!err && (flags & MS_DIRSYNC))
		err = set(job, FSCONFIG_SET_FLAG, "dirsync", NULL);
	return err;
}

/* What the kernel must know, all of it ours: no option of the caller has these names. */
static int set_identity(const struct job *job)
{
	const struct attach *plan = job->plan;
	int err = set(job, FSCONFIG_SET_STRING, "source", plan->source);

	if (!err)
		err = set_number(job, "fd", "%d", plan->device);
	if (!err)
		err = set_number(job, "rootmode", "%o", plan->point->mode & S_IFMT);
	if (!err)
		err = set_number(job, "user_id", "%u", plan->uid);
	if (!err)
		err = set_number(job, "group_id", "%u", plan->gid);
	if (!err && plan->opts->subtype)
		err = set(job, FSCONFIG_SET_STRING, "subtype", plan->opts->subtype);
	return err;
}

static int set_params(const struct job *job)
{
	const struct mountopts *opts = job->plan->opts;
	int err = 0;

	for (size_t i = 0; i < opts->params && !err; i++)
		err = set(job, opts->param[i].value ? FSCONFIG_SET_STRING : FSCONFIG_SET_FLAG,
			  opts->param[i].key, opts->param[i].value);
	return err;
}

static unsigned int mount_attributes(unsigned long flags)
{
	return (flags & MS_RDONLY ? MOUNT_ATTR_RDONLY : 0) |
	       (flags & MS_NOSUID ? MOUNT_ATTR_NOSUID : 0) |
	       (flags & MS_NODEV ? MOUNT_ATTR_NODEV : 0) |
	       (flags & MS_NOEXEC ? MOUNT_ATTR_NOEXEC : 0) |
	       (flags & MS_NOATIME ? MOUNT_ATTR_NOATIME : 0);
}

/*
 * Privileged step 1: make a file system and a mount of it that is nowhere yet.
 *
 * Safe, because what is made cannot be reached by any path and is gone when its
 * descriptor is. Its type is fuse or efuse (fuseblk and efuseblk only for root,
 * mountopts_parse() sees to that); its device is one the caller was allowed to open
 * himself, and the kernel refuses one of another type; its owner is the caller.
 * Values come from the caller, but each arrives as the value of one key of our
 * table: there is nothing to break out of. Users always get nosuid and nodev: no
 * option of theirs takes these bits away.
 */
static int create_step(void *arg)
{
	struct job *job = arg;
	const struct mountopts *opts = job->plan->opts;
	int err;

	job->fs = (int)syscall(SYS_fsopen, type_name(job->plan), FSOPEN_CLOEXEC);
	if (job->fs < 0)
		return -errno;
	err = set_identity(job);
	if (!err)
		err = set_super_flags(job);
	if (!err)
		err = set_params(job);
	if (!err)
		err = set(job, FSCONFIG_CMD_CREATE, NULL, NULL);
	if (err)
		return err;
	job->mount = (int)syscall(SYS_fsmount, job->fs, FSMOUNT_CLOEXEC,
				  mount_attributes(opts->flags));
	return job->mount < 0 ? -errno : 0;
}

/*
 * Privileged step 2: put that mount on the mount point.
 *
 * Safe, because both ends are descriptors: the mount of step 1, and the very file
 * or folder that point_check() allowed. Renaming, replacing or linking anything
 * on the way to it changes nothing. The kernel refuses when it has been removed,
 * or belongs to another mount namespace. It does not refuse a mount that is
 * nowhere yet (since Linux 6.15), which a user can make in a user namespace of
 * his, and take there with what has been put on it; so this step is for points
 * on a mount of our table only. A mount that is there cannot become such a one.
 */
static int move_step(void *arg)
{
	struct job *job = arg;

	if (syscall(SYS_move_mount, job->mount, "", job->plan->point->fd, "",
		    MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) < 0)
		return -errno;
	return 0;
}

/* --- mount(2): before Linux 5.2, for long values, for points not in the table - */

/* Does every value fit into fsconfig()? */
static bool fits(const struct attach *plan)
{
	const struct mountopts *opts = plan->opts;

	if (strlen(plan->source) > FSCONFIG_VALUE_MAX ||
	    (opts->subtype && strlen(opts->subtype) > FSCONFIG_VALUE_MAX))
		return false;
	for (size_t i = 0; i < opts->params; i++)
		if (opts->param[i].value && strlen(opts->param[i].value) > FSCONFIG_VALUE_MAX)
			return false;
	return true;
}

/* The data string; values of params cannot contain a comma, mountopts_parse() cut there. */
static int make_data(struct job *job)
{
	const struct attach *plan = job->plan;
	size_t len = 0;
	FILE *f = open_memstream(&job->data, &len);

	if (!f)
		return -ENOMEM;
	fprintf(f, "fd=%d,rootmode=%o,user_id=%u,group_id=%u", plan->device,
		plan->point->mode & S_IFMT, plan->uid, plan->gid);
	for (size_t i = 0; i < plan->opts->params; i++) {
		const struct mountopts_param *p = &plan->opts->param[i];

		fprintf(f, ",%s%s%s", p->key, p->value ? "=" : "", p->value ? p->value : "");
	}
	if (fclose(f) != 0)
		return -ENOMEM;
	return len < MOUNT_DATA_SIZE ? 0 : -E2BIG;	/* the kernel would cut it */
}

static int make_type(struct job *job)
{
	const struct mountopts *opts = job->plan->opts;

	if (asprintf(&job->type, "%s%s%s", type_name(job->plan),
		     opts->subtype ? "." : "", opts->subtype ? opts->subtype : "") < 0) {
		job->type = NULL;
		return -ENOMEM;
	}
	return 0;
}

/*
 * Privileged step 3: both in one call.
 *
 * Safe for the same reasons. The path is /proc/self/fd/N, which the kernel
 * takes to what the descriptor holds without walking anything; /proc is the
 * kernel's (checked by the caller). The data are ours but for parameters of the
 * table, whose values hold no comma and end before the page does. The flags
 * are bits of the table; MS_BIND, MS_REMOUNT and their like are not in it. On a
 * mount that is not in our mount namespace the kernel refuses, on every release.
 */
static int legacy_step(void *arg)
{
	struct job *job = arg;
	const struct attach *plan = job->plan;

	if (syscall(SYS_mount, plan->source, point_path(plan->point->fd).text, job->type,
		    plan->opts->flags, job->data) < 0)
		return -errno;
	return 0;
}

/* Linux shows links in /proc/self/fd as what they hold: is this really our folder? */
static int check_proc(const struct point *point)
{
	struct stat here, there;

	if (fstat(point->fd, &here) < 0 || stat(point_path(point->fd).text, &there) < 0)
		return -errno;
	return here.st_dev == there.st_dev && here.st_ino == there.st_ino ? 0 : -ENODEV;
}

static int mount_legacy(struct job *job)
{
	int err = make_type(job);

	if (!err)
		err = make_data(job);
	if (!err)
		err = check_proc(job->plan->point);
	return err ? err : priv_do(legacy_step, job);
}

/* --- all of it ------------------------------------------------------------- */

static int mount_new(struct job *job)
{
	int err = priv_do(create_step, job);

	return err ? err : priv_do(move_step, job);
}

int attach_mount(const struct attach *plan, int *mounted)
{
	struct job job = { .plan = plan, .fs = -1, .mount = -1 };
	int err = plan->listed && fits(plan) ? mount_new(&job) : -ENOSYS;

	/* EPERM: a sandbox may know mount(2) and not the newer calls. */
	if (err && job.fs < 0 && (err == -ENOSYS || err == -EPERM))
		err = mount_legacy(&job);
	*mounted = err ? -1 : take_fd(&job.mount);
	closep(&job.fs);
	closep(&job.mount);
	free(job.type);
	free(job.data);
	return err;
}

/* --- taking away ----------------------------------------------------------- */

/*
 * Privileged step 4: take away a mount that a descriptor holds.
 *
 * Safe, because it is found without a path, wherever it is now and whatever lies
 * at its old one; the callers pass one they have just made, or one whose id the
 * mount table says is the caller's FUSE mount. What the kernel takes is the
 * uppermost mount on its root, though, which was this mount itself when it was
 * opened. Only somebody who mounts on that root since then could get in between.
 */
static int detach_step(void *arg)
{
	const int *mounted = arg;

	return syscall(SYS_umount2, point_path(*mounted).text, MNT_DETACH) < 0 ? -errno : 0;
}

int attach_detach(int mounted)
{
	return priv_do(detach_step, &mounted);
}

/*
 * Privileged step 5: take away the mount on a name of the current folder.
 *
 * A mount that must not be in use cannot be held, so it is named. Safe, because
 * the folder is held (it is the current one), the name is one component and no
 * link is followed; and while a mount is on it, the kernel lets nobody rename or
 * remove that name. Between the check and here the user can at most take his
 * mount away himself, remove the name, and wait for somebody else to make it
 * again and mount there, which takes a folder to which both may write. Taking
 * away what is in use (-z) has no such gap.
 */
static int unmount_step(void *arg)
{
	const char *name = arg;

	return syscall(SYS_umount2, name, UMOUNT_NOFOLLOW) < 0 ? -errno : 0;
}

int attach_unmount(int folder, const char *name)
{
	char *plain = strdup(name);
	int err = -ENOMEM;

	if (plain && !strchr(plain, '/'))
		err = fchdir(folder) < 0 ? -errno : priv_do(unmount_step, plain);
	free(plain);
	return err;
}

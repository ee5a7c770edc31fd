// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * ioctl.c - the extended protocol of <linux/efuse.h>: what user space says is
 * copied in once, checked, and only then looked at.
 */
#include "../fuse_i.h"
#include "choose.h"
#include "direct.h"
#include "policy.h"
#include "ring.h"

#include <linux/capability.h>
#include <linux/kdev_t.h>
#include <linux/uaccess.h>

static int size_check(u32 size, size_t want)
{
	if (size > want)
		return -E2BIG;
	return size < want ? -EINVAL : 0;
}

static int hello_check(const struct efuse_hello *hello)
{
	if (!hello->version || hello->padding ||
	    memchr_inv(hello->reserved, 0, sizeof(hello->reserved)))
		return -EINVAL;
	return 0;
}

/* Fill in the answer. The error, if any, goes to the caller beside it. */
static int hello_answer(struct efuse_hello *hello)
{
	u64 known = efuse_features();
	int err = 0;

	if (hello->version < EFUSE_VERSION_MIN)
		err = -EPROTONOSUPPORT;
	else if (hello->required & ~known)
		err = -EOPNOTSUPP;

	hello->version = min_t(u32, hello->version, EFUSE_VERSION_MAX);
	hello->min_version = EFUSE_VERSION_MIN;
	hello->features = (hello->features | hello->required) & known;
	hello->known = known;
	return err;
}

static long ioctl_hello(struct efuse_hello __user *argp)
{
	struct efuse_hello hello;
	int err;

	if (copy_from_user(&hello, argp, sizeof(hello)))
		return -EFAULT;
	err = size_check(hello.size, sizeof(hello)) ?: hello_check(&hello);
	if (err)
		return err;
	err = hello_answer(&hello);
	if (copy_to_user(argp, &hello, sizeof(hello)))
		return -EFAULT;
	return err;
}

static int policy_check(const struct efuse_policy *policy)
{
	if (policy->flags || !memchr(policy->name, 0, sizeof(policy->name)) ||
	    memchr_inv(policy->reserved, 0, sizeof(policy->reserved)))
		return -EINVAL;
	return 0;
}

static long ioctl_policy(struct file *file, const struct efuse_policy __user *argp)
{
	/* Set once, by the mount, and valid as long as the file is. */
	struct fuse_dev *fud = READ_ONCE(file->private_data);
	struct efuse_policy policy;
	int err;

	if (copy_from_user(&policy, argp, sizeof(policy)))
		return -EFAULT;
	err = size_check(policy.size, sizeof(policy)) ?: policy_check(&policy);
	if (err)
		return err;
	if (!(efuse_features() & EFUSE_F_POLICY))
		return -EOPNOTSUPP;
	if (!fud)
		return -EPERM;
	return efuse_ops_attach(fud->fc, policy.name, policy.param);
}

static int state_check(const struct efuse_state *state)
{
	if (state->flags || memchr_inv(state->reserved, 0, sizeof(state->reserved)))
		return -EINVAL;
	if (state->major != MAJOR(MKDEV(state->major, 0)) || state->minor != MINOR(state->minor))
		return -ENODEV;
	return 0;
}

/* The connection of that number, referenced: as long as it is listed, its mount has one. */
static struct fuse_conn *get_conn(dev_t dev)
{
	struct fuse_conn *fc, *found = NULL;

	mutex_lock(&fuse_mutex);
	list_for_each_entry(fc, &fuse_conn_list, entry) {
		if (fc->dev == dev) {
			found = fuse_conn_get(fc);
			break;
		}
	}
	mutex_unlock(&fuse_mutex);
	return found;
}

static void state_fill(struct fuse_conn *fc, struct efuse_state *state)
{
	efuse_ops_chosen(fc, state->name, state->param);
	memset(state->path, 0, sizeof(state->path));
	efuse_paths_read(fc, state->path);
}

static int state_answer(struct efuse_state *state)
{
	struct fuse_conn *fc = get_conn(MKDEV(state->major, state->minor));
	int err = 0;

	if (!fc)
		return -ENODEV;
	if (fuse_allow_current_process(fc) || capable(CAP_SYS_ADMIN))
		state_fill(fc, state);
	else
		err = -EACCES;
	fuse_conn_put(fc);
	return err;
}

static long ioctl_state(struct efuse_state __user *argp)
{
	struct efuse_state state;
	int err;

	if (copy_from_user(&state, argp, sizeof(state)))
		return -EFAULT;
	err = size_check(state.size, sizeof(state)) ?: state_check(&state) ?: state_answer(&state);
	if (err)
		return err;
	return copy_to_user(argp, &state, sizeof(state)) ? -EFAULT : 0;
}

static int ring_check(const struct efuse_ring_setup *setup)
{
	if (setup->flags || memchr_inv(setup->reserved, 0, sizeof(setup->reserved)))
		return -EINVAL;
	return 0;
}

static long ioctl_ring_setup(struct file *file, struct efuse_ring_setup __user *argp)
{
	struct fuse_dev *fud = READ_ONCE(file->private_data);
	struct efuse_ring_setup setup;
	int err;

	if (copy_from_user(&setup, argp, sizeof(setup)))
		return -EFAULT;
	err = size_check(setup.size, sizeof(setup)) ?: ring_check(&setup);
	if (err)
		return err;
	if (!fud)
		return -EPERM;
	err = efuse_ring_setup(fud->fc, &setup);
	if (!err && copy_to_user(argp, &setup, sizeof(setup)))
		return -EFAULT;
	return err;
}

static long ioctl_ring_enter(struct file *file, unsigned long arg)
{
	struct fuse_dev *fud = READ_ONCE(file->private_data);

	return fud ? efuse_ring_enter(fud->fc, arg) : -EPERM;
}

static int direct_check(const struct efuse_direct *direct)
{
	bool names = direct->what == EFUSE_DIRECT_FILE;
	u32 flags = names || direct->what == EFUSE_DIRECT_ON ? EFUSE_DIRECT_WRITES : 0;

	if (direct->flags & ~flags || direct->what > EFUSE_DIRECT_OFF ||
	    (!names && (direct->fd || direct->unique)) || direct->state || direct->files ||
	    direct->reads || direct->bytes || direct->writes ||
	    (direct->node && !(names && direct->flags)))
		return -EINVAL;
	return 0;
}

static long ioctl_direct(struct file *file, struct efuse_direct __user *argp)
{
	struct fuse_dev *fud = READ_ONCE(file->private_data);
	struct efuse_direct direct;
	int err;

	if (copy_from_user(&direct, argp, sizeof(direct)))
		return -EFAULT;
	err = size_check(direct.size, sizeof(direct)) ?: direct_check(&direct);
	if (err)
		return err;
	if (!fud)
		return -EPERM;
	err = efuse_direct_do(fud, &direct);
	if (!err && copy_to_user(argp, &direct, sizeof(direct)))
		return -EFAULT;
	return err;
}

long efuse_dev_ioctl(struct file *file, unsigned int cmd, void __user *argp)
{
	switch (cmd) {
	case EFUSE_IOC_HELLO:
		return ioctl_hello(argp);
	case EFUSE_IOC_POLICY:
		return ioctl_policy(file, argp);
	case EFUSE_IOC_STATE:
		return ioctl_state(argp);
	case EFUSE_IOC_RING_SETUP:
		return ioctl_ring_setup(file, argp);
	case EFUSE_IOC_RING_ENTER:
		return ioctl_ring_enter(file, (unsigned long)argp);
	case EFUSE_IOC_DIRECT:
		return ioctl_direct(file, argp);
	default:
		return -ENOTTY;
	}
}

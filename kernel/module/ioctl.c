// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * ioctl.c - the extended protocol of <linux/efuse.h>: what user space says is
 * copied in once, checked, and only then looked at.
 */
#include "../fuse_i.h"
#include "efuse_i.h"

#include <linux/efuse.h>
#include <linux/uaccess.h>

static int hello_check(const struct efuse_hello *hello)
{
	if (hello->size > sizeof(*hello))
		return -E2BIG;
	if (hello->size < sizeof(*hello) || !hello->version)
		return -EINVAL;
	if (hello->padding || memchr_inv(hello->reserved, 0, sizeof(hello->reserved)))
		return -EINVAL;
	return 0;
}

/* Fill in the answer. The error, if any, goes to the caller beside it. */
static int hello_answer(struct efuse_hello *hello)
{
	u64 missing = hello->required & ~EFUSE_FEATURES_ALL;
	int err = 0;

	if (hello->version < EFUSE_VERSION_MIN)
		err = -EPROTONOSUPPORT;
	else if (missing)
		err = -EOPNOTSUPP;

	hello->version = min_t(u32, hello->version, EFUSE_VERSION_MAX);
	hello->min_version = EFUSE_VERSION_MIN;
	hello->features = (hello->features | hello->required) & EFUSE_FEATURES_ALL;
	hello->known = EFUSE_FEATURES_ALL;
	return err;
}

static long ioctl_hello(struct efuse_hello __user *argp)
{
	struct efuse_hello hello;
	int err;

	if (copy_from_user(&hello, argp, sizeof(hello)))
		return -EFAULT;
	err = hello_check(&hello);
	if (err)
		return err;
	err = hello_answer(&hello);
	if (copy_to_user(argp, &hello, sizeof(hello)))
		return -EFAULT;
	return err;
}

long efuse_dev_ioctl(struct file *file, unsigned int cmd, void __user *argp)
{
	switch (cmd) {
	case EFUSE_IOC_HELLO:
		return ioctl_hello(argp);
	default:
		return -ENOTTY;
	}
}

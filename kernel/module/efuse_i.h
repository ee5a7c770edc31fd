/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * efuse_i.h - what the hooks in fs/fuse call, and what the files of this folder
 * share. Without CONFIG_FUSE_EFUSE the hooks compile to nothing.
 */
#ifndef _FS_FUSE_EFUSE_I_H
#define _FS_FUSE_EFUSE_I_H

#include <linux/errno.h>
#include <linux/fs.h>

#ifdef CONFIG_FUSE_EFUSE

/*
 * Start the extension, when the device is there already. Returns 0 or -errno,
 * in which case there is nothing to undo.
 */
int efuse_init(void);

/* Undo efuse_init(). No connection exists any more. */
void efuse_exit(void);

/*
 * Every ioctl of the device that FUSE itself does not know. The file may be
 * mounted or not, the caller anyone. Returns 0 or -errno: ENOTTY for one that
 * is not known here either.
 */
long efuse_dev_ioctl(struct file *file, unsigned int cmd, void __user *argp);

#else /* !CONFIG_FUSE_EFUSE */

static inline int efuse_init(void)
{
	return 0;
}

static inline void efuse_exit(void)
{
}

static inline long efuse_dev_ioctl(struct file *file, unsigned int cmd,
				   void __user *argp)
{
	return -ENOTTY;
}

#endif /* CONFIG_FUSE_EFUSE */
#endif /* _FS_FUSE_EFUSE_I_H */

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * compat.h - included before every file of the module when it is built outside
 * the kernel tree: the only place that may name a kernel version, and what the
 * renamed copy of fs/fuse is built without.
 */
#ifndef _EFUSE_COMPAT_H
#define _EFUSE_COMPAT_H

#include <linux/version.h>

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 12, 0)
#error "efuse: kernels older than 6.12 are not supported"
#endif
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 13, 0)
#error "efuse: kernels newer than 6.12 are not supported"
#endif

/* DAX is virtiofs's, which stays with the stock driver. */
#undef CONFIG_FUSE_DAX

#define CONFIG_FUSE_EFUSE 1

#endif /* _EFUSE_COMPAT_H */

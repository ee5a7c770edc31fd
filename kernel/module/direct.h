/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * direct.h - files of the server's that READs are answered from: what direct.c gives to
 * data.c and ioctl.c.
 */
#ifndef _FS_FUSE_EFUSE_DIRECT_H
#define _FS_FUSE_EFUSE_DIRECT_H

#include <linux/efuse.h>
#include <linux/types.h>

struct fuse_dev;
struct fuse_io_args;

/*
 * EFUSE_IOC_DIRECT of a mounted device, with all fields but what, fd and unique checked.
 * Fills in the answer. Returns 0 or -errno as <linux/efuse.h> says. May sleep.
 */
int efuse_direct_do(struct fuse_dev *fud, struct efuse_direct *direct);

/*
 * Read from the file that the server named. Returns true if that answers the READ, with
 * its bytes in *ret and the size of the reply; false if the server is to be asked, in
 * which case nothing but the caller's memory, which a reply is to fill, is changed. May
 * sleep.
 */
bool efuse_direct_read(struct fuse_io_args *ia, ssize_t *ret);

#endif /* _FS_FUSE_EFUSE_DIRECT_H */

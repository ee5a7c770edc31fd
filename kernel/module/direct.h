/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * direct.h - files of the server's that READs are answered from and WRITEs go to: what
 * direct.c and directwrite.c give to each other, to data.c and ioctl.c.
 */
#ifndef _FS_FUSE_EFUSE_DIRECT_H
#define _FS_FUSE_EFUSE_DIRECT_H

#include <linux/efuse.h>
#include <linux/types.h>

struct efuse_backing;
struct fuse_dev;
struct fuse_io_args;

/*
 * EFUSE_IOC_DIRECT of a mounted device, with all fields but fd and unique checked.
 * Fills in the answer. Returns 0 or -errno as <linux/efuse.h> says. May sleep.
 */
int efuse_direct_do(struct fuse_dev *fud, struct efuse_direct *direct);

/*
 * The file that the server named for what the READ or WRITE is of, if it may go there now,
 * with a reference that is the caller's; otherwise NULL. May sleep: the server may be asked
 * for the node's attributes.
 */
struct efuse_backing *efuse_direct_get(struct fuse_io_args *ia);

/* Does not sleep. */
void efuse_direct_put(struct efuse_backing *b);

/*
 * The server has answered the READ or WRITE, and whoever named the file may have compared
 * that. Does not sleep.
 */
void efuse_direct_compared(struct fuse_io_args *ia);

/* How much of the range is in the page cache, about, of CHOOSER_CACHED. Does not sleep. */
u32 efuse_direct_share(const struct efuse_backing *b, loff_t pos, u32 size);

/*
 * Read from it. Returns true if that answers the READ, with its bytes in *ret and the
 * size of the reply; false if the server is to be asked, in which case nothing but the
 * caller's memory, which a reply is to fill, is changed. May sleep.
 */
bool efuse_direct_read(struct efuse_backing *b, struct fuse_io_args *ia, ssize_t *ret);

/* Whether the WRITE is one that may go to the file by what both are. Does not sleep. */
bool efuse_direct_may_write(const struct efuse_backing *b, const struct fuse_io_args *ia);

/*
 * Write to it, under the node's lock. Returns true if that is what the WRITE does, with its
 * bytes in *ret, the reply made and the node's attributes noted; false if the server is to
 * be asked, which writes all of it, whatever of it is there already. May sleep.
 */
bool efuse_direct_write(struct efuse_backing *b, struct fuse_io_args *ia, ssize_t *ret);

#endif /* _FS_FUSE_EFUSE_DIRECT_H */

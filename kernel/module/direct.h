/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * direct.h - files of the server's that READs are answered from and WRITEs go to: what
 * direct.c, directread.c and directwrite.c give to each other, to data.c, folio.c and ioctl.c.
 */
#ifndef _FS_FUSE_EFUSE_DIRECT_H
#define _FS_FUSE_EFUSE_DIRECT_H

#include <linux/efuse.h>
#include <linux/types.h>

struct efuse_backing;
struct file;
struct fuse_conn;
struct fuse_dev;
struct fuse_file;
struct fuse_io_args;
struct inode;

/*
 * EFUSE_IOC_DIRECT of a mounted device, with all fields but fd and unique checked.
 * Fills in the answer. Returns 0 or -errno as <linux/efuse.h> says. May sleep.
 */
int efuse_direct_do(struct fuse_dev *fud, struct efuse_direct *direct);

/*
 * The file that the server named for the open file, which the READ or WRITE is of, if it may
 * go there now, with a reference that is the caller's; otherwise NULL. May sleep, unless it
 * fills the page cache (without ia->io): the server may be asked for the node's attributes.
 */
struct efuse_backing *efuse_direct_get(struct file *file, struct fuse_io_args *ia);

/* Whether the server's files answer: not any more after a difference. Does not sleep. */
bool efuse_direct_is_on(const struct fuse_conn *fc);

/* Does not sleep. */
void efuse_direct_put(struct efuse_backing *b);

/*
 * The server has answered a READ, or a WRITE, of the open file, and whoever named what
 * backs it may have compared that. Does not sleep.
 */
void efuse_direct_compared(struct fuse_file *ff, bool write);

/*
 * About one in so many READs of the inode from its file is the server's: after those that went
 * there, or after so many, if these are more. Does not sleep.
 */
u32 efuse_direct_every(struct inode *inode, u32 reads);

/* How much of the range is in the page cache, about, of CHOOSER_CACHED. Does not sleep. */
u32 efuse_direct_share(const struct efuse_backing *b, loff_t pos, u32 size);

/* Whether it can be read without a wait for a disk, or for who has locked it. */
bool efuse_direct_hurries(const struct efuse_backing *b);

/*
 * Read from it, what the inode is of; one that fills the page cache (without ia->io) only
 * where efuse_direct_hurries(), and then that way. Returns true if that answers the READ,
 * with its bytes in *ret and the size of the reply; false if the server is to be asked, in
 * which case nothing but the memory, which a reply is to fill, is changed. May sleep.
 */
bool efuse_direct_read(struct efuse_backing *b, struct fuse_io_args *ia, struct inode *inode,
		       ssize_t *ret);

/* Whether the WRITE is one that may go to the file by what both are. Does not sleep. */
bool efuse_direct_may_write(const struct efuse_backing *b, const struct fuse_io_args *ia);

/*
 * Write to it, under the node's lock. Returns true if that is what the WRITE does, with its
 * bytes in *ret, the reply made and the node's attributes noted; false if the server is to
 * be asked, which writes all of it, whatever of it is there already. May sleep.
 */
bool efuse_direct_write(struct efuse_backing *b, struct fuse_io_args *ia, ssize_t *ret);

#endif /* _FS_FUSE_EFUSE_DIRECT_H */

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * choose.h - READs that could go several ways: what choose.c gives to data.c and ioctl.c.
 * A choice is of one request and belongs to who sends it.
 */
#ifndef _FS_FUSE_EFUSE_CHOOSE_H
#define _FS_FUSE_EFUSE_CHOOSE_H

#include <linux/types.h>

#include "chooser.h"

/* How far a READ has come. */
enum efuse_choice_state {
	EFUSE_CHOICE_NONE,
	EFUSE_CHOICE_OFFERED,	/* to more than the server */
	EFUSE_CHOICE_MADE,	/* and there was more than one way */
};

struct efuse_backing;
struct efuse_path;
struct fuse_conn;
struct fuse_io_args;
struct inode;

/*
 * Choose a way for the READ of the inode, of those in ways (1 << enum chooser_way); b is what the
 * server's own file is, or NULL. Without memory no choice is made. May sleep.
 */
void efuse_choose(struct fuse_io_args *ia, struct inode *inode, u32 ways,
		  struct efuse_backing *b);

/*
 * The same, if it is likely to be the policy's whatever there is of the file, and the ways
 * are those of the request before; otherwise no choice is made and false returned. Does not
 * sleep.
 */
bool efuse_choose_policy(struct fuse_io_args *ia, struct inode *inode);

/*
 * A READ that was offered was answered by that way, with size bytes or -errno; well says
 * whether the policy had them. It is counted, the first time this is called, and learnt
 * from if it went the way that was chosen. Does not sleep.
 */
void efuse_chosen(struct fuse_io_args *ia, struct inode *inode, enum chooser_way way,
		  ssize_t size, bool well);

/* What went which way on the connection, into CHOOSER_WAYS places. */
void efuse_paths_read(struct fuse_conn *fc, struct efuse_path *path);

/* The last reference to the connection goes. */
void efuse_paths_free(struct fuse_conn *fc);

#endif /* _FS_FUSE_EFUSE_CHOOSE_H */

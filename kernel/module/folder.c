// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * folder.c - folders that are open here and not at the server: what is in them is
 * in the cache. Before anything is asked of the server with their handle, they are
 * opened there as well.
 */
#include "../fuse_i.h"
#include "policy.h"

#include <linux/cred.h>
#include <linux/slab.h>

static bool is_cached(struct fuse_inode *fi)
{
	/* May be out of date at once: then the folder is opened when it is read. */
	return data_race(fi->rdc.cached);
}

bool efuse_folder_reopen(struct inode *inode, struct file *file)
{
	struct fuse_mount *fm = get_fuse_mount(inode);
	struct fuse_file *ff;

	if (fm->fc->no_opendir || !is_cached(get_fuse_inode(inode)) ||
	    !efuse_answer_reopen(fm, get_node_id(inode)))
		return false;
	/* Without room for a RELEASEDIR none is sent. */
	ff = fuse_file_alloc(fm, false);
	if (!ff)
		return false;
	ff->nodeid = get_node_id(inode);
	ff->open_flags = FOPEN_KEEP_CACHE | FOPEN_CACHE_DIR;
	ff->efuse.here_only = true;
	file->private_data = ff;
	return true;
}

static int send_open(struct file *file, struct fuse_file *ff, struct fuse_open_out *out)
{
	FUSE_ARGS(args);
	struct fuse_open_in in = {
		.flags = file->f_flags & ~(O_CREAT | O_EXCL | O_NOCTTY | O_TRUNC),
	};
	const struct cred *old;
	int err;

	args.opcode = FUSE_OPENDIR;
	args.nodeid = ff->nodeid;
	args.in_numargs = 1;
	args.in_args[0].size = sizeof(in);
	args.in_args[0].value = &in;
	args.out_numargs = 1;
	args.out_args[0].size = sizeof(*out);
	args.out_args[0].value = out;

	old = override_creds(file->f_cred);
	err = fuse_simple_request(ff->fm, &args);
	revert_creds(old);
	return err;
}

/* With the inode's mutex. *args is taken if there will be a RELEASEDIR. */
static int open_locked(struct file *file, struct fuse_file *ff, union fuse_file_args **args)
{
	struct fuse_open_out out = { 0 };
	int err;

	if (!ff->efuse.here_only)
		return 0;
	err = send_open(file, ff, &out);
	if (err && err != -ENOSYS)
		return err;
	if (err) {
		ff->fm->fc->no_opendir = 1;
	} else {
		ff->fh = out.fh;
		ff->args = *args;
		*args = NULL;
	}
	/* Pairs with smp_load_acquire() in efuse_folder_open(): the handle is there. */
	smp_store_release(&ff->efuse.here_only, false);
	return 0;
}

int efuse_folder_open(struct file *file)
{
	struct fuse_file *ff = file->private_data;
	struct fuse_inode *fi = get_fuse_inode(file_inode(file));
	union fuse_file_args *args;
	int err;

	/* Pairs with smp_store_release() in open_locked(). */
	if (likely(!smp_load_acquire(&ff->efuse.here_only)))
		return 0;
	args = kzalloc(sizeof(*args), GFP_KERNEL_ACCOUNT);
	if (!args)
		return -ENOMEM;
	err = mutex_lock_killable(&fi->mutex);
	if (!err) {
		err = open_locked(file, ff, &args);
		mutex_unlock(&fi->mutex);
	}
	kfree(args);
	return err;
}

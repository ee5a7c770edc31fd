/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * backing.h - one file of the server's that something open is read from and written to:
 * what direct.c, directread.c and directwrite.c share.
 */
#ifndef _FS_FUSE_EFUSE_BACKING_H
#define _FS_FUSE_EFUSE_BACKING_H

#include <linux/bvec.h>
#include <linux/list.h>
#include <linux/refcount.h>
#include <linux/types.h>
#include <linux/uio.h>

#define FEW_PAGES	4	/* of a request, that need no memory */

struct efuse_file;
struct efuse_inode;
struct fuse_args_pages;

/* The files of a connection. */
struct efuse_directs {
	spinlock_t lock;	/* of all below, and of what open files are read from */
	struct list_head files;
	u32 count;
	u32 state;		/* EFUSE_DIRECT_ASK, _ON, _OFF; read without the lock, */
	bool writes;		/* as this: the server hands WRITEs through */
	u64 reads;	/* of files that are not held any more */
	u64 bytes;
	u64 written;
};

/* READs, or WRITEs, of what is open. */
struct efuse_turns {
	bool compared;		/* the server has answered one */
	atomic64_t done;
	atomic64_t bytes;
};

struct efuse_backing {
	refcount_t count;
	struct rcu_head rcu;
	struct file *file;
	const struct cred *cred;
	/* What the file was like when it was named. */
	loff_t size;
	struct timespec64 mtime;
	/* Of who named it: where WRITEs may end; 0 if none may go there. */
	u64 limit;

	struct list_head entry;		/* these under the lock */
	struct efuse_file *ef;
	u64 nodeid;

	struct efuse_turns reads;
	struct efuse_turns writes;
	bool noted;		/* the node's READs are counted as this file's; */
	atomic_t nwrites;	/* WRITEs are by what is open */
	atomic_t misses;	/* requests since it was last the same as the node */
};

/* The contents of a request. */
struct efuse_range {
	struct iov_iter iter;
	struct kvec kvec;
	struct bio_vec *vec;
	struct bio_vec few[FEW_PAGES];
};

/* What the open file is read from, with a reference, or NULL. */
struct efuse_backing *efuse_backing_get(struct efuse_file *ef);

/*
 * Where the size bytes of a request are, in memory or, if that is NULL, in pages; dir is
 * ITER_SOURCE or ITER_DEST. Returns 0, or -ENOMEM, and nothing is to be ended then.
 */
int efuse_range_begin(struct efuse_range *r, struct fuse_args_pages *ap, void *memory,
		      u32 size, unsigned int dir);
void efuse_range_end(struct efuse_range *r);

/*
 * Whether a request is the server's: the first of what is open is, and all that begin before
 * that one is answered, so that nothing is ever done that was never compared, and then about
 * one in 1 << bits; count counts them.
 */
bool efuse_is_servers_turn(const struct efuse_turns *turns, atomic_t *count, u32 bits);

/*
 * Whether a WRITE was on its way to that file of the server's, which is the node's, at some
 * moment of the call. What one that has ended has changed of the node is seen after it.
 */
bool efuse_is_written(const struct efuse_inode *ei, const struct inode *backing);

#endif /* _FS_FUSE_EFUSE_BACKING_H */

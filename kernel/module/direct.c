// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * direct.c - files of the server's: those that it has open and has named for what an OPEN
 * opened. READs that they answer are in directread.c, WRITEs to them in directwrite.c.
 *
 * The server could give its clients every byte of that file, with its own read(2), and
 * so nothing is given away here: the file is one that a holder of the device had open
 * for reading when it was named, and it is read with the credentials of that moment, for
 * those alone to whom the server granted the OPEN. Whether the server would have given
 * just these bytes is not known here: see <linux/efuse.h>.
 *
 * Nothing here may call this driver again: a file of any FUSE file system, or of one
 * that lies on another, is refused, so there is one step down and no more.
 *
 * A backing is named by its open file and listed, both under the lock; who reads has a
 * reference, taken under RCU. Naming needs an OPEN that the server has got, so it is done
 * under that queue's lock as well: an abort takes all requests out of all queues, under
 * their locks, before it empties the list, so nothing is listed after that.
 */
#include "../fuse_i.h"
#include "backing.h"
#include "direct.h"
#include "policy.h"

#include <linux/cred.h>
#include <linux/file.h>
#include <linux/magic.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>

/* --- which file ----------------------------------------------------------- */

/*
 * Whether it holds what was written to it, and here: what is made up when it is read may
 * be another for who reads it here than for the server, and who waits for another
 * machine could not be helped by an abort of the connection.
 */
static bool is_kept(const struct inode *inode)
{
	const struct super_block *sb = inode->i_sb;

	return !(sb->s_iflags & (SB_I_NOEXEC | SB_I_USERNS_VISIBLE)) && !sb->s_stack_depth &&
	       (sb->s_type->fs_flags & FS_REQUIRES_DEV || sb->s_magic == TMPFS_MAGIC);
}

static bool can_write(const struct file *file)
{
	return file->f_mode & FMODE_WRITE && file->f_mode & FMODE_CAN_WRITE &&
	       file->f_op->write_iter;
}

/* writes: WRITEs may go there, if it can be written. */
static int file_check(const struct file *file, bool writes)
{
	const struct inode *inode = file_inode(file);
	bool can_read = file->f_mode & FMODE_CAN_READ && file->f_op->read_iter;

	if (!(file->f_mode & (writes ? FMODE_READ | FMODE_WRITE : FMODE_READ)))
		return -EBADF;
	if (inode->i_sb->s_magic == FUSE_SUPER_MAGIC)
		return -ELOOP;
	if (!S_ISREG(inode->i_mode) || !is_kept(inode) ||
	    !(can_read || (writes && can_write(file))) || READ_ONCE(file->f_flags) & O_DIRECT)
		return -EINVAL;
	return inode->i_nlink > 1 ? -EMLINK : 0;
}

/* --- backings ------------------------------------------------------------- */

void efuse_direct_put(struct efuse_backing *b)
{
	if (!refcount_dec_and_test(&b->count))
		return;
	fput(b->file);
	put_cred(b->cred);
	kfree_rcu(b, rcu);
}

/* With the reference of the list. Returns an ERR_PTR() on error. */
static struct efuse_backing *backing_new(int fd, bool writes)
{
	/* Not those with O_PATH. */
	struct file *file = fget(fd);
	struct efuse_backing *b;
	int err;

	if (!file)
		return ERR_PTR(-EBADF);
	err = file_check(file, writes);
	b = err ? NULL : kzalloc(sizeof(*b), GFP_KERNEL_ACCOUNT);
	if (!b) {
		fput(file);
		return ERR_PTR(err ?: -ENOMEM);
	}
	refcount_set(&b->count, 1);
	b->file = file;
	b->cred = get_current_cred();
	b->size = i_size_read(file_inode(file));
	b->mtime = inode_get_mtime(file_inode(file));
	b->limit = writes && can_write(file) ? rlimit(RLIMIT_FSIZE) : 0;
	return b;
}

struct efuse_backing *efuse_backing_get(struct efuse_file *ef)
{
	struct efuse_backing *b;

	rcu_read_lock();
	b = rcu_dereference(ef->backing);
	if (b && !refcount_inc_not_zero(&b->count))
		b = NULL;
	rcu_read_unlock();
	return b;
}

/* --- the connection's ----------------------------------------------------- */

/* Those of the connection, made if there are none; NULL without memory. */
static struct efuse_directs *directs_of(struct fuse_conn *fc)
{
	struct efuse_directs *d = READ_ONCE(fc->efuse.directs), *old;

	if (d)
		return d;
	d = kzalloc(sizeof(*d), GFP_KERNEL_ACCOUNT);
	if (!d)
		return NULL;
	spin_lock_init(&d->lock);
	INIT_LIST_HEAD(&d->files);
	old = cmpxchg(&fc->efuse.directs, NULL, d);
	if (!old)
		return d;
	kfree(d);
	return old;
}

/* The list's reference is the caller's then. */
static void remove_locked(struct efuse_directs *d, struct efuse_backing *b)
{
	RCU_INIT_POINTER(b->ef->backing, NULL);
	list_del(&b->entry);
	d->count--;
	d->reads += atomic64_read(&b->reads.done);
	d->bytes += atomic64_read(&b->reads.bytes);
	d->written += atomic64_read(&b->writes.done);
}

/* fput() leaves what may sleep to others. */
static void remove_all_locked(struct efuse_directs *d)
{
	struct efuse_backing *b, *next;

	list_for_each_entry_safe(b, next, &d->files, entry) {
		remove_locked(d, b);
		efuse_direct_put(b);
	}
}

static int room_check_locked(struct efuse_directs *d, const struct efuse_backing *b, u64 nodeid)
{
	const struct efuse_backing *other;

	if (d->state == EFUSE_DIRECT_OFF)
		return -ECANCELED;
	list_for_each_entry(other, &d->files, entry)
		if (file_inode(other->file) == file_inode(b->file) && other->nodeid != nodeid)
			return -EEXIST;
	return d->count < EFUSE_DIRECT_MAX ? 0 : -EMFILE;
}

static int add(struct efuse_directs *d, struct efuse_backing *b, struct fuse_file *ff, u64 nodeid)
{
	int err;

	spin_lock(&d->lock);
	err = rcu_access_pointer(ff->efuse.backing) ? -EALREADY : room_check_locked(d, b, nodeid);
	if (!err) {
		b->ef = &ff->efuse;
		b->nodeid = nodeid;
		list_add(&b->entry, &d->files);
		d->count++;
		rcu_assign_pointer(ff->efuse.backing, b);
	}
	spin_unlock(&d->lock);
	return err;
}

struct named {
	struct efuse_directs *directs;
	struct efuse_backing *backing;
	u64 node;	/* of a CREATE; otherwise 0 */
};

/* Whoever waits for the request keeps what it opens. A connection without a sb has no nodes. */
static int name_for(struct fuse_req *req, void *arg)
{
	struct named *named = arg;
	struct fuse_args *args = req->args;

	if (args->opcode != (named->node ? FUSE_CREATE : FUSE_OPEN) || !req->fm->sb)
		return -EINVAL;
	return add(named->directs, named->backing, args->efuse.opened,
		   named->node ?: args->nodeid);
}

static int name_file(struct fuse_dev *fud, struct efuse_directs *d,
		     const struct efuse_direct *direct)
{
	u64 unique = direct->unique;
	struct fuse_pqueue *fpq = efuse_is_ring(unique) ? efuse_ring_pq(fud, unique) : &fud->pq;
	struct named named = { .directs = d, .node = direct->node };
	int err;

	if (READ_ONCE(d->state) == EFUSE_DIRECT_OFF)
		return -ECANCELED;
	named.backing = backing_new(direct->fd, direct->flags & EFUSE_DIRECT_WRITES);
	if (IS_ERR(named.backing))
		return PTR_ERR(named.backing);
	err = fuse_dev_with_request(fpq, unique, name_for, &named);
	if (err)
		efuse_direct_put(named.backing);
	return err;
}

static int decide(struct efuse_directs *d, u32 state, bool writes)
{
	int err = 0;

	spin_lock(&d->lock);
	if (state == EFUSE_DIRECT_OFF)
		remove_all_locked(d);
	else if (d->state == EFUSE_DIRECT_OFF)
		err = -ECANCELED;
	if (!err) {
		WRITE_ONCE(d->state, state);
		WRITE_ONCE(d->writes, writes);
	}
	spin_unlock(&d->lock);
	return err;
}

static void fill_in(struct efuse_directs *d, struct efuse_direct *direct)
{
	struct efuse_backing *b;

	spin_lock(&d->lock);
	direct->state = d->state;
	direct->files = d->count;
	direct->reads = d->reads;
	direct->bytes = d->bytes;
	direct->writes = d->written;
	list_for_each_entry(b, &d->files, entry) {
		direct->reads += atomic64_read(&b->reads.done);
		direct->bytes += atomic64_read(&b->reads.bytes);
		direct->writes += atomic64_read(&b->writes.done);
	}
	spin_unlock(&d->lock);
}

int efuse_direct_do(struct fuse_dev *fud, struct efuse_direct *direct)
{
	struct efuse_directs *d = directs_of(fud->fc);
	int err = 0;

	if (!d)
		return -ENOMEM;
	if (direct->what == EFUSE_DIRECT_FILE)
		err = name_file(fud, d, direct);
	else if (direct->what != EFUSE_DIRECT_ASK)
		err = decide(d, direct->what, direct->flags & EFUSE_DIRECT_WRITES);
	/* What was written to files is not what the server would say. */
	if (direct->what == EFUSE_DIRECT_OFF)
		efuse_ops_renew(fud->fc);
	if (!err)
		fill_in(d, direct);
	return err;
}

/* --- ends ----------------------------------------------------------------- */

void efuse_direct_end(struct fuse_conn *fc, struct efuse_file *ef)
{
	struct efuse_directs *d = fc->efuse.directs;
	struct efuse_backing *b;

	spin_lock(&d->lock);
	b = rcu_dereference_protected(ef->backing, lockdep_is_held(&d->lock));
	if (b)
		remove_locked(d, b);
	spin_unlock(&d->lock);
	if (b)
		efuse_direct_put(b);
}

void efuse_direct_abort(struct fuse_conn *fc)
{
	struct efuse_directs *d = READ_ONCE(fc->efuse.directs);

	if (!d)
		return;
	spin_lock(&d->lock);
	remove_all_locked(d);
	spin_unlock(&d->lock);
}

void efuse_direct_free(struct fuse_conn *fc)
{
	efuse_direct_abort(fc);
	kfree(fc->efuse.directs);
	fc->efuse.directs = NULL;
}

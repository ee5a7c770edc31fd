// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * direct.c - READs answered from the file that the server itself reads: one that it has
 * open and has named for what an OPEN opened. WRITEs to it are in directwrite.c.
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
#include "chooser.h"
#include "direct.h"
#include "policy.h"

#include <linux/cred.h>
#include <linux/file.h>
#include <linux/ioprio.h>
#include <linux/log2.h>
#include <linux/magic.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/xarray.h>

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

static void backing_put(struct efuse_backing *b)
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

/* What the file is read from, with a reference, or NULL. */
static struct efuse_backing *backing_get(struct efuse_file *ef)
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
		backing_put(b);
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
		backing_put(named.backing);
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

/* --- whether it is the same ------------------------------------------------ */

/*
 * Whether both are one file, as far as it can be seen. Who may set sizes and times of
 * modification at will cannot set the time of change.
 */
static bool looks_alike(const struct inode *backing, const struct inode *inode)
{
	struct timespec64 ctime = inode_get_ctime(backing), node = inode_get_ctime(inode);

	return timespec64_equal(&ctime, &node) && backing->i_mode == inode->i_mode &&
	       uid_eq(backing->i_uid, inode->i_uid) && gid_eq(backing->i_gid, inode->i_gid);
}

/*
 * Whether what the server is told is in its files once it has answered. What a node was told
 * through writeback is with us, and its times and size are too.
 */
static bool hands_through(const struct fuse_conn *fc)
{
	return READ_ONCE(fc->efuse.directs->writes) && !fc->writeback_cache;
}

/* Whether nothing happened since it was named, to the node or to the file. */
static bool is_untouched(const struct efuse_backing *b, struct inode *inode)
{
	const struct inode *backing = file_inode(b->file);
	struct timespec64 mtime = inode_get_mtime(backing);

	return !READ_ONCE(get_fuse_inode(inode)->efuse.written) &&
	       i_size_read(backing) == b->size && timespec64_equal(&mtime, &b->mtime);
}

/* Whether the server would read there what it has. */
static bool is_same(const struct efuse_backing *b, struct inode *inode)
{
	const struct inode *backing = file_inode(b->file);
	struct timespec64 mtime = inode_get_mtime(backing), node = inode_get_mtime(inode);

	return !READ_ONCE(get_fuse_inode(inode)->efuse.changes) &&
	       (hands_through(get_fuse_conn(inode)) || is_untouched(b, inode)) &&
	       i_size_read(backing) == i_size_read(inode) &&
	       timespec64_equal(&mtime, &node) && looks_alike(backing, inode) &&
	       backing->i_nlink <= 1 && !(READ_ONCE(b->file->f_flags) & O_DIRECT);
}

/*
 * The same, and if it is not, whether it is by what the server says now: it may have written
 * to the file itself, or somebody has behind it. It is asked at once, and less and less
 * often while that does not help; not at all if what it said before still holds, for who
 * does not wait, or for the page cache, whose folios are locked. Without EFUSE_DIRECT_WRITES nothing would be the same again.
 */
static bool is_same_now(struct efuse_backing *b, struct file *file, struct fuse_io_args *ia)
{
	struct inode *inode = file_inode(file);
	u32 misses;

	if (is_same(b, inode)) {
		if (unlikely(atomic_read(&b->misses)))
			atomic_set(&b->misses, 0);
		return true;
	}
	if (!ia->io || ia->io->async || !hands_through(get_fuse_conn(inode)) ||
	    READ_ONCE(get_fuse_inode(inode)->efuse.changes))
		return false;
	misses = atomic_inc_return(&b->misses);
	if (!is_power_of_2(misses) && misses % EFUSE_DIRECT_TURN)
		return false;
	return !fuse_update_attributes(inode, file, STATX_BASIC_STATS & ~STATX_ATIME) &&
	       is_same(b, inode);
}

/* --- reading -------------------------------------------------------------- */

/* From pos on to the iterator. Returns bytes, fewer than wanted at the end of the file. */
static ssize_t read_file(struct efuse_backing *b, int flags, loff_t pos, struct iov_iter *to)
{
	/* Flags of the file's are not looked at: they can change. */
	struct kiocb iocb = {
		.ki_filp = b->file,
		.ki_pos = pos,
		.ki_flags = flags,
		.ki_ioprio = get_current_ioprio(),
	};
	const struct cred *old = override_creds(b->cred);
	ssize_t ret, done = 0;

	do {
		ret = vfs_iocb_iter_read(b->file, &iocb, to);
		done += max_t(ssize_t, ret, 0);
	} while (ret > 0 && iov_iter_count(to));
	revert_creds(old);
	return ret < 0 ? ret : done;
}

int efuse_range_begin(struct efuse_range *r, struct fuse_args_pages *ap, void *memory,
		      u32 size, unsigned int dir)
{
	r->vec = r->few;
	if (memory) {
		r->kvec = (struct kvec){ .iov_base = memory, .iov_len = size };
		iov_iter_kvec(&r->iter, dir, &r->kvec, 1, size);
		return 0;
	}
	if (ap->num_pages > FEW_PAGES)
		r->vec = kmalloc_array(ap->num_pages, sizeof(*r->vec), GFP_KERNEL | __GFP_NOWARN);
	if (!r->vec)
		return -ENOMEM;
	for (unsigned int i = 0; i < ap->num_pages; i++)
		bvec_set_page(&r->vec[i], ap->pages[i], ap->descs[i].length, ap->descs[i].offset);
	iov_iter_bvec(&r->iter, dir, r->vec, ap->num_pages, size);
	return 0;
}

void efuse_range_end(struct efuse_range *r)
{
	if (r->vec != r->few)
		kfree(r->vec);
}

/* What of the range is in the file. */
static ssize_t inside(const struct inode *inode, loff_t pos, u32 size)
{
	return clamp_t(loff_t, i_size_read(inode) - pos, 0, size);
}

/*
 * What the file says, which was as it had been, if it is so still. Otherwise -errno. The
 * page cache is filled without a wait, and with all that there is.
 */
static ssize_t read_same(struct efuse_backing *b, struct fuse_io_args *ia, struct inode *inode)
{
	struct fuse_args *args = &ia->ap.args;
	bool cache = !ia->io;
	struct efuse_range range;
	ssize_t ret;

	if (args->invalidate_vmap)
		return -EAGAIN;
	ret = efuse_range_begin(&range, &ia->ap, args->out_pages ? NULL : args->out_args[0].value,
				ia->read.in.size, ITER_DEST);
	if (ret)
		return ret;
	ret = read_file(b, cache ? IOCB_NOWAIT : 0, ia->read.in.offset, &range.iter);
	if (args->page_zeroing)
		iov_iter_zero(iov_iter_count(&range.iter), &range.iter);
	efuse_range_end(&range);
	if (cache && ret != inside(inode, ia->read.in.offset, ia->read.in.size))
		return -EAGAIN;
	/* An end that was read is one of the file as it was. */
	return ret < 0 || is_same(b, inode) ? ret : -EAGAIN;
}

bool efuse_is_servers_turn(struct efuse_turns *turns)
{
	return (u32)atomic_fetch_inc(&turns->turn) % EFUSE_DIRECT_TURN == 0 ||
	       !READ_ONCE(turns->compared);
}

void efuse_direct_compared(struct fuse_file *ff, bool write)
{
	struct efuse_backing *b;
	struct efuse_turns *turns;

	rcu_read_lock();
	b = rcu_dereference(ff->efuse.backing);
	if (b) {
		turns = write ? &b->writes : &b->reads;
		if (!READ_ONCE(turns->compared))
			WRITE_ONCE(turns->compared, true);
	}
	rcu_read_unlock();
}

struct efuse_backing *efuse_direct_get(struct file *file, struct fuse_io_args *ia)
{
	struct fuse_file *ff = file->private_data;
	struct efuse_directs *d = READ_ONCE(ff->fm->fc->efuse.directs);
	bool writes = ia->ap.args.opcode == FUSE_WRITE;
	struct efuse_backing *b;

	if (!d || READ_ONCE(d->state) != EFUSE_DIRECT_ON || (writes && !hands_through(ff->fm->fc)))
		return NULL;
	b = backing_get(&ff->efuse);
	if (b && ((writes && !efuse_direct_may_write(b, ia)) || !is_same_now(b, file, ia))) {
		backing_put(b);
		return NULL;
	}
	return b;
}

void efuse_direct_put(struct efuse_backing *b)
{
	backing_put(b);
}

/* Of pages evenly over the range, or of the only one, unless all the file is there. */
u32 efuse_direct_share(const struct efuse_backing *b, loff_t pos, u32 size)
{
	struct address_space *mapping = b->file->f_mapping;
	u64 first = pos >> PAGE_SHIFT, more = ((pos + max(size, 1U) - 1) >> PAGE_SHIFT) - first;
	u32 step = more ? 1 : CHOOSER_CACHED, there = 0;

	if (READ_ONCE(mapping->nrpages) >= DIV_ROUND_UP(i_size_read(mapping->host), PAGE_SIZE))
		return CHOOSER_CACHED;

	for (u32 i = 0; i < CHOOSER_CACHED; i += step) {
		void *page = xa_load(&mapping->i_pages, first + more * i / CHOOSER_CACHED);

		there += page && !xa_is_value(page) ? step : 0;
	}
	return there;
}

/*
 * ext2 and others leave all to generic_file_read_iter(), which heeds IOCB_NOWAIT. f2fs says
 * that it does, but may wait for writes with O_DIRECT. tmpfs waits for what it has swapped
 * out, as in any page fault of its own.
 */
bool efuse_direct_hurries(const struct efuse_backing *b)
{
	unsigned long magic = file_inode(b->file)->i_sb->s_magic;

	return magic == TMPFS_MAGIC || b->file->f_op->read_iter == generic_file_read_iter ||
	       (b->file->f_mode & FMODE_NOWAIT && magic != F2FS_SUPER_MAGIC);
}

bool efuse_direct_read(struct efuse_backing *b, struct fuse_io_args *ia, struct inode *inode,
		       ssize_t *ret)
{
	ssize_t got = -EAGAIN;

	if (!efuse_is_servers_turn(&b->reads))
		got = read_same(b, ia, inode);
	if (got < 0)
		return false;
	atomic64_inc(&b->reads.done);
	atomic64_add(got, &b->reads.bytes);
	ia->ap.args.out_args[0].size = got;
	/* The server has it read, so its access time is another. */
	if (ia->io)
		ia->io->asked = true;
	*ret = got;
	return true;
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
		backing_put(b);
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

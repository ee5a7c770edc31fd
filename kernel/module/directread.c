// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * directread.c - READs answered from the file that the server named (direct.c), as long as
 * that is what the node is, as far as can be seen.
 *
 * Of who reads here nobody holds a lock of the file's; what is looked at of it, its size and
 * times, is looked at before and after, as who reads any file does who wants to know whether
 * it was changed meanwhile.
 */
#include "../fuse_i.h"
#include "backing.h"
#include "chooser.h"
#include "direct.h"

#include <linux/cred.h>
#include <linux/hash.h>
#include <linux/ioprio.h>
#include <linux/jhash.h>
#include <linux/log2.h>
#include <linux/magic.h>
#include <linux/slab.h>
#include <linux/xarray.h>

/* --- whether it is the same ------------------------------------------------ */

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

/* Whether its times and size are the node's. */
static bool is_as_known(const struct efuse_backing *b, struct inode *inode)
{
	const struct inode *backing = file_inode(b->file);
	struct timespec64 mtime = inode_get_mtime(backing), node = inode_get_mtime(inode);
	struct timespec64 ctime = inode_get_ctime(backing), changed = inode_get_ctime(inode);

	return i_size_read(backing) == i_size_read(inode) &&
	       timespec64_equal(&mtime, &node) && timespec64_equal(&ctime, &changed) &&
	       (hands_through(get_fuse_conn(inode)) || is_untouched(b, inode));
}

/* Whether WRITEs of ours are on their way there, and it is no more than what they make of it. */
static bool is_written(const struct efuse_backing *b, struct inode *inode)
{
	const struct inode *backing = file_inode(b->file);
	struct timespec64 mtime = inode_get_mtime(backing), node = inode_get_mtime(inode);
	struct timespec64 ctime = inode_get_ctime(backing), changed = inode_get_ctime(inode);

	return efuse_is_written(&get_fuse_inode(inode)->efuse, backing) &&
	       hands_through(get_fuse_conn(inode)) && i_size_read(backing) >= i_size_read(inode) &&
	       timespec64_compare(&mtime, &node) >= 0 && timespec64_compare(&ctime, &changed) >= 0;
}

/*
 * As known, or not because of that: when the last WRITE has ended it is again. Who finds that
 * none is under way any more looks once more.
 */
static bool is_as_left(const struct efuse_backing *b, struct inode *inode)
{
	return is_as_known(b, inode) || is_written(b, inode) || is_as_known(b, inode);
}

/*
 * Whether the server would read there what it has. Who may set sizes and times of modification
 * at will cannot set the time of change.
 */
static bool is_same(const struct efuse_backing *b, struct inode *inode)
{
	const struct inode *backing = file_inode(b->file);

	return !READ_ONCE(get_fuse_inode(inode)->efuse.changes) && is_as_left(b, inode) &&
	       backing->i_mode == inode->i_mode && uid_eq(backing->i_uid, inode->i_uid) &&
	       gid_eq(backing->i_gid, inode->i_gid) && backing->i_nlink <= 1 &&
	       !(READ_ONCE(b->file->f_flags) & O_DIRECT);
}

/*
 * The same, and if it is not, whether it is by what the server says now: it may have written
 * to the file itself, or somebody has behind it. It is asked at once, and less and less often
 * while that does not help; not at all if what it said before still holds, for who does not
 * wait, or for the page cache, whose folios are locked. Nothing holds that a WRITE may be
 * changing which the server has. Without EFUSE_DIRECT_WRITES nothing would be the same again.
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
	if (atomic_read(&get_fuse_inode(inode)->efuse.served))
		fuse_invalidate_attr_mask(inode, FUSE_STATX_MODSIZE);
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

/*
 * Evenly, but in step with nobody: where requests come in turn from several that are open,
 * or as many from each, all would otherwise be of the same one, or of the same place.
 */
bool efuse_is_servers_turn(const struct efuse_turns *turns, atomic_t *count, u32 bits)
{
	return !hash_32(atomic_fetch_inc(count), bits) || !READ_ONCE(turns->compared);
}

/* Sixteen at least between one power of two and the next. */
static u32 turn_bits(u32 reads)
{
	return clamp(fls(reads) - 5, ilog2(EFUSE_DIRECT_TURN), ilog2(EFUSE_DIRECT_RARE));
}

u32 efuse_direct_every(struct inode *inode, u32 reads)
{
	u32 from_file = atomic_read(&get_fuse_inode(inode)->efuse.reads);

	return 1U << turn_bits(max(from_file, reads));
}

/*
 * They are counted for all that opens the node, as long as that is the same file. Who finds
 * another begins anew; what others count meanwhile, of the one or the other, is no matter.
 * The address tells files apart that have the same number, as copies of a subvolume do.
 */
static void note_file(struct efuse_inode *ei, const struct inode *backing)
{
	u32 file = jhash_3words(hash_ptr(backing, 32), hash_64(backing->i_ino, 32),
				backing->i_generation, backing->i_sb->s_dev);

	if (READ_ONCE(ei->file) == file)
		return;
	WRITE_ONCE(ei->file, file);
	atomic_set(&ei->reads, 0);
}

static bool is_servers_turn(struct efuse_backing *b, struct inode *inode)
{
	struct efuse_inode *ei = &get_fuse_inode(inode)->efuse;

	if (unlikely(!READ_ONCE(b->noted))) {
		note_file(ei, file_inode(b->file));
		WRITE_ONCE(b->noted, true);
	}
	return efuse_is_servers_turn(&b->reads, &ei->reads, turn_bits(atomic_read(&ei->reads)));
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

bool efuse_direct_is_on(const struct fuse_conn *fc)
{
	const struct efuse_directs *d = READ_ONCE(fc->efuse.directs);

	return d && READ_ONCE(d->state) == EFUSE_DIRECT_ON;
}

struct efuse_backing *efuse_direct_get(struct file *file, struct fuse_io_args *ia)
{
	struct fuse_file *ff = file->private_data;
	bool writes = ia->ap.args.opcode == FUSE_WRITE;
	struct efuse_backing *b;

	if (!efuse_direct_is_on(ff->fm->fc) || (writes && !hands_through(ff->fm->fc)))
		return NULL;
	b = efuse_backing_get(&ff->efuse);
	if (b && ((writes && !efuse_direct_may_write(b, ia)) || !is_same_now(b, file, ia))) {
		efuse_direct_put(b);
		return NULL;
	}
	return b;
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
	struct timespec64 atime = inode_get_atime(file_inode(b->file)), now;
	ssize_t got = -EAGAIN;

	if (!is_servers_turn(b, inode))
		got = read_same(b, ia, inode);
	if (got < 0)
		return false;
	atomic64_inc(&b->reads.done);
	atomic64_add(got, &b->reads.bytes);
	ia->ap.args.out_args[0].size = got;
	/*
	 * As far as the node's access time goes the server was asked, unless it has stayed, as
	 * it mostly does. Whoever changes it sees that here, whatever others do meanwhile.
	 */
	now = inode_get_atime(file_inode(b->file));
	if (ia->io && !timespec64_equal(&atime, &now))
		ia->io->asked = true;
	*ret = got;
	return true;
}

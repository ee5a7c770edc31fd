// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * directwrite.c - WRITEs that go to the file which the server would write itself: one
 * that it has open for writing and has named for what an OPEN opened, when whoever named
 * it has said that the server hands WRITEs through (EFUSE_DIRECT_WRITES).
 *
 * The server could write every byte there itself, with its own write(2): it is done with
 * the credentials of the moment when the file was named, and never beyond what its
 * RLIMIT_FSIZE was then. What the server would do in another way than a plain write(2)
 * of these bytes at this place it is left to do: see <linux/efuse.h>.
 *
 * The caller holds the node's lock, as for a WRITE to the server: alone, unless the server
 * has allowed otherwise for what is within the file. Under it come the locks of the file,
 * which is of no FUSE file system and of none that lies on another, so that nobody who
 * holds one of them waits for a node's: the order is the one of FUSE passthrough and of
 * any other file system that lies on another. Nobody waits here for a file system to be
 * thawed: that would be without an end, and an abort of the connection could not help.
 * What else a write(2) waits for, the lock of the file and room for what is not written
 * back, it waits for here as it does there: killing the server ends what that does to
 * its own file.
 *
 * What was written makes the node's attributes stale, as a WRITE that the server has
 * answered does: who wants to know them asks the server. For telling whether a file is
 * still as we left it the node has its times until then, and its size.
 */
#include "../fuse_i.h"
#include "backing.h"
#include "direct.h"

#include <linux/cred.h>
#include <linux/file.h>
#include <linux/fsnotify.h>
#include <linux/ioprio.h>
#include <linux/slab.h>

/* Flags of either open file with which a write is no plain one. O_SYNC has O_DSYNC. */
#define NOT_PLAIN	(O_APPEND | O_DSYNC)

bool efuse_direct_may_write(const struct efuse_backing *b, const struct fuse_io_args *ia)
{
	const struct fuse_io_priv *io = ia->io;
	const struct inode *inode = file_inode(io->iocb->ki_filp);
	const struct inode *backing = file_inode(b->file);
	u32 flags = READ_ONCE(b->file->f_flags) | ia->write.in.flags;

	/* Where it would end is no more than the largest of an loff_t, which FUSE sees to. */
	return ia->write.in.offset + ia->write.in.size <= b->limit && !(flags & NOT_PLAIN) &&
	       !IS_SYNC(inode) && !IS_SYNC(backing) && !is_sxid(backing->i_mode) &&
	       (!io->async || io->blocking);
}

/* At pos what the iterator has. Returns bytes, fewer if the rest failed, or -errno. */
static ssize_t write_file(struct efuse_backing *b, loff_t pos, struct iov_iter *from)
{
	/* Flags of the file's are not looked at: they can change. */
	struct kiocb iocb = {
		.ki_filp = b->file,
		.ki_pos = pos,
		.ki_ioprio = get_current_ioprio(),
	};
	ssize_t ret, done = 0;

	do {
		ret = rw_verify_area(WRITE, b->file, &iocb.ki_pos, iov_iter_count(from)) ?:
		      b->file->f_op->write_iter(&iocb, from);
		done += max_t(ssize_t, ret, 0);
	} while (ret > 0 && iov_iter_count(from));
	if (done)
		fsnotify_modify(b->file);
	return done ?: ret;
}

static ssize_t write_thawed(struct efuse_backing *b, loff_t pos, struct iov_iter *from)
{
	const struct cred *old;
	ssize_t ret;

	if (!file_start_write_trylock(b->file))
		return -EAGAIN;
	old = override_creds(b->cred);
	ret = write_file(b, pos, from);
	revert_creds(old);
	file_end_write(b->file);
	return ret;
}

static ssize_t write_range(struct efuse_backing *b, struct fuse_io_args *ia)
{
	struct fuse_args_pages *ap = &ia->ap;
	void *memory = ap->args.in_pages ? NULL : (void *)ap->args.in_args[1].value;
	struct efuse_range range;
	ssize_t ret = efuse_range_begin(&range, ap, memory, ia->write.in.size, ITER_SOURCE);

	if (ret)
		return ret;
	ret = write_thawed(b, ia->write.in.offset, &range.iter);
	efuse_range_end(&range);
	return ret;
}

/*
 * The node is as large as the file, and as old, so that the file is recognised; what the
 * server said before then, or says of before then, is not heeded. The file is looked at under
 * the lock: of several who write, the last to look has seen what all before have done.
 *
 * Where pages are cached the times are left as they were: another may have written to the
 * file just before us, and it is by its times that FUSE will find out, as after a WRITE that
 * the server has answered, and drop them.
 */
static void follow(struct efuse_backing *b, struct inode *inode, loff_t end)
{
	const struct inode *backing = file_inode(b->file);
	struct fuse_inode *fi = get_fuse_inode(inode);
	struct timespec64 mtime, ctime;

	fuse_write_update_attr(inode, end, 1);
	spin_lock(&fi->lock);
	mtime = inode_get_mtime(backing);
	ctime = inode_get_ctime(backing);
	/* A page that is not seen then is read after these were. */
	smp_mb();
	if (!READ_ONCE(inode->i_mapping->nrpages)) {
		inode_set_mtime_to_ts(inode, mtime);
		inode_set_ctime_to_ts(inode, ctime);
	}
	spin_unlock(&fi->lock);
}

/* Whether it is counted: not where WRITEs go to another file of the same node. */
static bool write_begin(struct fuse_inode *fi, const struct inode *backing)
{
	struct efuse_inode *ei = &fi->efuse;
	bool counts;

	spin_lock(&fi->lock);
	counts = !ei->writers || ei->written_to == backing;
	if (counts) {
		WRITE_ONCE(ei->written_to, backing);
		/* Pairs with efuse_is_written(). */
		smp_store_release(&ei->writers, ei->writers + 1);
	}
	spin_unlock(&fi->lock);
	return counts;
}

/* What was written is noted before. */
static void write_end(struct fuse_inode *fi)
{
	spin_lock(&fi->lock);
	/* Pairs with efuse_is_written(). */
	smp_store_release(&fi->efuse.writers, fi->efuse.writers - 1);
	spin_unlock(&fi->lock);
}

bool efuse_is_written(const struct efuse_inode *ei, const struct inode *backing)
{
	/* Pairs with write_begin() and write_end(). */
	return smp_load_acquire(&ei->writers) && READ_ONCE(ei->written_to) == backing;
}

static ssize_t write_noted(struct efuse_backing *b, struct fuse_io_args *ia)
{
	struct inode *inode = file_inode(ia->io->iocb->ki_filp);
	struct fuse_inode *fi = get_fuse_inode(inode);
	bool counts = write_begin(fi, file_inode(b->file));
	ssize_t got = write_range(b, ia);

	if (got > 0)
		follow(b, inode, ia->write.in.offset + got);
	if (counts)
		write_end(fi);
	return got;
}

bool efuse_direct_write(struct efuse_backing *b, struct fuse_io_args *ia, ssize_t *ret)
{
	ssize_t got;

	if (efuse_is_servers_turn(&b->writes, &b->nwrites, ilog2(EFUSE_DIRECT_TURN)))
		return false;
	got = write_noted(b, ia);
	if (got <= 0)
		return false;
	atomic64_inc(&b->writes.done);
	ia->write.out.size = got;
	*ret = got;
	return true;
}

// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * folio.c - READs that fill the page cache, for who reads, has a file mapped or reads
 * ahead: answered from the file that the server named for what is open (direct.c), under
 * the same conditions as those that go round the page cache (data.c).
 *
 * The folios are locked, by whoever happened to need them: in a page fault, perhaps, with
 * the memory map locked, perhaps of a write(2) to that very file of the server's, which
 * takes its contents from a mapping of ours and has that file's lock. A server that waits
 * there is another process, and its connection can be aborted; who waits here would wait
 * for himself. So nothing is waited for: what is not in that file's page cache, or is
 * locked there, is the server's to read. It reads ahead there, for the file that both have
 * open, and so do we where we come to a mark for that; so where much is read in order the
 * next is likely there.
 *
 * What is read is in two page caches then, as it is when the server reads it.
 *
 * Memory that is needed meanwhile must not be looked for in what waits for these folios.
 */
#include "../fuse_i.h"
#include "choose.h"
#include "direct.h"

#include <linux/highmem.h>
#include <linux/sched/mm.h>

/* The file that it may be read from at once, with a reference, or NULL. */
static struct efuse_backing *file_of(struct fuse_io_args *ia, struct file *file)
{
	struct efuse_backing *b = efuse_direct_get(file, ia);

	if (!b || (efuse_direct_hurries(b) &&
		   efuse_direct_share(b, ia->read.in.offset, ia->read.in.size) == CHOOSER_CACHED))
		return b;
	efuse_direct_put(b);
	return NULL;
}

/*
 * The policy is asked or shown what it is of every request, and once. It may refuse what
 * somebody waits for.
 */
static bool is_refused(struct fuse_mount *fm, struct fuse_args *args, bool background,
		       ssize_t *ret)
{
	bool refused = false;

	if (efuse_attached(&fm->fc->efuse) && background)
		efuse_observe(fm, args);
	else if (efuse_attached(&fm->fc->efuse))
		refused = efuse_answer(&invalid_mnt_idmap, fm, args, ret);
	args->efuse.asked = true;
	return refused;
}

static bool is_chosen(const struct efuse_choice *choice)
{
	return choice->state != EFUSE_CHOICE_MADE || choice->way == CHOOSER_FILE;
}

/* As efuse_folio_read(), from b. */
static bool read_from(struct efuse_backing *b, struct fuse_mount *fm, struct fuse_io_args *ia,
		      struct inode *inode, bool background, ssize_t *ret)
{
	struct fuse_args_pages *ap = &ia->ap;

	efuse_choose(ia, inode, BIT(CHOOSER_SERVER) | BIT(CHOOSER_FILE), b);
	if (is_refused(fm, &ap->args, background, ret))
		return true;
	if (!is_chosen(&ia->read.choice) || !efuse_direct_read(b, ia, inode, ret))
		return false;
	for (unsigned int i = 0; i < ap->num_pages; i++)
		flush_dcache_page(ap->pages[i]);
	efuse_chosen(ia, inode, CHOOSER_FILE, *ret, true);
	return true;
}

bool efuse_folio_read(struct fuse_mount *fm, struct fuse_io_args *ia, struct file *file,
		      bool background, ssize_t *ret)
{
	unsigned int flags = memalloc_nofs_save();
	struct efuse_backing *b;
	bool answered = false;

	ia->read.choice.state = EFUSE_CHOICE_OFFERED;
	b = file_of(ia, file);
	if (b) {
		answered = read_from(b, fm, ia, file_inode(file), background, ret);
		efuse_direct_put(b);
	}
	memalloc_nofs_restore(flags);
	return answered;
}

void efuse_folio_end(struct fuse_io_args *ia, struct fuse_file *ff, struct inode *inode,
		     ssize_t err)
{
	unsigned int flags = memalloc_nofs_save();

	if (err >= 0)
		efuse_direct_compared(ff, false);
	efuse_chosen(ia, inode, CHOOSER_SERVER, err < 0 ? err : ia->ap.args.out_args[0].size,
		     false);
	memalloc_nofs_restore(flags);
}

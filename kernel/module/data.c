// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * data.c - contents on their way between a file and a caller's own memory: the READs
 * and WRITEs that do not go through the page cache, which a policy may answer, or a
 * file that the server named (direct.c), or that are written there. Where both may answer,
 * choose.c says which, and the policy is told that it need not, or is not asked.
 *
 * What a policy remembers of them must be what the server has said or got, or its file held. The
 * caller can change its memory at any time, also between the two, so such memory is
 * never read for a policy: one that wants to see contents has them go through pages
 * of ours.
 */
#include "../fuse_i.h"
#include "choose.h"
#include "direct.h"
#include "policy.h"

#include <linux/gfp.h>
#include <linux/highmem.h>
#include <linux/slab.h>

#define LARGE	(64 << 10)	/* bytes */

/* The caller's pages, and what the request was, while it is sent with ours. */
struct efuse_bounce {
	struct page **pages;
	struct fuse_page_desc *descs;
	unsigned int num_pages;
	u32 head;	/* bytes that the policy has answered; the rest is asked for */
};

/* --- pages ---------------------------------------------------------------- */

/* A place in the pages of a request. */
struct cursor {
	struct fuse_args_pages *ap;
	unsigned int page;
	u32 off;	/* in that page's part */
};

/* What is left of the part that it is in; 0 behind the last. */
static u32 cursor_left(struct cursor *at)
{
	while (at->page < at->ap->num_pages && at->off == at->ap->descs[at->page].length) {
		at->page++;
		at->off = 0;
	}
	return at->page < at->ap->num_pages ? at->ap->descs[at->page].length - at->off : 0;
}

static void cursor_skip(struct cursor *at, u32 n)
{
	u32 part;

	while (n && (part = min(cursor_left(at), n))) {
		at->off += part;
		n -= part;
	}
}

/* n bytes from buf to the pages, or the other way. False if the pages end before. */
static bool cursor_copy(struct cursor *at, void *buf, u32 n, bool to_pages)
{
	u32 part;

	for (; n && (part = min(cursor_left(at), n)); n -= part, buf += part, at->off += part) {
		struct page *page = at->ap->pages[at->page];
		void *there = kmap_local_page(page) + at->ap->descs[at->page].offset + at->off;

		if (to_pages)
			memcpy(there, buf, part);
		else
			memcpy(buf, there, part);
		kunmap_local(there);
		if (to_pages)
			flush_dcache_page(page);
	}
	return !n;
}

/* n bytes between pages of ours, from their beginning, and a caller's. As above. */
static bool copy_all(struct page **ours, struct cursor *at, u32 n, bool to_caller)
{
	bool whole = true;
	u32 part;

	for (; n && whole; n -= part, ours++) {
		void *there = kmap_local_page(*ours);

		part = min_t(u32, n, PAGE_SIZE);
		whole = cursor_copy(at, there, part, to_caller);
		kunmap_local(there);
	}
	return whole;
}

/* --- pages of ours -------------------------------------------------------- */

static void free_pages_of(struct page **pages, unsigned int count)
{
	while (count)
		if (pages[--count])
			__free_page(pages[count]);
	kfree(pages);
}

/* Pages for size bytes, or NULL. */
static struct page **get_pages_for(u32 size, struct fuse_page_desc **descs)
{
	unsigned int count = DIV_ROUND_UP(size, PAGE_SIZE), i;
	gfp_t gfp = GFP_KERNEL | __GFP_NORETRY | __GFP_NOWARN;
	struct page **pages = fuse_pages_alloc(count, gfp, descs);

	if (!pages)
		return NULL;
	if (alloc_pages_bulk_array(gfp, count, pages) < count) {
		free_pages_of(pages, count);
		return NULL;
	}
	for (i = 0; i < count; i++)
		(*descs)[i].length = min_t(u32, size - i * PAGE_SIZE, PAGE_SIZE);
	return pages;
}

/*
 * Have the request go through pages of ours, but for the head of its reply. Where
 * there is no memory for that it goes as it was.
 */
static void bounce_begin(struct fuse_io_args *ia, u32 head)
{
	struct fuse_args_pages *ap = &ia->ap;
	struct fuse_args *args = &ap->args;
	bool write = args->opcode == FUSE_WRITE;
	u32 size = write ? ia->write.in.size : ia->read.in.size - head;
	struct efuse_bounce *b = kmalloc(sizeof(*b), GFP_KERNEL);
	struct cursor at = { .ap = ap };
	struct fuse_page_desc *descs;
	struct page **pages;

	pages = b && size ? get_pages_for(size, &descs) : NULL;
	/* What is not written over is not to be seen by the server. */
	if (pages && write && !copy_all(pages, &at, size, false)) {
		free_pages_of(pages, DIV_ROUND_UP(size, PAGE_SIZE));
		pages = NULL;
	}
	if (!pages) {
		kfree(b);
		return;
	}
	*b = (struct efuse_bounce){
		.pages = ap->pages, .descs = ap->descs, .num_pages = ap->num_pages, .head = head,
	};
	ap->pages = pages;
	ap->descs = descs;
	ap->num_pages = DIV_ROUND_UP(size, PAGE_SIZE);
	if (!write) {
		ia->read.in.offset += head;
		ia->read.in.size = size;
		args->out_args[0].size = size;
	}
	args->efuse.bounce = b;
}

/* The request as it was made, and what the server has said in the caller's pages. */
static ssize_t bounce_end(struct fuse_io_args *ia, struct efuse_bounce *b, ssize_t ret)
{
	struct fuse_args_pages *ap = &ia->ap;
	struct fuse_arg *out = &ap->args.out_args[0];
	struct page **pages = ap->pages;
	unsigned int count = ap->num_pages;
	struct cursor at = { .ap = ap };

	ap->pages = b->pages;
	ap->descs = b->descs;
	ap->num_pages = b->num_pages;
	if (ap->args.opcode == FUSE_READ) {
		ia->read.in.offset -= b->head;
		ia->read.in.size += b->head;
		if (ret >= 0) {
			cursor_skip(&at, b->head);
			copy_all(pages, &at, out->size, true);
			out->size += b->head;
			ret += b->head;
		}
	}
	free_pages_of(pages, count);
	ap->args.efuse.bounce = NULL;
	kfree(b);
	return ret;
}

/* --- hooks ---------------------------------------------------------------- */

/* Who reads or writes has it open. */
static struct inode *inode_of(const struct fuse_io_args *ia)
{
	return file_inode(ia->io->iocb->ki_filp);
}

/* Whether contents are in pages, not in memory of the kernel's. */
static bool has_pages(const struct fuse_args *args)
{
	return args->opcode == FUSE_WRITE ? args->in_pages : args->out_pages;
}

/* Of a READ: whether another way than that one was chosen, and whether the policy's was. */
static bool goes_elsewhere(const struct fuse_io_args *ia, enum chooser_way way)
{
	return ia->read.choice.state == EFUSE_CHOICE_MADE && ia->read.choice.way != way;
}

static bool asks_policy(const struct fuse_io_args *ia)
{
	return ia->read.choice.state == EFUSE_CHOICE_MADE && ia->read.choice.way == CHOOSER_POLICY;
}

/*
 * The file that it may be read from, with a reference, or NULL. Who does not wait for one
 * READ before making the next would wait here for what is not in the page cache.
 */
static struct efuse_backing *file_of(struct fuse_mount *fm, struct fuse_io_args *ia)
{
	struct efuse_backing *b = efuse_has_files(&fm->fc->efuse) ?
				  efuse_direct_get(ia->io->iocb->ki_filp, ia) : NULL;

	if (b && ia->io->async &&
	    efuse_direct_share(b, ia->read.in.offset, ia->read.in.size) < CHOOSER_CACHED) {
		efuse_direct_put(b);
		b = NULL;
	}
	return b;
}

/* As above, and where it goes. What is the policy's needs the file only if that has nothing. */
static struct efuse_backing *choose(struct fuse_mount *fm, struct fuse_io_args *ia)
{
	u32 ways = BIT(CHOOSER_SERVER);
	struct efuse_backing *b;

	ia->read.choice.state = EFUSE_CHOICE_OFFERED;
	if (READ_ONCE(fm->fc->efuse.keeps)) {
		if (efuse_choose_policy(ia, inode_of(ia)))
			return NULL;
		ways |= BIT(CHOOSER_POLICY);
	}
	b = file_of(fm, ia);
	if (b)
		ways |= BIT(CHOOSER_FILE);
	if (ways != BIT(CHOOSER_SERVER))
		efuse_choose(ia, inode_of(ia), ways, b);
	/* To find the file is part of what it takes to read it, and no part of the policy's. */
	if (b && ia->read.choice.began && !goes_elsewhere(ia, CHOOSER_FILE)) {
		efuse_direct_put(b);
		b = file_of(fm, ia);
	}
	return b;
}

/*
 * A READ from the file, or a WRITE to it, unless it is the server's. What the policy was
 * chosen for, and has not, comes from the file too where there is one.
 *
 * The file was taken before the policy was asked, and may have been found to be another since.
 * Who has that known says so first and gives the connection a new number then: a policy that
 * was asked by the new one is shown nothing of the file, and by the old one keeps nothing.
 */
static bool goes_direct(struct efuse_backing *b, struct fuse_io_args *ia, ssize_t *ret)
{
	if (!b || !efuse_direct_is_on(get_fuse_conn(inode_of(ia))))
		return false;
	if (ia->ap.args.opcode == FUSE_WRITE)
		return efuse_direct_write(b, ia, ret);
	return (asks_policy(ia) || !goes_elsewhere(ia, CHOOSER_FILE)) &&
	       efuse_direct_read(b, ia, inode_of(ia), ret);
}

/* As if the server had answered: the policy, where it watches, sees what, in pages of ours. */
static bool do_direct(struct fuse_mount *fm, struct efuse_backing *b, struct fuse_io_args *ia,
		      bool watch, ssize_t *ret)
{
	struct fuse_args *args = &ia->ap.args;

	if (!goes_direct(b, ia, ret))
		return false;
	if (watch && efuse_attached(&fm->fc->efuse))
		efuse_replied(&invalid_mnt_idmap, fm, args, 0);
	if (args->efuse.bounce)
		*ret = bounce_end(ia, args->efuse.bounce, *ret);
	if (args->opcode == FUSE_READ)
		efuse_chosen(ia, inode_of(ia), asks_policy(ia) ? CHOOSER_POLICY : CHOOSER_FILE,
			     *ret, !asks_policy(ia));
	return true;
}

/*
 * Whether contents are in pages that a policy, which watches, does not see. What goes to a file
 * is in the page cache then, which is as quick as any policy: to show it, with two copies under
 * the node's lock, would cost each WRITE more than the READs can gain. Nor is it shown what is
 * read in large pieces where there is a file, unless it has most of it.
 */
static bool needs_bounce(const struct fuse_io_args *ia, const struct efuse_backing *b, u32 head)
{
	bool write = ia->ap.args.opcode == FUSE_WRITE;

	if (!has_pages(&ia->ap.args))
		return false;
	return !b || (!write && (ia->read.in.size <= LARGE || head >= ia->read.in.size / 2));
}

/* A READ that was the policy's, which does not have it: the file was not looked at so far. */
static void look_for_file(struct fuse_mount *fm, struct fuse_io_args *ia,
			  struct efuse_backing **b)
{
	if (ia->ap.args.opcode == FUSE_READ && ia->read.choice.unseen)
		*b = file_of(fm, ia);
}

/* As efuse_data_begin(); b is what it may be read from, or written to, if that is known yet. */
static bool begin(struct fuse_mount *fm, struct fuse_io_args *ia, struct efuse_backing **b,
		  ssize_t *ret)
{
	struct fuse_args *args = &ia->ap.args;
	struct efuse_pending p __uninitialized;
	u32 head = 0, flags = 0;
	int verdict;

	args->efuse.asked = true;
	if (args->opcode == FUSE_READ && goes_elsewhere(ia, CHOOSER_POLICY)) {
		if (READ_ONCE(fm->fc->efuse.no_elsewhere))
			return do_direct(fm, *b, ia, false, ret);
		flags = EFUSE_REQ_ELSEWHERE;
	}
	p.answered = 0;
	p.page = 0;
	p.page_off = 0;
	p.watch = false;
	verdict = efuse_ask_direct(&p, fm, args, flags);
	if (verdict == EFUSE_DONE && p.replied && args->opcode == FUSE_READ) {
		*ret = args->out_args[0].size;
		efuse_chosen(ia, inode_of(ia), CHOOSER_POLICY, *ret, true);
		return true;
	}
	if (p.watch && args->opcode == FUSE_READ && !READ_ONCE(fm->fc->efuse.keeps))
		WRITE_ONCE(fm->fc->efuse.keeps, true);
	if (verdict == EFUSE_REST && p.replied && args->opcode == FUSE_READ)
		head = p.answered;
	efuse_undo_reply(&p);
	if (efuse_is_refusal(args, verdict)) {
		*ret = verdict;
		return true;
	}
	look_for_file(fm, ia, b);
	if ((p.watch || head) && needs_bounce(ia, *b, head))
		bounce_begin(ia, head);
	/* Of a READ there is nothing more to be seen. */
	p.watch = args->opcode == FUSE_WRITE ||
		  (p.watch && (args->efuse.bounce || !has_pages(args)));
	return do_direct(fm, *b, ia, p.watch, ret);
}

/*
 * A WRITE is sent: what it does to the file is not the node's until it is answered, and FUSE
 * has noted that. The latter may be after several of one call, so it is done here as well.
 */
static void served_begin(struct fuse_io_args *ia)
{
	atomic_inc(&get_fuse_inode(inode_of(ia))->efuse.served);
	ia->ap.args.efuse.served = true;
}

static void served_end(struct fuse_io_args *ia)
{
	struct inode *inode = inode_of(ia);

	if (efuse_has_files(&get_fuse_conn(inode)->efuse))
		fuse_invalidate_attr_mask(inode, FUSE_STATX_MODSIZE);
	atomic_dec(&get_fuse_inode(inode)->efuse.served);
	ia->ap.args.efuse.served = false;
}

bool efuse_data_begin(struct fuse_mount *fm, struct fuse_io_args *ia, ssize_t *ret)
{
	struct efuse_backing *b = ia->ap.args.opcode == FUSE_READ ? choose(fm, ia) :
				  efuse_direct_get(ia->io->iocb->ki_filp, ia);
	bool answered = begin(fm, ia, &b, ret);

	if (b)
		efuse_direct_put(b);
	if (!answered && ia->ap.args.opcode == FUSE_WRITE)
		served_begin(ia);
	return answered;
}

static noinline ssize_t end(struct fuse_io_args *ia, ssize_t ret)
{
	struct efuse_bounce *b = ia->ap.args.efuse.bounce;

	if (ia->ap.args.efuse.served)
		served_end(ia);
	if (b)
		ret = bounce_end(ia, b, ret);
	if (ia->ap.args.opcode == FUSE_READ && !ia->read.choice.state)
		return ret;
	if (ret >= 0)
		efuse_direct_compared(ia->io->iocb->ki_filp->private_data,
				      ia->ap.args.opcode == FUSE_WRITE);
	if (ia->ap.args.opcode != FUSE_READ)
		return ret;
	efuse_chosen(ia, inode_of(ia), asks_policy(ia) ? CHOOSER_POLICY : CHOOSER_SERVER,
		     ret < 0 ? ret : ia->ap.args.out_args[0].size, false);
	return ret;
}

ssize_t efuse_data_end(struct fuse_io_args *ia, ssize_t ret)
{
	return unlikely(ia->ap.args.efuse.asked) ? end(ia, ret) : ret;
}

/* --- for kfunc.c ---------------------------------------------------------- */

bool efuse_data_is_ours(const struct fuse_args *args)
{
	return args->efuse.bounce;
}

u32 efuse_data_copy(struct fuse_args *args, u32 size, u32 off, void *dst, u32 room)
{
	struct fuse_args_pages *ap = container_of(args, struct fuse_args_pages, args);
	/* Pages of ours are whole. */
	struct cursor at = { .ap = ap, .page = off / PAGE_SIZE, .off = off % PAGE_SIZE };
	u32 n = off < size ? min(room, size - off) : 0;

	if (n)
		cursor_copy(&at, dst, n, false);
	memset(dst + n, 0, room - n);
	return n;
}

void efuse_data_answer(struct efuse_pending *p, const void *src, u32 n)
{
	struct fuse_args_pages *ap = container_of(p->args, struct fuse_args_pages, args);
	struct cursor at = { .ap = ap, .page = p->page, .off = p->page_off };

	if (has_pages(p->args)) {
		cursor_copy(&at, (void *)src, n, true);
		p->page = at.page;
		p->page_off = at.off;
	} else {
		memcpy(p->args->out_args[0].value + p->answered, src, n);
	}
	p->answered += n;
}

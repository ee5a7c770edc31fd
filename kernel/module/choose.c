// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * choose.c - READs that could go several ways, of files of which more than the server
 * has contents: what chooser.h decides by, its clock, its memory and its trace.
 *
 * What is known of a file is the inode's, made at the first READ with a choice and freed
 * with the inode, which whoever reads has open or has folios of locked. Its lock is held
 * for as long as it takes to decide or to add a number; the trace is written under it, so
 * that it is in the order in which things were decided.
 */
#include "../fuse_i.h"
#include "choose.h"
#include "direct.h"

#include <linux/bitops.h>
#include <linux/ktime.h>
#include <linux/module.h>
#include <linux/random.h>
#include <linux/slab.h>

#define CREATE_TRACE_POINTS
#include "choose_trace.h"

static bool choose_random;
module_param(choose_random, bool, 0600);
MODULE_PARM_DESC(choose_random, "Each READ goes any way that it can go, by chance: for tests");

/*
 * What is read a little is read as it comes: by the policy, else the file, else the server.
 * What is large is not little for as many requests, unless it is read ahead anyway.
 */
static bool is_early(u32 count, u32 class)
{
	return count < CHOOSER_ROUND >>
	       (class / CHOOSER_SIZES == CHOOSER_FILLS ? 0 : class % CHOOSER_SIZES);
}

#define SEEN_SHIFT	12	/* in blocks of 4 KiB */
#define SEEN_BITS	4096	/* they share in larger files */

static_assert((int)CHOOSER_WAYS == (int)EFUSE_PATHS);

/* Of a file. */
struct efuse_chooser {
	spinlock_t lock;	/* of all below but early, which may be some off, */
	bool had_file;		/* and this: the last choice was with one */
	u32 seq;		/* of its next event */
	u32 early[CHOOSER_CLASSES];	/* requests before there is a choice */
	struct chooser *known[CHOOSER_WHERES];	/* of each size; NULL, and made when it is needed */
	DECLARE_BITMAP(seen, SEEN_BITS);
};

/* Of a connection: what has gone each way. */
struct efuse_paths {
	struct {
		atomic64_t requests;
		atomic64_t bytes;
		atomic64_t missed;
		atomic64_t tries;
		atomic64_t ns;
		atomic64_t guessed;
		atomic64_t guess_ns;
	} way[CHOOSER_WAYS];
};

/* --- memory ----------------------------------------------------------------- */

static struct efuse_chooser *chooser_of(struct efuse_inode *ei)
{
	struct efuse_chooser *c = READ_ONCE(ei->chooser), *old;

	if (c)
		return c;
	c = kzalloc(sizeof(*c), GFP_KERNEL_ACCOUNT | __GFP_NOWARN);
	if (!c)
		return NULL;
	spin_lock_init(&c->lock);
	old = cmpxchg(&ei->chooser, NULL, c);
	if (!old)
		return c;
	kfree(c);
	return old;
}

/* What is known of a class; NULL if nothing is. */
static struct chooser *known_of(const struct efuse_chooser *c, u32 class)
{
	struct chooser *known = READ_ONCE(c->known[class / CHOOSER_SIZES]);

	return known ? &known[class % CHOOSER_SIZES] : NULL;
}

/* As above, but NULL without memory. */
static struct chooser *make_known(struct efuse_chooser *c, u32 class)
{
	struct chooser **at = &c->known[class / CHOOSER_SIZES], *known;

	if (READ_ONCE(*at))
		return known_of(c, class);
	known = kcalloc(CHOOSER_SIZES, sizeof(*known), GFP_KERNEL_ACCOUNT | __GFP_NOWARN);
	if (!known)
		return NULL;
	for (u32 size = 0; size < CHOOSER_SIZES; size++)
		chooser_begin(&known[size], size);
	if (cmpxchg(at, NULL, known))
		kfree(known);
	return known_of(c, class);
}

void efuse_chooser_free(struct efuse_chooser *c)
{
	for (int where = 0; where < CHOOSER_WHERES; where++)
		kfree(c->known[where]);
	kfree(c);
}

static struct efuse_paths *paths_of(struct efuse_conn *conn)
{
	struct efuse_paths *paths = READ_ONCE(conn->paths), *old;

	if (paths)
		return paths;
	paths = kzalloc(sizeof(*paths), GFP_KERNEL_ACCOUNT | __GFP_NOWARN);
	if (!paths)
		return NULL;
	old = cmpxchg(&conn->paths, NULL, paths);
	if (!old)
		return paths;
	kfree(paths);
	return old;
}

void efuse_paths_free(struct fuse_conn *fc)
{
	kfree(fc->efuse.paths);
	fc->efuse.paths = NULL;
}

/* --- choices ------------------------------------------------------------------ */

/* Of 16 nanoseconds, so that there is room for it; whoever takes longer is slow anyway. */
static u32 now(void)
{
	return ktime_get_ns() >> 4;
}

/* Whether the range was read before, by its first block. */
static u32 was_seen(struct efuse_chooser *c, loff_t pos)
{
	return __test_and_set_bit(((u64)pos >> SEEN_SHIFT) % SEEN_BITS, c->seen);
}

static enum chooser_where where(const struct fuse_io_args *ia, bool has_file)
{
	if (!ia->io)
		return CHOOSER_FILLS;
	return has_file ? CHOOSER_WITH_FILE : CHOOSER_NO_FILE;
}

/* Under the lock. */
static __always_inline void decide(struct efuse_chooser *c, struct chooser *known,
				   struct fuse_io_args *ia, struct inode *inode, u32 class,
				   u32 ways, u32 share)
{
	struct efuse_choice *choice = &ia->read.choice;
	/* A policy does not come to have what is in the page cache. */
	struct chooser_request r = {
		.ways = ways, .share = share,
		.again = ia->io ? was_seen(c, ia->read.in.offset) : 0,
	};
	struct chooser_choice chosen = chooser_choose(known, r);

	if (trace_efuse_choose_enabled())
		trace_efuse_choose(get_fuse_conn(inode)->dev, get_node_id(inode), c->seq, class,
				   ways, share, r.again, known->compared, chosen.way, chosen.try);
	c->seq++;
	choice->state = EFUSE_CHOICE_MADE;
	choice->way = chosen.way;
	choice->class = class;
	choice->cached = share >= CHOOSER_CACHED / 2;
	choice->began = chosen.try;
}

static void choose_any(struct fuse_io_args *ia, u32 class, u32 ways)
{
	struct efuse_choice *choice = &ia->read.choice;

	do {
		choice->way = get_random_u32_below(CHOOSER_WAYS);
	} while (!(ways >> choice->way & 1));
	choice->state = EFUSE_CHOICE_MADE;
	choice->class = class;
	choice->cached = false;
	choice->began = 0;
}

void efuse_choose(struct fuse_io_args *ia, struct inode *inode, u32 ways,
		  struct efuse_backing *b)
{
	u32 class = chooser_class(ia->read.in.size, where(ia, b));
	struct efuse_chooser *c = chooser_of(&get_fuse_inode(inode)->efuse);
	struct chooser *known = c ? make_known(c, class) : NULL;
	u32 share = CHOOSER_CACHED;

	if (!known)
		return;
	if (unlikely(READ_ONCE(choose_random))) {
		choose_any(ia, class, ways);
		return;
	}
	if (is_early(READ_ONCE(c->early[class]), class)) {
		WRITE_ONCE(c->early[class], c->early[class] + 1);
		return;
	}
	if (b)
		share = efuse_direct_share(b, ia->read.in.offset, ia->read.in.size);
	if (READ_ONCE(c->had_file) != !!b)
		WRITE_ONCE(c->had_file, b);
	spin_lock(&c->lock);
	/* Reckoned as if all had gone to the file: otherwise none might ever, at first. */
	if (chooser_thinks(known, ways))
		known->compared = efuse_direct_every(inode, c->seq);
	decide(c, known, ia, inode, class, ways, share);
	spin_unlock(&c->lock);
	if (ia->read.choice.began)
		ia->read.choice.began = now() | 1;
}

bool efuse_choose_policy(struct fuse_io_args *ia, struct inode *inode)
{
	struct efuse_chooser *c = READ_ONCE(get_fuse_inode(inode)->efuse.chooser);
	struct chooser *known;
	bool sure;
	u32 class;

	if (!c || unlikely(READ_ONCE(choose_random)))
		return false;
	class = chooser_class(ia->read.in.size, where(ia, READ_ONCE(c->had_file)));
	known = known_of(c, class);
	/* What is found here is looked at again under the lock. */
	if (!known || !data_race(chooser_is_sure(known, CHOOSER_POLICY)))
		return false;
	spin_lock(&c->lock);
	/* If another was here, what is in the page cache has to be known after all, and more. */
	sure = chooser_is_sure(known, CHOOSER_POLICY);
	if (sure)
		decide(c, known, ia, inode, class, known->ways, CHOOSER_CACHED);
	spin_unlock(&c->lock);
	ia->read.choice.unseen = sure;
	return sure;
}

static void count_try(struct efuse_paths *paths, enum chooser_way way, u64 ns, u32 guess)
{
	atomic64_inc(&paths->way[way].tries);
	atomic64_add(ns, &paths->way[way].ns);
	if (!guess)
		return;
	atomic64_inc(&paths->way[way].guessed);
	atomic64_add(guess, &paths->way[way].guess_ns);
}

/* ns is 0 but for a try. */
static void learn(struct fuse_io_args *ia, struct inode *inode, struct efuse_paths *paths,
		  bool well, u64 ns)
{
	struct efuse_choice *choice = &ia->read.choice;
	struct efuse_chooser *c = get_fuse_inode(inode)->efuse.chooser;
	struct chooser *known = known_of(c, choice->class);
	u32 guess;

	/* By chance. */
	if (!known)
		return;
	spin_lock(&c->lock);
	guess = chooser_likely(known, choice->way, choice->cached ? CHOOSER_CACHED : 0);
	chooser_learn(known, choice->way, well, ns);
	trace_efuse_learn(get_fuse_conn(inode)->dev, get_node_id(inode), c->seq, choice->class,
			  choice->way, well, ns);
	c->seq++;
	spin_unlock(&c->lock);
	if (ns && paths)
		count_try(paths, choice->way, ns, guess);
}

static void count(struct efuse_paths *paths, enum chooser_way way, ssize_t size, bool well)
{
	atomic64_inc(&paths->way[way].requests);
	atomic64_add(size, &paths->way[way].bytes);
	if (!well)
		atomic64_inc(&paths->way[way].missed);
}

void efuse_chosen(struct fuse_io_args *ia, struct inode *inode, enum chooser_way way,
		  ssize_t size, bool well)
{
	struct efuse_paths *paths = paths_of(&get_fuse_conn(inode)->efuse);
	struct efuse_choice *choice = &ia->read.choice;
	u8 state = choice->state;
	u64 ns = 0;

	choice->state = EFUSE_CHOICE_NONE;
	if (!state || size < 0)
		return;
	if (paths)
		count(paths, way, size, well);
	if (state != EFUSE_CHOICE_MADE || choice->way != way)
		return;
	if (choice->began)
		ns = max_t(u64, (u64)(u32)(now() - choice->began) << 4, 1);
	if (ns || (way == CHOOSER_POLICY && !well))
		learn(ia, inode, paths, way == CHOOSER_POLICY ? well : choice->cached, ns);
}

void efuse_paths_read(struct fuse_conn *fc, struct efuse_path *path)
{
	struct efuse_paths *paths = READ_ONCE(fc->efuse.paths);

	for (int i = 0; paths && i < CHOOSER_WAYS; i++)
		path[i] = (struct efuse_path){
			.requests = atomic64_read(&paths->way[i].requests),
			.bytes = atomic64_read(&paths->way[i].bytes),
			.missed = atomic64_read(&paths->way[i].missed),
			.tries = atomic64_read(&paths->way[i].tries),
			.ns = atomic64_read(&paths->way[i].ns),
			.guessed = atomic64_read(&paths->way[i].guessed),
			.guess_ns = atomic64_read(&paths->way[i].guess_ns),
		};
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * data.bpf.h - what is known of the contents of files: blocks of what READs that do
 * not use the page cache have read, and what such WRITEs have written.
 *
 * A connection has them only if it says how many (has_blocks()).
 *
 * A write is a change of its blocks alone. It leaves its time in their places, for
 * readings that are under way, and with each block that is known. Who stores a block
 * writes down what it is before looking for the former; who marks looks for the latter
 * after it: one of the two sees the other. What changes more is noted with the node.
 *
 * A block goes straight into the memory of who reads, who must never see half of
 * another file's there, not even for a moment. So it is held while it is copied, and
 * what is held is not written.
 */
#ifndef EFUSE_DATA_BPF_H
#define EFUSE_DATA_BPF_H

#include "node.bpf.h"

#define BLOCK_BITS	12
#define BLOCK		(1 << BLOCK_BITS)
#define PLACES		2048	/* of blocks; efuse-policy makes it fit the machine */
#define MARKS		1024	/* blocks of a write, at most; with more, all are changed, */
#define MARKS_UNSEEN	16	/* or with so many if what they hold is not seen */
#define READ_BLOCKS	(1 << 20)

#define O_APPEND	02000

struct block_known {
	struct known k;
	__u64 changed;		/* the last change since, of whatever is here */
	__u64 held;		/* by so many */
	__u64 block;		/* the number in its file */
	__u32 size;		/* bytes that are known, from the first on */
	__u32 ends;		/* the file ends behind them */
	char data[BLOCK];
};

struct blocks {
	__u64 changed;		/* the last change of any block of this place */
	struct block_known known[WAYS];
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, PLACES);
	__type(key, __u32);
	__type(value, struct blocks);
} contents SEC(".maps");

/* What the kernel says of a map. */
struct bpf_map {
	__u32 max_entries;
} __attribute__((preserve_access_index));

/* The blocks of a file are in places that follow each other. */
static __always_inline struct blocks *blocks_at(struct efuse_request *req, __u64 nodeid,
						__u64 block)
{
	__u32 mask = (1U << (req->param[0] >> 16 & 31)) - 1;
	__u32 index = mix(req->conn, 2) + ((hash_of(req, nodeid) + block) & mask);

	index &= ((struct bpf_map *)&contents)->max_entries - 1;
	return bpf_map_lookup_elem(&contents, &index);
}

/* Whoever asked for it. */
static __always_inline bool block_is(const struct block_known *known, struct efuse_request *req,
				     __u64 nodeid, __u64 block)
{
	return known->k.nodeid == nodeid && known->block == block && known->k.conn == req->conn;
}

/* --- answers ----------------------------------------------------------------- */

/* A READ that is answered. */
struct reading {
	struct efuse_request *req;
	struct node *node;
	__u64 off, end;		/* what is not answered so far */
	enum outcome outcome;
	bool all;		/* off is where it ends */
};

static __always_inline bool block_is_for(const struct block_known *known,
					 struct efuse_request *req, __u64 block)
{
	return block_is(known, req, req->nodeid, block) && known->k.cred == cred_of(req);
}

static __always_inline void block_put(struct block_known *known)
{
	__sync_fetch_and_add(&known->held, -1);
}

/* A full barrier: who writes has said so before looking who holds. */
static __always_inline bool block_get(struct block_known *known)
{
	__u64 seq;

	__sync_fetch_and_add(&known->held, 1);
	barrier();
	if (read_begin(&known->k, &seq))
		return true;
	block_put(known);
	return false;
}

/* The block, held, or NULL. */
static __always_inline struct block_known *block_find(struct efuse_request *req,
						      struct blocks *blocks, __u64 block)
{
	struct block_known *known = NULL;

	for (int i = 0; i < WAYS && !known; i++)
		if (block_is_for(&blocks->known[i], req, block))
			known = &blocks->known[i];
	if (!known || !block_get(known))
		return NULL;
	if (block_is_for(known, req, block))
		return known;
	block_put(known);
	return NULL;
}

static __always_inline bool block_holds(struct efuse_request *req, const struct node *node,
					const struct block_known *known)
{
	__u64 asked = known->k.asked;

	return known->changed <= asked && node->contents_changed <= asked &&
	       node->links_changed <= asked && node->forgotten <= asked &&
	       still_may(req, asked) && remaining(known->k.expires);
}

/* What of it is in a block that is held. Returns 1 when there is no more to be had. */
static __always_inline long read_held(struct reading *r, struct block_known *known)
{
	__u32 from = r->off & (BLOCK - 1), want = BLOCK - from, have;
	struct efuse_request *req = r->req;
	__u64 left = r->end - r->off;
	bool ends;

	r->outcome = STALE;
	if (!block_holds(req, r->node, known))
		return 1;
	if (want > left)
		want = left;
	have = known->size > from ? known->size - from : 0;
	ends = have < want;
	if (ends && (!known->ends || r->node->end_changed > known->k.asked))
		return 1;
	if (!ends)
		have = want;
	if (efuse_reply_more(req, known->data, BLOCK, from, have))
		return 1;
	known_use(&known->k);
	r->off += have;
	r->all = ends || r->off == r->end;
	return r->all;
}

/* One block of it. Returns as above. */
static long read_block(__u32 i, struct reading *r)
{
	struct efuse_request *req = r->req;
	__u64 block = r->off >> BLOCK_BITS;
	struct blocks *blocks = blocks_at(req, req->nodeid, block);
	struct block_known *known = blocks ? block_find(req, blocks, block) : NULL;
	long ret;

	if (!known)
		return 1;
	ret = read_held(r, known);
	block_put(known);
	return ret;
}

/* A verdict for a READ. */
static __always_inline int data_read(struct efuse_request *req, enum outcome *outcome)
{
	const struct fuse_read_in *in = (const void *)efuse_arg(req, 0, sizeof(*in));
	struct reading r = { .req = req, .outcome = MISS };
	__u64 off;

	r.node = node_at(req, req->nodeid);
	if (!in || !r.node || !in->size)
		return EFUSE_PASS;
	off = r.off = in->offset;
	r.end = off + in->size;
	/* Most want no more than one. */
	if (off >> BLOCK_BITS == (r.end - 1) >> BLOCK_BITS)
		read_block(0, &r);
	else
		bpf_loop((in->size >> BLOCK_BITS) + 2, read_block, &r, 0);
	*outcome = r.outcome;
	if (r.all)
		return EFUSE_DONE;
	return r.off == off ? EFUSE_PASS : EFUSE_REST;
}

/* --- what is learnt ------------------------------------------------------------ */

/* Contents in a request: of an argument of a WRITE, or the reply to a READ. */
struct storing {
	struct efuse_request *req;
	struct node *node;
	__u64 begin, off, end;	/* of the contents, and of the block at hand */
	__u64 expires;
	bool ends;		/* the file ends there */
	bool keep;		/* of a WRITE: the contents are known */
};

static __always_inline struct block_known *block_room(struct efuse_request *req,
						      struct blocks *blocks, __u64 block)
{
	for (int i = 0; i < WAYS; i++)
		if (block_is(&blocks->known[i], req, req->nodeid, block))
			return &blocks->known[i];
	return known_room(&blocks->known[0].k, sizeof(blocks->known[0]));
}

/* What the request holds of the block at hand, which was so at asked. */
static __always_inline void block_store(struct storing *s, struct blocks *blocks, __u64 asked)
{
	struct efuse_request *req = s->req;
	__u64 block = s->off >> BLOCK_BITS, left = s->end - s->off, seq;
	struct block_known *room;
	int got;

	room = block_room(req, blocks, block);
	if (!room || !known_begin(&room->k, &seq))
		return;
	/* That was a full barrier: see block_get(). */
	if (*(volatile __u64 *)&room->held) {
		known_end(&room->k, seq);
		return;
	}
	known_set(&room->k, req, req->nodeid, asked, s->expires);
	room->block = block;
	room->size = left < BLOCK ? left : BLOCK;
	room->ends = s->ends && left < BLOCK;
	got = req->opcode == FUSE_READ ?
	      efuse_out_copy(req, 0, s->off - s->begin, room->data, BLOCK) :
	      efuse_arg_copy(req, 1, s->off - s->begin, room->data, BLOCK);
	barrier();
	/* A full barrier: before it, what the block is; then, who has marked its place. */
	if (got != (int)room->size || __sync_fetch_and_add(&blocks->changed, 0) > asked)
		room->k.nodeid = 0;
	known_end(&room->k, seq);
}

/* One block of a READ's reply. Returns 1 after the last. */
static long learn_block(__u32 i, struct storing *s)
{
	struct blocks *blocks = blocks_at(s->req, s->req->nodeid, s->off >> BLOCK_BITS);

	if (!blocks || s->off > s->end || (s->off == s->end && !s->ends))
		return 1;
	if (blocks->changed <= s->req->cookie)
		block_store(s, blocks, s->req->cookie);
	s->off += BLOCK;
	return 0;
}

/* A file of which is read what is not there by its size has contents of another kind. */
static __always_inline bool is_beyond(struct efuse_request *req, struct node *node, __u64 end)
{
	struct node_known *known = node_find(node, req, req->nodeid);

	return known && known->attr.size < end && node->attr_changed <= known->k.asked;
}

/* Contents are seen if the driver had memory for that, and thought it worth it. */
static __always_inline bool contents_seen(struct efuse_request *req)
{
	__u64 some;

	return (req->opcode == FUSE_READ ? efuse_out_copy(req, 0, 0, &some, sizeof(some)) :
		efuse_arg_copy(req, 1, 0, &some, sizeof(some))) >= 0;
}

/* A READ has n bytes. What it has of a block is known from the block's first byte on. */
static __noinline int data_learn(struct efuse_request *req)
{
	const struct fuse_read_in *in = (const void *)efuse_arg(req, 0, sizeof(*in));
	struct node *node = node_at(req, req->nodeid);
	struct storing s = { .req = req };
	int n = efuse_out_size(req, 0);
	__u64 life;

	if (!in || !node || n < 0 || !req->cookie || !contents_seen(req))
		return 0;
	s.begin = in->offset;
	s.end = s.begin + n;
	s.off = (s.begin + BLOCK - 1) & ~(__u64)(BLOCK - 1);
	s.ends = (__u32)n < in->size;
	life = unsaid_life(req, node);
	if (!life || is_beyond(req, node, s.end))
		return 0;
	s.expires = expiry(life);
	bpf_loop((in->size >> BLOCK_BITS) + 2, learn_block, &s, 0);
	return 0;
}

/* --- what is changed ----------------------------------------------------------- */

/* Leaves a time with a block, after it was left in the place. */
static __always_inline void block_mark(struct efuse_request *req, struct blocks *blocks,
				       __u64 block, __u64 now)
{
	for (int i = 0; i < WAYS; i++)
		if (block_is(&blocks->known[i], req, req->nodeid, block))
			clock_leave(&blocks->known[i].changed, now);
}

/* One block of a WRITE, which is complete. Returns 1 after the last. */
static long write_block(__u32 i, struct storing *s)
{
	struct blocks *blocks = blocks_at(s->req, s->req->nodeid, s->off >> BLOCK_BITS);
	__u64 cookie = s->req->cookie, block = s->off >> BLOCK_BITS, asked;

	if (!blocks || s->off >= s->end)
		return 1;
	asked = clock_mark_own(&blocks->changed, s->keep ? cookie : 0);
	block_mark(s->req, blocks, block, asked ?: clock_now());
	/* From the block's first byte on. */
	if (asked && block << BLOCK_BITS >= s->begin && s->node->contents_changed <= cookie &&
	    s->node->forgotten <= cookie)
		block_store(s, blocks, asked);
	s->off = (block + 1) << BLOCK_BITS;
	return 0;
}

/* Whether all of a WRITE was written where it says. */
static __always_inline bool is_plain(struct efuse_request *req, const struct fuse_write_in *in)
{
	const struct fuse_write_out *out = (const void *)efuse_out(req, 0, sizeof(*out));

	return out && out->size == in->size && !(in->flags & O_APPEND);
}

/* A WRITE is complete, or failed, perhaps half way. */
static __noinline int data_written(struct efuse_request *req)
{
	const struct fuse_write_in *in = (const void *)efuse_arg(req, 0, sizeof(*in));
	struct storing s = { .req = req, .node = node_at(req, req->nodeid) };
	bool seen = contents_seen(req);
	__u32 marks = seen ? MARKS : MARKS_UNSEEN;
	__u64 life;

	if (!in || !s.node)
		return 0;
	clock_mark(&s.node->end_changed);
	if (in->size > marks << BLOCK_BITS || (in->flags & O_APPEND)) {
		clock_mark(&s.node->contents_changed);
		return 0;
	}
	s.begin = s.off = in->offset;
	s.end = s.begin + in->size;
	life = unsaid_life(req, s.node);
	s.keep = life && seen && is_plain(req, in);
	s.expires = expiry(life);
	bpf_loop((in->size >> BLOCK_BITS) + 2, write_block, &s, 0);
	return 0;
}

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * node.bpf.h - what is known of nodes: attributes, and when what of them changed.
 *
 * A regular file with more than one link may be several nodes, and a change of one
 * is not seen at the others. Attributes of such a file hold no longer than the file
 * system says, and nothing else is believed of it for longer than that.
 */
#ifndef EFUSE_NODE_BPF_H
#define EFUSE_NODE_BPF_H

#include "know.bpf.h"

#define NODES	16384	/* places, a power of two */

struct node_known {
	struct known k;
	__u64 life;		/* how long it held when it was learnt */
	struct fuse_attr attr;
};

struct node {
	/* When these were changed last, by any node of this place. */
	__u64 attr_changed;
	__u64 xattr_changed;
	__u64 data_changed;	/* which can take extended attributes away */
	__u64 links_changed;
	__u64 contents_changed;	/* all of them: a WRITE marks blocks, see data.bpf.h */
	__u64 end_changed;	/* where the file ends */
	__u64 forgotten;	/* the node id may stand for another file since */

	struct node_known known[WAYS];
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, NODES);
	__type(key, __u32);
	__type(value, struct node);
} nodes SEC(".maps");

static __always_inline struct node *node_at(struct efuse_request *req, __u64 nodeid)
{
	__u32 index = place_of(req, hash_of(req, nodeid)) & (NODES - 1);

	return bpf_map_lookup_elem(&nodes, &index);
}

static __always_inline struct node_known *node_find(struct node *node, struct efuse_request *req,
						    __u64 nodeid)
{
	for (int i = 0; i < WAYS; i++)
		if (known_is(&node->known[i].k, req, nodeid))
			return &node->known[i];
	return NULL;
}

/*
 * The attributes of nodeid, for which node is the place, NULL if they are not known,
 * with *outcome saying why. They can be read, and hold if read_end() then says so,
 * for *left nanoseconds. since is when else the answer is from, or FOREVER.
 */
static __always_inline struct node_known *node_begin_read(struct efuse_request *req,
							  struct node *node, __u64 nodeid,
							  __u64 since, __u64 *seq,
							  __u64 *left, enum outcome *outcome)
{
	struct node_known *known = NULL;
	__u64 asked;

	for (int i = 0; i < WAYS && !known; i++)
		if (read_begin(&node->known[i].k, seq) && known_is(&node->known[i].k, req, nodeid))
			known = &node->known[i];
	if (!known)
		return NULL;
	*outcome = STALE;
	asked = known->k.asked;
	if (!asked || node->attr_changed > asked || node->forgotten > asked ||
	    !still_may(req, asked < since ? asked : since))
		return NULL;
	*left = remaining(known->k.expires);
	if (!*left)
		return NULL;
	known_use(&known->k);
	return known;
}

static __always_inline bool is_single(const struct fuse_attr *attr)
{
	return attr->nlink <= 1 || (attr->mode & 0170000) != 0100000;
}

/* Nanoseconds for which attributes hold, sec and nsec being what the reply says. */
static __always_inline __u64 attr_lifetime(struct efuse_request *req,
					   const struct fuse_attr *attr, __u64 sec, __u32 nsec)
{
	__u64 life = lifetime(req, sec, nsec), own = own_life(sec, nsec);

	return is_single(attr) || own > life ? life : own;
}

/* Where to remember attributes of nodeid. */
static __always_inline struct node_known *node_room(struct node *node, struct efuse_request *req,
						    __u64 nodeid)
{
	struct node_known *room = node_find(node, req, nodeid);

	return room ?: known_room(&node->known[0].k, sizeof(node->known[0]));
}

/* asked is 0 for attributes that are not to be used, only how long they would hold. */
static __noinline int node_store(struct efuse_request *req, __u64 nodeid, __u64 asked,
				 const struct fuse_attr *attr, __u64 life)
{
	struct node *node = node_at(req, nodeid);
	__u64 seq, expires = expiry(life);
	struct node_known *room;

	if (!node || !life)
		return 0;
	room = node_room(node, req, nodeid);
	if (!room || !known_begin(&room->k, &seq))
		return 0;
	known_set(&room->k, req, nodeid, asked, expires);
	room->life = life;
	room->attr = *attr;
	known_end(&room->k, seq);
	return 0;
}

/*
 * Contents were changed by somebody else if attributes say so while they were changed
 * by nobody here. That two changes race only makes it forget.
 */
static __noinline int node_compare(struct efuse_request *req, __u64 nodeid,
				   const struct fuse_attr *attr)
{
	struct node *node = node_at(req, nodeid);
	struct node_known *known = node ? node_find(node, req, nodeid) : NULL;

	if (known && known->k.asked && node->attr_changed <= known->k.asked &&
	    (known->attr.size != attr->size || known->attr.mtime != attr->mtime ||
	     known->attr.mtimensec != attr->mtimensec))
		clock_mark(&node->contents_changed);
	return 0;
}

/* Attributes in a reply to what changes nothing. Functions that are called return 0. */
static __always_inline void node_learn(struct efuse_request *req, __u64 nodeid,
				       const struct fuse_attr *attr, __u64 sec, __u32 nsec)
{
	if (!req->cookie)
		return;
	if (has_blocks(req))
		node_compare(req, nodeid, attr);
	node_store(req, nodeid, req->cookie, attr, attr_lifetime(req, attr, sec, nsec));
}

/*
 * How long what no reply says it of holds of the request's node, 0 if not at all.
 * With the file system's own timeouts, as long as attributes do; and it must be
 * known that the node is all there is of its file.
 */
static __always_inline __u64 unsaid_life(struct efuse_request *req, struct node *node)
{
	struct node_known *known = node_find(node, req, req->nodeid);
	__u64 seq, life, asked;
	bool single;

	if (!known || !read_begin(&known->k, &seq))
		return 0;
	life = known->life;
	asked = known->k.asked;
	single = is_single(&known->attr);
	if (!known_is(&known->k, req, req->nodeid) || !read_end(&known->k, seq))
		return 0;
	if (mode_of(req) == MODE_AUTO)
		return life;
	return single && asked && node->links_changed <= asked && node->forgotten <= asked ?
	       lifetime(req, 0, 0) : 0;
}

enum {
	CHANGED_ATTR = 1, CHANGED_XATTR = 2, CHANGED_DATA = 4, CHANGED_LINKS = 8,
	CHANGED_ID = 16, CHANGED_CONTENTS = 32,
};

static __always_inline void node_mark(struct node *node, int what)
{
	if (what & CHANGED_ATTR)
		clock_mark(&node->attr_changed);
	if (what & CHANGED_XATTR)
		clock_mark(&node->xattr_changed);
	if (what & CHANGED_DATA)
		clock_mark(&node->data_changed);
	if (what & CHANGED_LINKS)
		clock_mark(&node->links_changed);
	if (what & CHANGED_ID)
		clock_mark(&node->forgotten);
	if (what & CHANGED_CONTENTS)
		clock_mark(&node->contents_changed);
}

static __noinline int node_changed(struct efuse_request *req, __u64 nodeid, int what)
{
	struct node *node = node_at(req, nodeid);

	if (node)
		node_mark(node, what);
	return 0;
}

/* The same for a change whose reply says what the attributes are now. */
static __always_inline void node_changed_to(struct efuse_request *req, __u64 nodeid, int what,
					    const struct fuse_attr *attr, __u64 life)
{
	struct node *node = node_at(req, nodeid);
	__u64 asked;

	if (!node)
		return;
	node_mark(node, what);
	asked = clock_mark_own(&node->attr_changed, req->cookie);
	if (node->forgotten > req->cookie)
		asked = 0;
	node_store(req, nodeid, asked, attr, life);
}

#endif

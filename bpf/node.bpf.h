/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * node.bpf.h - what is known of nodes: attributes, and when what of them changed.
 */
#ifndef EFUSE_NODE_BPF_H
#define EFUSE_NODE_BPF_H

#include "clock.bpf.h"

#define NODES	32768	/* a power of two */

struct node {
	/* When these were changed last, by any node of this place. */
	__u64 attr_changed;
	__u64 xattr_changed;
	__u64 data_changed;	/* which can take extended attributes away */
	__u64 forgotten;	/* the node id may stand for another file since */

	/* Of one node, under seq. */
	__u64 seq;
	__u64 conn;
	__u64 nodeid;
	__u64 asked;
	__u64 expires;
	__u64 life;
	__u64 cred;
	struct fuse_attr attr;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, NODES);
	__type(key, __u32);
	__type(value, struct node);
} nodes SEC(".maps");

static __always_inline struct node *node_at(__u64 conn, __u64 nodeid)
{
	__u32 index = mix(mix(conn, 0), nodeid) & (NODES - 1);

	return bpf_map_lookup_elem(&nodes, &index);
}

/*
 * The attributes of nodeid, for which node is the place. Returns the nanoseconds
 * for which they hold, 0 if they are not known.
 */
static __always_inline __u64 node_attr(struct efuse_request *req, struct node *node,
				       __u64 nodeid, struct fuse_attr *attr)
{
	__u64 seq, asked, expires;

	if (!slot_begin_read(&node->seq, &seq) || node->nodeid != nodeid ||
	    node->conn != req->conn || node->cred != cred_of(req))
		return 0;
	*attr = node->attr;
	asked = node->asked;
	expires = node->expires;
	if (!slot_end_read(&node->seq, seq) || !asked || node->attr_changed > asked ||
	    node->forgotten > asked)
		return 0;
	return remaining(expires);
}

/* asked is 0 for attributes that are not to be used, only how long they would hold. */
static __always_inline void node_store(struct efuse_request *req, __u64 nodeid, __u64 asked,
				       const struct fuse_attr *attr, __u64 life)
{
	struct node *node = node_at(req->conn, nodeid);
	__u64 seq, expires = expiry(life);

	if (!node || !life || !slot_begin_write(&node->seq, &seq))
		return;
	node->conn = req->conn;
	node->nodeid = nodeid;
	node->asked = asked;
	node->expires = expires;
	node->life = life;
	node->cred = cred_of(req);
	node->attr = *attr;
	slot_end_write(&node->seq, seq);
}

static __always_inline void node_learn(struct efuse_request *req, __u64 nodeid,
				       const struct fuse_attr *attr, __u64 life)
{
	if (req->cookie)
		node_store(req, nodeid, req->cookie, attr, life);
}

/* How long the file system lets attributes of the node hold, 0 if not known. */
static __always_inline __u64 node_life(struct efuse_request *req, struct node *node)
{
	__u64 seq, life;

	if (!slot_begin_read(&node->seq, &seq) || node->nodeid != req->nodeid ||
	    node->conn != req->conn)
		return 0;
	life = node->life;
	return slot_end_read(&node->seq, seq) ? life : 0;
}

/* The same of what no reply says it of. */
static __always_inline __u64 unsaid_life(struct efuse_request *req, struct node *node)
{
	return req->param[0] == MODE_AUTO ? node_life(req, node) : lifetime(req, 0, 0);
}

enum { CHANGED_ATTR = 1, CHANGED_XATTR = 2, CHANGED_DATA = 4, CHANGED_ID = 8 };

static __always_inline void node_changed(__u64 conn, __u64 nodeid, int what)
{
	struct node *node = node_at(conn, nodeid);

	if (!node)
		return;
	if (what & CHANGED_ATTR)
		clock_mark(&node->attr_changed);
	if (what & CHANGED_XATTR)
		clock_mark(&node->xattr_changed);
	if (what & CHANGED_DATA)
		clock_mark(&node->data_changed);
	if (what & CHANGED_ID)
		clock_mark(&node->forgotten);
}

#endif

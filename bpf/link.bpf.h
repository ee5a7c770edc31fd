/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * link.bpf.h - what is known of symbolic links: where they lead, if that is short.
 * No request changes it; the node id can come to stand for another link.
 */
#ifndef EFUSE_LINK_BPF_H
#define EFUSE_LINK_BPF_H

#include "node.bpf.h"

#define LINKS		4096	/* a power of two */
#define LINK_BYTES	128

struct link {
	__u64 seq;
	__u64 conn;
	__u64 nodeid;
	__u64 asked;
	__u64 expires;
	__u64 cred;
	__u64 size;
	char text[LINK_BYTES];
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, LINKS);
	__type(key, __u32);
	__type(value, struct link);
} links SEC(".maps");

static __always_inline struct link *link_at(struct efuse_request *req)
{
	__u32 index = mix(mix(req->conn, 0), req->nodeid) & (LINKS - 1);

	return bpf_map_lookup_elem(&links, &index);
}

/* Whether the request is answered: a text that changes under us is withdrawn. */
static __always_inline bool link_answer(struct efuse_request *req)
{
	struct node *node = node_at(req->conn, req->nodeid);
	struct link *link = link_at(req);
	__u64 seq, size;

	if (!link || !node || !slot_begin_read(&link->seq, &seq) || link->conn != req->conn ||
	    link->nodeid != req->nodeid || link->cred != cred_of(req))
		return false;
	size = link->size;
	if (node->forgotten > link->asked || !remaining(link->expires))
		return false;
	apart(size);
	if (!size)
		return false;
	apart(size);
	if (size > LINK_BYTES || efuse_reply(req, link->text, size))
		return false;
	return slot_end_read(&link->seq, seq);
}

/* Where the link leads is in the reply, size bytes. */
static __always_inline void link_learn(struct efuse_request *req, __u64 size)
{
	struct node *node = node_at(req->conn, req->nodeid);
	struct link *link = link_at(req);
	__u64 seq, life, expires;

	if (!link || !node || !req->cookie)
		return;
	life = unsaid_life(req, node);
	expires = expiry(life);
	if (!life || !slot_begin_write(&link->seq, &seq))
		return;
	link->conn = req->conn;
	link->nodeid = req->nodeid;
	link->asked = req->cookie;
	link->expires = expires;
	link->cred = cred_of(req);
	link->size = efuse_out_copy(req, 0, 0, link->text, LINK_BYTES) == (int)size ?
		     size : 0;
	slot_end_write(&link->seq, seq);
}

#endif

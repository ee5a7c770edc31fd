/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * xattr.bpf.h - what is known of single extended attributes: a short value, or
 * that there is none. Writing to a file can take some away (security.capability),
 * but gives it none.
 */
#ifndef EFUSE_XATTR_BPF_H
#define EFUSE_XATTR_BPF_H

#include "node.bpf.h"

#ifndef ERANGE
#define ERANGE		34
#define EOPNOTSUPP	95
#endif

#define XATTRS		8192	/* a power of two */
#define XATTR_NAME	32	/* bytes of a name, with its zero */
#define XATTR_VALUE	64	/* bytes of a value */

struct xattr {
	__u64 seq;
	__u64 conn;
	__u64 nodeid;
	__u64 name[XATTR_NAME / 8];
	__u64 asked;
	__u64 expires;
	__u64 cred;
	__s64 size;		/* -errno: there is none */
	char value[XATTR_VALUE];
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, XATTRS);
	__type(key, __u32);
	__type(value, struct xattr);
} xattrs SEC(".maps");

struct xattr_name {
	__u64 words[XATTR_NAME / 8];
};

static __always_inline bool xattr_name(struct efuse_request *req, struct xattr_name *name)
{
	return efuse_arg_copy(req, 1, 0, name, sizeof(*name)) > 0 &&
	       !(name->words[XATTR_NAME / 8 - 1] >> 56);
}

static __always_inline struct xattr *xattr_at(struct efuse_request *req,
					      const struct xattr_name *name)
{
	__u64 hash = mix(mix(req->conn, 0), req->nodeid);
	__u32 index;

	for (int i = 0; i < XATTR_NAME / 8; i++)
		hash = mix(hash, name->words[i]);
	index = hash & (XATTRS - 1);
	return bpf_map_lookup_elem(&xattrs, &index);
}

static __always_inline bool xattr_is(struct efuse_request *req, const struct xattr *x,
				     const struct xattr_name *name)
{
	if (x->conn != req->conn || x->nodeid != req->nodeid || x->cred != cred_of(req))
		return false;
	for (int i = 0; i < XATTR_NAME / 8; i++)
		if (x->name[i] != name->words[i])
			return false;
	return true;
}

/* Whether what was asked then is still so. size is as in struct xattr. */
static __always_inline bool xattr_holds(const struct node *node, __u64 asked, __s64 size)
{
	return node->xattr_changed <= asked && node->forgotten <= asked &&
	       (size < 0 || node->data_changed <= asked);
}

/* A known value into the reply; whoever asks with no room wants to know the size. */
static __always_inline int xattr_reply(struct efuse_request *req, struct xattr *x, __s64 size)
{
	const struct fuse_getxattr_in *in = (const void *)efuse_arg(req, 0, sizeof(*in));
	struct fuse_getxattr_out out = { .size = size };

	if (!in || size < 1)
		return EFUSE_PASS;
	if (!in->size)
		return efuse_reply(req, &out, sizeof(out)) ? EFUSE_PASS : EFUSE_DONE;
	if (size > in->size)
		return -ERANGE;
	apart(size);
	if (size < 1)
		return EFUSE_PASS;
	apart(size);
	if (size > XATTR_VALUE)
		return EFUSE_PASS;
	return efuse_reply(req, x->value, size) ? EFUSE_PASS : EFUSE_DONE;
}

/* A verdict: EFUSE_PASS if it is not known, or changes under us. */
static __always_inline int xattr_answer(struct efuse_request *req, const struct xattr_name *name)
{
	struct node *node = node_at(req->conn, req->nodeid);
	struct xattr *x = xattr_at(req, name);
	int verdict;
	__u64 seq;
	__s64 size;

	if (!x || !node || !slot_begin_read(&x->seq, &seq) || !xattr_is(req, x, name))
		return EFUSE_PASS;
	size = x->size;
	if (!xattr_holds(node, x->asked, size) || !remaining(x->expires))
		return EFUSE_PASS;
	verdict = size < 0 ? (int)size : xattr_reply(req, x, size);
	return slot_end_read(&x->seq, seq) ? verdict : EFUSE_PASS;
}

/*
 * No reply says how long it holds: as long as attributes of the node do, which are
 * known because FUSE has asked for them. size is as in struct xattr; the value is
 * in the reply.
 */
static __always_inline void xattr_learn(struct efuse_request *req, const struct xattr_name *name,
					__s64 size)
{
	struct node *node = node_at(req->conn, req->nodeid);
	struct xattr *x = xattr_at(req, name);
	__u64 seq, life, expires;

	if (!x || !node || !req->cookie)
		return;
	life = unsaid_life(req, node);
	expires = expiry(life);
	if (!life || !slot_begin_write(&x->seq, &seq))
		return;
	x->conn = req->conn;
	x->nodeid = req->nodeid;
	for (int i = 0; i < XATTR_NAME / 8; i++)
		x->name[i] = name->words[i];
	x->asked = req->cookie;
	x->expires = expires;
	x->cred = cred_of(req);
	if (size > 0 && efuse_out_copy(req, 0, 0, x->value, XATTR_VALUE) != size)
		size = 0;
	x->size = size;
	slot_end_write(&x->seq, seq);
}

#endif

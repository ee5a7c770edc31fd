/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fact.bpf.h - what else is known of nodes: short answers to a question that fits
 * in a few bytes, such as an extended attribute's name.
 *
 * No reply to these says how long it holds: as long as attributes of the node do,
 * see unsaid_life().
 */
#ifndef EFUSE_FACT_BPF_H
#define EFUSE_FACT_BPF_H

#include "node.bpf.h"

#ifndef ERANGE
#define ERANGE		34
#define EOPNOTSUPP	95
#endif

#define FACTS		8192	/* places, a power of two */
#define QUESTION	32	/* bytes */
#define ANSWER		128

/*
 * The last byte says of what kind. An extended attribute's name that is remembered
 * has its zero there.
 */
enum {
	ASK_XATTR, ASK_LIST, ASK_LINK, ASK_ACCESS, ASK_SPACE, ASK_KEPT, ASK_OPEN, ASK_HANDLE,
};

struct question {
	union {
		char text[QUESTION];
		__u64 words[QUESTION / 8];
	};
};

struct fact_known {
	struct known k;
	struct question question;
	__s64 size;		/* of the answer; -errno: that is the answer */
	char answer[ANSWER];
};

struct fact {
	struct fact_known known[WAYS];
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, FACTS);
	__type(key, __u32);
	__type(value, struct fact);
} facts SEC(".maps");

/* A question of one number. */
static __always_inline void ask(struct question *q, int kind, __u64 number)
{
	*q = (struct question){ 0 };
	q->words[0] = number;
	q->text[QUESTION - 1] = kind;
}

static __always_inline bool ask_xattr(struct question *q, struct efuse_request *req)
{
	return efuse_arg_copy(req, 1, 0, q, sizeof(*q)) > 0 && !q->text[QUESTION - 1];
}

static __always_inline struct fact *fact_at(struct efuse_request *req, const struct question *q)
{
	__u64 hash = hash_of(req, req->nodeid);
	__u32 index;

	for (int i = 0; i < QUESTION / 8; i++)
		hash = mix(hash, q->words[i]);
	index = place_of(req, hash) & (FACTS - 1);
	return bpf_map_lookup_elem(&facts, &index);
}

static __always_inline bool fact_is(const struct fact_known *known, struct efuse_request *req,
				    const struct question *q)
{
	if (!known_is(&known->k, req, req->nodeid))
		return false;
	for (int i = 0; i < QUESTION / 8; i++)
		if (known->question.words[i] != q->words[i])
			return false;
	return true;
}

static __always_inline struct fact_known *fact_find(struct efuse_request *req,
						    const struct question *q)
{
	struct fact *fact = fact_at(req, q);

	for (int i = 0; fact && i < WAYS; i++)
		if (fact_is(&fact->known[i], req, q))
			return &fact->known[i];
	return NULL;
}

/*
 * Whether what was asked then is still so. Where a symbolic link leads never
 * changes; that there is no extended attribute of a name does not by writing.
 */
static __always_inline bool fact_holds(struct efuse_request *req, const struct node *node,
				       int kind, __u64 asked, __s64 size)
{
	if (node->forgotten > asked || !still_may(req, asked))
		return false;
	switch (kind) {
	case ASK_XATTR:
	case ASK_LIST:
		return node->xattr_changed <= asked && (size < 0 || node->data_changed <= asked);
	case ASK_ACCESS:
	case ASK_OPEN:
		return node->xattr_changed <= asked;
	case ASK_SPACE:
		return *(volatile __u64 *)&conn_at(req)->space <= asked;
	default:
		return true;
	}
}

/*
 * What is known, NULL if nothing is that holds, with *outcome saying why. *seq is
 * for read_end() after it was used.
 */
static __always_inline struct fact_known *fact_get(struct efuse_request *req,
						   const struct question *q, __u64 *seq,
						   enum outcome *outcome)
{
	struct node *node = node_at(req, req->nodeid);
	struct fact_known *known = fact_find(req, q);

	if (!node || !known || !read_begin(&known->k, seq) || !fact_is(known, req, q))
		return NULL;
	*outcome = STALE;
	if (!fact_holds(req, node, q->text[QUESTION - 1], known->k.asked, known->size) ||
	    !remaining(known->k.expires))
		return NULL;
	known_use(&known->k);
	return known;
}

/* The answer into the reply, whole. */
static __always_inline bool fact_reply(struct efuse_request *req, const struct fact_known *known)
{
	__u64 size = known->size;

	apart(size);
	if (size > ANSWER)
		return false;
	return !efuse_reply(req, known->answer, size);
}

/* The same for GETXATTR and LISTXATTR: whoever asks with no room wants to know the size. */
static __always_inline int fact_reply_sized(struct efuse_request *req,
					    const struct fact_known *known)
{
	const struct fuse_getxattr_in *in = (const void *)efuse_arg(req, 0, sizeof(*in));
	struct fuse_getxattr_out out = { .size = known->size };

	if (!in || known->size > ANSWER)
		return EFUSE_PASS;
	if (!in->size)
		return efuse_reply(req, &out, sizeof(out)) ? EFUSE_PASS : EFUSE_DONE;
	if (known->size > in->size)
		return -ERANGE;
	return fact_reply(req, known) ? EFUSE_DONE : EFUSE_PASS;
}

static __always_inline struct fact_known *fact_room(struct efuse_request *req,
						    const struct question *q)
{
	struct fact_known *room = fact_find(req, q);
	struct fact *fact = fact_at(req, q);

	if (room || !fact)
		return room;
	return known_room(&fact->known[0].k, sizeof(fact->known[0]));
}

/* size is as in struct fact_known; the answer itself is in the reply. */
static __noinline int fact_store(struct efuse_request *req, const struct question *q,
				 __s64 size, __u64 life)
{
	struct fact_known *room;
	__u64 seq, expires = expiry(life);

	if (!req->cookie || !life)
		return 0;
	room = fact_room(req, q);
	if (!room || !known_begin(&room->k, &seq))
		return 0;
	known_set(&room->k, req, req->nodeid, req->cookie, expires);
	for (int i = 0; i < QUESTION / 8; i++)
		room->question.words[i] = q->words[i];
	room->size = size;
	if (size > 0 && efuse_out_copy(req, 0, 0, room->answer, ANSWER) != size)
		room->k.nodeid = 0;
	known_end(&room->k, seq);
	return 0;
}

static __always_inline void fact_learn(struct efuse_request *req, const struct question *q,
				       __s64 size)
{
	struct node *node = node_at(req, req->nodeid);

	if (node)
		fact_store(req, q, size, unsaid_life(req, node));
}

#endif

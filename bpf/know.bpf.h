/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * know.bpf.h - where what is known is kept.
 *
 * All tables are arrays of places, and a thing's place is a hash of what it is. A
 * place has room for what was learnt of a few things, and the last change of any
 * of those that share it; a table never grows and never forgets a change. What was
 * used least lately makes room. The kernel's hash tables would not do: they reuse
 * an element while somebody reads it.
 */
#ifndef EFUSE_KNOW_BPF_H
#define EFUSE_KNOW_BPF_H

#include "clock.bpf.h"

#define WAYS	4	/* things in a place */

/* What everything known begins with. All but seq is written under it. */
struct known {
	__u64 seq;
	__u64 conn;
	__u64 nodeid;	/* 0: nothing */
	__u64 cred;
	__u64 asked;
	__u64 expires;
	__u64 used;	/* when the place was short of room after it was; a hint */
};

static __always_inline bool known_is(const struct known *k, struct efuse_request *req,
				     __u64 nodeid)
{
	return k->nodeid == nodeid && k->conn == req->conn && k->cred == cred_of(req);
}

/* What was used since its place was last short of room. */
#define USED	FOREVER

/* The smallest is the first to go. */
static __always_inline __u64 known_rank(const struct known *k)
{
	if (!k->nodeid)
		return 0;
	return k->used > k->asked ? k->used : k->asked | 1;
}

/*
 * The one that makes room, of a place whose first is *first, each being size bytes,
 * a constant: what was learnt or used least lately, as of the times at which room was
 * needed. A use costs no time of the clock then, and mostly no store.
 */
static __always_inline void *known_room(struct known *first, __u64 size)
{
	__u64 least = FOREVER, now = clock_now();
	void *room = (void *)first;

	for (int i = 0; i < WAYS; i++) {
		struct known *k = (void *)first + i * size;
		__u64 rank = known_rank(k);

		if (rank < least) {
			least = rank;
			room = k;
		}
		if (k->used == USED)
			k->used = now;
	}
	return room;
}

/* Whether it is ours to write; if not, somebody else is at it: leave it. */
static __always_inline bool known_begin(struct known *k, __u64 *was)
{
	*was = *(volatile __u64 *)&k->seq;
	return !(*was & 1) && __sync_val_compare_and_swap(&k->seq, *was, *was + 1) == *was;
}

static __always_inline void known_set(struct known *k, struct efuse_request *req,
				      __u64 nodeid, __u64 asked, __u64 expires)
{
	k->conn = req->conn;
	k->nodeid = nodeid;
	k->cred = cred_of(req);
	k->asked = asked;
	k->expires = expires;
	k->used = 0;
}

/* Stores are seen in order: x86, where alone the driver is built so far. */
static __always_inline void known_end(struct known *k, __u64 was)
{
	barrier();
	*(volatile __u64 *)&k->seq = was + 2;
}

static __always_inline bool read_begin(const struct known *k, __u64 *was)
{
	*was = *(volatile __u64 *)&k->seq;
	barrier();
	return !(*was & 1);
}

/* Whether what was read since is whole. */
static __always_inline bool read_end(const struct known *k, __u64 was)
{
	barrier();
	return *(volatile __u64 *)&k->seq == was;
}

static __always_inline void known_use(struct known *k)
{
	if (k->used != USED)
		k->used = USED;
}

/* --- which place ------------------------------------------------------------ */

#define SPREAD	0x9E3779B97F4A7C15ULL

static __always_inline __u64 mix(__u64 a, __u64 b)
{
	a = (a ^ b) * SPREAD;
	return a ^ a >> 29;
}

static __always_inline __u64 hash_of(struct efuse_request *req, __u64 nodeid)
{
	return mix(req->conn * SPREAD, nodeid);
}

/* A connection that may use few places has a range of them, anywhere. */
static __always_inline __u32 place_of(struct efuse_request *req, __u64 hash)
{
	__u32 bits = req->param[0] >> 8 & 31;

	return bits ? mix(req->conn, 1) + (hash & ((1U << bits) - 1)) : hash;
}

/* --- what a connection has done ---------------------------------------------- */

#define CONNS	256	/* a power of two */

struct conn {
	__u64 permissions;	/* who may do what, last changed */
	__u64 space;		/* what STATFS says, likewise */
};

static struct conn conns[CONNS];

static __always_inline struct conn *conn_at(struct efuse_request *req)
{
	return &conns[req->conn & (CONNS - 1)];	/* they are numbered */
}

/*
 * Whether what was answered to somebody would still be, as far as permissions go:
 * the file system that decides them may look at any folder above.
 */
static __always_inline bool still_may(struct efuse_request *req, __u64 asked)
{
	return req->flags & EFUSE_REQ_PERMISSIONS ||
	       *(volatile __u64 *)&conn_at(req)->permissions <= asked;
}

/* Whoever changes them: others may be answered differently. */
static __always_inline void permissions_changed(struct efuse_request *req)
{
	clock_mark(&conn_at(req)->permissions);
}

/* STATFS is remembered for a time alone. */
static __always_inline void space_changed(struct efuse_request *req)
{
	if (mode_of(req) == MODE_TIMEOUT)
		clock_mark(&conn_at(req)->space);
}

#endif

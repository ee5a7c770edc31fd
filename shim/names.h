/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * names.h - which nodes have a name, as far as requests and replies tell. For
 * lights.h: what has none may be gone with the next handle that is released.
 *
 * A node has a name while by_node says which, and by_key says that this name is
 * the node's: so far a reply said so, and no request seen since takes the name
 * away. Whatever is lost - by eviction from either table, by two names with the
 * same key, by FORGET, by a name that becomes another node's - leaves a node
 * without a name, and its opens to the daemon, which is always right. Of several
 * names of a node the latest counts: when that goes, the others are not known of.
 *
 * A name is taken when the request comes and, since look-ups go on meanwhile, again
 * when it is answered. A reply gives a name only if the name was not taken since
 * its own request came: what the daemon answered may be older than the removal.
 *
 * A name is a key, a hash of it and of its folder's node; 0 is no name, and ignored.
 * `epoch` is the caller's count, from 1 on, which goes up before anything is taken.
 * The caller's lock protects all.
 */
#ifndef EFUSE_SHIM_NAMES_H
#define EFUSE_SHIM_NAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <linux/fuse.h>

#define NAMES_SETS	8192u
#define NAMES_WAYS	8u
#define NAMES_TAKEN	1024u

struct names_pair {
	uint64_t from, to;		/* from is 0 when free */
};

/* Zero when made. */
struct names {
	struct names_pair by_key[NAMES_SETS][NAMES_WAYS];	/* to a node */
	struct names_pair by_node[NAMES_SETS][NAMES_WAYS];	/* to a key */
	uint64_t taken[NAMES_TAKEN];	/* the epoch when a key of this hash was taken */
	unsigned int turn;		/* which way is evicted next */
};

/* What a request does with the names in it. */
enum names_use {
	NAMES_NONE,
	NAMES_GIVES,	/* its reply says which node has the first */
	NAMES_TAKES,	/* both are gone */
	NAMES_MOVES,	/* that, and the first's node has the second if it succeeds */
};

/*
 * The use of the request with header IN and LEN bytes at OP behind it, and the KEYs
 * of its two names, or 0. Touches nothing else: no lock.
 */
enum names_use names_read(const struct fuse_in_header *in, const char *op, size_t len,
			  uint64_t key[2]);

/* The key of NAME, LEN bytes, in folder PARENT; 0 for one that keeps no file. */
uint64_t names_key(uint64_t parent, const char *name, size_t len);

/* Whether NODE has a name. The root needs none. */
bool names_has(struct names *n, uint64_t node);

/* The node that KEY leads to, or 0. */
uint64_t names_node(struct names *n, uint64_t key);

/* KEY is NODE's. Ignored when either is 0. */
void names_put(struct names *n, uint64_t key, uint64_t node);

/* The same by the reply to a request that came at EPOCH; NODE is 0 for nobody's. */
void names_give(struct names *n, uint64_t key, uint64_t node, uint64_t epoch);

/* KEY is nobody's, at EPOCH, which is now. */
void names_take(struct names *n, uint64_t key, uint64_t epoch);

/* Whether KEY was taken after EPOCH, or perhaps another was. */
bool names_taken(const struct names *n, uint64_t key, uint64_t epoch);

/* NODE is forgotten: its number may be another file's. */
void names_forget(struct names *n, uint64_t node);

/* No node has a name any more. */
void names_clear(struct names *n);

#endif

// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * names.c - which nodes have a name. See names.h.
 */
#include <linux/fs.h>
#include <string.h>

#include "shim/names.h"

#define NOWHERE	SIZE_MAX
#define HIDDEN	".fuse_hidden"

/* --- a table of pairs ---------------------------------------------------------- */

static struct names_pair *set_of(struct names_pair (*table)[NAMES_WAYS], uint64_t from)
{
	return table[(from * 0x9e3779b97f4a7c15u >> 40) % NAMES_SETS];
}

static struct names_pair *find(struct names_pair (*table)[NAMES_WAYS], uint64_t from)
{
	struct names_pair *set = set_of(table, from);

	for (unsigned int i = 0; from && i < NAMES_WAYS; i++)
		if (set[i].from == from)
			return &set[i];
	return NULL;
}

static void put(struct names *n, struct names_pair (*table)[NAMES_WAYS], uint64_t from,
		uint64_t to)
{
	struct names_pair *set = set_of(table, from), *p = find(table, from);

	for (unsigned int i = 0; !p && i < NAMES_WAYS; i++)
		if (!set[i].from)
			p = &set[i];
	if (!p)
		p = &set[n->turn++ % NAMES_WAYS];
	*p = (struct names_pair){ from, to };
}

static void drop(struct names_pair (*table)[NAMES_WAYS], uint64_t from)
{
	struct names_pair *p = find(table, from);

	if (p)
		p->from = 0;
}

/* --- names ---------------------------------------------------------------------- */

bool names_has(struct names *n, uint64_t node)
{
	struct names_pair *key = find(n->by_node, node);

	return node == FUSE_ROOT_ID || (key && names_node(n, key->to) == node);
}

uint64_t names_node(struct names *n, uint64_t key)
{
	struct names_pair *p = find(n->by_key, key);

	return p ? p->to : 0;
}

void names_put(struct names *n, uint64_t key, uint64_t node)
{
	if (!key || !node)
		return;
	put(n, n->by_key, key, node);
	put(n, n->by_node, node, key);
}

void names_give(struct names *n, uint64_t key, uint64_t node, uint64_t epoch)
{
	if (node && !names_taken(n, key, epoch))
		names_put(n, key, node);
	else
		drop(n->by_key, key);
}

void names_take(struct names *n, uint64_t key, uint64_t epoch)
{
	if (!key)
		return;
	drop(n->by_key, key);
	n->taken[key % NAMES_TAKEN] = epoch;
}

bool names_taken(const struct names *n, uint64_t key, uint64_t epoch)
{
	return n->taken[key % NAMES_TAKEN] > epoch;
}

void names_forget(struct names *n, uint64_t node)
{
	drop(n->by_node, node);
}

void names_clear(struct names *n)
{
	memset(n->by_node, 0, sizeof(n->by_node));
}

/* --- requests ------------------------------------------------------------------- */

/*
 * What libfuse calls HIDDEN it removes by itself, with the last handle of the
 * file. FNV-1a: that two names can be made to have one key does no harm.
 */
uint64_t names_key(uint64_t parent, const char *name, size_t len)
{
	uint64_t key = (parent ^ 0xcbf29ce484222325u) * 0x9e3779b97f4a7c15u;

	if (!len || (len <= 2 && memcmp(name, "..", len) == 0) ||
	    (len >= strlen(HIDDEN) && memcmp(name, HIDDEN, strlen(HIDDEN)) == 0))
		return 0;
	for (size_t i = 0; i < len; i++)
		key = (key ^ (unsigned char)name[i]) * 0x100000001b3u;
	return key ? key : 1;
}

/* Where behind the header of an OPCODE request its first name begins. */
static size_t name_at(uint32_t opcode)
{
	switch (opcode) {
	case FUSE_LOOKUP:
	case FUSE_UNLINK:
	case FUSE_RMDIR:
	case FUSE_SYMLINK:
		return 0;
	case FUSE_MKDIR:
		return sizeof(struct fuse_mkdir_in);
	case FUSE_LINK:
		return sizeof(struct fuse_link_in);
	case FUSE_RENAME:
		return sizeof(struct fuse_rename_in);
	case FUSE_MKNOD:
		return sizeof(struct fuse_mknod_in);
	case FUSE_CREATE:
		return sizeof(struct fuse_create_in);
	case FUSE_RENAME2:
		return sizeof(struct fuse_rename2_in);
	default:
		return NOWHERE;
	}
}

/* OP is long enough for what comes before the names. */
static enum names_use use_of(uint32_t opcode, const char *op)
{
	struct fuse_rename2_in in;

	switch (opcode) {
	case FUSE_UNLINK:
	case FUSE_RMDIR:
		return NAMES_TAKES;
	case FUSE_RENAME:
		return NAMES_MOVES;
	case FUSE_RENAME2:	/* not an exchange, say */
		memcpy(&in, op, sizeof(in));
		return in.flags & ~(uint32_t)RENAME_NOREPLACE ? NAMES_TAKES : NAMES_MOVES;
	default:
		return NAMES_GIVES;
	}
}

enum names_use names_read(const struct fuse_in_header *in, const char *op, size_t len,
			  uint64_t key[2])
{
	size_t at = name_at(in->opcode), n;
	uint64_t newdir;

	key[0] = key[1] = 0;
	if (at >= len)
		return NAMES_NONE;
	n = strnlen(op + at, len - at);
	key[0] = names_key(in->nodeid, op + at, n);
	at += n + 1;
	if ((in->opcode == FUSE_RENAME || in->opcode == FUSE_RENAME2) && at < len) {
		memcpy(&newdir, op, sizeof(newdir));
		key[1] = names_key(newdir, op + at, strnlen(op + at, len - at));
	}
	return use_of(in->opcode, op);
}

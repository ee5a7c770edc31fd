// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * cache.c - the cache policy. See cache.h.
 *
 * All lengths come from the daemon. Nothing is read or written beyond what the
 * header says and the kernel would take; tests/t-cache.c and fuzz-cache.c hold
 * it to that.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "shim/cache.h"
#include "shim/config.h"
#include "shim/proto.h"

#define FOREVER		UINT32_MAX	/* seconds; the kernel cuts it to what it can count */
#define ODD_BITS	65536u
#define OPENED		16384u
#define ASKED		4096u
#define ASKED_PROBES	16u
#define ASKED_BUSY	1u		/* no request has an odd unique id */

/* What <linux/fuse.h> of 7.38 does not have yet, or has under a name of 7.36. */
#define OP_STATX	52
#define OP_TMPFILE	51
#define OPEN_PASSTHROUGH (1u << 7)

struct statx_out {
	uint64_t attr_valid;
	uint32_t attr_valid_nsec;
	uint32_t flags;
	uint64_t spare[2];
	uint32_t mask, blksize;
	uint64_t attributes;
	uint32_t nlink, uid, gid;
	uint16_t mode, spare0;
	char rest[224];
};

_Static_assert(sizeof(struct statx_out) == 288, "FUSE_STATX");

/* A node and when an open last emptied it; under `busy`, which nobody waits for. */
struct opened {
	uint64_t node;
	uint64_t since;
	int busy;
};

/* A request at the daemon: `unique` is 0 when free, ASKED_BUSY while in use. */
struct asked {
	uint64_t unique;
	struct cache_request req;
};

struct cache {
	struct cache_policy policy;
	uint32_t minor;
	uint32_t offered;
	void *spare;			/* a buffer nobody uses now; atomic */
	uint64_t odd[ODD_BITS / 64];	/* atomic */
	struct opened opened[OPENED];
	struct asked asked[ASKED];
};

/* How long an answer holds. */
struct span {
	uint64_t sec;
	uint32_t nsec;
};

/* --- the policy ----------------------------------------------------------- */

static int mode_of(const char *word)
{
	static const char *const words[] = {
		[STATS_CACHE_AUTO] = "auto", [STATS_CACHE_ALWAYS] = "always",
		[STATS_CACHE_TIMEOUT] = NULL, [STATS_CACHE_NONE] = "none",
	};

	for (unsigned int i = 0; i <= STATS_CACHE_NONE; i++)
		if (words[i] && strcmp(word, words[i]) == 0)
			return (int)i;
	return -EINVAL;
}

int cache_policy_read(struct cache_policy *p, const char *mode, const char *timeout)
{
	int word = mode ? mode_of(mode) : STATS_CACHE_AUTO;
	uint64_t ns = 0;

	*p = (struct cache_policy){ .mode = STATS_CACHE_AUTO };
	if (word < 0 || (timeout && config_seconds(timeout, &ns)))
		return -EINVAL;
	if (mode && timeout && (word != STATS_CACHE_NONE || ns))
		return -EINVAL;
	p->mode = (enum stats_cache)word;
	if (timeout)
		p->mode = ns ? STATS_CACHE_TIMEOUT : STATS_CACHE_NONE;
	p->ns = ns;
	return 0;
}

/* The tables cost memory only where they are used: calloc(3) maps them. */
struct cache *cache_new(const struct cache_policy *p)
{
	struct cache *c;

	if (p->mode == STATS_CACHE_AUTO)
		return NULL;
	c = calloc(1, sizeof(*c));
	if (c)
		c->policy = *p;
	return c;
}

void cache_free(struct cache *c)
{
	if (!c)
		return;
	free(c->spare);
	free(c);
}

static struct span span_of(const struct cache *c)
{
	switch (c->policy.mode) {
	case STATS_CACHE_ALWAYS:
		return (struct span){ .sec = FOREVER };
	case STATS_CACHE_TIMEOUT:
		return (struct span){ .sec = c->policy.ns / 1000000000u,
				      .nsec = (uint32_t)(c->policy.ns % 1000000000u) };
	default:
		return (struct span){ .sec = 0 };
	}
}

/* --- INIT ----------------------------------------------------------------- */

void cache_offer(struct cache *c, uint32_t flags)
{
	c->offered = flags;
}

/*
 * always: symbolic links as well; whether the kernel looks at modification
 * times stays the daemon's choice, it would only drop what it wrote itself.
 * timeout: it must look, or nothing that stays open would be seen to change.
 */
static uint32_t init_flags(const struct cache *c, uint32_t flags)
{
	switch (c->policy.mode) {
	case STATS_CACHE_ALWAYS:
		return flags | (c->offered & FUSE_CACHE_SYMLINKS);
	case STATS_CACHE_TIMEOUT:
		flags &= ~(uint32_t)(FUSE_CACHE_SYMLINKS | FUSE_EXPLICIT_INVAL_DATA);
		return flags | (c->offered & FUSE_AUTO_INVAL_DATA);
	default:
		return flags & ~(uint32_t)(FUSE_CACHE_SYMLINKS | FUSE_EXPLICIT_INVAL_DATA);
	}
}

bool cache_init(struct cache *c, void *msg, size_t size, uint32_t minor)
{
	struct fuse_init_out *init = (void *)((struct fuse_out_header *)msg + 1);
	uint32_t flags;

	c->minor = minor;
	if (size < sizeof(struct fuse_out_header) + offsetof(struct fuse_init_out, max_background))
		return false;	/* before 7.6 there were no flags */
	flags = init_flags(c, init->flags);
	if (flags == init->flags)
		return false;
	init->flags = flags;
	return true;
}

/* --- odd nodes, and when a node was last emptied --------------------------- */

static uint32_t hash(uint64_t node)
{
	return (uint32_t)((node * 0x9e3779b97f4a7c15u) >> 32);
}

static void odd_set(struct cache *c, uint64_t node)
{
	uint32_t bit = hash(node) % ODD_BITS;

	__atomic_or_fetch(&c->odd[bit / 64], 1ull << (bit % 64), __ATOMIC_RELAXED);
}

static bool odd_get(struct cache *c, uint64_t node)
{
	uint32_t bit = hash(node) % ODD_BITS;

	return __atomic_load_n(&c->odd[bit / 64], __ATOMIC_RELAXED) >> (bit % 64) & 1;
}

bool cache_keeps(struct cache *c, uint64_t node)
{
	return !odd_get(c, node);
}

/*
 * Whether what the page cache has of NODE is younger than the policy's time. If
 * it is not, or nobody knows, the caller's open empties it, and that is noted.
 */
static bool is_young(struct cache *c, uint64_t node, uint64_t now)
{
	struct opened *o = &c->opened[hash(node) % OPENED];
	bool young;

	if (__atomic_exchange_n(&o->busy, 1, __ATOMIC_ACQUIRE))
		return false;
	young = o->node == node && now - o->since < c->policy.ns;
	if (!young) {
		o->node = node;
		o->since = now;
	}
	__atomic_store_n(&o->busy, 0, __ATOMIC_RELEASE);
	return young;
}

/* --- replies --------------------------------------------------------------- */

static bool set_span(uint64_t *sec, uint32_t *nsec, struct span span)
{
	bool changed = *sec != span.sec || *nsec != span.nsec;

	*sec = span.sec;
	*nsec = span.nsec;
	return changed;
}

static struct span shorter(struct span a, struct span b)
{
	return a.sec < b.sec || (a.sec == b.sec && a.nsec < b.nsec) ? a : b;
}

/* How long attributes of a node with MODE and NLINK hold; the daemon said OWN. */
static struct span attr_span(struct cache *c, uint64_t node, uint32_t mode, uint32_t nlink,
			     struct span own)
{
	if (!S_ISREG(mode) || nlink <= 1)
		return span_of(c);
	odd_set(c, node);
	return shorter(own, span_of(c));
}

static bool set_entry(struct cache *c, struct fuse_entry_out *e)
{
	struct span own = { e->attr_valid, e->attr_valid_nsec };
	bool changed = set_span(&e->entry_valid, &e->entry_valid_nsec, span_of(c));

	if (!e->nodeid)
		return changed;	/* no such name: there are no attributes */
	return set_span(&e->attr_valid, &e->attr_valid_nsec,
			attr_span(c, e->nodeid, e->attr.mode, e->attr.nlink, own)) || changed;
}

static bool set_attr(struct cache *c, uint64_t node, struct fuse_attr_out *a)
{
	struct span own = { a->attr_valid, a->attr_valid_nsec };

	return set_span(&a->attr_valid, &a->attr_valid_nsec,
			attr_span(c, node, a->attr.mode, a->attr.nlink, own));
}

static bool set_statx(struct cache *c, uint64_t node, struct statx_out *a)
{
	struct span own = { a->attr_valid, a->attr_valid_nsec };

	return set_span(&a->attr_valid, &a->attr_valid_nsec,
			attr_span(c, node, a->mode, a->nlink, own));
}

/* May the page cache keep what it has of NODE over this open? OWN: the daemon says so. */
static bool may_keep(struct cache *c, uint64_t node, bool own, uint64_t now)
{
	if (c->policy.mode == STATS_CACHE_ALWAYS)
		return own || !odd_get(c, node);
	return !odd_get(c, node) && is_young(c, node, now);
}

/*
 * A daemon that asks for direct I/O wants to see every read, and what is passed
 * through to another file takes no other flag: such opens get nothing added.
 */
static bool set_open(struct cache *c, uint64_t node, struct fuse_open_out *open, bool dir,
		     uint64_t now)
{
	uint32_t flags = open->open_flags, own = flags & FOPEN_KEEP_CACHE;

	flags &= ~(uint32_t)FOPEN_KEEP_CACHE;
	if (c->policy.mode == STATS_CACHE_NONE) {
		flags &= ~(uint32_t)FOPEN_CACHE_DIR;
	} else if (flags & (FOPEN_DIRECT_IO | FOPEN_STREAM | FOPEN_NONSEEKABLE |
			    OPEN_PASSTHROUGH)) {
		odd_set(c, node);
		flags |= c->policy.mode == STATS_CACHE_ALWAYS ? own : 0;
	} else {
		flags |= dir ? FOPEN_CACHE_DIR : 0;
		flags |= may_keep(c, node, own, now) ? FOPEN_KEEP_CACHE : 0;
	}
	if (flags == open->open_flags)
		return false;
	open->open_flags = flags;
	return true;
}

/* Sizes of struct fuse_entry_out and fuse_attr_out before 7.9. */
static size_t entry_size(const struct cache *c)
{
	return c->minor < 9 ? FUSE_COMPAT_ENTRY_OUT_SIZE : sizeof(struct fuse_entry_out);
}

static size_t attr_size(const struct cache *c)
{
	return c->minor < 9 ? FUSE_COMPAT_ATTR_OUT_SIZE : sizeof(struct fuse_attr_out);
}

/* CREATE and TMPFILE: an entry, and behind it what OPEN answers. */
static bool set_created(struct cache *c, void *body, size_t size, uint64_t now)
{
	struct fuse_entry_out *e = body;
	bool changed;

	if (size != entry_size(c) + sizeof(struct fuse_open_out))
		return false;
	changed = set_entry(c, e);
	return set_open(c, e->nodeid, (void *)((char *)body + entry_size(c)), false, now) ||
	       changed;
}

static bool set_dirents(struct cache *c, char *body, size_t size)
{
	struct fuse_direntplus *d;
	bool changed = false;

	while ((d = proto_dirent_next(&body, &size)))
		if (d->entry_out.nodeid)
			changed |= set_entry(c, &d->entry_out);
	return changed;
}

/*
 * "No such name" as an entry with node 0, which the kernel keeps for the entry's
 * time. It takes no look-up count, so the daemon will not hear of a FORGET. Other
 * errors may pass, or be only this caller's.
 */
static bool set_missing(struct cache *c, struct fuse_out_header *out, void *body, size_t room)
{
	struct fuse_entry_out *e = body;

	if (c->policy.mode == STATS_CACHE_NONE || c->minor < 4 || room < sizeof(*e))
		return false;
	memset(e, 0, sizeof(*e));
	set_entry(c, e);
	out->error = 0;
	out->len = (uint32_t)(sizeof(*out) + entry_size(c));
	return true;
}

static bool set_body(struct cache *c, const struct cache_request *req, void *body, size_t size,
		     uint64_t now)
{
	switch (req->opcode) {
	case FUSE_LINK:
		odd_set(c, req->linked);
		__attribute__((fallthrough));
	case FUSE_LOOKUP:
	case FUSE_MKNOD:
	case FUSE_MKDIR:
	case FUSE_SYMLINK:
		return size == entry_size(c) && set_entry(c, body);
	case FUSE_GETATTR:
	case FUSE_SETATTR:
		return size == attr_size(c) && set_attr(c, req->nodeid, body);
	case OP_STATX:
		return size == sizeof(struct statx_out) && set_statx(c, req->nodeid, body);
	case FUSE_OPEN:
	case FUSE_OPENDIR:
		return size == sizeof(struct fuse_open_out) &&
		       set_open(c, req->nodeid, body, req->opcode == FUSE_OPENDIR, now);
	case FUSE_CREATE:
	case OP_TMPFILE:
		return set_created(c, body, size, now);
	case FUSE_READDIRPLUS:
		return set_dirents(c, body, size);
	default:
		return false;
	}
}

bool cache_reply(struct cache *c, const struct cache_request *req, struct fuse_out_header *out,
		 void *body, size_t room, uint64_t now)
{
	size_t size = out->len - sizeof(*out);

	if (out->error)
		return out->error == -ENOENT && !size && req->opcode == FUSE_LOOKUP &&
		       set_missing(c, out, body, room);
	return set_body(c, req, body, size, now);
}

bool cache_notice(const struct cache *c, const struct cache_request *req,
		  const struct fuse_out_header *out, struct cache_notice *notice)
{
	if (req->opcode != FUSE_LINK || out->error || !req->linked ||
	    c->policy.mode == STATS_CACHE_NONE)
		return false;
	*notice = (struct cache_notice){
		.out = { .len = sizeof(*notice), .error = FUSE_NOTIFY_INVAL_INODE },
		.arg = { .ino = req->linked, .off = -1 },
	};
	return true;
}

bool cache_concerns(uint32_t opcode)
{
	switch (opcode) {
	case FUSE_LOOKUP:
	case FUSE_GETATTR:
	case FUSE_SETATTR:
	case FUSE_SYMLINK:
	case FUSE_MKNOD:
	case FUSE_MKDIR:
	case FUSE_LINK:
	case FUSE_OPEN:
	case FUSE_OPENDIR:
	case FUSE_CREATE:
	case FUSE_READDIRPLUS:
	case OP_TMPFILE:
	case OP_STATX:
		return true;
	default:
		return false;
	}
}

/* --- requests --------------------------------------------------------------- */

void cache_request_read(struct cache_request *req, const void *in, const void *op)
{
	struct fuse_in_header hdr;

	memcpy(&hdr, in, sizeof(hdr));
	*req = (struct cache_request){ .opcode = hdr.opcode, .nodeid = hdr.nodeid };
	if (hdr.opcode == FUSE_LINK && hdr.len >= sizeof(hdr) + sizeof(struct fuse_link_in))
		memcpy(&req->linked, op, sizeof(req->linked));
}

static struct asked *asked_slot(struct cache *c, uint64_t unique, unsigned int probe)
{
	return &c->asked[(hash(unique) + probe) % ASKED];
}

/* From FROM to ASKED_BUSY: the slot is the calling thread's. */
static bool asked_take(struct asked *a, uint64_t from)
{
	return __atomic_load_n(&a->unique, __ATOMIC_RELAXED) == from &&
	       __atomic_compare_exchange_n(&a->unique, &from, ASKED_BUSY, false,
					   __ATOMIC_ACQUIRE, __ATOMIC_RELAXED);
}

void cache_ask(struct cache *c, const void *msg, size_t size)
{
	struct fuse_in_header hdr;
	unsigned int i;

	if (size < sizeof(hdr))
		return;
	memcpy(&hdr, msg, sizeof(hdr));
	if (!cache_concerns(hdr.opcode) || hdr.len > size || hdr.unique <= ASKED_BUSY)
		return;
	for (i = 0; i < ASKED_PROBES; i++) {
		struct asked *a = asked_slot(c, hdr.unique, i);

		if (!asked_take(a, 0))
			continue;
		cache_request_read(&a->req, msg, (const char *)msg + sizeof(hdr));
		__atomic_store_n(&a->unique, hdr.unique, __ATOMIC_RELEASE);
		return;
	}
}

bool cache_recall(struct cache *c, uint64_t unique, struct cache_request *req)
{
	unsigned int i;

	for (i = 0; unique > ASKED_BUSY && i < ASKED_PROBES; i++) {
		struct asked *a = asked_slot(c, unique, i);

		if (!asked_take(a, unique))
			continue;
		*req = a->req;
		__atomic_store_n(&a->unique, 0, __ATOMIC_RELEASE);
		return true;
	}
	return false;
}

/* --- a buffer ---------------------------------------------------------------- */

#define BUFFER_USUAL	(128u << 10)

void *cache_buffer(struct cache *c, size_t size)
{
	void *buffer;

	if (size > BUFFER_USUAL)
		return malloc(size);
	buffer = __atomic_exchange_n(&c->spare, NULL, __ATOMIC_ACQUIRE);
	return buffer ? buffer : malloc(BUFFER_USUAL);
}

void cache_buffer_back(struct cache *c, void *buffer)
{
	void *none = NULL;

	/* Which size it has is not remembered; the smallest there can be is enough. */
	if (!__atomic_compare_exchange_n(&c->spare, &none, buffer, false, __ATOMIC_RELEASE,
					 __ATOMIC_RELAXED))
		free(buffer);
}

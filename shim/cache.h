/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cache.h - the cache policy: what the kernel may keep of the daemon's answers,
 * and for how long, as the mounting user and not the daemon says.
 *
 * Only the protocol's own means: the times in replies, the flags of OPEN and
 * INIT. It changes copies of the daemon's messages on their way, never what
 * the daemon holds, and asks the daemon nothing. A message that is not exactly
 * what the protocol says is left for the kernel to judge.
 *
 *   auto     there is no struct cache: every byte stays as it is
 *   always   names, attributes and missing names hold until they are changed
 *            through the mount or the daemon notifies; contents, directories and
 *            symbolic links stay in the page cache
 *            (and lights.h spares the daemon most opens)
 *   timeout  the same for so long, and no longer: a file or directory that was
 *            last emptied from the page cache before that is emptied at its next
 *            open, the kernel compares modification times meanwhile, and symbolic
 *            links, which it would never look at again, are not kept
 *   none     times are 0; nothing is kept from one open to the next
 *
 * A regular file with more than one link may be several nodes to the kernel,
 * and a change by one name would not reach what is kept under the other. Such
 * nodes keep the daemon's own times (timeout: if shorter) and are emptied at open;
 * so are those that the daemon opened for direct I/O. A set of bits remembers
 * them, by a hash: a wrong guess keeps less than it could.
 */
#ifndef EFUSE_SHIM_CACHE_H
#define EFUSE_SHIM_CACHE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <linux/fuse.h>

#include "shim/stats.h"

struct cache_policy {
	enum stats_cache mode;
	uint64_t ns;		/* of STATS_CACHE_TIMEOUT */
};

/* What must be known of a request to change its reply. */
struct cache_request {
	uint32_t opcode;
	uint64_t nodeid;
	uint64_t linked;	/* LINK: the node that gets another name */
};

struct cache;

/*
 * Reads what was asked for, each text NULL when it was not. A time of 0 is
 * `none`. Returns 0, or -EINVAL for what is unknown, out of range or
 * contradictory; the policy is `auto` then.
 */
int cache_policy_read(struct cache_policy *p, const char *mode, const char *timeout);

/* For one connection. NULL for `auto`, and without memory. */
struct cache *cache_new(const struct cache_policy *p);
void cache_free(struct cache *c);	/* C may be NULL */

/* The INIT request whose FLAGS are what the kernel offers. */
void cache_offer(struct cache *c, uint32_t flags);

/*
 * The reply to it, SIZE bytes at MSG, accepted by proto_init_agreed() and changed
 * in place; MINOR is what it agreed on. Returns whether it was changed.
 */
bool cache_init(struct cache *c, void *msg, size_t size, uint32_t minor);

/* Whether the page cache may keep NODE, as far as its links and opens tell. */
bool cache_keeps(struct cache *c, uint64_t node);

/*
 * The request whose header is IN. OP, what follows it, is looked at for the
 * opcodes of which the kernel makes it at least 8 bytes long.
 */
void cache_request_read(struct cache_request *req, const void *in, const void *op);

/* Whether a reply to OPCODE may have to be changed. */
bool cache_concerns(uint32_t opcode);

/*
 * Changes the reply to REQ: header OUT, checked by proto_check_out(), and behind
 * it OUT->len - sizeof(*OUT) bytes at BODY, 8-byte aligned, with ROOM for at least
 * a struct fuse_entry_out. OUT->len follows. NOW is CLOCK_MONOTONIC in ns. Any
 * thread. Returns whether anything was changed.
 */
bool cache_reply(struct cache *c, const struct cache_request *req, struct fuse_out_header *out,
		 void *body, size_t room, uint64_t now);

/* A notification of the shim's own. */
struct cache_notice {
	struct fuse_out_header out;
	struct fuse_notify_inval_inode_out arg;
};

/*
 * After a LINK the kernel believes what it knows of the node that got another
 * name, its number of links included. Whether OUT is the answer to one that
 * succeeded, and NOTICE what the kernel has to be told before it gets it: to
 * forget the attributes of that node, and nothing that it would have to wait for.
 */
bool cache_notice(const struct cache *c, const struct cache_request *req,
		  const struct fuse_out_header *out, struct cache_notice *notice);

/*
 * For a channel that does not keep requests: remembers the one of SIZE bytes at
 * MSG if its reply is of concern, and finds it again, once, by its unique id.
 * Any thread, no lock. When very many are unanswered one is not remembered, and
 * its reply stays as it is.
 */
void cache_ask(struct cache *c, const void *msg, size_t size);
bool cache_recall(struct cache *c, uint64_t unique, struct cache_request *req);

/* A buffer of SIZE bytes for one reply, mostly without allocating. NULL: no memory. */
void *cache_buffer(struct cache *c, size_t size);
void cache_buffer_back(struct cache *c, void *buffer);

#endif

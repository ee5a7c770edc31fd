/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * policy.h - a connection under a cache policy: when cache.c begins to act on
 * it, what it did to a reply, and telling the kernel and the counters.
 */
#ifndef EFUSE_SHIM_POLICY_H
#define EFUSE_SHIM_POLICY_H

#include "shim/cache.h"
#include "shim/proto.h"
#include "shim/session.h"

/*
 * An INIT request that offers OFFERED came in: from here on S has the policy that
 * was asked for. Only while INIT is at nobody else's.
 */
void policy_begin(struct session *s, uint32_t offered);

/*
 * The daemon's INIT reply of SIZE bytes at MSG, which says AGREED: changed in place
 * as the policy has it. A daemon with rings of its own answers where nobody else
 * sees it, and S is without a policy then.
 */
void policy_agreed(struct session *s, void *msg, size_t size, const struct proto_agreed *agreed);

/* Nobody uses S any more. */
void policy_end(struct session *s);

/* What to add to a reason for which requests are not seen: words, or "". */
const char *policy_lost(void);

/*
 * Changes the reply to REQ as cache_reply() does; S has a policy. FD is the
 * device. Any thread, before the kernel gets the reply.
 */
void policy_reply(struct session *s, int fd, const struct cache_request *req,
		  struct fuse_out_header *out, void *body, size_t room);

#endif

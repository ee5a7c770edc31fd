/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * lights.h - light opens: under the policy `always`, a file or folder that the
 * daemon has opened for reading before, for the same user, with the same flags,
 * is opened again without asking it.
 *
 * The kernel asks OPEN and RELEASE of every open(2), also when it then reads
 * nothing but its own cache. A light open is answered with a handle of ours. When
 * the kernel wants something of it after all, that request waits while the daemon
 * opens the file for real, by an OPEN with the unique id of the request that
 * waits; then it goes on with the daemon's own handle. A light handle never
 * reaches the daemon, and the daemon's never reaches the kernel in its place.
 *
 * What a request can take away - the name, the right to open - it takes from
 * later opens only: before a request that disturbs (rename, removal, a change of
 * mode or owner, a link, an extended attribute) every light handle is opened for
 * real, and from then until its reply nothing is opened lightly. What was known
 * before it is forgotten. One that the daemon cannot open just now (no descriptor,
 * no memory, interrupted) fails the request that disturbs: else that would take
 * the file from who has it open. One that it will not open would not open later.
 *
 * A light handle keeps nothing alive in the daemon: only a name does. An open(2)
 * that found its file by a name taken meanwhile is granted as long as somebody has
 * the file open (.fuse_hidden of libfuse), and no later one may count on that. So
 * what may be opened lightly must have a name that was answered, and that no
 * request since has taken away: see names.h.
 *
 * The caller keeps a ticket for every request. `lock` protects everything.
 */
#ifndef EFUSE_SHIM_LIGHTS_H
#define EFUSE_SHIM_LIGHTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <linux/fuse.h>

#include "shim/names.h"

struct light;
struct lights;

/* Zero when made; belongs to one request at a time. */
struct lights_ticket {
	struct lights_ticket *next;	/* parked */
	struct light *opening;		/* the daemon's next answer is its handle */
	int error;			/* of the OPEN that went instead of it */
	bool disturbs;
	uint64_t epoch;			/* when it came */
	enum names_use use;		/* of the names in it: */
	uint64_t key[2];
	uint64_t moves;			/* RENAME: the node that gets the second name */
};

enum lights_verdict {
	LIGHTS_DAEMON,		/* for the daemon, as it is in the buffer now */
	LIGHTS_ANSWERED,	/* by what is in the answer */
	LIGHTS_PARKED,		/* comes out of lights_opened(), to be looked at anew */
	LIGHTS_INSTEAD,		/* the buffer has an OPEN: its reply is for lights_opened() */
};

struct lights_answer {
	struct fuse_out_header out;
	struct fuse_open_out open;
};

/* NULL without memory. */
struct lights *lights_new(void);
void lights_free(struct lights *l);	/* L may be NULL */

/*
 * Looks at the request of *LEN bytes at MSG, 8-byte aligned or not, in a buffer
 * of ROOM bytes. *LEN follows what is put there. KEEP: its node may be opened lightly.
 */
enum lights_verdict lights_request(struct lights *l, struct lights_ticket *t, char *msg,
				   size_t *len, size_t room, bool keep,
				   struct lights_answer *answer);

/* The same for what came by the device: FORGET, mostly. It goes to the daemon. */
void lights_device(struct lights *l, const void *msg, size_t len);

/*
 * The daemon's notification, LEN bytes of it or more at MSG, before the kernel gets
 * it: who opens what changed asks the daemon again, and what a name led to may be gone.
 */
void lights_notified(struct lights *l, const void *msg, size_t len);

/*
 * In the child after fork(2), its only thread: handles go on, but what the parent
 * does from now on is not known here, so there are no new ones.
 */
void lights_forked(struct lights *l);

/*
 * The reply to a request that went to the daemon, or failed before: REQ is its
 * header, OP what followed it (as long as the opcode says), ERROR and the SIZE bytes
 * at BODY, 8-byte aligned, what the kernel gets. KEEP: the node may be opened lightly.
 */
void lights_reply(struct lights *l, struct lights_ticket *t, const struct fuse_in_header *req,
		  const void *op, int error, const void *body, size_t size, bool keep);

/*
 * The reply to an OPEN that went instead: 0 and what the daemon says, or an error.
 * Returns the parked, oldest last; the caller's own request goes anew as well.
 */
struct lights_ticket *lights_opened(struct lights *l, struct lights_ticket *t, int error,
				    const struct fuse_open_out *open);

/* Whether the request of LEN bytes at MSG names a light handle. */
bool lights_named(const void *msg, size_t len);

#endif

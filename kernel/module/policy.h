/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * policy.h - policies: BPF programs that answer requests in place of the server.
 * slots.h is what they see and consist of, ops.c registers and attaches them,
 * answer.c asks them, data.c has contents pass them, kfunc.c is what they can call.
 */
#ifndef _FS_FUSE_EFUSE_POLICY_H
#define _FS_FUSE_EFUSE_POLICY_H

#include <linux/efuse.h>
#include <linux/list.h>
#include <linux/srcu.h>
#include <linux/types.h>

#include "slots.h"

struct fuse_args;
struct fuse_conn;
struct fuse_mount;

/* Where a request is on its way, which is what kfuncs may do with it. */
enum efuse_stage {
	EFUSE_STAGE_ASKED,	/* has arguments, and room for a reply */
	EFUSE_STAGE_SHOWN,	/* has arguments */
	EFUSE_STAGE_REPLIED,	/* has arguments and the server's reply */
};

/* A request on its way through a program. */
struct efuse_pending {
	struct efuse_request req;
	struct fuse_args *args;
	enum efuse_stage stage;
	bool replied;		/* efuse_reply() has succeeded */
	unsigned int room;	/* size of the last reply argument before that */

	/* Of a request with EFUSE_REQ_DIRECT alone. */
	bool watch;		/* the policy wants to see contents */
	u32 answered;		/* bytes of contents that it has given, */
	unsigned int page;	/* up to this page of the caller's */
	u32 page_off;		/* and what comes there next */
};

/* A registered policy. In ops.c's list, and named by its connections. */
struct efuse_ops_policy {
	struct efuse_ops __rcu *ops;	/* read under efuse_srcu */
	struct list_head entry;
	struct list_head conns;
};

/* Held while a policy is used: it and its programs stay until then. */
extern struct srcu_struct efuse_srcu;

/* Register the struct_ops type, and the kfuncs. Return 0 or -errno. */
int efuse_ops_init(void);
int efuse_kfunc_init(void);

/*
 * Let the policy of that name, or none if it is empty, answer for fc, which the
 * caller keeps alive. Returns 0 or -errno as <linux/efuse.h> says. May sleep.
 */
int efuse_ops_attach(struct fuse_conn *fc, const char *name, const u64 *param);

/*
 * Which policy fc, which the caller keeps alive, has chosen: its name, empty for none,
 * in EFUSE_NAME_MAX bytes, and in param what it was chosen with. May sleep.
 */
void efuse_ops_chosen(struct fuse_conn *fc, char *name, u64 *param);

/* Have the policy of fc, which the caller keeps alive, know nothing of it. May sleep. */
void efuse_ops_renew(struct fuse_conn *fc);

/* Call the policy's slot for a connection that begins or ends. May sleep. */
void efuse_answer_mount(struct fuse_conn *fc);
void efuse_answer_unmount(struct fuse_conn *fc);

/* Whether the policy lets a folder be opened without the server. May sleep. */
bool efuse_answer_reopen(struct fuse_mount *fm, u64 nodeid);

/*
 * Ask for a READ or WRITE between the server and a caller's own memory. *p is filled
 * but for what is of such a request, which has flags beside EFUSE_REQ_DIRECT. Returns
 * the verdict, as the policy has it. May sleep.
 */
int efuse_ask_direct(struct efuse_pending *p, struct fuse_mount *fm, struct fuse_args *args,
		     u32 flags);

/* Whether it is an error that the server could have sent. */
bool efuse_is_refusal(const struct fuse_args *args, int verdict);

/* Have no reply in *p any more. */
void efuse_undo_reply(struct efuse_pending *p);

/* Whether the contents of the request are in pages that nobody else can change. */
bool efuse_data_is_ours(const struct fuse_args *args);

/*
 * Copy from those pages, which hold size bytes, from off on to dst, and zero what of
 * its room bytes remains. Returns the bytes copied.
 */
u32 efuse_data_copy(struct fuse_args *args, u32 size, u32 off, void *dst, u32 room);

/* Add n bytes to the reply of a READ with EFUSE_REQ_DIRECT, which has room for them. */
void efuse_data_answer(struct efuse_pending *p, const void *src, u32 n);

/* Feature bits of what this kernel lets us do. */
u64 efuse_features(void);

#endif /* _FS_FUSE_EFUSE_POLICY_H */

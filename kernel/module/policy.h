/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * policy.h - policies: BPF programs that answer requests in place of the server.
 * slots.h is what they see and consist of, ops.c registers and attaches them,
 * answer.c asks them, kfunc.c is what they can call.
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

/* Call the policy's slot for a connection that begins or ends. May sleep. */
void efuse_answer_mount(struct fuse_conn *fc);
void efuse_answer_unmount(struct fuse_conn *fc);

/* Whether the policy lets a folder be opened without the server. May sleep. */
bool efuse_answer_reopen(struct fuse_mount *fm, u64 nodeid);

/* Feature bits of what this kernel lets us do. */
u64 efuse_features(void);

#endif /* _FS_FUSE_EFUSE_POLICY_H */

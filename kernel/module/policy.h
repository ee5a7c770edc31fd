/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * policy.h - policies: BPF programs that answer requests in place of the server.
 * slots.h is what they consist of, ops.c registers and attaches them, answer.c
 * asks them, kfunc.c is what they can call. What BPF sees of this is no ABI; it
 * finds fields by their names.
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

/* What a program returns beside -errno. */
enum efuse_verdict {
	EFUSE_PASS = 0,		/* the server answers */
	EFUSE_DONE = 1,		/* efuse_reply() holds the answer */
};

/* efuse_request.flags */
enum efuse_request_flags {
	/* All are answered alike: the kernel checks permissions, or lets one user in only. */
	EFUSE_REQ_PERMISSIONS = 1,
	EFUSE_REQ_LOCKS = 2,	/* the server keeps POSIX locks, not the kernel */
};

/* efuse_request.opcode of invalidate() beside enum fuse_notify_code */
enum efuse_invalidation {
	/* FUSE itself took attributes as stale; argument 0: __u32 STATX_* */
	EFUSE_INVAL_ATTR = 0,
};

/* A request as a program sees it; the ids are what the server would see, or -1. */
struct efuse_request {
	u64 conn;	/* whose: a number never used before this policy was attached */
	u64 nodeid;
	u64 cookie;	/* what efuse_keep() has kept, 0 at first */
	u64 param[EFUSE_PARAMS];	/* what the connection chose the policy with */
	u32 opcode;
	u32 flags;
	u32 uid;
	u32 gid;
	u32 pid;
	u32 numargs;	/* for efuse_arg() and its like */
};

/* struct efuse_ops, the struct_ops type. A slot that is NULL passes. */
struct efuse_ops {
#define EFUSE_SLOT(opcode, slot) int (*slot)(struct efuse_request *req);
#define EFUSE_REPLY_SLOT(opcode, slot) void (*slot)(struct efuse_request *req, int err);
#define EFUSE_EVENT_SLOT(slot) void (*slot)(struct efuse_request *req);
	/* Every request without a slot of its own. At the beginning, for answer.c. */
	int (*other)(struct efuse_request *req);
	EFUSE_SLOTS(EFUSE_SLOT)
	/* Every reply without a slot of its own. */
	void (*reply)(struct efuse_request *req, int err);
	EFUSE_REPLY_SLOTS(EFUSE_REPLY_SLOT)
	EFUSE_EVENT_SLOTS(EFUSE_EVENT_SLOT)
#undef EFUSE_SLOT
#undef EFUSE_REPLY_SLOT
#undef EFUSE_EVENT_SLOT
	char name[EFUSE_NAME_MAX];
};

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

/* Call the policy's slot for a connection that begins or ends. May sleep. */
void efuse_answer_mount(struct fuse_conn *fc);
void efuse_answer_unmount(struct fuse_conn *fc);

/* Whether the policy lets a folder be opened without the server. May sleep. */
bool efuse_answer_reopen(struct fuse_mount *fm, u64 nodeid);

/* Feature bits of what this kernel lets us do. */
u64 efuse_features(void);

#endif /* _FS_FUSE_EFUSE_POLICY_H */

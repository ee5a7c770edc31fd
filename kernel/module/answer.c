// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * answer.c - asks a connection's policy, and believes what it says only as far
 * as the server would be believed. Nonsense means that the server is asked.
 */
#include "../fuse_i.h"
#include "policy.h"

/* --- which slot ----------------------------------------------------------- */

/* Offsets in struct efuse_ops by opcode; those left out are 0, which is other. */
#define OFFSET(opcode, slot) [opcode] = offsetof(struct efuse_ops, slot),
static const u16 request_slots[] = { EFUSE_SLOTS(OFFSET) };
static const u16 reply_slots[] = { EFUSE_REPLY_SLOTS(OFFSET) };

static_assert(offsetof(struct efuse_ops, other) == 0);

static int call_request(const struct efuse_ops *ops, struct efuse_pending *p)
{
	u32 opcode = p->req.opcode;
	u16 at = opcode < ARRAY_SIZE(request_slots) ? request_slots[opcode] : 0;
	int (*slot)(struct efuse_request *req) = *(void **)((void *)ops + at) ?: ops->other;

	return slot ? slot(&p->req) : EFUSE_PASS;
}

static void call_reply(const struct efuse_ops *ops, struct efuse_pending *p, int err)
{
	u32 opcode = p->req.opcode;
	u16 at = opcode < ARRAY_SIZE(reply_slots) ? reply_slots[opcode] : 0;
	void (*slot)(struct efuse_request *req, int err) = at ? *(void **)((void *)ops + at) : NULL;

	slot = slot ?: ops->reply;
	if (slot)
		slot(&p->req, err);
}

/* --- what it gets --------------------------------------------------------- */

/* The ids of a request as fuse_get_req() makes them, false if it would refuse. */
static bool fill_ids(struct efuse_request *req, struct mnt_idmap *idmap,
		     struct fuse_mount *fm)
{
	struct fuse_conn *fc = fm->fc;
	bool no_idmap = !fm->sb || (fm->sb->s_iflags & SB_I_NOIDMAP);
	kuid_t uid = no_idmap ? current_fsuid() : mapped_fsuid(idmap, fc->user_ns);
	kgid_t gid = no_idmap ? current_fsgid() : mapped_fsgid(idmap, fc->user_ns);

	req->uid = from_kuid(fc->user_ns, uid);
	req->gid = from_kgid(fc->user_ns, gid);
	req->pid = pid_nr_ns(task_pid(current), fc->pid_ns);
	return !no_idmap || (req->uid != (uid_t)-1 && req->gid != (gid_t)-1);
}

/* Before INIT is answered there is nothing to ask; before 7.12, other structures. */
static bool is_usable(const struct fuse_conn *fc)
{
	if (!READ_ONCE(fc->initialized))
		return false;
	/* Matches smp_wmb() in fuse_set_initialized() */
	smp_rmb();
	return fc->minor >= 12;
}

/*
 * Under efuse_srcu. Returns the programs to call, NULL if there is nobody to ask
 * any more.
 *
 * The number is read before the policy and written after it: who sees a number
 * sees the policy, or a newer one, that it was made for. So a cookie that one
 * policy, or the same one before it was away, left under a number is never given
 * to another: see efuse_replied().
 */
static const struct efuse_ops *fill(struct efuse_pending *p, struct fuse_conn *fc,
				    struct fuse_args *args)
{
	struct efuse_conn *conn = &fc->efuse;
	struct efuse_ops_policy *policy;

	/* Pairs with renumber_locked(). */
	p->req.conn = smp_load_acquire(&conn->id);
	p->req.nodeid = args->nodeid;
	p->req.cookie = 0;
	p->req.param[0] = READ_ONCE(conn->param[0]);
	p->req.param[1] = READ_ONCE(conn->param[1]);
	p->req.opcode = args->opcode;
	p->req.flags = (fc->default_permissions || !fc->allow_other ? EFUSE_REQ_PERMISSIONS : 0) |
		       (fc->no_lock ? 0 : EFUSE_REQ_LOCKS);
	p->req.uid = -1;
	p->req.gid = -1;
	p->req.pid = 0;
	p->req.numargs = args->in_numargs;
	p->args = args;
	p->stage = EFUSE_STAGE_SHOWN;
	p->replied = false;
	p->room = 0;

	policy = srcu_dereference(conn->policy, &efuse_srcu);
	if (!policy || !p->req.conn || (p->req.opcode && !is_usable(fc)))
		return NULL;
	return srcu_dereference(policy->ops, &efuse_srcu);
}

/* --- whether it is believed ----------------------------------------------- */

/* An error the server could have sent, to a request that can fail. */
static bool is_refusal(const struct fuse_args *args, int verdict)
{
	return verdict < 0 && verdict > -512 && !args->force && !args->noreply;
}

/* Replies that make FUSE hold nothing of the server's, LOOKUP aside. */
static bool is_answerable(u32 opcode)
{
	switch (opcode) {
	case FUSE_LOOKUP:
	case FUSE_GETATTR:
	case FUSE_READLINK:
	case FUSE_STATFS:
	case FUSE_GETXATTR:
	case FUSE_LISTXATTR:
	case FUSE_ACCESS:
	case FUSE_FLUSH:
		return true;
	default:
		return false;
	}
}

static int same_node(struct inode *inode, void *nodeid)
{
	return get_node_id(inode) == *(u64 *)nodeid;
}

static bool has_lookups(struct inode *inode)
{
	struct fuse_inode *fi = get_fuse_inode(inode);
	bool has;

	spin_lock(&fi->lock);
	has = fi->nlookup > 0;
	spin_unlock(&fi->lock);
	return has;
}

/*
 * A LOOKUP may be answered with an inode that the server knows of because we
 * hold a lookup of it, and go on holding it until the caller has the inode, or
 * with "no such name". Anything else is the server's to say.
 */
static bool lookup_is_sound(struct fuse_mount *fm, struct fuse_args *args)
{
	struct fuse_entry_out *entry = args->out_args[0].value;
	u64 nodeid = entry->nodeid;
	struct inode *inode;

	if (!nodeid)
		return true;
	if (nodeid == FUSE_ROOT_ID || fuse_invalid_attr(&entry->attr) ||
	    (entry->attr.flags & FUSE_ATTR_SUBMOUNT))
		return false;
	inode = ilookup5(fm->sb, nodeid, same_node, &nodeid);
	if (!inode)
		return false;
	if (fuse_is_bad(inode) || !has_lookups(inode) ||
	    fuse_stale_inode(inode, entry->generation, &entry->attr)) {
		iput(inode);
		return false;
	}
	args->efuse.held = inode;
	return true;
}

static bool getattr_is_sound(struct fuse_args *args)
{
	struct fuse_attr_out *out = args->out_args[0].value;

	return !fuse_invalid_attr(&out->attr);
}

static bool is_sound(struct fuse_mount *fm, struct efuse_pending *p)
{
	struct fuse_args *args = p->args;

	if (!is_answerable(args->opcode) || (args->out_numargs && !p->replied))
		return false;
	if (args->opcode == FUSE_LOOKUP)
		return lookup_is_sound(fm, args);
	return args->opcode != FUSE_GETATTR || getattr_is_sound(args);
}

/* As if the policy had not been asked. */
static void undo_reply(struct efuse_pending *p)
{
	struct fuse_arg *out = &p->args->out_args[0];

	if (!p->replied)
		return;
	out->size = p->room;
	if (!p->args->out_pages)
		memset(out->value, 0, out->size);
}

static ssize_t reply_size(const struct fuse_args *args)
{
	return args->out_argvar ? args->out_args[args->out_numargs - 1].size : 0;
}

/*
 * Whether a reply is sound is found out after the policy is let go of: it can
 * mean to wait for an inode that is just evicted.
 */
bool efuse_answer(struct mnt_idmap *idmap, struct fuse_mount *fm,
		  struct fuse_args *args, ssize_t *ret)
{
	struct efuse_pending p;
	const struct efuse_ops *ops;
	int verdict = EFUSE_PASS, idx;

	idx = srcu_read_lock(&efuse_srcu);
	ops = fill(&p, fm->fc, args);
	/* A connection that is gone fails every request, whoever could answer. */
	if (ops && READ_ONCE(fm->fc->connected) &&
	    (args->nocreds || fill_ids(&p.req, idmap, fm))) {
		p.stage = EFUSE_STAGE_ASKED;
		verdict = call_request(ops, &p);
		args->efuse.conn = p.req.conn;
		args->efuse.cookie = p.req.cookie;
	}
	srcu_read_unlock(&efuse_srcu, idx);

	if (verdict == EFUSE_DONE && is_sound(fm, &p)) {
		*ret = reply_size(args);
		return true;
	}
	undo_reply(&p);
	if (!is_refusal(args, verdict))
		return false;
	*ret = verdict;
	return true;
}

void efuse_observe(struct fuse_mount *fm, struct fuse_args *args)
{
	struct efuse_pending p;
	const struct efuse_ops *ops;
	int idx;

	idx = srcu_read_lock(&efuse_srcu);
	ops = fill(&p, fm->fc, args);
	if (ops) {
		call_request(ops, &p);
		args->efuse.conn = p.req.conn;
		args->efuse.cookie = p.req.cookie;
	}
	srcu_read_unlock(&efuse_srcu, idx);
}

void efuse_replied(struct mnt_idmap *idmap, struct fuse_mount *fm,
		   struct fuse_args *args, int err)
{
	struct efuse_pending p;
	const struct efuse_ops *ops;
	int idx;

	if (args->noreply)
		return;
	idx = srcu_read_lock(&efuse_srcu);
	ops = fill(&p, fm->fc, args);
	if (ops) {
		if (idmap && !args->nocreds)
			fill_ids(&p.req, idmap, fm);
		p.stage = err ? EFUSE_STAGE_SHOWN : EFUSE_STAGE_REPLIED;
		if (args->efuse.conn == p.req.conn)
			p.req.cookie = args->efuse.cookie;
		call_reply(ops, &p, err);
	}
	srcu_read_unlock(&efuse_srcu, idx);
}

bool efuse_lookup_end(struct fuse_args *args, struct inode *inode)
{
	struct inode *held = args->efuse.held;
	struct fuse_inode *fi;

	if (!held)
		return false;
	if (inode) {
		fi = get_fuse_inode(inode);
		spin_lock(&fi->lock);
		fi->nlookup--;
		spin_unlock(&fi->lock);
	}
	args->efuse.held = NULL;
	iput(held);
	return true;
}

bool efuse_answer_reopen(struct fuse_mount *fm, u64 nodeid)
{
	struct fuse_args args = { .nodeid = nodeid, .opcode = EFUSE_REOPENDIR };
	int verdict = EFUSE_PASS, idx;
	struct efuse_pending p;
	const struct efuse_ops *ops;

	idx = srcu_read_lock(&efuse_srcu);
	ops = fill(&p, fm->fc, &args);
	/* The ids are those that an OPENDIR would have. */
	if (ops && ops->reopendir && READ_ONCE(fm->fc->connected) &&
	    fill_ids(&p.req, &invalid_mnt_idmap, fm)) {
		p.stage = EFUSE_STAGE_ASKED;
		verdict = ops->reopendir(&p.req);
	}
	srcu_read_unlock(&efuse_srcu, idx);
	return verdict == EFUSE_DONE;
}

/* --- what is no request --------------------------------------------------- */

/* arg is NULL, or of size bytes. */
static void tell(struct fuse_conn *fc, size_t offset, u64 nodeid, u32 opcode,
		 const void *arg, size_t size)
{
	struct fuse_args args = {
		.nodeid = nodeid,
		.opcode = opcode,
		.in_numargs = !!arg,
		.in_args = { { .size = size, .value = arg } },
	};
	void (*slot)(struct efuse_request *req) = NULL;
	struct efuse_pending p;
	const struct efuse_ops *ops;
	int idx;

	idx = srcu_read_lock(&efuse_srcu);
	ops = fill(&p, fc, &args);
	if (ops)
		slot = *(void **)((void *)ops + offset);
	if (slot)
		slot(&p.req);
	srcu_read_unlock(&efuse_srcu, idx);
}

static void invalidate(struct fuse_conn *fc, u64 nodeid, u32 what,
		       const void *arg, size_t size)
{
	tell(fc, offsetof(struct efuse_ops, invalidate), nodeid, what, arg, size);
}

void efuse_invalidate_attr(struct fuse_conn *fc, u64 nodeid, u32 mask)
{
	invalidate(fc, nodeid, EFUSE_INVAL_ATTR, &mask, sizeof(mask));
}

void efuse_invalidate_inode(struct fuse_conn *fc, u64 nodeid)
{
	invalidate(fc, nodeid, FUSE_NOTIFY_INVAL_INODE, NULL, 0);
}

void efuse_invalidate_entry(struct fuse_conn *fc, u64 parent, const struct qstr *name)
{
	invalidate(fc, parent, FUSE_NOTIFY_INVAL_ENTRY, name->name, name->len + 1);
}

void efuse_forget(struct fuse_conn *fc, u64 nodeid, u64 nlookup)
{
	struct fuse_forget_in in = { .nlookup = nlookup };
	struct fuse_args args = {
		.nodeid = nodeid,
		.opcode = FUSE_FORGET,
		.in_numargs = 1,
		.in_args = { { .size = sizeof(in), .value = &in } },
	};
	struct efuse_pending p;
	const struct efuse_ops *ops;
	int idx;

	idx = srcu_read_lock(&efuse_srcu);
	ops = fill(&p, fc, &args);
	if (ops)
		call_request(ops, &p);
	srcu_read_unlock(&efuse_srcu, idx);
}

void efuse_answer_mount(struct fuse_conn *fc)
{
	tell(fc, offsetof(struct efuse_ops, mount), FUSE_ROOT_ID, 0, NULL, 0);
}

void efuse_answer_unmount(struct fuse_conn *fc)
{
	tell(fc, offsetof(struct efuse_ops, unmount), FUSE_ROOT_ID, 0, NULL, 0);
}

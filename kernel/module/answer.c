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

static void no_ids(struct efuse_request *req)
{
	req->uid = -1;
	req->gid = -1;
	req->pid = 0;
}

/* What from_kuid(), from_kgid() and pid_nr_ns() say, which mostly is the same number. */
static u32 uid_of(const struct fuse_conn *fc, kuid_t uid)
{
	return fc->user_ns == &init_user_ns ? __kuid_val(uid) : from_kuid(fc->user_ns, uid);
}

static u32 gid_of(const struct fuse_conn *fc, kgid_t gid)
{
	return fc->user_ns == &init_user_ns ? __kgid_val(gid) : from_kgid(fc->user_ns, gid);
}

static u32 pid_of(const struct fuse_conn *fc)
{
	return fc->pid_ns == &init_pid_ns ? task_pid_nr(current) :
	       pid_nr_ns(task_pid(current), fc->pid_ns);
}

/*
 * A connection for one user lets in who is that user, but the ids for access to files
 * can be another's, and with allow_sys_admin_access it is not he alone.
 */
static __always_inline bool is_one_user(const struct fuse_conn *fc)
{
	return !fc->allow_other && uid_eq(current_fsuid(), fc->user_id) &&
	       gid_eq(current_fsgid(), fc->group_id);
}

/*
 * The ids of a request as fuse_get_req() makes them, and what follows of them. False if
 * it would refuse.
 */
static __always_inline bool fill_ids(struct efuse_request *req, struct mnt_idmap *idmap,
				     struct fuse_mount *fm)
{
	struct fuse_conn *fc = fm->fc;
	bool no_idmap = !fm->sb || (fm->sb->s_iflags & SB_I_NOIDMAP);

	req->uid = uid_of(fc, no_idmap ? current_fsuid() : mapped_fsuid(idmap, fc->user_ns));
	req->gid = gid_of(fc, no_idmap ? current_fsgid() : mapped_fsgid(idmap, fc->user_ns));
	req->pid = pid_of(fc);
	if (!(req->flags & EFUSE_REQ_PERMISSIONS) && is_one_user(fc))
		req->flags |= EFUSE_REQ_PERMISSIONS;
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
 * Under efuse_srcu: fills all of *p but its room. Returns the programs to call,
 * NULL if there is nobody to ask any more.
 *
 * The number is read before the policy and written after it: who sees a number
 * sees the policy, or a newer one, that it was made for. So a cookie that one
 * policy, or the same one before it was away, left under a number is never given
 * to another: see efuse_replied().
 */
static __always_inline const struct efuse_ops *fill(struct efuse_pending *p,
						    struct fuse_conn *fc,
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
	p->req.flags = READ_ONCE(conn->flags) | (fc->no_lock ? 0 : EFUSE_REQ_LOCKS);
	p->req.numargs = args->in_numargs;
	no_ids(&p->req);
	p->args = args;
	p->stage = EFUSE_STAGE_SHOWN;
	p->replied = false;

	policy = srcu_dereference(conn->policy, &efuse_srcu);
	if (!policy || !p->req.conn || (p->req.opcode && !is_usable(fc)))
		return NULL;
	return srcu_dereference(policy->ops, &efuse_srcu);
}

/* --- whether it is believed ----------------------------------------------- */

/* An error the server could have sent, to a request that can fail. */
bool efuse_is_refusal(const struct fuse_args *args, int verdict)
{
	return verdict < 0 && verdict > -512 && !args->force && !args->noreply;
}

static int same_node(struct inode *inode, void *nodeid)
{
	return get_node_id(inode) == *(u64 *)nodeid;
}

/*
 * A FORGET, that the policy has been shown, is going to be queued: who was asked before that
 * finds another number, who is asked after it gets no answer with the node.
 */
static void count_forget(struct efuse_conn *conn)
{
	/* Pairs with forgets_of(). */
	smp_mb__before_atomic();
	atomic_inc(&conn->forgets);
}

/* Before the policy is asked, and what it answered is looked at. */
static int forgets_of(const struct efuse_conn *conn)
{
	return atomic_read_acquire(&conn->forgets);
}

/* Without a policy FORGETs are not counted, but its end is. */
static bool forgot_none(const struct efuse_conn *conn, int forgets)
{
	bool counts = efuse_attached(conn);

	/* The policy's end is counted before the next begins. */
	smp_rmb();
	return counts && atomic_read(&conn->forgets) == forgets;
}

static void put_inode(struct fuse_args *args)
{
	iput(args->efuse.inode);
	args->efuse.inode = NULL;
}

/*
 * The inode of that node, or NULL. It stays: the caller has it if it is near, and
 * any other is held in args. By then the id may be another file's, if that which the policy
 * knew was forgotten since it was asked, when so many were. That is counted before the server
 * can use the id again, and so before the other inode can be made and found here.
 */
static struct inode *get_inode(struct fuse_mount *fm, struct fuse_args *args, u64 nodeid,
			       struct inode *near, int forgets)
{
	if (near && get_node_id(near) == nodeid)
		return near;
	args->efuse.inode = ilookup5(fm->sb, nodeid, same_node, &nodeid);
	if (args->efuse.inode && !forgot_none(&fm->fc->efuse, forgets))
		put_inode(args);
	return args->efuse.inode;
}

/* Whether the server knows of the inode. */
static bool has_lookups(struct inode *inode)
{
	/*
	 * Only its end, and efuse_lookup_end() for one that is bad already, take away
	 * what it counts, so there is no lock to take.
	 */
	return data_race(get_fuse_inode(inode)->nlookup) > 0;
}

#define TYPE(mode)	BIT(((mode) & S_IFMT) >> 12)

/* The contrary of fuse_invalid_attr(), which FUSE itself asks again, in fewer steps. */
static bool is_attr(const struct fuse_attr *attr)
{
	return (TYPE(attr->mode) &
		(TYPE(S_IFREG) | TYPE(S_IFDIR) | TYPE(S_IFLNK) | TYPE(S_IFCHR) |
		 TYPE(S_IFBLK) | TYPE(S_IFIFO) | TYPE(S_IFSOCK))) &&
	       attr->size <= LLONG_MAX;
}

/*
 * A LOOKUP may be answered with an inode that the server knows of because we
 * have a lookup of it, and go on having it until the caller has the inode, or
 * with "no such name". Anything else is the server's to say.
 */
static bool lookup_is_sound(struct fuse_mount *fm, struct fuse_args *args, struct inode *near,
			    int forgets)
{
	struct fuse_entry_out *entry = args->out_args[0].value;
	struct inode *inode;

	args->efuse.inode = NULL;
	if (!entry->nodeid)
		return true;
	if (entry->nodeid == FUSE_ROOT_ID || !is_attr(&entry->attr) ||
	    (entry->attr.flags & FUSE_ATTR_SUBMOUNT))
		return false;
	inode = get_inode(fm, args, entry->nodeid, near, forgets);
	if (!inode)
		return false;
	if (fuse_is_bad(inode) || !has_lookups(inode) ||
	    fuse_stale_inode(inode, entry->generation, &entry->attr)) {
		put_inode(args);
		return false;
	}
	return true;
}

static bool getattr_is_sound(struct fuse_args *args)
{
	struct fuse_attr_out *out = args->out_args[0].value;

	return is_attr(&out->attr);
}

/* Only replies that make FUSE hold nothing of the server's, LOOKUP aside. */
static bool is_sound(struct fuse_mount *fm, struct efuse_pending *p, struct inode *near,
		     int forgets)
{
	struct fuse_args *args = p->args;

	if (args->out_numargs && !p->replied)
		return false;
	switch (args->opcode) {
	case FUSE_LOOKUP:
		return lookup_is_sound(fm, args, near, forgets);
	case FUSE_GETATTR:
		return getattr_is_sound(args);
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

/* As if the policy had not been asked. */
void efuse_undo_reply(struct efuse_pending *p)
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

/* Returns the policy's verdict. flags are mostly a constant. */
static __always_inline int ask(struct efuse_pending *p, struct mnt_idmap *idmap,
			       struct fuse_mount *fm, struct fuse_args *args, u32 flags)
{
	const struct efuse_ops *ops;
	int verdict = EFUSE_PASS, idx;

	idx = srcu_read_lock(&efuse_srcu);
	ops = fill(p, fm->fc, args);
	/* A connection that is gone fails every request, whoever could answer. */
	if (ops && READ_ONCE(fm->fc->connected) &&
	    (args->nocreds || fill_ids(&p->req, idmap, fm))) {
		p->stage = EFUSE_STAGE_ASKED;
		p->req.flags |= flags;
		verdict = call_request(ops, p);
		args->efuse.conn = p->req.conn;
		args->efuse.cookie = p->req.cookie;
	}
	srcu_read_unlock(&efuse_srcu, idx);
	return verdict;
}

/*
 * Whether a reply is sound is found out after the policy is let go of: it can
 * mean to wait for an inode that is just evicted.
 */
static bool answer(struct mnt_idmap *idmap, struct fuse_mount *fm,
		   struct fuse_args *args, struct inode *near, ssize_t *ret)
{
	struct efuse_pending p __uninitialized;
	int forgets = forgets_of(&fm->fc->efuse);
	int verdict = ask(&p, idmap, fm, args, 0);

	/* One that FUSE makes for what READDIRPLUS gave. */
	if (unlikely(args->opcode == FUSE_FORGET))
		count_forget(&fm->fc->efuse);
	if (verdict == EFUSE_DONE && is_sound(fm, &p, near, forgets)) {
		*ret = reply_size(args);
		return true;
	}
	efuse_undo_reply(&p);
	if (!efuse_is_refusal(args, verdict))
		return false;
	*ret = verdict;
	return true;
}

bool efuse_answer(struct mnt_idmap *idmap, struct fuse_mount *fm,
		  struct fuse_args *args, ssize_t *ret)
{
	return args->opcode != FUSE_LOOKUP && !args->efuse.asked &&
	       answer(idmap, fm, args, NULL, ret);
}

int efuse_ask_direct(struct efuse_pending *p, struct fuse_mount *fm, struct fuse_args *args,
		     u32 flags)
{
	return ask(p, &invalid_mnt_idmap, fm, args, EFUSE_REQ_DIRECT | flags);
}

bool efuse_lookup(struct fuse_mount *fm, struct fuse_args *args,
		  struct inode *near, ssize_t *ret)
{
	return answer(&invalid_mnt_idmap, fm, args, near, ret);
}

/* The request's slot is called, and what it returns is not asked for. */
static void show(struct fuse_conn *fc, struct fuse_args *args)
{
	struct efuse_pending p __uninitialized;
	const struct efuse_ops *ops;
	int idx;

	idx = srcu_read_lock(&efuse_srcu);
	ops = fill(&p, fc, args);
	if (ops) {
		call_request(ops, &p);
		args->efuse.conn = p.req.conn;
		args->efuse.cookie = p.req.cookie;
	}
	srcu_read_unlock(&efuse_srcu, idx);
}

void efuse_observe(struct fuse_mount *fm, struct fuse_args *args)
{
	if (!args->efuse.asked)
		show(fm->fc, args);
}

void efuse_replied(struct mnt_idmap *idmap, struct fuse_mount *fm,
		   struct fuse_args *args, int err)
{
	struct efuse_pending p __uninitialized;
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

/*
 * The lookup that the caller has given is one of those that the server counted for
 * the inode we hold: mostly the same; another only if that has gone bad since.
 */
void efuse_lookup_end(struct fuse_args *args, bool given)
{
	struct inode *inode = args->efuse.inode;
	struct fuse_inode *fi;

	if (!inode)
		return;
	if (given) {
		fi = get_fuse_inode(inode);
		spin_lock(&fi->lock);
		fi->nlookup--;
		spin_unlock(&fi->lock);
	}
	put_inode(args);
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
	struct efuse_pending p __uninitialized;
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

	show(fc, &args);
	count_forget(&fc->efuse);
}

void efuse_answer_mount(struct fuse_conn *fc)
{
	tell(fc, offsetof(struct efuse_ops, mount), FUSE_ROOT_ID, 0, NULL, 0);
}

void efuse_answer_unmount(struct fuse_conn *fc)
{
	tell(fc, offsetof(struct efuse_ops, unmount), FUSE_ROOT_ID, 0, NULL, 0);
}

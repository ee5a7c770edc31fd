// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * ops.c - struct efuse_ops as a struct_ops type of BPF: programs are registered
 * under a name, and connections are attached to them by it.
 *
 * One mutex covers the list of policies and which connection has which. Those
 * who ask a policy take no lock but SRCU; whoever takes one away waits for them,
 * so that no program of it runs any more when BPF frees it.
 */
#include "../fuse_i.h"
#include "choose.h"
#include "policy.h"

#include <linux/bpf.h>
#include <linux/bpf_verifier.h>
#include <linux/btf.h>
#include <linux/ctype.h>
#include <linux/module.h>
#include <linux/slab.h>

DEFINE_SRCU(efuse_srcu);
static DEFINE_MUTEX(policy_mutex);
static LIST_HEAD(policies);
static u64 last_id;	/* under policy_mutex */

static struct efuse_ops *ops_locked(struct efuse_ops_policy *policy)
{
	return rcu_dereference_protected(policy->ops, lockdep_is_held(&policy_mutex));
}

static struct efuse_ops_policy *find_locked(const char *name)
{
	struct efuse_ops_policy *policy;

	list_for_each_entry(policy, &policies, entry)
		if (!strcmp(ops_locked(policy)->name, name))
			return policy;
	return NULL;
}

/* --- connections ---------------------------------------------------------- */

/*
 * What a policy knows about a connection is void once it has not seen all that
 * happened there, so the number it knows the connection by changes. It changes
 * after the policy does: see fill() in answer.c.
 */
static void renumber_locked(struct efuse_conn *conn)
{
	/* Pairs with fill(). */
	smp_store_release(&conn->id, ++last_id);
}

/* The policy, or its programs, are others: until then the connection asks for all. */
static void follow_locked(struct efuse_conn *conn, const struct efuse_ops *ops)
{
	WRITE_ONCE(conn->no_elsewhere, ops->flags & EFUSE_OPS_NO_ELSEWHERE);
	renumber_locked(conn);
}

static void detach_locked(struct efuse_conn *conn)
{
	WRITE_ONCE(conn->no_elsewhere, false);
	rcu_assign_pointer(conn->policy, NULL);
	/* Who was asked before does not take another policy for that one: see forgot_none(). */
	atomic_inc(&conn->forgets);
	WRITE_ONCE(conn->keeps, false);
	list_del_init(&conn->entry);
}

/*
 * Who owns a connection for one user, and is not root, cannot be somebody else for
 * access to files: setfsuid(2) takes a privilege.
 */
static u32 common_flags(const struct fuse_conn *fc)
{
	if (fc->default_permissions)
		return EFUSE_REQ_PERMISSIONS | EFUSE_REQ_SHARED;
	return fc->allow_other || !from_kuid(fc->user_ns, fc->user_id) ? 0 : EFUSE_REQ_SHARED;
}

static void attach_locked(struct fuse_conn *fc, struct efuse_ops_policy *policy,
			  const u64 *param)
{
	struct efuse_conn *conn = &fc->efuse;
	int i;

	for (i = 0; i < EFUSE_PARAMS; i++)
		WRITE_ONCE(conn->param[i], param[i]);
	WRITE_ONCE(conn->flags, common_flags(fc));
	list_move(&conn->entry, &policy->conns);
	rcu_assign_pointer(conn->policy, policy);
	follow_locked(conn, ops_locked(policy));
}

int efuse_ops_attach(struct fuse_conn *fc, const char *name, const u64 *param)
{
	struct efuse_ops_policy *policy;
	int err = 0;

	if (!READ_ONCE(fc->connected))
		return -ENOTCONN;
	mutex_lock(&policy_mutex);
	policy = *name ? find_locked(name) : NULL;
	if (*name && !policy) {
		err = -ENOENT;
	} else {
		efuse_answer_unmount(fc);
		detach_locked(&fc->efuse);
	}
	if (policy) {
		attach_locked(fc, policy, param);
		efuse_answer_mount(fc);
	}
	mutex_unlock(&policy_mutex);
	return err;
}

void efuse_ops_chosen(struct fuse_conn *fc, char *name, u64 *param)
{
	struct efuse_ops_policy *policy;

	memset(name, 0, EFUSE_NAME_MAX);
	memset(param, 0, sizeof(fc->efuse.param));
	mutex_lock(&policy_mutex);
	policy = rcu_dereference_protected(fc->efuse.policy, lockdep_is_held(&policy_mutex));
	if (policy) {
		strscpy(name, ops_locked(policy)->name, EFUSE_NAME_MAX);
		memcpy(param, fc->efuse.param, sizeof(fc->efuse.param));
	}
	mutex_unlock(&policy_mutex);
}

void efuse_ops_renew(struct fuse_conn *fc)
{
	mutex_lock(&policy_mutex);
	if (rcu_access_pointer(fc->efuse.policy))
		renumber_locked(&fc->efuse);
	mutex_unlock(&policy_mutex);
}

/* Nobody can be asking: a request holds a reference to its connection. */
void efuse_conn_uninit(struct fuse_conn *fc)
{
	mutex_lock(&policy_mutex);
	efuse_answer_unmount(fc);
	detach_locked(&fc->efuse);
	mutex_unlock(&policy_mutex);
	efuse_direct_free(fc);
	efuse_paths_free(fc);
}

/* --- what BPF calls ------------------------------------------------------- */

static int ops_reg(void *kdata, struct bpf_link *link)
{
	struct efuse_ops *ops = kdata;
	struct efuse_ops_policy *policy;
	int err = 0;

	if (!ops->name[0])
		return -EINVAL;
	policy = kzalloc(sizeof(*policy), GFP_KERNEL);
	if (!policy)
		return -ENOMEM;
	INIT_LIST_HEAD(&policy->conns);
	RCU_INIT_POINTER(policy->ops, ops);

	mutex_lock(&policy_mutex);
	if (find_locked(ops->name))
		err = -EEXIST;
	else
		list_add(&policy->entry, &policies);
	mutex_unlock(&policy_mutex);
	if (err)
		kfree(policy);
	return err;
}

static void ops_unreg(void *kdata, struct bpf_link *link)
{
	struct efuse_ops *ops = kdata;
	struct efuse_ops_policy *policy;
	struct efuse_conn *conn, *next;

	mutex_lock(&policy_mutex);
	policy = find_locked(ops->name);
	if (policy) {
		list_del(&policy->entry);
		list_for_each_entry_safe(conn, next, &policy->conns, entry)
			detach_locked(conn);
	}
	mutex_unlock(&policy_mutex);
	synchronize_srcu(&efuse_srcu);
	kfree(policy);
}

/* Other programs under the same name: its connections change over at once. */
static int ops_update(void *kdata, void *old_kdata, struct bpf_link *link)
{
	struct efuse_ops *ops = kdata, *old = old_kdata;
	struct efuse_ops_policy *policy;
	struct efuse_conn *conn;

	if (strcmp(ops->name, old->name))
		return -EINVAL;
	mutex_lock(&policy_mutex);
	policy = find_locked(old->name);
	if (policy) {
		list_for_each_entry(conn, &policy->conns, entry)
			WRITE_ONCE(conn->no_elsewhere, false);
		rcu_assign_pointer(policy->ops, ops);
		list_for_each_entry(conn, &policy->conns, entry)
			follow_locked(conn, ops);
	}
	mutex_unlock(&policy_mutex);
	synchronize_srcu(&efuse_srcu);
	return policy ? 0 : -ENOENT;
}

static bool good_name(const char *name)
{
	size_t len = strnlen(name, EFUSE_NAME_MAX), i;

	for (i = 0; i < len; i++)
		if (!isalnum(name[i]) && !strchr("._-", name[i]))
			return false;
	return len < EFUSE_NAME_MAX;
}

/* Functions are BPF's to fill in; 1 means that the member is dealt with. */
static int ops_init_member(const struct btf_type *t, const struct btf_member *member,
			   void *kdata, const void *udata)
{
	const struct efuse_ops *from = udata;
	struct efuse_ops *to = kdata;

	switch (__btf_member_bit_offset(t, member) / 8) {
	case offsetof(struct efuse_ops, flags):
		if (from->flags & ~EFUSE_OPS_NO_ELSEWHERE)
			return -EINVAL;
		to->flags = from->flags;
		return 1;
	case offsetof(struct efuse_ops, name):
		if (!good_name(from->name))
			return -EINVAL;
		strscpy(to->name, from->name, sizeof(to->name));
		return 1;
	}
	return 0;
}

/* Whether a slot is only called where sleeping is allowed. */
static bool may_sleep(u32 off)
{
	switch (off) {
#define CASE(opcode, slot) case offsetof(struct efuse_ops, slot):
	EFUSE_SLOTS(CASE)
#undef CASE
		break;
	default:
		return false;
	}
	/* The background has spinlocks held, and a forget can be part of reclaim. */
	return off != offsetof(struct efuse_ops, read) &&
	       off != offsetof(struct efuse_ops, write) &&
	       off != offsetof(struct efuse_ops, release) &&
	       off != offsetof(struct efuse_ops, releasedir) &&
	       off != offsetof(struct efuse_ops, forget);
}

static int ops_check_member(const struct btf_type *t, const struct btf_member *member,
			    const struct bpf_prog *prog)
{
	u32 off = __btf_member_bit_offset(t, member) / 8;

	return prog->sleepable && !may_sleep(off) ? -EINVAL : 0;
}

static bool ops_is_valid_access(int off, int size, enum bpf_access_type type,
				const struct bpf_prog *prog,
				struct bpf_insn_access_aux *info)
{
	if (off < 0 || off >= (int)sizeof(__u64) * MAX_BPF_FUNC_ARGS)
		return false;
	if (type != BPF_READ || off % size)
		return false;
	return btf_ctx_access(off, size, type, prog, info);
}

static int ops_btf_init(struct btf *btf)
{
	return 0;
}

/* Never called: they tell BPF the types of the slots. */
static int stub(struct efuse_request *req)
{
	return EFUSE_PASS;
}

static void reply_stub(struct efuse_request *req, int err)
{
}

static void event_stub(struct efuse_request *req)
{
}

static struct efuse_ops stubs = {
#define STUB(opcode, slot) .slot = stub,
#define REPLY_STUB(opcode, slot) .slot = reply_stub,
#define EVENT_STUB(slot) .slot = event_stub,
	.other = stub,
	EFUSE_SLOTS(STUB)
	.reply = reply_stub,
	EFUSE_REPLY_SLOTS(REPLY_STUB)
	EFUSE_EVENT_SLOTS(EVENT_STUB)
};

static const struct bpf_verifier_ops verifier_ops = {
	.get_func_proto = bpf_base_func_proto,
	.is_valid_access = ops_is_valid_access,
};

static struct bpf_struct_ops struct_ops = {
	.verifier_ops = &verifier_ops,
	.init = ops_btf_init,
	.check_member = ops_check_member,
	.init_member = ops_init_member,
	.reg = ops_reg,
	.unreg = ops_unreg,
	.update = ops_update,
	.cfi_stubs = &stubs,
	.name = "efuse_ops",
	.owner = THIS_MODULE,
};

int efuse_ops_init(void)
{
	return register_bpf_struct_ops(&struct_ops, efuse_ops);
}

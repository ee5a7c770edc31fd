// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * generic.bpf.c - the generic policy: answers LOOKUP, GETATTR, GETXATTR, LISTXATTR,
 * READLINK, ACCESS and STATFS from what it saw the file system reply, as long as
 * that holds, and lets the kernel keep what it has of files and folders when they
 * are opened, which answers READ and READDIR. READs that the kernel keeps nothing of,
 * since the file or its opener wants that, it answers itself where it is allowed to.
 *
 * A connection chooses how long with its parameters (clock.bpf.h): for the file
 * system's own timeouts, until something changes it through the mount, or for a
 * time. What changes things is in generic_reply and generic_invalidate: the
 * former is about requests, once they are complete, the latter about what FUSE or
 * the file system says. The map counters counts what came of it.
 *
 * OPEN and RELEASE of files are not answered: a file system that needs neither says so with
 * ENOSYS, and is not asked again by the kernel itself; in others they make a handle
 * and end it. FLUSH, which says neither how its file was opened nor whether there
 * are locks, is not answered, but left out from the open on.
 */
#include "data.bpf.h"
#include "fact.bpf.h"
#include "listing.bpf.h"
#include "name.bpf.h"
#include "node.bpf.h"

#define O_ACCMODE	03
#define O_TRUNC		01000
#define STATX_ATIME	0x20

#ifndef FOPEN_CACHE_DIR
#define FOPEN_CACHE_DIR	(1 << 3)
#endif
#ifndef FOPEN_NOFLUSH
#define FOPEN_NOFLUSH	(1 << 5)
#endif

/* The file system is asked, and when that was is kept. */
static __always_inline int pass(struct efuse_request *req, enum outcome outcome)
{
	count(req->opcode, outcome);
	efuse_keep(req, clock_now());
	return EFUSE_PASS;
}

/* --- names and attributes ---------------------------------------------------- */

/* The node of the reply, if its attributes are known. */
static __always_inline bool entry_node(struct efuse_request *req, const struct found *found,
				       struct fuse_entry_out *entry, enum outcome *outcome)
{
	struct node *node = node_at(req, found->child);
	struct node_known *known;
	__u64 seq, left;

	if (!node || node->forgotten > found->asked)
		return false;
	known = node_begin_read(req, node, found->child, found->asked, &seq, &left, outcome);
	if (!known)
		return false;
	entry->nodeid = found->child;
	entry->generation = found->generation;
	entry->attr = known->attr;
	set_valid(req, left, &entry->attr_valid, &entry->attr_valid_nsec);
	return read_end(&known->k, seq);
}

static __always_inline bool answer_lookup(struct efuse_request *req, enum outcome *outcome)
{
	struct fuse_entry_out *entry;
	struct name_text text;
	struct found found;

	if (!name_text(req, 0, &text) || !name_get(req, &text, &found, outcome))
		return false;
	entry = (void *)efuse_room(req, sizeof(*entry));
	if (!entry)
		return false;
	set_valid(req, found.left, &entry->entry_valid, &entry->entry_valid_nsec);
	return found.child ? entry_node(req, &found, entry, outcome) :
			     still_may(req, found.asked);
}

SEC("struct_ops/lookup")
int BPF_PROG(generic_lookup, struct efuse_request *req)
{
	enum outcome outcome = MISS;

	if (answer_lookup(req, &outcome)) {
		count(FUSE_LOOKUP, HIT);
		return EFUSE_DONE;
	}
	return pass(req, outcome);
}

/* That a name is not there has a timeout only if it comes as an entry without node. */
SEC("struct_ops/lookup_reply")
void BPF_PROG(generic_lookup_reply, struct efuse_request *req, int err)
{
	const struct fuse_entry_out *entry;
	struct name_text text;

	/* An answer that the kernel refused. It had better not be given again. */
	if (!req->cookie) {
		count(FUSE_LOOKUP, REFUSED);
		name_changed(req, req->nodeid, 0);
		return;
	}
	if (!name_text(req, 0, &text))
		return;
	if (err) {
		if (err == -ENOENT && mode_of(req) != MODE_AUTO)
			name_learn(req, &text, 0, 0, lifetime(req, 0, 0));
		return;
	}
	entry = (const void *)efuse_out(req, 0, sizeof(*entry));
	if (!entry)
		return;
	name_learn(req, &text, entry->nodeid, entry->generation,
		   lifetime(req, entry->entry_valid, entry->entry_valid_nsec));
	if (entry->nodeid)
		node_learn(req, entry->nodeid, &entry->attr, entry->attr_valid,
			   entry->attr_valid_nsec);
}

static __always_inline bool answer_getattr(struct efuse_request *req, enum outcome *outcome)
{
	struct node *node = node_at(req, req->nodeid);
	struct node_known *known;
	struct fuse_attr_out *out;
	__u64 seq, left;

	if (!node)
		return false;
	known = node_begin_read(req, node, req->nodeid, FOREVER, &seq, &left, outcome);
	if (!known)
		return false;
	out = (void *)efuse_room(req, sizeof(*out));
	if (!out)
		return false;
	out->attr = known->attr;
	set_valid(req, left, &out->attr_valid, &out->attr_valid_nsec);
	return read_end(&known->k, seq);
}

SEC("struct_ops/getattr")
int BPF_PROG(generic_getattr, struct efuse_request *req)
{
	enum outcome outcome = MISS;

	if (answer_getattr(req, &outcome)) {
		count(FUSE_GETATTR, HIT);
		return EFUSE_DONE;
	}
	return pass(req, outcome);
}

SEC("struct_ops/getattr_reply")
void BPF_PROG(generic_getattr_reply, struct efuse_request *req, int err)
{
	const struct fuse_attr_out *out = (const void *)efuse_out(req, 0, sizeof(*out));

	if (!req->cookie) {
		count(FUSE_GETATTR, REFUSED);
		node_changed(req, req->nodeid, CHANGED_ATTR);
	} else if (out) {
		node_learn(req, req->nodeid, &out->attr, out->attr_valid, out->attr_valid_nsec);
	}
}

/* --- what else is asked of a node --------------------------------------------- */

/* What a reply is made of. */
enum form { WHOLE, SIZED, EMPTY };

/* A verdict for what was found; passed if it changed under us. */
static __always_inline int answer_fact(struct efuse_request *req, const struct question *q,
				       enum form form)
{
	enum outcome outcome = MISS;
	struct fact_known *known;
	int verdict = EFUSE_PASS;
	__u64 seq;

	known = fact_get(req, q, &seq, &outcome);
	if (!known)
		return pass(req, outcome);
	if (known->size < 0)
		verdict = known->size;
	else if (form == SIZED)
		verdict = fact_reply_sized(req, known);
	else if (form == EMPTY || fact_reply(req, known))
		verdict = EFUSE_DONE;
	if (verdict == EFUSE_PASS || !read_end(&known->k, seq))
		return pass(req, outcome);
	count(req->opcode, HIT);
	return verdict;
}

SEC("struct_ops/getxattr")
int BPF_PROG(generic_getxattr, struct efuse_request *req)
{
	struct question q;

	return ask_xattr(&q, req) ? answer_fact(req, &q, SIZED) : pass(req, MISS);
}

/* What a GETXATTR or LISTXATTR of some room was answered, if it is short. */
static __always_inline void learn_sized(struct efuse_request *req, const struct question *q)
{
	const struct fuse_getxattr_in *in = (const void *)efuse_arg(req, 0, sizeof(*in));
	int size = efuse_out_size(req, 0);

	if (in && in->size && size >= 0 && size <= ANSWER)
		fact_learn(req, q, size);
}

SEC("struct_ops/getxattr_reply")
void BPF_PROG(generic_getxattr_reply, struct efuse_request *req, int err)
{
	struct question q;

	if (!ask_xattr(&q, req))
		return;
	if (!err)
		learn_sized(req, &q);
	else if (err == -ENODATA || err == -EOPNOTSUPP)
		fact_learn(req, &q, err);
}

SEC("struct_ops/listxattr")
int BPF_PROG(generic_listxattr, struct efuse_request *req)
{
	struct question q;

	ask(&q, ASK_LIST, 0);
	return answer_fact(req, &q, SIZED);
}

/* That there are none is known as well when only the size was asked for. */
SEC("struct_ops/listxattr_reply")
void BPF_PROG(generic_listxattr_reply, struct efuse_request *req, int err)
{
	const struct fuse_getxattr_out *out = (const void *)efuse_out(req, 0, sizeof(*out));
	const struct fuse_getxattr_in *in = (const void *)efuse_arg(req, 0, sizeof(*in));
	struct question q;

	ask(&q, ASK_LIST, 0);
	if (in && !in->size && out && !out->size)
		fact_learn(req, &q, 0);
	else if (!err)
		learn_sized(req, &q);
	else if (err == -EOPNOTSUPP)
		fact_learn(req, &q, err);
}

SEC("struct_ops/readlink")
int BPF_PROG(generic_readlink, struct efuse_request *req)
{
	struct question q;

	ask(&q, ASK_LINK, 0);
	return answer_fact(req, &q, WHOLE);
}

SEC("struct_ops/readlink_reply")
void BPF_PROG(generic_readlink_reply, struct efuse_request *req, int err)
{
	int size = efuse_out_size(req, 0);
	struct question q;

	ask(&q, ASK_LINK, 0);
	if (size > 0 && size <= ANSWER)
		fact_learn(req, &q, size);
}

/* Only asked where the file system decides permissions. */
SEC("struct_ops/access")
int BPF_PROG(generic_access, struct efuse_request *req)
{
	const struct fuse_access_in *in = (const void *)efuse_arg(req, 0, sizeof(*in));
	struct question q;

	ask(&q, ASK_ACCESS, in ? in->mask : ~0);
	return answer_fact(req, &q, EMPTY);
}

SEC("struct_ops/access_reply")
void BPF_PROG(generic_access_reply, struct efuse_request *req, int err)
{
	const struct fuse_access_in *in = (const void *)efuse_arg(req, 0, sizeof(*in));
	struct question q;

	if (!in || (err && err != -EACCES))
		return;
	ask(&q, ASK_ACCESS, in->mask);
	fact_learn(req, &q, err);
}

/*
 * Free space is changed by others even where nobody else changes the files, and no
 * reply says how long it holds: it is only remembered for a time that was chosen.
 */
SEC("struct_ops/statfs")
int BPF_PROG(generic_statfs, struct efuse_request *req)
{
	struct question q;

	if (mode_of(req) != MODE_TIMEOUT)
		return EFUSE_PASS;
	ask(&q, ASK_SPACE, 0);
	return answer_fact(req, &q, WHOLE);
}

SEC("struct_ops/statfs_reply")
void BPF_PROG(generic_statfs_reply, struct efuse_request *req, int err)
{
	struct question q;

	if (err || mode_of(req) != MODE_TIMEOUT)
		return;
	ask(&q, ASK_SPACE, 0);
	fact_store(req, &q, sizeof(struct fuse_kstatfs), lifetime(req, 0, 0));
}

/* --- opens -------------------------------------------------------------------- */

/*
 * Whether what the kernel has of the node is young enough to be kept. If it is not,
 * this open empties it, which is noted.
 */
static __always_inline bool is_young(struct efuse_request *req)
{
	enum outcome outcome;
	struct question q;
	__u64 seq;

	if (mode_of(req) == MODE_ALWAYS)
		return true;
	ask(&q, ASK_KEPT, 0);
	if (fact_get(req, &q, &seq, &outcome))
		return true;
	fact_store(req, &q, 0, lifetime(req, 0, 0));
	return false;
}

/*
 * Nobody may count on a FLUSH, and at the end of reading there is nothing to write
 * and no lock to end: none is sent where the kernel keeps the locks.
 */
static __always_inline __u32 no_flush(struct efuse_request *req)
{
	const struct fuse_open_in *in = (const void *)efuse_arg(req, 0, sizeof(*in));

	return req->opcode == FUSE_OPEN && mode_of(req) == MODE_ALWAYS && in &&
	       !(in->flags & O_ACCMODE) && !(req->flags & EFUSE_REQ_LOCKS) ? FOPEN_NOFLUSH : 0;
}

/* Where all are answered alike, an open is one user's all the same. */
static __always_inline __u64 who(struct efuse_request *req)
{
	return (__u64)req->uid << 32 | req->gid;
}

static __always_inline void opened_folder(struct efuse_request *req)
{
	struct question q;

	ask(&q, ASK_OPEN, who(req));
	fact_learn(req, &q, 0);
}

/*
 * An open is answered. What the kernel has of a file or folder is kept for it under
 * the same conditions as attributes. Nothing is changed for the file system's own
 * timeouts, nor where it wants to see every read, which the kernel refuses, nor for
 * a folder that may look different to different users.
 */
static __always_inline void keep_pages(struct efuse_request *req, __u32 dir)
{
	struct node *node = node_at(req, req->nodeid);
	__u32 mode = mode_of(req), keep;

	if (!node || (mode != MODE_ALWAYS && mode != MODE_TIMEOUT) ||
	    (dir && !(req->flags & EFUSE_REQ_PERMISSIONS)))
		return;
	keep = req->cookie && unsaid_life(req, node) && is_young(req) ? FOPEN_KEEP_CACHE : 0;
	if (efuse_open_flags(req, dir | keep | no_flush(req), FOPEN_KEEP_CACHE ^ keep))
		return;
	count(req->opcode, keep ? HIT : MISS);
	if (dir)
		opened_folder(req);
}

/*
 * A folder that the file system has opened for a user and group before need not be
 * opened there again, until its mode, owner or an extended attribute changes.
 */
SEC("struct_ops/reopendir")
int BPF_PROG(generic_reopendir, struct efuse_request *req)
{
	enum outcome outcome = MISS;
	struct question q;
	__u64 seq;

	if (mode_of(req) != MODE_ALWAYS || !(req->flags & EFUSE_REQ_PERMISSIONS))
		return EFUSE_PASS;
	ask(&q, ASK_OPEN, who(req));
	if (!fact_get(req, &q, &seq, &outcome))
		return EFUSE_PASS;
	count(FUSE_OPENDIR, HIT);
	return EFUSE_DONE;
}

/* --- contents ----------------------------------------------------------------- */

static __always_inline bool is_direct(struct efuse_request *req)
{
	return (req->flags & EFUSE_REQ_DIRECT) && has_blocks(req);
}

SEC("struct_ops/read")
int BPF_PROG(generic_read, struct efuse_request *req)
{
	enum outcome outcome = MISS;
	int verdict;

	if (!is_direct(req))
		return EFUSE_PASS;
	verdict = data_read(req, &outcome);
	if (verdict == EFUSE_DONE) {
		count(FUSE_READ, HIT);
		return EFUSE_DONE;
	}
	efuse_watch(req);
	pass(req, outcome);
	return verdict;
}

SEC("struct_ops/write")
int BPF_PROG(generic_write, struct efuse_request *req)
{
	if (is_direct(req)) {
		efuse_watch(req);
		efuse_keep(req, clock_now());
	}
	return EFUSE_PASS;
}

/* --- changes ----------------------------------------------------------------- */

/* When it was begun, for requests whose replies say what is so then. */
#define BEGUN(slot) \
	SEC("struct_ops/" #slot) \
	int BPF_PROG(generic_##slot, struct efuse_request *req) \
	{ \
		efuse_keep(req, clock_now()); \
		return EFUSE_PASS; \
	}

BEGUN(setattr)
BEGUN(symlink)
BEGUN(mknod)
BEGUN(mkdir)
BEGUN(create)
BEGUN(link)
BEGUN(unlink)
BEGUN(rmdir)
BEGUN(open)
BEGUN(opendir)

/*
 * A file that was there may have been cut to nothing, or got another name. It comes
 * before its folder: where both have one place, the folder's change is one since this
 * was begun, and nothing would be learnt.
 */
static __noinline int made(struct efuse_request *req, __u32 arg, int what)
{
	const struct fuse_entry_out *entry = (const void *)efuse_out(req, 0, sizeof(*entry));

	if (!entry)
		return name_changed(req, req->nodeid, arg);
	node_changed_to(req, entry->nodeid, what, &entry->attr,
			attr_lifetime(req, &entry->attr, entry->attr_valid,
				      entry->attr_valid_nsec));
	name_changed_to(req, arg, entry->nodeid, entry->generation,
			lifetime(req, entry->entry_valid, entry->entry_valid_nsec));
	return 0;
}

/* A file made without a name. */
static __always_inline void made_unnamed(struct efuse_request *req)
{
	const struct fuse_entry_out *entry = (const void *)efuse_out(req, 0, sizeof(*entry));

	node_changed(req, req->nodeid, CHANGED_ATTR);
	if (entry)
		node_changed(req, entry->nodeid, CHANGED_ATTR);
}

/* The file may be another node under its new name. */
static __always_inline void linked(struct efuse_request *req)
{
	const struct fuse_link_in *in = (const void *)efuse_arg(req, 0, sizeof(*in));

	if (in)
		node_changed(req, in->oldnodeid, CHANGED_ATTR | CHANGED_XATTR | CHANGED_LINKS);
	made(req, 1, CHANGED_XATTR);
}

/* No such name any more; that has no timeout of the file system's. What was removed, FUSE says. */
static __always_inline void removed(struct efuse_request *req, int err)
{
	if (err || mode_of(req) == MODE_AUTO)
		name_changed(req, req->nodeid, 0);
	else
		name_changed_to(req, 0, 0, 0, lifetime(req, 0, 0));
}

/*
 * Both structures begin with the new folder. What is moved or replaced, FUSE says.
 * The old name may still be there: two links of one file are not renamed.
 */
static __always_inline void renamed(struct efuse_request *req)
{
	const __u64 *newdir = (const __u64 *)efuse_arg(req, 0, sizeof(*newdir));

	name_changed(req, req->nodeid, 1);
	if (newdir)
		name_changed(req, *newdir, 2);
	permissions_changed(req);
}

static __always_inline void attributes_set(struct efuse_request *req)
{
	const struct fuse_setattr_in *in = (const void *)efuse_arg(req, 0, sizeof(*in));
	const struct fuse_attr_out *out = (const void *)efuse_out(req, 0, sizeof(*out));

	if (!in || in->valid & (FATTR_MODE | FATTR_UID | FATTR_GID))
		permissions_changed(req);
	if (!in || in->valid & FATTR_SIZE)
		node_changed(req, req->nodeid, CHANGED_CONTENTS);
	if (out)
		node_changed_to(req, req->nodeid, CHANGED_XATTR | CHANGED_DATA, &out->attr,
				attr_lifetime(req, &out->attr, out->attr_valid,
					      out->attr_valid_nsec));
	else
		node_changed(req, req->nodeid, CHANGED_ATTR | CHANGED_XATTR | CHANGED_DATA);
}

static __always_inline void opened(struct efuse_request *req)
{
	const struct fuse_open_in *in = (const void *)efuse_arg(req, 0, sizeof(*in));

	if (!in || (in->flags & O_TRUNC))
		node_changed(req, req->nodeid, CHANGED_ATTR | CHANGED_DATA | CHANGED_CONTENTS);
	keep_pages(req, 0);
}

static __always_inline void copied(struct efuse_request *req)
{
	const struct fuse_copy_file_range_in *in = (const void *)efuse_arg(req, 0, sizeof(*in));

	if (in)
		node_changed(req, in->nodeid_out, CHANGED_ATTR | CHANGED_DATA | CHANGED_CONTENTS);
}

/* Whatever came of it: an error can come after half of the work. */
static __always_inline void changed(struct efuse_request *req, int err)
{
	switch (req->opcode) {
	case FUSE_WRITE:
		node_changed(req, req->nodeid, CHANGED_ATTR | CHANGED_DATA);
		if (has_blocks(req))
			data_written(req);
		break;
	case FUSE_FALLOCATE:
		node_changed(req, req->nodeid, CHANGED_ATTR | CHANGED_DATA | CHANGED_CONTENTS);
		break;
	case FUSE_SETATTR:
		attributes_set(req);
		break;
	case FUSE_IOCTL:
		node_changed(req, req->nodeid,
			     CHANGED_ATTR | CHANGED_XATTR | CHANGED_DATA | CHANGED_CONTENTS);
		permissions_changed(req);
		break;
	case FUSE_SETXATTR:
	case FUSE_REMOVEXATTR:
		node_changed(req, req->nodeid, CHANGED_ATTR | CHANGED_XATTR);
		permissions_changed(req);
		break;
	case FUSE_UNLINK:
	case FUSE_RMDIR:
		removed(req, err);
		break;
	case FUSE_SYMLINK:
		made(req, 0, 0);
		break;
	case FUSE_MKNOD:
	case FUSE_MKDIR:
		made(req, 1, 0);
		break;
	case FUSE_CREATE:
		made(req, 1, CHANGED_DATA | CHANGED_CONTENTS);
		break;
	case FUSE_TMPFILE:
		made_unnamed(req);
		break;
	case FUSE_LINK:
		linked(req);
		break;
	case FUSE_RENAME:
	case FUSE_RENAME2:
		renamed(req);
		break;
	case FUSE_COPY_FILE_RANGE:
		copied(req);
		break;
	}
}

SEC("struct_ops/reply")
void BPF_PROG(generic_reply, struct efuse_request *req, int err)
{
	switch (req->opcode) {
	case FUSE_READ:
		if (!err && has_blocks(req))
			data_learn(req);
		break;
	case FUSE_READDIR:
	case FUSE_FLUSH:
	case FUSE_RELEASE:
	case FUSE_RELEASEDIR:
		break;
	case FUSE_READDIRPLUS:
		listing_learn(req);
		break;
	case FUSE_OPEN:
		opened(req);
		break;
	case FUSE_OPENDIR:
		listing_opened(req);
		keep_pages(req, FOPEN_CACHE_DIR);
		break;
	default:
		changed(req, err);
		space_changed(req);
		break;
	}
}

/*
 * What only a read made stale is the time of the last access: where a time or
 * "until it is changed" was chosen, that is not asked for again.
 */
SEC("struct_ops/invalidate")
void BPF_PROG(generic_invalidate, struct efuse_request *req)
{
	const __u32 *mask;

	switch (req->opcode) {
	case EFUSE_INVAL_ATTR:
		mask = (const void *)efuse_arg(req, 0, sizeof(*mask));
		if (!mask || *mask != STATX_ATIME || mode_of(req) == MODE_AUTO)
			node_changed(req, req->nodeid, CHANGED_ATTR);
		break;
	case FUSE_NOTIFY_INVAL_INODE:
		node_changed(req, req->nodeid, CHANGED_ATTR | CHANGED_XATTR | CHANGED_DATA |
			     CHANGED_LINKS | CHANGED_ID | CHANGED_CONTENTS);
		permissions_changed(req);
		space_changed(req);
		break;
	default:
		name_changed(req, req->nodeid, 0);
		space_changed(req);
		break;
	}
}

SEC("struct_ops/forget")
int BPF_PROG(generic_forget, struct efuse_request *req)
{
	node_changed(req, req->nodeid, CHANGED_ID);
	return EFUSE_PASS;
}

EFUSE_POLICY(generic,
	     .lookup = (void *)generic_lookup, .lookup_reply = (void *)generic_lookup_reply,
	     .getattr = (void *)generic_getattr, .getattr_reply = (void *)generic_getattr_reply,
	     .getxattr = (void *)generic_getxattr, .getxattr_reply = (void *)generic_getxattr_reply,
	     .listxattr = (void *)generic_listxattr,
	     .listxattr_reply = (void *)generic_listxattr_reply,
	     .readlink = (void *)generic_readlink, .readlink_reply = (void *)generic_readlink_reply,
	     .access = (void *)generic_access, .access_reply = (void *)generic_access_reply,
	     .statfs = (void *)generic_statfs, .statfs_reply = (void *)generic_statfs_reply,
	     .setattr = (void *)generic_setattr, .symlink = (void *)generic_symlink,
	     .mknod = (void *)generic_mknod, .mkdir = (void *)generic_mkdir,
	     .create = (void *)generic_create, .link = (void *)generic_link,
	     .unlink = (void *)generic_unlink, .rmdir = (void *)generic_rmdir,
	     .read = (void *)generic_read, .write = (void *)generic_write,
	     .open = (void *)generic_open, .opendir = (void *)generic_opendir,
	     .reopendir = (void *)generic_reopendir,
	     .reply = (void *)generic_reply, .invalidate = (void *)generic_invalidate,
	     .forget = (void *)generic_forget, .flags = EFUSE_OPS_NO_ELSEWHERE)

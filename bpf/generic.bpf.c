// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * generic.bpf.c - the generic policy: answers LOOKUP, GETATTR, GETXATTR and
 * READLINK from what it saw the file system reply, as long as that holds.
 *
 * A connection chooses how long with its parameters (clock.bpf.h): for the file
 * system's own timeouts, until something changes it through the mount, or for a
 * time. What changes things is in generic_reply and generic_invalidate: the
 * former is about requests, once they are complete, the latter about what FUSE or
 * the file system says. The map counters counts hits and misses.
 */
#include "link.bpf.h"
#include "name.bpf.h"
#include "node.bpf.h"
#include "xattr.bpf.h"

#define O_TRUNC		01000
#define STATX_ATIME	0x20

/* --- names and attributes ---------------------------------------------------- */

static __always_inline bool answer_lookup(struct efuse_request *req)
{
	struct fuse_entry_out entry = { 0 };
	struct name_key key;
	struct node *node;
	__u64 asked, left;

	if (!name_key(req, req->nodeid, 0, &key))
		return false;
	asked = name_entry(req, &key, &entry);
	if (!asked)
		return false;
	if (entry.nodeid) {
		node = node_at(req->conn, entry.nodeid);
		if (!node || node->forgotten > asked)
			return false;
		left = node_attr(req, node, entry.nodeid, &entry.attr);
		if (!left)
			return false;
		set_valid(req, left, &entry.attr_valid, &entry.attr_valid_nsec);
	}
	return !efuse_reply(req, &entry, sizeof(entry));
}

SEC("struct_ops/lookup")
int BPF_PROG(generic_lookup, struct efuse_request *req)
{
	if (answer_lookup(req)) {
		count(LOOKUP_HIT);
		return EFUSE_DONE;
	}
	count(LOOKUP_MISS);
	efuse_keep(req, clock_now());
	return EFUSE_PASS;
}

/* That a name is not there has a timeout only if it comes as an entry without node. */
SEC("struct_ops/lookup_reply")
void BPF_PROG(generic_lookup_reply, struct efuse_request *req, int err)
{
	const struct fuse_entry_out *entry;
	struct name_key key;

	if (!name_key(req, req->nodeid, 0, &key))
		return;
	if (err) {
		if (err == -ENOENT && req->param[0] != MODE_AUTO)
			name_learn(req, &key, 0, 0, lifetime(req, 0, 0));
		return;
	}
	entry = (const void *)efuse_out(req, 0, sizeof(*entry));
	if (!entry)
		return;
	name_learn(req, &key, entry->nodeid, entry->generation,
		   lifetime(req, entry->entry_valid, entry->entry_valid_nsec));
	if (entry->nodeid)
		node_learn(req, entry->nodeid, &entry->attr,
			   lifetime(req, entry->attr_valid, entry->attr_valid_nsec));
}

static __always_inline bool answer_getattr(struct efuse_request *req)
{
	struct node *node = node_at(req->conn, req->nodeid);
	struct fuse_attr_out out = { 0 };
	__u64 left;

	left = node ? node_attr(req, node, req->nodeid, &out.attr) : 0;
	if (!left)
		return false;
	set_valid(req, left, &out.attr_valid, &out.attr_valid_nsec);
	return !efuse_reply(req, &out, sizeof(out));
}

SEC("struct_ops/getattr")
int BPF_PROG(generic_getattr, struct efuse_request *req)
{
	if (answer_getattr(req)) {
		count(GETATTR_HIT);
		return EFUSE_DONE;
	}
	count(GETATTR_MISS);
	efuse_keep(req, clock_now());
	return EFUSE_PASS;
}

SEC("struct_ops/getattr_reply")
void BPF_PROG(generic_getattr_reply, struct efuse_request *req, int err)
{
	const struct fuse_attr_out *out = (const void *)efuse_out(req, 0, sizeof(*out));

	if (out)
		node_learn(req, req->nodeid, &out->attr,
			   lifetime(req, out->attr_valid, out->attr_valid_nsec));
}

/* --- extended attributes and links ------------------------------------------- */

SEC("struct_ops/getxattr")
int BPF_PROG(generic_getxattr, struct efuse_request *req)
{
	struct xattr_name name;
	int verdict = xattr_name(req, &name) ? xattr_answer(req, &name) : EFUSE_PASS;

	count(verdict == EFUSE_PASS ? GETXATTR_MISS : GETXATTR_HIT);
	if (verdict == EFUSE_PASS)
		efuse_keep(req, clock_now());
	return verdict;
}

SEC("struct_ops/getxattr_reply")
void BPF_PROG(generic_getxattr_reply, struct efuse_request *req, int err)
{
	const struct fuse_getxattr_in *in = (const void *)efuse_arg(req, 0, sizeof(*in));
	struct xattr_name name;
	int size = err ?: efuse_out_size(req, 0);

	if (!in || !xattr_name(req, &name))
		return;
	if (err ? err == -ENODATA || err == -EOPNOTSUPP :
		  in->size && size > 0 && size <= XATTR_VALUE)
		xattr_learn(req, &name, size);
}

SEC("struct_ops/readlink")
int BPF_PROG(generic_readlink, struct efuse_request *req)
{
	if (link_answer(req)) {
		count(READLINK_HIT);
		return EFUSE_DONE;
	}
	count(READLINK_MISS);
	efuse_keep(req, clock_now());
	return EFUSE_PASS;
}

SEC("struct_ops/readlink_reply")
void BPF_PROG(generic_readlink_reply, struct efuse_request *req, int err)
{
	int size = efuse_out_size(req, 0);

	if (size > 0 && size <= LINK_BYTES)
		link_learn(req, size);
}

/* --- changes ----------------------------------------------------------------- */

static __always_inline void link_made(struct efuse_request *req)
{
	const struct fuse_link_in *in = (const void *)efuse_arg(req, 0, sizeof(*in));

	if (in)
		node_changed(req->conn, in->oldnodeid, CHANGED_ATTR);
	name_changed(req, req->nodeid, 1);
}

/* Both structures begin with the new folder. What is moved or replaced, FUSE says. */
static __always_inline void renamed(struct efuse_request *req)
{
	const __u64 *newdir = (const __u64 *)efuse_arg(req, 0, sizeof(*newdir));

	name_changed(req, req->nodeid, 1);
	if (newdir)
		name_changed(req, *newdir, 2);
}

/* A file that was there may have been cut to nothing. */
static __always_inline void created(struct efuse_request *req)
{
	const struct fuse_entry_out *entry = (const void *)efuse_out(req, 0, sizeof(*entry));

	name_changed(req, req->nodeid, 1);
	if (!entry)
		return;
	node_changed(req->conn, entry->nodeid, CHANGED_ATTR | CHANGED_DATA);
	node_store(req, entry->nodeid, 0, &entry->attr,
		   lifetime(req, entry->attr_valid, entry->attr_valid_nsec));
}

static __always_inline void opened(struct efuse_request *req)
{
	const struct fuse_open_in *in = (const void *)efuse_arg(req, 0, sizeof(*in));

	if (!in || (in->flags & O_TRUNC))
		node_changed(req->conn, req->nodeid, CHANGED_ATTR | CHANGED_DATA);
}

static __always_inline void copied(struct efuse_request *req)
{
	const struct fuse_copy_file_range_in *in = (const void *)efuse_arg(req, 0, sizeof(*in));

	if (in)
		node_changed(req->conn, in->nodeid_out, CHANGED_ATTR | CHANGED_DATA);
}

/* Whatever came of it: an error can come after half of the work. */
SEC("struct_ops/reply")
void BPF_PROG(generic_reply, struct efuse_request *req, int err)
{
	switch (req->opcode) {
	case FUSE_WRITE:
	case FUSE_FALLOCATE:
		node_changed(req->conn, req->nodeid, CHANGED_ATTR | CHANGED_DATA);
		break;
	case FUSE_SETATTR:
	case FUSE_IOCTL:
		node_changed(req->conn, req->nodeid, CHANGED_ATTR | CHANGED_XATTR | CHANGED_DATA);
		break;
	case FUSE_SETXATTR:
	case FUSE_REMOVEXATTR:
		node_changed(req->conn, req->nodeid, CHANGED_ATTR | CHANGED_XATTR);
		break;
	case FUSE_UNLINK:
	case FUSE_RMDIR:
	case FUSE_SYMLINK:
		name_changed(req, req->nodeid, 0);
		break;
	case FUSE_MKNOD:
	case FUSE_MKDIR:
		name_changed(req, req->nodeid, 1);
		break;
	case FUSE_CREATE:
	case FUSE_TMPFILE:
		created(req);
		break;
	case FUSE_LINK:
		link_made(req);
		break;
	case FUSE_RENAME:
	case FUSE_RENAME2:
		renamed(req);
		break;
	case FUSE_OPEN:
		opened(req);
		break;
	case FUSE_COPY_FILE_RANGE:
		copied(req);
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
		if (!mask || *mask != STATX_ATIME || req->param[0] == MODE_AUTO)
			node_changed(req->conn, req->nodeid, CHANGED_ATTR);
		break;
	case FUSE_NOTIFY_INVAL_INODE:
		node_changed(req->conn, req->nodeid,
			     CHANGED_ATTR | CHANGED_XATTR | CHANGED_DATA | CHANGED_ID);
		break;
	default:
		name_changed(req, req->nodeid, 0);
		break;
	}
}

SEC("struct_ops/forget")
int BPF_PROG(generic_forget, struct efuse_request *req)
{
	node_changed(req->conn, req->nodeid, CHANGED_ID);
	return EFUSE_PASS;
}

EFUSE_POLICY(generic,
	     .lookup = (void *)generic_lookup, .lookup_reply = (void *)generic_lookup_reply,
	     .getattr = (void *)generic_getattr, .getattr_reply = (void *)generic_getattr_reply,
	     .getxattr = (void *)generic_getxattr, .getxattr_reply = (void *)generic_getxattr_reply,
	     .readlink = (void *)generic_readlink, .readlink_reply = (void *)generic_readlink_reply,
	     .reply = (void *)generic_reply, .invalidate = (void *)generic_invalidate,
	     .forget = (void *)generic_forget)

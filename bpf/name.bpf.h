/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * name.bpf.h - what is known of names in folders: which node they are, or that
 * they are not there.
 */
#ifndef EFUSE_NAME_BPF_H
#define EFUSE_NAME_BPF_H

#include "node.bpf.h"

#define NAMES		32768	/* a power of two */
#define NAME_BYTES	48	/* of a name that is remembered, with its zero */

struct name_key {
	__u64 conn;
	__u64 parent;
	union {
		char text[NAME_BYTES];
		__u64 words[NAME_BYTES / 8];
	};
};

struct name {
	__u64 changed;		/* the last change of any name of this place */

	/* Of one name, under seq. */
	__u64 seq;
	struct name_key key;
	__u64 nodeid;		/* 0: no such name */
	__u64 generation;
	__u64 asked;
	__u64 expires;
	__u64 cred;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, NAMES);
	__type(key, __u32);
	__type(value, struct name);
} names SEC(".maps");

/* The key of the name in an argument, false if it is too long or a dot. */
static __always_inline bool name_key(struct efuse_request *req, __u64 parent, __u32 arg,
				     struct name_key *key)
{
	key->conn = req->conn;
	key->parent = parent;
	if (efuse_arg_copy(req, arg, 0, key->text, NAME_BYTES) < 0 || key->text[NAME_BYTES - 1])
		return false;
	return key->text[0] != '.' ||
	       (key->text[1] && (key->text[1] != '.' || key->text[2]));
}

static __always_inline struct name *name_at(const struct name_key *key)
{
	__u64 hash = mix(mix(key->conn, 0), key->parent);
	__u32 index;

	for (int i = 0; i < NAME_BYTES / 8; i++)
		hash = mix(hash, key->words[i]);
	index = hash & (NAMES - 1);
	return bpf_map_lookup_elem(&names, &index);
}

static __always_inline bool name_is(const struct name *name, const struct name_key *key)
{
	if (name->key.conn != key->conn || name->key.parent != key->parent)
		return false;
	for (int i = 0; i < NAME_BYTES / 8; i++)
		if (name->key.words[i] != key->words[i])
			return false;
	return true;
}

/*
 * What is known of a name, into entry, which is zero: nodeid, generation, how long
 * it holds. Returns when that was asked for, 0 if nothing is known.
 */
static __always_inline __u64 name_entry(struct efuse_request *req, const struct name_key *key,
					struct fuse_entry_out *entry)
{
	struct node *dir = node_at(key->conn, key->parent);
	struct name *name = name_at(key);
	__u64 seq, asked, left;

	if (!name || !dir || !slot_begin_read(&name->seq, &seq) || !name_is(name, key) ||
	    name->cred != cred_of(req))
		return 0;
	entry->nodeid = name->nodeid;
	entry->generation = name->generation;
	asked = name->asked;
	left = remaining(name->expires);
	/* The folder's number may be another's since. */
	if (!slot_end_read(&name->seq, seq) || name->changed > asked || dir->forgotten > asked || !left)
		return 0;
	set_valid(req, left, &entry->entry_valid, &entry->entry_valid_nsec);
	return asked;
}

static __always_inline void name_learn(struct efuse_request *req, const struct name_key *key,
				       __u64 nodeid, __u64 generation, __u64 life)
{
	struct name *name = name_at(key);
	__u64 seq, expires = expiry(life);

	if (!name || !req->cookie || !life || !slot_begin_write(&name->seq, &seq))
		return;
	name->key = *key;
	name->nodeid = nodeid;
	name->generation = generation;
	name->asked = req->cookie;
	name->expires = expires;
	name->cred = cred_of(req);
	slot_end_write(&name->seq, seq);
}

/* The name in an argument is not what it was, nor are its folder's attributes. */
static __always_inline void name_changed(struct efuse_request *req, __u64 parent, __u32 arg)
{
	struct name_key key;
	struct name *name;

	node_changed(req->conn, parent, CHANGED_ATTR);
	if (!name_key(req, parent, arg, &key))
		return;
	name = name_at(&key);
	if (name)
		clock_mark(&name->changed);
}

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * name.bpf.h - what is known of names in folders: which node they are, or that
 * they are not there.
 */
#ifndef EFUSE_NAME_BPF_H
#define EFUSE_NAME_BPF_H

#include "node.bpf.h"

#define NAMES		16384	/* places, a power of two */
#define NAME_BYTES	48	/* of a name that is remembered, with its zero */

/* A name as it is compared. */
struct name_text {
	union {
		char text[NAME_BYTES];
		__u64 words[NAME_BYTES / 8];
	};
};

struct name_known {
	struct known k;		/* nodeid is the folder */
	struct name_text text;
	__u64 child;		/* 0: no such name */
	__u64 generation;
};

struct name {
	__u64 changed;		/* the last change of any name of this place */
	struct name_known known[WAYS];
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, NAMES);
	__type(key, __u32);
	__type(value, struct name);
} names SEC(".maps");

static __always_inline bool name_is_dots(const struct name_text *text)
{
	return text->text[0] == '.' &&
	       (!text->text[1] || (text->text[1] == '.' && !text->text[2]));
}

/* The name in an argument, false if it is too long or a dot. */
static __always_inline bool name_text(struct efuse_request *req, __u32 arg, struct name_text *text)
{
	if (efuse_arg_copy(req, arg, 0, text, sizeof(*text)) < 0 || text->text[NAME_BYTES - 1])
		return false;
	return !name_is_dots(text);
}

static __always_inline struct name *name_at(struct efuse_request *req, __u64 parent,
					    const struct name_text *text)
{
	__u64 hash = hash_of(req, parent);
	__u32 index;

	for (int i = 0; i < NAME_BYTES / 8 && text->words[i]; i++)
		hash = mix(hash, text->words[i]);
	index = place_of(req, hash) & (NAMES - 1);
	return bpf_map_lookup_elem(&names, &index);
}

/* Names end with zeroes. */
static __always_inline bool name_is(const struct name_known *known, struct efuse_request *req,
				    __u64 parent, const struct name_text *text)
{
	if (!known_is(&known->k, req, parent))
		return false;
	for (int i = 0; i < NAME_BYTES / 8; i++) {
		if (known->text.words[i] != text->words[i])
			return false;
		if (!text->words[i])
			break;
	}
	return true;
}

static __always_inline struct name_known *name_find(struct name *name, struct efuse_request *req,
						    __u64 parent, const struct name_text *text)
{
	for (int i = 0; i < WAYS; i++)
		if (name_is(&name->known[i], req, parent, text))
			return &name->known[i];
	return NULL;
}

/* What is known of a name: struct name_known as it was, whole. */
struct found {
	__u64 child;
	__u64 generation;
	__u64 asked;
	__u64 left;	/* nanoseconds for which it holds */
};

/*
 * Of a name in the request's folder; false if nothing is, with *outcome saying why.
 * still_may() is the caller's to ask.
 */
static __always_inline bool name_get(struct efuse_request *req, const struct name_text *text,
				     struct found *found, enum outcome *outcome)
{
	struct node *dir = node_at(req, req->nodeid);
	struct name *name = name_at(req, req->nodeid, text);
	struct name_known *known = NULL;
	__u64 seq, expires;

	if (!name || !dir)
		return false;
	for (int i = 0; i < WAYS && !known; i++)
		if (read_begin(&name->known[i].k, &seq) &&
		    name_is(&name->known[i], req, req->nodeid, text))
			known = &name->known[i];
	if (!known)
		return false;
	found->child = known->child;
	found->generation = known->generation;
	found->asked = known->k.asked;
	expires = known->k.expires;
	if (!read_end(&known->k, seq))
		return false;
	*outcome = STALE;
	/* The folder's number may be another's since. */
	if (name->changed > found->asked || dir->forgotten > found->asked)
		return false;
	found->left = remaining(expires);
	if (!found->left)
		return false;
	known_use(&known->k);
	return true;
}

static __always_inline struct name_known *name_room(struct name *name, struct efuse_request *req,
						    __u64 parent, const struct name_text *text)
{
	struct name_known *room = name_find(name, req, parent, text);

	return room ?: known_room(&name->known[0].k, sizeof(name->known[0]));
}

static __always_inline void name_store(struct efuse_request *req, struct name *name,
				       const struct name_text *text, __u64 asked, __u64 child,
				       __u64 generation, __u64 life)
{
	__u64 seq, expires = expiry(life);
	struct name_known *room;

	if (!life)
		return;
	room = name_room(name, req, req->nodeid, text);
	if (!room || !known_begin(&room->k, &seq))
		return;
	known_set(&room->k, req, req->nodeid, asked, expires);
	room->text = *text;
	room->child = child;
	room->generation = generation;
	known_end(&room->k, seq);
}

/* A LOOKUP was answered. */
static __noinline int name_learn(struct efuse_request *req, const struct name_text *text,
				 __u64 child, __u64 generation, __u64 life)
{
	struct name *name = name_at(req, req->nodeid, text);

	if (name && req->cookie)
		name_store(req, name, text, req->cookie, child, generation, life);
	return 0;
}

/* The name in an argument is not what it was, nor are its folder's attributes. */
static __noinline int name_changed(struct efuse_request *req, __u64 parent, __u32 arg)
{
	struct name_text text;
	struct name *name;

	node_changed(req, parent, CHANGED_ATTR);
	if (!name_text(req, arg, &text))
		return 0;
	name = name_at(req, parent, &text);
	if (name)
		clock_mark(&name->changed);
	return 0;
}

/* The same in the request's folder, where it is known what the name is now. */
static __noinline int name_changed_to(struct efuse_request *req, __u32 arg, __u64 child,
				      __u64 generation, __u64 life)
{
	struct node *dir = node_at(req, req->nodeid);
	struct name_text text;
	struct name *name;
	__u64 asked;

	node_changed(req, req->nodeid, CHANGED_ATTR);
	if (!dir || !name_text(req, arg, &text))
		return 0;
	name = name_at(req, req->nodeid, &text);
	if (!name)
		return 0;
	asked = clock_mark_own(&name->changed, req->cookie);
	if (asked && dir->forgotten <= req->cookie)
		name_store(req, name, &text, asked, child, generation, life);
	return 0;
}

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * listing.bpf.h - what READDIRPLUS says of names and attributes.
 *
 * A file system may have looked at a folder when it was opened, or when it was first
 * read, and say so later. What it says is therefore as old as the open of the
 * handle, which is remembered for each; of a handle that is not known nothing is
 * learned. Nor is anything where the file system decides permissions: who may read
 * a folder may not look up a name in it.
 *
 * FUSE has a lookup of each node in a reply that it can read, and forgets the others.
 * Where it stops, as at the first name that cannot be one, there are no inodes: it
 * refuses answers with such nodes.
 */
#ifndef EFUSE_LISTING_BPF_H
#define EFUSE_LISTING_BPF_H

#include "fact.bpf.h"
#include "name.bpf.h"

#define ENTRIES		32	/* more than a page has */

/* Whether what a READDIRPLUS says is worth remembering. */
static __always_inline bool listing_counts(struct efuse_request *req)
{
	return mode_of(req) != MODE_AUTO && (req->flags & EFUSE_REQ_PERMISSIONS);
}

/* An OPENDIR was answered: all that is read with its handle is as old as that. */
static __always_inline void listing_opened(struct efuse_request *req)
{
	const struct fuse_open_out *out = (const void *)efuse_out(req, 0, sizeof(*out));
	struct question q;

	if (!out || !listing_counts(req))
		return;
	ask(&q, ASK_HANDLE, out->fh);
	fact_store(req, &q, 0, FOREVER);
}

/* When the handle of a READDIRPLUS was opened, 0 if that is not known. */
static __always_inline __u64 listing_asked(struct efuse_request *req)
{
	const struct fuse_read_in *in = (const void *)efuse_arg(req, 0, sizeof(*in));
	struct fact_known *known;
	enum outcome outcome;
	struct question q;
	__u64 seq, asked;

	if (!in)
		return 0;
	ask(&q, ASK_HANDLE, in->fh);
	known = fact_get(req, &q, &seq, &outcome);
	if (!known)
		return 0;
	asked = known->k.asked;
	return read_end(&known->k, seq) ? asked : 0;
}

struct listing {
	struct efuse_request *req;
	__u32 at;	/* bytes of the reply that are done with */
	__u32 size;	/* of all */
};

/* A name of size bytes at that place; false if it is too long to be remembered, or a dot. */
static __always_inline bool listing_name(const struct listing *l, __u32 at, __u32 size,
					 struct name_text *text)
{
	*text = (struct name_text){ 0 };
	if (size >= NAME_BYTES || efuse_out_copy(l->req, 0, at, text, size) != (int)size)
		return false;
	return !name_is_dots(text);
}

/* The next entry. Returns 1 when there is none, as bpf_loop() wants it. */
static long listing_next(__u32 unused, struct listing *l)
{
	struct fuse_direntplus entry;
	struct fuse_entry_out *out = &entry.entry_out;
	struct name_text text;
	__u32 at = l->at, size;

	if (efuse_out_copy(l->req, 0, at, &entry, sizeof(entry)) != sizeof(entry))
		return 1;
	size = entry.dirent.namelen;
	l->at = at + FUSE_DIRENT_ALIGN(sizeof(entry) + size);
	if (!size || size > 1024 || l->at > l->size)
		return 1;
	/* Without a node it says nothing, not that there is none. */
	if (!out->nodeid || !listing_name(l, at + sizeof(entry), size, &text))
		return 0;
	name_learn(l->req, &text, out->nodeid, out->generation,
		   lifetime(l->req, out->entry_valid, out->entry_valid_nsec));
	node_learn(l->req, out->nodeid, &out->attr, out->attr_valid, out->attr_valid_nsec);
	return 0;
}

/* A READDIRPLUS was answered. */
static __noinline int listing_learn(struct efuse_request *req)
{
	struct listing l = { .req = req };
	int size = efuse_out_size(req, 0);

	if (size <= 0 || !listing_counts(req))
		return 0;
	l.size = size;
	/* What is learned from this reply. */
	efuse_keep(req, listing_asked(req));
	if (req->cookie)
		bpf_loop(ENTRIES, listing_next, &l, 0);
	return 0;
}

#endif

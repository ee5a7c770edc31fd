// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * late.bpf.c - a policy that answers a LOOKUP of NAME with what the file system said of it
 * last, and late: after some seconds, in which that can have become another file's.
 */
#include "efuse.bpf.h"

#define NAME	"late"
#define SECONDS	3
#define SECOND	1000000	/* the longest wait, in microseconds */

/* The last reply. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct fuse_entry_out);
} last SEC(".maps");

static struct fuse_entry_out *last_for(struct efuse_request *req)
{
	char name[sizeof(NAME)];
	__u32 key = 0;

	if (efuse_arg_size(req, 0) != sizeof(NAME) ||
	    efuse_arg_copy(req, 0, 0, name, sizeof(name)) < 0)
		return NULL;
	for (unsigned int i = 0; i < sizeof(NAME); i++)
		if (name[i] != NAME[i])
			return NULL;
	return bpf_map_lookup_elem(&last, &key);
}

SEC("struct_ops.s/lookup")
int BPF_PROG(late_lookup, struct efuse_request *req)
{
	struct fuse_entry_out *entry = last_for(req), *room;

	if (!entry || !entry->nodeid)
		return EFUSE_PASS;
	room = (void *)efuse_room(req, sizeof(*room));
	if (!room)
		return EFUSE_PASS;
	*room = *entry;
	for (int i = 0; i < SECONDS; i++)
		efuse_wait(req, SECOND);
	return EFUSE_DONE;
}

SEC("struct_ops/lookup_reply")
void BPF_PROG(late_lookup_reply, struct efuse_request *req, int err)
{
	const struct fuse_entry_out *out = (const void *)efuse_out(req, 0, sizeof(*out));
	struct fuse_entry_out *entry = last_for(req);

	if (!err && out && entry)
		*entry = *out;
}

EFUSE_POLICY(late, .lookup = (void *)late_lookup, .lookup_reply = (void *)late_lookup_reply)

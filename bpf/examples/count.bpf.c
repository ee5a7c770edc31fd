// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * count.bpf.c - a policy that counts the requests of all its mounts by opcode,
 * before the file system sees them. The map requests holds the counts.
 */
#include "efuse.bpf.h"

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 64);
	__type(key, __u32);
	__type(value, __u64);
} requests SEC(".maps");

SEC("struct_ops/other")
int BPF_PROG(count_other, struct efuse_request *req)
{
	__u32 opcode = req->opcode;
	__u64 *count = bpf_map_lookup_elem(&requests, &opcode);

	if (count)
		__sync_fetch_and_add(count, 1);
	return EFUSE_PASS;
}

EFUSE_POLICY(count, .other = (void *)count_other)

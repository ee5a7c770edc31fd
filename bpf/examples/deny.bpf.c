// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * deny.bpf.c - a policy that denies one name in every folder: nobody finds it,
 * makes it or renames anything to it.
 */
#include "efuse.bpf.h"

#define NAME	".forbidden"

/* Whether an argument is the name, its last zero byte included. */
static bool is_denied(struct efuse_request *req, __u32 index)
{
	char name[sizeof(NAME)];

	if (efuse_arg_size(req, index) != sizeof(NAME) ||
	    efuse_arg_copy(req, index, 0, name, sizeof(name)) < 0)
		return false;
	for (unsigned int i = 0; i < sizeof(NAME); i++)
		if (name[i] != NAME[i])
			return false;
	return true;
}

/* Requests with a structure, of one size or another, before the name. */
static int name_after(struct efuse_request *req)
{
	return is_denied(req, 1) ? -EACCES : EFUSE_PASS;
}

SEC("struct_ops/lookup")
int BPF_PROG(deny_lookup, struct efuse_request *req)
{
	return is_denied(req, 0) ? -EACCES : EFUSE_PASS;
}

SEC("struct_ops/symlink")
int BPF_PROG(deny_symlink, struct efuse_request *req)
{
	return is_denied(req, 0) ? -EACCES : EFUSE_PASS;
}

SEC("struct_ops/create")
int BPF_PROG(deny_create, struct efuse_request *req)
{
	return name_after(req);
}

SEC("struct_ops/mknod")
int BPF_PROG(deny_mknod, struct efuse_request *req)
{
	return name_after(req);
}

SEC("struct_ops/mkdir")
int BPF_PROG(deny_mkdir, struct efuse_request *req)
{
	return name_after(req);
}

SEC("struct_ops/link")
int BPF_PROG(deny_link, struct efuse_request *req)
{
	return name_after(req);
}

SEC("struct_ops/rename")
int BPF_PROG(deny_rename, struct efuse_request *req)
{
	return is_denied(req, 2) ? -EACCES : EFUSE_PASS;
}

SEC("struct_ops/rename2")
int BPF_PROG(deny_rename2, struct efuse_request *req)
{
	return is_denied(req, 2) ? -EACCES : EFUSE_PASS;
}

EFUSE_POLICY(deny, .lookup = (void *)deny_lookup, .symlink = (void *)deny_symlink,
	     .create = (void *)deny_create, .mknod = (void *)deny_mknod,
	     .mkdir = (void *)deny_mkdir, .link = (void *)deny_link,
	     .rename = (void *)deny_rename, .rename2 = (void *)deny_rename2)

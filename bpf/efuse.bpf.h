/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * efuse.bpf.h - what a policy includes: the types and functions of the efuse
 * driver, declared for BPF. Fields are found in the running driver by their
 * names; only those named here can be used.
 *
 *	#include "efuse.bpf.h"
 *
 *	SEC("struct_ops/other")
 *	int BPF_PROG(mine_other, struct efuse_request *req)
 *	{
 *		return EFUSE_PASS;
 *	}
 *
 *	EFUSE_POLICY(mine, .other = (void *)mine_other)
 */
#ifndef EFUSE_BPF_H
#define EFUSE_BPF_H

#include <linux/bpf.h>
#include <linux/efuse.h>
#include <linux/fuse.h>
#include <linux/types.h>
#include <stdbool.h>

#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)
#include "slots.h"
#pragma clang attribute pop

/* Newer than some distributions' <linux/fuse.h>. */
#ifndef FUSE_TMPFILE
#define FUSE_TMPFILE	51
#endif
#ifndef FUSE_STATX
#define FUSE_STATX	52
#endif

/* Errors, as the requester is to see them. */
#ifndef ENOENT
#define ENOENT		2
#define EACCES		13
#define ENODATA		61
#endif

/* See the comments of kernel/module/kfunc.c. */
extern int efuse_arg_size(struct efuse_request *req, __u32 index) __ksym;
extern const __u8 *efuse_arg(struct efuse_request *req, __u32 index,
			     const __u64 rdonly_buf_size) __ksym;
extern int efuse_arg_copy(struct efuse_request *req, __u32 index, __u32 off,
			  void *dst, __u32 dst__sz) __ksym;
extern int efuse_out_size(struct efuse_request *req, __u32 index) __ksym;
extern const __u8 *efuse_out(struct efuse_request *req, __u32 index,
			     const __u64 rdonly_buf_size) __ksym;
extern int efuse_out_copy(struct efuse_request *req, __u32 index, __u32 off,
			  void *dst, __u32 dst__sz) __ksym;
extern void efuse_keep(struct efuse_request *req, __u64 cookie) __ksym;
extern int efuse_open_flags(struct efuse_request *req, __u32 set, __u32 clear) __ksym;
extern __u8 *efuse_room(struct efuse_request *req, const __u64 rdwr_buf_size) __ksym;
extern int efuse_reply(struct efuse_request *req, const void *src, __u32 src__sz) __ksym;
extern int efuse_watch(struct efuse_request *req) __ksym;
extern int efuse_reply_more(struct efuse_request *req, const void *src, __u32 src__sz,
			    __u32 from, __u32 count) __ksym;
extern int efuse_wait(struct efuse_request *req, __u32 usec) __ksym;

/* A policy of that name, with the slots that follow. */
#define EFUSE_POLICY(policy, ...) \
	SEC(".struct_ops.link") \
	struct efuse_ops policy = { .name = #policy, __VA_ARGS__ }; \
	char policy##_license[] SEC("license") = "GPL";

#endif

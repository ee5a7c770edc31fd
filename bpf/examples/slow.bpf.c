// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * slow.bpf.c - a policy that makes requests wait before the file system gets them, as
 * if that were far away: to see what a program does then. It waits for as many
 * microseconds as param[0] of the mount says, up to a second, or for MICROSECONDS.
 *
 * Waiting is for programs that may sleep, struct_ops.s. Slots whose requests can come
 * in the background (read, write, release) have none.
 */
#include "efuse.bpf.h"

#define MICROSECONDS	10000

#define SLOW(slot) \
	SEC("struct_ops.s/" #slot) \
	int BPF_PROG(slow_##slot, struct efuse_request *req) \
	{ \
		int err = efuse_wait(req, req->param[0] ?: MICROSECONDS); \
		return err < 0 ? err : EFUSE_PASS; \
	}

SLOW(lookup)
SLOW(getattr)
SLOW(setattr)
SLOW(open)
SLOW(create)
SLOW(unlink)
SLOW(mkdir)
SLOW(rmdir)
SLOW(opendir)
SLOW(readdir)
SLOW(readdirplus)

EFUSE_POLICY(slow, .lookup = (void *)slow_lookup, .getattr = (void *)slow_getattr,
	     .setattr = (void *)slow_setattr, .open = (void *)slow_open,
	     .create = (void *)slow_create, .unlink = (void *)slow_unlink,
	     .mkdir = (void *)slow_mkdir, .rmdir = (void *)slow_rmdir,
	     .opendir = (void *)slow_opendir, .readdir = (void *)slow_readdir,
	     .readdirplus = (void *)slow_readdirplus)

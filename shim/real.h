/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * real.h - the calls behind the interposed ones.
 *
 * real.NAME is libc's function, found when it is first needed: a constructor
 * of another library may call us before our own has run.
 */
#ifndef EFUSE_SHIM_REAL_H
#define EFUSE_SHIM_REAL_H

#include <poll.h>
#include <pthread.h>
#include <spawn.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/uio.h>

#include "shim/calls.h"

#define REAL_MEMBER(type, name, args) type (*name) args;
struct real {
	CALLS(REAL_MEMBER)
};
#undef REAL_MEMBER

extern struct real real_table;

/*
 * Looks every call up once. Safe from any thread and more than once: every
 * store writes the same value. A call that libc lacks stays NULL and is then
 * not called by anybody.
 */
void real_init(void);

/* The table, filled. */
static inline const struct real *real(void)
{
	if (__builtin_expect(!__atomic_load_n(&real_table.popen, __ATOMIC_ACQUIRE), 0))
		real_init();
	return &real_table;
}

#endif

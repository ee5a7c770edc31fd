/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fdtab.h - which file descriptor belongs to which FUSE connection.
 *
 * A lock-free table indexed by descriptor. Several descriptors may name one
 * session (dup, FUSE_DEV_IOC_CLONE); descriptors of the shim's own (rings,
 * eventfds) are marked so that a daemon that closes everything spares them.
 */
#ifndef EFUSE_SHIM_FDTAB_H
#define EFUSE_SHIM_FDTAB_H

#include <stdbool.h>
#include <stddef.h>

struct session;

#define FDTAB_SIZE 65536	/* descriptors from here on keep plain FUSE */

extern struct session *fdtab_table[FDTAB_SIZE];
extern unsigned int fdtab_used;	/* 1 once an entry was set; atomic */

/* The mark of a descriptor that is the shim's own. */
#define FDTAB_PRIVATE ((struct session *)1)

static inline bool fdtab_any(void)
{
	return __atomic_load_n(&fdtab_used, __ATOMIC_RELAXED);
}

/*
 * The session of FD without a reference, NULL for every other descriptor. Only
 * for comparing, or where the caller holds a reference by other means.
 */
static inline struct session *fdtab_peek(int fd)
{
	struct session *s;

	if (__builtin_expect(!fdtab_any(), 1))
		return NULL;
	if ((unsigned int)fd >= FDTAB_SIZE)
		return NULL;
	s = __atomic_load_n(&fdtab_table[fd], __ATOMIC_ACQUIRE);
	return s == FDTAB_PRIVATE ? NULL : s;
}

/* Whether FD is one of the shim's own. */
bool fdtab_private(int fd);

/*
 * The session of FD with a reference that session_put() gives back, or NULL.
 * Safe against a concurrent fdtab_clear(): sessions are never unmapped.
 */
struct session *fdtab_get(int fd);

/* Lets FD name S (or FDTAB_PRIVATE); the table takes a reference of its own. */
void fdtab_set(int fd, struct session *s);

/*
 * Forgets FD. Returns the session it named, whose reference is now the
 * caller's, or NULL.
 */
struct session *fdtab_clear(int fd);

/* Calls FN for every descriptor from FIRST to LAST that the table knows. */
void fdtab_each(unsigned int first, unsigned int last, void (*fn)(int fd));

#endif

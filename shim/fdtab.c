// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * fdtab.c - file descriptor to session.
 *
 * Readers take no lock: they load the pointer, take a reference and look
 * again; when the entry changed meanwhile the reference is given back and may
 * be that of a recycled session, which is harmless because sessions stay
 * allocated for the life of the process.
 */
#include "shim/fdtab.h"
#include "shim/session.h"

struct session *fdtab_table[FDTAB_SIZE];
unsigned int fdtab_used;

static struct session *table_load(int fd)
{
	return __atomic_load_n(&fdtab_table[fd], __ATOMIC_ACQUIRE);
}

bool fdtab_private(int fd)
{
	return (unsigned int)fd < FDTAB_SIZE && table_load(fd) == FDTAB_PRIVATE;
}

struct session *fdtab_get(int fd)
{
	struct session *s = fdtab_peek(fd);

	while (s) {
		if (session_tryref(s)) {
			if (fdtab_peek(fd) == s)
				return s;
			session_put(s);
		}
		s = fdtab_peek(fd);
	}
	return NULL;
}

static struct session *table_swap(int fd, struct session *s)
{
	if ((unsigned int)fd >= FDTAB_SIZE)
		return NULL;
	return __atomic_exchange_n(&fdtab_table[fd], s, __ATOMIC_ACQ_REL);
}

void fdtab_set(int fd, struct session *s)
{
	struct session *old;

	if ((unsigned int)fd >= FDTAB_SIZE)
		return;
	if (s != FDTAB_PRIVATE)
		session_ref(s);
	old = table_swap(fd, s);
	if (old && old != FDTAB_PRIVATE)
		session_put(old);
	__atomic_store_n(&fdtab_used, 1, __ATOMIC_RELEASE);
}

struct session *fdtab_clear(int fd)
{
	struct session *old = table_swap(fd, NULL);

	return old == FDTAB_PRIVATE ? NULL : old;
}

void fdtab_each(unsigned int first, unsigned int last, void (*fn)(int fd))
{
	unsigned int fd;

	if (last >= FDTAB_SIZE)
		last = FDTAB_SIZE - 1;
	for (fd = first; fd <= last; fd++)
		if (table_load((int)fd))
			fn((int)fd);
}

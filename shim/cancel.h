/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cancel.h - keeping pthread_cancel(3) out of the middle of things.
 *
 * read(2) is a cancellation point and libraries rely on it, so the shim lets a
 * thread be cancelled while it waits, and only then: whatever it sets up or
 * takes down happens between cancel_off() and cancel_restore().
 */
#ifndef EFUSE_SHIM_CANCEL_H
#define EFUSE_SHIM_CANCEL_H

#include <pthread.h>

/* Returns the state to restore. Nests. */
static inline int cancel_off(void)
{
	int old;

	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &old);
	return old;
}

static inline void cancel_restore(int old)
{
	pthread_setcancelstate(old, NULL);
}

#endif

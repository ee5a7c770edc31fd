/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * tap.h - what the C tests of the virtual machine say and how they end.
 */
#ifndef VM_TAP_H
#define VM_TAP_H

#include <errno.h>
#include <stdio.h>
#include <string.h>

static int tap_run, tap_failed;

static inline void tap_ok(const char *what, int good)
{
	printf("%sok %d - %s\n", good ? "" : "not ", ++tap_run, what);
	tap_failed += !good;
}

/* got is 0 or -errno, and so is want. */
static inline void tap_is(const char *what, int got, int want)
{
	tap_ok(what, got == want);
	if (got != want)
		printf("# got %d (%s), want %d (%s)\n", got, strerror(-got), want, strerror(-want));
}

/* Prints the plan. Returns the exit status. */
static inline int tap_finish(void)
{
	printf("1..%d\n", tap_run);
	return tap_failed != 0;
}

#endif

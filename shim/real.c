// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * real.c - finds libc's own functions: the only file that calls dlsym.
 */
#include <dlfcn.h>

#include "shim/real.h"

struct real real_table;

#define REAL_LOOKUP(type, name, args) \
	__atomic_store_n(&real_table.name, (type (*) args)dlsym(RTLD_NEXT, #name), \
			 __ATOMIC_RELEASE);

/* popen, the last of the list, is the sign that all the others are there. */
void real_init(void)
{
	CALLS(REAL_LOOKUP)
}

// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * cpus.c - the number of possible cores.
 */
#include <stdlib.h>
#include <unistd.h>

#include "shim/cpus.h"
#include "shim/smallfile.h"

#define POSSIBLE "/sys/devices/system/cpu/possible"

/* Counts a list such as "0-3,8-11"; 0 when it is none. */
static unsigned int list_count(const char *list)
{
	unsigned int sum = 0;
	char *end;

	for (;;) {
		unsigned long first = strtoul(list, &end, 10), last = first;

		if (end == list)
			return sum;
		if (*end == '-') {
			list = end + 1;
			last = strtoul(list, &end, 10);
			if (end == list || last < first)
				return 0;
		}
		sum += (unsigned int)(last - first + 1);
		if (*end != ',')
			return sum;
		list = end + 1;
	}
}

static unsigned int read_possible(void)
{
	char buf[256];

	return smallfile_read(POSSIBLE, buf, sizeof(buf)) ? list_count(buf) : 0;
}

unsigned int cpus_possible(void)
{
	static unsigned int known;
	unsigned int n = __atomic_load_n(&known, __ATOMIC_RELAXED);
	long conf;

	if (n)
		return n;
	n = read_possible();
	if (!n) {
		conf = sysconf(_SC_NPROCESSORS_CONF);
		n = conf > 0 ? (unsigned int)conf : 1;
	}
	__atomic_store_n(&known, n, __ATOMIC_RELAXED);
	return n;
}

// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * place.c - where a thread runs.
 *
 * Locality is most of the gain: a wake-up across cores costs ten times one on
 * the same core. All of this is best effort; a refused system call only means
 * that the thread stays where the scheduler puts it.
 */
#include <string.h>

#include "shim/place.h"

#define FOLLOW_STREAK 4

void place_init(struct place *p)
{
	memset(p, 0, sizeof(*p));
	p->core = PLACE_NOWHERE;
	p->wanted = PLACE_NOWHERE;
	p->usable = sched_getaffinity(0, sizeof(p->allowed), &p->allowed) == 0;
}

unsigned int place_here(void)
{
	int core = sched_getcpu();

	return core < 0 ? 0 : (unsigned int)core;
}

bool place_pin(struct place *p, unsigned int core)
{
	cpu_set_t one;

	if (p->core == (int)core)
		return false;
	if (!p->usable || core >= CPU_SETSIZE || !CPU_ISSET(core, &p->allowed))
		return false;
	CPU_ZERO(&one);
	CPU_SET(core, &one);
	if (sched_setaffinity(0, sizeof(one), &one))
		return false;
	p->core = (int)core;
	return true;
}

void place_unpin(struct place *p)
{
	if (p->core == PLACE_NOWHERE)
		return;
	sched_setaffinity(0, sizeof(p->allowed), &p->allowed);
	p->core = PLACE_NOWHERE;
}

bool place_follow(struct place *p, unsigned int core)
{
	if (p->wanted != (int)core) {
		p->wanted = (int)core;
		p->streak = 0;
	}
	if (p->core == (int)core || ++p->streak < FOLLOW_STREAK)
		return false;
	return place_pin(p, core);
}

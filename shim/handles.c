// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * handles.c - the daemon's handles by number. See handles.h.
 */
#include <stdlib.h>

#include "shim/handles.h"

/* Where the handle is, or would be put. */
static struct backed **place_of(struct handles *h, uint64_t nodeid, uint64_t fh)
{
	struct backed **at = &h->list[handles_hash(nodeid + fh) % HANDLES_LISTS];

	while (*at && ((*at)->nodeid != nodeid || (*at)->fh != fh))
		at = &(*at)->next;
	return at;
}

struct backed *handles_find(struct handles *h, uint64_t nodeid, uint64_t fh)
{
	return *place_of(h, nodeid, fh);
}

void handles_add(struct handles *h, struct backed *b)
{
	struct backed **at = place_of(h, b->nodeid, b->fh), *old = *at;

	b->next = old ? old->next : NULL;
	b->opens += old ? old->opens - 1 : 0;
	*at = b;
	free(old);
}

void handles_drop(struct handles *h, uint64_t nodeid, uint64_t fh)
{
	struct backed **at = place_of(h, nodeid, fh), *b = *at;

	if (!b || --b->opens)
		return;
	*at = b->next;
	free(b);
}

void handles_free(struct handles *h)
{
	for (size_t i = 0; i < HANDLES_LISTS; i++)
		while (h->list[i]) {
			struct backed *b = h->list[i];

			h->list[i] = b->next;
			free(b);
		}
}

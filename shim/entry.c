// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * entry.c - ring entries: memory and look-up by the request's unique id.
 *
 * Look-up takes no lock. `all` only ever grows while the connection lives, and
 * a claim is one compare-and-swap of `unique`, so of two replies to the same
 * request exactly one finds the entry.
 */
#include <stdlib.h>
#include <sys/mman.h>

#include "shim/entry.h"

#define HDR_ROOM 4096

static void entry_map(struct entry *e, void *base, size_t payload)
{
	e->hdr = base;
	e->payload = (char *)base + HDR_ROOM;
	e->iov[0] = (struct iovec){ e->hdr, sizeof(*e->hdr) };
	e->iov[1] = (struct iovec){ e->payload, payload };
}

struct entry *entry_new(struct entries *es, uint16_t qid)
{
	struct entry *e = calloc(1, sizeof(*e));
	void *base;

	if (!e)
		return NULL;
	base = mmap(NULL, HDR_ROOM + es->payload, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (base == MAP_FAILED) {
		free(e);
		return NULL;
	}
	/* A child must not fault in copies of what only the parent's ring uses. */
	madvise(base, HDR_ROOM + es->payload, MADV_DONTFORK);
	entry_map(e, base, es->payload);
	e->qid = qid;
	e->next_all = __atomic_load_n(&es->all, __ATOMIC_RELAXED);
	while (!__atomic_compare_exchange_n(&es->all, &e->next_all, e, true, __ATOMIC_RELEASE,
					    __ATOMIC_RELAXED))
		;
	return e;
}

void entries_release(struct entries *es)
{
	struct entry *e = es->all, *next;

	for (; e; e = next) {
		next = e->next_all;
		munmap(e->hdr, HDR_ROOM + es->payload);
		free(e);
	}
	es->all = NULL;
}

/* The kernel counts unique ids up by two. */
static unsigned int hint_slot(uint64_t unique)
{
	return (unsigned int)(unique >> 1) % ENTRY_HINTS;
}

void entry_publish(struct entries *es, struct entry *e, uint64_t unique)
{
	__atomic_store_n(&es->hint[hint_slot(unique)], e, __ATOMIC_RELEASE);
	__atomic_store_n(&e->unique, unique, __ATOMIC_RELEASE);
}

static bool entry_try(struct entry *e, uint64_t unique)
{
	uint64_t want = unique;

	return __atomic_load_n(&e->unique, __ATOMIC_RELAXED) == unique &&
	       __atomic_compare_exchange_n(&e->unique, &want, 0, false, __ATOMIC_ACQUIRE,
					   __ATOMIC_RELAXED);
}

struct entry *entry_claim(struct entries *es, uint64_t unique)
{
	struct entry *e = __atomic_load_n(&es->hint[hint_slot(unique)], __ATOMIC_ACQUIRE);

	if (!unique)
		return NULL;
	if (e && entry_try(e, unique))
		return e;
	for (e = __atomic_load_n(&es->all, __ATOMIC_ACQUIRE); e; e = e->next_all)
		if (entry_try(e, unique))
			return e;
	return NULL;
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ids.h - a growing list of numbers: of mounts, or of processes.
 */
#ifndef EFUSE_IDS_H
#define EFUSE_IDS_H

#include "mount.efuse/util.h"

struct ids {
	int *id;	/* free() it */
	size_t n;
};

/* Append ID. Returns 0 or -ENOMEM. */
static inline int ids_add(struct ids *list, int id)
{
	int *more = realloc(list->id, (list->n + 1) * sizeof(*more));

	if (!more)
		return -ENOMEM;
	more[list->n++] = id;
	list->id = more;
	return 0;
}

static inline bool ids_has(const struct ids *list, int id)
{
	for (size_t i = 0; i < list->n; i++)
		if (list->id[i] == id)
			return true;
	return false;
}

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * handles.h - the daemon's handles that a file of its own is behind: for direct.c, whose
 * lock is held for all of these.
 */
#ifndef EFUSE_SHIM_HANDLES_H
#define EFUSE_SHIM_HANDLES_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define HANDLES_LISTS	256	/* a power of two */

struct backed {
	uint64_t fh;
	uint64_t nodeid;
	int fd;			/* the daemon's, which may close it at any time */
	uint32_t opens;		/* of this number that are not released */
	dev_t dev;		/* of the file, when it was named */
	ino_t ino;
	uint32_t turn, write_turn;
	bool agreed;		/* once, so that the file counts */
	bool writes;		/* WRITEs may go there */
	bool unreadable;	/* by fd, which is open for writing only */
	struct backed *next;
};

/* A number of 24 bits that depends on all of N, which may be a small one. */
static inline uint64_t handles_hash(uint64_t n)
{
	return n * 0x9E3779B97F4A7C15u >> 40;
}

/* All zero at first. */
struct handles {
	struct backed *list[HANDLES_LISTS];
};

/* The one of that number, or NULL. */
struct backed *handles_find(struct handles *h, uint64_t nodeid, uint64_t fh);

/*
 * Takes over B, which malloc(3) gave, in the place of one with the same number, whose RELEASE
 * was not seen: that is freed.
 */
void handles_add(struct handles *h, struct backed *b);

/* One of its opens is released; with the last it is freed. */
void handles_drop(struct handles *h, uint64_t nodeid, uint64_t fh);

void handles_free(struct handles *h);

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * tier.h - what this start of a program can have beyond plain FUSE, and what it
 * cannot and why.
 */
#ifndef EFUSE_TIER_H
#define EFUSE_TIER_H

#include "mount.efuse/handover.h"
#include "mount.efuse/opts.h"
#include "mount.efuse/program.h"

#define TIER_NOTES	4

struct tier {
	struct handover handover;	/* for handover_environ() */
	struct msg note[TIER_NOTES];	/* each: what is missing; to what it falls back */
	int notes;
	bool rings;			/* the driver that is to serve has rings */
};

/*
 * Decide what P, started with O, gets: the shim if it fits, a status folder,
 * a channel. Every step down leaves a note for the main to print. T borrows
 * strings of O. Returns 0 or -errno.
 */
int tier_choose(struct tier *t, const struct opts *o, const struct program *p);

#endif

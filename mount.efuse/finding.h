/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * finding.h - what the checks of `efuse doctor` found, one line each.
 */
#ifndef EFUSE_FINDING_H
#define EFUSE_FINDING_H

#include <stdbool.h>

#include "mount.efuse/util.h"

enum finding_level {
	FINDING_OK,
	FINDING_OFF,	/* not there: a lower tier or a smaller comfort */
	FINDING_BAD,	/* mounting itself will not work */
};

/* Channels that are not used unless a line is ok. */
#define FINDING_FOR_URING	1u
#define FINDING_FOR_RING	2u

struct finding {
	enum finding_level level;
	const char *name;	/* a stable word: "enable_uring" */
	unsigned int needed;	/* by which channels: FINDING_FOR_*, or 0 */
	char value[320];
	char fix[256];		/* a command, or "" */
};

struct findings {
	struct finding list[40];
	unsigned int count;
};

/* Add a line; the value is FMT. Returns it, so that a fix can be set. */
struct finding *finding_add(struct findings *all, enum finding_level level, const char *name,
			    const char *fmt, ...) __printf(4, 5);

/* These CHANNELS, FINDING_FOR_*, need F to be ok. */
void finding_need(struct finding *f, unsigned int channels);

/* The command or the step that changes F. */
void finding_fix(struct finding *f, const char *fmt, ...) __printf(2, 3);

/* Will mounting itself fail? */
bool finding_bad(const struct findings *all);

/* Does everything hold that CHANNEL, one of FINDING_FOR_*, needs? */
bool finding_serves(const struct findings *all, unsigned int channel);

#endif

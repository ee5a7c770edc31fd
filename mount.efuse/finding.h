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

struct finding {
	enum finding_level level;
	const char *name;	/* a stable word: "enable_uring" */
	bool needed;		/* the rings are not used unless this is ok */
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

/* The rings need F to be ok. */
void finding_need(struct finding *f);

/* The command or the step that changes F. */
void finding_fix(struct finding *f, const char *fmt, ...) __printf(2, 3);

/* Will mounting itself fail? */
bool finding_bad(const struct findings *all);

/* Does everything the rings need hold? */
bool finding_uring(const struct findings *all);

#endif

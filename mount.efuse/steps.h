/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * steps.h - the steps of `efuse setup`: a table of folders, files and values,
 * how each is looked at, made and taken back, and the state file that remembers
 * what was there before.
 */
#ifndef EFUSE_STEPS_H
#define EFUSE_STEPS_H

#include <limits.h>
#include <stdbool.h>

#include "mount.efuse/msg.h"

#define STEPS_PARAMETER	"/sys/module/fuse/parameters/enable_uring"

enum steps_kind {
	STEPS_FOLDER,
	STEPS_FILE,
	STEPS_VALUE,
	STEPS_LINK,
	STEPS_RUN,	/* on this system only; PATH is there when it has been done */
};

enum steps_when {
	STEPS_ALWAYS,
	STEPS_LOADABLE,	/* where fuse is a loadable module */
	STEPS_UNIT,	/* where efuse.service is installed */
	STEPS_MODULE,	/* where there is an efuse.ko for the running kernel */
	STEPS_POLICY,	/* and where the policy and its loader are installed, too */
};

struct steps_spec {
	enum steps_kind kind;
	const char *path;
	const char *text;	/* body of the file, the value, where the link leads */
	enum steps_when when;
	const char *const *make, *const *undo;	/* of STEPS_RUN: programs with arguments */
};

#define STEPS_COUNT	13

/* Step 0 is the folder of the state file. */
extern const struct steps_spec steps_table[STEPS_COUNT];

/* One run over the table. */
struct steps {
	const char *root;		/* the system it works on, "" for this one */
	bool made[STEPS_COUNT];		/* by us, in this run or an earlier one */
	bool todo[STEPS_COUNT];
	char *before[STEPS_COUNT];	/* what this run replaces: a text or a value */
	char was[64];			/* the parameter before the first run, "" unknown */
	bool had_state;
	struct msg why;			/* the words for what failed */
	struct msg note;		/* what was left out without failing, or "" */
};

/* PATH below the root of S, in BUF, which is returned. */
const char *steps_at(const struct steps *s, const char *path, char buf[PATH_MAX]);
bool steps_exists(const struct steps *s, const char *path);

/* Read the state file and see which steps are to be done. 0 or -errno. */
int steps_plan(struct steps *s);

/* Take all steps that are to be done, or none. 0 or -errno. */
int steps_apply(struct steps *s);

/* Read the state file; without one our own files are known by their first line. */
int steps_recall(struct steps *s);

/* Put back what was there before step I, made by an earlier run. 0 or -errno. */
int steps_undo(struct steps *s, size_t i);

/* All is undone: forget it. 0 or -errno. */
int steps_forget(struct steps *s);

bool steps_any(const bool flags[STEPS_COUNT]);
void steps_free(struct steps *s);

#endif

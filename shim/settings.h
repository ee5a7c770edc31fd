/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * settings.h - what the environment asked for (config.h), read once.
 */
#ifndef EFUSE_SHIM_SETTINGS_H
#define EFUSE_SHIM_SETTINGS_H

#include <stdbool.h>

#include "shim/cache.h"

struct settings {
	bool active;		/* false: stay out of the way */
	bool uring;		/* the channel may be uring */
	bool ring;		/* the channel may be ring */
	bool efuse;		/* the efuse driver takes the stock one's place */
	bool follow;		/* a single thread may follow its callers */
	unsigned int poll_us;
	struct cache_policy cache;
	unsigned int entries;	/* that the efuse driver's may remember, 0 for no bound */
	unsigned int mem;	/* MiB of contents that it may, 0 for none */
	bool direct;		/* the direct path, if it proves itself */
	bool direct_writes;	/* and for what is written */
	char policy[64];	/* the efuse driver's, by name; "" for the usual one */
	char status[256];	/* directory, "" for none */
	char token[33];
	char why[96];		/* why not active or only dev, "" otherwise */
};

/*
 * Reads the EFUSE_* variables. Called once from the constructor, before any
 * other thread runs. Unusable values leave the shim inactive or on plain FUSE
 * with the reason in `why`.
 */
void settings_init(void);

const struct settings *settings_get(void);

/* One line to the log the user named with EFUSE_LOG, nothing otherwise. */
void settings_log(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

#endif

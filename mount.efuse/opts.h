/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * opts.h - mount options: ours, mount(8)'s and the daemon's told apart.
 *
 * Options of ours begin with "efuse." and stand in one table (opts.c): it is
 * what the parser knows, what --help prints and what the man page must list.
 * Options that only mount(8) and fstab tools read are dropped; everything else
 * goes to the daemon as it was written and in its order.
 */
#ifndef EFUSE_OPTS_H
#define EFUSE_OPTS_H

#include <stdbool.h>

#include "mount.efuse/msg.h"

/* Who accepts an option. */
#define OPTS_FOR_MOUNT	1u	/* mount.efuse -o */
#define OPTS_FOR_WRAP	2u	/* efuse wrap -o, efuse wrap --efuse.NAME= */

enum opts_kind {
	OPTS_TEXT,	/* anything not empty, of at most .max bytes if that is not 0 */
	OPTS_FILE,	/* an absolute path, or the word in .words */
	OPTS_WORD,	/* one of .words, separated by '|' */
	OPTS_NUMBER,	/* decimal, .min to .max */
	OPTS_SECONDS,	/* up to .max, a fraction allowed; kept as text */
};

struct opts_spec {
	const char *name;	/* with its prefix: "efuse.poll" */
	enum opts_kind kind;
	const char *arg;	/* how help names the value: "USEC" */
	const char *words;	/* OPTS_WORD, OPTS_FILE */
	int min, max;		/* OPTS_NUMBER, OPTS_SECONDS, OPTS_TEXT */
	const char *initial;	/* what holds when it is not given, in words */
	unsigned int where;	/* OPTS_FOR_* */
	size_t field;		/* offset in struct opts: char * or int */
	const char *help;
};

/*
 * What an option string said. Text is NULL and numbers are -1 when not given,
 * so that a variable a person has set by hand stays in force.
 */
struct opts {
	char *fs;		/* efuse.fs: the FUSE program */
	char *channel;		/* efuse.channel: auto, ring, uring or dev */
	char *driver;		/* efuse.driver: auto, efuse or stock */
	char *policy;		/* efuse.policy: the name of one that is loaded */
	int poll;		/* efuse.poll, microseconds */
	int timeout;		/* efuse.timeout, seconds */
	char *cache;		/* efuse.cache: auto, always or none */
	char *cache_timeout;	/* efuse.cache_timeout, seconds; never with a cache but none */
	int cache_entries;	/* efuse.cache_entries */
	int cache_mem;		/* efuse.cache_mem */
	char *direct;		/* efuse.direct: off, verify or verify,rw */
	char *log;		/* efuse.log */

	char *daemon;		/* the daemon's options, NULL when there are none */
	char *given;		/* the whole string as it came, never NULL after opts_parse() */
	char *ignored;		/* unknown efuse. options that sloppy let pass, or NULL */
	bool remount;		/* "remount" was among them */
	bool nosuid, nodev;	/* the last word said so, see opts_add_defaults() */
	bool fstab_only;	/* some x-* option is there */
};

#define OPTS_TIMEOUT_DEFAULT	60

/* The table; its end is a NULL name. */
extern const struct opts_spec opts_table[];

/*
 * Take OPTSTR (NULL is an empty one) apart into O, which must be new: see
 * opts_init(). With SLOPPY, unknown efuse. options end up in O->ignored.
 * Returns 0, -EINVAL with the words in WHY, or -ENOMEM.
 */
int opts_parse(struct opts *o, const char *optstr, unsigned int where, bool sloppy,
	       struct msg *why);

void opts_init(struct opts *o);
void opts_free(struct opts *o);	/* safe after opts_init(), twice too */

/*
 * libfuse takes nosuid,nodev for granted, mount(8) does not: add "dev" and
 * "suid" to the daemon's options unless the opposite was asked for, as
 * mount.fuse3(8) does for root. Returns 0 or -ENOMEM.
 */
int opts_add_defaults(struct opts *o);

/*
 * Call EACH for every single option of OPTSTR, in order and as written, until
 * one call returns other than 0; that value is returned.
 */
int opts_each(const char *optstr, int (*each)(const char *option, void *arg), void *arg);

/* Does only mount(8), an fstab tool or libmount read OPTION, never the daemon? */
bool opts_is_for_mount(const char *option);

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cmdline.h - what mount(8) or a person called mount.efuse with.
 */
#ifndef EFUSE_CMDLINE_H
#define EFUSE_CMDLINE_H

#include <stdbool.h>

struct cmdline {
	const char *spec;	/* first operand: SOURCE or PROGRAM#SOURCE */
	const char *where;	/* second operand: the mount point, as given */
	const char *type;	/* -t, or NULL */
	const char *namespace;	/* -N, or NULL */
	char *optstr;		/* all -o, joined, or NULL */
	bool sloppy, fake, no_table, verbose;
};

/*
 * Read the command line into ARGS, which must be zero. Returns -1 to go on;
 * otherwise everything has been said, and it is the exit code.
 */
int cmdline_read(struct cmdline *args, int argc, char **argv);
void cmdline_free(struct cmdline *args);

#endif

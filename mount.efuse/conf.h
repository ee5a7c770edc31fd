/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * conf.h - /etc/fuse.conf: what the administrator lets users do.
 *
 * One setting a line, '#' begins a comment, blanks around a setting and around
 * its '=' do not count:
 *
 *	user_allow_other	users may mount with allow_other
 *	mount_max = N		file systems of type fuse at a time, -1: any number
 *
 * What is not understood is reported and otherwise ignored.
 */
#ifndef EFUSE_CONF_H
#define EFUSE_CONF_H

#include <stdbool.h>

#define CONF_PATH "/etc/fuse.conf"
#define CONF_MOUNT_MAX 1000	/* when the file does not say */

struct conf {
	bool allow_other;
	int mount_max;		/* -1: no limit */
};

/*
 * Read CONF_PATH with the rights of the calling process. Never fails: without
 * a readable file, and for every line that is not understood, the strict
 * defaults hold, and NOTE(words) is told why (not for a file that is absent).
 */
void conf_read(struct conf *conf, void (*note)(const char *words));

/* One line of the file, number LINE, without its newline; TEXT is modified. */
void conf_line(struct conf *conf, char *text, int line, void (*note)(const char *words));

#endif

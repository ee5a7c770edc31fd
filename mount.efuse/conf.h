/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * conf.h - /etc/fuse.conf: what the administrator lets users do.
 *
 * One setting a line, '#' begins a comment, blanks around a setting and around
 * its '=' do not count:
 *
 *	user_allow_other	users may mount with allow_other
 *	mount_max = N		file systems of type fuse at a time, -1: any number
 *	efuse_driver = WORD	for callers that say nothing: stock, auto or efuse
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
	char driver[8];		/* see driver.h; "" when the file does not say */
};

/*
 * Read CONF_PATH with the rights of the calling process. Where the file is absent
 * or closed to the caller, and for every line that is not understood, the
 * defaults hold, and NOTE(words) is told why (not when it is absent). Returns 0,
 * or -errno when it is there and could not be read: the caller may have brought
 * that about (with a limit, say), and the defaults may allow more than the file.
 */
int conf_read(struct conf *conf, void (*note)(const char *words));

/* One line of the file, number LINE, without its newline; TEXT is modified. */
void conf_line(struct conf *conf, char *text, int line, void (*note)(const char *words));

#endif

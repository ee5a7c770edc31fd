/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * conffile.h - configuration files that efuse writes for other programs.
 *
 * The first line is a comment with a checksum of the rest: by it a file of
 * ours is told from one a person wrote or edited, which is never touched.
 */
#ifndef EFUSE_CONFFILE_H
#define EFUSE_CONFFILE_H

#include <sys/types.h>

enum conffile_state {
	CONFFILE_ABSENT,
	CONFFILE_SAME,		/* ours, with exactly this text */
	CONFFILE_OURS,		/* ours, with another text */
	CONFFILE_FOREIGN,	/* a person's, or something that is no file */
};

/* BODY with its first line, malloced; NULL without memory. */
char *conffile_text(const char *body);

/* What is at PATH, compared with TEXT (made by conffile_text()); or -errno. */
int conffile_look(const char *path, const char *text);

/*
 * Put TEXT at PATH, readable by all, in one step: after a crash there is the
 * old file or the new one. Returns 0 or -errno.
 */
int conffile_write(const char *path, const char *text);

/* The whole file at PATH (at most 64 KiB), malloced into *TEXT. 0 or -errno. */
int conffile_read(const char *path, char **text);

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * program.h - the FUSE program: where it is, and whether the shim can enter it.
 * Everything is read from the file; nothing of the program is run.
 */
#ifndef EFUSE_PROGRAM_H
#define EFUSE_PROGRAM_H

#include <limits.h>
#include <stdbool.h>

#include "mount.efuse/msg.h"

enum program_kind {
	PROGRAM_DYNAMIC,	/* ELF of this machine, this libc, dynamically linked */
	PROGRAM_STATIC,		/* ELF without an interpreter: LD_PRELOAD has no effect */
	PROGRAM_GO,		/* makes raw system calls that no preload sees */
	PROGRAM_SCRIPT,		/* #!: whatever it starts inherits the preload */
	PROGRAM_FOREIGN,	/* ELF of another architecture, word size or libc */
	PROGRAM_UNKNOWN,	/* neither ELF nor script, or not readable */
};

struct program {
	char path[PATH_MAX];	/* absolute */
	enum program_kind kind;
	bool secure;		/* set-id or file capabilities take effect for this caller */
	bool fuse;		/* looks like a FUSE program: links libfuse or names /dev/fuse */
};

/* Where programs are looked for when PATH is not set: mount(8) hands none to its helpers. */
#define PROGRAM_USUAL_PATH \
	"/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

/*
 * Find NAME as execvp(3) would (PATH, or the usual folders when PATH is not
 * set; a NAME with a slash is taken as it is) and put its absolute path into
 * PATH_OUT. Returns 0, -ENOENT, -EACCES (found but not executable), -EISDIR or
 * another -errno.
 */
int program_find(const char *name, char path_out[PATH_MAX]);

/* Look into the file at PATH. Returns 0 or -errno. */
int program_examine(const char *path, struct program *p);

/* One word for the kind: "dynamic", "static", "go", "script", "foreign", "unknown". */
const char *program_kind_name(enum program_kind kind);

/*
 * Why the shim cannot enter P, as a phrase for a message ("is statically
 * linked"), or NULL when it can.
 */
const char *program_obstacle(const struct program *p);

/*
 * Is the library at SHIM there, of this machine, and of the hand-over version
 * (symbol efuse_shim_abi == CONFIG_ABI) this helper speaks? Returns 0, or
 * -errno with the words in WHY: -ENOENT missing, -ENOEXEC no such library or
 * damaged, -EPROTO another version.
 */
int program_check_shim(const char *shim, struct msg *why);

#endif

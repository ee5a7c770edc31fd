/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * statsfile.h - one status file (shim/stats.h), checked and copied.
 *
 * What is handed out is a private copy whose lengths, strings and process were
 * checked; the figures in it stay the daemon's own claim.
 */
#ifndef EFUSE_STATSFILE_H
#define EFUSE_STATSFILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "shim/stats.h"

/* One queue: a core's, or the one of the device file descriptor. */
struct statsfile_core {
	uint32_t entries;
	uint32_t workers;
	uint32_t depth;
	uint32_t depth_max;
	uint64_t shared;
	uint64_t requests;	/* sum over all opcodes */
	uint64_t oldest, polled, sleeps, doorbells, quiet;	/* as in stats.h, of a ring */
};

struct statsfile {
	struct statsfile *next;
	struct stats_head head;	/* comm and reason are terminated */
	uid_t owner;		/* of the file */
	char *path;
	unsigned int ncores;
	struct statsfile_core *cores;
	struct statsfile_core dev;
	struct stats_op ring[STATS_OPS];	/* sum over the cores */
	struct stats_op over_dev[STATS_OPS];	/* the last block */
};

/*
 * Check the head of a file of SIZE bytes on a machine of at most MAX_BLOCKS - 1
 * cores. 0, -EAGAIN (not ready yet), -EPROTONOSUPPORT (another version) or
 * -EBADMSG (not a status file).
 */
int statsfile_check(const struct stats_head *head, uint64_t size, unsigned int max_blocks);

/*
 * Read file NAME of folder DIRFD, which must belong to OWNER or root.
 * -ESRCH when the process that wrote it is gone; otherwise as above.
 */
int statsfile_read(int dirfd, const char *name, uid_t owner, struct statsfile **file);

/* Is the process PID that began at STARTTIME (clock ticks) alive? */
bool statsfile_alive(uint32_t pid, uint64_t starttime);

/* For how long the oldest request of a ring has been in the daemon now, in ns. */
uint64_t statsfile_age(const struct statsfile_core *core);

/* The most blocks a file of this machine can have. */
unsigned int statsfile_max_blocks(void);

void statsfile_free(struct statsfile *list);

#endif

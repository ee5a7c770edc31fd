/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * reaper.h - all that a started program has started: watched, ended, reaped.
 *
 * This process makes itself the reaper of its descendants, so that a daemon
 * which forked away comes back to it as a child. Only direct children are ever
 * signalled: they cannot vanish and leave their number to a stranger before we
 * have reaped them.
 */
#ifndef EFUSE_REAPER_H
#define EFUSE_REAPER_H

#include <sys/types.h>

#include "mount.efuse/ids.h"

struct reaper {
	struct ids strangers;	/* children this process had before: not ours to end */
	pid_t pid;		/* the program as started, set by the caller */
	bool ended;		/* it has ended, with wait status .status */
	int status;
	bool childless;		/* no descendant is left */
};

/* Become the reaper. Returns 0 or -errno. */
int reaper_open(struct reaper *r);
void reaper_close(struct reaper *r);

/* Reap what has ended, except the process SPARE, which somebody else waits for. */
void reaper_collect(struct reaper *r, pid_t spare);

/*
 * End all descendants: SIGTERM lets a daemon unmount by itself, whoever is still
 * there a second later is killed. MEANWHILE is called every 20 ms. Gives up on
 * the unkillable after some seconds: then .childless is not set.
 */
void reaper_end(struct reaper *r, void (*meanwhile)(void *arg), void *arg);

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * relay.h - the daemon's output on its way to the person, without tying the
 * person to the daemon.
 *
 * A daemon that keeps running keeps its standard output and error open, and
 * whoever reads our pipe to its end, as $(mount ...) does, would wait for as long as
 * the file system is mounted. So where our output is a pipe or socket the daemon gets
 * a file in memory instead; what it writes is passed on at once while
 * we wait, and when we leave the file is emptied and sealed: a later write
 * fails with EPERM, uses no memory and raises no SIGPIPE. A terminal, a file
 * or /dev/null is inherited as it is.
 */
#ifndef EFUSE_RELAY_H
#define EFUSE_RELAY_H

#include <stdbool.h>
#include <sys/types.h>

struct relay {
	struct relay_stream {
		int to;		/* our descriptor: 1 or 2 */
		int fd;		/* the file the daemon writes, -1: inherited, or shares stream 0 */
		off_t passed;	/* bytes passed on so far */
		off_t punched;	/* bytes given back to the system */
	} stream[2];
	bool shared;		/* 1 and 2 are the same pipe, and stay in one order */
};

/* Decide for each stream, and make the files. Returns 0 or -errno. */
int relay_open(struct relay *r);

/* In the child, before exec: put the files where output goes. Returns 0 or -errno. */
int relay_attach(const struct relay *r);

/* Is there anything that relay_pump() has to be called for, every RELAY_MS? */
bool relay_active(const struct relay *r);
#define RELAY_MS	20

/* Pass on what has been written since the last call. */
void relay_pump(struct relay *r);

/* Pass on the rest, let go of the daemon. */
void relay_close(struct relay *r);

#endif

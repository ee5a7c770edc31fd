/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * inherit.h - nothing that a set-user-ID program inherits stays as it came:
 * descriptors, environment, umask, signals, limits, timers.
 */
#ifndef EFUSE_INHERIT_H
#define EFUSE_INHERIT_H

/* Seconds after which a program that is stuck is ended by SIGALRM, see inherit_watch(). */
#ifndef INHERIT_SECONDS
#define INHERIT_SECONDS 60
#endif

/*
 * Take control of everything inherited except descriptors above 2: standard
 * descriptors are open, the environment is empty, files are for nobody else, no
 * core is written, no signal is blocked, a closed pipe does not kill us, and
 * the watch of INHERIT_SECONDS runs. Returns 0 or -errno: then do nothing else.
 */
int inherit_control(void);

/* Close every descriptor above 2 but KEEP (-1: really every). 0 or -errno. */
int inherit_close_fds(int keep);

/* End this process SECONDS from now, wherever it then waits; 0 calls it off. */
void inherit_watch(unsigned int seconds);

/*
 * From here on only SIGALRM, SIGKILL and SIGSTOP reach us: what has been begun
 * must be finished or taken back. 0 or -errno.
 */
int inherit_block_signals(void);

/*
 * For staying behind: standard descriptors to /dev/null but KEEP, the folder
 * "/", a session of its own. 0 or -errno.
 */
int inherit_detach(int keep);

#endif

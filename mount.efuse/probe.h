/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * probe.h - ask a file system whether it answers, without being held by it.
 *
 * A stat of a mounted root may hang for as long as its daemon does, so a child
 * process asks, and is killed when nobody wants to wait any more.
 */
#ifndef EFUSE_PROBE_H
#define EFUSE_PROBE_H

#include <stdbool.h>
#include <sys/types.h>

/* A question under way; .pid is 0 when there is none. */
struct probe {
	pid_t pid;
	int fd;		/* readable when there is an answer */
};

struct probe_answer {
	int err;	/* 0 or -errno of stat(2) */
	mode_t mode;	/* st_mode when err is 0 */
};

/* Start asking for PATH. Returns 0 or -errno. */
int probe_start(struct probe *p, const char *path);

/* True once the answer is there: it is in *ANSWER and the probe is over. */
bool probe_answered(struct probe *p, struct probe_answer *answer);

/* Give up: kill and reap the child. Safe when there is none. */
void probe_stop(struct probe *p);

/* All in one: ask for PATH and wait up to MS milliseconds. -ETIMEDOUT, or 0 with *ANSWER. */
int probe_wait(const char *path, int ms, struct probe_answer *answer);

#endif

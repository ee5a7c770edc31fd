/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * msg.h - the one place that prints messages.
 *
 * Every line reads "program: object: step: reason". Functions that fail do not
 * print: they return -errno and, where an errno says too little, leave the
 * words in a struct msg for the main to print. Control characters in anything
 * printed come out as \ooo, so that no path or option can drive a terminal.
 */
#ifndef EFUSE_MSG_H
#define EFUSE_MSG_H

#include <stdbool.h>

#include "mount.efuse/util.h"

/* Words for a failure, filled by the function that failed, printed by the main. */
struct msg {
	char text[1024];
};

/* The name at the head of every line, and whether msg_note() speaks. */
void msg_init(const char *program, bool verbose);
bool msg_is_verbose(void);

/* Put words into M and return ERR: `return msg_set(why, -EINVAL, "...", x);` */
int msg_set(struct msg *m, int err, const char *fmt, ...) __printf(3, 4);

/* The same with ": strerror(-err)" behind the words. */
int msg_set_errno(struct msg *m, int err, const char *fmt, ...) __printf(3, 4);

/* "program: object: words". OBJECT may be NULL. Goes to stderr, always. */
void msg_say(const char *object, const char *fmt, ...) __printf(2, 3);

/* "program: object: step: strerror(-err)". OBJECT may be NULL. */
void msg_error(const char *object, const char *step, int err);

/* As msg_say(), but only when verbose. */
void msg_note(const char *object, const char *fmt, ...) __printf(2, 3);

#endif

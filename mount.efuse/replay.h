/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * replay.h - the verb `efuse replay`.
 */
#ifndef EFUSE_REPLAY_H
#define EFUSE_REPLAY_H

/* `replay [FILE]`; the exit status: 0 if every decision of the trace follows. */
int replay_main(int argc, char **argv);

#endif

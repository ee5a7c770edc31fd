/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * setup.h - the verb `efuse setup`.
 */
#ifndef EFUSE_SETUP_H
#define EFUSE_SETUP_H

/* `setup [-n] [--undo] [--root=DIR]`; the exit status. */
int setup_main(int argc, char **argv);

#endif

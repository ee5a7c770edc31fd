/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * load.h - the verb `efuse load`.
 */
#ifndef EFUSE_LOAD_H
#define EFUSE_LOAD_H

/* `load [-l | -u NAME... | FILE...]`; the exit status. */
int load_main(int argc, char **argv);

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * wrap.h - the verb `efuse wrap`: run a FUSE program's usual command line with
 * the shim in it.
 */
#ifndef EFUSE_WRAP_H
#define EFUSE_WRAP_H

/*
 * `efuse wrap [-v] [-o OPTIONS] [--efuse.NAME=VALUE]... [--] COMMAND [ARG]...`
 * with argv[0] being "wrap". Replaces the process by COMMAND; returns only when
 * that was not possible: 1 bad usage or option, 126 COMMAND cannot be executed,
 * 127 COMMAND not found.
 */
int wrap_main(int argc, char **argv);

#endif

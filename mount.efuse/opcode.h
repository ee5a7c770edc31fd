/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * opcode.h - the names of FUSE requests.
 */
#ifndef EFUSE_OPCODE_H
#define EFUSE_OPCODE_H

/* "LOOKUP" for 1 and so on; "other" for 0 and what has no name yet. */
const char *opcode_name(unsigned int opcode);

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * interpose.h - for the files that define calls of calls.h. It comes first.
 *
 * Both spellings of a call (open, open64) are defined side by side, so libc's
 * headers must neither redirect one to the other nor put checks in between.
 */
#ifndef EFUSE_SHIM_INTERPOSE_H
#define EFUSE_SHIM_INTERPOSE_H

#undef _FILE_OFFSET_BITS
#undef _FORTIFY_SOURCE

#include "shim/real.h"

#define EXPORT __attribute__((visibility("default")))

/* Not every one of them has a prototype in libc's headers. */
#define DECLARE(type, name, args) EXPORT type name args;
CALLS(DECLARE)
#undef DECLARE

#endif

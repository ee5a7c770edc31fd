/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * status.h - the verb `efuse status`.
 */
#ifndef EFUSE_STATUS_H
#define EFUSE_STATUS_H

/* `status [--json] [-w [SECONDS]] [-n COUNT] [MOUNT]...`; the exit status. */
int status_main(int argc, char **argv);

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * doctor.h - the verb `efuse doctor`.
 */
#ifndef EFUSE_DOCTOR_H
#define EFUSE_DOCTOR_H

/* `doctor [-j] [PROGRAM]`; the exit status. */
int doctor_main(int argc, char **argv);

#endif

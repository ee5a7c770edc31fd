/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cpus.h - how many cores the kernel may ever have.
 */
#ifndef EFUSE_SHIM_CPUS_H
#define EFUSE_SHIM_CPUS_H

/*
 * The number of possible CPUs, as num_possible_cpus() counts them: the queues
 * of FUSE-over-io_uring. Read once from /sys/devices/system/cpu/possible,
 * sysconf(_SC_NPROCESSORS_CONF) where that is hidden. At least 1.
 */
unsigned int cpus_possible(void);

#endif

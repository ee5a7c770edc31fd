/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * latency.h - arithmetic on the counters of a status file: sums, differences,
 * percentiles. Pure functions; every sum of hostile counters is harmless.
 */
#ifndef EFUSE_LATENCY_H
#define EFUSE_LATENCY_H

#include "mount.efuse/statsfile.h"

/* The latency in ns that share P (0..1) of the replies of OP stayed below; 0 without replies. */
double latency_percentile(const struct stats_op *op, double p);

/* The mean latency in ns, 0 without replies. */
double latency_mean(const struct stats_op *op);

/* SUM += OP. */
void latency_add(struct stats_op *sum, const struct stats_op *op);

/* All opcodes of FILE, over the rings and over the device, in one. */
void latency_total(const struct statsfile *file, struct stats_op *sum);

/* Opcode OPCODE of FILE, over the rings and over the device. */
void latency_opcode(const struct statsfile *file, unsigned int opcode, struct stats_op *sum);

/* The counters of FILE less those of BEFORE, never below 0; gauges stay. */
void latency_since(struct statsfile *file, const struct statsfile *before);

#endif

// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * latency.c - arithmetic on the counters of a status file.
 */
#include <string.h>

#include "mount.efuse/latency.h"

static uint64_t histogram_count(const struct stats_op *op)
{
	uint64_t n = 0;

	for (int b = 0; b < STATS_BUCKETS; b++)
		n += op->hist[b];
	return n;
}

/* Within a bucket replies are taken to be spread evenly. */
static double inside(unsigned int b, double share)
{
	double low = (double)stats_bucket_floor(b);
	double high = b + 1 < STATS_BUCKETS ? (double)stats_bucket_floor(b + 1) : low;

	return low + (high - low) * share;
}

double latency_percentile(const struct stats_op *op, double p)
{
	double want = p * (double)histogram_count(op), below = 0;
	unsigned int last = 0;

	for (unsigned int b = 0; b < STATS_BUCKETS; b++) {
		double n = (double)op->hist[b];

		if (n == 0)
			continue;
		if (below + n >= want)
			return inside(b, (want - below) / n);
		below += n;
		last = b;
	}
	return last ? inside(last, 1) : 0;
}

double latency_mean(const struct stats_op *op)
{
	uint64_t n = histogram_count(op);

	return n ? (double)op->total_ns / (double)n : 0;
}

void latency_add(struct stats_op *sum, const struct stats_op *op)
{
	sum->requests += op->requests;
	sum->replies += op->replies;
	sum->errors += op->errors;
	sum->total_ns += op->total_ns;
	for (int b = 0; b < STATS_BUCKETS; b++)
		sum->hist[b] += op->hist[b];
}

void latency_opcode(const struct statsfile *file, unsigned int opcode, struct stats_op *sum)
{
	*sum = file->ring[opcode];
	latency_add(sum, &file->over_dev[opcode]);
}

void latency_total(const struct statsfile *file, struct stats_op *sum)
{
	memset(sum, 0, sizeof(*sum));
	for (int i = 0; i < STATS_OPS; i++) {
		latency_add(sum, &file->ring[i]);
		latency_add(sum, &file->over_dev[i]);
	}
}

static void less(uint64_t *a, uint64_t b)
{
	*a = *a > b ? *a - b : 0;
}

static void less_ops(struct stats_op *a, const struct stats_op *b)
{
	for (int i = 0; i < STATS_OPS; i++) {
		less(&a[i].requests, b[i].requests);
		less(&a[i].replies, b[i].replies);
		less(&a[i].errors, b[i].errors);
		less(&a[i].total_ns, b[i].total_ns);
		for (int k = 0; k < STATS_BUCKETS; k++)
			less(&a[i].hist[k], b[i].hist[k]);
	}
}

static void less_core(struct statsfile_core *a, const struct statsfile_core *b)
{
	less(&a->shared, b->shared);
	less(&a->requests, b->requests);
	less(&a->polled, b->polled);
	less(&a->sleeps, b->sleeps);
	less(&a->doorbells, b->doorbells);
	less(&a->quiet, b->quiet);
}

void latency_since(struct statsfile *file, const struct statsfile *before)
{
	struct stats_head *a = &file->head;
	const struct stats_head *b = &before->head;

	less(&a->syscalls, b->syscalls);
	less(&a->shared, b->shared);
	less(&a->migrations, b->migrations);
	less(&a->notifications, b->notifications);
	less(&a->malformed, b->malformed);
	less(&a->cache_changed, b->cache_changed);
	less(&a->cache_negative, b->cache_negative);
	less(&a->cache_opens, b->cache_opens);
	less(&a->direct_ranges, b->direct_ranges);
	less(&a->direct_reads, b->direct_reads);
	less(&a->direct_bytes, b->direct_bytes);
	less(&a->direct_held, b->direct_held);
	less(&a->direct_writes, b->direct_writes);
	less(&a->spins, b->spins);
	less(&a->sleeps, b->sleeps);
	for (unsigned int i = 0; i < file->ncores && i < before->ncores; i++)
		less_core(&file->cores[i], &before->cores[i]);
	less_core(&file->dev, &before->dev);
	less_ops(file->ring, before->ring);
	less_ops(file->over_dev, before->over_dev);
}

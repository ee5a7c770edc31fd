// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * report.c - what `efuse status` shows about a mount to a person.
 *
 * Names come from mount tables and status files: all text goes through
 * report_text(), so that none of it can drive the terminal.
 */
#include <inttypes.h>
#include <linux/efuse.h>
#include <sys/sysmacros.h>

#include "mount.efuse/device.h"
#include "mount.efuse/latency.h"
#include "mount.efuse/mounts.h"
#include "mount.efuse/opcode.h"
#include "mount.efuse/report.h"
#include "mount.efuse/util.h"
#include "shim/config.h"

#define ROWS_MAX	STATS_OPS

void report_text(FILE *out, const char *s)
{
	for (; *s; s++) {
		unsigned char c = (unsigned char)*s, next = (unsigned char)s[1];

		if (c < 0x20 || c == 0x7f)
			fprintf(out, "\\%03o", c);
		else if (c == 0xc2 && next >= 0x80 && next <= 0x9f)
			fprintf(out, "\\%03o\\%03o", c, (unsigned char)*++s);
		else
			fputc(c, out);
	}
}

static const char *channel_words(const struct stats_head *head)
{
	switch (head->channel) {
	case STATS_CHANNEL_RING:
		return "ring (a ring per core, shared with the efuse driver)";
	case STATS_CHANNEL_URING:
		return "uring (a FUSE-over-io_uring queue per core)";
	case STATS_CHANNEL_DEV:
		return "dev (plain /dev/fuse)";
	default:
		return "nothing yet (waiting for the daemon's INIT reply)";
	}
}

static const char *state_words(const struct stats_head *head)
{
	static const char *const words[] = {
		[STATS_STATE_INIT] = ", starting",
		[STATS_STATE_RUNNING] = "",
		[STATS_STATE_ENDED] = ", connection ended",
	};

	return words[head->state];
}

static void label(FILE *out, const char *name)
{
	fprintf(out, "  %-12s ", name);
}

static void show_where(FILE *out, const struct fusemount *mount)
{
	report_text(out, mount->target);
	fputc('\n', out);
	label(out, "file system");
	report_text(out, mount->fstype);
	fputs(" of ", out);
	report_text(out, mount->source);
	fprintf(out, ", device %u:%u\n", major(mount->dev), minor(mount->dev));
	for (unsigned int i = 0; i < mount->nalso; i++) {
		label(out, "also at");
		report_text(out, mount->also[i]);
		fputc('\n', out);
	}
}

static void show_driver(FILE *out, const struct fusemount *mount)
{
	struct efuse_hello hello;
	struct msg why;
	char text[80];
	int err = device_check_efuse(&hello, &why);

	label(out, "driver");
	if (mounts_is_efuse(mount->fstype)) {
		device_describe(&hello, text, sizeof(text));
		fprintf(out, "the efuse driver%s%s\n", err ? "" : ", ", err ? "" : text);
		return;
	}
	fputs("the kernel's own: ", out);
	report_text(out, err ? why.text : "the efuse driver is there, but was not when this was mounted, "
		    "or not asked for; efuse.driver=efuse asks");
	fputc('\n', out);
}

/* What the parameters mean to the generic policy; others' are their own. */
static void show_param(FILE *out, const struct efuse_state *state)
{
	unsigned int entries = config_param_entries(state->param[0]);

	if (!streq(state->name, CONFIG_POLICY)) {
		fprintf(out, ", parameters %#" PRIx64 " and %#" PRIx64, (uint64_t)state->param[0],
			(uint64_t)state->param[1]);
		return;
	}
	switch (state->param[0] & 0xff) {
	case CONFIG_MODE_AUTO:
		fputs(", auto (as the program says)", out);
		break;
	case CONFIG_MODE_ALWAYS:
		fputs(", always (until changed through the mount)", out);
		break;
	case CONFIG_MODE_TIMEOUT:
		fprintf(out, ", for %g s", (double)state->param[1] / 1e9);
		break;
	}
	if (entries)
		fprintf(out, ", up to %u entries", entries);
}

/*
 * Reads that could go several ways: those of one, what a timed one took and was expected
 * to take, and of the policy's how many it had.
 */
static void show_path(FILE *out, const struct efuse_state *state, int number, const char *name)
{
	const struct efuse_path *path = &state->path[number];
	double requests = (double)path->requests;

	if (!path->requests)
		return;
	label(out, name);
	fprintf(out, "%" PRIu64 " reads, %" PRIu64 " bytes", (uint64_t)path->requests,
		(uint64_t)path->bytes);
	if (path->tries)
		fprintf(out, ", %.1f us", (double)path->ns / (double)path->tries / 1e3);
	if (path->guessed)
		fprintf(out, " (expected: %.1f us)",
			(double)path->guess_ns / (double)path->guessed / 1e3);
	if (number == EFUSE_PATH_POLICY)
		fprintf(out, ", %.0f %% hits", 100.0 - 100.0 * (double)path->missed / requests);
	fputc('\n', out);
}

static void show_paths(FILE *out, const struct efuse_state *state)
{
	show_path(out, state, EFUSE_PATH_SERVER, "by program");
	show_path(out, state, EFUSE_PATH_POLICY, "by policy");
	show_path(out, state, EFUSE_PATH_FILE, "by its file");
}

static void show_policy(FILE *out, const struct fusemount *mount)
{
	struct efuse_state state;
	struct msg why;
	int err;

	if (!mounts_is_efuse(mount->fstype))
		return;
	err = device_read_state(mount->dev, &state, &why);
	label(out, "policy");
	if (err)
		fputs("unknown: ", out);
	report_text(out, err ? why.text : state.name[0] ? state.name : "none");
	if (state.name[0])
		show_param(out, &state);
	fputc('\n', out);
	if (!err)
		show_paths(out, &state);
}

static void show_daemon(FILE *out, const struct stats_head *head)
{
	label(out, "daemon");
	report_text(out, head->comm);
	fprintf(out, ", process %" PRIu32 ", FUSE %" PRIu32 ".%" PRIu32 ", %" PRIu32 " thread%s%s%s\n",
		head->pid, head->proto_major, head->proto_minor, head->threads,
		head->threads == 1 ? "" : "s",
		head->single ? ", one serves all queues" : "", state_words(head));
}

static void show_channel(FILE *out, const struct stats_head *head)
{
	label(out, "served by");
	fprintf(out, "%s", channel_words(head));
	if (head->channel == STATS_CHANNEL_URING)
		fprintf(out, ", %" PRIu32 " KiB per entry", head->payload_size >> 10);
	if (head->channel == STATS_CHANNEL_RING)
		fprintf(out, ", %" PRIu32 " bytes per slot", head->payload_size);
	fputc('\n', out);
	if (head->reason[0]) {
		label(out, "why not more");
		report_text(out, head->reason);
		fputc('\n', out);
	}
}

static void show_cache(FILE *out, const struct stats_head *head)
{
	static const char *const words[] = {
		[STATS_CACHE_AUTO] = "auto (as the program says)",
		[STATS_CACHE_ALWAYS] = "always (until changed through the mount)",
		[STATS_CACHE_NONE] = "none",
	};

	label(out, "cache");
	if (head->cache == STATS_CACHE_TIMEOUT)
		fprintf(out, "for %g s", (double)head->cache_ns / 1e9);
	else
		fputs(words[head->cache], out);
	if (head->cache != STATS_CACHE_AUTO)
		fprintf(out, ", %" PRIu64 " replies changed, %" PRIu64 " of them missing names",
			head->cache_changed, head->cache_negative);
	if (head->cache_opens)
		fprintf(out, ", %" PRIu64 " opens and closes not asked", head->cache_opens);
	fputc('\n', out);
}

/* What ended reads has ended these too, and is said there. */
static void show_direct_writes(FILE *out, const struct stats_head *head)
{
	static const char *const words[] = {
		[STATS_WRITES_ASK] = "comparing", [STATS_WRITES_ON] = "on",
	};

	if (head->direct_rw == STATS_WRITES_OFF || head->direct == STATS_DIRECT_ABSENT)
		return;
	label(out, "direct rw");
	fprintf(out, "%s, %" PRIu64 " writes held the same",
		head->direct > STATS_DIRECT_ON ? "off" : words[head->direct_rw], head->direct_held);
	if (head->direct_writes)
		fprintf(out, "; %" PRIu64 " writes without the program", head->direct_writes);
	fputc('\n', out);
}

static void show_direct(FILE *out, const struct stats_head *head)
{
	static const char *const words[] = {
		[STATS_DIRECT_ASK] = "comparing",
		[STATS_DIRECT_ON] = "on",
		[STATS_DIRECT_DIFFERS] = "off: contents are not those of the program's files",
		[STATS_DIRECT_SHARED] = "off: one file is behind two of the program's",
		[STATS_DIRECT_FAILED] = "off: the driver, a fork, or a file that the program closed early ended it",
		[STATS_DIRECT_ABSENT] = "off: the driver has none (efuse.driver=efuse)",
	};

	if (head->direct == STATS_DIRECT_OFF)
		return;
	label(out, "direct");
	fprintf(out, "%s, %" PRIu64 " ranges held the same", words[head->direct],
		head->direct_ranges);
	if (head->direct_reads)
		fprintf(out, "; %" PRIu64 " reads of %" PRIu64 " bytes without the program",
			head->direct_reads, head->direct_bytes);
	fputc('\n', out);
	show_direct_writes(out, head);
}

static void show_requests(FILE *out, const struct stats_head *head, const struct stats_op *sum)
{
	label(out, "requests");
	fprintf(out, "%" PRIu64 ", replies %" PRIu64 ", errors %" PRIu64 ", notifications %" PRIu64
		", malformed %" PRIu64 "\n", sum->requests, sum->replies, sum->errors,
		head->notifications, head->malformed);
}

static void show_cost(FILE *out, const struct stats_head *head, const struct stats_op *sum)
{
	label(out, "cost");
	if (sum->requests)
		fprintf(out, "%.2f system calls per request, ",
			(double)head->syscalls / (double)sum->requests);
	fprintf(out, "%" PRIu64 " waits spun, %" PRIu64 " slept\n", head->spins, head->sleeps);
	label(out, "moved");
	fprintf(out, "%" PRIu64 " requests shared with another core, %" PRIu64
		" thread migrations\n", head->shared, head->migrations);
	if (head->idle_class || head->idle_backoffs) {
		label(out, "scheduling");
		fprintf(out, "%" PRIu32 " threads as SCHED_IDLE, taken out %" PRIu32 " times\n",
			head->idle_class, head->idle_backoffs);
	}
}

static void show_queue(FILE *out, const char *name, const struct statsfile_core *core)
{
	fprintf(out, "    %-8s %7" PRIu32 " %7" PRIu32 " %6" PRIu32 " %6" PRIu32 " %12" PRIu64
		" %12" PRIu64 "\n", name, core->entries, core->workers, core->depth,
		core->depth_max, core->requests, core->shared);
}

static bool queue_used(const struct statsfile_core *core)
{
	return core->requests || core->workers || core->depth || core->depth_max;
}

static void show_queues(FILE *out, const struct statsfile *file)
{
	unsigned int unused = 0;
	char name[16];

	fprintf(out, "    %-8s %7s %7s %6s %6s %12s %12s\n", "QUEUE", "ENTRIES", "WORKERS",
		"DEPTH", "MOST", "REQUESTS", "SHARED");
	for (unsigned int i = 0; i < file->ncores; i++) {
		if (!queue_used(&file->cores[i])) {
			unused++;
			continue;
		}
		snprintf(name, sizeof(name), "core %u", i);
		show_queue(out, name, &file->cores[i]);
	}
	show_queue(out, "device", &file->dev);
	if (unused)
		fprintf(out, "    (%u core%s without a request)\n", unused, unused == 1 ? "" : "s");
}

static void show_ring(FILE *out, unsigned int i, const struct statsfile_core *core)
{
	char name[16];

	snprintf(name, sizeof(name), "core %u", i);
	fprintf(out, "    %-8s %9.1f %12" PRIu64 " %12" PRIu64 " %12" PRIu64 " %7.1f\n", name,
		(double)statsfile_age(core) / 1e6, core->polled, core->sleeps, core->doorbells,
		core->requests ? 100.0 * (double)core->quiet / (double)core->requests : 0.0);
}

/* What only rings have. */
static void show_rings(FILE *out, const struct statsfile *file)
{
	if (file->head.channel != STATS_CHANNEL_RING)
		return;
	fprintf(out, "    %-8s %9s %12s %12s %12s %7s\n", "RING", "OLDEST ms", "POLLED", "SLEPT",
		"DOORBELLS", "QUIET %");
	for (unsigned int i = 0; i < file->ncores; i++)
		if (queue_used(&file->cores[i]))
			show_ring(out, i, &file->cores[i]);
}

static void show_op(FILE *out, const char *name, const struct stats_op *op, uint64_t over_dev)
{
	fprintf(out, "    %-18s %12" PRIu64 " %12" PRIu64 " %9" PRIu64 " %10" PRIu64
		" %9.1f %9.1f %9.1f %9.1f\n", name, op->requests, op->replies, op->errors, over_dev,
		latency_mean(op) / 1e3, latency_percentile(op, 0.5) / 1e3,
		latency_percentile(op, 0.9) / 1e3, latency_percentile(op, 0.99) / 1e3);
}

static void show_ops(FILE *out, const struct statsfile *file, const struct stats_op *total)
{
	struct stats_op op;

	if (!total->requests)
		return;
	fprintf(out, "    %-18s %12s %12s %9s %10s %9s %9s %9s %9s\n", "REQUEST", "COUNT", "REPLIES",
		"ERRORS", "BY DEVICE", "MEAN us", "p50 us", "p90 us", "p99 us");
	for (unsigned int i = 0; i < ROWS_MAX; i++) {
		unsigned int opcode = (i + 1) % STATS_OPS;

		latency_opcode(file, opcode, &op);
		if (op.requests || op.replies)
			show_op(out, opcode_name(opcode), &op, file->over_dev[opcode].requests);
	}
	show_op(out, "all", total, file->dev.requests);
}

/* How to get MOUNT under efuse. */
static void show_hint(FILE *out, const struct fusemount *mount)
{
	const char *type = mounts_subtype(mount->fstype);

	label(out, "to change it");
	fputs("start it by 'efuse wrap ", out);
	report_text(out, *type ? type : "COMMAND");
	fputs(" ...', or in /etc/fstab write type fuse.efuse and source ", out);
	report_text(out, *type ? type : "PROGRAM");
	fputc('#', out);
	report_text(out, mount->source);
	fputc('\n', out);
}

/* No status file: there is none, or it is in a folder of another user. */
static void show_plain(FILE *out, const struct fusemount *mount)
{
	label(out, "served by");
	if (geteuid() != 0 && mount->user != 0 && mount->user != geteuid()) {
		fprintf(out, "unknown: it is user %u's; root can tell\n", mount->user);
		return;
	}
	fputs("plain FUSE, not under efuse\n", out);
	show_hint(out, mount);
}

void report_mount(FILE *out, const struct fusemount *mount)
{
	const struct statsfile *file = mount->stats;
	struct stats_op sum;

	show_where(out, mount);
	show_driver(out, mount);
	show_policy(out, mount);
	if (!file) {
		show_plain(out, mount);
		return;
	}
	latency_total(file, &sum);
	show_daemon(out, &file->head);
	show_channel(out, &file->head);
	show_cache(out, &file->head);
	show_direct(out, &file->head);
	show_requests(out, &file->head, &sum);
	show_cost(out, &file->head, &sum);
	show_queues(out, file);
	show_rings(out, file);
	show_ops(out, file, &sum);
}

void report_elsewhere(FILE *out, const struct statsfile *file)
{
	report_text(out, file->head.comm);
	fprintf(out, ", process %" PRIu32 ", user %u: its mount cannot be told or is not visible here\n",
		file->head.pid, file->owner);
	show_channel(out, &file->head);
}

void report_watch_heading(FILE *out)
{
	fprintf(out, "%-7s %9s %9s %7s %8s %8s %8s %6s %9s %6s %7s %8s  %s\n", "CHANNEL", "REQ/s",
		"REPLY/s", "ERR/s", "p50 us", "p90 us", "p99 us", "DEPTH", "DEVICE/s", "CALLS",
		"SPUN %", "MOVED/s", "MOUNT");
}

static const char *channel_name(const struct stats_head *head)
{
	static const char *const names[] = { "none", "dev", "uring", "ring" };

	return names[head->channel];
}

static unsigned int depth_now(const struct statsfile *file)
{
	unsigned int depth = file->dev.depth;

	for (unsigned int i = 0; i < file->ncores; i++)
		depth += file->cores[i].depth;
	return depth;
}

void report_watch(FILE *out, const struct fusemount *mount, double seconds)
{
	const struct statsfile *file = mount->stats;
	const struct stats_head *head = &file->head;
	double waits = (double)head->spins + (double)head->sleeps;
	struct stats_op sum;

	latency_total(file, &sum);
	fprintf(out, "%-7s %9.0f %9.0f %7.0f %8.1f %8.1f %8.1f %6u %9.0f %6.2f %7.0f %8.0f  ",
		channel_name(head), (double)sum.requests / seconds, (double)sum.replies / seconds,
		(double)sum.errors / seconds, latency_percentile(&sum, 0.5) / 1e3,
		latency_percentile(&sum, 0.9) / 1e3, latency_percentile(&sum, 0.99) / 1e3,
		depth_now(file), (double)file->dev.requests / seconds,
		sum.requests ? (double)head->syscalls / (double)sum.requests : 0.0,
		waits > 0 ? 100.0 * (double)head->spins / waits : 0.0,
		(double)(head->shared + head->migrations) / seconds);
	report_text(out, mount->target);
	fputc('\n', out);
}

// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * reportjson.c - what `efuse status --json` shows about a mount. The keys are
 * documented in efuse(1); keys are added, none is renamed or removed.
 */
#include <linux/efuse.h>
#include <sys/sysmacros.h>

#include "mount.efuse/device.h"
#include "mount.efuse/latency.h"
#include "mount.efuse/mounts.h"
#include "mount.efuse/opcode.h"
#include "mount.efuse/report.h"
#include "mount.efuse/util.h"

static void put_where(struct json *j, const struct fusemount *mount)
{
	char device[32];

	snprintf(device, sizeof(device), "%u:%u", major(mount->dev), minor(mount->dev));
	json_string(j, "target", mount->target);
	json_open(j, "also", '[');
	for (unsigned int i = 0; i < mount->nalso; i++)
		json_string(j, NULL, mount->also[i]);
	json_close(j, ']');
	json_string(j, "type", mount->fstype);
	json_string(j, "source", mount->source);
	json_string(j, "device", device);
	json_number(j, "user", mount->user);
}

static void put_driver(struct json *j, const struct fusemount *mount)
{
	bool efuse = mounts_is_efuse(mount->fstype);
	struct msg why = { "" };

	json_string(j, "driver", efuse ? "efuse" : "stock");
	if (!efuse)
		device_check_efuse(NULL, &why);
	json_string(j, "driver_reason", why.text);
}

static void put_paths(struct json *j, const struct efuse_state *state)
{
	static const char *const names[EFUSE_PATHS] = { "program", "policy", "file" };

	json_open(j, "reads", '[');
	for (int i = 0; i < EFUSE_PATHS; i++) {
		const struct efuse_path *path = &state->path[i];

		json_open(j, NULL, '{');
		json_string(j, "path", names[i]);
		json_number(j, "requests", path->requests);
		json_number(j, "bytes", path->bytes);
		json_number(j, "missed", path->missed);
		json_number(j, "tries", path->tries);
		json_number(j, "ns", path->ns);
		json_number(j, "expected", path->guessed);
		json_number(j, "expected_ns", path->guess_ns);
		json_close(j, '}');
	}
	json_close(j, ']');
}

static void put_policy(struct json *j, const struct fusemount *mount)
{
	struct efuse_state state;
	struct msg why;

	if (!mounts_is_efuse(mount->fstype) || device_read_state(mount->dev, &state, &why)) {
		json_null(j, "policy");
		return;
	}
	json_string(j, "policy", state.name);
	json_open(j, "policy_param", '[');
	for (int i = 0; i < EFUSE_PARAMS; i++)
		json_number(j, NULL, state.param[i]);
	json_close(j, ']');
	put_paths(j, &state);
}

static void put_daemon(struct json *j, const struct stats_head *head)
{
	static const char *const channels[] = { "none", "dev", "uring", "ring" };
	static const char *const states[] = { "starting", "running", "ended" };
	char protocol[32];

	snprintf(protocol, sizeof(protocol), "%u.%u", head->proto_major, head->proto_minor);
	json_string(j, "program", head->comm);
	json_number(j, "pid", head->pid);
	json_string(j, "state", states[head->state]);
	json_string(j, "channel", channels[head->channel]);
	json_string(j, "reason", head->reason);
	json_string(j, "protocol", protocol);
	json_number(j, "threads", head->threads);
	json_bool(j, "single", head->single);
	json_number(j, "max_write", head->max_write);
	json_number(j, "payload_size", head->payload_size);
	json_number(j, "idle_class", head->idle_class);
	json_number(j, "idle_backoffs", head->idle_backoffs);
}

static void put_cache(struct json *j, const struct stats_head *head)
{
	static const char *const names[] = { "auto", "always", "timeout", "none" };

	json_string(j, "cache", names[head->cache]);
	json_number(j, "cache_ns", head->cache_ns);
	json_number(j, "cache_changed", head->cache_changed);
	json_number(j, "cache_negative", head->cache_negative);
	json_number(j, "cache_opens", head->cache_opens);
}

static void put_direct(struct json *j, const struct stats_head *head)
{
	static const char *const names[] = {
		"off", "comparing", "on", "differs", "shared", "failed", "absent",
	};
	static const char *const writes[] = { "off", "comparing", "on" };

	json_string(j, "direct", names[head->direct]);
	json_number(j, "direct_ranges", head->direct_ranges);
	json_number(j, "direct_reads", head->direct_reads);
	json_number(j, "direct_bytes", head->direct_bytes);
	json_string(j, "direct_rw", writes[head->direct_rw]);
	json_number(j, "direct_held", head->direct_held);
	json_number(j, "direct_writes", head->direct_writes);
}

static void put_counters(struct json *j, const struct stats_head *head, const struct stats_op *sum)
{
	json_number(j, "requests", sum->requests);
	json_number(j, "replies", sum->replies);
	json_number(j, "errors", sum->errors);
	json_number(j, "notifications", head->notifications);
	json_number(j, "malformed", head->malformed);
	json_number(j, "syscalls", head->syscalls);
	if (sum->requests)
		json_real(j, "syscalls_per_request", (double)head->syscalls / (double)sum->requests);
	else
		json_null(j, "syscalls_per_request");
	json_number(j, "spins", head->spins);
	json_number(j, "sleeps", head->sleeps);
	json_number(j, "shared", head->shared);
	json_number(j, "migrations", head->migrations);
}

static void put_queue(struct json *j, const struct statsfile_core *core)
{
	json_number(j, "entries", core->entries);
	json_number(j, "workers", core->workers);
	json_number(j, "depth", core->depth);
	json_number(j, "depth_max", core->depth_max);
	json_number(j, "requests", core->requests);
	json_number(j, "shared", core->shared);
}

static void put_ring(struct json *j, const struct statsfile_core *core)
{
	json_number(j, "oldest_ns", statsfile_age(core));
	json_number(j, "polled", core->polled);
	json_number(j, "sleeps", core->sleeps);
	json_number(j, "doorbells", core->doorbells);
	json_number(j, "quiet", core->quiet);
}

static void put_queues(struct json *j, const struct statsfile *file)
{
	json_open(j, "cores", '[');
	for (unsigned int i = 0; i < file->ncores; i++) {
		json_open(j, NULL, '{');
		json_number(j, "core", i);
		put_queue(j, &file->cores[i]);
		if (file->head.channel == STATS_CHANNEL_RING)
			put_ring(j, &file->cores[i]);
		json_close(j, '}');
	}
	json_close(j, ']');
	json_open(j, "dev", '{');
	put_queue(j, &file->dev);
	json_close(j, '}');
}

static void put_latency(struct json *j, const struct stats_op *op)
{
	json_real(j, "mean_us", latency_mean(op) / 1e3);
	json_real(j, "p50_us", latency_percentile(op, 0.5) / 1e3);
	json_real(j, "p90_us", latency_percentile(op, 0.9) / 1e3);
	json_real(j, "p99_us", latency_percentile(op, 0.99) / 1e3);
}

static void put_op(struct json *j, unsigned int opcode, const struct stats_op *op,
		   uint64_t over_dev)
{
	json_open(j, NULL, '{');
	json_number(j, "opcode", opcode);
	json_string(j, "name", opcode_name(opcode));
	json_number(j, "requests", op->requests);
	json_number(j, "replies", op->replies);
	json_number(j, "errors", op->errors);
	json_number(j, "dev_requests", over_dev);
	put_latency(j, op);
	json_close(j, '}');
}

static void put_ops(struct json *j, const struct statsfile *file)
{
	struct stats_op op;

	json_open(j, "ops", '[');
	for (unsigned int i = 0; i < STATS_OPS; i++) {
		latency_opcode(file, i, &op);
		if (op.requests || op.replies)
			put_op(j, i, &op, file->over_dev[i].requests);
	}
	json_close(j, ']');
}

static void put_stats(struct json *j, const struct statsfile *file)
{
	struct stats_op sum;

	latency_total(file, &sum);
	put_daemon(j, &file->head);
	put_cache(j, &file->head);
	put_direct(j, &file->head);
	put_counters(j, &file->head, &sum);
	put_latency(j, &sum);
	put_queues(j, file);
	put_ops(j, file);
}

void report_json(struct json *j, const struct fusemount *mount)
{
	json_open(j, NULL, '{');
	put_where(j, mount);
	put_driver(j, mount);
	put_policy(j, mount);
	json_bool(j, "efuse", mount->stats != NULL);
	if (mount->stats)
		put_stats(j, mount->stats);
	json_close(j, '}');
}

void report_json_elsewhere(struct json *j, const struct statsfile *file)
{
	json_open(j, NULL, '{');
	json_number(j, "user", file->owner);
	put_stats(j, file);
	json_close(j, '}');
}

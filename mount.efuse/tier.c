// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * tier.c - what a start can have beyond plain FUSE. See tier.h.
 *
 * Nothing here can make a mount fail: whatever is missing, plain FUSE remains.
 */
#include "mount.efuse/tier.h"

#include <linux/efuse.h>

#include "mount.efuse/device.h"
#include "mount.efuse/util.h"
#include "shim/config.h"

static void note(struct tier *t, const char *what, const char *instead)
{
	if (t->notes < TIER_NOTES)
		msg_set(&t->note[t->notes++], 0, "%s; %s", what, instead);
}

static bool has_helpers(const struct tier *t)
{
	return t->handover.helpers[0];
}

/* The shim goes in if this program takes it and it is ours. */
static void choose_shim(struct tier *t, const struct program *p)
{
	const char *obstacle = program_obstacle(p);
	struct msg why;

	if (obstacle) {
		msg_set(&why, 0, "%s %s", path_name(p->path), obstacle);
		note(t, why.text, has_helpers(t) ?
		     "the efuse driver alone serves it, if it mounts by fusermount3" :
		     "plain FUSE serves it");
	} else if (program_check_shim(t->handover.shim, &why) < 0) {
		note(t, why.text, "plain FUSE serves");
	} else {
		t->handover.preload = true;
		t->handover.helpers[0] = '\0';	/* the shim does that */
	}
}

/* Is there anything in O that a program without the shim cannot have of the driver? */
static bool loses_cache(const struct tier *t, const struct opts *o)
{
	uint64_t ns = 0;
	bool none = o->cache && streq(o->cache, "none");

	if (o->cache_timeout)
		none = config_seconds(o->cache_timeout, &ns) == 0 && !ns;
	if (!o->cache_timeout && (!o->cache || streq(o->cache, "auto")))
		return false;
	return none || !has_helpers(t);
}

static void choose_status(struct tier *t)
{
	struct msg why;

	if (handover_status_make(t->handover.status, &why) == 0)
		return;
	t->handover.status[0] = '\0';
	note(t, why.text, "`efuse status` will not see this mount");
}

static void choose_channel(struct tier *t, const struct opts *o)
{
	struct msg why;

	t->handover.channel = o->channel;
	if (o->channel && streq(o->channel, "dev"))
		return;
	if (t->rings && !(o->channel && streq(o->channel, "uring")))
		return;
	if (o->channel && streq(o->channel, "ring")) {
		note(t, "the ring channel needs the efuse driver's rings, which are not here",
		     "taking efuse.channel=auto");
		t->handover.channel = "auto";
	}
	if (device_check_uring(&why) < 0)
		note(t, why.text, "plain FUSE serves");
}

/* The driver that is not there is no loss unless it was asked for. */
static void choose_driver(struct tier *t, const struct opts *o)
{
	struct efuse_hello hello;
	struct msg why;
	int err;

	t->handover.policy = o->policy;
	if (!o->driver && getenv(CONFIG_ENV_DRIVER))
		return;
	t->handover.driver = o->driver ? "stock" : NULL;
	if (o->driver && streq(o->driver, "stock"))
		return;
	err = device_check_efuse(&hello, &why);
	if (!err)
		t->handover.driver = "efuse";
	t->rings = !err && hello.known & EFUSE_F_RING;
	if (err && (err != -ENOENT || (o->driver && streq(o->driver, "efuse"))))
		note(t, why.text, "the stock driver serves");
}

/*
 * A program that the shim cannot enter gets the efuse driver from our fusermount3,
 * which it finds when that comes first on its PATH.
 */
static void choose_helpers(struct tier *t)
{
	const char *driver = t->handover.driver ? t->handover.driver : getenv(CONFIG_ENV_DRIVER);
	const char *program = getenv(CONFIG_ENV_FUSERMOUNT);

	program = program ? program : FUSERMOUNT_PATH;
	if (!driver || streq(driver, "stock") || program[0] != '/' || !config_can_mount(program))
		return;
	snprintf(t->handover.helpers, PATH_MAX, "%.*s", (int)(path_name(program) - program - 1),
		 program);
}

int tier_choose(struct tier *t, const struct opts *o, const struct program *p)
{
	int err;

	*t = (struct tier){ .notes = 0 };
	err = handover_init(&t->handover);
	if (err)
		return err;
	t->handover.poll = o->poll;
	t->handover.direct = o->direct;
	t->handover.log = o->log;
	t->handover.cache = o->cache;
	t->handover.cache_timeout = o->cache_timeout;
	t->handover.cache_entries = o->cache_entries;
	t->handover.cache_mem = o->cache_mem;
	choose_driver(t, o);
	choose_helpers(t);
	choose_shim(t, p);
	if (!t->handover.preload && loses_cache(t, o))
		note(t, "efuse.cache needs the library in the program and is not applied",
		     "its own caching options hold");
	if (!t->handover.preload && o->direct && !streq(o->direct, "off"))
		note(t, "efuse.direct needs the library in the program and is not applied",
		     "the program answers all reads and writes");
	if (!t->handover.preload)
		return 0;
	choose_status(t);
	choose_channel(t, o);
	return 0;
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * driver.h - which driver serves what fusermount3 mounts: the kernel's own, or the
 * efuse driver, and under which policy of BPF programs.
 *
 * Who says nothing gets the kernel's own, unless fuse.conf says otherwise. All
 * that can be said is what anybody may do with the device: open it, and choose
 * among the policies that root has loaded.
 */
#ifndef EFUSE_DRIVER_H
#define EFUSE_DRIVER_H

#include <linux/efuse.h>
#include <stdbool.h>

#include "mount.efuse/msg.h"

/* What somebody said, as text; NULL where nothing. The strings are borrowed. */
struct driver_wish {
	const char *driver;		/* auto, efuse or stock */
	const char *policy;		/* the name of a policy */
	const char *cache;		/* auto, always or none */
	const char *cache_timeout;	/* seconds */
	const char *cache_entries;	/* a number */
	const char *cache_mem;		/* MiB */
};

/* What is to be done about it. */
struct driver_plan {
	bool efuse;			/* try the efuse driver */
	bool told;			/* it was named: say so when it does not serve */
	bool policy_told;		/* the same for the policy */
	struct efuse_policy policy;	/* its name is empty for none */
};

/*
 * The variables of shim/config.h. The strings stay when the environment is emptied.
 * False when our environment holds one variable at most: a caller that passed none
 * of its own on, as Go's library does.
 */
bool driver_read_environment(struct driver_wish *wish);

/*
 * The same variables of the process that called us, as far as the caller may read
 * them: nothing where it may not. The strings stay. To be called with the caller's
 * own rights.
 */
void driver_read_caller(struct driver_wish *wish);

/*
 * Make a plan of what the options say, else the environment, else CONF, a word of
 * the administrator's for who says nothing (NULL or empty: stock). Returns 0, or -EINVAL
 * with the words in WHY for a value that is none.
 */
int driver_decide(struct driver_plan *plan, const struct driver_wish *options,
		  const struct driver_wish *environment, const char *conf, struct msg *why);

/* Is WORD one of auto, efuse and stock? */
bool driver_is_word(const char *word);

/* Have the mounted DEVICE choose the policy of PLAN. 0, also for none, or -errno. */
int driver_choose_policy(int device, const struct driver_plan *plan);

#endif

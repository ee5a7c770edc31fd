// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * priv.c - the only place that changes credentials. See priv.h.
 *
 * What makes this small: a capability in the permitted set survives giving up
 * user id 0 (PR_SET_KEEPCAPS), so there is no switching back and forth between
 * two users, no file is ever opened as root by accident, and a step that needs
 * the capability is a function of its own. What a caller could do to a process
 * that carries his user id is closed as well: it cannot be traced, looked into
 * or made to dump core (PR_SET_DUMPABLE 0, and more capabilities than he has),
 * and nothing it would execute could gain anything (PR_SET_NO_NEW_PRIVS).
 */
#include "mount.efuse/priv.h"

#include <linux/capability.h>
#include <sys/fsuid.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include "mount.efuse/util.h"

#define ADMIN CAP_TO_MASK(CAP_SYS_ADMIN)
_Static_assert(CAP_SYS_ADMIN < 32, "the mask below is the first word");

static bool root;		/* the caller is root: nothing was dropped */
static __u32 permitted;		/* what priv_do() may make effective: ADMIN or nothing */

static int caps_get(struct __user_cap_data_struct caps[2])
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };

	return syscall(SYS_capget, &head, caps) < 0 ? -errno : 0;
}

static int caps_set(__u32 effective)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct caps[2] = {
		{ .effective = effective, .permitted = permitted },
	};

	return syscall(SYS_capset, &head, caps) < 0 ? -errno : 0;
}

/* Are exactly these capabilities there, and no inheritable one? */
static bool caps_are(__u32 effective)
{
	struct __user_cap_data_struct caps[2];

	return caps_get(caps) == 0 && caps[0].effective == effective && !caps[1].effective &&
	       caps[0].permitted == permitted && !caps[1].permitted &&
	       !caps[0].inheritable && !caps[1].inheritable;
}

/* setfsuid(-1) changes nothing and returns the id that is in force. */
static bool ids_are(uid_t uid, gid_t gid)
{
	uid_t ru, eu, su;
	gid_t rg, eg, sg;

	if (getresuid(&ru, &eu, &su) < 0 || getresgid(&rg, &eg, &sg) < 0)
		return false;
	return ru == uid && eu == uid && su == uid && (uid_t)setfsuid((uid_t)-1) == uid &&
	       rg == gid && eg == gid && sg == gid && (gid_t)setfsgid((gid_t)-1) == gid;
}

/* The group first: it cannot be changed any more once the user is. */
static int ids_drop(uid_t uid, gid_t gid)
{
	if (prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) < 0 ||
	    setresgid(gid, gid, gid) < 0 || setresuid(uid, uid, uid) < 0 ||
	    prctl(PR_SET_KEEPCAPS, 0, 0, 0, 0) < 0)
		return -errno;
	return 0;
}

/*
 * What could still be turned against us by somebody of the same user id, or by
 * code that got in: tracing, core files, and executing something set-user-ID.
 */
static int harden(void)
{
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return -errno;
	return 0;
}

int priv_drop(void)
{
	uid_t uid = getuid();
	gid_t gid = getgid();
	struct __user_cap_data_struct caps[2];
	int err;

	root = uid == 0;
	if (root)
		return 0;
	err = caps_get(caps);
	if (!err)
		err = ids_drop(uid, gid);
	if (err)
		return err;
	permitted = caps[0].permitted & ADMIN;
	err = caps_set(0);
	if (!err)
		err = harden();
	if (err)
		return err;
	return ids_are(uid, gid) && caps_are(0) ? 0 : -EPERM;
}

int priv_do(int (*step)(void *arg), void *arg)
{
	int err, ret;

	if (root || !permitted)
		return step(arg);
	err = caps_set(permitted);
	ret = err ? err : step(arg);
	if (caps_set(0) < 0 || !caps_are(0))
		_exit(1);
	return ret;
}

bool priv_is_root(void)
{
	return root;
}

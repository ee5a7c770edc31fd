// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * autounmount.c - see autounmount.h.
 *
 * A mount is ours if it is a FUSE mount of our device number, made for our user.
 * The number stays our file system's while one mount of it is left; it is used
 * again soon after the last has gone. So the table is looked at whenever it has
 * changed, and when there is none left, we are done. A mount made in the moment
 * before that look would have to be dead, too, to be taken for ours: nothing that
 * answers is ever taken away, as the end of the socket may come before the end
 * of the process, or without it.
 */
#include "mount.efuse/autounmount.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/vfs.h>

#include "mount.efuse/attach.h"
#include "mount.efuse/commfd.h"
#include "mount.efuse/inherit.h"
#include "mount.efuse/mounttab.h"
#include "mount.efuse/priv.h"
#include "mount.efuse/util.h"

/* A table that changes all the time is read no more often than this. */
#define LOOK_PAUSE_MS 20

#define FIRST_PAUSE_MS 5
#define LONGEST_PAUSE_MS 500

static bool may_be_ours(const struct mounttab_entry *entry, const struct point_id *id, uid_t uid)
{
	if (entry->dev != id->dev)
		return false;
	return priv_is_root() ? mounttab_is_fuse(entry) : mounttab_is_of(entry, uid);
}

/*
 * The root of this very mount: what is at its path now must be on the mount the
 * table told of. Another one may hide it, or have taken its place. -1: not there.
 */
static int open_mount(const struct mounttab_entry *entry, const struct point_id *id)
{
	__cleanup(closep) int fd = open(entry->target, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	struct point_id now;

	if (fd < 0 || point_identify(fd, &now) < 0 || !now.root)
		return -1;
	if (now.mount != entry->id || now.dev != id->dev)
		return -1;
	/* The id we remember, used again for another mount. */
	if (now.mount == id->mount && id->unique && now.unique != id->unique)
		return -1;
	return take_fd(&fd);
}

/*
 * A connection without a process behind it answers every request ENOTCONN, one
 * aborted while the request waited ECONNABORTED. The watch of our caller bounds
 * the wait for one that is alive and silent.
 */
static bool is_dead(int fd)
{
	struct statfs fs;

	return fstatfs(fd, &fs) < 0 && (errno == ENOTCONN || errno == ECONNABORTED);
}

/* One look at the table: how many are there that may be ours and are not taken away. */
static int take_away(const struct point_id *id, uid_t uid)
{
	struct mounttab_entry entry;
	struct mounttab tab;
	int left = 0, err = mounttab_open(&tab);

	while (!err && mounttab_next(&tab, &entry)) {
		__cleanup(closep) int fd = -1;

		if (!may_be_ours(&entry, id, uid))
			continue;
		fd = open_mount(&entry, id);
		if (fd < 0 || !is_dead(fd) || attach_detach(fd) < 0)
			left++;
	}
	mounttab_close(&tab);
	return err ? err : left;
}

/* --- waiting --------------------------------------------------------------- */

/* Is a mount left that may be ours? When in doubt, yes. */
static bool any_left(const struct point_id *id, uid_t uid)
{
	struct mounttab_entry entry;
	struct mounttab tab;
	bool left = mounttab_open(&tab) < 0;

	while (!left && mounttab_next(&tab, &entry))
		left = may_be_ours(&entry, id, uid);
	mounttab_close(&tab);
	return left;
}

static void pause_ms(int ms)
{
	struct timespec ts = { .tv_nsec = ms * 1000000L };

	nanosleep(&ts, NULL);
}

/* True when the socket has ended, false when the mounts have. */
static bool wait_for_end(int sock, const struct point_id *id, uid_t uid)
{
	__cleanup(closep) int table = open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC);
	struct pollfd fds[] = {
		{ .fd = sock, .events = POLLIN },
		{ .fd = table, .events = POLLPRI },	/* -1: not looked at */
	};

	while (any_left(id, uid)) {
		do {
			if (poll(fds, ARRAY_SIZE(fds), -1) < 0 && errno != EINTR)
				return true;
			if (fds[0].revents && commfd_ended(sock))
				return true;
		} while (!fds[1].revents);
		pause_ms(LOOK_PAUSE_MS);
	}
	return false;
}

/* What hides another mount goes first, so one look may not be enough even then. */
void autounmount_run(int sock, const struct point_id *id, uid_t uid)
{
	int64_t end;

	if (!wait_for_end(sock, id, uid))
		return;
	end = now_ms() + AUTOUNMOUNT_SECONDS * 1000;
	inherit_watch(AUTOUNMOUNT_SECONDS + 1);
	for (int pause = FIRST_PAUSE_MS; take_away(id, uid) > 0 && now_ms() < end; pause *= 2) {
		if (pause > LONGEST_PAUSE_MS)
			pause = LONGEST_PAUSE_MS;
		pause_ms(pause);
	}
	inherit_watch(0);
}

// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * t-state.c - EFUSE_IOC_STATE of a mount that lets root in alone, good and bad.
 * What it says of a policy is asked by t-policy.sh.
 */
#include <fcntl.h>
#include <linux/efuse.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tap.h"

static int dev = -1, mounted = -1;
static struct statx number;

/* Of the mount, which nobody serves. */
static struct efuse_state good(void)
{
	return (struct efuse_state){
		.size = sizeof(struct efuse_state),
		.major = number.stx_dev_major, .minor = number.stx_dev_minor,
	};
}

static int state(struct efuse_state *s)
{
	return ioctl(dev, EFUSE_IOC_STATE, s) ? -errno : 0;
}

static int mount_it(void)
{
	mounted = open("/dev/efuse", O_RDWR | O_CLOEXEC);
	return dup2(mounted, 50) < 0 ||
	       mount("state", "/mnt", "efuse", 0, "fd=50,rootmode=40000,user_id=0,group_id=0") ||
	       statx(AT_FDCWD, "/mnt", AT_STATX_DONT_SYNC, 0, &number);
}

static void told(void)
{
	struct efuse_state s = good();

	memset(s.name, 'x', sizeof(s.name));
	s.param[1] = 7;
	tap_is("the state of a mount", state(&s), 0);
	tap_ok("has no policy", !s.name[0] && !s.name[EFUSE_NAME_MAX - 1]);
	tap_ok("nor what one was chosen with", !s.param[0] && !s.param[1]);
}

static void refused(void)
{
	struct efuse_state s = good();

	for (unsigned int size = 0; size < sizeof(s); size++) {
		s = good();
		s.size = size;
		if (state(&s) != -EINVAL)
			break;
	}
	tap_ok("every size that is too short", s.size == sizeof(s) - 1);
	s.size = sizeof(s) + 1;
	tap_is("a size that is too large", state(&s), -E2BIG);
	s = good();
	s.flags = 1;
	tap_is("a flag", state(&s), -EINVAL);
	for (int i = 0; i < 2; i++) {
		s = good();
		s.reserved[i] = 1ULL << 40;
		tap_is("a reserved field that is not zero", state(&s), -EINVAL);
	}
	tap_is("a null pointer", state(NULL), -EFAULT);
}

static void no_such(void)
{
	struct efuse_state s = good();

	s.minor++;
	tap_is("another number", state(&s), -ENODEV);
	s = good();
	s.major |= 1U << 12;
	tap_is("a major number that would lose a bit", state(&s), -ENODEV);
	s = good();
	s.minor |= 1U << 20;
	tap_is("and a minor one", state(&s), -ENODEV);
}

/* Whom the mount does not let in. */
static void others(void)
{
	int status = -1;

	if (fork() == 0) {
		struct efuse_state s = good();

		_exit(setgid(1000) || setuid(1000) ? 1 : -state(&s));
	}
	wait(&status);
	tap_is("another user", WEXITSTATUS(status), EACCES);
}

int main(void)
{
	struct efuse_state s;

	dev = open("/dev/efuse", O_RDWR | O_CLOEXEC);
	if (dev < 0 || mount_it())
		return 2;
	told();
	refused();
	no_such();
	others();
	umount2("/mnt", MNT_DETACH);
	close(50);
	close(mounted);
	s = good();
	tap_is("of a mount that is gone", state(&s), -ENODEV);
	return tap_finish();
}

// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * inherit.c - control of what the caller left us. See inherit.h.
 *
 * The caller chooses all of it, so each is set, not checked. What only hurts the
 * caller himself is left to him: limits that make a system call fail make the
 * program fail, and every such failure leaves nothing mounted.
 */
#include "mount.efuse/inherit.h"

#include <limits.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "mount.efuse/util.h"

extern char **environ;

/* A file of ours must never become descriptor 0, 1 or 2 and be written to as one. */
static int open_standard_fds(void)
{
	for (int fd = 0; fd <= 2; fd++) {
		if (fcntl(fd, F_GETFD) >= 0)
			continue;
		/* The lowest free descriptor is this one: those below are open. */
		if (open("/dev/null", O_RDWR) != fd)
			return -EBADF;
	}
	return 0;
}

/* SIGALRM must reach us and end us; a reader who left must not. */
static int reset_signals(void)
{
	sigset_t none;

	sigemptyset(&none);
	if (signal(SIGALRM, SIG_DFL) == SIG_ERR || signal(SIGPIPE, SIG_IGN) == SIG_ERR ||
	    sigprocmask(SIG_SETMASK, &none, NULL) < 0)
		return -errno;
	return 0;
}

int inherit_control(void)
{
	const struct rlimit no_core = { 0, 0 };
	int err = open_standard_fds();

	if (!err)
		err = reset_signals();
	if (!err && setrlimit(RLIMIT_CORE, &no_core) < 0)
		err = -errno;
	environ = NULL;
	umask(077);
	inherit_watch(INHERIT_SECONDS);
	return err;
}

static int close_from(unsigned int first, unsigned int last)
{
	struct rlimit limit;
	rlim_t end;

	if (first > last || syscall(SYS_close_range, first, last, 0) == 0)
		return 0;
	if (errno != ENOSYS || getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return -errno;
	/* Linux before 5.9. Descriptors above a limit lowered later are unused by us. */
	end = limit.rlim_max < 65536 ? limit.rlim_max : 65536;
	for (unsigned int fd = first; fd < end && fd <= last; fd++)
		close((int)fd);
	return 0;
}

int inherit_close_fds(int keep)
{
	int err;

	if (keep <= 2)
		return close_from(3, UINT_MAX);
	err = close_from(3, (unsigned int)keep - 1);
	return err ? err : close_from((unsigned int)keep + 1, UINT_MAX);
}

void inherit_watch(unsigned int seconds)
{
	alarm(seconds);
}

int inherit_block_signals(void)
{
	sigset_t most;

	sigfillset(&most);
	sigdelset(&most, SIGALRM);
	return sigprocmask(SIG_BLOCK, &most, NULL) < 0 ? -errno : 0;
}

int inherit_detach(int keep)
{
	__cleanup(closep) int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (null < 0 || chdir("/") < 0)
		return -errno;
	for (int fd = 0; fd <= 2; fd++)
		if (fd != keep && dup2(null, fd) < 0)
			return -errno;
	setsid(); /* fails only for one that leads a session already */
	return 0;
}

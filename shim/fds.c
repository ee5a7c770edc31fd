// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * fds.c - the interposed calls that make, copy and close descriptors: where a
 * connection is first seen and where it is lost. Each does the real thing for
 * every other descriptor, with the real call's errno.
 */
#include "shim/interpose.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <unistd.h>
#include <linux/fuse.h>

#include "shim/cancel.h"
#include "shim/direct.h"
#include "shim/driver.h"
#include "shim/fds.h"
#include "shim/fdtab.h"
#include "shim/session.h"
#include "shim/settings.h"

#define FD_MAX (~0u)		/* close_range(2): above every descriptor */

static pid_t owner;

void fds_own(void)
{
	owner = getpid();
}

bool fds_foreign(void)
{
	return getpid() != owner;
}

/* Whether FD is in the table, as a connection's or as one of our own. */
static bool known(int fd)
{
	return __builtin_expect(__atomic_load_n(&fdtab_used, __ATOMIC_RELAXED), 0) &&
	       (fdtab_peek(fd) || fdtab_private(fd));
}

/* Whether what happens to FD changes the table. No system call for most. */
static bool tracked(int fd)
{
	return __builtin_expect(known(fd), 0) && !fds_foreign();
}

/* Beyond the table a descriptor is plain, and does not keep its session going. */
static void fd_name(int fd, struct session *s)
{
	if ((unsigned int)fd >= FDTAB_SIZE)
		return;
	session_fd_added(s);
	fdtab_set(fd, s);
}

/* Forgets FD and gives back the session whose reference the caller drops. */
static struct session *fd_unname(int fd)
{
	struct session *s = fdtab_clear(fd);

	if (s)
		session_fd_closed(s);
	return s;
}

static void fd_gone(int fd)
{
	struct session *s = fd_unname(fd);

	if (s)
		session_put(s);
}

/* A new connection: FD was opened from, or is, /dev/fuse. */
static void fd_new(int fd, int flags)
{
	int saved = errno;
	struct session *s;

	if (!settings_get()->active || fdtab_peek(fd))
		return;
	s = session_new();
	if (s) {
		if (flags & O_NONBLOCK)
			session_polled(s);
		fd_name(fd, s);
		session_put(s);
	}
	errno = saved;
}

static int opened(const char *path, int fd, int flags)
{
	if (fd < 0)
		return fd;
	if (tracked(fd))
		fd_gone(fd);
	direct_opened(fd);
	if (driver_is_path(path) && !fds_foreign()) {
		driver_opened(path);
		fd_new(fd, flags);
	}
	return fd;
}

/* The same connection under another number. */
static int duplicated(int from, int to)
{
	struct session *s;

	if (to < 0 || !(known(from) || known(to)) || fds_foreign())
		return to;
	fd_gone(to);
	s = fdtab_get(from);
	if (s) {
		fd_name(to, s);
		session_put(s);
	}
	return to;
}

static mode_t open_mode(int flags, va_list ap)
{
	return flags & (O_CREAT | O_TMPFILE) ? va_arg(ap, mode_t) : 0;
}

/* path is what the expression in call opens: the device that is to be, if that can be. */
#define OPEN_DRIVER(call) ({ \
	const char *asked = path; \
	int fd; \
	path = driver_path(asked); \
	fd = real()->call; \
	if (fd < 0 && path != asked) { \
		path = asked; \
		fd = real()->call; \
	} \
	opened(path, fd, flags); \
})

#define OPEN_BODY(call) do { \
	va_list ap; \
	mode_t mode; \
	va_start(ap, flags); \
	mode = open_mode(flags, ap); \
	va_end(ap); \
	return OPEN_DRIVER(call); \
} while (0)

EXPORT int open(const char *path, int flags, ...)
{
	OPEN_BODY(open(path, flags, mode));
}

EXPORT int open64(const char *path, int flags, ...)
{
	OPEN_BODY(open64(path, flags, mode));
}

EXPORT int openat(int dirfd, const char *path, int flags, ...)
{
	OPEN_BODY(openat(dirfd, path, flags, mode));
}

EXPORT int openat64(int dirfd, const char *path, int flags, ...)
{
	OPEN_BODY(openat64(dirfd, path, flags, mode));
}

EXPORT int __open_2(const char *path, int flags)
{
	return OPEN_DRIVER(__open_2(path, flags));
}

EXPORT int __open64_2(const char *path, int flags)
{
	return OPEN_DRIVER(__open64_2(path, flags));
}

EXPORT int mount(const char *source, const char *target, const char *type,
		 unsigned long flags, const void *data)
{
	if (fds_foreign())
		return real()->mount(source, target, type, flags, data);
	return driver_mount(source, target, type, flags, data);
}

EXPORT int fsopen(const char *type, unsigned int flags)
{
	if (fds_foreign() && real()->fsopen)
		return real()->fsopen(type, flags);
	return driver_fsopen(type, flags);
}

EXPORT int fsconfig(int fd, unsigned int cmd, const char *key, const void *value, int aux)
{
	if (fds_foreign() && real()->fsconfig)
		return real()->fsconfig(fd, cmd, key, value, aux);
	return driver_fsconfig(fd, cmd, key, value, aux);
}

/* The descriptors that a message brought, from fusermount3 perhaps. */
static void received(struct msghdr *msg)
{
	struct cmsghdr *c;
	size_t i, n;
	int fd;

	for (c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (i = 0; i < n; i++) {
			memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(fd));
			if (tracked(fd))
				fd_gone(fd);
			if (driver_is_device(fd) && !fds_foreign())
				fd_new(fd, 0);
		}
	}
}

EXPORT ssize_t recvmsg(int fd, struct msghdr *msg, int flags)
{
	ssize_t ret = real()->recvmsg(fd, msg, flags);
	int saved = errno;

	if (ret >= 0 && msg->msg_control && msg->msg_controllen)
		received(msg);
	errno = saved;
	return ret;
}

/* FUSE_DEV_IOC_CLONE: FD becomes another descriptor of the connection *ARG. */
static void cloned(int fd, const void *arg)
{
	uint32_t old;
	struct session *s;

	memcpy(&old, arg, sizeof(old));
	s = fdtab_get((int)old);
	if (!s)
		return;
	if (!fds_foreign()) {
		fd_gone(fd);
		fd_name(fd, s);
	}
	session_put(s);
}

EXPORT int ioctl(int fd, unsigned long req, ...)
{
	va_list ap;
	void *arg;
	int ret;

	va_start(ap, req);
	arg = va_arg(ap, void *);
	va_end(ap);
	ret = real()->ioctl(fd, req, arg);
	if (ret == 0 && req == FUSE_DEV_IOC_CLONE && fdtab_any())
		cloned(fd, arg);
	return ret;
}

/* F_SETFL is about the open file, which a vfork(2) child shares: no exception. */
static int fcntl_any(int fd, int cmd, void *arg, int (*call)(int, int, ...))
{
	struct session *s;
	long flags = (long)arg;

	if (!fdtab_any())
		return call(fd, cmd, arg);
	if (cmd == F_DUPFD || cmd == F_DUPFD_CLOEXEC)
		return duplicated(fd, call(fd, cmd, arg));
	if (cmd == F_SETPIPE_SZ && session_wants_no_pipe(flags)) {
		errno = EPERM;
		return -1;
	}
	if (cmd != F_SETFL || !(s = fdtab_get(fd)))
		return call(fd, cmd, arg);
	if (flags & O_NONBLOCK)
		session_polled(s);
	if (session_state(s) == SESSION_RUNNING && s->uring)
		flags |= O_NONBLOCK;	/* the rings share the open file */
	session_put(s);
	return call(fd, cmd, (void *)flags);
}

#define FCNTL_BODY(name) do { \
	va_list ap; \
	void *arg; \
	va_start(ap, cmd); \
	arg = va_arg(ap, void *); \
	va_end(ap); \
	return fcntl_any(fd, cmd, arg, real()->name); \
} while (0)

EXPORT int fcntl(int fd, int cmd, ...)
{
	FCNTL_BODY(fcntl);
}

EXPORT int fcntl64(int fd, int cmd, ...)
{
	FCNTL_BODY(fcntl64);
}

EXPORT int dup(int fd)
{
	return duplicated(fd, real()->dup(fd));
}

/* One of the shim's own is not to be replaced: dup(2)'s word for a number in use. */
static bool taken(int fd)
{
	if (!tracked(fd) || !fdtab_private(fd))
		return false;
	errno = EBUSY;
	return true;
}

EXPORT int dup2(int fd, int to)
{
	if (fd == to)
		return real()->dup2(fd, to);
	return taken(to) ? -1 : duplicated(fd, real()->dup2(fd, to));
}

EXPORT int dup3(int fd, int to, int flags)
{
	return taken(to) ? -1 : duplicated(fd, real()->dup3(fd, to, flags));
}

EXPORT int close(int fd)
{
	struct session *s;
	int ret, saved, cancel;

	if (!tracked(fd))
		return real()->close(fd);
	if (fdtab_private(fd)) {
		errno = EBADF;
		return -1;
	}
	cancel = cancel_off();
	s = fd_unname(fd);
	ret = real()->close(fd);
	saved = errno;
	if (s)
		session_put(s);
	errno = saved;
	cancel_restore(cancel);
	return ret;
}

/* Closes what a range holds, sparing the shim's own. */
static int close_spared(unsigned int first, unsigned int last, int flags)
{
	unsigned int fd, from = first;

	for (fd = first; fd <= last && fd < FDTAB_SIZE; fd++) {
		if (!fdtab_private((int)fd)) {
			fd_gone((int)fd);
			continue;
		}
		if (fd > from)
			real()->close_range(from, fd - 1, flags);
		from = fd + 1;
	}
	return from <= last ? real()->close_range(from, last, flags) : 0;
}

/*
 * Asks with an empty range first: sessions are forgotten before the numbers are
 * free for others, so the call that closes them must not fail any more.
 */
static bool can_close_range(int flags)
{
	return real()->close_range(FD_MAX, FD_MAX, flags) == 0;
}

EXPORT int close_range(unsigned int first, unsigned int last, int flags)
{
	if (!fdtab_any() || first > last || (flags & CLOSE_RANGE_CLOEXEC) || fds_foreign() ||
	    !can_close_range(flags))
		return real()->close_range(first, last, flags);
	return close_spared(first, last, flags);
}

EXPORT void closefrom(int first)
{
	int fd = first < 0 ? 0 : first;

	if (!fdtab_any() || fds_foreign())
		real()->closefrom(first);
	else if (can_close_range(0))
		close_spared((unsigned int)fd, FD_MAX, 0);
	else
		for (; fd < FDTAB_SIZE; fd++)
			close(fd);
}

void fds_inherited(int argc, char **argv)
{
	int fd, i;

	for (i = 1; i < argc; i++)
		if (sscanf(argv[i], "/dev/fd/%d", &fd) == 1 && driver_is_device(fd))
			fd_new(fd, real()->fcntl(fd, F_GETFL));
}

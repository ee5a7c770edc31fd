// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * waits.c - the interposed calls that wait for descriptors.
 *
 * A program that waits for its requests in an event loop would never learn of
 * one that comes over a ring, so it keeps plain FUSE. Libraries also poll with
 * no time-out to ask whether the connection is still there; that is no waiting.
 */
#include "shim/interpose.h"

#include <unistd.h>

#include "shim/fdtab.h"
#include "shim/session.h"

static void saw_poll(int fd)
{
	struct session *s = fdtab_get(fd);

	if (!s)
		return;
	session_polled(s);
	session_put(s);
}

static void saw_pollfds(const struct pollfd *fds, nfds_t count, bool waits)
{
	nfds_t i;

	if (!fdtab_any() || !waits)
		return;
	for (i = 0; i < count; i++)
		if (fds[i].events & POLLIN)
			saw_poll(fds[i].fd);
}

/* libc's header calls `fds` write-only, which gcc then believes of our body. */
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif

EXPORT int poll(struct pollfd *fds, nfds_t count, int timeout)
{
	saw_pollfds(fds, count, timeout != 0);
	return real()->poll(fds, count, timeout);
}

EXPORT int __poll_chk(struct pollfd *fds, nfds_t count, int timeout, size_t room)
{
	if (room / sizeof(*fds) >= count)
		saw_pollfds(fds, count, timeout != 0);
	return real()->__poll_chk(fds, count, timeout, room);
}

EXPORT int ppoll(struct pollfd *fds, nfds_t count, const struct timespec *timeout,
		 const sigset_t *mask)
{
	saw_pollfds(fds, count, true);
	return real()->ppoll(fds, count, timeout, mask);
}

static void saw_fdset(int count, fd_set *r)
{
	int fd;

	if (!fdtab_any() || !r)
		return;
	for (fd = 0; fd < count && fd < FD_SETSIZE; fd++)
		if (FD_ISSET(fd, r))
			saw_poll(fd);
}

EXPORT int select(int count, fd_set *r, fd_set *w, fd_set *e, struct timeval *timeout)
{
	saw_fdset(count, r);
	return real()->select(count, r, w, e, timeout);
}

EXPORT int pselect(int count, fd_set *r, fd_set *w, fd_set *e, const struct timespec *timeout,
		   const sigset_t *mask)
{
	saw_fdset(count, r);
	return real()->pselect(count, r, w, e, timeout, mask);
}

EXPORT int epoll_ctl(int epfd, int op, int fd, struct epoll_event *event)
{
	if (fdtab_any() && op != EPOLL_CTL_DEL)
		saw_poll(fd);
	return real()->epoll_ctl(epfd, op, fd, event);
}

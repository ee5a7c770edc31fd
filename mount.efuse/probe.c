// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * probe.c - ask a file system whether it answers. See probe.h.
 *
 * The kernel lets a process that waits for a FUSE daemon be killed, so
 * probe_stop() does not hang either.
 */
#include "mount.efuse/probe.h"

#include <poll.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "mount.efuse/util.h"

static void ask(const char *path, int fd)
{
	struct probe_answer answer = { 0 };
	struct statx stx;

	/* FORCE_SYNC: the daemon has to answer, not the kernel's cache. */
	if (statx(AT_FDCWD, path, AT_STATX_FORCE_SYNC | AT_NO_AUTOMOUNT, STATX_BASIC_STATS,
		  &stx) < 0)
		answer.err = -errno;
	else
		answer.mode = stx.stx_mode;
	_exit(write(fd, &answer, sizeof(answer)) < 0);
}

int probe_start(struct probe *p, const char *path)
{
	int fds[2];

	*p = (struct probe){ .fd = -1 };
	if (pipe2(fds, O_CLOEXEC) < 0)
		return -errno;
	p->pid = fork();
	if (p->pid == 0)
		ask(path, fds[1]);
	close(fds[1]);
	p->fd = fds[0];
	if (p->pid < 0) {
		p->pid = 0;
		close(take_fd(&p->fd));
		return -EAGAIN;
	}
	return 0;
}

static void reap(struct probe *p)
{
	if (!p->pid)
		return;
	while (waitpid(p->pid, NULL, 0) < 0 && errno == EINTR)
		;
	close(take_fd(&p->fd));
	p->pid = 0;
}

bool probe_answered(struct probe *p, struct probe_answer *answer)
{
	struct pollfd pfd = { .fd = p->fd, .events = POLLIN };

	if (!p->pid || poll(&pfd, 1, 0) <= 0)
		return false;
	/* A child that was killed closes the pipe without a word. */
	if (read(p->fd, answer, sizeof(*answer)) != (ssize_t)sizeof(*answer))
		*answer = (struct probe_answer){ .err = -EINTR };
	reap(p);
	return true;
}

void probe_stop(struct probe *p)
{
	if (p->pid)
		kill(p->pid, SIGKILL);
	reap(p);
}

int probe_wait(const char *path, int ms, struct probe_answer *answer)
{
	int64_t end = now_ms() + ms;
	struct probe p;
	int err = probe_start(&p, path);

	if (err)
		return err;
	while (!probe_answered(&p, answer)) {
		struct pollfd pfd = { .fd = p.fd, .events = POLLIN };
		int64_t left = end - now_ms();

		if (left <= 0) {
			probe_stop(&p);
			return -ETIMEDOUT;
		}
		poll(&pfd, 1, (int)left);
	}
	return 0;
}

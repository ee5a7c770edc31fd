// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * daemon.c - start a FUSE program and wait for its mount. See daemon.h.
 *
 * Everything it waits for is polled: signals, the mount table, the word of a
 * failed exec, the answer of the new file system. Nothing it starts outlives a
 * failure (reaper.c).
 */
#include "mount.efuse/daemon.h"

#include <poll.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/signalfd.h>
#include <sys/wait.h>

#include <linux/close_range.h>

#include "mount.efuse/ids.h"
#include "mount.efuse/mounts.h"
#include "mount.efuse/probe.h"
#include "mount.efuse/reaper.h"
#include "mount.efuse/relay.h"
#include "mount.efuse/util.h"

#define TICK_MS		250	/* how often we look although nothing was reported */

struct run {
	const struct daemon_plan *plan;
	const char *name;
	struct reaper reaper;
	int exec_fd;		/* an int arrives when exec failed, else the end */
	int mounts_fd;		/* /proc/self/mountinfo: POLLPRI when it changes */
	int signal_fd;
	int signal;		/* that asked us to stop */
	sigset_t old_mask;
	struct sigaction old_pipe, old_child;
	struct relay relay;
	struct probe probe;
	int probed_id;		/* the mount the probe is about */
	struct ids before;	/* what was mounted at the target before we began */
	int64_t deadline;
};

/* --- the child ------------------------------------------------------------- */

/* No descriptor of ours, or of whoever called us, is the daemon's business. */
static void close_on_exec(void)
{
	if (close_range(3, ~0u, CLOSE_RANGE_CLOEXEC) == 0)
		return;
	for (int fd = 3; fd < 4096; fd++)
		fcntl(fd, F_SETFD, FD_CLOEXEC);
}

static void become(const struct run *run, int report)
{
	int err = relay_attach(&run->relay);

	if (!err) {
		close_on_exec();
		sigaction(SIGPIPE, &run->old_pipe, NULL);
		sigaction(SIGCHLD, &run->old_child, NULL);
		sigprocmask(SIG_SETMASK, &run->old_mask, NULL);
		execve(run->plan->path, run->plan->argv, run->plan->envp);
		err = -errno;
	}
	_exit(write(report, &err, sizeof(err)) < 0 ? 127 : 126);
}

static int start(struct run *run, struct msg *why)
{
	int fds[2];

	if (pipe2(fds, O_CLOEXEC) < 0)
		return msg_set_errno(why, -errno, "cannot start %s", run->name);
	run->exec_fd = fds[0];
	run->reaper.pid = fork();
	if (run->reaper.pid == 0)
		become(run, fds[1]);
	close(fds[1]);
	if (run->reaper.pid < 0)
		return msg_set_errno(why, -errno, "cannot start %s", run->name);
	return 0;
}

/* --- the mount table ------------------------------------------------------- */

static int remember_mounts(struct ids *list, const char *target)
{
	struct mounts_entry e;
	struct mounts m;
	int err = mounts_open(&m);

	while (!err && mounts_next(&m, &e))
		if (streq(e.target, target))
			err = ids_add(list, e.id);
	mounts_close(&m);
	return err;
}

/* The id of a mount at the target that was not there before; 0: none. */
static int new_mount(const struct run *run)
{
	struct mounts_entry e;
	struct mounts m;
	int id = 0;

	if (mounts_open(&m) == 0 && mounts_at(&m, run->plan->target, &e) &&
	    !ids_has(&run->before, e.id))
		id = e.id;
	mounts_close(&m);
	return id;
}

/* --- cleaning up after a failure ------------------------------------------- */

static int run_and_wait(const char *const argv[])
{
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		int null = open("/dev/null", O_RDWR | O_CLOEXEC);

		dup2(null, 2);
		execvp(argv[0], (char *const *)argv);
		_exit(127);
	}
	if (pid < 0 || waitpid(pid, &status, 0) < 0)
		return -errno;
	return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : -EPERM;
}

static int unmount(const char *target)
{
	const char *const fuse3[] = { "fusermount3", "-uqz", "--", target, NULL };
	const char *const fuse2[] = { "fusermount", "-uqz", "--", target, NULL };

	if (umount2(target, MNT_DETACH | UMOUNT_NOFOLLOW) == 0)
		return 0;
	if (geteuid() == 0)
		return -errno;
	return run_and_wait(fuse3) == 0 ? 0 : run_and_wait(fuse2);
}

static void pass_on(void *arg)
{
	relay_pump(arg);
}

static void clean_up(struct run *run, struct msg *why)
{
	size_t len = strlen(why->text);

	probe_stop(&run->probe);
	reaper_end(&run->reaper, pass_on, &run->relay);
	if (!run->reaper.childless && !run->reaper.strangers.n)
		snprintf(why->text + len, sizeof(why->text) - len,
			 "; not every process it started could be ended");
	for (int i = 0; i < 8 && new_mount(run); i++)
		if (unmount(run->plan->target) < 0)
			break;
}

/* --- waiting --------------------------------------------------------------- */

static int exec_error(struct run *run)
{
	struct pollfd pfd = { .fd = run->exec_fd, .events = POLLIN };
	int err = 0;

	if (run->exec_fd < 0 || poll(&pfd, 1, 0) <= 0)
		return 0;
	if (read(run->exec_fd, &err, sizeof(err)) != (ssize_t)sizeof(err))
		err = 0;
	close(take_fd(&run->exec_fd));
	return err;
}

static int ended_early(const struct run *run, struct msg *why)
{
	int status = run->reaper.status;

	if (WIFSIGNALED(status))
		return msg_set(why, -ECHILD, "%s was killed by signal %d (%s) before it mounted",
			       run->name, WTERMSIG(status), strsignal(WTERMSIG(status)));
	if (WEXITSTATUS(status))
		return msg_set(why, -ECHILD, "%s ended with status %d and did not mount",
			       run->name, WEXITSTATUS(status));
	return msg_set(why, -ECHILD, "%s ended without an error, but did not mount anything here",
		       run->name);
}

static int too_late(const struct run *run, struct msg *why)
{
	if (new_mount(run))
		return msg_set(why, -ETIMEDOUT,
			       "%s mounted, but does not answer after %d s; efuse.timeout=SEC sets how long to wait",
			       run->name, run->plan->timeout);
	return msg_set(why, -ETIMEDOUT,
		       "%s has not mounted after %d s and was ended; efuse.timeout=SEC sets how long to wait",
		       run->name, run->plan->timeout);
}

/* The probe's word about the new mount: 1 it is there, 0 not known yet, or -errno. */
static int check_answer(struct run *run, struct msg *why)
{
	struct probe_answer answer;

	if (!run->probe.pid) {
		run->probed_id = new_mount(run);
		if (run->probed_id && probe_start(&run->probe, run->plan->target) < 0)
			return msg_set_errno(why, -errno, "cannot look at the mount");
		return 0;
	}
	if (!probe_answered(&run->probe, &answer) || new_mount(run) != run->probed_id)
		return 0;
	if (answer.err == -ENOTCONN || answer.err == -ECONNABORTED)
		return msg_set(why, -ENOTCONN, "%s mounted and then went away", run->name);
	/* EACCES, EIO, ...: the file system has answered, and that is what it says. */
	return answer.err != -EINTR;
}

/* One look at everything: 1 mounted, 0 wait on, or -errno. */
static int look(struct run *run, struct msg *why)
{
	int err = exec_error(run);
	bool over, failed;

	if (err == -ENOENT && access(run->plan->path, F_OK) == 0)
		return msg_set(why, err, "cannot execute %s: its interpreter is missing",
			       run->plan->path);
	if (err)
		return msg_set_errno(why, err, "cannot execute %s", run->plan->path);
	if (run->signal)
		return msg_set(why, -EINTR, "interrupted by signal %d (%s)", run->signal,
			       strsignal(run->signal));
	reaper_collect(&run->reaper, run->probe.pid);
	/* Taken before the table is read: a mount made before the end is seen. */
	failed = run->reaper.ended && run->reaper.status != 0;
	over = failed || run->reaper.childless;
	err = check_answer(run, why);
	if (err)
		return err;
	if (over && !run->probe.pid)
		return ended_early(run, why);
	return now_ms() >= run->deadline ? too_late(run, why) : 0;
}

/* Read what woke us; remember a signal that asks us to stop. */
static void read_signals(struct run *run)
{
	struct signalfd_siginfo info;

	while (read(run->signal_fd, &info, sizeof(info)) == (ssize_t)sizeof(info))
		if (info.ssi_signo != SIGCHLD)
			run->signal = (int)info.ssi_signo;
}

static void wait_for_news(struct run *run)
{
	struct pollfd fds[] = {
		{ .fd = run->signal_fd, .events = POLLIN },
		{ .fd = run->mounts_fd, .events = POLLPRI },
		{ .fd = run->exec_fd, .events = POLLIN },
		{ .fd = run->probe.pid ? run->probe.fd : -1, .events = POLLIN },
	};
	int64_t left = run->deadline - now_ms();
	int64_t tick = relay_active(&run->relay) ? RELAY_MS : TICK_MS;

	if (left < 0)
		left = 0;
	poll(fds, ARRAY_SIZE(fds), (int)(left < tick ? left : tick));
	read_signals(run);
}

static int await(struct run *run, struct msg *why)
{
	int err;

	while (!(err = look(run, why))) {
		wait_for_news(run);
		relay_pump(&run->relay);
	}
	return err < 0 ? err : 0;
}

/* --- all of it ------------------------------------------------------------- */

/* What ends our waiting; a signal our caller had us ignore (nohup, &) does not. */
static void fill_mask(sigset_t *mask)
{
	static const int stop[] = { SIGINT, SIGTERM, SIGHUP };
	struct sigaction now;

	sigemptyset(mask);
	sigaddset(mask, SIGCHLD);
	for (size_t i = 0; i < ARRAY_SIZE(stop); i++)
		if (sigaction(stop[i], NULL, &now) == 0 && now.sa_handler != SIG_IGN)
			sigaddset(mask, stop[i]);
}

static int prepare(struct run *run, struct msg *why)
{
	struct sigaction ignore = { .sa_handler = SIG_IGN }, standard = { .sa_handler = SIG_DFL };
	sigset_t mask;
	int err;

	fill_mask(&mask);
	sigaction(SIGPIPE, &ignore, &run->old_pipe);
	sigaction(SIGCHLD, &standard, &run->old_child); /* if ignored, children leave no status */
	sigprocmask(SIG_BLOCK, &mask, &run->old_mask);
	run->signal_fd = signalfd(-1, &mask, SFD_CLOEXEC | SFD_NONBLOCK);
	run->mounts_fd = open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC);
	if (run->signal_fd < 0 || run->mounts_fd < 0)
		return msg_set_errno(why, -errno, "cannot prepare to wait");
	err = remember_mounts(&run->before, run->plan->target);
	if (!err)
		err = reaper_open(&run->reaper);
	if (err)
		return msg_set_errno(why, err, "cannot read /proc");
	err = relay_open(&run->relay);
	return err ? msg_set_errno(why, err, "cannot prepare the output of %s", run->name) : 0;
}

/*
 * After a failure the signals stay blocked: one that came twice must not end us
 * before the reason is told.
 */
static void finish(struct run *run, bool failed)
{
	read_signals(run);
	relay_close(&run->relay);
	closep(&run->exec_fd);
	closep(&run->mounts_fd);
	closep(&run->signal_fd);
	free(run->before.id);
	reaper_close(&run->reaper);
	sigaction(SIGPIPE, &run->old_pipe, NULL);
	sigaction(SIGCHLD, &run->old_child, NULL);
	if (!failed)
		sigprocmask(SIG_SETMASK, &run->old_mask, NULL);
}

int daemon_mount(const struct daemon_plan *plan, int *mount_id, struct msg *why)
{
	struct run run = {
		.plan = plan, .name = path_name(plan->argv[0]),
		.exec_fd = -1, .mounts_fd = -1, .signal_fd = -1,
		.relay = { .stream = { { .fd = -1 }, { .fd = -1 } } },
		.deadline = now_ms() + (int64_t)plan->timeout * 1000,
	};
	int err = prepare(&run, why);

	if (!err)
		err = start(&run, why);
	if (!err)
		err = await(&run, why);
	if (err && run.reaper.pid > 0)
		clean_up(&run, why);
	*mount_id = err ? 0 : run.probed_id;
	finish(&run, err != 0);
	return err;
}

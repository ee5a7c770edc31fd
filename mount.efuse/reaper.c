// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * reaper.c - all that a started program has started. See reaper.h.
 */
#include "mount.efuse/reaper.h"

#include <dirent.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#define TERM_MS		1000	/* after the first SIGTERM, before SIGKILL */
#define AGAIN_MS	200	/* until SIGTERM is repeated, to those who came back since */
#define KILL_MS		5000	/* after that we stop waiting for the unkillable */
#define TICK_MS		20

static pid_t parent_of(const char *pid)
{
	char path[64], buf[512];
	const char *paren;
	int ppid = 0;

	snprintf(path, sizeof(path), "/proc/%.20s/stat", pid);
	if (file_read(path, buf, sizeof(buf)) <= 0)
		return 0;
	paren = strrchr(buf, ')'); /* the name before it may contain anything */
	if (!paren || sscanf(paren + 1, " %*c %d", &ppid) != 1)
		return 0;
	return ppid;
}

/* The long way: every process tells who its parent is. */
static int search_children(struct ids *list)
{
	DIR *proc = opendir("/proc");
	struct dirent *d;
	int err = 0;

	if (!proc)
		return -errno;
	while (!err && (d = readdir(proc)))
		if (d->d_name[0] >= '1' && d->d_name[0] <= '9' && parent_of(d->d_name) == getpid())
			err = ids_add(list, atoi(d->d_name));
	closedir(proc);
	return err;
}

/* The processes whose parent we are, now. One thread, so one list of children. */
static int children(struct ids *list)
{
	char path[64];
	__cleanup(fclosep) FILE *f = NULL;
	int pid, err = 0;

	snprintf(path, sizeof(path), "/proc/self/task/%d/children", getpid());
	f = fopen(path, "re");
	if (!f)
		return search_children(list); /* a kernel without CONFIG_PROC_CHILDREN */
	while (!err && fscanf(f, "%d", &pid) == 1)
		err = ids_add(list, pid);
	return err;
}

int reaper_open(struct reaper *r)
{
	*r = (struct reaper){ .pid = 0 };
	if (prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) < 0)
		return -errno;
	return children(&r->strangers);
}

void reaper_close(struct reaper *r)
{
	prctl(PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0);
	free(take_ptr(r->strangers.id));
}

void reaper_collect(struct reaper *r, pid_t spare)
{
	for (;;) {
		siginfo_t info = { .si_pid = 0 };
		int status;

		/* Look first, then reap: SPARE is not ours. */
		if (waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) < 0) {
			r->childless = errno == ECHILD;
			return;
		}
		if (!info.si_pid || info.si_pid == spare)
			return;
		if (waitpid(info.si_pid, &status, WNOHANG) == r->pid) {
			r->ended = true;
			r->status = status;
		}
	}
}

static void signal_children(const struct reaper *r, int sig)
{
	struct ids list = { 0 };

	children(&list);
	for (size_t i = 0; i < list.n; i++)
		if (!ids_has(&r->strangers, list.id[i]))
			kill(list.id[i], sig);
	free(list.id);
}

void reaper_end(struct reaper *r, void (*meanwhile)(void *arg), void *arg)
{
	int64_t begin = now_ms(), last = begin - AGAIN_MS;

	for (;;) {
		int64_t now = now_ms();

		reaper_collect(r, 0);
		meanwhile(arg);
		if (r->childless || now - begin > TERM_MS + KILL_MS)
			return;
		if (now - begin > TERM_MS) {
			signal_children(r, SIGKILL);
		} else if (now - last >= AGAIN_MS) {
			signal_children(r, SIGTERM);
			signal_children(r, SIGCONT); /* a stopped one must hear it */
			last = now;
		}
		poll(NULL, 0, TICK_MS);
	}
}

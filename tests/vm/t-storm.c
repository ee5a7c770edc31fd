// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * t-storm.c - policies are chosen, replaced and removed, mounts taken away, file
 * systems killed and the driver unloaded while other processes use the mounts.
 *
 *   STORM_SECONDS=20 STORM_SEED=1 t-storm
 *
 * Nobody counts on any result but these: whatever is called returns, a file system
 * that was asked to end does end, which ours do not if more was forgotten than
 * they had counted, connections got another policy in place of theirs at least once
 * a second, and at the end a mount works. The kernel's log tells the rest.
 *
 * The generic policy is loaded before the time begins, since that takes a debug
 * kernel minutes, and taken away under load in the middle of it. The others come and
 * go all the time; in the second half the driver can go as well when they are away.
 */
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <time.h>

#include <linux/efuse.h>

#include "differ-op.h"
#include "tap.h"

#define MOUNTERS	2
#define USERS		2	/* processes on each mount */
#define GRACE		240	/* seconds for what is under way to end */

struct mounted {
	char dir[32], source[32];
	int dev;
	unsigned int policy;	/* of those below; 0 for none */
	pid_t daemon, users[USERS];
};

/* What all processes together have done. */
struct done {
	unsigned long chosen, replaced, refused;
};

static time_t begin_time, end_time;
static uint64_t state;
static struct done *done;

static unsigned int draw(unsigned int n)
{
	return (unsigned int)(ex_random(&state) >> 24) % n;
}

static bool goes_on(void)
{
	return time(NULL) < end_time;
}

static void nap(unsigned int ms)
{
	struct timespec ts = { .tv_nsec = ms % 1000 * 1000000L, .tv_sec = ms / 1000 };

	nanosleep(&ts, NULL);
}

/* --- those who use a mount --------------------------------------------------- */

static void use_one(struct place *p, unsigned int i)
{
	struct op op = op_draw(state, i, 1, 0);

	op.kind->run(p, &op);
	if (i % 64 == 0)
		sync();
}

static pid_t start_user(const struct mounted *m)
{
	struct place p = { .slot = { -1, -1, -1, -1 } };
	pid_t pid;

	ex_random(&state);
	pid = fork();
	if (pid)
		return pid;
	close(m->dev);	/* or the connection outlives its file system */
	snprintf(p.root, sizeof(p.root), "%s", m->dir);
	for (unsigned int i = 0; ; i++)
		use_one(&p, i);
}

/* --- mounts ------------------------------------------------------------------ */

static pid_t start_daemon(const struct mounted *m)
{
	char place[32], timeout[32];
	pid_t pid = fork();

	if (pid)
		return pid;
	snprintf(place, sizeof(place), "/dev/fd/%d", m->dev);
	snprintf(timeout, sizeof(timeout), "--timeout=%u", draw(2) * 10);
	execlp("fs-mirror", "fs-mirror", m->source, "-f", timeout, place, NULL);
	_exit(127);
}

static int mount_one(struct mounted *m)
{
	char options[128];

	m->dev = open("/dev/efuse", O_RDWR);
	snprintf(options, sizeof(options), "fd=%d,rootmode=40000,user_id=0,group_id=0,"
		 "allow_other%s", m->dev, draw(2) ? ",default_permissions" : "");
	if (m->dev < 0)
		return -1;
	if (mount("storm", m->dir, "efuse", MS_NOSUID | MS_NODEV, options)) {
		close(m->dev);
		return -1;
	}
	return 0;
}

static void choose(struct mounted *m)
{
	static const char *const names[] = { "", "generic", "count", "deny", "slow", "none" };
	unsigned int drawn = draw(8), which = drawn < 6 ? drawn : 1;
	struct efuse_policy policy = {
		.size = sizeof(policy), .param = { draw(4), draw(3) * 10000000 },
	};

	strcpy(policy.name, names[which]);
	if (ioctl(m->dev, EFUSE_IOC_POLICY, &policy)) {
		__sync_fetch_and_add(&done->refused, 1);
		return;
	}
	__sync_fetch_and_add(&done->chosen, 1);
	if (m->policy && which && m->policy != which)
		__sync_fetch_and_add(&done->replaced, 1);
	m->policy = which;
}

/* Until a daemon that was asked to end has ended; 0 if it did well. */
static int await(pid_t pid)
{
	int status = -1;

	for (int ms = 0; ms < GRACE * 1000; ms += 10) {
		if (waitpid(pid, &status, WNOHANG) == pid)
			return status;
		nap(10);
	}
	return -1;
}

static void say(const char *what)
{
	printf("# storm: %s\n", what);
	fflush(stdout);
}

/* Where all threads of a process are in the kernel. */
static void show(pid_t pid)
{
	char command[160];

	snprintf(command, sizeof(command), "cd /proc/%d/task && for t in *; do echo \"# $(head -n 3 "
		 "$t/status | tr '\\n' ' ')\"; sed 's/^/#   /' $t/stack; done", (int)pid);
	fflush(stdout);
	if (system(command))
		printf("# process %d is gone\n", (int)pid);
}

static int kill_users(const struct mounted *m)
{
	for (int i = 0; i < USERS; i++) {
		kill(m->users[i], SIGKILL);
		if (await(m->users[i]) != -1)
			continue;
		say("a user of the mount does not end");
		show(m->users[i]);
		show(m->daemon);
		return 1;
	}
	return 0;
}

/* One of the ways in which a mount ends. Returns 0, or 1 if it does not. */
static int end_mount(struct mounted *m)
{
	unsigned int how = draw(4);
	int status, bad;

	if (how == 0)
		kill(m->daemon, SIGKILL);
	if (how == 1)
		umount2(m->dir, MNT_FORCE);
	if (how <= 2)
		choose(m);
	close(m->dev);
	if (how == 3)
		umount2(m->dir, MNT_DETACH);
	nap(draw(30));
	bad = kill_users(m);
	/* MNT_FORCE may have done it already, then it is not there. */
	if (how != 3 && umount2(m->dir, 0) && umount2(m->dir, MNT_DETACH) && errno != EINVAL) {
		say("it cannot be unmounted");
		bad = 1;
	}
	status = await(m->daemon);
	if (status == 0 || (how == 0 && WIFSIGNALED(status)) || (how == 1 && status != -1))
		return bad;
	printf("# storm: the file system ended with status %#x, way %u\n", (unsigned int)status, how);
	show(m->daemon);
	return 1;
}

/* A mount's life. Returns 0 or 1. */
static int one_life(struct mounted *m)
{
	if (mount_one(m)) {
		nap(20);	/* the driver is just away */
		return 0;
	}
	m->policy = 0;
	if (draw(2))
		choose(m);
	m->daemon = start_daemon(m);
	for (int i = 0; i < USERS; i++)
		m->users[i] = start_user(m);
	for (unsigned int i = draw(150); i && goes_on(); i--) {
		choose(m);
		nap(draw(12));
	}
	return end_mount(m);
}

static int mounter(int who)
{
	struct mounted m = { .dev = -1 };
	int bad = 0, lives = 0;

	snprintf(m.dir, sizeof(m.dir), "/mnt/storm-%d", who);
	snprintf(m.source, sizeof(m.source), "/tmp/storm-%d", who);
	if ((mkdir(m.dir, 0755) || mkdir(m.source, 0755)) && errno != EEXIST)
		return 1;
	for (; goes_on() && !bad; lives++)
		bad = one_life(&m);
	printf("# storm: %d mounts\n", lives);
	fflush(stdout);
	return bad;
}

/* --- policies and the driver ------------------------------------------------- */

static void run_quietly(const char *a, const char *b)
{
	pid_t pid = fork();

	if (pid == 0) {
		int null = open("/dev/null", O_WRONLY | O_CLOEXEC);

		dup2(null, 1);
		dup2(null, 2);
		execlp("efuse", "efuse", "load", a, b, NULL);
		_exit(127);
	}
	waitpid(pid, NULL, 0);
}

static int loader(int who)
{
	static const char *const names[] = { "count", "deny", "slow" };
	char path[64];
	int calls = 0;

	(void)who;
	for (; goes_on(); calls++) {
		const char *name = names[calls < 3 ? calls : (int)draw(3)];

		snprintf(path, sizeof(path), "/lib/bpf/%s.bpf.o", name);
		if (calls < 3 || draw(3))
			run_quietly(path, NULL);
		else
			run_quietly("-u", name);
		nap(draw(50));
	}
	for (int i = 0; i < 3; i++)
		run_quietly("-u", names[i]);
	printf("# storm: %d policies loaded or removed\n", calls);
	fflush(stdout);
	return 0;
}

static int taker(int who)
{
	(void)who;
	while (time(NULL) < begin_time + (end_time - begin_time) / 2)
		nap(100);
	run_quietly("-u", "generic");
	return 0;
}

/* Now and then nobody uses it, and it goes: then it is loaded again. */
static int remover(int who)
{
	int fd = open("/lib/efuse.ko", O_RDONLY | O_CLOEXEC), gone = 0, calls = 0, err = 0;

	(void)who;
	for (; goes_on() && !err; calls++) {
		if (!syscall(SYS_delete_module, "efuse", O_NONBLOCK)) {
			gone++;
			nap(draw(20));
			err = syscall(SYS_finit_module, fd, "", 0) ? errno : 0;
		}
		nap(draw(20));
	}
	printf("# storm: unloading the driver was tried %d times, and it was %d times\n", calls, gone);
	fflush(stdout);
	close(fd);
	return err != 0;
}

/* --- all of it --------------------------------------------------------------- */

static pid_t begin(int (*run)(int), int who)
{
	pid_t pid;

	fflush(stdout);
	state = state * 31 + 7;
	pid = fork();
	if (pid == 0)
		_exit(run(who));
	return pid;
}

static int storm(void)
{
	int (*const others[])(int) = { loader, taker, remover };
	const int count = MOUNTERS + (int)(sizeof(others) / sizeof(*others));
	pid_t pids[MOUNTERS + sizeof(others) / sizeof(*others)];
	int bad = 0;

	for (int i = 0; i < count; i++)
		pids[i] = begin(i < MOUNTERS ? mounter : others[i - MOUNTERS], i);
	while (goes_on())
		nap(200);
	for (int i = 0; i < count; i++)
		bad |= await(pids[i]);
	printf("# storm: %lu policies chosen, %lu times in place of another, and %lu refused\n",
	       done->chosen, done->replaced, done->refused);
	return bad;
}

/* The time begins when there are policies to choose from, which may take long. */
static int prepare(int seconds)
{
	done = mmap(NULL, sizeof(*done), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	setenv("EFUSE_POLICY_LOADER", "/bin/efuse-policy", 1);
	if (done == MAP_FAILED || (symlink("/proc/self/fd", "/dev/fd") && errno != EEXIST))
		return -1;
	run_quietly("/lib/bpf/generic.bpf.o", NULL);
	run_quietly("/lib/bpf/count.bpf.o", NULL);
	run_quietly("/lib/bpf/slow.bpf.o", NULL);
	begin_time = time(NULL);
	end_time = begin_time + seconds;
	return 0;
}

static int works(void)
{
	struct mounted m = { .dir = "/mnt/storm-0", .source = "/tmp/storm-0" };
	struct stat st;
	int bad;

	if (mount_one(&m))
		return -errno;
	m.daemon = start_daemon(&m);
	bad = stat("/mnt/storm-0/.ctl", &st) ? -errno : 0;
	close(m.dev);
	umount2(m.dir, MNT_DETACH);
	return await(m.daemon) ? -ETIMEDOUT : bad;
}

int main(void)
{
	const char *wanted = getenv("STORM_SECONDS"), *seed = getenv("STORM_SEED");
	int seconds = wanted ? atoi(wanted) : 20;

	state = seed ? strtoull(seed, NULL, 0) * 2 + 1 : 20240611;
	if (prepare(seconds))
		return 2;
	tap_ok("everything returned, and ended well", storm() == 0);
	tap_ok("a policy took another one's place every second", done->replaced >= (unsigned long)seconds);
	tap_is("a mount afterwards", works(), 0);
	return tap_finish();
}

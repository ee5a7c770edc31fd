// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * init.c - the first process of the test machine: loads the driver, runs every
 * file of /tests one at a time, unloads the driver, looks through the kernel's
 * log and turns the machine off. Says what it finds as TAP on the console. What a
 * kernel that watches itself has to say besides is asked for: lockdep, kmemleak.
 *
 * $TEST_SECONDS, from the kernel's command line, is how long a test may take.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/klog.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define TEST_SECONDS	600
#define LOG_SIZE	(1 << 20)
#define LEAKS		"/sys/kernel/debug/kmemleak"

static void report(int good, const char *what)
{
	printf("%sok - %s\n", good ? "" : "not ", what);
}

static void die(const char *what)
{
	printf("not ok - %s: %s\n", what, strerror(errno));
	reboot(RB_POWER_OFF);
}

static void mount_all(void)
{
	static const char * const table[][2] = {
		{ "proc", "/proc" }, { "sysfs", "/sys" }, { "devtmpfs", "/dev" }, { "tmpfs", "/tmp" },
	};

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		if (mount(table[i][0], table[i][1], table[i][0], 0, NULL))
			die(table[i][1]);
	chmod("/tmp", 01777);
	mount("debugfs", "/sys/kernel/debug", "debugfs", 0, NULL);	/* if there is one */
}

static void write_to(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd >= 0 && write(fd, text, strlen(text)) < 0)
		printf("# %s: %s\n", path, strerror(errno));
	close(fd);
}

static void load_driver(void)
{
	int fd = open("/lib/efuse.ko", O_RDONLY | O_CLOEXEC);
	int err = fd < 0 ? -1 : (int)syscall(SYS_finit_module, fd, "", 0);

	if (err)
		die("the driver loads beside the stock one");
	report(1, "the driver loads beside the stock one");
	close(fd);
}

/* BPF gives programs back some time after the last link to them is gone. */
static void unload_driver(void)
{
	int err = -1;

	for (int i = 0; i < 300 && err; i++) {
		err = (int)syscall(SYS_delete_module, "efuse", O_NONBLOCK);
		if (err)
			usleep(100000);
	}
	report(!err, "the driver can be unloaded");
	if (err)
		printf("# delete_module: %s\n", strerror(errno));
}

/* In the child: a group of its own, so that everything it started can be ended. */
static void exec_test(const char *path)
{
	const char *seconds = getenv("TEST_SECONDS");

	setpgid(0, 0);
	alarm(seconds ? (unsigned int)atoi(seconds) : TEST_SECONDS);
	if (strstr(path, ".sh"))
		execl("/bin/sh", "sh", path, (char *)NULL);
	else
		execl(path, path, (char *)NULL);
	_exit(127);
}

static void run_test(const char *path)
{
	time_t begin = time(NULL);
	char what[400];
	int status = 0;
	pid_t pid;

	printf("# run %s\n", path);
	pid = fork();
	if (!pid)
		exec_test(path);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	kill(-pid, SIGKILL);
	while (waitpid(-1, NULL, WNOHANG) > 0)
		;
	snprintf(what, sizeof(what), "%s ended well (status %#x)", path, status);
	report(status == 0, what);
	printf("# it took %ld s\n", (long)(time(NULL) - begin));
}

static int is_test(const struct dirent *d)
{
	return !strncmp(d->d_name, "t-", 2) || !strncmp(d->d_name, "b-", 2);
}

static void run_tests(void)
{
	struct dirent **list;
	char path[300];
	int n = scandir("/tests", &list, is_test, alphasort);

	for (int i = 0; i < n; i++) {
		snprintf(path, sizeof(path), "/tests/%s", list[i]->d_name);
		run_test(path);
	}
	report(n > 0, "there were tests to run");
}

static int is_complaint(const char *line)
{
	static const char * const words[] = {
		"BUG:", "WARNING:", "Oops", "KASAN", "general protection", "possible recursive",
		"possible circular", "blocked for more than", "Objects remaining", "suspected memory leak",
		"stuck for", "invalid opcode",
	};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (strstr(line, words[i]))
			return 1;
	return 0;
}

static void scan_log(void)
{
	static char log[LOG_SIZE];
	int n = klogctl(3 /* SYSLOG_ACTION_READ_ALL */, log, sizeof(log) - 1);
	int found = 0;

	log[n > 0 ? n : 0] = 0;
	for (char *line = strtok(log, "\n"); line; line = strtok(NULL, "\n")) {
		if (strstr(line, "efuse: ") || is_complaint(line))
			printf("# %s\n", line);
		found += is_complaint(line);
	}
	report(n > 0 && !found, "the kernel's log holds no complaint");
}

/* An object counts when it is some seconds old and two scans did not find it. */
static void scan_leaks(void)
{
	char line[512];
	int found = 0;
	FILE *f;

	if (access(LEAKS, R_OK))
		return;
	for (int i = 0; i < 2; i++) {
		sleep(6);
		write_to(LEAKS, "scan");
	}
	f = fopen(LEAKS, "r");
	while (f && fgets(line, sizeof(line), f)) {
		found += !strncmp(line, "unreferenced", 12);
		printf("# %s", line);
	}
	report(f && !found, "the kernel lost no memory");
	if (f)
		fclose(f);
}

/* After a complaint, or when it is out of memory, it looks no further. */
static void check_lockdep(void)
{
	FILE *f = fopen("/proc/lockdep_stats", "r");
	char line[256];
	int on = 0;

	if (!f)
		return;
	while (fgets(line, sizeof(line), f))
		sscanf(line, " debug_locks: %d", &on);
	report(on == 1, "lockdep was at it all the time");
	fclose(f);
}

int main(void)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	setenv("PATH", "/bin", 1);
	setenv("TMPDIR", "/tmp", 1);
	mount_all();
	if (!access(LEAKS, R_OK))
		write_to(LEAKS, "clear");
	load_driver();
	run_tests();
	unload_driver();
	scan_leaks();
	check_lockdep();
	scan_log();
	printf("vm: done\n");
	sync();
	reboot(RB_POWER_OFF);
	return 0;
}

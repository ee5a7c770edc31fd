// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * t-fault.c - every allocation that fails: each call is made again and again, with
 * its first allocation failing, then its second, and so on, until nothing is left
 * to fail. It may then return an error; the mount has to work as before. Needs a
 * kernel with fault injection (make check-vm-debug).
 */
#include <dirent.h>
#include <fcntl.h>
#include <linux/efuse.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "tap.h"

#define DIR_A		"/mnt/fault"
#define DIR_B		"/tmp/fault-b"
#define MOST		200	/* allocations of a call; more means that it never ends */

static int dev = -1;
static unsigned long failed_calls;

static int inject(int nth)
{
	static int fd = -1;
	char text[16] = "";

	if (fd < 0)
		fd = open("/proc/thread-self/fail-nth", O_RDWR | O_CLOEXEC);
	if (nth)
		return pwrite(fd, text, (size_t)sprintf(text, "%d", nth), 0) > 0 ? 0 : -errno;
	if (pread(fd, text, sizeof(text) - 1, 0) <= 0 || pwrite(fd, "0", 1, 0) != 1)
		return -errno;
	return atoi(text);	/* what was not reached */
}

/* --- the calls --------------------------------------------------------------- */

static int call_policy(void)
{
	struct efuse_policy policy = { .size = sizeof(policy), .name = "generic", .param = { 3 } };

	return ioctl(dev, EFUSE_IOC_POLICY, &policy);
}

static int call_no_policy(void)
{
	struct efuse_policy policy = { .size = sizeof(policy) };

	return ioctl(dev, EFUSE_IOC_POLICY, &policy);
}

static int call_stat(void)
{
	struct stat st;

	return stat(DIR_A "/file", &st);
}

static int call_lookup(void)
{
	struct stat st;
	static int n;
	char path[64];

	sprintf(path, DIR_A "/none-%d", ++n);
	return stat(path, &st);
}

static int call_write(void)
{
	int fd = open(DIR_A "/file", O_CREAT | O_WRONLY | O_CLOEXEC, 0644);
	int ret = fd < 0 || pwrite(fd, "text", 4, 0) != 4;

	close(fd);
	return ret;
}

static int call_create(void)
{
	int fd = open(DIR_A "/new", O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0644);

	close(fd);
	return unlink(DIR_A "/new") || fd < 0;
}

static int call_link(void)
{
	char target[16];
	int ret = symlink("file", DIR_A "/link");

	ret |= readlink(DIR_A "/link", target, sizeof(target)) < 0;
	return unlink(DIR_A "/link") || ret;
}

static int call_xattr(void)
{
	char value[16];

	return setxattr(DIR_A "/file", "user.a", "1", 1, 0) ||
	       getxattr(DIR_A "/file", "user.a", value, sizeof(value)) != 1;
}

static int call_rename(void)
{
	return rename(DIR_A "/file", DIR_A "/moved") || rename(DIR_A "/moved", DIR_A "/file");
}

static int call_list(void)
{
	DIR *dir = opendir(DIR_A);
	int n = 0;

	while (dir && readdir(dir))
		n++;
	if (dir)
		closedir(dir);
	return n < 3;
}

static int call_open_device(void)
{
	int fd = open("/dev/efuse", O_RDWR | O_CLOEXEC);

	close(fd);
	return fd < 0;
}

static int call_mount(void)
{
	char options[96];
	int fd = open("/dev/efuse", O_RDWR | O_CLOEXEC), ret;

	sprintf(options, "fd=%d,rootmode=40000,user_id=0,group_id=0", fd);
	ret = mount("fault", DIR_B, "efuse", 0, options);
	close(fd);
	if (!ret)
		umount2(DIR_B, MNT_DETACH);
	return ret;
}

static const struct {
	const char *name;
	int (*call)(void);
} calls[] = {
	{ "opening the device", call_open_device }, { "a mount", call_mount },
	{ "a policy", call_policy }, { "stat", call_stat }, { "a name that is not there", call_lookup },
	{ "a write", call_write }, { "a file made and removed", call_create },
	{ "a link", call_link }, { "an extended attribute", call_xattr },
	{ "a name moved", call_rename }, { "a folder", call_list }, { "no policy", call_no_policy },
	{ "stat without a policy", call_stat },
};

/* --- all of them ------------------------------------------------------------- */

/* How many allocations failed until none was left. */
static int exhaust(int (*call)(void))
{
	int nth, bad;

	for (nth = 1; nth < MOST; nth++) {
		if (inject(nth))
			return -1;
		bad = call();
		if (inject(0))
			return nth - 1;
		failed_calls += bad != 0;
		rename(DIR_A "/moved", DIR_A "/file");
		unlink(DIR_A "/new");
		unlink(DIR_A "/link");
		/* It was umount(2) that failed. */
		umount2(DIR_B, MNT_DETACH);
	}
	return MOST;
}

/* How many hold the driver: files, mounts, policies. */
static int users(void)
{
	char text[16] = "";
	int fd = open("/sys/module/efuse/refcnt", O_RDONLY | O_CLOEXEC);

	if (fd < 0 || read(fd, text, sizeof(text) - 1) < 0)
		return -1;
	close(fd);
	return atoi(text);
}

static void test_call(const char *name, int (*call)(void))
{
	int before = users(), n = exhaust(call), after = users();

	printf("# %s: %d allocations failed\n", name, n);
	tap_ok("nothing holds the driver longer", after == before);
	if (after != before)
		printf("# it had %d users, and has %d\n", before, after);
	tap_ok(name, n >= 0 && n < MOST);
	if (call != call_lookup)
		tap_ok("and it works afterwards", call() == 0);
}

static pid_t start(void)
{
	char options[128], place[32];
	pid_t pid;

	mkdir(DIR_A, 0755);
	mkdir("/tmp/fault", 0755);
	mkdir(DIR_B, 0755);
	dev = open("/dev/efuse", O_RDWR);
	sprintf(options, "fd=%d,rootmode=40000,user_id=0,group_id=0,allow_other,default_permissions", dev);
	sprintf(place, "/dev/fd/%d", dev);
	if (mount("fault", DIR_A, "efuse", MS_NOSUID | MS_NODEV, options))
		exit(2);
	pid = fork();
	if (pid == 0) {
		execlp("fs-mirror", "fs-mirror", "/tmp/fault", "-f", place, NULL);
		_exit(127);
	}
	return pid;
}

static int can_inject(void)
{
	static const char *const settings[][2] = {
		{ "/sys/kernel/debug/failslab/ignore-gfp-wait", "N" },
		{ "/sys/kernel/debug/fail_page_alloc/ignore-gfp-wait", "N" },
		{ "/sys/kernel/debug/fail_page_alloc/min-order", "0" },
	};

	for (int i = 0; i < 3; i++) {
		int fd = open(settings[i][0], O_WRONLY | O_CLOEXEC);

		if (fd < 0 || write(fd, settings[i][1], 1) != 1)
			return 0;
		close(fd);
	}
	return 1;
}

int main(void)
{
	int status = -1;
	pid_t pid;

	if (!can_inject()) {
		printf("1..0 # SKIP needs a kernel with fault injection (make check-vm-debug)\n");
		return 0;
	}
	if (symlink("/proc/self/fd", "/dev/fd") && errno != EEXIST)
		return 2;
	setenv("EFUSE_POLICY_LOADER", "/bin/efuse-policy", 1);
	tap_ok("the policy is loaded", system("efuse load /lib/bpf/generic.bpf.o") == 0);
	pid = start();
	tap_ok("a file", call_write() == 0);
	for (size_t i = 0; i < sizeof(calls) / sizeof(*calls); i++)
		test_call(calls[i].name, calls[i].call);
	tap_ok("there were errors", failed_calls > 0);
	close(dev);
	tap_ok("unmounted", umount2(DIR_A, 0) == 0 && waitpid(pid, &status, 0) == pid && status == 0);
	tap_ok("unloaded", system("efuse load -u generic") == 0);
	return tap_finish();
}

// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * machine.c - what this kernel and this user can do for a FUSE mount.
 *
 * What can be tried is tried (a ring is set up in a child process, /dev/fuse
 * is opened and closed); nothing is changed and nothing is mounted.
 */
#include <linux/io_uring.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>
#include <sys/wait.h>

#include "mount.efuse/device.h"
#include "mount.efuse/handover.h"
#include "mount.efuse/hello.h"
#include "mount.efuse/machine.h"
#include "mount.efuse/program.h"
#include "shim/config.h"

#define PARAMETER	"/sys/module/fuse/parameters/enable_uring"
#define CAP_NICE_BIT	23	/* CAP_SYS_NICE */
#define NICE_NEEDED	20	/* RLIMIT_NICE that allows nice 0 */

/* --- kernel ---------------------------------------------------------------- */

static void check_version(struct findings *all)
{
	struct utsname name;

	if (uname(&name) == 0)
		finding_add(all, FINDING_OK, "kernel", "%s %s %s", name.sysname, name.release,
			    name.machine);
}

static void check_parameter(struct findings *all)
{
	struct finding *f;
	char value[16];

	if (access("/sys/module/fuse", F_OK)) {
		f = finding_add(all, FINDING_OFF, "enable_uring", "the fuse module is not loaded");
		finding_fix(f, "sudo modprobe fuse");
	} else if (file_read(PARAMETER, value, sizeof(value)) < 0) {
		f = finding_add(all, FINDING_OFF, "enable_uring", "this kernel has no "
				"FUSE-over-io_uring (Linux 6.14 or newer has)");
	} else if (value[0] != 'Y' && value[0] != '1') {
		f = finding_add(all, FINDING_OFF, "enable_uring", "FUSE-over-io_uring is there "
				"but switched off");
		finding_fix(f, "sudo efuse setup");
	} else {
		f = finding_add(all, FINDING_OK, "enable_uring", "FUSE-over-io_uring is on");
	}
	finding_need(f, FINDING_FOR_URING);
}

static void check_boot(struct findings *all)
{
	struct finding *f;

	if (access("/etc/tmpfiles.d/efuse.conf", F_OK) == 0 ||
	    access("/etc/modprobe.d/efuse.conf", F_OK) == 0) {
		finding_add(all, FINDING_OK, "boot", "set up to be on after every boot");
		return;
	}
	f = finding_add(all, FINDING_OFF, "boot", "not set up to be on after the next boot");
	finding_fix(f, "sudo efuse setup");
}

/* Set up a ring like the shim's and let go of it; the errno becomes the status. */
static void try_ring(void)
{
	struct io_uring_params params;
	long fd;

	memset(&params, 0, sizeof(params));
	params.flags = IORING_SETUP_SQE128;
	fd = syscall(__NR_io_uring_setup, 8, &params);
	_exit(fd < 0 ? errno : 0);
}

/* 0, the errno of io_uring_setup, or -1 when the attempt was killed (seccomp). */
static int ring_error(void)
{
	int status;
	pid_t pid = fork();

	if (pid < 0)
		return errno;
	if (pid == 0)
		try_ring();
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return errno;
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static long number_of(const char *path)
{
	char text[32];

	return file_read(path, text, sizeof(text)) > 0 ? strtol(text, NULL, 10) : -1;
}

/* The number behind NAME in /proc/self/status, 0 when it is not there. */
static unsigned long long status_field(const char *name, int base)
{
	__cleanup(fclosep) FILE *f = fopen("/proc/self/status", "re");
	char line[256];

	while (f && fgets(line, sizeof(line), f)) {
		const char *value = str_after(line, name);

		if (value && *value == ':')
			return strtoull(value + 1, NULL, base);
	}
	return 0;
}

static void explain_ring(struct finding *f, int err)
{
	long disabled = number_of("/proc/sys/kernel/io_uring_disabled");

	if (err == ENOSYS)
		finding_fix(f, "a kernel with CONFIG_IO_URING");
	else if (err == EINVAL)
		finding_fix(f, "a kernel whose io_uring has 128 byte entries (Linux 5.19 or newer)");
	else if (err == ENOMEM)
		finding_fix(f, "raise the memlock limit: ulimit -l unlimited, or limits.conf(5)");
	else if (disabled > 0)
		finding_fix(f, disabled == 1 ? "join the group of kernel.io_uring_group, or: "
			    "sudo sysctl kernel.io_uring_disabled=0" :
			    "sudo sysctl kernel.io_uring_disabled=0");
	else if (status_field("Seccomp", 10))
		finding_fix(f, "allow io_uring_setup and io_uring_enter in the seccomp filter "
			    "(container runtime)");
	else
		finding_fix(f, "a security module or container refuses it: see dmesg");
}

static void check_ring(struct findings *all)
{
	int err = ring_error();
	struct finding *f;

	if (err == 0)
		f = finding_add(all, FINDING_OK, "io_uring", "a ring can be set up");
	else
		f = finding_add(all, FINDING_OFF, "io_uring", "a ring cannot be set up: %s",
				err < 0 ? "killed by a seccomp filter" : strerror(err));
	if (err)
		explain_ring(f, err);
	finding_need(f, FINDING_FOR_URING);
}

static void check_sysctl(struct findings *all)
{
	long disabled = number_of("/proc/sys/kernel/io_uring_disabled");
	long group = number_of("/proc/sys/kernel/io_uring_group");

	if (disabled < 0)
		finding_add(all, FINDING_OK, "io_uring_disabled", "this kernel has no such switch");
	else if (disabled == 0)
		finding_add(all, FINDING_OK, "io_uring_disabled", "0: everybody may use io_uring");
	else if (disabled == 1)
		finding_add(all, FINDING_OFF, "io_uring_disabled",
			    "1: only root and group %ld may use io_uring", group);
	else
		finding_add(all, FINDING_OFF, "io_uring_disabled", "2: nobody may use io_uring");
}

static void check_seccomp(struct findings *all)
{
	unsigned long long mode = status_field("Seccomp", 10);

	finding_add(all, mode ? FINDING_OFF : FINDING_OK, "seccomp", mode ?
		    "a filter is in force (it may forbid io_uring, see above)" : "no filter");
}

void machine_check_kernel(struct findings *all)
{
	check_version(all);
	check_parameter(all);
	check_boot(all);
	check_ring(all);
	check_sysctl(all);
	check_seccomp(all);
}

/* --- user ------------------------------------------------------------------ */

static void check_device(struct findings *all)
{
	__cleanup(closep) int fd = open("/dev/fuse", O_RDWR | O_CLOEXEC);
	struct finding *f;
	int err = errno;

	if (fd >= 0) {
		finding_add(all, FINDING_OK, "dev_fuse", "/dev/fuse can be opened");
		return;
	}
	f = finding_add(all, FINDING_BAD, "dev_fuse", "/dev/fuse: %s", strerror(err));
	if (err == ENOENT || err == ENODEV || err == ENXIO)
		finding_fix(f, "sudo modprobe fuse");
	else
		finding_fix(f, "sudo chmod 666 /dev/fuse (udev sets it so by default)");
}

static void format_limit(rlim_t limit, char *buf, size_t size)
{
	if (limit == RLIM_INFINITY)
		snprintf(buf, size, "unlimited");
	else
		snprintf(buf, size, "%llu KiB", (unsigned long long)limit >> 10);
}

/* Since Linux 5.12 rings count as memory of the cgroup, not as locked memory. */
static void check_memlock(struct findings *all)
{
	struct rlimit limit;
	char text[32];

	if (getrlimit(RLIMIT_MEMLOCK, &limit))
		return;
	format_limit(limit.rlim_cur, text, sizeof(text));
	finding_add(all, FINDING_OK, "memlock", "%s (rings need none since Linux 5.12)", text);
}

/* One ring per thread, one thread or more per core, and what the daemon opens. */
static void check_files(struct findings *all)
{
	rlim_t need = 64 + 4 * (rlim_t)get_nprocs_conf();
	struct rlimit limit;
	struct finding *f;

	if (getrlimit(RLIMIT_NOFILE, &limit))
		return;
	f = finding_add(all, limit.rlim_cur >= need ? FINDING_OK : FINDING_OFF, "nofile",
			"%llu open files (the rings need about %llu)",
			(unsigned long long)limit.rlim_cur, (unsigned long long)need);
	if (f->level != FINDING_OK)
		finding_fix(f, "ulimit -n %llu, or limits.conf(5)", (unsigned long long)need * 4);
	finding_need(f, FINDING_FOR_URING);
}

/* Leaving SCHED_IDLE again is allowed to who may have nice 0. */
static void check_nice(struct findings *all)
{
	unsigned long long caps = status_field("CapEff", 16);
	struct rlimit limit = { 0 };
	struct finding *f;

	getrlimit(RLIMIT_NICE, &limit);
	if (caps >> CAP_NICE_BIT & 1 || limit.rlim_cur >= NICE_NEEDED) {
		finding_add(all, FINDING_OK, "nice", "a daemon can keep its callers on their cores");
		return;
	}
	f = finding_add(all, FINDING_OFF, "nice", "a daemon cannot use and leave SCHED_IDLE "
			"(RLIMIT_NICE %llu): callers that are not pinned gain less",
			(unsigned long long)limit.rlim_cur);
	finding_fix(f, "a line \"* - nice 0\" in /etc/security/limits.conf, and a new login");
}

/* True when users can mount by it. */
static bool check_fusermount(struct findings *all, const char *name, const char *package)
{
	char path[PATH_MAX];
	struct finding *f;
	struct stat st;

	if (program_find(name, path) || stat(path, &st)) {
		f = finding_add(all, FINDING_OFF, name, "not installed");
		finding_fix(f, "sudo apt-get install %s", package);
	} else if (st.st_uid != 0 || !(st.st_mode & S_ISUID)) {
		f = finding_add(all, FINDING_OFF, name, "%s is not setuid root: only root can mount",
				path);
		finding_fix(f, "sudo chown root %s && sudo chmod 4755 %s", path, path);
	} else {
		finding_add(all, FINDING_OK, name, "%s", path);
		return true;
	}
	return false;
}

/* libfuse 2 and fuse-lite look for fusermount, libfuse 3 for fusermount3. */
static void check_mounting(struct findings *all)
{
	bool three = check_fusermount(all, "fusermount3", "fuse3");
	bool two = check_fusermount(all, "fusermount", "fuse3");

	if (geteuid() == 0)
		finding_add(all, FINDING_OK, "mounting", "root mounts without fusermount");
	else if (three || two)
		finding_add(all, FINDING_OK, "mounting", "users may mount");
	else
		finding_add(all, FINDING_BAD, "mounting", "users cannot mount without fusermount");
}

static bool allow_other_set(void)
{
	__cleanup(fclosep) FILE *f = fopen("/etc/fuse.conf", "re");
	char line[256];

	while (f && fgets(line, sizeof(line), f)) {
		const char *word = line + strspn(line, " \t");

		line[strcspn(line, "#\n")] = '\0';
		if (strcspn(word, " \t") == strlen("user_allow_other") &&
		    str_after(word, "user_allow_other"))
			return true;
	}
	return false;
}

static void check_conf(struct findings *all)
{
	struct finding *f;

	if (allow_other_set()) {
		finding_add(all, FINDING_OK, "user_allow_other", "users may mount with allow_other");
		return;
	}
	f = finding_add(all, FINDING_OFF, "user_allow_other", "only root may mount with allow_other");
	finding_fix(f, "echo user_allow_other | sudo tee -a /etc/fuse.conf");
}

void machine_check_user(struct findings *all)
{
	check_device(all);
	check_memlock(all);
	check_files(all);
	check_nice(all);
	check_mounting(all);
	check_conf(all);
}

/* --- efuse ----------------------------------------------------------------- */

static void check_shim(struct findings *all)
{
	const char *path = handover_shim_path();
	struct finding *f;
	struct msg why;

	if (program_check_shim(path, &why) == 0) {
		f = finding_add(all, FINDING_OK, "shim", "%s, hand-over version %d", path, CONFIG_ABI);
	} else {
		f = finding_add(all, FINDING_OFF, "shim", "%s", why.text);
		finding_fix(f, "sudo make install (or point $" CONFIG_ENV_SHIM " to it)");
	}
	finding_need(f, FINDING_FOR_URING | FINDING_FOR_RING);
}

static void check_helper(struct findings *all)
{
	static const char path[] = "/sbin/mount.fuse.efuse";
	struct finding *f;

	if (access(path, X_OK) == 0) {
		finding_add(all, FINDING_OK, "helper", "%s", path);
		return;
	}
	f = finding_add(all, FINDING_OFF, "helper", "%s: %s: 'mount -t fuse.efuse' does not work, "
			"'efuse wrap' does", path, strerror(errno));
	finding_fix(f, "sudo make install");
}

/* The nearest folder above a path that is not there. */
static bool can_make(const char *dir)
{
	char parent[PATH_MAX];

	snprintf(parent, sizeof(parent), "%.*s", (int)(path_name(dir) - dir), dir);
	return access(parent, W_OK) == 0;
}

static void check_status(struct findings *all)
{
	char dir[PATH_MAX];
	struct stat st;

	if (handover_status_path(dir))
		finding_add(all, FINDING_OFF, "status", "the name of the status folder is too long");
	else if (lstat(dir, &st) && can_make(dir))
		finding_add(all, FINDING_OK, "status", "%s will be made by the first mount", dir);
	else if (lstat(dir, &st))
		finding_add(all, FINDING_OFF, "status", "%s cannot be made: 'efuse status' will "
			    "know nothing", dir);
	else if (!S_ISDIR(st.st_mode) || st.st_uid != geteuid() || st.st_mode & 022)
		finding_add(all, FINDING_OFF, "status", "%s is not a folder of this user that only "
			    "they can write: 'efuse status' will know nothing", dir);
	else
		finding_add(all, FINDING_OK, "status", "%s", dir);
}

static void check_driver(struct findings *all)
{
	struct efuse_hello hello;
	struct finding *f;
	struct msg why;
	char text[80];
	int err = device_check_efuse(&hello, &why);

	if (!err) {
		device_describe(&hello, text, sizeof(text));
		finding_add(all, FINDING_OK, "driver", "%s, %s", HELLO_DEVICE, text);
		return;
	}
	f = finding_add(all, FINDING_OFF, "driver", "%s: the kernel's own serves", why.text);
	if (err != -ENOENT)
		finding_fix(f, "the module and efuse have to be of one version");
	else if (device_module_installed())
		finding_fix(f, "sudo modprobe efuse; at every boot: sudo efuse setup");
	else
		finding_fix(f, "for a Linux 6.12: the package efuse-dkms, or sudo make install-dkms");
}

/* Without the driver its line says it all. */
static void check_rings(struct findings *all)
{
	struct efuse_hello hello;
	struct finding *f;
	struct msg why;

	if (device_check_efuse(&hello, &why)) {
		f = finding_add(all, FINDING_OFF, "rings", "the efuse driver would have them");
	} else if (hello.known & EFUSE_F_RING) {
		f = finding_add(all, FINDING_OK, "rings", "the efuse driver has a ring per core");
	} else {
		f = finding_add(all, FINDING_OFF, "rings", "this efuse driver has none");
		finding_fix(f, "install the driver that came with efuse");
	}
	finding_need(f, FINDING_FOR_RING);
}

/* The folder is root's: others cannot tell. */
static void check_policy(struct findings *all)
{
	static const char folder[] = "/sys/fs/bpf/efuse";
	struct finding *f;

	if (access(folder, X_OK) && errno != ENOENT)
		return;
	if (access("/sys/fs/bpf/efuse/" CONFIG_POLICY "/link", F_OK) == 0) {
		finding_add(all, FINDING_OK, "policy", CONFIG_POLICY " is loaded");
		return;
	}
	f = finding_add(all, FINDING_OFF, "policy", "%s is not loaded: the program answers everything",
			CONFIG_POLICY);
	finding_fix(f, "sudo efuse load " POLICY_PATH "; at every boot: sudo efuse setup");
}

/* What gives the driver to users, and to programs that the shim cannot enter. */
static void check_own_fusermount(struct findings *all)
{
	struct finding *f;

	if (config_can_mount(FUSERMOUNT_PATH)) {
		finding_add(all, FINDING_OK, "own_fusermount3", "%s", FUSERMOUNT_PATH);
		return;
	}
	f = finding_add(all, FINDING_OFF, "own_fusermount3", "%s cannot mount for this user: what "
			"users mount, and static and Go programs, cannot have the efuse driver",
			FUSERMOUNT_PATH);
	finding_fix(f, "sudo make install");
}

void machine_check_efuse(struct findings *all)
{
	check_shim(all);
	check_helper(all);
	check_status(all);
	check_driver(all);
	check_rings(all);
	check_own_fusermount(all);
	if (access(HELLO_DEVICE, F_OK) == 0)
		check_policy(all);
}

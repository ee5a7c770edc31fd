// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * t-ring.c - rings, served by ring-fs.h without a library: set-up and its errors, every
 * way of a request and of a reply, interrupts, who is killed, unmounts under load, slots
 * that run out, frozen servers, cores that go and come, one to four threads.
 */
#include <sys/resource.h>
#include <sys/statfs.h>

#include "ring-fs.h"
#include "tap.h"

#define ALICE		1000
#define CLIENTS		8
#define PROMPT_MS	5000	/* whoever loses the server knows by then, however slow the machine */

static struct fs_options two_threads = {
	.depth = 8, .threads = 2, .first_cpu = -1, .home = -1, .poll_us = 50,
};

static uint64_t now_ms(void)
{
	return raw_now() / 1000000;
}

static void path_of(const struct fs *fs, const char *name, char *path)
{
	snprintf(path, 64, "%s/%s", fs->dir, name);
}

static int stat_of(const struct fs *fs, const char *name)
{
	struct stat st;
	char path[64];

	path_of(fs, name, path);
	return stat(path, &st) ? -errno : 0;
}

static bool soon(const int *value, int want)
{
	for (int i = 0; i < 2000; i++) {
		if (__atomic_load_n(value, __ATOMIC_SEQ_CST) >= want)
			return true;
		usleep(5000);
	}
	return false;
}

/* --- set-up ------------------------------------------------------------------ */

static int setup(int fd, uint32_t depth, uint32_t slot_size, uint32_t poll_us)
{
	struct efuse_ring_setup s = {
		.size = sizeof(s), .depth = depth, .slot_size = slot_size, .poll_us = poll_us,
	};

	return ioctl(fd, EFUSE_IOC_RING_SETUP, &s) ? -errno : (int)s.rings;
}

static int setup_with(int fd, struct efuse_ring_setup s)
{
	return ioctl(fd, EFUSE_IOC_RING_SETUP, &s) ? -errno : 0;
}

static int enter(int fd, unsigned long arg)
{
	int ret = ioctl(fd, EFUSE_IOC_RING_ENTER, arg);

	return ret < 0 ? -errno : ret;
}

static int map(int fd, size_t size, int prot, int flags, uint64_t offset)
{
	void *p = mmap(NULL, size, prot, flags, fd, (off_t)offset);

	if (p == MAP_FAILED)
		return -errno;
	munmap(p, size);
	return 0;
}

/* A user who may lock less than rings take. */
static int setup_as_alice(int fd)
{
	struct rlimit limit = { 64 << 10, 64 << 10 };
	int status = 0;
	pid_t pid = fork();

	if (!pid) {
		setrlimit(RLIMIT_MEMLOCK, &limit);
		_exit(setresuid(ALICE, ALICE, ALICE) ? 255 : -setup(fd, 256, 0, 0));
	}
	waitpid(pid, &status, 0);
	return -WEXITSTATUS(status);
}

static void test_parameters(int fd)
{
	struct efuse_ring_setup s = { .size = sizeof(s) };

	tap_is("depth 3", setup(fd, 3, 0, 0), -EINVAL);
	tap_is("depth 1", setup(fd, 1, 0, 0), -EINVAL);
	tap_is("depth 512", setup(fd, 512, 0, 0), -EINVAL);
	tap_is("slots of 100 bytes", setup(fd, 0, 100, 0), -EINVAL);
	tap_is("slots of 448 bytes", setup(fd, 0, 448, 0), -EINVAL);
	tap_is("slots of more than 64 KiB", setup(fd, 0, 65536 + 64, 0), -EINVAL);
	tap_is("polling for more than a ms", setup(fd, 0, 0, 1001), -EINVAL);
	s.size--;
	tap_is("a structure too short", setup_with(fd, s), -EINVAL);
	s.size += 2;
	tap_is("and too long", setup_with(fd, s), -E2BIG);
	s = (struct efuse_ring_setup){ .size = sizeof(s), .flags = 1 };
	tap_is("a flag", setup_with(fd, s), -EINVAL);
	s = (struct efuse_ring_setup){ .size = sizeof(s), .reserved = { 0, 1 } };
	tap_is("something reserved", setup_with(fd, s), -EINVAL);
	tap_is("more than the user may lock", setup_as_alice(fd), -ENOMEM);
}

static void test_maps(int fd, size_t size)
{
	void *p;

	tap_is("a read-only part, to be written",
	       map(fd, size, PROT_READ | PROT_WRITE, MAP_SHARED, EFUSE_RING_KERNEL(0)), -EPERM);
	tap_is("a private one", map(fd, size, PROT_READ, MAP_PRIVATE, EFUSE_RING_KERNEL(0)), -EINVAL);
	tap_is("a page less", map(fd, size - 4096, PROT_READ, MAP_SHARED, EFUSE_RING_KERNEL(0)), -EINVAL);
	tap_is("a page more", map(fd, size + 4096, PROT_READ, MAP_SHARED, EFUSE_RING_KERNEL(0)), -EINVAL);
	tap_is("a page further", map(fd, size, PROT_READ, MAP_SHARED, EFUSE_RING_KERNEL(0) + 4096), -EINVAL);
	tap_is("a ring that is none", map(fd, size, PROT_READ, MAP_SHARED, EFUSE_RING_KERNEL(4000)), -EINVAL);
	p = mmap(NULL, size, PROT_READ, MAP_SHARED, fd, (off_t)EFUSE_RING_KERNEL(0));
	tap_ok("a part to be read is mapped", p != MAP_FAILED);
	tap_ok("and cannot be made writable", mprotect(p, size, PROT_READ | PROT_WRITE) && errno == EACCES);
	tap_ok("nor longer", mremap(p, size, 2 * size, MREMAP_MAYMOVE) == MAP_FAILED);
	/* What is dropped comes back. */
	madvise(p, size, MADV_DONTNEED);
	tap_ok("it reads as nothing", *(volatile uint32_t *)p == 0);
	munmap(p, size);
}

static void test_setup(void)
{
	static char buffer[MAX_WRITE + 8192];
	struct efuse_ring_setup s = { .size = sizeof(s) };
	int fd = open("/dev/efuse", O_RDWR);

	tap_is("rings of what is not mounted", setup(fd, 0, 0, 0), -EPERM);
	tap_is("nor entered", enter(fd, 0), -EPERM);
	tap_is("nor mapped", map(fd, 4096, PROT_READ, MAP_SHARED, 0), -ENODEV);
	tap_is("a mount", fs_mount(fd, "/mnt/s"), 0);
	tap_is("before INIT", setup(fd, 0, 0, 0), -EAGAIN);
	tap_is("INIT", fs_answer_init(fd, buffer, sizeof(buffer)), 0);
	test_parameters(fd);
	tap_is("to enter what is not there", enter(fd, EFUSE_ENTER(0, 0, EFUSE_ENTER_START)), -EINVAL);
	tap_is("set up", ioctl(fd, EFUSE_IOC_RING_SETUP, &s), 0);
	tap_ok("as many rings as cores", (long)s.rings >= sysconf(_SC_NPROCESSORS_CONF));
	tap_is("once", setup(fd, 0, 0, 0), -EEXIST);
	test_maps(fd, s.kernel_bytes);
	tap_is("to wait before the start", enter(fd, EFUSE_ENTER(0, 0, EFUSE_ENTER_WAIT)), -EINVAL);
	tap_is("an unknown flag", enter(fd, 1UL << 28 | EFUSE_ENTER_START), -EINVAL);
	tap_is("a wide number", enter(fd, 1UL << 32 | EFUSE_ENTER_START), -EINVAL);
	tap_is("a ring that is none", enter(fd, EFUSE_ENTER(s.rings, 0, EFUSE_ENTER_START)), -EINVAL);
	tap_is("a home that is none", enter(fd, EFUSE_ENTER(0, s.rings, EFUSE_ENTER_START)), -EINVAL);
	tap_is("the start", enter(fd, EFUSE_ENTER(0, 0, EFUSE_ENTER_START)), 0);
	tap_ok("reading does not block", read(fd, buffer, sizeof(buffer)) < 0 && errno == EAGAIN);
	umount2("/mnt/s", MNT_FORCE | MNT_DETACH);
	tap_is("to wait when it has ended", enter(fd, EFUSE_ENTER(0, 0, EFUSE_ENTER_WAIT)), -ENODEV);
	close(fd);
}

/* --- requests and replies ---------------------------------------------------- */

static bool same(const struct fs *fs, const char *name, size_t size, off_t at)
{
	static char buffer[DATA_SIZE];
	char path[64];
	ssize_t n;
	int fd;

	path_of(fs, name, path);
	fd = open(path, O_RDONLY);
	n = pread(fd, buffer, size, at);
	close(fd);
	return n == (ssize_t)size && !memcmp(buffer, fs->shared->data + at, size);
}

static bool written(const struct fs *fs, size_t size, off_t at, int seed)
{
	static char buffer[DATA_SIZE];
	char path[64];
	ssize_t n;
	int fd;

	for (size_t i = 0; i < size; i++)
		buffer[i] = (char)(i * 7 + (size_t)seed);
	path_of(fs, "direct", path);
	fd = open(path, O_WRONLY);
	n = pwrite(fd, buffer, size, at);
	close(fd);
	return n == (ssize_t)size && !memcmp(buffer, fs->shared->data + at, size);
}

static bool kinds(const struct fs *fs)
{
	struct statfs sf;
	char path[64], text[64];

	path_of(fs, "link", path);
	if (readlink(path, text, sizeof(text)) != 6 || memcmp(text, "direct", 6) || statfs(fs->dir, &sf))
		return false;
	path_of(fs, "made", path);
	if (mkdir(path, 0755) && errno != EEXIST)
		return false;
	path_of(fs, "cached", path);
	return !chmod(path, 0666) && stat_of(fs, "none") == -ENOENT && !rmdir("/mnt/r/made");
}

static bool list(const struct fs *fs)
{
	char command[64];

	snprintf(command, sizeof(command), "ls %s | grep -q direct", fs->dir);
	return system(command) == 0;
}

static void drop_caches(void)
{
	int fd = open("/proc/sys/vm/drop_caches", O_WRONLY);

	if (write(fd, "3", 1) < 0)
		perror("drop_caches");
	close(fd);
}

static void test_requests(struct fs *fs)
{
	tap_ok("metadata, names, links", kinds(fs));
	tap_ok("a folder", list(fs));
	tap_ok("a reply of a block", same(fs, "direct", 4096, 8192));
	tap_ok("a reply longer than a slot", same(fs, "direct", 100000, 4097));
	tap_ok("read ahead", same(fs, "cached", DATA_SIZE, 0));
	fs->shared->splice = 1;
	tap_ok("spliced replies", same(fs, "direct", 70000, 12345) && same(fs, "direct", 100, 1));
	fs->shared->splice = 0;
	tap_ok("a request of a block", written(fs, 4096, 4096, 1));
	tap_ok("some bytes, over the ends of pages", written(fs, 3000, 40960 - 1500, 2));
	tap_ok("a request longer than a slot", written(fs, 120000, 777, 3));
	drop_caches();
	tap_ok("what is forgotten", soon(&fs->shared->forgets, 1));
}

/* --- who waits --------------------------------------------------------------- */

static pid_t hold_one(const struct fs *fs, int signal_ends)
{
	pid_t pid = fork();

	if (pid)
		return pid;
	if (!signal_ends)
		signal(SIGUSR1, SIG_IGN);
	_exit(-stat_of(fs, "held"));
}

static void on_signal(int sig)
{
	(void)sig;
}

static int exit_of(pid_t pid)
{
	int status = 0;

	waitpid(pid, &status, 0);
	return WIFEXITED(status) ? -WEXITSTATUS(status) : WTERMSIG(status);
}

static void test_interrupt(struct fs *fs)
{
	struct sigaction action = { .sa_handler = on_signal };
	pid_t pid;

	sigaction(SIGUSR1, &action, NULL);
	fs->shared->hold = 1;
	pid = hold_one(fs, 1);
	tap_ok("a reply is held back", soon(&fs->shared->held, 1));
	kill(pid, SIGUSR1);
	tap_is("a signal ends the wait", exit_of(pid), -EINTR);
	tap_ok("by an INTERRUPT", fs->shared->interrupts >= 1);
	pid = hold_one(fs, 0);
	tap_ok("another one", soon(&fs->shared->held, 1));
	kill(pid, SIGKILL);
	tap_is("SIGKILL as well", exit_of(pid), SIGKILL);
	pid = hold_one(fs, 0);
	soon(&fs->shared->held, 1);
	kill(pid, SIGUSR1);
	fs->shared->hold = 0;
	tap_is("an ignored one does not", exit_of(pid), 0);
}

/* Clients that call until it fails; they end with the error. */
static void start_clients(const struct fs *fs, pid_t *pids, int n, const char *name)
{
	for (int i = 0; i < n; i++) {
		pids[i] = fork();
		if (!pids[i]) {
			int err = 0;

			while (!err)
				err = stat_of(fs, name) ?: same(fs, "cached", 65536, 0) ? 0 : -EIO;
			_exit(1);
		}
	}
}

static bool all_end(pid_t *pids, int n)
{
	uint64_t end = now_ms() + PROMPT_MS;
	int left = n;

	while (left && now_ms() < end) {
		left = 0;
		for (int i = 0; i < n; i++) {
			if (pids[i] && waitpid(pids[i], NULL, WNOHANG) == pids[i])
				pids[i] = 0;
			left += pids[i] != 0;
		}
		usleep(10000);
	}
	return !left;
}

static void test_server_killed(void)
{
	pid_t pids[CLIENTS + 2];
	struct fs fs;

	tap_is("another server", fs_start(&fs, "/mnt/k", two_threads), 0);
	fs.shared->hold = 1;
	pids[CLIENTS] = hold_one(&fs, 1);
	soon(&fs.shared->held, 1);
	start_clients(&fs, pids, CLIENTS, "direct");
	pids[CLIENTS + 1] = hold_one(&fs, 1);
	usleep(300000);
	kill(fs.pid, SIGKILL);
	tap_ok("it is killed: everybody knows at once", all_end(pids, CLIENTS + 2));
	tap_is("and later", stat_of(&fs, "direct"), -ENOTCONN);
	fs_stop(&fs);
	fs_free(&fs);
}

static void test_unmounted(int flags, const char *what)
{
	pid_t pids[CLIENTS];
	struct fs fs;

	tap_is("another server", fs_start(&fs, "/mnt/u", two_threads), 0);
	start_clients(&fs, pids, CLIENTS, "direct");
	usleep(300000);
	umount2(fs.dir, flags);
	umount2(fs.dir, MNT_DETACH);
	tap_ok(what, all_end(pids, CLIENTS));
	tap_ok("and the server ends well", fs_wait(&fs) == 0);
	fs_free(&fs);
}

/* --- load -------------------------------------------------------------------- */

static bool many(const struct fs *fs, const char *name, int clients, int times)
{
	bool good = true;
	int status;

	for (int i = 0; i < clients; i++)
		if (!fork()) {
			int err = 0;

			for (int k = 0; !err && k < times; k++)
				err = stat_of(fs, name);
			_exit(err != 0);
		}
	while (wait4(-1, &status, 0, NULL) > 0)
		good = good && status == 0;
	return good;
}

/* many() waits for all children: the server must not be one. */
static bool many_beside(const struct fs *fs, const char *name, int clients, int times)
{
	pid_t pid = fork();

	if (!pid)
		_exit(!many(fs, name, clients, times));
	return exit_of(pid) == 0;
}

static void test_full(void)
{
	struct fs_options o = two_threads;
	struct fs fs;

	o.depth = 2;
	o.slot_size = 512;
	o.threads = 4;
	tap_is("rings of two slots", fs_start(&fs, "/mnt/f", o), 0);
	fs.shared->slow_us = 2000;
	tap_ok("slots run out", many_beside(&fs, "slow", 16, 20));
	tap_ok("names as long as can be", stat_of(&fs, "none") == -ENOENT);
	tap_ok("and it ends well", fs_stop(&fs));
	tap_ok("some went by the device", fs.shared->count[EFUSE_RC_FULL] > 0);
	tap_ok("some by rings", fs.shared->count[EFUSE_RC_SUBMITTED] > 0);
	tap_ok("no reply was refused", fs.shared->count[EFUSE_RC_REFUSED] == 0);
	fs_free(&fs);
}

static void test_threads(int threads, int first_cpu, uint32_t spin_us)
{
	struct fs_options o = two_threads;
	char what[64];
	struct fs fs;

	o.threads = threads;
	o.first_cpu = first_cpu;
	o.spin_us = spin_us;
	snprintf(what, sizeof(what), "%d threads%s%s", threads, first_cpu < 0 ? "" : ", pinned",
		 spin_us ? ", which look before they sleep" : "");
	tap_is(what, fs_start(&fs, "/mnt/t", o), 0);
	tap_ok("four clients", many_beside(&fs, "direct", 4, 300));
	tap_ok("data", same(&fs, "cached", DATA_SIZE, 0));
	tap_ok("it ends well", fs_stop(&fs));
	printf("# %lu requests, %lu calls; polled %lu, in vain %lu, late %lu, spread %lu, stolen %lu\n",
	       fs.shared->requests, fs.shared->enters + fs.shared->calls,
	       (unsigned long)fs.shared->count[EFUSE_RC_POLLED],
	       (unsigned long)fs.shared->count[EFUSE_RC_POLLED_OUT],
	       (unsigned long)fs.shared->count[EFUSE_RC_LATE],
	       (unsigned long)fs.shared->count[EFUSE_RC_SPREAD],
	       (unsigned long)fs.shared->count[EFUSE_RC_STOLEN]);
	fs_free(&fs);
}

/* Nobody is at home where the request is: who was woken is told that it is for him. */
static void test_woken(void)
{
	struct fs_options o = two_threads;
	struct fs fs;

	o.threads = 1;
	o.home = 1;
	tap_is("a thread at home on another core", fs_start(&fs, "/mnt/w", o), 0);
	for (int i = 0; i < 20; i++) {
		usleep(5000);
		stat_of(&fs, "direct");
	}
	tap_ok("it ends well", fs_stop(&fs));
	printf("# slept and woken %lu times, %lu requests\n", fs.shared->woken, fs.shared->requests);
	tap_ok("it knows when it was woken", fs.shared->woken > 0);
	fs_free(&fs);
}

static void test_two(void)
{
	struct fs a, b;

	tap_is("one connection", fs_start(&a, "/mnt/x", two_threads), 0);
	tap_is("and another", fs_start(&b, "/mnt/y", two_threads), 0);
	b.shared->data[0] = 'b';
	tap_ok("each has its own", same(&a, "direct", 4096, 0) && same(&b, "direct", 4096, 0));
	tap_ok("one ends", fs_stop(&a));
	tap_ok("the other goes on", same(&b, "direct", 4096, 0));
	tap_ok("until it ends", fs_stop(&b));
	fs_free(&a);
	fs_free(&b);
}

/* A core with a thread's home goes away and comes back. */
static bool online(int on)
{
	int fd = open("/sys/devices/system/cpu/cpu1/online", O_WRONLY);
	bool good = fd >= 0 && write(fd, on ? "1" : "0", 1) == 1;

	close(fd);
	return good;
}

static void test_hotplug(void)
{
	pid_t pids[2];
	struct fs fs;

	if (!online(1)) {
		tap_ok("# SKIP no core can be taken away", 1);
		return;
	}
	tap_is("cores go and come: a server", fs_start(&fs, "/mnt/h", two_threads), 0);
	start_clients(&fs, pids, 2, "direct");
	for (int i = 0; i < 3; i++) {
		usleep(100000);
		online(0);
		tap_is("without the second core", stat_of(&fs, "direct"), 0);
		online(1);
	}
	tap_is("with it again", stat_of(&fs, "direct"), 0);
	for (int i = 0; i < 2; i++) {
		kill(pids[i], SIGKILL);
		waitpid(pids[i], NULL, 0);
	}
	tap_ok("it ends well", fs_stop(&fs));
	fs_free(&fs);
}

static bool write_text(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY);
	bool good = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);

	close(fd);
	return good;
}

static void test_frozen(void)
{
	char number[16];
	struct fs fs;
	pid_t pid;

	mkdir("/tmp/cg", 0755);
	if (mount("none", "/tmp/cg", "cgroup2", 0, NULL) || mkdir("/tmp/cg/f", 0755)) {
		tap_ok("# SKIP no control groups", 1);
		return;
	}
	tap_is("a server to be frozen", fs_start(&fs, "/mnt/z", two_threads), 0);
	snprintf(number, sizeof(number), "%d", fs.pid);
	tap_ok("it is", write_text("/tmp/cg/f/cgroup.procs", number) &&
	       write_text("/tmp/cg/f/cgroup.freeze", "1"));
	usleep(100000);
	pid = fork();
	if (!pid)
		_exit(-stat_of(&fs, "direct"));
	usleep(200000);
	tap_is("who calls it waits", waitpid(pid, NULL, WNOHANG), 0);
	write_text("/tmp/cg/f/cgroup.freeze", "0");
	tap_is("until it is thawed", exit_of(pid), 0);
	tap_ok("it ends well", fs_stop(&fs));
	rmdir("/tmp/cg/f");
	umount("/tmp/cg");
	fs_free(&fs);
}

int main(void)
{
	struct fs fs;

	setvbuf(stdout, NULL, _IOLBF, 0);
	test_setup();
	tap_is("a server", fs_start(&fs, "/mnt/r", two_threads), 0);
	test_requests(&fs);
	test_interrupt(&fs);
	tap_ok("unmounted, it ends well", fs_stop(&fs));
	tap_ok("requests went by rings", fs.shared->count[EFUSE_RC_SUBMITTED] > 20);
	tap_ok("long ones by the device", fs.shared->count[EFUSE_RC_BIG] > 0);
	tap_ok("no reply was refused", fs.shared->count[EFUSE_RC_REFUSED] == 0);
	fs_free(&fs);
	test_server_killed();
	test_unmounted(MNT_FORCE, "aborted under load: everybody knows at once");
	test_full();
	test_threads(1, -1, 0);
	test_threads(2, 0, 0);
	test_threads(4, -1, 0);
	test_threads(2, 0, 200);
	test_woken();
	test_two();
	test_hotplug();
	test_frozen();
	return tap_finish();
}

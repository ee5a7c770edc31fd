// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * t-backing.c - EFUSE_IOC_DIRECT, by a server without a library that names a file for
 * what it opens: who answers which READ, good and bad files and requests, what ends it.
 * The server says other bytes than the file holds, so that it is seen who has answered.
 */
#include <fcntl.h>
#include <linux/efuse.h>
#include <linux/fuse.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tap.h"

#define SERVERS		2	/* one may open what the other serves */
#define CLIENTS		3
#define NODES		10	/* files named 0 to 9, */
#define NODE(i)		((uint64_t)(i) + 10)
#define SIZE		((3U << 20) + 100)
#define REQUEST		(1U << 20)
#define BLOCK		4096U
#define SERVER_SAYS	'S'
#define O_DIRECT_FD	70	/* one open file of all processes */
#define BACK		"/tmp/back"
#define BACKING		BACK "/backing"

/* What the servers do with an OPEN, and what came of it. */
static struct order {
	char path[64];		/* opened and named, if there is one */
	int flags;
	int fd;			/* named if there is no path; 0: nothing is named */
	uint64_t off_unique;	/* added to the request's unique */
	bool twice, at_read;
	int error;		/* the reply */
	uint64_t off_size;	/* added to the size that attributes have, */
	time_t off_time;	/* to the time, */
	uint32_t off_uid;	/* and to the owner */
	int got;		/* of the call */
	unsigned long reads;	/* READs served */
} *order;

static int dev = -1;
static pid_t servers[SERVERS];
static unsigned char *buffer;

/* --- the server -------------------------------------------------------------- */

static struct {
	struct fuse_out_header header;
	union {
		struct fuse_init_out init;
		struct fuse_entry_out entry;
		struct fuse_attr_out attr;
		struct fuse_open_out open;
		char data[REQUEST];
	};
} out;

static int direct(int fd, struct efuse_direct *d)
{
	d->size = sizeof(*d);
	return ioctl(fd, EFUSE_IOC_DIRECT, d) ? -errno : 0;
}

static void name_file(uint64_t unique)
{
	struct efuse_direct d = { .what = EFUSE_DIRECT_FILE, .unique = unique + order->off_unique };
	int fd = order->path[0] ? open(order->path, order->flags | O_CLOEXEC) : -1;

	if (order->path[0] && fd < 0) {
		order->got = -1000 - errno;
		return;
	}
	d.fd = order->path[0] ? fd : order->fd;
	order->got = direct(dev, &d);
	if (order->twice) {
		d = (struct efuse_direct){ .what = EFUSE_DIRECT_FILE, .unique = unique, .fd = d.fd };
		order->got = direct(dev, &d);
	}
	if (fd >= 0)
		close(fd);
}

static struct fuse_attr attr_of(uint64_t node)
{
	struct stat st = { .st_size = 0 };

	if (order->fd ? fstat(order->fd, &st) : stat(BACKING, &st))
		st.st_mtim.tv_sec = 0;
	return (struct fuse_attr){
		.ino = node, .nlink = 1, .size = node == FUSE_ROOT_ID ? 0 : SIZE + order->off_size,
		.mtime = (uint64_t)(st.st_mtim.tv_sec + order->off_time),
		.mtimensec = (uint32_t)st.st_mtim.tv_nsec,
		.ctime = (uint64_t)st.st_ctim.tv_sec, .ctimensec = (uint32_t)st.st_ctim.tv_nsec,
		.uid = st.st_uid + order->off_uid, .gid = st.st_gid,
		.mode = node == FUSE_ROOT_ID ? S_IFDIR | 0755 : S_IFREG | 0600,
	};
}

static size_t answer_read(const struct fuse_read_in *in, uint64_t unique)
{
	__atomic_fetch_add(&order->reads, 1, __ATOMIC_SEQ_CST);
	if (order->at_read)
		name_file(unique);
	memset(out.data, SERVER_SAYS, in->size);
	return in->offset >= SIZE ? 0 : in->size > SIZE - in->offset ? SIZE - in->offset : in->size;
}

static size_t answer_open(const struct fuse_in_header *in)
{
	if ((order->path[0] || order->fd) && !order->at_read && in->nodeid != NODE(NODES - 1))
		name_file(in->unique);
	out.header.error = -order->error;
	out.open = (struct fuse_open_out){ .open_flags = FOPEN_DIRECT_IO };
	return order->error ? 0 : sizeof(out.open);
}

static size_t answer(const struct fuse_in_header *in)
{
	const void *arg = in + 1;

	out.header.error = 0;
	switch (in->opcode) {
	case FUSE_INIT:
		out.init = (struct fuse_init_out){
			.major = FUSE_KERNEL_VERSION, .minor = 31, .max_write = REQUEST,
			.flags = FUSE_MAX_PAGES, .max_pages = REQUEST / BLOCK,
		};
		return sizeof(out.init);
	case FUSE_LOOKUP:
		out.entry = (struct fuse_entry_out){ .nodeid = NODE(*(const unsigned char *)arg - '0') };
		out.entry.attr = attr_of(out.entry.nodeid);
		return sizeof(out.entry);
	case FUSE_GETATTR:
	case FUSE_SETATTR:
		out.attr = (struct fuse_attr_out){ .attr = attr_of(in->nodeid) };
		return sizeof(out.attr);
	case FUSE_OPEN:
		return answer_open(in);
	case FUSE_READ:
		return answer_read(arg, in->unique);
	case FUSE_RELEASE:
	case FUSE_FLUSH:
		return 0;
	default:
		out.header.error = -ENOSYS;
		return 0;
	}
}

static void serve(void)
{
	static _Alignas(8) char request[REQUEST + BLOCK];
	const struct fuse_in_header *in = (const void *)request;

	while (read(dev, request, sizeof(request)) > 0) {
		if (in->opcode == FUSE_FORGET || in->opcode == FUSE_BATCH_FORGET ||
		    in->opcode == FUSE_INTERRUPT)
			continue;
		out.header.len = (uint32_t)(sizeof(out.header) + answer(in));
		out.header.unique = in->unique;
		if (write(dev, &out, out.header.len) < 0 && errno != ENOENT)
			break;
	}
	_exit(0);
}

static bool mount_it(void)
{
	char options[96];

	dev = open("/dev/efuse", O_RDWR | O_CLOEXEC);
	snprintf(options, sizeof(options), "fd=%d,rootmode=40000,user_id=0,group_id=0", dev);
	if (dev < 0 || mount("backing", "/mnt", "efuse", 0, options))
		return false;
	for (int i = 0; i < SERVERS; i++) {
		servers[i] = fork();
		if (!servers[i])
			serve();
	}
	return true;
}

static void end_servers(void)
{
	for (int i = 0; i < SERVERS; i++) {
		kill(servers[i], SIGKILL);
		waitpid(servers[i], NULL, 0);
	}
}

static void unmount_it(void)
{
	umount2("/mnt", MNT_DETACH);
	close(dev);
	end_servers();
}

/* --- the user ---------------------------------------------------------------- */

static unsigned char byte_at(uint64_t off)
{
	return (unsigned char)(0x80 | off | off >> 12);
}

static int make_backing(void)
{
	int fd = open(BACKING, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	for (unsigned int i = 0; i < SIZE; i++)
		buffer[i] = byte_at(i);
	return write(fd, buffer, SIZE) == SIZE ? fd : -1;
}

static void order_path(const char *path, int flags)
{
	memset(order, 0, sizeof(*order));
	snprintf(order->path, sizeof(order->path), "%s", path);
	order->flags = flags;
}

static void order_fd(int fd)
{
	order_path("", 0);
	order->fd = fd;
}

static int open_node(int node, int flags)
{
	char path[] = "/mnt/0";

	path[5] = (char)('0' + node);
	return open(path, flags | O_CLOEXEC);
}

enum { NOBODY, SERVER, FILE_SAID, SOMEBODY };

static int whose(uint64_t off, size_t n)
{
	size_t server = 0, file = 0;

	for (size_t i = 0; i < n; i++) {
		server += buffer[i] == SERVER_SAYS;
		file += buffer[i] == byte_at(off + i);
	}
	return !n ? NOBODY : server == n ? SERVER : file == n ? FILE_SAID : SOMEBODY;
}

/* Who answers a read of a block; NOBODY if it is not whole. */
static int reads_from(int fd)
{
	memset(buffer, 0, BLOCK);
	return pread(fd, buffer, BLOCK, BLOCK) == BLOCK ? whose(BLOCK, BLOCK) : NOBODY;
}

/* Who answers, when it is not the server's turn. */
static int then_reads_from(int fd)
{
	reads_from(fd);
	return reads_from(fd);
}

static struct efuse_direct ask(uint32_t what)
{
	struct efuse_direct d = { .what = what };
	int err = direct(dev, &d);

	if (err)
		d.state = (uint32_t)err;
	return d;
}

/* --- what is refused ----------------------------------------------------------- */

static void test_fields(void)
{
	struct efuse_direct d = { .what = EFUSE_DIRECT_ASK };
	int plain = open("/dev/efuse", O_RDWR | O_CLOEXEC);

	tap_is("nothing but a question", direct(dev, &d), 0);
	tap_ok("nothing is decided, held or read", !d.state && !d.files && !d.reads && !d.bytes);
	d = (struct efuse_direct){ 0 };
	tap_is("a device that is not mounted", direct(plain, &d), -EPERM);
	close(plain);
	for (unsigned int at = 0; at < sizeof(d) / 4; at++) {
		uint32_t *field = (uint32_t *)&d + at;

		d = (struct efuse_direct){ .size = sizeof(d) };
		*field = at ? 77 : sizeof(d) - 1;
		if (!ioctl(dev, EFUSE_IOC_DIRECT, &d) || errno != EINVAL)
			tap_is("a field that is not zero", (int)at, -EINVAL);
	}
	d = (struct efuse_direct){ .size = sizeof(d) + 1 };
	tap_is("a size that is too large", ioctl(dev, EFUSE_IOC_DIRECT, &d) ? -errno : 0, -E2BIG);
	tap_is("a null pointer", ioctl(dev, EFUSE_IOC_DIRECT, NULL) ? -errno : 0, -EFAULT);
	d = (struct efuse_direct){ .what = EFUSE_DIRECT_FILE, .fd = dev, .unique = 2 };
	tap_is("the device itself", direct(dev, &d), -EINVAL);
}

/* The server names what is ordered; the node is read by the server alone. */
static void refused(const char *what, int want)
{
	int fd = open_node(0, O_RDONLY);

	tap_is(what, order->got, want);
	if (then_reads_from(fd) != SERVER || ask(EFUSE_DIRECT_ASK).files)
		tap_ok("and the server reads it", 0);
	close(fd);
}

static void refused_path(const char *what, const char *path, int flags, int want)
{
	order_path(path, flags);
	refused(what, want);
}

static void test_files(void)
{
	order_fd(-1);
	refused("no descriptor", -EBADF);
	order_fd(9999);
	refused("one that is not open", -EBADF);
	refused_path("a folder", "/tmp", O_RDONLY | O_DIRECTORY, -EINVAL);
	refused_path("open to be pointed at only", BACKING, O_PATH, -EBADF);
	refused_path("open for writing only", BACKING, O_WRONLY, -EBADF);
	refused_path("a device", "/dev/zero", O_RDONLY, -EINVAL);
	refused_path("what the kernel makes up", "/proc/version", O_RDONLY, -EINVAL);
	if (!access("/proc/sys", F_OK))
		refused_path("its settings", "/proc/sys/kernel/hostname", O_RDONLY, -EINVAL);
	refused_path("a process's memory", "/proc/self/mem", O_RDONLY, -EINVAL);
	refused_path("of sysfs", "/sys/kernel/uevent_seqnum", O_RDONLY, -EINVAL);
	refused_path("a file of the mount itself", "/mnt/9", O_RDONLY, -ELOOP);
	if (!link(BACKING, BACK "/link"))
		refused_path("a file with two names", BACKING, O_RDONLY, -EMLINK);
	unlink(BACK "/link");
}

static void test_requests(void)
{
	order_path(BACKING, O_RDONLY);
	order->off_unique = 2;
	refused("a request that is not there", -ENOENT);
	order->off_unique = 1ULL << 48;
	refused("one of a ring that is not there", -ENOENT);
	order->off_unique = 0;
	order->at_read = true;
	close(open_node(0, O_RDONLY));
	int fd = open_node(0, O_RDONLY);
	reads_from(fd);
	tap_is("a request that is a READ", order->got, -EINVAL);
	tap_ok("nothing is held for it", !ask(EFUSE_DIRECT_ASK).files);
	close(fd);
	order_path(BACKING, O_RDONLY);
	order->error = EACCES;
	fd = open_node(0, O_RDONLY);
	tap_ok("an OPEN that fails", fd < 0 && !order->got);
	tap_ok("nothing is held for it any more", !ask(EFUSE_DIRECT_ASK).files);
}

/* --- who answers ---------------------------------------------------------------- */

static void test_before(void)
{
	order_path(BACKING, O_RDONLY);
	int fd = open_node(0, O_RDONLY);

	tap_is("a file is named", order->got, 0);
	tap_ok("it is held", ask(EFUSE_DIRECT_ASK).files == 1);
	tap_ok("the server reads until it is on", then_reads_from(fd) == SERVER);
	order->twice = true;
	close(open_node(0, O_RDONLY));
	tap_is("named twice", order->got, -EALREADY);
	order->twice = false;
	close(open_node(1, O_RDONLY));
	tap_is("named for another node", order->got, -EEXIST);
	close(fd);
	tap_ok("it is let go of", !ask(EFUSE_DIRECT_ASK).files);
}

static void test_turns(void)
{
	int fd = open_node(0, O_RDONLY), server = 0, file = 0;
	struct efuse_direct before = ask(EFUSE_DIRECT_ON), after;

	tap_ok("it is on", before.state == EFUSE_DIRECT_ON);
	order->reads = 0;
	for (int i = 0; i < 2 * EFUSE_DIRECT_TURN + 1; i++) {
		int who = reads_from(fd);

		server += who == SERVER && i % EFUSE_DIRECT_TURN == 0;
		file += who == FILE_SAID;
	}
	after = ask(EFUSE_DIRECT_ASK);
	tap_ok("the server has its turns", server == 3 && order->reads == 3);
	tap_ok("the others are the file's", file == 2 * EFUSE_DIRECT_TURN - 2);
	tap_ok("they are counted", after.reads - before.reads == (uint64_t)file &&
	       after.bytes - before.bytes == (uint64_t)file * BLOCK);
	close(fd);
	tap_ok("also when it is closed", ask(EFUSE_DIRECT_ASK).reads == after.reads);
}

static void test_sizes(void)
{
	struct iovec parts[] = { { buffer + 3, 1000 }, { buffer + 1003, 5000 }, { buffer + 6003, 77 } };
	int fd = open_node(0, O_RDONLY), sink = memfd_create("sink", MFD_CLOEXEC);
	off_t off = 5;

	reads_from(fd);
	tap_ok("all of it in one call", pread(fd, buffer, SIZE, 0) == SIZE && whose(0, SIZE) == FILE_SAID);
	tap_ok("in parts, unaligned", preadv(fd, parts, 3, 777) == 6077);
	memmove(buffer, buffer + 3, 6077);
	tap_ok("they are the file's", whose(777, 6077) == FILE_SAID);
	tap_ok("up to its end", pread(fd, buffer, BLOCK, SIZE - 50) == 50 &&
	       whose(SIZE - 50, 50) == FILE_SAID);
	tap_ok("at its end", pread(fd, buffer, BLOCK, SIZE) == 0);
	tap_ok("far behind it", pread(fd, buffer, BLOCK, SIZE + REQUEST) == 0);
	/* Otherwise this one goes through the page cache. */
	fcntl(fd, F_SETFL, O_DIRECT);
	tap_ok("to pages of the kernel's", sendfile(sink, fd, &off, 70000) > 0 &&
	       pread(sink, buffer, BLOCK, 0) == BLOCK && whose(5, BLOCK) == FILE_SAID);
	close(sink);
	close(fd);
}

static int open_and_read(int node)
{
	int fd = open_node(node, O_RDONLY), who = then_reads_from(fd);

	close(fd);
	return who;
}

static void notify(uint64_t node)
{
	struct {
		struct fuse_out_header header;
		struct fuse_notify_inval_inode_out inval;
	} n = { { sizeof(n), FUSE_NOTIFY_INVAL_INODE, 0 }, { node, 0, 0 } };

	tap_ok("a notification", write(dev, &n, sizeof(n)) == sizeof(n));
}

/* Each has a node of its own. One for which nothing has happened is read from the file. */
static void test_changes(void)
{
	int fd = open_node(1, O_RDONLY), writer;

	tap_ok("another node", then_reads_from(fd) == FILE_SAID);
	order->path[0] = 0;
	writer = open_node(1, O_RDWR);
	order_path(BACKING, O_RDONLY);
	tap_ok("not while it is open for writing", reads_from(fd) == SERVER);
	close(writer);
	tap_ok("nor after that", reads_from(fd) == SERVER && open_and_read(1) == SERVER);
	close(fd);
	fd = open_node(2, O_RDONLY);
	tap_ok("a third", then_reads_from(fd) == FILE_SAID);
	chmod("/mnt/2", 0600);
	tap_ok("not after a SETATTR", reads_from(fd) == SERVER);
	close(fd);
	fd = open_node(3, O_RDONLY);
	tap_ok("a fourth", then_reads_from(fd) == FILE_SAID);
	notify(NODE(3));
	tap_ok("not after that", reads_from(fd) == SERVER);
	close(fd);
}

/* By others, not through the mount. */
static void test_behind(int backing)
{
	struct timespec times[2] = { { 0, UTIME_OMIT }, { 12345, 0 } };
	int fd = open_node(4, O_RDONLY);

	tap_ok("a fifth", then_reads_from(fd) == FILE_SAID);
	rename(BACKING, BACK "/away");
	tap_ok("the file has another name", reads_from(fd) == SERVER);
	unlink(BACK "/away");
	tap_ok("the file has none", reads_from(fd) == SERVER);
	if (ftruncate(backing, BLOCK + 10) == 0)
		tap_ok("the file is cut", reads_from(fd) == SERVER);
	if (ftruncate(backing, SIZE) == 0)
		tap_ok("and is as long as before", reads_from(fd) == SERVER);
	close(fd);
	backing = make_backing();
	fd = open_node(4, O_RDONLY);
	tap_ok("another file in its place", then_reads_from(fd) == FILE_SAID);
	futimens(backing, times);
	tap_ok("it was written to", reads_from(fd) == SERVER);
	close(fd);
	close(backing);
	order->off_size = 1;
	tap_ok("the node has another size", open_and_read(5) == SERVER);
	order->off_size = 0;
	order->off_time = 1;
	tap_ok("another time", open_and_read(5) == SERVER);
	order->off_time = 0;
	order->off_uid = 1;
	tap_ok("another owner", open_and_read(5) == SERVER);
	order->off_uid = 0;
	tap_ok("neither", open_and_read(5) == FILE_SAID);
}

static void test_o_direct(void)
{
	int fd;

	fcntl(O_DIRECT_FD, F_SETFL, O_DIRECT);
	order_fd(O_DIRECT_FD);
	refused("open with O_DIRECT", -EINVAL);
	fcntl(O_DIRECT_FD, F_SETFL, 0);
	fd = open_node(6, O_RDONLY);
	tap_ok("without it", then_reads_from(fd) == FILE_SAID);
	fcntl(O_DIRECT_FD, F_SETFL, O_DIRECT);
	tap_ok("it is set later", reads_from(fd) == SERVER);
	fcntl(O_DIRECT_FD, F_SETFL, 0);
	tap_ok("and taken back", reads_from(fd) == FILE_SAID);
	close(fd);
	close(O_DIRECT_FD);
	order_path(BACKING, O_RDONLY);
}

static void test_many(void)
{
	struct rlimit limit = { 4096, 4096 };
	int fds[EFUSE_DIRECT_MAX + 1], bad = 0;

	setrlimit(RLIMIT_NOFILE, &limit);
	for (int i = 0; i < EFUSE_DIRECT_MAX; i++) {
		fds[i] = open_node(7, O_RDONLY);
		bad += fds[i] < 0 || order->got;
	}
	tap_ok("as many as can be held", !bad && ask(EFUSE_DIRECT_ASK).files == EFUSE_DIRECT_MAX);
	fds[EFUSE_DIRECT_MAX] = open_node(7, O_RDONLY);
	tap_is("and one more", order->got, -EMFILE);
	for (int i = 0; i <= EFUSE_DIRECT_MAX; i++)
		close(fds[i]);
	tap_ok("all are let go of", !ask(EFUSE_DIRECT_ASK).files);
}

static void test_off(void)
{
	int fd = open_node(7, O_RDONLY);
	struct efuse_direct d;

	tap_ok("on until then", then_reads_from(fd) == FILE_SAID);
	d = ask(EFUSE_DIRECT_OFF);
	tap_ok("off", d.state == EFUSE_DIRECT_OFF && !d.files && d.reads);
	tap_ok("the server reads", then_reads_from(fd) == SERVER);
	tap_ok("it is off for good", (int)ask(EFUSE_DIRECT_ON).state == -ECANCELED);
	close(open_node(7, O_RDONLY));
	tap_is("and no file is named", order->got, -ECANCELED);
	close(fd);
}

/* --- ends --------------------------------------------------------------------- */

/* Whether nothing holds the file system of the backing file; what does may be ending. */
static bool is_free(void)
{
	for (int i = 0; i < 500; i++) {
		if (!umount2(BACK, 0))
			return true;
		usleep(20000);
	}
	return false;
}

static bool back_again(void)
{
	int fd;

	if (mount("back", BACK, "tmpfs", 0, "size=16m"))
		return false;
	fd = make_backing();
	close(fd);
	return fd >= 0;
}

static void test_death(void)
{
	int fd = open_node(0, O_RDONLY);

	ask(EFUSE_DIRECT_ON);
	tap_ok("on again", then_reads_from(fd) == FILE_SAID);
	end_servers();
	tap_ok("read while another has the device", then_reads_from(fd) == FILE_SAID);
	close(dev);
	tap_ok("not after the connection's end", pread(fd, buffer, BLOCK, 0) < 0 && errno == ENOTCONN);
	tap_ok("nothing is held", is_free());
	close(fd);
	umount2("/mnt", MNT_DETACH);
}

static void client(int node)
{
	for (;;) {
		int fd = open_node(node, O_RDONLY), who;

		for (int i = 0; i < 20; i++) {
			who = fd < 0 ? NOBODY : reads_from(fd);
			if (who == SOMEBODY)
				_exit(1);
			if (who == NOBODY)
				_exit(0);
		}
		close(fd);
	}
}

/* Under load: off, or the end, while files are named, read and let go of. */
static void test_load(int round)
{
	pid_t pids[CLIENTS];
	int status, bad = 0;

	order_path(BACKING, O_RDONLY);
	ask(EFUSE_DIRECT_ON);
	for (int i = 0; i < CLIENTS; i++) {
		pids[i] = fork();
		if (!pids[i])
			client(0);
	}
	usleep(300000);
	if (round % 2)
		ask(EFUSE_DIRECT_OFF);
	usleep(100000);
	umount2("/mnt", MNT_FORCE);
	for (int i = 0; i < CLIENTS; i++) {
		waitpid(pids[i], &status, 0);
		bad += status != 0;
	}
	tap_ok("ended under load", !bad);
	unmount_it();
	tap_ok("nothing is held", is_free());
}

int main(void)
{
	int backing, other;

	order = mmap(NULL, sizeof(*order), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	buffer = malloc(SIZE + REQUEST);
	mkdir(BACK, 0755);
	if (order == MAP_FAILED || !buffer || mount("back", BACK, "tmpfs", 0, "size=16m"))
		return 2;
	backing = make_backing();
	other = open(BACK "/other", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (backing < 0 || write(other, buffer, SIZE) != SIZE ||
	    dup2(other, O_DIRECT_FD) < 0 || close(other) || !mount_it())
		return 2;
	test_fields();
	test_files();
	test_requests();
	test_before();
	test_turns();
	test_sizes();
	test_changes();
	test_behind(backing);
	test_o_direct();
	test_many();
	test_off();
	unmount_it();
	close(backing);
	tap_ok("nothing is held", is_free());
	if (!back_again() || !mount_it())
		return 2;
	order_path(BACKING, O_RDONLY);
	test_death();
	for (int round = 0; round < 4; round++) {
		if (!back_again() || !mount_it())
			return 2;
		test_load(round);
	}
	return tap_finish();
}

// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * t-backing.c - EFUSE_IOC_DIRECT, by a server without a library that names a file for
 * what it opens: who answers which READ and does which WRITE, good and bad files and
 * requests, what ends it. The server says other bytes than the file holds, and writes
 * none, so that it is seen who it was.
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
	uint32_t flag;		/* EFUSE_DIRECT_WRITES */
	uint64_t node;		/* a CREATE: what it is named for; nothing is there before */
	bool follow;		/* the size that attributes have is the file's */
	bool parallel;		/* several may write at once */
	int error;		/* the reply */
	uint64_t off_size;	/* added to the size that attributes have, */
	time_t off_time;	/* to the time, */
	uint32_t off_uid;	/* and to the owner */
	int got;		/* of the call */
	unsigned long reads;	/* READs served */
	unsigned long writes;	/* WRITEs */
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
		struct {
			struct fuse_entry_out entry;
			struct fuse_open_out open;
		} create;
		struct fuse_attr_out attr;
		struct fuse_open_out open;
		struct fuse_write_out write;
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
	struct efuse_direct d = {
		.what = EFUSE_DIRECT_FILE, .unique = unique + order->off_unique, .flags = order->flag,
		.node = order->node,
	};
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
		.ino = node, .nlink = 1,
		.size = node == FUSE_ROOT_ID ? 0 :
			(order->follow ? (uint64_t)st.st_size : SIZE) + order->off_size,
		.mtime = (uint64_t)(st.st_mtim.tv_sec + order->off_time),
		.mtimensec = (uint32_t)st.st_mtim.tv_nsec,
		.ctime = (uint64_t)st.st_ctim.tv_sec, .ctimensec = (uint32_t)st.st_ctim.tv_nsec,
		.uid = st.st_uid + order->off_uid, .gid = st.st_gid,
		.mode = node == FUSE_ROOT_ID ? S_IFDIR | 0755 :
			S_IFREG | (order->follow ? st.st_mode & 07777 : 0600),
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

/* As if all had been written. */
static size_t answer_write(const struct fuse_write_in *in)
{
	__atomic_fetch_add(&order->writes, 1, __ATOMIC_SEQ_CST);
	out.write = (struct fuse_write_out){ .size = in->size };
	return sizeof(out.write);
}

static size_t answer_open(const struct fuse_in_header *in)
{
	if ((order->path[0] || order->fd) && !order->at_read && in->nodeid != NODE(NODES - 1))
		name_file(in->unique);
	out.header.error = -order->error;
	out.open = (struct fuse_open_out){ .open_flags = FOPEN_DIRECT_IO };
	if (order->parallel)
		out.open.open_flags |= FOPEN_PARALLEL_DIRECT_WRITES;
	return order->error ? 0 : sizeof(out.open);
}

static size_t answer_lookup(const unsigned char *name)
{
	if (order->node) {
		out.header.error = -ENOENT;
		return 0;
	}
	out.entry = (struct fuse_entry_out){ .nodeid = NODE(*name - '0') };
	out.entry.attr = attr_of(out.entry.nodeid);
	return sizeof(out.entry);
}

static size_t answer_create(const unsigned char *name, uint64_t unique)
{
	uint64_t node = NODE(*name - '0');

	name_file(unique);
	out.header.error = 0;
	out.create.open = (struct fuse_open_out){ .open_flags = FOPEN_DIRECT_IO };
	out.create.entry = (struct fuse_entry_out){ .nodeid = node, .attr = attr_of(node) };
	return sizeof(out.create);
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
		return answer_lookup(arg);
	case FUSE_CREATE:
		return answer_create((const unsigned char *)((const struct fuse_create_in *)arg + 1),
				     in->unique);
	case FUSE_GETATTR:
	case FUSE_SETATTR:
		out.attr = (struct fuse_attr_out){ .attr = attr_of(in->nodeid) };
		return sizeof(out.attr);
	case FUSE_OPEN:
		return answer_open(in);
	case FUSE_READ:
		return answer_read(arg, in->unique);
	case FUSE_WRITE:
		return answer_write(arg);
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

/* Of the first 129 requests: about one in 64, of which the driver says no more; always these. */
static bool is_turn(int i)
{
	return i == 0 || i == 55;
}

static void test_turns(void)
{
	/* Nobody has read this one. */
	int fd = open_node(8, O_RDONLY), server = 0, file = 0;
	struct efuse_direct before = ask(EFUSE_DIRECT_ON), after;

	tap_ok("it is on", before.state == EFUSE_DIRECT_ON);
	order->reads = 0;
	for (int i = 0; i < 2 * EFUSE_DIRECT_TURN + 1; i++) {
		int who = reads_from(fd);

		server += who == SERVER && is_turn(i);
		file += who == FILE_SAID;
	}
	after = ask(EFUSE_DIRECT_ASK);
	tap_ok("the server has its turns", server == 2 && order->reads == 2);
	tap_ok("the others are the file's", file == 2 * EFUSE_DIRECT_TURN - 1);
	tap_ok("they are counted", after.reads - before.reads == (uint64_t)file &&
	       after.bytes - before.bytes == (uint64_t)file * BLOCK);
	close(fd);
	tap_ok("also when it is closed", ask(EFUSE_DIRECT_ASK).reads == after.reads);
}

/* How many of these READs of the node, opened as often, are the server's. */
static int turns_in(int reads, int opens)
{
	order->reads = 0;
	for (int i = 0; i < opens; i++) {
		int fd = open_node(5, O_RDONLY);

		for (int j = 0; j < reads / opens; j++)
			reads_from(fd);
		close(fd);
	}
	return (int)order->reads;
}

/*
 * As often between each power of two and the next, to the end of it, of all that opens the
 * node. A READ that is disturbed is the server's as well.
 */
static void test_rare_turns(void)
{
	int early = turns_in(32 * EFUSE_DIRECT_TURN, 1), later = turns_in(32 * EFUSE_DIRECT_TURN, 1);
	int opened = turns_in(64 * EFUSE_DIRECT_TURN, 16), fd, other;

	tap_ok("turns of the first 2,048 READs", early >= 33 && early < 40);
	tap_ok("fewer of as many later", later >= 17 && later < 24);
	/* One in 256, and the first of each. */
	tap_ok("and of what is opened then", opened >= 16 + 17 && opened < 16 + 24);

	if (rename(BACKING, BACK "/former") || (fd = make_backing()) < 0)
		return tap_ok("another file", false);
	other = turns_in(32 * EFUSE_DIRECT_TURN, 1);
	tap_ok("as many of another file as of the first", other >= 33 && other < 40);
	close(fd);
	rename(BACK "/former", BACKING);
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

/* --- WRITEs --------------------------------------------------------------------- */

static int mark;	/* of the last write */

static bool is_marked(int fd, off_t off)
{
	static unsigned char there[BLOCK];
	bool all = pread(fd, there, BLOCK, off) == BLOCK;

	for (size_t i = 0; i < BLOCK; i++)
		all = all && there[i] == mark;
	return all;
}

/* Who does a WRITE of a block. */
static int writes_at(int fd, off_t off, int flags)
{
	struct iovec block = { buffer, BLOCK };
	unsigned long before = order->writes;
	int file = open(BACKING, O_RDONLY | O_CLOEXEC);
	bool there;

	mark = mark % 60 + 1;
	memset(buffer, mark, BLOCK);
	if (pwritev2(fd, &block, 1, off, flags) != BLOCK) {
		close(file);
		return NOBODY;
	}
	there = is_marked(file, off);
	close(file);
	return order->writes - before == !there ? there ? FILE_SAID : SERVER : SOMEBODY;
}

static int writes_to(int fd)
{
	return writes_at(fd, BLOCK, 0);
}

/* Who does it, when it is not the server's turn. */
static int then_writes_to(int fd)
{
	writes_to(fd);
	return writes_to(fd);
}

static void order_writes(int flags)
{
	order_path(BACKING, flags);
	order->flag = EFUSE_DIRECT_WRITES;
	order->follow = true;
}

static struct efuse_direct ask_writes(void)
{
	struct efuse_direct d = { .what = EFUSE_DIRECT_ON, .flags = EFUSE_DIRECT_WRITES };

	d.state = direct(dev, &d) ? EFUSE_DIRECT_OFF : d.state;
	return d;
}

static bool same_attributes(int fd)
{
	struct stat st, file;

	return !fstat(fd, &st) && !stat(BACKING, &file) && st.st_size == file.st_size &&
	       st.st_mtim.tv_sec == file.st_mtim.tv_sec && st.st_mtim.tv_nsec == file.st_mtim.tv_nsec;
}

static void test_write_fields(void)
{
	struct efuse_direct d = { .what = EFUSE_DIRECT_ASK, .flags = EFUSE_DIRECT_WRITES };

	tap_is("the flag with a question", direct(dev, &d), -EINVAL);
	d = (struct efuse_direct){ .what = EFUSE_DIRECT_OFF, .flags = EFUSE_DIRECT_WRITES };
	tap_is("with an end", direct(dev, &d), -EINVAL);
	d = (struct efuse_direct){ .what = EFUSE_DIRECT_ON, .flags = 2 };
	tap_is("another flag", direct(dev, &d), -EINVAL);
}

static void test_write_before(void)
{
	int fd;

	ask(EFUSE_DIRECT_ON);
	order_writes(O_RDWR);
	fd = open_node(0, O_RDWR);
	tap_is("a file is named", order->got, 0);
	tap_ok("the server writes until it hands through", then_writes_to(fd) == SERVER &&
	       writes_to(fd) == SERVER);
	tap_ok("and reads what is open for writing", then_reads_from(fd) == SERVER);
	tap_ok("then the first", ask_writes().state == EFUSE_DIRECT_ON && writes_to(fd) == SERVER);
	tap_ok("the next goes to the file", writes_to(fd) == FILE_SAID);
	tap_ok("and is read there", pread(fd, buffer, BLOCK, BLOCK) == BLOCK &&
	       pread(fd, buffer, BLOCK, BLOCK) == BLOCK && is_marked(fd, BLOCK));
	ask(EFUSE_DIRECT_ON);
	tap_ok("the flag is taken back", writes_to(fd) == SERVER && reads_from(fd) == SERVER);
	ask_writes();
	close(fd);
}

static void test_write_turns(void)
{
	int fd = open_node(0, O_RDWR), server = 0, file = 0;
	struct efuse_direct before = ask(EFUSE_DIRECT_ASK), after;

	for (int i = 0; i < 2 * EFUSE_DIRECT_TURN + 1; i++) {
		int who = writes_at(fd, i % 7 * BLOCK, 0);

		server += who == SERVER && is_turn(i);
		file += who == FILE_SAID;
	}
	after = ask(EFUSE_DIRECT_ASK);
	tap_ok("the server has its turns", server == 2);
	tap_ok("the others are the file's", file == 2 * EFUSE_DIRECT_TURN - 1);
	tap_ok("they are counted", after.writes - before.writes == (uint64_t)file);
	close(fd);
	tap_ok("also when it is closed", ask(EFUSE_DIRECT_ASK).writes == after.writes);
}

static void test_write_sizes(void)
{
	struct iovec parts[] = { { buffer + 3, 1000 }, { buffer + 1003, 5000 }, { buffer + 6003, 77 } };
	int fd = open_node(0, O_RDWR), file = open(BACKING, O_RDONLY | O_CLOEXEC);
	unsigned long before;
	struct stat st;

	tap_ok("on", then_writes_to(fd) == FILE_SAID);
	tap_ok("size and times are the file's", same_attributes(fd));
	fstat(fd, &st);
	before = order->writes;
	tap_ok("at the end", writes_at(fd, st.st_size, 0) == FILE_SAID && same_attributes(fd));
	tap_ok("beyond it", writes_at(fd, st.st_size + 10 * BLOCK, 0) == FILE_SAID &&
	       same_attributes(fd));
	for (unsigned int i = 0; i < SIZE; i++)
		buffer[i] = (unsigned char)(i * 7 + i / 251);
	tap_ok("more than a request", pwrite(fd, buffer, SIZE, st.st_size - 1000) == SIZE);
	tap_ok("is all there", pread(file, buffer + SIZE, REQUEST, st.st_size - 1000 + SIZE - REQUEST) ==
	       REQUEST && !memcmp(buffer + SIZE, buffer + SIZE - REQUEST, REQUEST));
	tap_ok("in parts, unaligned", pwritev(fd, parts, 3, 777) == 6077 &&
	       pread(file, buffer + SIZE, 6077, 777) == 6077 &&
	       !memcmp(buffer + SIZE, buffer + 3, 6077));
	tap_ok("none of it by the server", order->writes == before && same_attributes(fd));
	tap_ok("nothing of nothing", pwrite(fd, buffer, 0, 5) == 0);
	close(file);
	close(fd);
	close(make_backing());
}

/* The server is ordered to open with these, somebody opens the node, with these. */
static void not_written(const char *what, int flags, int node_flags, int write_flags)
{
	int fd;

	order_writes(flags);
	fd = open_node(0, node_flags);
	writes_at(fd, BLOCK, write_flags);
	tap_ok(what, fd >= 0 && writes_at(fd, BLOCK, write_flags) == SERVER);
	close(fd);
}

static void test_not_written(void)
{
	struct rlimit limit = { 2 * BLOCK, RLIM_INFINITY }, none = { RLIM_INFINITY, RLIM_INFINITY };
	int fd;

	not_written("a file that is open for reading", O_RDONLY, O_RDWR, 0);
	not_written("for appending", O_RDWR | O_APPEND, O_RDWR, 0);
	not_written("synchronously", O_RDWR | O_DSYNC, O_RDWR, 0);
	not_written("a node for appending", O_RDWR, O_RDWR | O_APPEND, 0);
	not_written("synchronously, that", O_RDWR, O_RDWR | O_SYNC, 0);
	not_written("or its data", O_RDWR, O_RDWR | O_DSYNC, 0);
	not_written("one such write", O_RDWR, O_RDWR, RWF_DSYNC);
	chmod(BACKING, 04711);
	not_written("a file that is set-user-id", O_RDWR, O_RDWR, 0);
	chmod(BACKING, 0600);
	for (int i = 0; i < SERVERS; i++)
		prlimit(servers[i], RLIMIT_FSIZE, &limit, NULL);
	order_writes(O_RDWR);
	fd = open_node(0, O_RDWR);
	tap_ok("within the server's limit", then_writes_to(fd) == FILE_SAID);
	tap_ok("beyond it", writes_at(fd, BLOCK + 1, 0) == SERVER);
	close(fd);
	for (int i = 0; i < SERVERS; i++)
		prlimit(servers[i], RLIMIT_FSIZE, &none, NULL);
	order->flag = 0;
	fd = open_node(0, O_RDWR);
	tap_ok("named without the flag", then_writes_to(fd) == SERVER);
	tap_ok("which is read", then_reads_from(fd) != SERVER);
	close(fd);
	order_path(BACKING, O_WRONLY);
	order->follow = true;
	close(open_node(0, O_WRONLY));
	tap_is("one that is open for writing only, without it", order->got, -EBADF);
	order_writes(O_WRONLY);
	fd = open_node(0, O_WRONLY);
	tap_ok("with it", !order->got && then_writes_to(fd) == FILE_SAID);
	close(fd);
	order_writes(O_PATH);
	close(open_node(0, O_RDWR));
	tap_is("open to be pointed at only", order->got, -EBADF);
	order_writes(O_RDWR);
}

static void test_write_opens(void)
{
	int a = open_node(1, O_RDWR), b = open_node(1, O_RDWR), reader = open_node(1, O_RDONLY);

	tap_ok("one of two", then_writes_to(a) == FILE_SAID);
	tap_ok("the other", then_writes_to(b) == FILE_SAID);
	tap_ok("in turn", writes_to(a) == FILE_SAID && writes_to(b) == FILE_SAID);
	reads_from(a);
	reads_from(reader);
	tap_ok("each reads what was written", is_marked(a, BLOCK) && is_marked(reader, BLOCK));
	close(a);
	tap_ok("also when one is closed", writes_to(b) == FILE_SAID && is_marked(reader, BLOCK));
	close(b);
	close(reader);
}

static void write_same(int fd)
{
	for (unsigned int i = 0; i < REQUEST; i++)
		buffer[i] = byte_at(i);
	while (pwrite(fd, buffer, REQUEST, 0) == REQUEST)
		;
	_exit(1);
}

/* While WRITEs go to the file it is not as old as the node. It is the node's all the same. */
static void test_write_meanwhile(void)
{
	int fd, file = 0, server;
	pid_t pid;

	close(make_backing());
	fd = open_node(1, O_RDWR);
	tap_ok("on", then_writes_to(fd) == FILE_SAID);
	reads_from(fd);
	pid = fork();
	if (!pid)
		write_same(fd);
	usleep(100000);
	order->reads = 0;
	for (int i = 0; i < 10 * EFUSE_DIRECT_TURN; i++)
		file += reads_from(fd) == FILE_SAID;
	server = (int)order->reads;
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	printf("# %d by the file, %d by the server\n", file, server);
	tap_ok("it is read there while it is written, but for the server's turns",
	       file + server == 10 * EFUSE_DIRECT_TURN && server >= 5 && server < 40);
	tap_ok("as well as after", (reads_from(fd) == FILE_SAID || reads_from(fd) == FILE_SAID) &&
	       same_attributes(fd));
	close(fd);
}

/* Whether it is the file's again, before long. */
static bool comes_back(int fd)
{
	for (int i = 0; i <= EFUSE_DIRECT_TURN; i++)
		if (writes_to(fd) == FILE_SAID)
			return true;
	return false;
}

/* Others write to the file, and the server says so, or does not. */
static void test_write_behind(void)
{
	struct timespec times[2] = { { 0, UTIME_OMIT }, { 12345, 0 } };
	int fd = open_node(2, O_RDWR), file = open(BACKING, O_RDWR | O_CLOEXEC);

	tap_ok("another node", then_writes_to(fd) == FILE_SAID);
	reads_from(fd);
	memset(buffer, mark = 77, BLOCK);
	tap_ok("what was written behind it", pwrite(file, buffer, BLOCK, BLOCK) == BLOCK &&
	       !futimens(file, times) && is_marked(fd, BLOCK));
	tap_ok("is written over", comes_back(fd) && same_attributes(fd));
	order->off_time = 1;
	futimens(file, (struct timespec[2]){ { 0, UTIME_OMIT }, { 23456, 0 } });
	tap_ok("the server says another time", then_writes_to(fd) == SERVER &&
	       then_reads_from(fd) == SERVER);
	order->off_time = 0;
	tap_ok("and no longer", comes_back(fd));
	order->off_size = 1;
	futimens(file, times);
	tap_ok("another size", then_writes_to(fd) == SERVER);
	order->off_size = 0;
	tap_ok("and no longer", comes_back(fd));
	tap_ok("the file is cut", !ftruncate(file, 100) && writes_at(fd, 5 * BLOCK, 0) != NOBODY &&
	       same_attributes(fd));
	rename(BACKING, BACK "/away");
	close(make_backing());
	writes_to(fd);
	close(file);
	file = open(BACKING, O_RDONLY | O_CLOEXEC);
	tap_ok("another is in its place: nothing goes there", !is_marked(file, BLOCK));
	close(fd);
	close(file);
	unlink(BACK "/away");
	tap_ok("by who opens it now", (fd = open_node(3, O_RDWR)) >= 0 && then_writes_to(fd) == FILE_SAID);
	tap_ok("a SETATTR", !fchmod(fd, 0600) && comes_back(fd));
	notify(NODE(3));
	tap_ok("not after that", then_writes_to(fd) == SERVER && reads_from(fd) == SERVER);
	close(fd);
}

static int create_node(int node)
{
	char path[] = "/mnt/0";

	path[5] = (char)('0' + node);
	return open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
}

static void test_created(void)
{
	int fd;

	order->node = NODE(5);
	fd = create_node(5);
	tap_is("what is created", order->got, 0);
	tap_ok("is written", then_writes_to(fd) == FILE_SAID && same_attributes(fd));
	order->node = NODE(7);
	close(create_node(6));
	tap_is("the same for another node", order->got, -EEXIST);
	order->flag = 0;
	close(create_node(8));
	tap_is("without the flag", order->got, -EINVAL);
	order->flag = EFUSE_DIRECT_WRITES;
	order->node = 0;
	close(fd);
	fd = open_node(7, O_RDWR);
	tap_ok("let go of", then_writes_to(fd) == FILE_SAID);
	order->node = NODE(7);
	close(fd);
	order->node = 0;
}

static void test_write_off(void)
{
	int fd = open_node(4, O_RDWR);

	tap_ok("on until then", then_writes_to(fd) == FILE_SAID);
	tap_ok("off", ask(EFUSE_DIRECT_OFF).writes);
	tap_ok("the server writes", then_writes_to(fd) == SERVER && then_reads_from(fd) == SERVER);
	close(fd);
}

static void test_writes(void)
{
	test_write_fields();
	test_write_before();
	test_write_turns();
	test_write_sizes();
	test_not_written();
	test_write_opens();
	test_write_meanwhile();
	test_write_behind();
	test_created();
	test_write_off();
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

/* What is written is what was there, so that readers see no other. */
static void writer(int node)
{
	for (;;) {
		int fd = open_node(node, O_RDWR);

		for (unsigned int i = 0; i < BLOCK; i++)
			buffer[i] = byte_at(BLOCK + i);
		for (int i = 0; i < 20; i++)
			if (fd < 0 || pwrite(fd, buffer, BLOCK, BLOCK) != BLOCK)
				_exit(0);
		close(fd);
	}
}

/* Under load: off, or the end, while files are named, read, written and let go of. */
static void test_load(int round)
{
	pid_t pids[CLIENTS];
	int status, bad = 0;

	order_writes(O_RDWR);
	order->parallel = round >= 2;
	ask_writes();
	for (int i = 0; i < CLIENTS; i++) {
		pids[i] = fork();
		if (!pids[i] && i > 0)
			writer(0);
		if (!pids[i])
			client(0);
	}
	for (int i = 0; i < 20; i++) {
		usleep(15000);
		if (i % 3)
			ask_writes();
		else
			ask(EFUSE_DIRECT_ON);
	}
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
	test_rare_turns();
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
	test_writes();
	unmount_it();
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

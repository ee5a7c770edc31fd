// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * t-statsfile.c - status files good, damaged and hostile: what is believed, and
 * that nothing else is.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include "mount.efuse/fusemount.h"
#include "mount.efuse/latency.h"
#include "mount.efuse/statsdir.h"

static int tests, failures;
static char dir[] = "/tmp/efuse-t-statsfile.XXXXXX";
static int dirfd_;

static void ok(bool good, const char *what)
{
	printf("%s %d - %s\n", good ? "ok" : "not ok", ++tests, what);
	failures += !good;
}

static void is(long long got, long long want, const char *what)
{
	ok(got == want, what);
	if (got != want)
		printf("# got %lld, want %lld\n", got, want);
}

static uint64_t my_starttime(void)
{
	char text[1024] = "", *s;
	FILE *f = fopen("/proc/self/stat", "r");

	if (!f || !fgets(text, sizeof(text), f))
		exit(1);
	fclose(f);
	s = strrchr(text, ')');
	for (int i = 2; s && i < 22; i++)
		s = strchr(s + 1, ' ');
	return s ? strtoull(s + 1, NULL, 10) : 0;
}

/* A good head of this very process. */
static struct stats_head good_head(void)
{
	struct stats_head head = {
		.magic = STATS_MAGIC, .version = STATS_VERSION, .head_size = sizeof(head),
		.block_size = sizeof(struct stats_core), .nblocks = statsfile_max_blocks(),
		.pid = (uint32_t)getpid(), .starttime = my_starttime(),
		.channel = STATS_CHANNEL_URING, .state = STATS_STATE_RUNNING,
		.comm = "t-statsfile", .reason = "because",
	};

	return head;
}

static const char *good_name(void)
{
	static char name[64];

	snprintf(name, sizeof(name), "00ff-%d-0", getpid());
	return name;
}

static void put(const char *name, const struct stats_head *head, off_t size)
{
	int fd = openat(dirfd_, name, O_WRONLY | O_CREAT | O_TRUNC, 0644);

	if (fd < 0 || write(fd, head, sizeof(*head)) != sizeof(*head) || ftruncate(fd, size))
		exit(1);
	close(fd);
}

static off_t good_size(void)
{
	return (off_t)(sizeof(struct stats_head) + statsfile_max_blocks() * sizeof(struct stats_core));
}

/* Read NAME, forget what was read, return the result. */
static int try(const char *name)
{
	struct statsfile *file = NULL;
	int err = statsfile_read(dirfd_, name, getuid(), &file);

	statsfile_free(file);
	unlinkat(dirfd_, name, 0);
	return err;
}

static int try_head(const struct stats_head *head)
{
	put(good_name(), head, good_size());
	return try(good_name());
}

static void test_good(void)
{
	struct stats_head head = good_head();
	struct stats_core core = { .depth = 3, .depth_max = 7, .workers = 1 };
	struct statsfile *file = NULL;
	int fd;

	put(good_name(), &head, good_size());
	core.op[3].requests = 10;
	core.op[3].hist[5] = 10;
	fd = openat(dirfd_, good_name(), O_WRONLY);
	ok(pwrite(fd, &core, sizeof(core), sizeof(head)) == sizeof(core) &&
	   pwrite(fd, &core, sizeof(core), good_size() - (off_t)sizeof(core)) == sizeof(core),
	   "a file is made");
	close(fd);
	is(statsfile_read(dirfd_, good_name(), getuid(), &file), 0, "a good file is read");
	if (!file)
		return;
	is(file->ncores, statsfile_max_blocks() - 1, "one block per core");
	is(file->cores[0].requests, 10, "requests of a core");
	is(file->cores[0].depth_max, 7, "depth of a core");
	is((long long)file->ring[3].requests, 10, "requests of an opcode over the rings");
	is((long long)file->over_dev[3].requests, 10, "and over the device");
	is(file->dev.depth, 3, "the last block is the device's");
	statsfile_free(file);
	unlinkat(dirfd_, good_name(), 0);
}

static void test_heads(void)
{
	struct stats_head h;

#define BAD(change, err, what) do { h = good_head(); change; is(try_head(&h), err, what); } while (0)
	BAD(h.magic = 0, -EAGAIN, "not ready yet");
	BAD(h.magic ^= 1, -EBADMSG, "wrong magic");
	BAD(h.version++, -EPROTONOSUPPORT, "another version");
	BAD(h.head_size = 8, -EBADMSG, "wrong head size");
	BAD(h.block_size = 1, -EBADMSG, "small blocks");
	BAD(h.block_size = UINT32_MAX, -EBADMSG, "huge blocks");
	BAD(h.nblocks = 0, -EBADMSG, "no blocks");
	BAD(h.nblocks = 1, -EBADMSG, "no core's block");
	BAD(h.nblocks++, -EBADMSG, "more blocks than this machine can have");
	BAD(h.nblocks = UINT32_MAX, -EBADMSG, "far more blocks");
	BAD(h.channel = 4, -EBADMSG, "unknown channel");
	BAD(h.state = 3, -EBADMSG, "unknown state");
	BAD(h.index = 1, -EBADMSG, "another index than the name's");
	BAD(h.pid = 1, -EBADMSG, "another process than the name's");
	BAD(h.starttime++, -ESRCH, "the process began at another time");
	BAD(memset(h.comm, 'x', sizeof(h.comm)), 0, "a name without an end");
	BAD(memset(h.reason, '\x1b', sizeof(h.reason)), 0, "a reason without an end");
#undef BAD
}

static void test_strings(void)
{
	struct stats_head head = good_head();
	struct statsfile *file = NULL;

	memset(head.comm, 'x', sizeof(head.comm));
	memset(head.reason, 'y', sizeof(head.reason));
	put(good_name(), &head, good_size());
	statsfile_read(dirfd_, good_name(), getuid(), &file);
	ok(file && strlen(file->head.comm) == sizeof(head.comm) - 1, "the name is ended");
	ok(file && strlen(file->head.reason) == sizeof(head.reason) - 1, "the reason is ended");
	statsfile_free(file);
	unlinkat(dirfd_, good_name(), 0);
}

static void test_sizes(void)
{
	struct stats_head head = good_head();

	put(good_name(), &head, 0);
	is(try(good_name()), -EAGAIN, "an empty file");
	put(good_name(), &head, 100);
	is(try(good_name()), -EAGAIN, "half a head");
	put(good_name(), &head, sizeof(head));
	is(try(good_name()), -EBADMSG, "no blocks behind the head");
	put(good_name(), &head, good_size() - 1);
	is(try(good_name()), -EBADMSG, "one byte short");
	put(good_name(), &head, good_size() + 4096);
	is(try(good_name()), 0, "a longer file is good");
}

static void test_names(void)
{
	static const char *const names[] = {
		"-1-0", "xyz-1-0", "00ff", "00ff-1", "00ff--0", "00ff-1-", "00ff-1-0x", "00ff-0-0",
		"00ff-99999999999999999999-0", "00ff-1-99999999999999999999", "00ff- 1-0",
		"000000000000000000000000000000001-1-0",
	};
	struct stats_head head = good_head();

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		put(names[i], &head, good_size());
		is(try(names[i]), -EBADMSG, names[i]);
	}
}

static void test_kinds(void)
{
	struct stats_head head = good_head();

	if (symlinkat("/etc/passwd", dirfd_, good_name()))
		exit(1);
	is(try(good_name()), -ELOOP, "a symbolic link");
	if (mkfifoat(dirfd_, good_name(), 0644))
		exit(1);
	is(try(good_name()), -EPERM, "a pipe, without waiting for a writer");
	put(good_name(), &head, good_size());
	if (getuid() == 0) {
		if (fchownat(dirfd_, good_name(), 1000, 1000, 0))
			exit(1);
		is(try(good_name()), -EPERM, "a file of another user");
	} else {
		printf("ok %d - a file of another user # SKIP needs root\n", ++tests);
	}
	unlinkat(dirfd_, good_name(), 0);
}

static pid_t dead_pid(void)
{
	pid_t pid = fork();

	if (pid == 0)
		_exit(0);
	waitpid(pid, NULL, 0);
	return pid;
}

static bool never(const char *path, void *arg)
{
	return strcmp(path, arg) == 0;
}

static void test_search(void)
{
	struct stats_head head = good_head(), dead = good_head();
	struct statsdir_found found;
	char name[64];
	unsigned int n = 0;

	put(good_name(), &head, good_size());
	dead.pid = (uint32_t)dead_pid();
	snprintf(name, sizeof(name), "0-%u-0", dead.pid);
	put(name, &dead, good_size());
	put("mount-17", &head, good_size());
	setenv("EFUSE_STATUS", dir, 1);
	is(statsdir_search(NULL, NULL, &found), 0, "a search");
	for (struct statsfile *f = found.list; f; f = f->next)
		n += strncmp(f->path, dir, strlen(dir)) == 0;
	is(n, 1, "finds the living daemon's file");
	ok(faccessat(dirfd_, name, F_OK, 0) && errno == ENOENT, "removes the dead one's");
	ok(faccessat(dirfd_, "mount-17", F_OK, 0) == 0, "leaves other files alone");
	statsfile_free(found.list);
	statsdir_search(never, dir, &found);
	for (struct statsfile *f = found.list; f; f = f->next)
		n += strncmp(f->path, dir, strlen(dir)) == 0;
	is(n, 1, "a folder to be avoided is not searched");
	statsfile_free(found.list);
	fchmod(dirfd_, 0777);
	statsdir_search(NULL, NULL, &found);
	for (struct statsfile *f = found.list; f; f = f->next)
		n += strncmp(f->path, dir, strlen(dir)) == 0;
	is(n, 1, "nor one that everybody can write");
	statsfile_free(found.list);
	fchmod(dirfd_, 0700);
	unlinkat(dirfd_, "mount-17", 0);
	unlinkat(dirfd_, good_name(), 0);
}

/* --- mounts ---------------------------------------------------------------- */

static struct statsfile *new_file(uint32_t conn, uid_t owner, const char *comm, uint64_t start)
{
	struct statsfile *file = calloc(1, sizeof(*file));

	file->head.conn = conn;
	file->head.starttime = start;
	file->owner = owner;
	snprintf(file->head.comm, sizeof(file->head.comm), "%s", comm);
	file->path = strdup(comm);
	return file;
}

static void test_match(void)
{
	struct fusemount block = { .fstype = (char *)"fuseblk", .dev = makedev(7, 3) };
	struct fusemount c = { .fstype = (char *)"fuse.b", .dev = makedev(0, 52), .next = &block };
	struct fusemount b = { .fstype = (char *)"fuse.b", .dev = makedev(0, 51), .user = 5,
			       .next = &c };
	struct fusemount a = { .fstype = (char *)"fuse.a", .dev = makedev(0, 50), .user = 5,
			       .next = &b };
	struct statsfile *old = new_file(50, 5, "a", 1), *new = new_file(50, 5, "a2", 2);
	struct statsfile *thief = new_file(50, 6, "thief", 3), *blk = new_file(7 << 20 | 3, 0, "n", 4);
	struct statsfile *lone = new_file(0, 5, "b", 5), *left;

	thief->next = old;
	old->next = new;
	new->next = blk;
	blk->next = lone;
	left = fusemount_match(&a, thief);
	ok(a.stats == new, "by connection: the later start");
	ok(block.stats == blk, "a block device's connection");
	ok(b.stats == lone, "by program, among the mounts of its user");
	ok(!c.stats, "nothing for a mount of another user");
	ok(left == thief && thief->next == old && !old->next, "what nobody may claim is left over");
	statsfile_free(left);
	statsfile_free(new);
	statsfile_free(blk);
	statsfile_free(lone);
}

static void test_ambiguous(void)
{
	struct fusemount b = { .fstype = (char *)"fuse.b", .dev = makedev(0, 51) };
	struct fusemount a = { .fstype = (char *)"fuse.b", .dev = makedev(0, 50), .next = &b };
	struct statsfile *file = new_file(0, 0, "b", 5);

	ok(fusemount_match(&a, file) == file && !a.stats && !b.stats, "no guess between two mounts");
	file->next = new_file(0, 0, "b", 6);
	a.next = NULL;
	ok(fusemount_match(&a, file) == file && !a.stats, "nor between two files");
	statsfile_free(file);
}

/* --- figures --------------------------------------------------------------- */

static void test_percentiles(void)
{
	struct stats_op op = { 0 };

	is((long long)latency_percentile(&op, 0.5), 0, "no replies, no latency");
	op.hist[stats_bucket(10000)] = 90;
	op.hist[stats_bucket(1000000)] = 10;
	ok(latency_percentile(&op, 0.5) > 8000 && latency_percentile(&op, 0.5) < 12300, "median");
	ok(latency_percentile(&op, 0.99) > 780000 && latency_percentile(&op, 0.99) < 1100000, "p99");
	ok(latency_percentile(&op, 0.5) <= latency_percentile(&op, 0.9), "they grow");
	memset(op.hist, 0xff, sizeof(op.hist));
	ok(latency_percentile(&op, 0.99) >= 0, "hostile counts do no harm");
}

static void test_since(void)
{
	struct statsfile *before = new_file(1, 0, "x", 1), *after = new_file(1, 0, "x", 1);

	before->head.syscalls = 5;
	after->head.syscalls = 7;
	before->ring[1].requests = 9;
	after->ring[1].requests = 4;
	latency_since(after, before);
	is((long long)after->head.syscalls, 2, "a difference");
	is((long long)after->ring[1].requests, 0, "never below zero");
	statsfile_free(before);
	statsfile_free(after);
}

int main(void)
{
	if (!mkdtemp(dir) || (dirfd_ = open(dir, O_RDONLY | O_DIRECTORY)) < 0)
		return 1;
	test_good();
	test_heads();
	test_strings();
	test_sizes();
	test_names();
	test_kinds();
	test_search();
	test_match();
	test_ambiguous();
	test_percentiles();
	test_since();
	rmdir(dir);
	printf("1..%d\n", tests);
	return failures != 0;
}

// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * prog-data.c - exercises the contents of files: random reads, writes and all else
 * that changes contents, each compared with what memory says it must be.
 *
 *   prog-data DIR [--seed N] [--ops N] [--size N] [--procs N] [--shared]
 *             [--behind BACKING [--wait MS] [--no-map]]
 *
 * Each of --procs processes has a file of its own in DIR, of up to --size bytes.
 * With --shared they have one file together, whose size stays; each of them owns
 * stripes of it, which share blocks with the others', writes there alone, and
 * compares nothing else. With --behind, DIR shows BACKING: now and then a process begins
 * another file, and every second of these it changes in BACKING, and reads in DIR alone,
 * where changes must show after --wait milliseconds, or at once. With --no-map none of these
 * is made by a mapping, which on tmpfs need not change the time of modification. The same
 * arguments give each process the same operations.
 *
 * Leaves with 0, 1 for a difference, which is printed, or 2 if it could not run.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define STRIPE	3000
#define READINGS	8
#define LIFE	200	/* operations of a file, about, that is followed by another */
#define ALIGN	4096

static struct {
	uint64_t seed;
	unsigned int ops, procs;
	size_t size;
	bool shared, no_map;
	const char *dir, *behind;	/* what dir shows, if there are changes behind it */
	unsigned int wait_ms;
} setup = { .seed = 1, .ops = 1000, .procs = 1, .size = 256 << 10 };

/* What the file must hold, in one process. */
static struct {
	char path[PATH_MAX];	/* where it is read */
	char target[PATH_MAX];	/* where it is changed */
	unsigned char *image;	/* setup.size bytes */
	unsigned char *buf;	/* the same, and some more */
	size_t size;
	/* Of the target, usual, and with O_DIRECT; and the same for nothing but reading. */
	int fd[2], reader[2];
	bool behind, waits;	/* the target is another path; a change is not shown yet */
	bool mapped;		/* something was changed in a mapping, and may be written yet */
	uint64_t random;
	unsigned int proc, op;
	const char *what;
} f;

static uint64_t draw(uint64_t below)
{
	f.random ^= f.random << 13;
	f.random ^= f.random >> 7;
	f.random ^= f.random << 17;
	return below ? f.random % below : 0;
}

static int broken(const char *why, long long at, long long got, long long want)
{
	printf("# seed %llu process %u operation %u, %s: %s at %lld: %lld, want %lld (errno %d)\n",
	       (unsigned long long)setup.seed, f.proc, f.op, f.what, why, at, got, want, errno);
	return 1;
}

/* --- ranges ------------------------------------------------------------------ */

struct range {
	size_t from, len;
};

/* Often small, sometimes all; often at the edges of blocks. */
static struct range draw_range(size_t end)
{
	struct range r = { .from = draw(end) };
	size_t most = draw(4) ? 3 * ALIGN : setup.size;

	if (draw(3) == 0)
		r.from = r.from / ALIGN * ALIGN;
	r.len = 1 + draw(most);
	if (draw(3) == 0)
		r.len = (r.len + ALIGN - 1) / ALIGN * ALIGN;
	if (r.from + r.len > end)
		r.len = end - r.from;
	return r;
}

/* The part of the stripe at r.from that is ours, or nothing. */
static struct range own_range(struct range r)
{
	size_t stripe = r.from / STRIPE, end = (stripe + 1) * STRIPE;

	if (!setup.shared)
		return r;
	if (stripe % setup.procs != f.proc)
		r.len = 0;
	if (r.from + r.len > end)
		r.len = end - r.from;
	return r;
}

static bool is_own(size_t at)
{
	return !setup.shared || at / STRIPE % setup.procs == f.proc;
}

static int pick_fd(void)
{
	return f.fd[draw(2)];
}

/* What is behind the mount is read on the mount. */
static int pick_reader(void)
{
	return f.behind || draw(3) == 0 ? f.reader[draw(2)] : pick_fd();
}

/* Until what was changed behind the mount must show. */
static void settle(void)
{
	struct timespec ts = { .tv_sec = setup.wait_ms / 1000,
			       .tv_nsec = setup.wait_ms % 1000 * 1000000L };

	if (f.waits && setup.wait_ms)
		nanosleep(&ts, NULL);
	f.waits = false;
}

/* len bytes of buf are what the file must hold from there on. */
static int compare(size_t from, size_t len)
{
	if (memcmp(f.buf, f.image + from, len) == 0)
		return 0;
	for (size_t i = 0; i < len; i++)
		if (f.buf[i] != f.image[from + i] && is_own(from + i))
			return broken("byte", (long long)(from + i), f.buf[i], f.image[from + i]);
	return 0;
}

static void grow(size_t size)
{
	if (size > f.size)
		f.size = size;
}

/* --- operations: 0, or 1 for a difference --------------------------------------- */

static int op_read(void)
{
	struct range r = draw_range(setup.size);
	ssize_t want = r.from >= f.size ? 0 : (ssize_t)(f.size - r.from), got;

	f.what = "read";
	if (want > (ssize_t)r.len)
		want = (ssize_t)r.len;
	settle();
	got = pread(pick_reader(), f.buf, r.len, (off_t)r.from);
	if (got != want)
		return broken("bytes read", (long long)r.from, got, want);
	return compare(r.from, (size_t)got);
}

static void fill(unsigned char *at, size_t len)
{
	for (size_t n; len; at += n, len -= n) {
		draw(0);
		n = len < sizeof(f.random) ? len : sizeof(f.random);
		memcpy(at, &f.random, n);
	}
}

static int write_at(int fd, struct range r)
{
	ssize_t got;

	if (!r.len)
		return 0;
	fill(f.image + r.from, r.len);
	memcpy(f.buf, f.image + r.from, r.len);
	got = pwrite(fd, f.buf, r.len, (off_t)r.from);
	grow(r.from + r.len);
	return got == (ssize_t)r.len ? 0 :
	       broken("bytes written", (long long)r.from, got, (long long)r.len);
}

static int op_write(void)
{
	f.what = "write";
	return write_at(pick_fd(), own_range(draw_range(setup.size)));
}

static int op_append(void)
{
	struct range r = { .from = f.size, .len = 1 + draw(2 * ALIGN) };
	int fd, ret;

	f.what = "append";
	if (f.size + r.len > setup.size)
		return 0;
	fd = open(f.target, O_WRONLY | O_APPEND | (draw(2) ? O_DIRECT : 0) | O_CLOEXEC);
	if (fd < 0)
		return broken("open", 0, fd, 0);
	ret = write_at(fd, r);
	close(fd);
	return ret;
}

static int op_truncate(void)
{
	size_t size = draw(3) ? draw(setup.size) : draw(setup.size / ALIGN) * ALIGN;

	f.what = "truncate";
	if (draw(2) ? ftruncate(f.fd[0], (off_t)size) : truncate(f.target, (off_t)size))
		return broken("truncate", (long long)size, -1, 0);
	if (size < f.size)
		memset(f.image + size, 0, f.size - size);
	f.size = size;
	return 0;
}

/*
 * Nothing keeps the WRITE of a mapped page from arriving behind an OPEN with O_TRUNC, in
 * Linux' own driver neither, unless the kernel collects writes (fs/fuse/file.c, fuse_open()).
 * So these are written before.
 */
static int op_cut(void)
{
	int fd;

	f.what = "open with O_TRUNC";
	if (f.mapped && fsync(f.fd[0]))
		return broken("fsync", 0, -1, 0);
	f.mapped = false;
	fd = open(f.target, O_RDWR | O_TRUNC | O_CLOEXEC);
	if (fd < 0)
		return broken("open", 0, fd, 0);
	close(fd);
	memset(f.image, 0, f.size);
	f.size = 0;
	return 0;
}

static int op_map(void)
{
	struct range r = own_range(draw_range(f.size));
	unsigned char *map;
	int ret = 0;

	f.what = "mmap";
	if (!f.size || !r.len)
		return 0;
	map = mmap(NULL, f.size, PROT_READ | PROT_WRITE, MAP_SHARED, f.fd[0], 0);
	if (map == MAP_FAILED)
		return errno == ENODEV ? 0 : broken("mmap", 0, -1, 0);
	memcpy(f.buf, map + r.from, r.len);
	ret = compare(r.from, r.len);
	if (draw(2) && !(f.behind && setup.no_map)) {
		memset(map + r.from, (int)f.op, r.len);
		memset(f.image + r.from, (int)f.op, r.len);
		f.mapped = true;
		if (draw(2) && msync(map, f.size, MS_SYNC))
			ret = broken("msync", 0, -1, 0);
	}
	munmap(map, f.size);
	return ret;
}

static int op_fallocate(void)
{
	struct range r = own_range(draw_range(setup.size));
	bool punch = draw(2) || setup.shared;

	f.what = punch ? "punch" : "fallocate";
	if (!r.len)
		return 0;
	if (fallocate(f.fd[0], punch ? FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE : 0,
		      (off_t)r.from, (off_t)r.len))
		return errno == EOPNOTSUPP ? 0 : broken("fallocate", (long long)r.from, -1, 0);
	if (punch)
		memset(f.image + r.from, 0, r.len);
	else
		grow(r.from + r.len);
	return 0;
}

static int op_copy(void)
{
	struct range r = own_range(draw_range(f.size));
	off_t from, to = (off_t)r.from;
	ssize_t got;

	f.what = "copy_file_range";
	if (!r.len || 2 * r.len > f.size || setup.shared)
		return 0;
	from = (off_t)(r.from >= r.len ? draw(r.from - r.len + 1) : r.from + r.len);
	if ((size_t)from + r.len > f.size)
		return 0;
	got = copy_file_range(f.fd[0], &from, f.fd[0], &to, r.len, 0);
	if (got < 0)
		return broken("copy_file_range", (long long)r.from, got, (long long)r.len);
	memcpy(f.image + r.from, f.image + (from - got), (size_t)got);
	return 0;
}

static int op_fsync(void)
{
	f.what = "fsync";
	return fsync(pick_fd()) ? broken("fsync", 0, -1, 0) : 0;
}

static int open_one(int *fd, const char *path, int flags)
{
	if (*fd >= 0)
		close(*fd);
	*fd = open(path, flags | O_CLOEXEC, 0644);
	return *fd < 0 ? broken("open", flags, -1, 0) : 0;
}

/* What is read is opened when the file is there, and by nobody for writing if that is elsewhere. */
static int reopen(void)
{
	f.what = "open";
	return open_one(&f.fd[0], f.target, O_RDWR | O_CREAT) ||
	       open_one(&f.fd[1], f.target, O_RDWR | O_DIRECT) ||
	       open_one(&f.reader[0], f.path, O_RDONLY) ||
	       open_one(&f.reader[1], f.path, O_RDONLY | O_DIRECT);
}

/* Another file, in its place. */
static int op_renew(void)
{
	f.what = "unlink";
	if (unlink(f.path))
		return broken("unlink", 0, -1, 0);
	f.behind = draw(2);
	snprintf(f.target, sizeof(f.target), "%s/data-%u", f.behind ? setup.behind : setup.dir,
		 f.proc);
	memset(f.image, 0, f.size);
	f.size = 0;
	f.what = "create";
	if (open_one(&f.fd[0], f.target, O_RDWR | O_CREAT))
		return 1;
	f.waits = f.behind;
	settle();
	return reopen();
}

/* Behind the mount a change follows upon nearly each reading: here are some without. */
static int op_reopen(void)
{
	int ret = reopen();

	for (int i = 0; f.behind && i < READINGS && !ret; i++)
		ret = op_read();
	return ret;
}

static int op_stat(void)
{
	struct stat st;

	f.what = "stat";
	settle();
	if (stat(f.path, &st))
		return broken("stat", 0, -1, 0);
	return (size_t)st.st_size == f.size ? 0 :
	       broken("size", 0, (long long)st.st_size, (long long)f.size);
}

/* --- a process ------------------------------------------------------------------ */

static const struct {
	int (*run)(void);
	unsigned int weight;
	bool shared;		/* also of a file that others write */
	bool changes;
} ops[] = {
	{ op_read, 40, true, false }, { op_write, 25, true, true }, { op_append, 4, false, true },
	{ op_truncate, 5, false, true }, { op_cut, 1, false, true }, { op_map, 6, true, true },
	{ op_fallocate, 4, true, true }, { op_copy, 4, false, true }, { op_fsync, 2, true, false },
	{ op_reopen, 3, true, false }, { op_stat, 6, true, false },
};

static int draw_and_run(void)
{
	unsigned int at = (unsigned int)draw(100);
	int ret;

	if (setup.behind && draw(LIFE) == 0)
		return op_renew();
	for (size_t i = 0; i < sizeof(ops) / sizeof(*ops); i++) {
		if (at < ops[i].weight) {
			ret = setup.shared && !ops[i].shared ? op_read() : ops[i].run();
			f.waits |= f.behind && ops[i].changes;
			return ret;
		}
		at -= ops[i].weight;
	}
	return 0;
}

static int process(unsigned int proc)
{
	int ret;

	f.proc = proc;
	f.random = (setup.seed * 64 + proc + 1) * 0x9E3779B97F4A7C15ULL;
	f.image = calloc(1, setup.size);
	f.buf = aligned_alloc(ALIGN, (setup.size / ALIGN + 1) * ALIGN);
	f.fd[0] = f.fd[1] = f.reader[0] = f.reader[1] = -1;
	f.size = setup.shared ? setup.size : 0;
	snprintf(f.path, sizeof(f.path), "%s/data-%u", setup.dir, setup.shared ? 0 : proc);
	memcpy(f.target, f.path, sizeof(f.path));
	if (!f.image || !f.buf)
		return 2;
	if (!setup.shared)
		unlink(f.path);
	ret = reopen();
	for (f.op = 0; f.op < setup.ops && !ret; f.op++)
		ret = draw_and_run();
	fflush(stdout);
	return ret;
}

/* All of its bytes are 0 for everybody. */
static int make_shared(void)
{
	char path[PATH_MAX];
	int fd, ret;

	snprintf(path, sizeof(path), "%s/data-0", setup.dir);
	fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	ret = fd < 0 ? -1 : ftruncate(fd, (off_t)setup.size);
	if (fd >= 0)
		close(fd);
	return ret;
}

static int run_all(void)
{
	int found = 0, status;

	if (setup.shared && make_shared())
		return 2;
	for (unsigned int i = 0; i < setup.procs; i++) {
		pid_t pid = fork();

		if (pid == 0)
			_exit(process(i));
		if (pid < 0)
			return 2;
	}
	for (unsigned int i = 0; i < setup.procs; i++)
		if (wait(&status) < 0 || !WIFEXITED(status))
			found = 2;
		else if (WEXITSTATUS(status) > found)
			found = WEXITSTATUS(status);
	printf("# data: %u operations of %u processes, seed %llu: %s\n", setup.ops, setup.procs,
	       (unsigned long long)setup.seed, found ? "a difference" : "no difference");
	return found;
}

static int parse(int argc, char **argv)
{
	static const struct option longs[] = {
		{ "seed", 1, 0, 's' }, { "ops", 1, 0, 'n' }, { "size", 1, 0, 'z' },
		{ "procs", 1, 0, 'p' }, { "shared", 0, 0, 'h' }, { "behind", 1, 0, 'b' },
		{ "wait", 1, 0, 'w' }, { "no-map", 0, 0, 'm' }, { 0 },
	};
	int c;

	while ((c = getopt_long(argc, argv, "", longs, NULL)) != -1) {
		switch (c) {
		case 's': setup.seed = strtoull(optarg, NULL, 0); break;
		case 'n': setup.ops = (unsigned int)atoi(optarg); break;
		case 'z': setup.size = (size_t)atoi(optarg); break;
		case 'p': setup.procs = (unsigned int)atoi(optarg); break;
		case 'h': setup.shared = true; break;
		case 'm': setup.no_map = true; break;
		case 'b': setup.behind = optarg; break;
		case 'w': setup.wait_ms = (unsigned int)atoi(optarg); break;
		default: return -1;
		}
	}
	setup.dir = argv[optind];
	return argc - optind == 1 && setup.size && setup.procs &&
	       !(setup.shared && setup.behind) ? 0 : -1;
}

int main(int argc, char **argv)
{
	if (parse(argc, argv)) {
		fprintf(stderr, "usage: prog-data DIR [--seed N] [--ops N] [--size N] [--procs N] [--shared]\n"
			"       [--behind BACKING [--wait MS] [--no-map]]\n");
		return 2;
	}
	return run_all();
}

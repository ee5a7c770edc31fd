// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * prog-ops.c - the latency workload: one small file system operation, over and
 * over, each one timed; prints one line of key=value pairs.
 *
 *   prog-ops DIR OP 0.5s       for half a second, after a warm-up
 *   prog-ops DIR OP 1000       exactly 1000 operations a thread, no warm-up
 *
 * An operation is timed from the end of the one before it, so the time of a
 * round is the sum of its samples. Threads run where the scheduler puts them
 * unless --pin says otherwise. It works in DIR on files of its own, made as
 * needed and left for the next round: DIR belongs to the benchmark.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MAX_THREADS	64
#define DIR_ENTRIES	100
#define ALIGN		4096
/* Histogram: values below 2^SUB ns exactly, then 2^SUB buckets per octave. */
#define SUB		6
#define BUCKETS		((40 - SUB + 1) << SUB)

struct worker;

struct op {
	const char *name;
	int (*prepare)(struct worker *w);
	int (*run)(struct worker *w);
	const char *help;
};

static struct settings {
	const char *dir;
	const struct op *op;
	uint64_t count;		/* operations, or 0: */
	uint64_t ns;		/* how long */
	uint64_t warm_ns;
	size_t bs;
	size_t size;
	int threads;
	int cpu;		/* -1: free */
	bool buffered;
} set = { .bs = 4096, .size = 1 << 20, .threads = 1, .cpu = -1, .warm_ns = 50000000 };

struct worker {
	char path[4096];	/* this thread's file */
	char *buf;		/* set.bs bytes, aligned */
	int fd;			/* read, write: the open file; null: /dev/zero */
	int fd2;		/* null: /dev/null */
	off_t off;
	uint64_t ops, total_ns, max_ns;
	uint64_t vsw, ivsw;
	int64_t migrations;	/* -1: the kernel does not say */
	int err;
	pthread_t thread;
	uint32_t hist[BUCKETS];
};

static pthread_barrier_t start_line;

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

static unsigned int bucket(uint64_t ns)
{
	unsigned int msb, idx;

	if (ns < (1u << SUB))
		return (unsigned int)ns;
	msb = 63 - (unsigned int)__builtin_clzll(ns);
	idx = ((msb - SUB + 1) << SUB) + (unsigned int)((ns >> (msb - SUB)) & ((1u << SUB) - 1));
	return idx < BUCKETS ? idx : BUCKETS - 1;
}

static uint64_t bucket_floor(unsigned int idx)
{
	unsigned int octave = idx >> SUB;
	uint64_t low = idx & ((1u << SUB) - 1);

	if (octave == 0)
		return low;
	return (low | 1u << SUB) << (octave - 1);
}

/* --- the operations ---------------------------------------------------- */

static int write_all(int fd, const char *buf, size_t len, off_t off)
{
	while (len) {
		ssize_t n = pwrite(fd, buf, len, off);

		if (n < 0)
			return -errno;
		buf += n;
		len -= (size_t)n;
		off += n;
	}
	return 0;
}

static int fill(int fd, char *buf)
{
	size_t off;
	int err;

	for (off = 0; off < set.size; off += set.bs) {
		err = write_all(fd, buf, set.bs, (off_t)off);
		if (err)
			return err;
	}
	return ftruncate(fd, (off_t)set.size) ? -errno : 0;
}

static int prepare_file(struct worker *w)
{
	struct stat st;
	int err = 0, fd;

	fd = open(w->path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
	if (fd < 0)
		return -errno;
	if (fstat(fd, &st))
		err = -errno;
	else if (st.st_size != (off_t)set.size)
		err = fill(fd, w->buf);
	if (close(fd) && !err)
		err = -errno;
	return err;
}

static int prepare_fd(struct worker *w)
{
	int err = prepare_file(w);

	if (err)
		return err;
	w->fd = open(w->path, O_RDWR | O_CLOEXEC | (set.buffered ? 0 : O_DIRECT));
	return w->fd < 0 ? -errno : 0;
}

static int prepare_name(struct worker *w)
{
	strcat(w->path, ".new");
	unlink(w->path);
	return 0;
}

static int prepare_dir(struct worker *w)
{
	char name[sizeof(w->path) + 16];
	int fd, i;

	strcat(w->path, ".d");
	if (mkdir(w->path, 0755) == 0 || errno == EEXIST) {
		for (i = 0; i < DIR_ENTRIES; i++) {
			snprintf(name, sizeof(name), "%s/entry-%03d", w->path, i);
			fd = open(name, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
			if (fd < 0 || close(fd))
				return -errno;
		}
		return 0;
	}
	return -errno;
}

static int prepare_null(struct worker *w)
{
	w->fd = open("/dev/zero", O_RDONLY | O_CLOEXEC);
	w->fd2 = open("/dev/null", O_WRONLY | O_CLOEXEC);
	return w->fd < 0 || w->fd2 < 0 ? -errno : 0;
}

static int prepare_none(struct worker *w)
{
	(void)w;
	return 0;
}

static int run_stat(struct worker *w)
{
	struct stat st;

	return stat(w->path, &st) ? -errno : 0;
}

static int run_open(struct worker *w)
{
	int fd = open(w->path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	return close(fd) ? -errno : 0;
}

static off_t next_off(struct worker *w)
{
	off_t off = w->off;

	w->off += (off_t)set.bs;
	if (w->off + (off_t)set.bs > (off_t)set.size)
		w->off = 0;
	return off;
}

static int whole(ssize_t n)
{
	if (n < 0)
		return -errno;
	return (size_t)n == set.bs ? 0 : -EIO;
}

static int run_read(struct worker *w)
{
	return whole(pread(w->fd, w->buf, set.bs, next_off(w)));
}

static int run_write(struct worker *w)
{
	return whole(pwrite(w->fd, w->buf, set.bs, next_off(w)));
}

static int run_create(struct worker *w)
{
	int fd = open(w->path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);

	if (fd < 0)
		return -errno;
	if (close(fd))
		return -errno;
	return unlink(w->path) ? -errno : 0;
}

static int run_readdir(struct worker *w)
{
	int err, n = 0;
	DIR *d = opendir(w->path);

	if (!d)
		return -errno;
	errno = 0;
	while (readdir(d))
		n++;
	err = -errno;
	if (closedir(d) && !err)
		err = -errno;
	return err ? err : n >= DIR_ENTRIES ? 0 : -EIO;
}

static int run_null(struct worker *w)
{
	if (read(w->fd, w->buf, 1) != 1)
		return -errno;
	return write(w->fd2, w->buf, 1) == 1 ? 0 : -errno;
}

static int run_exec(struct worker *w)
{
	static char *const argv[] = { "/bin/true", NULL };
	int err, status;
	pid_t pid;

	(void)w;
	err = posix_spawn(&pid, argv[0], NULL, NULL, argv, environ);
	if (err)
		return -err;
	if (waitpid(pid, &status, 0) != pid)
		return -errno;
	return status ? -EIO : 0;
}

static const struct op ops[] = {
	{ "stat",    prepare_file, run_stat,    "stat() of a file" },
	{ "open",    prepare_file, run_open,    "open() and close() of a file" },
	{ "read",    prepare_fd,   run_read,    "pread() of one block of an open file" },
	{ "write",   prepare_fd,   run_write,   "pwrite() of one block to an open file" },
	{ "create",  prepare_name, run_create,  "create, close and unlink a file" },
	{ "readdir", prepare_dir,  run_readdir, "read a directory of 100 entries" },
	{ "null",    prepare_null, run_null,    "read() 1 byte of /dev/zero, write() it to /dev/null" },
	{ "exec",    prepare_none, run_exec,    "start /bin/true and wait for it" },
};

/* --- one thread -------------------------------------------------------- */

/* How often this thread changed its core; -1 where the kernel does not say. */
static int64_t migrations(void)
{
	char line[128];
	long long n = -1;
	FILE *f = fopen("/proc/thread-self/sched", "re");

	if (!f)
		return -1;
	while (fgets(line, sizeof(line), f))
		if (sscanf(line, "se.nr_migrations : %lld", &n) == 1)
			break;
	fclose(f);
	return n;
}

static void counters(struct worker *w, int sign)
{
	int64_t m = migrations();
	struct rusage ru;

	getrusage(RUSAGE_THREAD, &ru);
	w->vsw += (uint64_t)(sign * ru.ru_nvcsw);
	w->ivsw += (uint64_t)(sign * ru.ru_nivcsw);
	w->migrations = m < 0 ? -1 : w->migrations + sign * m;
}

static void sample(struct worker *w, uint64_t ns)
{
	w->hist[bucket(ns)]++;
	w->ops++;
	w->total_ns += ns;
	if (ns > w->max_ns)
		w->max_ns = ns;
}

static int warm_up(struct worker *w)
{
	uint64_t end = now_ns() + set.warm_ns;
	int err = 0;

	while (!err && now_ns() < end)
		err = set.op->run(w);
	return err;
}

static int measure(struct worker *w)
{
	uint64_t prev = now_ns(), end = prev + set.ns;
	int err;

	while (set.count ? w->ops < set.count : prev < end) {
		uint64_t t;

		err = set.op->run(w);
		if (err)
			return err;
		t = now_ns();
		sample(w, t - prev);
		prev = t;
	}
	return 0;
}

static int prepare(struct worker *w)
{
	void *buf;
	int err = -posix_memalign(&buf, ALIGN, set.bs < ALIGN ? ALIGN : set.bs);

	w->fd = w->fd2 = -1;
	if (err)
		return err;
	w->buf = buf;
	memset(w->buf, 'e', set.bs);
	err = set.op->prepare(w);
	return err ? err : warm_up(w);
}

static void finish(struct worker *w)
{
	free(w->buf);
	if (w->fd >= 0)
		close(w->fd);
	if (w->fd2 >= 0)
		close(w->fd2);
}

static void *worker_main(void *arg)
{
	struct worker *w = arg;

	w->err = prepare(w);
	pthread_barrier_wait(&start_line);
	if (!w->err) {
		counters(w, -1);
		w->err = measure(w);
		counters(w, 1);
	}
	finish(w);
	return NULL;
}

/* --- all threads ------------------------------------------------------- */

static int start(struct worker *w, int i)
{
	snprintf(w->path, sizeof(w->path) - 8, "%s/prog-ops.%d", set.dir, i);
	return -pthread_create(&w->thread, NULL, worker_main, w);
}

static int run_all(struct worker *w)
{
	int err, i;

	pthread_barrier_init(&start_line, NULL, (unsigned int)set.threads);
	for (i = 0; i < set.threads; i++) {
		err = start(&w[i], i);
		if (err)
			return err;	/* the others wait; the process ends */
	}
	for (i = 0; i < set.threads; i++)
		pthread_join(w[i].thread, NULL);
	for (i = 0; i < set.threads; i++)
		if (w[i].err)
			return w[i].err;
	return 0;
}

static void add(struct worker *sum, const struct worker *w)
{
	unsigned int i;

	for (i = 0; i < BUCKETS; i++)
		sum->hist[i] += w->hist[i];
	sum->ops += w->ops;
	sum->total_ns += w->total_ns;
	sum->vsw += w->vsw;
	sum->ivsw += w->ivsw;
	if (w->max_ns > sum->max_ns)
		sum->max_ns = w->max_ns;
	if (sum->migrations >= 0)
		sum->migrations = w->migrations < 0 ? -1 : sum->migrations + w->migrations;
}

static uint64_t percentile(const struct worker *w, unsigned int percent)
{
	uint64_t want = (w->ops * percent + 99) / 100, seen = 0;
	unsigned int i;

	for (i = 0; i < BUCKETS; i++) {
		seen += w->hist[i];
		if (seen >= want)
			return bucket_floor(i);
	}
	return w->max_ns;
}

static void print(const struct worker *w)
{
	double n = w->ops ? (double)w->ops : 1;

	printf("op=%s threads=%d cpu=%d bs=%zu ops=%llu mean_ns=%.0f p50_ns=%llu p99_ns=%llu max_ns=%llu ",
	       set.op->name, set.threads, set.cpu, set.bs, (unsigned long long)w->ops,
	       (double)w->total_ns / n, (unsigned long long)percentile(w, 50),
	       (unsigned long long)percentile(w, 99), (unsigned long long)w->max_ns);
	printf("vsw_per_op=%.4f ivsw_per_op=%.4f ", (double)w->vsw / n, (double)w->ivsw / n);
	if (w->migrations < 0)
		printf("migr_per_op=na\n");
	else
		printf("migr_per_op=%.5f\n", (double)w->migrations / n);
}

/* --- the command line -------------------------------------------------- */

static void usage(FILE *to)
{
	size_t i;

	fprintf(to, "usage: prog-ops DIR OP SECONDSs|COUNT [--pin CPU] [--threads N] [--bs BYTES]\n"
		    "                [--size BYTES] [--warm SECONDS] [--buffered]\n");
	for (i = 0; i < sizeof(ops) / sizeof(ops[0]); i++)
		fprintf(to, "  %-8s %s\n", ops[i].name, ops[i].help);
}

static const struct op *find_op(const char *name)
{
	size_t i;

	for (i = 0; i < sizeof(ops) / sizeof(ops[0]); i++)
		if (!strcmp(name, ops[i].name))
			return &ops[i];
	return NULL;
}

/* "0.5s" and "0.5" are seconds, "500" is a count. */
static int parse_amount(const char *text)
{
	bool seconds = strpbrk(text, ".s") != NULL;
	char *end;
	double v = strtod(text, &end);

	if (end == text || v <= 0 || v > 1e12 || (*end && strcmp(end, "s")))
		return -EINVAL;
	if (seconds)
		set.ns = (uint64_t)(v * 1e9);
	else
		set.count = (uint64_t)v;
	if (set.count)
		set.warm_ns = 0;
	return 0;
}

static int parse_long(const char *text, long min, long max, long *v)
{
	char *end;

	errno = 0;
	*v = strtol(text, &end, 10);
	return errno || end == text || *end || *v < min || *v > max ? -EINVAL : 0;
}

static int parse_option(const char *name, const char *value)
{
	long v = 0;
	int err;

	if (!strcmp(name, "--warm")) {
		set.warm_ns = (uint64_t)(strtod(value, NULL) * 1e9);
		return 0;
	}
	err = parse_long(value, 0, 1 << 30, &v);
	if (err)
		return err;
	if (!strcmp(name, "--pin"))
		set.cpu = (int)v;
	else if (!strcmp(name, "--threads") && v >= 1 && v <= MAX_THREADS)
		set.threads = (int)v;
	else if (!strcmp(name, "--bs") && v >= 1)
		set.bs = (size_t)v;
	else if (!strcmp(name, "--size") && v >= 1)
		set.size = (size_t)v;
	else
		return -EINVAL;
	return 0;
}

static int parse(int argc, char **argv)
{
	int i;

	if (argc < 4)
		return -EINVAL;
	set.dir = argv[1];
	set.op = find_op(argv[2]);
	if (!set.op || strlen(set.dir) > 4000 || parse_amount(argv[3]))
		return -EINVAL;
	for (i = 4; i < argc; i++) {
		if (!strcmp(argv[i], "--buffered"))
			set.buffered = true;
		else if (i + 1 == argc || parse_option(argv[i], argv[i + 1]))
			return -EINVAL;
		else
			i++;
	}
	set.size = set.size < set.bs ? set.bs : set.size / set.bs * set.bs;
	return 0;
}

static int pin(void)
{
	cpu_set_t cpus;

	if (set.cpu < 0)
		return 0;
	CPU_ZERO(&cpus);
	CPU_SET((size_t)set.cpu, &cpus);
	return sched_setaffinity(0, sizeof(cpus), &cpus) ? -errno : 0;
}

int main(int argc, char **argv)
{
	struct worker *w, *sum;
	int err, i;

	if (parse(argc, argv)) {
		usage(stderr);
		return 2;
	}
	w = calloc((size_t)set.threads + 1, sizeof(*w));
	err = w ? pin() : -ENOMEM;
	if (!err)
		err = run_all(w);
	if (err) {
		fprintf(stderr, "prog-ops: %s: %s: %s\n", set.dir, set.op->name, strerror(-err));
		return 1;
	}
	sum = &w[set.threads];
	for (i = 0; i < set.threads; i++)
		add(sum, &w[i]);
	print(sum);
	free(w);
	return 0;
}

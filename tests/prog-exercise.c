// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * prog-exercise.c - the file system exerciser.
 *
 *   prog-exercise DIR BACKING|- [--seed N] [--ops N] [--only SECTION]
 *                 [--features LIST] [--no LIST] [--seconds N]
 *                 [--skip SECTION] [--list]
 *
 * Runs every section (ex-data.h, ex-name.h, ex-par.h, ex-random.h) in DIR and
 * again in a scratch folder of a local file system ($TMPDIR), then compares the
 * two trees, what each step of the random sequence returned, and DIR's tree
 * with the one below BACKING, the directory that DIR shows, if there is one.
 *
 * Prints one line per section: `pass NAME`, `fail NAME: why` or `skip NAME: why`,
 * and leaves with 1 when one failed, 2 when it could not run or ran out of time.
 * Features that the file system lacks are found by trying, skipped and listed;
 * a feature named with --features must be there; --no leaves some out.
 */
#include <getopt.h>
#include <limits.h>
#include <sys/resource.h>

#include "ex.h"
#include "ex-probe.h"
#include "ex-data.h"
#include "ex-name.h"
#include "ex-par.h"
#include "ex-random.h"
#include "ex-tree.h"

static const struct section sections[] = {
	{ "create", 0, name_create },
	{ "sizes", 0, data_sizes },
	{ "big", 0, data_big },
	{ "offsets", 0, data_offsets },
	{ "append", 0, data_append },
	{ "truncate", 0, data_truncate },
	{ "sparse", 0, data_sparse },
	{ "direct", F_DIRECT, data_direct },
	{ "mmap-read", 0, data_mmap_read },
	{ "mmap-write", F_MMAP, data_mmap_write },
	{ "vector", 0, data_vector },
	{ "copy", 0, data_copy },
	{ "fallocate", F_FALLOC, data_fallocate },
	{ "punch", F_PUNCH, data_punch },
	{ "rename", 0, name_rename },
	{ "noreplace", F_NOREPLACE, name_noreplace },
	{ "exchange", F_EXCHANGE, name_exchange },
	{ "dirs", 0, name_dirs },
	{ "odd-names", 0, name_odd },
	{ "many", 0, name_many },
	{ "symlink", F_SYMLINK, name_symlink },
	{ "link", F_LINK, name_link },
	{ "chmod", F_CHMOD, name_chmod },
	{ "times", F_UTIMES, name_times },
	{ "statfs", 0, name_statfs },
	{ "fifo", F_FIFO, name_fifo },
	{ "unlinked", F_UNLINKED, name_unlinked },
	{ "xattr", F_XATTR, name_xattr },
	{ "writers", 0, par_writers },
	{ "appenders", 0, par_append },
	{ "fight", 0, par_fight },
	{ "lock", 0, lock_fcntl },
	{ "lock-interrupt", 0, lock_interrupt },
	{ "flock", 0, lock_flock },
	{ "random", 0, random_run },
};

#define NSECTIONS	(sizeof(sections) / sizeof(*sections))

struct run {
	char dir[PATH_MAX];	/* our folder below DIR */
	char ref[PATH_MAX];	/* the same on a local file system */
	char backing[PATH_MAX];	/* the same below BACKING, or "" */
	const char *only, *skip;
	unsigned int seconds;
	unsigned int required;
	unsigned int left_out;
	unsigned int passed, failed, skipped;
	struct ex x, local;
};

static struct run run;
static char current[64] = "start";

/* A section that does not end is a failure like any other, but the last one. */
static void on_alarm(int sig)
{
	char line[128];
	int len = snprintf(line, sizeof(line), "fail %s: still running after the time limit\n",
			   current);

	(void)sig;
	if (write(STDOUT_FILENO, line, (size_t)len) < 0)
		_exit(3);
	_exit(2);
}

static void say_pass(const char *name)
{
	printf("pass %s\n", name);
	run.passed++;
}

static void say_fail(const char *name, const char *why)
{
	printf("fail %s: %s\n", name, why);
	run.failed++;
}

static int enter(const char *root, const char *name)
{
	if (chdir(root))
		return -1;
	return mkdir(name, 0755) || chdir(name) ? -1 : 0;
}

/* Run section S below ROOT; 0 or the reason in X->why. */
static int section_in(const struct section *s, const char *root, struct ex *x)
{
	if (enter(root, s->name)) {
		snprintf(x->why, sizeof(x->why), "cannot make a folder: %s", strerror(errno));
		return -1;
	}
	return s->run(x);
}

static void section_run(const struct section *s)
{
	char why[300];

	snprintf(current, sizeof(current), "%s", s->name);
	alarm(run.seconds);
	if ((run.x.features & s->needs) != s->needs) {
		printf("skip %s: the file system lacks it\n", s->name);
		run.skipped++;
	} else if (section_in(s, run.dir, &run.x)) {
		say_fail(s->name, run.x.why);
	} else if (section_in(s, run.ref, &run.local)) {
		snprintf(why, sizeof(why), "local: %s", run.local.why);
		say_fail(s->name, why);
	} else {
		say_pass(s->name);
	}
	alarm(0);
	fflush(stdout);
}

static void compare_results(void)
{
	char why[200];

	for (unsigned int i = 0; i < run.x.nresults; i++) {
		if (run.x.results[i] == run.local.results[i])
			continue;
		snprintf(why, sizeof(why), "step %u (%s) returned %lld, local %lld, seed %llu", i,
			 run.x.steps[i], (long long)run.x.results[i],
			 (long long)run.local.results[i], (unsigned long long)run.x.seed);
		say_fail("same-results", why);
		return;
	}
	say_pass("same-results");
}

static unsigned int tree_flags(unsigned int features)
{
	return (features & F_CHMOD ? TREE_MODE : 0) | (features & F_XATTR ? TREE_XATTR : 0) |
	       (features & F_LINK ? TREE_NLINK : 0) | (features & F_NSEC ? TREE_NSEC : 0);
}

static void compare(const char *name, const char *other, unsigned int flags)
{
	unsigned int nodes;
	char why[256];

	snprintf(current, sizeof(current), "%s", name);
	alarm(run.seconds);
	if (tree_compare(run.dir, other, flags, why, &nodes))
		say_fail(name, why);
	else if (nodes < 2)
		say_fail(name, "nothing to compare");
	else
		say_pass(name);
	alarm(0);
}

static int prepare(const char *dir, const char *backing)
{
	const char *tmp = getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp";
	char name[32];

	snprintf(name, sizeof(name), "exercise-%d", getpid());
	snprintf(run.dir, sizeof(run.dir), "%s/%s", dir, name);
	snprintf(run.ref, sizeof(run.ref), "%s/%s", tmp, name);
	if (strcmp(backing, "-"))
		snprintf(run.backing, sizeof(run.backing), "%s/%s", backing, name);
	if (mkdir(run.dir, 0755) || mkdir(run.ref, 0755))
		return -errno;
	return 0;
}

static int remove_tree(const char *path)
{
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		execlp("rm", "rm", "-rf", path, NULL);
		_exit(127);
	}
	return waitpid(pid, &status, 0) == pid && status == 0 ? 0 : -1;
}

/* Probe in a folder of its own, and remove it: what a probe leaves differs. */
static int probe_in(const char *root, unsigned int *features)
{
	if (enter(root, "probe") || probe_features(features))
		return -1;
	return chdir("..") || remove_tree("probe") ? -1 : 0;
}

static int find_features(void)
{
	if (probe_in(run.ref, &run.local.features) || probe_in(run.dir, &run.x.features))
		return -1;
	run.x.features &= run.local.features & ~run.left_out;
	run.local.features = run.x.features;
	probe_print("features", run.x.features);
	probe_print("lacks", F_ALL & ~run.x.features);
	return 0;
}

static void finish(void)
{
	if (chdir("/") || remove_tree(run.ref))
		fprintf(stderr, "prog-exercise: %s: cannot remove\n", run.ref);
	snprintf(current, sizeof(current), "clean-up");
	alarm(run.seconds);
	if (remove_tree(run.dir))
		say_fail("clean-up", "rm -rf failed");
	else
		say_pass("clean-up");
	alarm(0);
	printf("exercise: %u passed, %u failed, %u skipped, seed %llu\n", run.passed,
	       run.failed, run.skipped, (unsigned long long)run.x.seed);
}

static bool wanted(const char *name)
{
	if (run.skip && strcmp(run.skip, name) == 0)
		return false;
	return !run.only || strcmp(run.only, name) == 0;
}

static void exercise(void)
{
	unsigned int flags = tree_flags(run.x.features);

	if (run.required & ~run.x.features) {
		probe_print("missing", run.required & ~run.x.features);
		say_fail("features", "a required feature is missing");
	}
	for (size_t i = 0; i < NSECTIONS; i++)
		if (wanted(sections[i].name))
			section_run(&sections[i]);
	if (chdir("/") || run.failed)
		return;	/* the trees differ where it failed */
	compare_results();
	compare("same-as-local", run.ref, flags | (run.x.features & F_UTIMES ? TREE_SET_TIMES : 0));
	if (run.backing[0])
		compare("same-as-backing", run.backing, flags | TREE_TIMES | TREE_OWNER);
}

static void list_sections(void)
{
	for (size_t i = 0; i < NSECTIONS; i++)
		printf("%s\n", sections[i].name);
	exit(0);
}

static int usage(void)
{
	fprintf(stderr, "usage: prog-exercise DIR BACKING|- [--seed N] [--ops N] [--only SECTION]\n"
		"       [--features LIST] [--no LIST] [--seconds N] [--skip SECTION] [--list]\n");
	return 2;
}

static int parse(int argc, char **argv)
{
	static const struct option longs[] = {
		{ "seed", 1, 0, 's' }, { "ops", 1, 0, 'n' }, { "only", 1, 0, 'o' },
		{ "features", 1, 0, 'f' }, { "no", 1, 0, 'x' }, { "seconds", 1, 0, 't' },
		{ "skip", 1, 0, 'k' }, { "list", 0, 0, 'l' }, { 0 },
	};
	int c;

	while ((c = getopt_long(argc, argv, "", longs, NULL)) != -1) {
		switch (c) {
		case 's': run.x.seed = strtoull(optarg, NULL, 0); break;
		case 'n': run.x.ops = (unsigned int)atoi(optarg); break;
		case 'o': run.only = optarg; break;
		case 'k': run.skip = optarg; break;
		case 't': run.seconds = (unsigned int)atoi(optarg); break;
		case 'f': if (probe_parse(optarg, &run.required)) return -1; break;
		case 'x': if (probe_parse(optarg, &run.left_out)) return -1; break;
		case 'l': list_sections(); break;
		default: return -1;
		}
	}
	return argc - optind == 2 && run.x.ops <= EX_RESULTS ? 0 : -1;
}

int main(int argc, char **argv)
{
	run.x.seed = 1;
	run.x.ops = 1500;
	run.seconds = 120;
	if (parse(argc, argv))
		return usage();
	run.local.seed = run.x.seed;
	run.local.ops = run.x.ops;
	umask(022);
	signal(SIGALRM, on_alarm);
	alarm(run.seconds);
	if (prepare(argv[optind], argv[optind + 1]) || find_features()) {
		printf("fail start: %s: cannot make files: %s\n", argv[optind], strerror(errno));
		return 2;
	}
	exercise();
	finish();
	return run.failed != 0;
}

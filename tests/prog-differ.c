// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * prog-differ.c - the differential tester.
 *
 *   prog-differ MOUNT BACKING SECOND [--seed N] [--ops N] [--procs N] [--users N]
 *               [--behind N] [--wait MS] [--notify] [--late] [--any-error]
 *               [--acl] [--forget N] [--contents]
 *
 * MOUNT shows BACKING; SECOND is a folder of the same file system as BACKING. A
 * random sequence of operations is done on MOUNT and on SECOND. Whatever they
 * return, and after each what the names it had to do with show, must be the same
 * in all three. With --behind so many of 1,000 operations are done in BACKING in
 * place of MOUNT, and have to be seen after --wait milliseconds, or at once if the
 * file system is told (--notify, fs-mirror's .ctl), or at once. With --late, what
 * is written is in BACKING only after a sync, which comes before each look, and the
 * mount has times of its own: for a kernel that collects writes.
 *
 * With --procs so many sequences run at the same time, each in a folder of its
 * own, and beside them as many that share one, which is looked at when all have
 * ended. --users 3 does them as root and two others, one of whom is in the other's
 * group. --any-error is for file systems that decide permissions themselves, and may
 * find another reason first. --acl sets access control lists and capabilities, too.
 * About every 500 operations, or every --forget N, the kernel forgets what it knows of files.
 * --contents is mostly about what files hold.
 *
 * The same arguments give the same sequences. One with a difference is shortened
 * as far as it still shows one, and printed. Leaves with 0, 1 for a difference or
 * 2 if it could not run.
 */
#include <getopt.h>

#include "differ-run.h"

#define SEQUENCE	400	/* operations of a sequence, at most */

static unsigned int tries;

static int remove_run(const char *name)
{
	char path[PATH_MAX + 16];
	int status = 0;

	for (int i = 0; i < PLACES; i++) {
		pid_t pid;

		snprintf(path, sizeof(path), "%s/%s", setup.dir[i], name);
		pid = fork();
		if (pid == 0) {
			execlp("rm", "rm", "-rf", path, NULL);
			_exit(127);
		}
		if (waitpid(pid, &status, 0) != pid || status)
			return -1;
	}
	return 0;
}

/* --- what is left of a sequence that shows a difference ----------------------- */

static void op_print(const struct op *op)
{
	printf("#   %6u %s%s %s %s uid %u arg %#llx, seen by %u\n", op->index,
	       op->behind ? "behind " : "", op->kind->name, op->a, op->b, differ_uids[op->user],
	       (unsigned long long)op->arg, differ_uids[op->looker]);
}

/* Again, in a folder of its own, with what keep does not leave out. */
static int again(uint64_t seed, const char *keep, unsigned int count)
{
	unsigned int at_op;
	char name[64];
	int found;

	snprintf(name, sizeof(name), "try-%d-%u", getpid(), tries++);
	found = run_sequence(name, seed, count, keep, &at_op);
	remove_run(name);
	return found;
}

static bool try_without(uint64_t seed, char *keep, unsigned int count, unsigned int from,
			unsigned int len)
{
	char was[SEQUENCE];

	memcpy(was, keep, count);
	memset(keep + from, 0, from + len > count ? count - from : len);
	if (memcmp(was, keep, count) == 0 || again(seed, keep, count) == 1)
		return true;
	memcpy(keep, was, count);
	return false;
}

/* Leaves out ever smaller parts, as long as the difference stays. */
static void shorten(uint64_t seed, unsigned int count)
{
	char keep[SEQUENCE];
	unsigned int left = 0;

	memset(keep, 1, sizeof(keep));
	if (again(seed, keep, count) != 1) {
		printf("# alone, the sequence shows no difference: it takes the others beside it\n");
		return;
	}
	for (unsigned int len = count / 2; len; len /= 2)
		for (unsigned int from = 0; from < count; from += len)
			try_without(seed, keep, count, from, len);
	again(seed, keep, count);
	for (unsigned int i = 0; i < count; i++)
		left += keep[i] != 0;
	printf("# %u operations are left of it, after which %s:\n", left, look_why);
	for (unsigned int i = 0; i < count; i++) {
		struct op op = op_draw(seed, i, setup.users, setup.behind);

		if (keep[i])
			op_print(&op);
	}
}

/* --- rounds ------------------------------------------------------------------ */

static uint64_t seed_of(unsigned int round, unsigned int proc)
{
	return setup.seed * 1000003 + round * 64 + proc;
}

/* In a process of its own: one sequence, shortened if it shows a difference. */
static int own_sequence(unsigned int round, unsigned int proc, unsigned int count)
{
	uint64_t seed = seed_of(round, proc);
	unsigned int at_op = 0;
	char name[64];
	int found;

	snprintf(name, sizeof(name), "own-%u-%u", round, proc);
	found = run_sequence(name, seed, count, NULL, &at_op);
	if (found < 0)
		printf("# %s: cannot run: %s\n", name, strerror(errno));
	if (found > 0) {
		printf("# seed %llu round %u process %u operation %u: %s\n",
		       (unsigned long long)setup.seed, round, proc, at_op, look_why);
		fflush(stdout);
		shorten(seed, at_op + 1);
	}
	fflush(stdout);
	return found;
}

static struct place shared[PLACES];

/* In a process of its own, among others: what comes of it nobody knows. */
static int shared_sequence(unsigned int round, unsigned int proc, unsigned int count)
{
	uint64_t seed = ~seed_of(round, proc);

	for (unsigned int i = 0; i < count; i++) {
		struct op op = op_draw(seed, i, setup.users, 0);

		if (op.kind->run == op_mmap)
			continue;	/* another may cut the file: a signal */
		be(op.user);
		op.kind->run(&shared[MOUNT], &op);
	}
	be(0);
	return 0;
}

static int wait_for(unsigned int procs)
{
	int found = 0, status = -1;

	for (; procs; procs--) {
		if (wait(&status) < 0 || !WIFEXITED(status)) {
			printf("# a process ended with status %#x\n", (unsigned int)status);
			found = 2;
		} else if (WEXITSTATUS(status) > found) {
			found = WEXITSTATUS(status);
		}
	}
	return found;
}

static void start(int (*run)(unsigned int, unsigned int, unsigned int), unsigned int round,
		  unsigned int proc, unsigned int count)
{
	pid_t pid;
	int found;

	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		found = run(round, proc, count);
		_exit(found < 0 ? 2 : found);
	}
	if (pid < 0)
		exit(2);
}

/* Returns 0, 1 for a difference, or 2. */
static int run_round(unsigned int round, unsigned int count)
{
	char name[64];
	int found;

	snprintf(name, sizeof(name), "shared-%u", round);
	if (setup.procs > 1 && make_places(shared, name))
		return 2;
	for (unsigned int i = 0; i < setup.procs; i++) {
		start(own_sequence, round, i, count);
		if (setup.procs > 1)
			start(shared_sequence, round, i, count);
	}
	found = wait_for(setup.procs > 1 ? 2 * setup.procs : 1);
	if (!found && setup.procs > 1 && look_tree(shared, SECOND, ".")) {
		printf("# seed %llu round %u, shared: %s\n", (unsigned long long)setup.seed, round,
		       look_why);
		found = 1;
	}
	if (!found) {
		remove_run(name);
		for (unsigned int i = 0; i < setup.procs; i++) {
			snprintf(name, sizeof(name), "own-%u-%u", round, i);
			remove_run(name);
		}
	}
	return found;
}

static int run_all(void)
{
	unsigned int done = 0, round = 0, per_op = setup.procs > 1 ? 2 * setup.procs : 1;
	int found = 0;

	while (done < setup.ops && !found) {
		unsigned int count = (setup.ops - done + per_op - 1) / per_op;

		count = count < SEQUENCE ? count : SEQUENCE;
		found = run_round(round++, count);
		done += count * per_op;
	}
	printf("# differ: %u operations, seed %llu, %u processes, %u users: %s\n", done,
	       (unsigned long long)setup.seed, per_op, setup.users,
	       found == 1 ? "a difference" : found ? "it could not go on" : "no difference");
	return found;
}

static int usage(void)
{
	fprintf(stderr, "usage: prog-differ MOUNT BACKING SECOND [--seed N] [--ops N] [--procs N]\n"
		"       [--users N] [--behind N] [--wait MS] [--notify] [--late] [--any-error] [--acl]\n"
		"       [--forget N] [--contents]\n");
	return 2;
}

static int parse(int argc, char **argv)
{
	static const struct option longs[] = {
		{ "seed", 1, 0, 's' }, { "ops", 1, 0, 'n' }, { "procs", 1, 0, 'p' },
		{ "users", 1, 0, 'u' }, { "behind", 1, 0, 'b' }, { "wait", 1, 0, 'w' },
		{ "notify", 0, 0, 'y' }, { "late", 0, 0, 'l' }, { "any-error", 0, 0, 'x' },
		{ "acl", 0, 0, 'a' }, { "forget", 1, 0, 'f' },
		{ "contents", 0, 0, 'c' }, { 0 },
	};
	int c;

	while ((c = getopt_long(argc, argv, "", longs, NULL)) != -1) {
		switch (c) {
		case 's': setup.seed = strtoull(optarg, NULL, 0); break;
		case 'n': setup.ops = (unsigned int)atoi(optarg); break;
		case 'p': setup.procs = (unsigned int)atoi(optarg); break;
		case 'u': setup.users = (unsigned int)atoi(optarg); break;
		case 'b': setup.behind = (unsigned int)atoi(optarg); break;
		case 'w': setup.wait_ms = (unsigned int)atoi(optarg); break;
		case 'y': setup.notify = true; break;
		case 'x': setup.any_error = differ_no_pipes = true; break;
		case 'l': differ_late = true; break;
		case 'a': differ_acl = true; break;
		case 'c': differ_contents = true; break;
		case 'f': setup.forget = (unsigned int)atoi(optarg); break;
		default: return -1;
		}
	}
	for (int i = 0; i < PLACES && argc - optind == PLACES; i++)
		snprintf(setup.dir[i], sizeof(setup.dir[i]), "%s", argv[optind + i]);
	return argc - optind == PLACES && setup.procs && setup.users && setup.forget &&
	       setup.users <= DIFFER_USERS ? 0 : -1;
}

int main(int argc, char **argv)
{
	setup = (struct setup){ .seed = 1, .ops = 2000, .procs = 1, .users = 1, .forget = 509 };
	if (parse(argc, argv))
		return usage();
	umask(022);
	setgroups(0, NULL);
	return run_all();
}

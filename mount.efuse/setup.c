// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * setup.c - the verb `efuse setup`: switch on what efuse needs, now and after
 * every boot, and --undo it. What is done to the machine is in steps.c.
 */
#include <getopt.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "mount.efuse/msg.h"
#include "mount.efuse/setup.h"
#include "mount.efuse/steps.h"
#include "mount.efuse/util.h"

enum {
	EXIT_OK,
	EXIT_FAILED,
	EXIT_USAGE,
	EXIT_MISSING,	/* --check: there is something to do */
};

struct setup {
	struct steps steps;
	bool check, undo;
	int lock;
};

static void explain(const struct steps *s)
{
	if (s->note.text[0])
		msg_say("setup", "%s", s->note.text);
	if (!steps_exists(s, "/usr/bin/systemd-tmpfiles") &&
	    !steps_exists(s, "/bin/systemd-tmpfiles"))
		msg_say("setup", "nothing here reads /etc/tmpfiles.d at boot (no systemd-tmpfiles): "
			"add fuse.enable_uring=1 to the kernel's command line");
	if (steps_exists(s, STEPS_PARAMETER))
		return;
	if (steps_exists(s, "/sys/module/fuse"))
		msg_say("setup", "this kernel has no FUSE-over-io_uring (Linux 6.14 or newer has): "
			"plain FUSE serves");
	else
		msg_say("setup", "the fuse module is not loaded yet");
}

static void print_steps(const struct steps *s, const char *verb)
{
	for (size_t i = 0; i < STEPS_COUNT; i++) {
		const struct steps_spec *step = &steps_table[i];

		if (!s->todo[i])
			continue;
		if (step->kind == STEPS_RUN) {
			printf("%s %s %s %s\n", streq(verb, "wrote") ? "ran" : "would run",
			       step->make[0], step->make[1], step->make[2] ? step->make[2] : "");
			continue;
		}
		printf("%s %s%s", verb, s->root, step->path);
		if (step->kind == STEPS_VALUE)
			printf(": %s (was %s)", step->text, s->before[i] ? s->before[i] : "?");
		putchar('\n');
	}
}

static int run_check(struct steps *s)
{
	if (steps_plan(s)) {
		msg_say("setup", "%s", s->why.text);
		return EXIT_FAILED;
	}
	print_steps(s, "would write");
	explain(s);
	if (steps_any(s->todo))
		return EXIT_MISSING;
	puts("set up: nothing to do");
	return EXIT_OK;
}

static int run_setup(struct steps *s)
{
	int err = steps_plan(s);

	if (!err && steps_any(s->todo))
		err = steps_apply(s);
	if (err) {
		msg_say("setup", "%s; nothing was changed", s->why.text);
		return EXIT_FAILED;
	}
	print_steps(s, "wrote");
	if (!steps_any(s->todo))
		puts("set up already: nothing to do");
	explain(s);
	return EXIT_OK;
}

/* Everything that can be taken back is, whatever else fails. */
static int take_back_all(struct steps *s)
{
	int failed = 0;

	for (size_t i = STEPS_COUNT; i-- > 1;) {
		if (!s->made[i])
			continue;
		if (steps_undo(s, i)) {
			msg_say("setup", "%s", s->why.text);
			failed = -EIO;
		} else {
			printf("restored %s%s\n", s->root, steps_table[i].path);
		}
	}
	if (!failed && steps_forget(s)) {
		msg_say("setup", "%s", s->why.text);
		failed = -EIO;
	}
	return failed;
}

static int run_undo(struct steps *s)
{
	if (steps_recall(s)) {
		msg_say("setup", "%s", s->why.text);
		return EXIT_FAILED;
	}
	if (!s->had_state && !steps_any(s->made)) {
		puts("not set up: nothing to undo");
		return EXIT_OK;
	}
	return take_back_all(s) ? EXIT_FAILED : EXIT_OK;
}

/* --- the command line ------------------------------------------------------ */

static const char options[] = "hnr:u";
static const struct option long_options[] = {
	{ "help", no_argument, NULL, 'h' },
	{ "check", no_argument, NULL, 'n' },
	{ "root", required_argument, NULL, 'r' },
	{ "undo", no_argument, NULL, 'u' },
	{ NULL, 0, NULL, 0 },
};

static int usage(FILE *out, int ret)
{
	fputs("Usage: efuse setup [-n] [-u] [-r DIR]\n"
	      "  -n, --check            only show what would be done (status 3: there is something)\n"
	      "  -u, --undo             put back what was there before the first setup\n"
	      "  -r, --root=DIR         work on the system below DIR\n"
	      "  -h, --help             this text\n", out);
	return ret;
}

/* -1 to go on, else the exit status. */
static int parse(struct setup *s, int argc, char **argv)
{
	int c;

	optind = 0;
	while ((c = getopt_long(argc, argv, options, long_options, NULL)) != -1) {
		if (c == 'n')
			s->check = true;
		else if (c == 'u')
			s->undo = true;
		else if (c == 'r')
			s->steps.root = optarg;
		else
			return c == 'h' ? usage(stdout, EXIT_OK) : usage(stderr, EXIT_USAGE);
	}
	if (optind < argc || (s->check && s->undo))
		return usage(stderr, EXIT_USAGE);
	if (strlen(s->steps.root) > PATH_MAX / 2) {
		msg_error("--root", "cannot use it", -ENAMETOOLONG);
		return EXIT_USAGE;
	}
	return -1;
}

/* One setup at a time. */
static int lock(struct setup *s)
{
	char path[PATH_MAX];

	s->lock = open(steps_at(&s->steps, "/var/lib", path), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (s->lock < 0 || flock(s->lock, LOCK_EX))
		return msg_set_errno(&s->steps.why, -errno, "%s: cannot lock", path);
	return 0;
}

static int run(struct setup *s)
{
	if (s->check)
		return run_check(&s->steps);
	if (!*s->steps.root && geteuid() != 0) {
		msg_say("setup", "only root can change this: sudo efuse setup");
		return EXIT_FAILED;
	}
	if (lock(s)) {
		msg_say("setup", "%s; nothing was changed", s->steps.why.text);
		return EXIT_FAILED;
	}
	umask(022);
	return s->undo ? run_undo(&s->steps) : run_setup(&s->steps);
}

int setup_main(int argc, char **argv)
{
	struct setup s = { .steps.root = "", .lock = -1 };
	int ret = parse(&s, argc, argv);

	if (ret < 0)
		ret = run(&s);
	steps_free(&s.steps);
	closep(&s.lock);
	return fflush(stdout) && !ret ? EXIT_FAILED : ret;
}

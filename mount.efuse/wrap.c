// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * wrap.c - `efuse wrap`: a FUSE program's usual command line, with the shim in
 * it.
 *
 * The command replaces this process, so its terminal, signals, exit status and
 * every inherited descriptor are what they would be without us. All that
 * changes is its environment.
 */
#include "mount.efuse/wrap.h"

#include "mount.efuse/msg.h"
#include "mount.efuse/opts.h"
#include "mount.efuse/program.h"
#include "mount.efuse/tier.h"
#include "mount.efuse/util.h"

#define NAME		"efuse wrap"
#define EXIT_USAGE	1
#define EXIT_CANNOT	126	/* as shells have it */
#define EXIT_MISSING	127

extern char **environ;

struct wrap {
	char *optstr;		/* all -o and --efuse.*, joined */
	bool verbose;
	struct opts opts;
	struct program program;
	struct tier tier;
};

static void print_help(void)
{
	printf("usage: efuse wrap [-v] [-o OPTIONS] [--efuse.NAME=VALUE]... [--] COMMAND [ARGUMENT]...\n\n"
	       "Run the command line of a FUSE program as it is, served by efuse.\n\nOPTIONS are\n");
	for (const struct opts_spec *s = opts_table; s->name; s++)
		if (s->where & OPTS_FOR_WRAP)
			printf("  %s=%-*s %s (%s)\n", s->name, (int)(24 - strlen(s->name)), s->arg,
			       s->help, s->initial);
}

static int bad_usage(const char *object, const char *what)
{
	msg_say(object, "%s; usage: efuse wrap [-v] [-o OPTIONS] [--] COMMAND [ARGUMENT]...", what);
	return EXIT_USAGE;
}

static int add_options(struct wrap *w, const char *more)
{
	char *joined;

	if (asprintf(&joined, "%s%s%s", w->optstr ? w->optstr : "", w->optstr ? "," : "", more) < 0) {
		msg_error(NULL, "cannot read options", -ENOMEM);
		return EXIT_CANNOT;
	}
	free(w->optstr);
	w->optstr = joined;
	return -1;
}

/* One argument in front of the command. -1: go on; otherwise the exit code. */
static int read_argument(struct wrap *w, char **argv, int *i)
{
	const char *arg = argv[*i];

	if (str_after(arg, "--efuse."))
		return add_options(w, arg + 2);
	if (streq(arg, "-o")) {
		if (!argv[*i + 1])
			return bad_usage(arg, "needs an argument");
		return add_options(w, argv[++*i]);
	}
	if (str_after(arg, "-o"))
		return add_options(w, arg + 2);
	if (streq(arg, "-v") || streq(arg, "--verbose")) {
		w->verbose = true;
		return -1;
	}
	if (streq(arg, "-h") || streq(arg, "--help")) {
		print_help();
		return 0;
	}
	return bad_usage(arg, "unknown flag");
}

/* Up to the first word that is no flag of ours; its index goes to *COMMAND. */
static int read_command_line(struct wrap *w, char **argv, int *command)
{
	int i = 1, code = -1;

	for (; code < 0 && argv[i] && argv[i][0] == '-' && argv[i][1]; i++) {
		if (streq(argv[i], "--")) {
			i++;
			break;
		}
		code = read_argument(w, argv, &i);
	}
	*command = i;
	if (code < 0 && !argv[i])
		return bad_usage(NULL, "no command given");
	return code;
}

static int find_program(struct wrap *w, const char *name)
{
	char path[PATH_MAX];
	int err = program_find(name, path);

	if (!err)
		err = program_examine(path, &w->program);
	if (!err)
		return 0;
	if (err == -ENOENT)
		msg_say(name, "command not found");
	else
		msg_error(name, "cannot execute", err);
	return err == -ENOENT ? EXIT_MISSING : EXIT_CANNOT;
}

/* Returns only when it failed. */
static int execute(struct wrap *w, char **argv)
{
	__cleanup(freep) char **env = handover_environ(&w->tier.handover, environ);
	int err;

	if (!env) {
		msg_error(argv[0], "cannot execute", -ENOMEM);
		return EXIT_CANNOT;
	}
	if (w->tier.handover.preload)
		msg_note(argv[0], "starting %s with the shim %s", w->program.path,
			 w->tier.handover.shim);
	execve(w->program.path, argv, env);
	err = -errno;
	if (err == -ENOENT)
		msg_say(argv[0], "cannot execute %s: its interpreter is missing", w->program.path);
	else
		msg_error(argv[0], "cannot execute", err);
	return EXIT_CANNOT;
}

static int run(struct wrap *w, char **argv)
{
	struct msg why;
	int err, code;

	if (opts_parse(&w->opts, w->optstr, OPTS_FOR_WRAP, false, &why) < 0) {
		msg_say(NULL, "%s", why.text);
		return EXIT_USAGE;
	}
	code = find_program(w, argv[0]);
	if (code)
		return code;
	err = tier_choose(&w->tier, &w->opts, &w->program);
	if (err) {
		msg_error(argv[0], "cannot prepare the hand-over", err);
		return EXIT_CANNOT;
	}
	for (int i = 0; i < w->tier.notes; i++)
		msg_say(argv[0], "%s", w->tier.note[i].text);
	return execute(w, argv);
}

int wrap_main(int argc, char **argv)
{
	static struct wrap w;
	int command = argc, code;

	msg_init(NAME, false);
	opts_init(&w.opts);
	code = read_command_line(&w, argv, &command);
	msg_init(NAME, w.verbose);
	if (code < 0)
		code = run(&w, argv + command);
	opts_free(&w.opts);
	free(take_ptr(w.optstr));
	return code;
}

// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * efuse.c - the command line program: one table of verbs, each in a file of
 * its own, and nothing else. The table is also the help text.
 */
#include "mount.efuse/doctor.h"
#include "mount.efuse/load.h"
#include "mount.efuse/msg.h"
#include "mount.efuse/replay.h"
#include "mount.efuse/setup.h"
#include "mount.efuse/status.h"
#include "mount.efuse/util.h"
#include "mount.efuse/wrap.h"

static int help_main(int argc, char **argv);

static const struct verb {
	const char *name;
	int (*run)(int argc, char **argv);
	const char *arguments;
	const char *help;
} verbs[] = {
	{ "wrap", wrap_main, "[-v] [-o OPTIONS] COMMAND [ARGUMENT]...",
	  "run a FUSE program's usual command line, with efuse in it" },
	{ "status", status_main, "[-j] [-w [SECONDS]] [-n COUNT] [MOUNT]...",
	  "per mount: which channel serves it, how fast, and why not a better one" },
	{ "doctor", doctor_main, "[-j] [PROGRAM]",
	  "what this machine, user and FUSE program can do, and what to switch on" },
	{ "setup", setup_main, "[-n] [-u] [-r DIR]",
	  "switch on, as root, what efuse needs, now and after every boot" },
	{ "load", load_main, "[-l | -u NAME... | FILE...]",
	  "register BPF policies, as root, with the efuse driver" },
	{ "replay", replay_main, "[FILE]",
	  "whether the efuse driver's choices between ways to read follow from a trace" },
	{ "help", help_main, "[VERB]", "this list, or the options of one verb" },
};

static const struct verb *find(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(verbs); i++)
		if (streq(verbs[i].name, name))
			return &verbs[i];
	return NULL;
}

static int usage(FILE *out, int ret)
{
	fputs("Usage:\n", out);
	for (size_t i = 0; i < ARRAY_SIZE(verbs); i++)
		fprintf(out, "  efuse %s %s\n        %s\n", verbs[i].name, verbs[i].arguments,
			verbs[i].help);
	fputs("  efuse --version\nSee efuse(1).\n", out);
	return fflush(out) ? 1 : ret;
}

static int unknown(const char *name)
{
	msg_say(name, "no such command; see `efuse help`");
	return 2;
}

static int help_main(int argc, char **argv)
{
	const struct verb *verb = argc > 1 ? find(argv[1]) : NULL;
	char *args[] = { argv[argc > 1], (char *)"--help", NULL };

	if (argc < 2 || streq(argv[1], "help"))
		return usage(stdout, 0);
	return verb ? verb->run(2, args) : unknown(argv[1]);
}

int main(int argc, char **argv)
{
	const struct verb *verb;

	msg_init("efuse", false);
	if (argc < 2)
		return usage(stderr, 2);
	if (streq(argv[1], "--version") || streq(argv[1], "-V"))
		return puts("efuse " EFUSE_VERSION) < 0 || fflush(stdout);
	if (streq(argv[1], "--help") || streq(argv[1], "-h"))
		return usage(stdout, 0);
	verb = find(argv[1]);
	if (!verb)
		return unknown(argv[1]);
	return verb->run(argc - 1, argv + 1);
}

// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * cmdline.c - the command line of mount.efuse. See cmdline.h.
 *
 * It is part of the main: it prints usage and help, and returns exit codes.
 */
#include "mount.efuse/cmdline.h"

#include <getopt.h>
#include <libmount/libmount.h>

#include "mount.efuse/msg.h"
#include "mount.efuse/opts.h"
#include "mount.efuse/util.h"

static void print_help(void)
{
	printf("usage: mount.efuse [PROGRAM#]SOURCE MOUNTPOINT [-s] [-f] [-n] [-v] [-N NAMESPACE] [-t TYPE] [-o OPTIONS]\n"
	       "       mount -t fuse.efuse [-o OPTIONS] [PROGRAM#]SOURCE MOUNTPOINT\n\n"
	       "Mount the file system of an unmodified FUSE program, served by efuse.\n\n"
	       "Options of efuse; all others go to PROGRAM:\n");
	for (const struct opts_spec *s = opts_table; s->name; s++)
		if (s->where & OPTS_FOR_MOUNT)
			printf("  %s=%-*s %s (%s)\n", s->name, (int)(24 - strlen(s->name)), s->arg,
			       s->help, s->initial);
	printf("\n  -s  tolerate unknown efuse. options     -f  do everything but mount\n"
	       "  -n  do not write to utab                -v  say what is done\n"
	       "  -h  this help                           -V  version\n\n"
	       "See mount.efuse(8).\n");
}

static int bad_usage(const char *what)
{
	msg_say(NULL, "%s; usage: mount.efuse [PROGRAM#]SOURCE MOUNTPOINT [-s] [-f] [-n] [-v] [-N NAMESPACE] [-t TYPE] [-o OPTIONS]",
		what);
	return MNT_EX_USAGE;
}

static int add_options(struct cmdline *args, const char *more)
{
	char *joined;

	if (asprintf(&joined, "%s%s%s", args->optstr ? args->optstr : "", args->optstr ? "," : "",
		     more) < 0)
		return MNT_EX_SYSERR;
	free(args->optstr);
	args->optstr = joined;
	return 0;
}

static int read_operands(struct cmdline *args, int argc, char **argv)
{
	if (argc < 2)
		return bad_usage(argc ? "no mount point given" : "no source and mount point given");
	if (argc > 2)
		return bad_usage("more than a source and a mount point given");
	args->spec = argv[0];
	args->where = argv[1];
	return 0;
}

/* -1: go on; otherwise the exit code. */
static int read_flag(struct cmdline *args, int flag)
{
	switch (flag) {
	case 's':
		args->sloppy = true;
		return -1;
	case 'f':
		args->fake = true;
		return -1;
	case 'n':
		args->no_table = true;
		return -1;
	case 'v':
		args->verbose = true;
		return -1;
	case 'N':
		args->namespace = optarg;
		return -1;
	case 't':
		args->type = optarg;
		return -1;
	case 'o':
		return add_options(args, optarg) ? MNT_EX_SYSERR : -1;
	case 'h':
		print_help();
		return 0;
	case 'V':
		printf("mount.efuse %s\n", EFUSE_VERSION);
		return 0;
	default:
		return bad_usage("unknown flag, or one without its argument");
	}
}

int cmdline_read(struct cmdline *args, int argc, char **argv)
{
	static const struct option longopts[] = {
		{ "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'V' },
		{ NULL, 0, NULL, 0 },
	};
	int flag, code;

	opterr = 0;
	while ((flag = getopt_long(argc, argv, "sfnvN:t:o:hV", longopts, NULL)) != -1) {
		code = read_flag(args, flag);
		if (code >= 0)
			return code;
	}
	msg_init("mount.efuse", args->verbose);
	code = read_operands(args, argc - optind, argv + optind);
	return code ? code : -1;
}

void cmdline_free(struct cmdline *args)
{
	free(take_ptr(args->optstr));
}

// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * doctor.c - the verb `efuse doctor`: what this kernel, this user and a FUSE
 * program can do, and the command that enables what is off.
 */
#include <getopt.h>

#include "mount.efuse/doctor.h"
#include "mount.efuse/fuseprogram.h"
#include "mount.efuse/json.h"
#include "mount.efuse/machine.h"
#include "mount.efuse/msg.h"
#include "mount.efuse/report.h"

enum {
	EXIT_CORES,	/* a channel with a queue or ring per core would serve */
	EXIT_LOWER,	/* plain FUSE would, or nothing */
	EXIT_USAGE,
};

static const char options[] = "hj";
static const struct option long_options[] = {
	{ "help", no_argument, NULL, 'h' },
	{ "json", no_argument, NULL, 'j' },
	{ NULL, 0, NULL, 0 },
};

static int usage(FILE *out, int ret)
{
	fputs("Usage: efuse doctor [-j] [PROGRAM]\n"
	      "  -j, --json             as JSON\n"
	      "  -h, --help             this text\n", out);
	return ret;
}

/* -1 to go on, else the exit status. */
static int parse(int argc, char **argv, bool *json)
{
	int c;

	optind = 0;
	while ((c = getopt_long(argc, argv, options, long_options, NULL)) != -1) {
		if (c != 'j')
			return c == 'h' ? usage(stdout, EXIT_CORES) : usage(stderr, EXIT_USAGE);
		*json = true;
	}
	return argc - optind > 1 ? usage(stderr, EXIT_USAGE) : -1;
}

static const char *sum(const struct findings *all)
{
	if (finding_bad(all))
		return "mounting would fail: see [!!]";
	if (finding_serves(all, FINDING_FOR_RING))
		return "the efuse driver would serve, a ring per core";
	return finding_serves(all, FINDING_FOR_URING) ?
	       "FUSE-over-io_uring would serve, a queue per core" : "plain FUSE would serve";
}

static const char *channel(const struct findings *all)
{
	if (finding_serves(all, FINDING_FOR_RING))
		return "ring";
	return finding_serves(all, FINDING_FOR_URING) ? "uring" : finding_bad(all) ? "none" : "dev";
}

static void print_text(const struct findings *all)
{
	static const char *const marks[] = { "[ok]", "[--]", "[!!]" };

	for (unsigned int i = 0; i < all->count; i++) {
		const struct finding *f = &all->list[i];

		printf("%s %-18s ", marks[f->level], f->name);
		report_text(stdout, f->value);
		if (f->fix[0]) {
			printf("\n%-23s -> ", "");
			report_text(stdout, f->fix);
		}
		putchar('\n');
	}
	puts(sum(all));
}

static void print_json(const struct findings *all)
{
	static const char *const levels[] = { "ok", "off", "bad" };
	struct json j;

	json_begin(&j, stdout, false);
	json_open(&j, NULL, '{');
	json_string(&j, "efuse", EFUSE_VERSION);
	json_string(&j, "channel", channel(all));
	json_open(&j, "checks", '[');
	for (unsigned int i = 0; i < all->count; i++) {
		const struct finding *f = &all->list[i];

		json_open(&j, NULL, '{');
		json_string(&j, "name", f->name);
		json_string(&j, "level", levels[f->level]);
		json_bool(&j, "needed", f->needed != 0);
		json_string(&j, "value", f->value);
		json_string(&j, "fix", f->fix);
		json_close(&j, '}');
	}
	json_close(&j, ']');
	json_close(&j, '}');
	json_end(&j);
}

int doctor_main(int argc, char **argv)
{
	struct findings all = { .count = 0 };
	bool json = false;
	int err, ret = parse(argc, argv, &json);

	if (ret >= 0)
		return ret;
	machine_check_kernel(&all);
	machine_check_user(&all);
	machine_check_efuse(&all);
	if (optind < argc) {
		err = fuseprogram_check(&all, argv[optind]);
		if (err) {
			msg_error(argv[optind], "cannot look at this program", err);
			return EXIT_USAGE;
		}
	}
	if (json)
		print_json(&all);
	else
		print_text(&all);
	if (fflush(stdout))
		return EXIT_LOWER;
	return finding_serves(&all, FINDING_FOR_RING) || finding_serves(&all, FINDING_FOR_URING) ?
	       EXIT_CORES : EXIT_LOWER;
}

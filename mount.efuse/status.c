// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * status.c - the verb `efuse status`: which tier served what, per mount.
 */
#include <getopt.h>
#include <math.h>

#include "mount.efuse/fusemount.h"
#include "mount.efuse/latency.h"
#include "mount.efuse/msg.h"
#include "mount.efuse/report.h"
#include "mount.efuse/status.h"

#define HEADING_EVERY	20	/* lines of -w */

enum {
	EXIT_OK,
	EXIT_FAILED,	/* no such mount, or the tables cannot be read */
	EXIT_USAGE,
};

struct status {
	bool json;
	double interval;	/* 0: once */
	unsigned long count;	/* rounds of -w, 0: for ever */
	char **mounts;		/* those asked for, NULL terminated; none: all */
	unsigned int lines;	/* of -w so far */
	bool told_empty;	/* -w said that there is nothing to watch */
};

static const char options[] = "+hjn:w::";
static const struct option long_options[] = {
	{ "help", no_argument, NULL, 'h' },
	{ "json", no_argument, NULL, 'j' },
	{ "count", required_argument, NULL, 'n' },
	{ "watch", optional_argument, NULL, 'w' },
	{ NULL, 0, NULL, 0 },
};

static void usage(FILE *out)
{
	fputs("Usage: efuse status [-j] [-w [SECONDS]] [-n COUNT] [MOUNT]...\n"
	      "  -j, --json             as JSON\n"
	      "  -w, --watch[=SECONDS]  what happened in every SECONDS (default 1), until stopped\n"
	      "  -n, --count=COUNT      stop -w after COUNT rounds\n"
	      "  -h, --help             this text\n", out);
}

static bool parse_seconds(const char *text, double *seconds)
{
	char *end;

	*seconds = strtod(text, &end);
	return end != text && !*end && isfinite(*seconds) && *seconds >= 0.01 && *seconds <= 86400;
}

static bool parse_count(const char *text, unsigned long *count)
{
	char *end;

	errno = 0;
	*count = strtoul(text, &end, 10);
	return !errno && end != text && !*end && text[0] != '-' && *count > 0;
}

/* -w takes its seconds from the next word too, when that is a number. */
static bool parse_watch(struct status *s, int argc, char **argv)
{
	double seconds;

	s->interval = 1;
	if (optarg)
		return parse_seconds(optarg, &s->interval);
	if (optind < argc && parse_seconds(argv[optind], &seconds)) {
		s->interval = seconds;
		optind++;
	}
	return true;
}

static bool bad_value(const char *name, const char *value)
{
	msg_say(name, "%s: not a usable number", value);
	return false;
}

/* -1 to go on, else the exit status. */
static int parse(struct status *s, int argc, char **argv)
{
	int c;

	optind = 0;
	while ((c = getopt_long(argc, argv, options, long_options, NULL)) != -1) {
		if (c == 'j')
			s->json = true;
		else if (c == 'n' && !parse_count(optarg, &s->count))
			return bad_value("--count", optarg) ? EXIT_OK : EXIT_USAGE;
		else if (c == 'w' && !parse_watch(s, argc, argv))
			return bad_value("--watch", optarg) ? EXIT_OK : EXIT_USAGE;
		else if (c == 'h') {
			usage(stdout);
			return EXIT_OK;
		} else if (c == '?') {
			usage(stderr);
			return EXIT_USAGE;
		}
	}
	s->mounts = argv + optind;
	return -1;
}

/* Mark the mounts asked for; 0 or the first error, all of them told. */
static int choose(struct fusemount_table *table, char **paths)
{
	struct fusemount *mount;
	int err, first = 0;

	for (struct fusemount *p = table->list; p; p = p->next)
		p->wanted = !*paths;
	for (; *paths; paths++) {
		err = fusemount_find(table, *paths, &mount);
		if (!err)
			mount->wanted = true;
		else if (err == -EINVAL)
			msg_say(*paths, "not the mount point of a FUSE file system");
		else
			msg_error(*paths, "cannot look at it", err);
		first = first ? first : err;
	}
	return first;
}

static void print_json(const struct status *s, struct fusemount_table *table, double seconds)
{
	struct json j;

	json_begin(&j, stdout, s->interval > 0);
	json_open(&j, NULL, '{');
	json_string(&j, "efuse", EFUSE_VERSION);
	if (s->interval > 0)
		json_real(&j, "seconds", seconds);
	json_open(&j, "mounts", '[');
	for (struct fusemount *p = table->list; p; p = p->next)
		if (p->wanted)
			report_json(&j, p);
	json_close(&j, ']');
	json_open(&j, "elsewhere", '[');
	for (struct statsfile *f = table->elsewhere; f && !*s->mounts; f = f->next)
		report_json_elsewhere(&j, f);
	json_close(&j, ']');
	json_number(&j, "other_version", table->foreign);
	json_close(&j, '}');
	json_end(&j);
}

static void print_text(const struct status *s, struct fusemount_table *table)
{
	bool any = false;

	for (struct fusemount *p = table->list; p; p = p->next) {
		if (!p->wanted)
			continue;
		if (any)
			putchar('\n');
		report_mount(stdout, p);
		any = true;
	}
	for (struct statsfile *f = table->elsewhere; f && !*s->mounts; f = f->next) {
		if (any)
			putchar('\n');
		report_elsewhere(stdout, f);
		any = true;
	}
	if (!any)
		puts("no FUSE file system is mounted");
	if (table->foreign)
		msg_say(NULL, "%u daemons run with the shim of another efuse version: not shown; "
			"mount them anew", table->foreign);
}

static void print_watch(struct status *s, struct fusemount_table *table, double seconds)
{
	bool any = false;

	for (struct fusemount *p = table->list; p; p = p->next) {
		if (!p->wanted || !p->stats)
			continue;
		if (s->lines++ % HEADING_EVERY == 0)
			report_watch_heading(stdout);
		report_watch(stdout, p, seconds);
		any = true;
	}
	if (!any && !s->told_empty)
		msg_say(NULL, "none of the mounts is under efuse; waiting");
	s->told_empty = !any;
}

static struct statsfile *same_file(struct fusemount_table *before, const struct statsfile *file)
{
	for (struct fusemount *p = before->list; p; p = p->next)
		if (p->stats && streq(p->stats->path, file->path) &&
		    p->stats->head.starttime == file->head.starttime)
			return p->stats;
	return NULL;
}

/* Turn the counters of NOW into what was counted since BEFORE. */
static void subtract(struct fusemount_table *now, struct fusemount_table *before)
{
	for (struct fusemount *p = now->list; p; p = p->next) {
		struct statsfile *old = p->stats ? same_file(before, p->stats) : NULL;

		if (old)
			latency_since(p->stats, old);
	}
}

static int read_chosen(struct status *s, struct fusemount_table *table)
{
	int err = fusemount_read(table);

	if (err) {
		msg_error(NULL, "cannot read the mount table or the status files", err);
		return EXIT_FAILED;
	}
	if (choose(table, s->mounts)) {
		fusemount_free(table);
		return EXIT_FAILED;
	}
	return EXIT_OK;
}

static void sleep_for(double seconds)
{
	struct timespec ts = { .tv_sec = (time_t)seconds };

	ts.tv_nsec = (long)((seconds - (double)ts.tv_sec) * 1e9);
	while (nanosleep(&ts, &ts) && errno == EINTR)
		;
}

/* One round of -w: what was counted while it slept. */
static int watch_once(struct status *s)
{
	struct fusemount_table before, now;
	int64_t start;
	int ret = read_chosen(s, &before);

	if (ret)
		return ret;
	start = now_ms();
	sleep_for(s->interval);
	ret = read_chosen(s, &now);
	if (!ret) {
		double seconds = (double)(now_ms() - start) / 1e3;

		subtract(&now, &before);
		if (s->json)
			print_json(s, &now, seconds);
		else
			print_watch(s, &now, seconds);
		fusemount_free(&now);
	}
	fusemount_free(&before);
	return ret;
}

static int watch(struct status *s)
{
	unsigned long round = 0;
	int ret = EXIT_OK;

	while (!ret && (!s->count || round++ < s->count)) {
		ret = watch_once(s);
		if (fflush(stdout))
			return EXIT_FAILED;
	}
	return ret;
}

static int once(struct status *s)
{
	struct fusemount_table table;
	int ret = read_chosen(s, &table);

	if (ret)
		return ret;
	if (s->json)
		print_json(s, &table, 0);
	else
		print_text(s, &table);
	fusemount_free(&table);
	return fflush(stdout) ? EXIT_FAILED : EXIT_OK;
}

int status_main(int argc, char **argv)
{
	struct status s = { 0 };
	int ret = parse(&s, argc, argv);

	if (ret >= 0)
		return ret;
	return s.interval > 0 ? watch(&s) : once(&s);
}

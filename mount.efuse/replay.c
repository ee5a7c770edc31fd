// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * replay.c - `efuse replay`: goes through the decisions of the efuse driver's chooser
 * again, with what a trace says they were made by, and the driver's own rules.
 */
#include "mount.efuse/replay.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/module/chooser.h"
#include "mount.efuse/msg.h"
#include "mount.efuse/util.h"

enum { EXIT_OK, EXIT_FAILED, EXIT_USAGE };

/* A file of a mount, and what is known of it so far. */
struct traced {
	uint32_t conn;
	uint64_t node;
	uint32_t next;		/* the number of its next event */
	bool broken;		/* one is missing: nothing is to be said from there on */
	struct chooser class[CHOOSER_CLASSES];
};

struct replay {
	void *files;		/* of tsearch(3) */
	unsigned long nfiles, broken, wrong;
	unsigned long ways[CHOOSER_WAYS];
	unsigned long line;
};

static int usage(FILE *out, int ret)
{
	fputs("Usage: efuse replay [FILE]\n"
	      "Check a trace of the events efuse:efuse_choose and efuse:efuse_learn: whether each\n"
	      "decision follows from what was traced before. FILE is as tracefs has it in `trace`,\n"
	      "by default standard input.\n"
	      "  -h, --help        this text\n", out);
	return fflush(out) ? EXIT_FAILED : ret;
}

static int by_file(const void *a, const void *b)
{
	const struct traced *x = a, *y = b;

	if (x->conn != y->conn)
		return x->conn < y->conn ? -1 : 1;
	return x->node < y->node ? -1 : x->node > y->node;
}

/* The file's entry, a new one if there is none; NULL without memory. */
static struct traced *file_of(struct replay *r, uint32_t conn, uint64_t node)
{
	struct traced *t = calloc(1, sizeof(*t));
	struct traced **at;

	if (!t)
		return NULL;
	t->conn = conn;
	t->node = node;
	at = tsearch(t, &r->files, by_file);
	if (!at || *at != t)
		free(t);
	else
		r->nfiles++;
	return at ? *at : NULL;
}

/* Whether the event is the file's next. The first of all is that of a file that is new. */
static bool follows(struct replay *r, struct traced *t, uint32_t seq)
{
	if (!seq) {
		memset(t->class, 0, sizeof(t->class));
		for (uint32_t i = 0; i < CHOOSER_CLASSES; i++)
			chooser_begin(&t->class[i], i);
		t->broken = false;
	} else if (seq != t->next && !t->broken) {
		t->broken = true;
		r->broken++;
	}
	t->next = seq + 1;
	return !t->broken;
}

static const char *as_try(const struct chooser_choice *c)
{
	return c->try ? " as a try" : "";
}

/* A decision. Returns 0, -EBADMSG for a line that cannot be, or -ENOMEM. */
static int choose(struct replay *r, const char *text)
{
	struct chooser_choice traced, choice;
	struct chooser_request request;
	uint32_t conn, seq, class, compared;
	struct traced *t;
	uint64_t node;

	if (sscanf(text, "conn=%" SCNu32 " node=%" SCNu64 " seq=%" SCNu32 " class=%" SCNu32
		   " ways=%" SCNu32 " share=%" SCNu32 " again=%" SCNu32 " compared=%" SCNu32
		   " way=%" SCNu32 " try=%" SCNu32, &conn, &node, &seq, &class, &request.ways,
		   &request.share, &request.again, &compared, &traced.way, &traced.try) != 10 ||
	    class >= CHOOSER_CLASSES || request.share > CHOOSER_CACHED ||
	    request.ways >> CHOOSER_WAYS || !(request.ways & 1) || traced.way >= CHOOSER_WAYS)
		return -EBADMSG;
	t = file_of(r, conn, node);
	if (!t)
		return -ENOMEM;
	if (!follows(r, t, seq))
		return 0;
	t->class[class].compared = compared;
	choice = chooser_choose(&t->class[class], request);
	r->ways[traced.way]++;
	if (choice.way == traced.way && choice.try == traced.try)
		return 0;
	if (!r->wrong++)
		msg_say("efuse replay", "line %lu: node %" PRIu64 ", decision %" PRIu32
			": way %" PRIu32 "%s was taken, %" PRIu32 "%s follows", r->line, node, seq,
			traced.way, as_try(&traced), choice.way, as_try(&choice));
	return 0;
}

/* What was learnt. As above. */
static int learn(struct replay *r, const char *text)
{
	uint32_t conn, seq, class, way, well;
	struct traced *t;
	uint64_t node, ns;

	if (sscanf(text, "conn=%" SCNu32 " node=%" SCNu64 " seq=%" SCNu32 " class=%" SCNu32
		   " way=%" SCNu32 " well=%" SCNu32 " ns=%" SCNu64,
		   &conn, &node, &seq, &class, &way, &well, &ns) != 7 ||
	    class >= CHOOSER_CLASSES || way >= CHOOSER_WAYS || well >= CHOOSER_KINDS)
		return -EBADMSG;
	t = file_of(r, conn, node);
	if (!t)
		return -ENOMEM;
	if (follows(r, t, seq))
		chooser_learn(&t->class[class], way, well, ns);
	return 0;
}

static int replay_line(struct replay *r, const char *line)
{
	static const char choose_name[] = " efuse_choose: ", learn_name[] = " efuse_learn: ";
	const char *at;

	r->line++;
	if (line[0] == '#')
		return 0;
	at = strstr(line, choose_name);
	if (at)
		return choose(r, at + strlen(choose_name));
	at = strstr(line, learn_name);
	return at ? learn(r, at + strlen(learn_name)) : 0;
}

/* Returns 0 or -errno. */
static int replay_file(struct replay *r, FILE *in)
{
	char *line = NULL;
	size_t room = 0;
	int err = 0;

	errno = 0;
	while (!err && getline(&line, &room, in) > 0)
		err = replay_line(r, line);
	if (!err && !feof(in))
		err = errno ? -errno : -EIO;
	free(line);
	return err;
}

static int report(const struct replay *r, const char *name)
{
	unsigned long all = 0;

	for (int i = 0; i < CHOOSER_WAYS; i++)
		all += r->ways[i];
	printf("%lu decisions, %lu file%s: %lu to the program, %lu to the policy, %lu to its file; "
	       "%lu do not follow\n", all, r->nfiles, r->nfiles == 1 ? "" : "s", r->ways[CHOOSER_SERVER],
	       r->ways[CHOOSER_POLICY], r->ways[CHOOSER_FILE], r->wrong);
	if (r->broken)
		msg_say(name, "events of %lu file%s are missing; trace from before it is first "
			"read, with a larger buffer_size_kb", r->broken, r->broken == 1 ? "" : "s");
	else if (!all)
		msg_say(name, "no event efuse_choose in it; enable events/efuse in tracefs");
	if (fflush(stdout))
		return EXIT_FAILED;
	return r->wrong || r->broken || !all ? EXIT_FAILED : EXIT_OK;
}

static int replay(const char *name, FILE *in)
{
	struct replay r = { .files = NULL };
	int err = replay_file(&r, in), ret = EXIT_FAILED;

	if (err == -EBADMSG)
		msg_say(name, "line %lu: no such event can be; is it of another version?", r.line);
	else if (err)
		msg_say(name, "cannot read: %s", strerror(-err));
	else
		ret = report(&r, name);
	tdestroy(r.files, free);
	return ret;
}

int replay_main(int argc, char **argv)
{
	static const struct option long_options[] = {
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	FILE *in = stdin;
	int ret;

	optind = 0;
	switch (getopt_long(argc, argv, "+h", long_options, NULL)) {
	case -1:
		break;
	case 'h':
		return usage(stdout, EXIT_OK);
	default:
		return usage(stderr, EXIT_USAGE);
	}
	if (argc - optind > 1)
		return usage(stderr, EXIT_USAGE);
	if (argc > optind)
		in = fopen(argv[optind], "re");
	if (!in) {
		msg_say(argv[optind], "cannot open: %s", strerror(errno));
		return EXIT_FAILED;
	}
	ret = replay(argc > optind ? argv[optind] : "standard input", in);
	if (in != stdin)
		fclose(in);
	return ret;
}

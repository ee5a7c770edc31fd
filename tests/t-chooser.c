// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * t-chooser.c - which way READs go, by kernel/module/chooser.h: against ways whose times
 * are made up, over as many requests as it takes to see what comes of it.
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/module/chooser.h"

#define ALL	(1U << CHOOSER_SERVER | 1U << CHOOSER_POLICY | 1U << CHOOSER_FILE)
#define BLOCKS	2048
#define WARM	2

/* What a machine is like. */
struct machine {
	unsigned int ways;
	unsigned int ns[CHOOSER_WAYS][CHOOSER_KINDS];
	unsigned int room;	/* blocks that the policy can have */
	unsigned int cached;	/* of 100 requests are in the page cache */
	unsigned int noise;	/* a time is up to so many percent more */
	unsigned int cold;	/* more nanoseconds for the first WARM that go another way */
	unsigned int away;	/* of 100 requests have no file */
};

/* What has come of it. */
struct outcome {
	double ns;		/* of all requests */
	unsigned long taken[CHOOSER_WAYS], tries[CHOOSER_WAYS];
};

static int tests, failures;
static unsigned int compared = 512;	/* of so many to the file one is the server's */
static unsigned int place[BLOCKS];	/* which block the policy has in each of its places */
static bool seen[BLOCKS];

static void check(int good, const char *what)
{
	tests++;
	failures += !good;
	printf("%sok %d - %s\n", good ? "" : "not ", tests, what);
}

static unsigned int draw(unsigned int below)
{
	static unsigned long long state = 1;

	state = state * 6364136223846793005ULL + 1442695040888963407ULL;
	return (unsigned int)(state >> 33) % below;
}

static unsigned int take(const struct machine *m, unsigned int way, bool well)
{
	unsigned int ns = m->ns[way][well];

	/* One of fifty is disturbed. */
	return ns + ns / 100 * draw(m->noise + 1) + (m->noise && !draw(50) ? ns * 20 : 0);
}

/* What there is to be remembered of a way, which the next on another make forgotten. */
static unsigned int take_cold(const struct machine *m, unsigned int way)
{
	static unsigned int last, row;

	row = way == last ? row + 1 : 0;
	last = way;
	return row < WARM ? m->cold : 0;
}

/* Of those to the file the server has some, which are not timed. */
static unsigned int take_whole(const struct machine *m, unsigned int way, bool well)
{
	if (way == CHOOSER_FILE && !draw(compared))
		way = CHOOSER_SERVER;
	return take(m, way, well);
}

/* Whether the policy has the block; it has it then. */
static bool had(const struct machine *m, unsigned int block)
{
	unsigned int *at = &place[m->room ? block % m->room : 0];
	bool had = m->room && *at == block + 1;

	*at = block + 1;
	return had;
}

static void forget(struct chooser *c)
{
	memset(c, 0, sizeof(*c));
	chooser_begin(c, 0);
	memset(place, 0, sizeof(place));
	memset(seen, 0, sizeof(seen));
}

/* c is one, or for a file that is not always there one for each enum chooser_where. */
static struct outcome run(struct chooser *c, const struct machine *m, unsigned int count)
{
	struct outcome o = { .ns = 0 };

	while (count--) {
		unsigned int block = draw(BLOCKS), ns;
		struct chooser_request r = {
			.ways = m->ways & ~((draw(100) < m->away) << CHOOSER_FILE),
			.again = seen[block],
			.share = draw(100) < m->cached ? CHOOSER_CACHED : 0,
		};
		struct chooser *known = r.ways == m->ways ? c : &c[CHOOSER_NO_FILE];
		struct chooser_choice choice;
		bool well;

		known->compared = compared;
		choice = chooser_choose(known, r);
		well = choice.way == CHOOSER_POLICY ? had(m, block) : r.share;

		seen[block] = true;
		ns = choice.try ? take(m, choice.way, well) : take_whole(m, choice.way, well);
		ns += take_cold(m, choice.way);
		/* What the policy has not is then the server's, and remembered. */
		if (r.ways != m->ways && choice.way == CHOOSER_POLICY && !well)
			ns += m->ns[CHOOSER_SERVER][CHOOSER_BADLY] / 2 * 3;
		chooser_learn(known, choice.way, well, choice.try ? ns : 0);
		o.ns += ns;
		o.taken[choice.way]++;
		o.tries[choice.way] += choice.try;
	}
	return o;
}

/* The same on one way alone, or on that way and the server. */
static double alone(const struct machine *m, unsigned int way, unsigned int count)
{
	double ns = 0;

	for (unsigned int i = 0; i < count; i++) {
		bool well = way == CHOOSER_POLICY ? had(m, draw(BLOCKS)) : draw(100) < m->cached;

		ns += take_whole(m, way, well);
	}
	return ns / count;
}

static const struct machine cheap_file = {
	.ways = ALL, .cached = 100, .room = BLOCKS,
	.ns = { { 20000, 20000 }, { 21000, 7000 }, { 6000, 6000 } },
};

static void test_tries(void)
{
	struct machine m = cheap_file;
	struct chooser c;
	struct outcome o;

	m.ns[CHOOSER_SERVER][0] = m.ns[CHOOSER_SERVER][1] = 200000;
	forget(&c);
	o = run(&c, &m, 1 + 2 * (CHOOSER_TRIES + 1));
	check(o.tries[0] == 1 && o.tries[1] == CHOOSER_TRIES && o.tries[2] == CHOOSER_TRIES,
	      "each way is tried first");
	o = run(&c, &m, CHOOSER_ROUND - 1 - 2 * (CHOOSER_TRIES + 1));
	check(o.taken[CHOOSER_FILE] == CHOOSER_ROUND - 1 - 2 * (CHOOSER_TRIES + 1), "then the quickest is taken");
	o = run(&c, &m, CHOOSER_ROUND);
	check(o.tries[CHOOSER_SERVER] == 1 && o.tries[CHOOSER_FILE] == CHOOSER_TRIES,
	      "what is much slower is tried once");
}

static void test_change(void)
{
	struct machine m = cheap_file;
	struct chooser c;
	struct outcome o;

	forget(&c);
	run(&c, &m, 10 * CHOOSER_ROUND);
	m.ns[CHOOSER_FILE][0] = m.ns[CHOOSER_FILE][1] = 90000;
	run(&c, &m, 2 * c.length);
	o = run(&c, &m, CHOOSER_ROUND);
	check(o.taken[CHOOSER_FILE] <= CHOOSER_TRIES + CHOOSER_WARM + 1, "one that became slow is left within two rounds");
	m = cheap_file;
	run(&c, &m, 30 * CHOOSER_ROUND);
	o = run(&c, &m, CHOOSER_ROUND);
	check(o.taken[CHOOSER_FILE] > CHOOSER_ROUND / 2, "and taken again when it is quick");
	m.ways = 1U << CHOOSER_SERVER | 1U << CHOOSER_POLICY;
	o = run(&c, &m, CHOOSER_ROUND);
	check(!o.taken[CHOOSER_FILE], "one that is not allowed is not taken");
}

static void test_cold(void)
{
	struct machine m = {
		.ways = ALL, .cached = 100, .room = BLOCKS, .cold = 14000,
		.ns = { { 12000, 12000 }, { 40000, 40000 }, { 8000, 8000 } },
	};
	struct chooser c;
	struct outcome o;

	forget(&c);
	run(&c, &m, 10 * CHOOSER_ROUND);
	m.ns[CHOOSER_POLICY][CHOOSER_WELL] = 6000;
	run(&c, &m, 10 * c.length);
	o = run(&c, &m, c.length);
	check(o.taken[CHOOSER_POLICY] > c.length * 9 / 10, "one that is slow only for whom it is seldom tried");
}

static void test_away(void)
{
	static const struct machine m = {
		.ways = ALL, .cached = 100, .away = 10,
		.ns = { { 70000000, 70000000 }, { 1500000, 500000 }, { 700000, 700000 } },
	};
	const double best = 70000000 * 0.1 + 700000 * (0.9 + 100.0 / compared);
	struct chooser c[CHOOSER_WHERES];
	struct outcome o;
	char text[80];

	forget(&c[CHOOSER_NO_FILE]);
	forget(&c[CHOOSER_WITH_FILE]);
	run(c, &m, 50 * CHOOSER_ROUND);
	o = run(c, &m, 1000 * CHOOSER_ROUND);
	snprintf(text, sizeof(text), "a file that is not always there: %.3f of what is best each time",
		 best / (o.ns / 1000 / CHOOSER_ROUND));
	/* Less than elsewhere: what is hoped of the policy costs more, and little is read then. */
	check(o.ns / 1000 / CHOOSER_ROUND < best / 0.9, text);
}

static void test_share(void)
{
	const struct machine m = {
		.ways = 1U << CHOOSER_SERVER | 1U << CHOOSER_FILE, .cached = 50,
		.ns = { { 100000, 20000 }, { 0, 0 }, { 150000, 6000 } },
	};
	struct chooser c;
	struct outcome o;

	forget(&c);
	run(&c, &m, 10 * CHOOSER_ROUND);
	o = run(&c, &m, 100 * CHOOSER_ROUND);
	check(o.taken[CHOOSER_SERVER] > 45 * CHOOSER_ROUND && o.taken[CHOOSER_FILE] > 45 * CHOOSER_ROUND,
	      "what is in the page cache goes one way, the rest another");
}

/* A policy that only has what went its way. */
static void test_learning(void)
{
	struct machine m = cheap_file;
	struct chooser c;
	struct outcome o;

	forget(&c);
	m.ways = 1U << CHOOSER_SERVER | 1U << CHOOSER_POLICY;
	run(&c, &m, 60 * CHOOSER_ROUND);
	o = run(&c, &m, CHOOSER_ROUND);
	check(o.taken[CHOOSER_POLICY] > CHOOSER_ROUND * 9 / 10, "a policy that can have all comes to");
	m.room = 100;
	m.ns[CHOOSER_POLICY][CHOOSER_BADLY] = 30000;
	run(&c, &m, 40 * CHOOSER_ROUND);
	o = run(&c, &m, 100 * CHOOSER_ROUND);
	check(o.taken[CHOOSER_POLICY] < 15 * CHOOSER_ROUND, "one that cannot is left alone");
}

/* What the server has of the file's counts. */
static void test_compared(void)
{
	const struct machine m = {
		.ways = ALL, .cached = 100, .room = BLOCKS,
		.ns = { { 3000000, 3000000 }, { 60000, 50000 }, { 24000, 24000 } },
	};
	struct chooser c;
	struct outcome o;

	forget(&c);
	compared = 64;
	run(&c, &m, 300 * CHOOSER_ROUND);
	o = run(&c, &m, 100 * CHOOSER_ROUND);
	check(o.taken[CHOOSER_POLICY] > 95 * CHOOSER_ROUND, "a file that is compared often is left");
	compared = 512;
	run(&c, &m, 300 * CHOOSER_ROUND);
	o = run(&c, &m, 100 * CHOOSER_ROUND);
	check(o.taken[CHOOSER_FILE] > 95 * CHOOSER_ROUND, "and taken when that becomes rare");
}

/* Times that are up to twice as long hide a difference of a sixth from who sees but five. */
static void test_noise(void)
{
	const struct machine m = {
		.ways = ALL, .cached = 100, .room = BLOCKS, .noise = 100,
		.ns = { { 60000, 60000 }, { 15000, 10000 }, { 12000, 12000 } },
	};
	struct chooser c;
	struct outcome o;

	forget(&c);
	run(&c, &m, 100 * CHOOSER_ROUND);
	o = run(&c, &m, 1000 * CHOOSER_ROUND);
	check(o.taken[CHOOSER_POLICY] > 900 * CHOOSER_ROUND, "what is quicker is found in noise");
}

/* In the long run, against each way alone. */
static void loses_nothing(const char *what, const struct machine *m)
{
	const unsigned int count = 400 * CHOOSER_ROUND;
	double best = 0, ns;
	struct chooser c;
	char text[128];

	for (unsigned int way = 0; way < CHOOSER_WAYS; way++) {
		if (!(m->ways >> way & 1))
			continue;
		forget(&c);
		alone(m, way, 40 * CHOOSER_ROUND);
		ns = alone(m, way, count);
		best = !best || ns < best ? ns : best;
	}
	forget(&c);
	run(&c, m, 200 * CHOOSER_ROUND);
	ns = run(&c, m, count).ns / count;
	snprintf(text, sizeof(text), "%s: %.3f of the best way alone", what, best / ns);
	check(best / ns >= 0.95, text);
}

static void test_machines(void)
{
	static const struct {
		const char *what;
		struct machine m;
	} all[] = {
		{ "a file in the page cache", { ALL, { { 20000, 20000 }, { 21000, 7000 }, { 6000, 6000 } },
			BLOCKS, 100, 20, 0, 0 } },
		{ "a file on a slow disk", { ALL, { { 900000, 20000 }, { 900000, 7000 }, { 880000, 6000 } },
			BLOCKS, 10, 20, 0, 0 } },
		{ "a policy with little room", { ALL, { { 20000, 20000 }, { 24000, 7000 }, { 90000, 19000 } },
			64, 50, 20, 0, 0 } },
		{ "large requests", { ALL, { { 400000, 300000 }, { 900000, 500000 }, { 390000, 310000 } },
			BLOCKS, 90, 20, 0, 0 } },
		{ "ways that are the same", { ALL, { { 20000, 20000 }, { 20000, 20000 }, { 20000, 20000 } },
			BLOCKS, 50, 20, 0, 0 } },
		/* Undisturbed, for what is rare and takes long is most of what they take. */
		{ "a server that is far", { ALL, { { 3000000, 3000000 }, { 60000, 15000 }, { 24000, 24000 } },
			BLOCKS, 100, 0, 0, 0 } },
		{ "and a policy without room", { ALL, { { 3000000, 3000000 }, { 60000, 15000 },
			{ 24000, 24000 } }, 0, 100, 0, 0, 0 } },
		{ "and no file", { 3, { { 3000000, 3000000 }, { 3100000, 15000 }, { 0, 0 } },
			BLOCKS, 100, 0, 0, 0 } },
		{ "ways that are quicker the longer they are used", { ALL, { { 300000, 300000 },
			{ 30000, 6000 }, { 8000, 8000 } }, BLOCKS, 100, 20, 14000, 0 } },
		{ "no file", { 3, { { 20000, 20000 }, { 22000, 6500 }, { 0, 0 } }, BLOCKS, 100, 20, 0, 0 } },
	};

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		loses_nothing(all[i].what, &all[i].m);
}

/* Where there is a file it is only a detour, however quick it seems. */
static void test_detour(void)
{
	const struct machine m = {
		.ways = ALL, .cached = 100,
		.ns = { { 900000, 900000 }, { 380000, 380000 }, { 400000, 400000 } },
	};
	struct chooser c;
	struct outcome o;

	forget(&c);
	run(&c, &m, 300 * CHOOSER_ROUND);
	o = run(&c, &m, 100 * CHOOSER_ROUND);
	check(o.taken[CHOOSER_FILE] > 90 * CHOOSER_ROUND, "a policy that has nothing is left for the file");
}

int main(void)
{
	test_tries();
	test_change();
	test_cold();
	test_away();
	test_share();
	test_learning();
	test_compared();
	test_noise();
	test_machines();
	test_detour();
	check(chooser_class(1, CHOOSER_WITH_FILE) == 0 && chooser_class(4096, CHOOSER_WITH_FILE) == 0 &&
	      chooser_class(4097, CHOOSER_WITH_FILE) == 1 &&
	      chooser_class(1 << 20, CHOOSER_WITH_FILE) == 4 &&
	      chooser_class(2 << 20, CHOOSER_WITH_FILE) == 5 && chooser_class(~0U, CHOOSER_WITH_FILE) == 5 &&
	      chooser_class(~0U, CHOOSER_NO_FILE) == CHOOSER_CLASSES - 1,
	      "classes of sizes");
	printf("1..%d\n", tests);
	return failures != 0;
}

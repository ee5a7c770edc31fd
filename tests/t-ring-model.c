// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * t-ring-model.c - tries every order in which those who use rings (<linux/efuse.h>,
 * kernel/module/ringwait.c) can come to each other, and looks for one in which somebody
 * sleeps that nobody will wake. What a thread writes others see later, in the order of
 * the writes, and at the latest at its next full barrier: as on x86. The timer that makes
 * up for what got lost is not there.
 *
 *   t-ring-model		says what it found as TAP
 *
 * Then each barrier, each second look and each duty to wake is left out in turn, which
 * must be found. A request may be one whose answer takes the server as long as all others
 * take: nobody else may wait for it.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RINGS		2
#define REQUESTERS	2
#define DAEMONS		2
#define THREADS		(REQUESTERS + DAEMONS)
#define BUFFER		10	/* writes that others do not see yet */
#define BURST		5	/* what one step writes at most */

/* What can be left out. */
enum mutation {
	NONE, SUBMIT_BARRIER, WAKE_OTHERS, SLEEP_BARRIER, SLEEP_LOOK, LEAVE_BARRIER, LEAVE_KICK,
	REPLY_BARRIER, NEED_BARRIER, NEED_REAP, END_BARRIER, WAIT_BARRIER, WAIT_LOOK, LEFT_COUNT,
	MUTATIONS
};

static const char * const mutation_name[MUTATIONS] = {
	"nothing", "the barrier after sub_tail", "waking sleepers of other rings",
	"the barrier of who goes to sleep", "its look at the rings", "the barrier of who stops polling",
	"its waking of the next", "the barrier after comp_tail", "the barrier after need",
	"the look at comp_tail after that", "the barrier after the end of a request",
	"the barrier of who waits for it", "its look at the request",
	"how many are left to who was woken",
};

/* Memory: one byte each, of each ring, requester or thread of the server. */
enum {
	LOCK, SUB_TAIL = LOCK + RINGS, SUB_HEAD = SUB_TAIL + RINGS, YIELDER = SUB_HEAD + RINGS,
	SUB = YIELDER + RINGS, COMP_LOCK = SUB + RINGS * REQUESTERS,
	COMP_TAIL = COMP_LOCK + RINGS, COMP_HEAD = COMP_TAIL + RINGS, DAEMON_LOCK = COMP_HEAD + RINGS,
	COMP = DAEMON_LOCK + RINGS, NEED = COMP + RINGS * REQUESTERS, FINISHED = NEED + REQUESTERS,
	WAITING = FINISHED + REQUESTERS, CALLED = WAITING + REQUESTERS,
	POLLERS = CALLED + REQUESTERS, LISTED = POLLERS + DAEMONS, SLEEPERS = LISTED + DAEMONS,
	WOKEN = SLEEPERS + DAEMONS, COMING = WOKEN + DAEMONS, VARS = COMING + DAEMONS
};

struct thread {
	uint8_t pc, ring, slot, back, req, seen, n;	/* back: where a subroutine returns to */
	struct { uint8_t var, value; } write[BUFFER];	/* not seen by others yet, oldest first */
};

struct state {
	uint8_t var[VARS];
	struct thread thread[THREADS];
};

struct config {
	const char *what;
	int requesters, daemons, rings;
	uint8_t ring_of[REQUESTERS], home_of[DAEMONS];
	int slow;		/* the request that takes as long as the others, or -1 */
	bool polls, yields;	/* what threads of the server do before they sleep */
	bool later;		/* the slow request comes as the others do, one thread sleeps
				   before; who replies ends the request: that half is not tried again */
};

static const struct config *config;
static enum mutation left_out;

/* --- memory ------------------------------------------------------------------ */

static uint8_t load(const struct state *s, const struct thread *t, int var)
{
	for (int i = t->n - 1; i >= 0; i--)
		if (t->write[i].var == var)
			return t->write[i].value;
	return s->var[var];
}

static void store(struct thread *t, int var, int value)
{
	if (t->n == BUFFER)
		abort();
	t->write[t->n].var = (uint8_t)var;
	t->write[t->n++].value = (uint8_t)value;
}

static void drain(struct state *s, struct thread *t)
{
	s->var[t->write[0].var] = t->write[0].value;
	memmove(t->write, t->write + 1, sizeof(t->write[0]) * (size_t)--t->n);
	memset(&t->write[t->n], 0, sizeof(t->write[0]));
}

/* A full barrier, unless it is the one left out. */
static bool barrier(const struct thread *t, enum mutation which)
{
	return left_out == which || t->n == 0;
}

/* Atomic, and a full barrier: returns whether it was done. */
static bool take_lock(struct state *s, const struct thread *t, int lock)
{
	if (t->n || s->var[lock])
		return false;
	s->var[lock] = 1;
	return true;
}

static int untaken_at(const struct state *s, const struct thread *t, int ring)
{
	return load(s, t, SUB_TAIL + ring) - load(s, t, SUB_HEAD + ring);
}

/* What those who sleep are to take: more than there are who were woken or poll there. */
static bool left_at(const struct state *s, const struct thread *t, int ring)
{
	int n = untaken_at(s, t, ring);

	if (left_out == LEFT_COUNT && n)
		n = 1;
	for (int d = 0; d < config->daemons; d++)
		if (config->home_of[d] == ring)
			n -= load(s, t, COMING + d) + load(s, t, POLLERS + d);
	return n > 0;
}

static bool left(const struct state *s, const struct thread *t)
{
	bool any = false;

	for (int r = 0; r < config->rings; r++)
		any |= left_at(s, t, r);
	return any;
}

static bool any(const struct state *s, const struct thread *t, int first, int n)
{
	for (int i = 0; i < n; i++)
		if (load(s, t, first + i))
			return true;
	return false;
}

static bool poller_at(const struct state *s, const struct thread *t, int ring)
{
	for (int d = 0; d < config->daemons; d++)
		if (config->home_of[d] == ring && load(s, t, POLLERS + d))
			return true;
	return false;
}

/* Under the ring's lock. Returns whether one slept there. */
static bool wake_one(const struct state *s, struct thread *t, int ring)
{
	for (int d = 0; d < config->daemons; d++)
		if (config->home_of[d] == ring && load(s, t, LISTED + d)) {
			store(t, LISTED + d, 0);
			store(t, SLEEPERS + d, 0);
			store(t, COMING + d, 1);
			store(t, WOKEN + d, 1);
			return true;
		}
	return false;
}

/* --- what both sides call ---------------------------------------------------- */

enum {
	/* take replies of t->ring, then t->back */
	REAP = 100, REAP_LOCKED, REAP_END, REAP_CALL,
	/* wake a sleeper of any ring, then t->back */
	WAKE, WAKE_LOCK, WAKE_LOCKED,
	DONE = 200
};

static bool reap(struct state *s, struct thread *t)
{
	uint8_t head;

	switch (t->pc) {
	case REAP:
		if (load(s, t, COMP_TAIL + t->ring) == load(s, t, COMP_HEAD + t->ring))
			t->pc = t->back;
		else if (take_lock(s, t, COMP_LOCK + t->ring))
			t->pc = REAP_LOCKED;
		else
			return false;
		return true;
	case REAP_LOCKED:
		head = load(s, t, COMP_HEAD + t->ring);
		t->pc = REAP;
		if (load(s, t, COMP_TAIL + t->ring) != head) {
			t->req = load(s, t, COMP + t->ring * REQUESTERS + head);
			store(t, COMP_HEAD + t->ring, head + 1);
			t->pc = REAP_END;
		}
		store(t, COMP_LOCK + t->ring, 0);
		return true;
	case REAP_END:
		store(t, FINISHED + t->req, 1);
		t->pc = REAP_CALL;
		return true;
	default:
		if (!barrier(t, END_BARRIER))
			return false;
		if (load(s, t, WAITING + t->req))
			store(t, CALLED + t->req, 1);
		t->pc = REAP;
		return true;
	}
}

static bool wake(struct state *s, struct thread *t)
{
	switch (t->pc) {
	case WAKE:
		t->seen = 0;
		t->pc = any(s, t, SLEEPERS, config->daemons) ? WAKE_LOCK : t->back;
		return true;
	case WAKE_LOCK:
		if (!take_lock(s, t, LOCK + t->seen))
			return false;
		t->pc = WAKE_LOCKED;
		return true;
	default:
		if (wake_one(s, t, t->seen) || t->seen + 1 == config->rings)
			t->pc = t->back;
		else
			t->pc = WAKE_LOCK;
		store(t, LOCK + t->seen++, 0);
		return true;
	}
}

/* --- the requester ----------------------------------------------------------- */

enum { R_LOCK, R_PUT, R_TELL, R_OTHERS, R_NEED, R_REAP, R_QUEUE, R_LOOK, R_SLEEP };

static bool requester_put(struct state *s, struct thread *t, int q)
{
	uint8_t tail = load(s, t, SUB_TAIL + t->ring);

	store(t, SUB + t->ring * REQUESTERS + tail, q);
	store(t, SUB_TAIL + t->ring, tail + 1);
	t->pc = R_TELL;
	return true;
}

static bool requester_tell(struct state *s, struct thread *t)
{
	int n;

	if (!barrier(t, SUBMIT_BARRIER))
		return false;
	n = untaken_at(s, t, t->ring);
	t->pc = poller_at(s, t, t->ring) || n == 0 || (n == 1 && load(s, t, YIELDER + t->ring)) ||
		wake_one(s, t, t->ring) ? R_NEED : R_OTHERS;
	store(t, LOCK + t->ring, 0);
	return true;
}

static bool requester(struct state *s, struct thread *t, int q)
{
	switch (t->pc) {
	case R_LOCK:
		t->ring = config->ring_of[q];
		if (!take_lock(s, t, LOCK + t->ring))
			return false;
		t->pc = R_PUT;
		return true;
	case R_PUT:
		return requester_put(s, t, q);
	case R_TELL:
		return requester_tell(s, t);
	case R_OTHERS:
		t->back = R_NEED;
		t->pc = left_out == WAKE_OTHERS ? R_NEED : WAKE;
		return true;
	case R_NEED:
		if (config->later) {
			t->pc = R_SLEEP;
			return true;
		}
		store(t, NEED + q, 1);
		t->pc = R_REAP;
		return true;
	case R_REAP:
		if (!barrier(t, NEED_BARRIER))
			return false;
		t->back = R_QUEUE;
		t->pc = left_out == NEED_REAP ? R_QUEUE : REAP;
		return true;
	case R_QUEUE:
		store(t, WAITING + q, 1);
		t->pc = R_LOOK;
		return true;
	case R_LOOK:
		if (!barrier(t, WAIT_BARRIER))
			return false;
		t->pc = load(s, t, FINISHED + q) && left_out != WAIT_LOOK ? DONE : R_SLEEP;
		if (t->pc == DONE)
			store(t, NEED + q, 0);
		return true;
	case R_SLEEP:
		if (!s->var[config->later ? FINISHED + q : CALLED + q])
			return false;
		store(t, NEED + q, 0);
		t->pc = DONE;
		return true;
	}
	return t->pc < WAKE ? reap(s, t) : wake(s, t);
}

/* --- a thread of the server -------------------------------------------------- */

enum {
	D_BEGIN, D_LOOK, D_TAKE, D_IDLE, D_YIELD, D_YIELD_LOOK, D_LOCK, D_LIST, D_SLEEP_LOOK,
	D_SLEEP, D_UP, D_UP_LOCKED, D_FOUND, D_MORE, D_SERVE, D_COMPLETE, D_NEED, D_KICK
};

/* Looks at its home first, then at the others. */
static bool daemon_look(struct state *s, struct thread *t, int d)
{
	uint8_t ring = (uint8_t)((config->home_of[d] + t->seen) % config->rings);

	if (t->seen == config->rings) {
		t->pc = D_IDLE;
		return true;
	}
	t->ring = ring;
	t->slot = load(s, t, SUB_HEAD + ring);
	if (load(s, t, SUB_TAIL + ring) == t->slot) {
		t->seen++;
		return true;
	}
	t->req = load(s, t, SUB + ring * REQUESTERS + t->slot);
	t->pc = D_TAKE;
	return true;
}

static bool daemon_sleeps(struct state *s, struct thread *t, int d)
{
	int home = config->home_of[d];

	switch (t->pc) {
	case D_YIELD:	/* somebody else runs meanwhile */
		if (t->n || s->var[YIELDER + home])
			return false;
		s->var[YIELDER + home] = 1;
		t->pc = D_YIELD_LOOK;
		return true;
	case D_YIELD_LOOK:
		t->pc = left(s, t) ? D_BEGIN : D_LOCK;
		store(t, YIELDER + home, 0);
		return true;
	case D_LOCK:
		if (!take_lock(s, t, LOCK + home))
			return false;
		t->pc = D_LIST;
		return true;
	case D_LIST:
		store(t, WOKEN + d, 0);
		store(t, LISTED + d, 1);
		store(t, SLEEPERS + d, 1);
		store(t, LOCK + home, 0);
		t->pc = D_SLEEP_LOOK;
		return true;
	case D_SLEEP_LOOK:
		if (!barrier(t, SLEEP_BARRIER))
			return false;
		t->pc = left_out != SLEEP_LOOK && left(s, t) ? D_UP : D_SLEEP;
		return true;
	case D_SLEEP:
		if (t->n || !s->var[WOKEN + d])
			return false;
		store(t, COMING + d, 0);
		t->pc = D_BEGIN;
		return true;
	case D_UP:
		if (!take_lock(s, t, LOCK + home))
			return false;
		t->pc = D_UP_LOCKED;
		return true;
	default:
		store(t, LISTED + d, 0);
		store(t, SLEEPERS + d, 0);
		store(t, LOCK + home, 0);
		store(t, COMING + d, 0);
		t->pc = D_BEGIN;
		return true;
	}
}

static bool others_finished(const struct state *s, int req)
{
	for (int q = 0; q < config->requesters; q++)
		if (q != req && !s->var[FINISHED + q])
			return false;
	return true;
}

static bool daemon_serves(struct state *s, struct thread *t)
{
	uint8_t tail;

	switch (t->pc) {
	case D_SERVE:
		if (t->req == config->slow && !others_finished(s, t->req))
			return false;
		if (!take_lock(s, t, DAEMON_LOCK + t->ring))
			return false;
		t->pc = D_COMPLETE;
		return true;
	case D_COMPLETE:
		tail = load(s, t, COMP_TAIL + t->ring);
		store(t, COMP + t->ring * REQUESTERS + tail, t->req);
		store(t, COMP_TAIL + t->ring, tail + 1);
		store(t, DAEMON_LOCK + t->ring, 0);
		t->pc = D_NEED;
		return true;
	default:
		if (!barrier(t, REPLY_BARRIER))
			return false;
		if (config->later) {
			store(t, FINISHED + t->req, 1);
			t->pc = D_BEGIN;
			return true;
		}
		t->back = D_BEGIN;
		t->pc = any(s, t, NEED, config->requesters) ? REAP : D_BEGIN;
		return true;
	}
}

/* It has a request, and goes. */
static bool daemon_leaves(struct state *s, struct thread *t, int d)
{
	switch (t->pc) {
	case D_FOUND:
		if (config->polls)
			store(t, POLLERS + d, 0);
		t->pc = config->polls ? D_MORE : D_SERVE;
		return true;
	default:
		if (!barrier(t, LEAVE_BARRIER))
			return false;
		t->back = D_SERVE;
		t->pc = left_out != LEAVE_KICK && left(s, t) &&
			!poller_at(s, t, config->home_of[d]) ? WAKE : D_SERVE;
		return true;
	}
}

static bool daemon_thread(struct state *s, struct thread *t, int d)
{
	switch (t->pc) {
	case D_BEGIN:
		if (config->polls)
			store(t, POLLERS + d, 1);
		t->seen = 0;
		t->pc = D_LOOK;
		return true;
	case D_LOOK:
		return daemon_look(s, t, d);
	case D_TAKE:
		if (t->n)
			return false;
		if (s->var[SUB_HEAD + t->ring] == t->slot) {
			s->var[SUB_HEAD + t->ring]++;
			t->pc = D_FOUND;
		} else {
			t->pc = D_LOOK;
		}
		return true;
	case D_IDLE:
		if (config->polls)
			store(t, POLLERS + d, 0);
		t->pc = config->yields && !s->var[YIELDER + config->home_of[d]] ? D_YIELD : D_LOCK;
		return true;
	case D_FOUND:
	case D_MORE:
		return daemon_leaves(s, t, d);
	case D_SERVE:
	case D_COMPLETE:
	case D_NEED:
		return daemon_serves(s, t);
	}
	if (t->pc < REAP)
		return daemon_sleeps(s, t, d);
	return t->pc < WAKE ? reap(s, t) : wake(s, t);
}

/* --- every order ------------------------------------------------------------- */

#define TABLE	(1u << 24)

static uint64_t *table;
static struct state *stack;
static size_t depth, room;
static unsigned long states;

static uint64_t hash_of(const struct state *s)
{
	const uint8_t *p = (const void *)s;
	uint64_t h = 0xcbf29ce484222325;

	for (size_t i = 0; i < sizeof(*s); i++)
		h = (h ^ p[i]) * 0x100000001b3;
	h ^= h >> 32;
	h *= 0x9e3779b97f4a7c15;
	return h ? h : 1;
}

/* Whether it is new. Two states with the same 64 bits are taken for one. */
static bool is_new(const struct state *s)
{
	uint64_t h = hash_of(s);
	uint32_t at = (uint32_t)(h >> 40) & (TABLE - 1);

	for (; table[at]; at = (at + 1) & (TABLE - 1))
		if (table[at] == h)
			return false;
	table[at] = h;
	return true;
}

static void push(const struct state *s)
{
	if (!is_new(s))
		return;
	if (++states > TABLE / 2) {
		fprintf(stderr, "t-ring-model: more states than the table holds\n");
		exit(1);
	}
	if (depth == room) {
		room = room ? 2 * room : 1024;
		stack = realloc(stack, room * sizeof(*stack));
		if (!stack)
			exit(1);
	}
	stack[depth++] = *s;
}

static bool step(struct state *s, int i)
{
	struct thread *t = &s->thread[i];

	if (t->pc == DONE || i >= REQUESTERS + config->daemons ||
	    (i < REQUESTERS && i >= config->requesters) || t->n > BUFFER - BURST)
		return false;
	return i < REQUESTERS ? requester(s, t, i) : daemon_thread(s, t, i - REQUESTERS);
}

/* What a thread does where others see it only later: in one go with what goes before. */
static bool is_local(const struct thread *t, bool is_requester)
{
	if (t->pc == REAP_END)
		return true;
	if (is_requester)
		return t->pc == R_PUT || t->pc == R_NEED || t->pc == R_QUEUE;
	return t->pc == D_BEGIN || t->pc == D_LIST || t->pc == D_UP_LOCKED || t->pc == D_FOUND ||
	       t->pc == D_COMPLETE;
}

static bool run(struct state *s, int i)
{
	if (!step(s, i))
		return false;
	while (is_local(&s->thread[i], i < REQUESTERS) && step(s, i))
		;
	return true;
}

/* Returns whether anything can happen. */
static bool expand(const struct state *from)
{
	bool moved = false;
	struct state s;

	for (int i = 0; i < THREADS; i++) {
		s = *from;
		if (run(&s, i)) {
			moved = true;
			push(&s);
		}
		if (from->thread[i].n) {
			s = *from;
			drain(&s, &s.thread[i]);
			moved = true;
			push(&s);
		}
	}
	return moved;
}

static bool all_done(const struct state *s)
{
	for (int q = 0; q < config->requesters; q++)
		if (s->thread[q].pc != DONE)
			return false;
	return true;
}

/* The slow request is on its ring, and its requester no matter. */
static void put_slow(struct state *s)
{
	int ring = config->ring_of[config->slow];

	s->var[SUB + ring * REQUESTERS] = (uint8_t)config->slow;
	s->var[SUB_TAIL + ring] = 1;
	s->thread[config->slow].pc = DONE;
}

static void put_to_sleep(struct state *s, int d)
{
	s->var[LISTED + d] = 1;
	s->var[SLEEPERS + d] = 1;
	s->thread[REQUESTERS + d].pc = D_SLEEP;
}

/* Returns whether there is an order in which somebody waits for ever. */
static bool loses(const struct config *c, enum mutation m)
{
	struct state s = { 0 };
	bool lost = false;

	config = c;
	left_out = m;
	if (c->slow >= 0 && !c->later)
		put_slow(&s);
	if (c->later)
		put_to_sleep(&s, 0);
	states = 0;
	depth = 0;
	memset(table, 0, TABLE * sizeof(*table));
	push(&s);
	while (depth && !lost) {
		s = stack[--depth];
		lost = !expand(&s) && !all_done(&s);
	}
	return lost;
}

static const struct config configs[] = {
	{ "one requester, one thread", 1, 1, 1, { 0 }, { 0 }, -1, false, false, false },
	{ "which yields", 1, 1, 1, { 0 }, { 0 }, -1, false, true, false },
	{ "which polls", 1, 1, 1, { 0 }, { 0 }, -1, true, false, false },
	{ "which is at home elsewhere", 1, 1, 2, { 0 }, { 1 }, -1, false, false, false },
	{ "and yields there", 1, 1, 2, { 0 }, { 1 }, -1, false, true, false },
	{ "two requesters, one thread", 2, 1, 2, { 0, 1 }, { 0 }, -1, false, false, false },
	{ "two threads, a slow request", 2, 2, 2, { 0, 0 }, { 0, 1 }, 0, false, false, false },
	{ "two that poll, a slow request", 2, 2, 2, { 0, 0 }, { 0, 1 }, 0, true, false, false },
	{ "two at one ring, a slow request", 2, 2, 1, { 0, 0 }, { 0, 0 }, 0, true, false, false },
	{ "two at one ring that sleep, a slow request", 2, 2, 1, { 0, 0 }, { 0, 0 }, 0, false, false, false },
	{ "two that yield, a slow request", 2, 2, 2, { 0, 0 }, { 0, 1 }, 0, false, true, false },
	{ "two at one ring that yield, a slow request", 2, 2, 1, { 0, 0 }, { 0, 0 }, 0, false, true, false },
	{ "two at one ring, a slow request later", 2, 2, 1, { 0, 0 }, { 0, 0 }, 0, false, false, true },
	{ "two threads, a slow request later", 2, 2, 2, { 0, 0 }, { 0, 1 }, 0, false, false, true },
};

#define CONFIGS	(sizeof(configs) / sizeof(configs[0]))

static int tests, failed;

static void report(bool good, const char *what, const char *more)
{
	printf("%sok %d - %s%s\n", good ? "" : "not ", ++tests, what, more);
	failed += !good;
}

int main(void)
{
	table = calloc(TABLE, sizeof(*table));
	if (!table)
		return 1;
	for (size_t i = 0; i < CONFIGS; i++) {
		report(!loses(&configs[i], NONE), configs[i].what, ": nobody sleeps for ever");
		printf("# %lu states\n", states);
	}
	for (int m = NONE + 1; m < MUTATIONS; m++) {
		bool found = false;

		for (size_t i = 0; i < CONFIGS && !found; i++)
			found = loses(&configs[i], m);
		report(found, mutation_name[m], " is not left out unnoticed");
	}
	printf("1..%d\n", tests);
	free(table);
	free(stack);
	return failed != 0;
}

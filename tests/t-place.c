// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * t-place.c - where and how a thread runs, as shim/place.c remembers and
 * restores it: over several connections, over fork(2), and without the rights.
 */
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "shim/place.h"

#define NOBODY 65534
#define MANY 200	/* requests, more than between two decisions */

static int tests, failures;

static void check(int good, const char *what)
{
	tests++;
	failures += !good;
	printf("%sok %d - %s\n", good ? "" : "not ", tests, what);
}

static int allowed(cpu_set_t *set)
{
	return sched_getaffinity(0, sizeof(*set), set) ? -1 : CPU_COUNT(set);
}

static int first_of(const cpu_set_t *set)
{
	int core = 0;

	while (!CPU_ISSET(core, set))
		core++;
	return core;
}

static void pin_test(void)
{
	struct place a, b;
	cpu_set_t before, now;
	int core;

	allowed(&before);
	core = first_of(&before);
	place_init(&a);
	check(place_pin(&a, (unsigned int)core) && allowed(&now) == 1 && CPU_ISSET(core, &now),
	      "pin: to one core");
	place_init(&b);
	check(CPU_EQUAL(&b.allowed, &before), "pin: a second place sees what was allowed before");
	place_release(&a);
	allowed(&now);
	check(CPU_EQUAL(&now, &before), "pin: released to what was allowed");
}

/* A core that does not exist is refused by the kernel as one of a lost cpuset. */
/* N requests, a second apart so that nothing is fast. */
static void pace(struct place *p, unsigned int n, bool moved)
{
	static uint64_t now = 1000000000;

	while (n--)
		place_pace(p, now += 1000000000, moved);
}

static void refused_test(void)
{
	struct place p;

	place_init(&p);
	CPU_SET(CPU_SETSIZE - 1, &p.allowed);
	CPU_SET(CPU_SETSIZE - 1, &p.pinnable);
	check(!place_pin(&p, CPU_SETSIZE - 1), "pin: a core that is refused");
	check(!CPU_ISSET(CPU_SETSIZE - 1, &p.pinnable), "pin: is not tried again");
	check(CPU_ISSET(CPU_SETSIZE - 1, &p.allowed), "pin: and is still allowed");
	pace(&p, 64, false);
	check(CPU_ISSET(CPU_SETSIZE - 1, &p.pinnable), "pin: but is some requests later");
}

static bool may_run_as_found(const struct place *p)
{
	cpu_set_t now;

	return sched_getaffinity(0, sizeof(now), &now) == 0 && CPU_EQUAL(&now, &p->allowed);
}

static void loose_test(void)
{
	struct place p;

	place_init(&p);
	place_pin(&p, place_here());
	pace(&p, 256, false);
	check(p.core != PLACE_NOWHERE, "loose: callers that stay: pinned");
	pace(&p, 64, true);
	check(p.core == PLACE_NOWHERE && may_run_as_found(&p), "loose: callers that move: not pinned");
	check(!place_pin(&p, place_here()), "loose: not pinned again at once");
	pace(&p, 64 * 64, false);
	check(place_pin(&p, place_here()), "loose: pinned again later");
	place_release(&p);
}

/* N requests from one core, of CALLERS threads in turn. */
static void follow(struct place *p, unsigned int n, uint32_t callers)
{
	unsigned int core = place_here();
	uint32_t i;

	for (i = 0; i < n; i++)
		place_follow(p, core, 1000 + i % callers);
}

static void given_test(void)
{
	cpu_set_t all, other;
	unsigned int core = place_here();
	struct place p;

	place_init(&p);
	all = other = p.allowed;
	CPU_CLR(core, &other);
	if (!CPU_COUNT(&other)) {
		printf("ok %d - given: a choice # SKIP needs two cores\n", ++tests);
		return;
	}
	place_pin(&p, core);
	sched_setaffinity(0, sizeof(other), &other);
	pace(&p, 64, false);
	check(p.core == PLACE_NOWHERE && CPU_EQUAL(&p.allowed, &other), "given: other cores are accepted");
	check(!place_pin(&p, core), "given: and those taken away not used");
	place_release(&p);
	check(may_run_as_found(&p), "given: nor given back");
	sched_setaffinity(0, sizeof(all), &all);
}

static void crowd_test(void)
{
	struct place p;

	place_init(&p);
	follow(&p, MANY, 1);
	check(p.core != PLACE_NOWHERE, "follow: one caller: on its core");
	follow(&p, MANY, 8);
	check(p.core == PLACE_NOWHERE && may_run_as_found(&p), "follow: many callers: anywhere");
	follow(&p, MANY, 1);
	check(p.core == PLACE_NOWHERE, "follow: one caller for a moment: anywhere still");
	follow(&p, 10 * MANY, 1);
	check(p.core != PLACE_NOWHERE, "follow: one caller again");
	place_release(&p);
}

static void stream_test(void)
{
	struct place p;

	place_init(&p);
	place_pin(&p, place_here());
	place_stream(&p, true);
	check(may_run_as_found(&p) && !place_pin(&p, place_here()), "stream: not pinned");
	pace(&p, 64, false);
	check(!place_pin(&p, place_here()), "stream: pacing does not end it");
	for (int i = 0; i < 64; i++)
		place_stream(&p, false);
	check(place_pin(&p, place_here()), "stream: other requests do");
	place_release(&p);
}

/* As place_pace() leaves it, without its wait for a core to spare. */
static void go_idle(struct place *p)
{
	struct sched_param none = { 0 };

	place_init(p);
	sched_setscheduler(0, SCHED_IDLE, &none);
	p->idle = 1;
}

/* Runs FN in a child; whether it returned true. */
static bool in_child(bool (*fn)(struct place *), struct place *p)
{
	int status;
	pid_t pid = fork();

	if (pid == 0)
		_exit(fn(p) ? 0 : 1);
	return pid > 0 && waitpid(pid, &status, 0) == pid && status == 0;
}

static bool child_is_free(struct place *p)
{
	place_forked(p);
	return sched_getscheduler(0) == SCHED_OTHER && !p->idle;
}

static bool child_has_no_rights(struct place *p)
{
	place_forked(p);
	go_idle(p);
	if (setresuid(NOBODY, NOBODY, NOBODY))
		return false;
	place_release(p);
	return sched_getscheduler(0) == SCHED_IDLE && p->idle && !p->may_idle;
}

static bool child_stays_out(struct place *p)
{
	uint64_t now = 1000000000;
	bool entered = false;
	int i;

	place_forked(p);
	place_init(p);
	if (!p->may_idle || setresuid(NOBODY, NOBODY, NOBODY))
		return false;
	for (i = 0; i < MANY; i++)
		entered |= place_pace(p, now += 1000, false);
	return !entered && sched_getscheduler(0) == SCHED_OTHER;
}

/* The calling thread is runnable, whatever it does. */
static void watch_test(struct place *p)
{
	uint64_t now = 1000000000;

	go_idle(p);
	p->progress = 100;
	check(place_watch(p, now += PLACE_WATCH_NS) && p->idle, "watch: much progress: stays");
	p->progress += 1;
	check(place_watch(p, now + 1000) && p->idle, "watch: not so soon again");
	check(!place_watch(p, now += PLACE_WATCH_NS) && !p->idle && p->backoffs == 1 &&
	      sched_getscheduler(0) == SCHED_OTHER, "watch: hardly any: taken out");
	check(!place_watch(p, now += PLACE_WATCH_NS), "watch: and done with");
}

static void idle_test(void)
{
	struct place p;

	place_init(&p);
	if (getuid() || !p.may_idle) {
		printf("ok %d - idle class # SKIP needs root with CAP_SYS_NICE\n", ++tests);
		return;
	}
	go_idle(&p);
	check(in_child(child_is_free, &p), "idle: a child leaves the class");
	check(sched_getscheduler(0) == SCHED_IDLE, "idle: its parent does not");
	p.idle = 0;
	check(in_child(child_is_free, &p), "idle: a child that was marked as out leaves it too");
	p.idle = 1;
	check(in_child(child_has_no_rights, &p), "idle: without the right to leave it is not said");
	check(in_child(child_stays_out, &p), "idle: nor entered without the right to leave");
	place_release(&p);
	check(sched_getscheduler(0) == SCHED_OTHER, "idle: left at the end");
	watch_test(&p);
}

/* Beside its callers: one who is met on this core a few times drives the thread off it. */
static void beside_test(void)
{
	struct place p;
	cpu_set_t before, now;
	int core = 0, i, moved = 0;

	if (allowed(&before) < 2) {
		printf("ok %d - beside # SKIP needs two cores\n", ++tests);
		return;
	}
	place_init(&p);
	p.beside = true;
	p.beside_looked = 1;
	for (i = 0; i < MANY && !moved; i++) {
		core = (int)place_here();
		moved = place_beside(&p, (unsigned int)core, 1, 400000, 2);
	}
	check(moved && allowed(&now) == CPU_COUNT(&before) - 1 && !CPU_ISSET(core, &now),
	      "beside: off the core of the callers");
	check(!place_beside(&p, (unsigned int)core, 1, 400000, 2), "beside: and then left alone");
	check(place_pin(&p, (unsigned int)core) && allowed(&now) == 1 && CPU_ISSET(core, &now),
	      "beside: can be pinned there all the same");
	place_release(&p);
	allowed(&now);
	check(CPU_EQUAL(&now, &before), "beside: released to what was allowed");
	p.beside = true;
	place_beside(&p, (unsigned int)core, 1, 400000, 1ull << 40);
	check(!p.beside, "beside: not when requests are slow");
}

int main(void)
{
	pin_test();
	beside_test();
	refused_test();
	loose_test();
	given_test();
	crowd_test();
	stream_test();
	idle_test();
	printf("1..%d\n", tests);
	return failures != 0;
}

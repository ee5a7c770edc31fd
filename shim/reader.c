// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * reader.c - a thread of the daemon that reads requests. See reader.h.
 */
#include <pthread.h>
#include <signal.h>

#include "shim/count.h"
#include "shim/reader.h"
#include "shim/settings.h"

#define SPIN_RETRY 256

static __thread struct reader *mine;	/* of this thread, one per session */
static pthread_key_t exit_key;
static pthread_once_t exit_once = PTHREAD_ONCE_INIT;

struct reader *reader_find(struct session *s)
{
	struct reader *r;

	for (r = mine; r; r = r->next)
		if (r->session == s)
			return r;
	return NULL;
}

void reader_children(void)
{
	struct reader *r;

	for (r = mine; r; r = r->next)
		place_release(&r->place);
}

void reader_forked(void)
{
	struct reader *r;

	for (r = mine; r; r = r->next)
		place_forked(&r->place);
	mine = NULL;
}

void reader_drop(struct session *s)
{
	struct reader **p, *r;

	for (p = &mine; (r = *p); p = &r->next) {
		if (r->session != s)
			continue;
		*p = r->next;
		r->end(r);
		return;
	}
}

/* Destructor of exit_key: the thread ends, by return, pthread_exit or cancel. */
static void thread_exits(void *unused)
{
	struct reader *r;

	(void)unused;
	while ((r = mine)) {
		mine = r->next;
		r->end(r);
	}
}

static void exit_key_make(void)
{
	pthread_key_create(&exit_key, thread_exits);
}

static bool ends_calls(int signal, const sigset_t *blocked)
{
	struct sigaction action;

	return !sigismember(blocked, signal) && !sigaction(signal, NULL, &action) &&
	       action.sa_handler != SIG_DFL && action.sa_handler != SIG_IGN &&
	       !(action.sa_flags & SA_RESTART);
}

static bool minds_signals(void)
{
	sigset_t blocked;

	return !pthread_sigmask(SIG_SETMASK, NULL, &blocked) &&
	       (ends_calls(SIGHUP, &blocked) || ends_calls(SIGINT, &blocked) ||
		ends_calls(SIGTERM, &blocked));
}

void reader_begin(struct reader *r, struct session *s, void (*end)(struct reader *r))
{
	pthread_once(&exit_once, exit_key_make);
	pthread_setspecific(exit_key, r);
	session_ref(s);
	r->session = s;
	r->end = end;
	r->minds_signals = minds_signals();
	r->next = mine;
	mine = r;
	place_init(&r->place);
}

bool reader_detached(void)
{
	pthread_attr_t attr;
	int state = PTHREAD_CREATE_JOINABLE;

	if (pthread_getattr_np(pthread_self(), &attr))
		return false;
	pthread_attr_getdetachstate(&attr, &state);
	pthread_attr_destroy(&attr);
	return state == PTHREAD_CREATE_DETACHED;
}

bool reader_settle(struct reader *r, bool alone)
{
	bool moved;

	if (alone)
		moved = place_follow(&r->place, r->lastq, r->lastpid);
	else
		moved = place_pin(&r->place, r->home);
	if (moved)
		count_add(&r->session->stats->migrations, 1);
	return moved;
}

bool reader_may_spin(struct reader *r)
{
	bool rests = r->rests;

	r->rests = false;
	if (rests || !settings_get()->poll_us || place_here() == r->lastq)
		return false;
	return r->spin_credit || ++r->spin_refused % SPIN_RETRY == 0;
}

void reader_spun(struct reader *r, bool paid)
{
	if (paid)
		count_add(&r->session->stats->spins, 1);
	if (paid && r->spin_credit < READER_CREDIT)
		r->spin_credit++;
	else if (!paid && r->spin_credit)
		r->spin_credit--;
	r->rests = !paid && r->minds_signals;
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * reader.h - a thread of the daemon that reads requests of a session, as far as
 * every channel with queues per core has one: whose it is, where it is at home,
 * when it ends and when it spins. What such a channel knows beyond that it keeps
 * around it.
 *
 * A struct reader is its own thread's, but for what its channel lists of it.
 */
#ifndef EFUSE_SHIM_READER_H
#define EFUSE_SHIM_READER_H

#include <stdbool.h>
#include <stdint.h>

#include "shim/place.h"
#include "shim/session.h"

#define READER_CREDIT 8		/* the most that spinning can earn */

struct reader {
	struct session *session;	/* holds a reference */
	struct reader *next;		/* this thread's other sessions */
	void (*end)(struct reader *r);	/* see reader_begin() */
	unsigned int home;		/* its core */
	unsigned int lastq;		/* queue of the last request */
	uint32_t lastpid;		/* the thread that made it, 0 for nobody */
	unsigned int spin_credit;	/* spins that paid lately */
	unsigned int spin_refused;	/* waits without credit */
	bool minds_signals;		/* see reader_begin() */
	bool rests;			/* it has looked in vain, and is to sleep next time */
	struct place place;
};

/*
 * R is what the calling thread has for S from now on, until it ends or calls
 * reader_drop(). END is called then, by this thread and with R listed no longer: it
 * gives everything back, the session's reference included.
 *
 * minds_signals is set if the thread gets SIGHUP, SIGINT or SIGTERM in a handler that does
 * not have system calls go on (SA_RESTART): its read(2) ends with EINTR, and it then looks
 * whether it is to leave. A handler that runs while the thread does anything here but
 * sleep leaves no trace, so such a thread never sleeps after it has done something else
 * for longer than a moment: it gets EINTR, as if the signal had come, and is soon back.
 */
void reader_begin(struct reader *r, struct session *s, void (*end)(struct reader *r));

/* What the calling thread has for S, or NULL when it never read from S. */
struct reader *reader_find(struct session *s);

/* The calling thread is done with S: ends what it has for it, if anything. */
void reader_drop(struct session *s);

/* The calling thread is about to make a thread or process: unpins it. */
void reader_children(void);

/* After fork, in the child: unpins it and forgets what the parent's thread had. */
void reader_forked(void);

/*
 * Moves the calling thread to where R's requests come from: home, or, when it is
 * ALONE with all queues, where the last callers are. Returns whether it moved.
 */
bool reader_settle(struct reader *r, bool alone);

/*
 * Whether to look for the next request for a moment instead of sleeping: only if
 * the last caller runs on another core, which a spinning thread does not keep from
 * it, and as long as it pays: each miss costs a credit, each hit earns one, and
 * now and then a thread without credit tries again. reader_spun() says what it was.
 */
bool reader_may_spin(struct reader *r);
void reader_spun(struct reader *r, bool paid);

/* What a loop that spins does between two looks. */
static inline void reader_relax(void)
{
#if defined(__x86_64__) || defined(__i386__)
	__builtin_ia32_pause();
#elif defined(__aarch64__)
	__asm__ volatile("yield");
#endif
}

/* Whether the calling thread is one that nobody joins. */
bool reader_detached(void);

#endif

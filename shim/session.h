/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * session.h - one FUSE connection of this process: INIT, routing, teardown.
 *
 * States, in this order and never back, except from INIT to NEW when the reply
 * to it was refused, by the daemon or by the kernel:
 *
 *   NEW      the descriptor is known, no INIT is at the daemon
 *   INIT     an INIT request was handed to the daemon
 *   FORKED   a child inherited it RUNNING on rings and has not read from it yet
 *   RUNNING  INIT is answered and a channel carries the requests
 *   ENDED    the connection is gone, or the daemon closed it
 *
 * Until RUNNING only one thread at a time is let through to read(2): there is
 * nothing but INIT to read, and a thread that slept inside the kernel could
 * not be moved to the ring afterwards.
 */
#ifndef EFUSE_SHIM_SESSION_H
#define EFUSE_SHIM_SESSION_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

#include "shim/stats.h"

struct cache;
struct channel;
struct direct;
struct lights;
struct rings;
struct uring;

enum session_state {
	SESSION_NEW,
	SESSION_INIT,
	SESSION_FORKED,
	SESSION_RUNNING,
	SESSION_ENDED,
};

/* The stock driver, or the efuse driver without or with rings. */
enum session_rings {
	SESSION_RINGS_STOCK,
	SESSION_RINGS_NONE,
	SESSION_RINGS_THERE,
};

struct session {
	struct session *next_all;	/* of every session ever made; never changes */
	struct session *next_free;	/* while recycled */
	int refs;
	int fds;			/* descriptors of the daemon that name it */
	int state;			/* enum session_state */
	int gate;			/* 1 while a thread reads INIT */
	int gate_efd;			/* readable once RUNNING or ENDED */
	int polled;			/* the daemon waits with poll or epoll */
	uint64_t init_unique;		/* 0 once somebody answers it; atomic */
	uint64_t init_since;		/* CLOCK_MONOTONIC ns when the daemon got it */
	bool offered;			/* the kernel offered io_uring */
	enum session_rings rings_there;	/* what the driver says of rings */
	uint32_t index;			/* which connection of the process */
	const struct channel *channel;
	const struct channel *heritage;	/* FORKED: the parent's, taken up by a read */
	struct uring *uring;		/* state of the uring channel */
	struct rings *rings;		/* state of the ring channel */
	struct cache *cache;		/* the cache policy, NULL for `auto` */
	struct lights *lights;		/* light opens, NULL for none */
	struct direct *direct;		/* the direct path, NULL for none */
	uint32_t payload;		/* bytes an entry holds, agreed in INIT */
	size_t min_read;		/* smaller buffers are refused, as by the device */

	struct stats_head *stats;	/* the status file, or private memory */
	size_t stats_size;
	char *stats_path;		/* NULL when there is no file; atomic */
	pid_t stats_pid;		/* the process that made the file */
};

/* Calls FN for every session there is or was, from any thread. */
void session_each(void (*fn)(struct session *s));

/* A new session in state NEW with one reference, or NULL without memory. */
struct session *session_new(void);

/* Another reference; the caller has one already. */
void session_ref(struct session *s);

/* A reference to a session that may be over: false if it is. */
bool session_tryref(struct session *s);

/* Gives a reference back; the last one releases what the session holds. */
void session_put(struct session *s);

/*
 * read(2) of the session: FD is the descriptor the daemon named. Returns what
 * read(2) from /dev/fuse would: a request's length, or -errno (-EINTR,
 * -ENODEV, -EAGAIN, ...). A cancellation point while it waits.
 */
ssize_t session_read(struct session *s, int fd, void *buf, size_t size);

/*
 * write(2) or writev(2) of the session: one message of the daemon. Returns its
 * length or -errno as /dev/fuse would. No cancellation point.
 */
ssize_t session_write(struct session *s, int fd, const struct iovec *iov, int count);

/* Whether messages of S may be spliced by the kernel without being seen. */
bool session_splices(const struct session *s);

/*
 * Whether F_SETPIPE_SZ to SIZE bytes is better refused, as the kernel does where a user
 * has too many pages in pipes (EPERM, pipe(7)). libfuse wants a pipe of the largest request
 * and a page for each thread, to splice requests through it, and reads them where it
 * cannot have it: which is three system calls less where there is nothing to splice.
 * Other pipes are of a power of two, and none of this size.
 */
bool session_wants_no_pipe(long size);

/* The daemon waits for FD by poll, select or epoll: plain FUSE it must be. */
void session_polled(struct session *s);

/* One more, one fewer descriptor names S; the last one ends the connection. */
void session_fd_added(struct session *s);
void session_fd_closed(struct session *s);

/*
 * The connection is over (ENODEV, POLLERR, close): wakes whoever waits in
 * session_read(). May be called more than once, from any thread.
 */
void session_end(struct session *s);

/*
 * After fork(2), in the child, its only thread: session_forget() drops what
 * sessions hold of the parent's; session_forked() lets S, which stays, begin anew.
 */
void session_forget(void);
void session_forked(struct session *s);

/* Whether a child may go on with S, see session_forked(). */
bool session_heritable(const struct session *s);

/* Records why a lower tier serves, printf-like, and logs it. */
void session_reason(struct session *s, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

static inline int session_state(const struct session *s)
{
	return __atomic_load_n(&s->state, __ATOMIC_ACQUIRE);
}

#endif

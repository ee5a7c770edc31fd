/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * port.h - one thread's io_uring, and how others wake that thread.
 *
 * Submitting is the thread's own (IORING_SETUP_SINGLE_ISSUER). Completions may
 * be taken by another thread as well: whoever moves the ring's head with a
 * compare-and-swap owns what was there. That is how a request is rescued which
 * the kernel handed to a thread that is busy: the ring is not deferred
 * (IORING_SETUP_DEFER_TASKRUN), so the kernel copies the request in and posts
 * the completion when the thread next leaves the kernel, or at once if it
 * sleeps interruptibly, whose system call the kernel then goes on with. A thread
 * that runs on another core is not disturbed (IORING_SETUP_COOP_TASKRUN).
 */
#ifndef EFUSE_SHIM_PORT_H
#define EFUSE_SHIM_PORT_H

#include <liburing.h>
#include <stdbool.h>
#include <stdint.h>

#include "shim/entry.h"

/* What a completion means when it is no entry's. */
enum port_tag { PORT_NUDGE = 1, PORT_DEVICE = 2, PORT_DONE = 4 };

enum port_state { PORT_BUSY, PORT_WAITING, PORT_NUDGED, PORT_GONE };

struct port {
	struct io_uring ring;
	int efd;		/* what others write to wake the thread */
	int devfd;		/* the connection's /dev/fuse, not owned */
	bool fixed;		/* registered with the ring, as its file 0 */
	int state;		/* enum port_state; atomic */
	struct entry *inbox;	/* replies to commit here, under the uring lock */
	uint16_t *avail;	/* own entries waiting in the kernel, per queue; atomic */
	int exposed;		/* their sum; atomic */
	int *waiting;		/* the same of all ports, shared; atomic */
	unsigned int nqueues;
	int rearm;		/* bits of enum port_tag: polls that ended; atomic */
	uint64_t syscalls;	/* not yet added to the status file */
};

/* One event of a port. */
struct port_event {
	struct entry *entry;	/* of an entry's completion, else NULL */
	enum port_tag tag;	/* of any other */
	int res;
	bool more;		/* a multishot poll goes on */
};

/*
 * Sets P up for the calling thread: ring, eventfd, and its poll. WAITING counts
 * the entries of every queue over all ports. Returns 0 or -errno of
 * io_uring_setup(2), eventfd(2) or calloc.
 */
int port_open(struct port *p, int devfd, unsigned int nqueues, int *waiting);

/* Takes it down, in the thread that opened it. */
void port_close(struct port *p);

/* Queues the REGISTER of a new entry. 0 or -EBUSY. */
int port_register(struct port *p, struct entry *e);

/*
 * Sends a REGISTER that the kernel must refuse: it gives up the rings of this
 * connection, and requests that waited for them go to the device fd.
 */
void port_refuse(struct port *p);

/* Queues the commit of a reply already in E; E then belongs to P. 0 or -EBUSY. */
int port_commit(struct port *p, struct entry *e);

/* Queues a multishot poll of the device. 0 or -EBUSY. */
int port_poll_device(struct port *p);

/* Queues its end, which an event of the poll with -ECANCELED tells of. 0 or -EBUSY. */
int port_unpoll_device(struct port *p);

/* Hands what is queued to the kernel. Returns 0 or -errno. */
int port_submit(struct port *p);

/*
 * Sleeps until a completion is there. Returns 0, or -EINTR after a signal. A
 * cancellation point when CANCEL is set.
 */
int port_wait(struct port *p, bool cancel);

/* The same for at most NS nanoseconds, and no cancellation point. */
void port_nap(struct port *p, long ns);

/* Whether a completion is there. No system call, any thread. */
bool port_ready(const struct port *p);

/* Whether one is there or about to be: port_collect() then makes it so. */
bool port_pending(const struct port *p);
void port_collect(struct port *p);

/*
 * Takes the oldest completion without waiting: true and *EV, or false. Any
 * thread while P is open; the thread of P must call port_wait() now and then.
 */
bool port_next(struct port *p, struct port_event *ev);

/*
 * Moves FD (negative: an error, passed through) out of the daemon's way and
 * marks it as the shim's own. Returns its new number.
 */
int port_private_fd(int fd);

/* Wakes the thread of P. Any thread, under the uring lock: P must be open. */
void port_nudge(struct port *p);

#endif

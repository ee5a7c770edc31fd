// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * port.c - one thread's io_uring. It knows ring entries and nothing of FUSE
 * requests, sessions or policy.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "shim/fdtab.h"
#include "shim/port.h"
#include "shim/real.h"

#define SQ_ENTRIES 64
#define CQ_ENTRIES 1024
#define PRIVATE_FD_MIN 200

#ifndef IORING_ENTER_REGISTERED_RING
#define IORING_ENTER_REGISTERED_RING (1U << 4)
#endif

/* A free submission entry, after making room if need be; NULL without. */
static struct io_uring_sqe *sqe_get(struct port *p)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&p->ring);

	if (sqe)
		return sqe;
	port_submit(p);
	return io_uring_get_sqe(&p->ring);
}

static int poll_queue(struct port *p, int fd, enum port_tag tag)
{
	struct io_uring_sqe *sqe = sqe_get(p);

	if (!sqe)
		return -EBUSY;
	io_uring_prep_poll_multishot(sqe, fd, POLLIN);
	sqe->user_data = tag;
	return 0;
}

/*
 * Descriptors of our own stay clear of the low numbers, which daemons close
 * and reuse. Where the limit forbids it, FD stays as it is.
 */
int port_private_fd(int fd)
{
	int high;

	if (fd < 0)
		return fd;
	high = real()->fcntl(fd, F_DUPFD_CLOEXEC, PRIVATE_FD_MIN);
	if (high >= 0) {
		real()->close(fd);
		fd = high;
	}
	fdtab_set(fd, FDTAB_PRIVATE);
	return fd;
}

static int ring_open(struct port *p)
{
	struct io_uring_params params = {
		.flags = IORING_SETUP_SQE128 | IORING_SETUP_SINGLE_ISSUER |
			 IORING_SETUP_COOP_TASKRUN | IORING_SETUP_TASKRUN_FLAG |
			 IORING_SETUP_CQSIZE,
		.cq_entries = CQ_ENTRIES,
	};
	int err = io_uring_queue_init_params(SQ_ENTRIES, &p->ring, &params);

	if (err)
		return err;
	p->ring.ring_fd = port_private_fd(p->ring.ring_fd);
	p->ring.enter_ring_fd = p->ring.ring_fd;
	/* A table look-up less per call; without it things merely are slower. */
	io_uring_register_ring_fd(&p->ring);
	io_uring_ring_dontfork(&p->ring);
	return 0;
}

int port_open(struct port *p, int devfd, unsigned int nqueues, int *waiting)
{
	int err;

	p->devfd = devfd;
	p->nqueues = nqueues;
	p->waiting = waiting;
	p->avail = calloc(nqueues, sizeof(*p->avail));
	if (!p->avail)
		return -ENOMEM;
	p->efd = port_private_fd(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
	if (p->efd < 0) {
		err = -errno;
		goto err_free;
	}
	err = ring_open(p);
	if (err)
		goto err_eventfd;
	p->fixed = io_uring_register_files(&p->ring, &devfd, 1) == 0;
	poll_queue(p, p->efd, PORT_NUDGE);
	return 0;

err_eventfd:
	fdtab_clear(p->efd);
	real()->close(p->efd);
err_free:
	free(p->avail);
	p->avail = NULL;
	return err;
}

void port_close(struct port *p)
{
	fdtab_clear(p->ring.ring_fd);
	fdtab_clear(p->efd);
	io_uring_queue_exit(&p->ring);
	real()->close(p->efd);
	free(p->avail);
	p->avail = NULL;
}

static struct io_uring_sqe *command(struct port *p, struct entry *e, uint32_t op)
{
	struct io_uring_sqe *sqe = sqe_get(p);
	struct abi_cmd_req *req;

	if (!sqe)
		return NULL;
	memset(sqe, 0, 2 * sizeof(*sqe));
	sqe->opcode = IORING_OP_URING_CMD;
	sqe->fd = p->fixed ? 0 : p->devfd;
	sqe->flags = p->fixed ? IOSQE_FIXED_FILE : 0;
	sqe->cmd_op = op;
	sqe->user_data = (uintptr_t)e;
	req = (struct abi_cmd_req *)sqe->cmd;
	req->qid = e->qid;
	req->commit_id = e->commit_id;
	e->port = p;
	__atomic_add_fetch(&p->avail[e->qid], 1, __ATOMIC_RELAXED);
	/* Pairs with event_fill(): what was written to E comes with it. */
	__atomic_add_fetch(&p->waiting[e->qid], 1, __ATOMIC_RELEASE);
	__atomic_add_fetch(&p->exposed, 1, __ATOMIC_SEQ_CST);
	return sqe;
}

int port_register(struct port *p, struct entry *e)
{
	struct io_uring_sqe *sqe;

	e->commit_id = 0;
	sqe = command(p, e, ABI_CMD_REGISTER);
	if (!sqe)
		return -EBUSY;
	sqe->addr = (uintptr_t)e->iov;
	sqe->len = 2;
	return 0;
}

void port_refuse(struct port *p)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&p->ring);

	if (!sqe)
		return;
	memset(sqe, 0, 2 * sizeof(*sqe));
	sqe->opcode = IORING_OP_URING_CMD;
	sqe->fd = p->devfd;
	sqe->cmd_op = ABI_CMD_REGISTER;
	sqe->user_data = PORT_NUDGE;
	port_submit(p);
}

int port_commit(struct port *p, struct entry *e)
{
	return command(p, e, ABI_CMD_COMMIT_AND_FETCH) ? 0 : -EBUSY;
}

int port_poll_device(struct port *p)
{
	return poll_queue(p, p->devfd, PORT_DEVICE);
}

int port_unpoll_device(struct port *p)
{
	struct io_uring_sqe *sqe = sqe_get(p);

	if (!sqe)
		return -EBUSY;
	io_uring_prep_poll_remove(sqe, PORT_DEVICE);
	sqe->user_data = PORT_DONE;
	return 0;
}

int port_submit(struct port *p)
{
	int ret;

	if (!io_uring_sq_ready(&p->ring))
		return 0;
	do {
		p->syscalls++;
		ret = io_uring_submit(&p->ring);
	} while (ret == -EINTR || ret == -EAGAIN);
	return ret < 0 ? ret : 0;
}

/*
 * The sleep itself. io_uring_enter(2) is no cancellation point of libc, and
 * libraries end their threads by pthread_cancel(3) and wait for them: so, as
 * libc does inside its own, cancellation is asynchronous just here, where
 * nothing is held. A completion that arrived meanwhile stays in the ring.
 */
static int enter(struct port *p)
{
	unsigned int flags = IORING_ENTER_GETEVENTS;

	if (p->ring.enter_ring_fd != p->ring.ring_fd)
		flags |= IORING_ENTER_REGISTERED_RING;
	return (int)syscall(__NR_io_uring_enter, p->ring.enter_ring_fd, 0, 1, flags, NULL, 0);
}

/* Polls that ended, found by whoever took their last completion. */
static void rearm(struct port *p)
{
	int tags = __atomic_load_n(&p->rearm, __ATOMIC_RELAXED);

	if (!tags)
		return;
	tags = __atomic_exchange_n(&p->rearm, 0, __ATOMIC_ACQ_REL);
	if (tags & PORT_NUDGE)
		poll_queue(p, p->efd, PORT_NUDGE);
	if (tags & PORT_DEVICE)
		poll_queue(p, p->devfd, PORT_DEVICE);
}

int port_wait(struct port *p, bool cancel)
{
	int old = 0, ret;

	rearm(p);
	port_submit(p);
	p->syscalls++;
	if (cancel)
		pthread_setcanceltype(PTHREAD_CANCEL_ASYNCHRONOUS, &old);
	ret = enter(p);
	if (cancel)
		pthread_setcanceltype(old, NULL);
	return ret < 0 ? -errno : 0;
}

void port_nap(struct port *p, long ns)
{
	struct __kernel_timespec ts = { .tv_nsec = ns };
	struct io_uring_cqe *cqe;

	rearm(p);
	port_submit(p);
	p->syscalls++;
	io_uring_wait_cqe_timeout(&p->ring, &cqe, &ts);
}

bool port_ready(const struct port *p)
{
	return __atomic_load_n(p->ring.cq.khead, __ATOMIC_ACQUIRE) !=
	       __atomic_load_n(p->ring.cq.ktail, __ATOMIC_ACQUIRE);
}

bool port_pending(const struct port *p)
{
	return port_ready(p) ||
	       (__atomic_load_n(p->ring.sq.kflags, __ATOMIC_RELAXED) & IORING_SQ_TASKRUN);
}

void port_collect(struct port *p)
{
	if (port_ready(p))
		return;
	p->syscalls++;
	io_uring_get_events(&p->ring);
}

static void event_fill(struct port *p, const struct io_uring_cqe *cqe, struct port_event *ev)
{
	*ev = (struct port_event){ .res = cqe->res, .more = cqe->flags & IORING_CQE_F_MORE };
	if (cqe->user_data <= PORT_DONE) {
		ev->tag = (enum port_tag)cqe->user_data;
		if (!ev->more && ev->res >= 0 && ev->tag != PORT_DONE)
			__atomic_or_fetch(&p->rearm, (int)ev->tag, __ATOMIC_RELEASE);
		return;
	}
	ev->entry = (struct entry *)(uintptr_t)cqe->user_data;
	__atomic_sub_fetch(&p->avail[ev->entry->qid], 1, __ATOMIC_RELAXED);
	__atomic_sub_fetch(&p->waiting[ev->entry->qid], 1, __ATOMIC_SEQ_CST);
	__atomic_sub_fetch(&p->exposed, 1, __ATOMIC_SEQ_CST);
}

/*
 * The kernel writes a slot of the ring again only after the head has passed
 * it, so the copy is good if the head is still where it was.
 */
bool port_next(struct port *p, struct port_event *ev)
{
	struct io_uring_cq *cq = &p->ring.cq;
	unsigned int head = __atomic_load_n(cq->khead, __ATOMIC_ACQUIRE);
	struct io_uring_cqe cqe;

	do {
		if (head == __atomic_load_n(cq->ktail, __ATOMIC_ACQUIRE))
			return false;
		cqe = cq->cqes[head & cq->ring_mask];
	} while (!__atomic_compare_exchange_n(cq->khead, &head, head + 1, false,
					      __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE));
	event_fill(p, &cqe, ev);
	return true;
}

void port_nudge(struct port *p)
{
	uint64_t one = 1;

	/* A raw call: write(2) of libc is a cancellation point. */
	(void)!syscall(__NR_write, p->efd, &one, sizeof(one));
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * raw-io.h - the ways in which fs-raw moves messages over /dev/fuse: how it
 * waits for a request, fetches it, and answers.
 */
#ifndef RAW_IO_H
#define RAW_IO_H

#include <errno.h>
#include <fcntl.h>
#include <linux/fuse.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/uio.h>
#include <unistd.h>

#define RAW_WRITE	(128u << 10)		/* max_write */
#define RAW_BUF		(RAW_WRITE + 8192)
#define RAW_PIPE	(1 << 20)

enum raw_read { RAW_READ_READ, RAW_READ_READV, RAW_READ_SPLICE };
enum raw_reply { RAW_REPLY_WRITE, RAW_REPLY_WRITEV, RAW_REPLY_SPLICE };
enum raw_wait { RAW_WAIT_BLOCK, RAW_WAIT_POLL, RAW_WAIT_EPOLL, RAW_WAIT_SELECT };

static struct {
	int fd;			/* requests come from here */
	int out;		/* answers go here: the same, or a duplicate */
	enum raw_read read;
	enum raw_reply reply;
	enum raw_wait wait;
	bool small;		/* try a buffer that is too small now and then */
	bool fork_after_init;
	unsigned int threads;
	unsigned int minor;	/* what INIT is answered with */
	const char *log;
} raw;

/* One thread's buffer and pipe. */
struct raw_io {
	unsigned char *buf;
	int pipe[2];
	int epoll;
};

static int raw_io_open(struct raw_io *io)
{
	struct epoll_event ev = { .events = EPOLLIN };

	io->buf = malloc(RAW_BUF);
	io->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (!io->buf || io->epoll < 0 || pipe2(io->pipe, O_CLOEXEC))
		return -1;
	fcntl(io->pipe[0], F_SETPIPE_SZ, RAW_PIPE);
	fcntl(io->pipe[0], F_SETFL, O_NONBLOCK);
	if (raw.wait == RAW_WAIT_EPOLL && epoll_ctl(io->epoll, EPOLL_CTL_ADD, raw.fd, &ev))
		return -1;
	return 0;
}

/* Sleep until the descriptor has something; the read then may still say EAGAIN. */
static void raw_await(struct raw_io *io)
{
	struct pollfd pfd = { .fd = raw.fd, .events = POLLIN };
	struct epoll_event ev;
	fd_set set;

	switch (raw.wait) {
	case RAW_WAIT_BLOCK:
		break;
	case RAW_WAIT_POLL:
		poll(&pfd, 1, -1);
		break;
	case RAW_WAIT_EPOLL:
		epoll_wait(io->epoll, &ev, 1, -1);
		break;
	case RAW_WAIT_SELECT:
		FD_ZERO(&set);
		FD_SET(raw.fd, &set);
		select(raw.fd + 1, &set, NULL, NULL, NULL);
		break;
	}
}

static ssize_t raw_fetch_once(struct raw_io *io)
{
	struct iovec iov[3] = {
		{ io->buf, 40 }, { io->buf + 40, 1000 }, { io->buf + 1040, RAW_BUF - 1040 },
	};
	ssize_t len;

	switch (raw.read) {
	case RAW_READ_READV:
		return readv(raw.fd, iov, 3);
	case RAW_READ_SPLICE:
		len = splice(raw.fd, NULL, io->pipe[1], NULL, RAW_BUF, 0);
		return len < 0 ? len : read(io->pipe[0], io->buf, RAW_BUF);
	default:
		return read(raw.fd, io->buf, RAW_BUF);
	}
}

/* The next request in io->buf: its length, or -errno when there are no more. */
static ssize_t raw_fetch(struct raw_io *io)
{
	ssize_t len;

	for (;;) {
		raw_await(io);
		len = raw_fetch_once(io);
		if (len >= 0)
			return len;
		if (errno != EINTR && errno != EAGAIN && errno != ENOENT)
			return -errno;
	}
}

/* Gift the pages of IOV to a pipe and move them on, as libfuse does. */
static ssize_t raw_send_splice(struct raw_io *io, const struct iovec *iov, int n, size_t len)
{
	ssize_t ret;

	for (int i = 0; i < n; i++) {
		if (!iov[i].iov_len)
			continue;
		ret = vmsplice(io->pipe[1], &iov[i], 1, 0);
		if (ret != (ssize_t)iov[i].iov_len)
			return -1;
	}
	ret = splice(io->pipe[0], NULL, raw.out, NULL, len, 0);
	if (ret < 0) {	/* what was refused may still be in the pipe */
		int err = errno;

		while (read(io->pipe[0], io->buf, RAW_BUF) > 0)
			;
		errno = err;
	}
	return ret;
}

/* Send a header and a body exactly as given, right or wrong; 0 or -errno. */
static int raw_send(struct raw_io *io, const void *head, size_t head_len, const void *body,
		    size_t body_len)
{
	struct iovec iov[2] = { { (void *)head, head_len }, { (void *)body, body_len } };
	size_t len = head_len + body_len;
	unsigned char *flat;
	ssize_t ret;

	if (raw.reply == RAW_REPLY_SPLICE) {
		ret = raw_send_splice(io, iov, 2, len);
	} else if (raw.reply == RAW_REPLY_WRITEV) {
		ret = writev(raw.out, iov, body_len ? 2 : 1);
	} else {
		flat = malloc(len + 1);
		if (!flat)
			return -ENOMEM;
		memcpy(flat, head, head_len);
		if (body_len)
			memcpy(flat + head_len, body, body_len);
		ret = write(raw.out, flat, len);
		free(flat);
	}
	return ret < 0 ? -errno : ret == (ssize_t)len ? 0 : -EIO;
}

/* A well-formed answer. */
static int raw_answer(struct raw_io *io, uint64_t unique, int err, const void *body, size_t len)
{
	struct fuse_out_header oh = {
		.len = (uint32_t)(sizeof(oh) + len), .error = err, .unique = unique,
	};

	return raw_send(io, &oh, sizeof(oh), body, len);
}

static void raw_log(const char *what, const char *name, int first, int second)
{
	FILE *f = raw.log ? fopen(raw.log, "a") : NULL;

	if (!f)
		return;
	fprintf(f, "%s %s %d %d\n", what, name, first, second);
	fclose(f);
}

/* A buffer below the protocol's minimum is refused with EINVAL, at any time. */
static ssize_t raw_try_small(struct raw_io *io, const char *when)
{
	ssize_t ret = read(raw.fd, io->buf, 512);

	raw_log("small", when, ret < 0 ? errno : 0, 0);
	return ret;
}

/* A pipe as others have them, and one as libfuse wants it for requests of 64 KiB. */
static void raw_try_pipes(void)
{
	int p[2];

	if (pipe2(p, O_CLOEXEC))
		return;
	raw_log("pipe", "usual", fcntl(p[0], F_SETPIPE_SZ, 2 << 16) < 0 ? errno : 0, 0);
	raw_log("pipe", "libfuse", fcntl(p[0], F_SETPIPE_SZ, (1 << 16) + 4096) < 0 ? errno : 0, 0);
	close(p[0]);
	close(p[1]);
}

#endif

// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * commfd.c - the conversation with the FUSE library. See commfd.h.
 *
 * The other end is the caller's and may do anything: nothing that comes from
 * it is used but the fact that a byte or the end came, and no call here waits
 * without a bound, except for the end of a file system that was asked for.
 */
#include "mount.efuse/commfd.h"

#include <limits.h>
#include <poll.h>
#include <sys/socket.h>

#include "mount.efuse/util.h"

/* Digits only: no sign, no blanks, nothing behind. */
static int parse_number(const char *text)
{
	long n = 0;

	if (!text[0])
		return -EINVAL;
	for (; *text; text++) {
		if (*text < '0' || *text > '9')
			return -EINVAL;
		n = n * 10 + (*text - '0');
		if (n > INT_MAX)
			return -EINVAL;
	}
	return (int)n;
}

int commfd_parse(const char *text)
{
	int fd = parse_number(text), domain;
	socklen_t len = sizeof(domain);

	if (fd < 0)
		return fd;
	/* Others take the message without the descriptor: the mount would be nobody's. */
	if (getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &len) < 0)
		return -errno;
	return domain == AF_UNIX ? fd : -EAFNOSUPPORT;
}

int commfd_send(int sock, int device)
{
	union {
		struct cmsghdr head;	/* for its alignment */
		char space[CMSG_SPACE(sizeof(int))];
	} control = { .space = { 0 } };
	char byte = 0;
	struct iovec iov = { .iov_base = &byte, .iov_len = 1 };
	struct msghdr msg = {
		.msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = control.space, .msg_controllen = sizeof(control.space),
	};
	struct cmsghdr *cmsg = CMSG_FIRSTHDR(&msg);

	cmsg->cmsg_level = SOL_SOCKET;
	cmsg->cmsg_type = SCM_RIGHTS;
	cmsg->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(cmsg), &device, sizeof(device));
	return sendmsg(sock, &msg, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 ? -errno : 0;
}

int commfd_send_status(int sock, unsigned char status)
{
	return send(sock, &status, 1, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 ? -errno : 0;
}

int commfd_wait_go(int sock, int ms)
{
	struct pollfd pfd = { .fd = sock, .events = POLLIN };
	int64_t end = now_ms() + ms;
	char byte;
	ssize_t len;
	int n;

	do {
		int64_t left = end - now_ms();

		n = poll(&pfd, 1, left > 0 ? (int)left : 0);
	} while (n < 0 && errno == EINTR);
	if (n <= 0)
		return n < 0 ? -errno : -ETIMEDOUT;
	len = recv(sock, &byte, 1, MSG_DONTWAIT);
	if (len == 1)
		return 0;
	return len < 0 ? -errno : -ECONNRESET;
}

/* A datagram socket has no end: an empty datagram, or an error, counts as one. */
bool commfd_ended(int sock)
{
	char ignored[64];
	ssize_t len = recv(sock, ignored, sizeof(ignored), MSG_DONTWAIT);

	return len == 0 || (len < 0 && errno != EINTR && errno != EAGAIN);
}

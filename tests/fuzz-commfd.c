// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * fuzz-commfd.c - the library's side of the socket gone wild: numbers that are
 * none, bytes, descriptors and closed ends at any time. No crash, no wait
 * without end, no descriptor taken in.
 */
#include <assert.h>

#include "mount.efuse/commfd.c"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* One action of the other end; it may close itself. */
static void act(int *other, uint8_t what)
{
	char bytes[256] = { 0 };

	if (*other < 0)
		return;
	if (what < 40) {
		close(*other);
		*other = -1;
	} else if (what < 60) {
		shutdown(*other, what & 1 ? SHUT_WR : SHUT_RD);
	} else if (what < 100) {
		commfd_send(*other, what & 1 ? 1 : *other);
	} else {
		(void)!send(*other, bytes, what, MSG_DONTWAIT | MSG_NOSIGNAL);
	}
}

/* One step of ours. None may wait: the test would be killed for its time. */
static void step(int sock, uint8_t what)
{
	switch (what % 4) {
	case 0:
		commfd_send(sock, 1);
		break;
	case 1:
		commfd_send_status(sock, what);
		break;
	case 2:
		commfd_wait_go(sock, 0);
		break;
	default:
		commfd_ended(sock);
	}
}

static void talk(const uint8_t *data, size_t size)
{
	static const int types[] = { SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET };
	int fds[2], probe;

	if (socketpair(AF_UNIX, types[data[0] % 3], 0, fds) < 0)
		return;
	for (size_t i = 1; i + 1 < size && i < 64; i += 2) {
		act(&fds[1], data[i]);
		step(fds[0], data[i + 1]);
	}
	/* Had one been taken in, the next free number would be a later one. */
	probe = dup(fds[0]);
	assert(probe >= 0 && probe <= 16);
	close(probe);
	close(fds[0]);
	closep(&fds[1]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = strndup((const char *)data, size);
	int fd = text ? commfd_parse(text) : -1;

	assert(fd < 0 || strspn(text, "0123456789") == strlen(text));
	free(text);
	if (size)
		talk(data, size);
	return 0;
}

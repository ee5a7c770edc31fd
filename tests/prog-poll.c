// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * prog-poll.c - waits until a file is readable and says so.
 *
 *   prog-poll FILE
 */
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>

int main(int argc, char **argv)
{
	struct pollfd pfd = { .fd = argc == 2 ? open(argv[1], O_RDONLY) : -1, .events = POLLIN };

	if (pfd.fd < 0) {
		perror("prog-poll");
		return 1;
	}
	if (poll(&pfd, 1, 10000) == 1 && (pfd.revents & POLLIN))
		printf("readable\n");
	else
		printf("not readable after 10 s\n");
	return 0;
}

// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * prog-commfd.c - plays the FUSE library that calls fusermount3.
 *
 *   prog-commfd [OPTION...] PROGRAM ARG...
 *
 *   -k KIND   what _FUSE_COMMFD names: stream (the default), dgram, seqpacket, pipe,
 *             file, null, closed, full (a socket that takes nothing more), gone (its
 *             other end is closed), zero (a stream, as descriptor 0), udp, unset,
 *             or =TEXT for that very text
 *   -s MODE   --sync-init from the other side: go, hangup, silent
 *   -c        close descriptors 0, 1 and 2 before PROGRAM
 *   -b        block and ignore every signal before PROGRAM
 *   -x        the number goes into --comm-fd instead of the environment
 *   -e        PROGRAM gets no environment but that number, as Go's library does it
 *   -w        stay until standard input ends, with everything open
 *   -W        the same, but with the socket closed
 *   -K        the same as -w, then die without closing anything
 *   -t N      kill PROGRAM when it still runs after N seconds
 *
 * Prints "fd" or "no fd" when the answer is there and, unless it stays,
 * "rc=N" (128 + signal) when PROGRAM has ended.
 */
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *kind = "stream", *sync_mode;
static bool close_std, block, by_option, bare;
static char stay;
static unsigned int limit;
static pid_t child;

static _Noreturn void die(const char *what)
{
	perror(what);
	exit(99);
}

/* A socket that takes messages, but no descriptors in them. */
static int connected_udp(void)
{
	const struct sockaddr_in discard = {
		.sin_family = AF_INET, .sin_port = htons(9),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	if (fd < 0 || connect(fd, (const struct sockaddr *)&discard, sizeof(discard)) < 0)
		die("udp");
	return fd;
}

/* The pair: [0] for the program, [1] for us, -1 when there is none. */
static void make_fds(int fds[2])
{
	int type = strcmp(kind, "dgram") == 0 ? SOCK_DGRAM :
		   strcmp(kind, "seqpacket") == 0 ? SOCK_SEQPACKET : SOCK_STREAM;

	fds[0] = fds[1] = -1;
	if (strcmp(kind, "unset") == 0 || kind[0] == '=' || strcmp(kind, "closed") == 0)
		return;
	if (strcmp(kind, "pipe") == 0) {
		if (pipe(fds) < 0)
			die("pipe");
	} else if (strcmp(kind, "file") == 0) {
		fds[0] = open("/tmp", O_TMPFILE | O_RDWR, 0600);
	} else if (strcmp(kind, "null") == 0) {
		fds[0] = open("/dev/null", O_RDWR);
	} else if (strcmp(kind, "udp") == 0) {
		fds[0] = connected_udp();
	} else if (socketpair(AF_UNIX, type, 0, fds) < 0) {
		die("socketpair");
	}
	if (strcmp(kind, "gone") == 0) {
		close(fds[1]);
		fds[1] = -1;
	}
	while (strcmp(kind, "full") == 0 && send(fds[0], kind, 1, MSG_DONTWAIT) == 1)
		;
}

static void set_signals(void)
{
	sigset_t all;

	for (int s = 1; s < 65; s++)
		signal(s, SIG_IGN);
	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, NULL);
}

/* ARGV with --comm-fd=N behind its first word. */
static char **with_option(char **argv, const char *number)
{
	static char option[32];
	char **more;
	int n = 0;

	while (argv[n])
		n++;
	more = calloc((size_t)n + 2, sizeof(*more));
	if (!more)
		die("calloc");
	snprintf(option, sizeof(option), "--comm-fd=%s", number);
	more[0] = argv[0];
	more[1] = option;
	memcpy(more + 2, argv + 1, (size_t)n * sizeof(*more));
	return more;
}

static void become(int fds[2], char **argv)
{
	char number[20];
	int fd = fds[0] < 0 ? 77 : fds[0];

	close(fds[1]);
	if (strcmp(kind, "zero") == 0)
		fd = dup2(fd, 0);
	snprintf(number, sizeof(number), "%d", fd);
	if (bare)
		clearenv();
	unsetenv("_FUSE_COMMFD");
	if (by_option)
		argv = with_option(argv, kind[0] == '=' ? kind + 1 : number);
	else if (strcmp(kind, "unset") != 0)
		setenv("_FUSE_COMMFD", kind[0] == '=' ? kind + 1 : number, 1);
	if (close_std)
		for (int i = 0; i < 3; i++)
			close(i);
	if (block)
		set_signals();
	execvp(argv[0], argv);
	_exit(98);
}

/* Whatever signals it ignores. */
static void end_child(int sig)
{
	(void)sig;
	kill(child, SIGKILL);
}

/* A datagram socket does not say that the other end has closed: PROGRAM's end does. */
static void wait_for_answer(int sock)
{
	struct pollfd fds[] = {
		{ .fd = sock, .events = POLLIN },
		{ .fd = (int)syscall(SYS_pidfd_open, child, 0), .events = POLLIN },
	};

	while (poll(fds, 2, -1) < 0)
		;
	close(fds[1].fd);
}

/* The descriptor that came, -1: none. */
static int receive(int sock)
{
	char byte, control[CMSG_SPACE(sizeof(int))];
	struct iovec iov = { .iov_base = &byte, .iov_len = 1 };
	struct msghdr msg = {
		.msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = control, .msg_controllen = sizeof(control),
	};
	struct cmsghdr *cmsg;
	int fd;

	if (sock < 0)
		return -1;
	wait_for_answer(sock);
	if (recvmsg(sock, &msg, MSG_DONTWAIT) <= 0)
		return -1;
	cmsg = CMSG_FIRSTHDR(&msg);
	if (!cmsg || cmsg->cmsg_type != SCM_RIGHTS)
		return -1;
	memcpy(&fd, CMSG_DATA(cmsg), sizeof(fd));
	return fd;
}

static void answer_sync(int sock)
{
	char byte = 0;

	if (strcmp(sync_mode, "hangup") == 0)
		close(sock);
	else if (strcmp(sync_mode, "go") == 0 && write(sock, &byte, 1) == 1)
		printf("status %d\n", read(sock, &byte, 1) == 1 ? byte : -1);
}

static void wait_for_stdin(int sock)
{
	char byte;

	if (stay == 'W')
		close(sock);
	while (read(0, &byte, 1) > 0)
		;
	if (stay == 'K')
		kill(getpid(), SIGKILL);
	exit(0);
}

static char **read_options(int argc, char **argv)
{
	int c;

	while ((c = getopt(argc, argv, "+k:s:cbexwWKt:")) != -1) {
		switch (c) {
		case 'k': kind = optarg; break;
		case 's': sync_mode = optarg; break;
		case 'c': close_std = true; break;
		case 'b': block = true; break;
		case 'e': bare = true; break;
		case 'x': by_option = true; break;
		case 't': limit = (unsigned int)atoi(optarg); break;
		case 'w': case 'W': case 'K': stay = (char)c; break;
		default: exit(97);
		}
	}
	if (optind == argc)
		exit(97);
	return argv + optind;
}

int main(int argc, char **argv)
{
	int fds[2], status, device;

	argv = read_options(argc, argv);
	setvbuf(stdout, NULL, _IOLBF, 0);
	make_fds(fds);
	child = fork();
	if (child == 0)
		become(fds, argv);
	close(fds[0]);
	if (child < 0)
		die("fork");
	signal(SIGALRM, end_child);
	alarm(limit);
	device = strcmp(kind, "full") == 0 ? -1 : receive(fds[1]);
	puts(device >= 0 ? "fd" : "no fd");
	if (sync_mode && device >= 0)
		answer_sync(fds[1]);
	if (stay && device >= 0)
		wait_for_stdin(fds[1]);
	/* Who is silent, or does not read, is so with the socket open. */
	if (!(sync_mode && strcmp(sync_mode, "silent") == 0) && strcmp(kind, "full") != 0)
		close(fds[1]);
	if (waitpid(child, &status, 0) < 0)
		die("waitpid");
	printf("rc=%d\n", WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status));
	return 0;
}

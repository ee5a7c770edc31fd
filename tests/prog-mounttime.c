// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * prog-mounttime.c - how long two fusermount3 take to mount and to unmount.
 *
 *   prog-mounttime ROUNDS MOUNTPOINT PROGRAM_A PROGRAM_B
 *
 * Each round times both, in turn first. Prints, in microseconds, the medians of
 * A and B for mounting, unmounting and both, and the ratio A to B.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MOST 10000

static double taken[2][3][MOST];	/* program; mount, unmount, both; round */

static double now_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec * 1e6 + (double)ts.tv_nsec / 1e3;
}

/* Microseconds from here to the program's end. */
static double run(const char *program, const char *const argv[], int sock)
{
	double start = now_us();
	pid_t pid = vfork();
	int status;

	if (pid == 0) {
		execv(program, (char *const *)argv);
		_exit(98);
	}
	if (pid < 0 || waitpid(pid, &status, 0) < 0 || status) {
		fprintf(stderr, "%s failed (%d)\n", program, sock);
		exit(1);
	}
	return now_us() - start;
}

static void round_trip(int which, const char *program, const char *point, int n)
{
	const char *const up[] = { program, "-o", "rw,nosuid,nodev,fsname=time,subtype=test", "--",
				   point, NULL };
	const char *const down[] = { program, "-u", "-q", "--", point, NULL };
	char number[16];
	int fds[2];

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, fds) < 0)
		exit(1);
	fcntl(fds[1], F_SETFD, FD_CLOEXEC);
	snprintf(number, sizeof(number), "%d", fds[0]);
	setenv("_FUSE_COMMFD", number, 1);
	taken[which][0][n] = run(program, up, fds[0]);
	close(fds[0]);
	close(fds[1]);		/* with the descriptor in it: the connection ends */
	taken[which][1][n] = run(program, down, -1);
	taken[which][2][n] = taken[which][0][n] + taken[which][1][n];
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double median(double *values, int n)
{
	qsort(values, (size_t)n, sizeof(*values), compare);
	return n % 2 ? values[n / 2] : (values[n / 2 - 1] + values[n / 2]) / 2;
}

int main(int argc, char **argv)
{
	static const char *const what[] = { "mount", "unmount", "both" };
	int rounds = argc == 5 ? atoi(argv[1]) : 0;

	if (rounds < 1 || rounds > MOST)
		return 97;
	for (int i = 0; i < rounds; i++)
		for (int k = 0; k < 2; k++)
			round_trip(i % 2 ^ k, argv[3 + (i % 2 ^ k)], argv[2], i);
	for (int w = 0; w < 3; w++) {
		double a = median(taken[0][w], rounds), b = median(taken[1][w], rounds);

		printf("%-8s %8.0f us %8.0f us  ratio %.3f\n", what[w], a, b, a / b);
	}
	return 0;
}

// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * prog-nouring.c - runs a command in which io_uring_setup(2) fails with EPERM,
 * as it does in many containers: a seccomp filter refuses it.
 *
 *   prog-nouring COMMAND [ARGUMENT...]
 */
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

static int forbid_io_uring(void)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_io_uring_setup, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog prog = { sizeof(code) / sizeof(*code), code };

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		return -errno;
	return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog) ? -errno : 0;
}

int main(int argc, char **argv)
{
	int err;

	if (argc < 2) {
		fprintf(stderr, "usage: prog-nouring COMMAND [ARGUMENT...]\n");
		return 2;
	}
	err = forbid_io_uring();
	if (err) {
		fprintf(stderr, "prog-nouring: cannot set the filter: %s\n", strerror(-err));
		return 77;
	}
	execvp(argv[1], argv + 1);
	fprintf(stderr, "prog-nouring: %s: %s\n", argv[1], strerror(errno));
	return 127;
}

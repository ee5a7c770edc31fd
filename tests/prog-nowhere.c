// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * prog-nowhere.c - a user's mount that is attached nowhere, as a place to mount on.
 *
 *   prog-nowhere FOLDER COMMAND [ARG...]
 *
 * A child in a user namespace of its own makes a tmpfs with a FOLDER in it and
 * hands its descriptor out. COMMAND runs outside, in the root of that tmpfs.
 * Then the child takes the tmpfs into its own mount table and prints the lines
 * of FUSE mounts of it. Ends with 0, or 99 when something could not be done.
 */
#include <fcntl.h>
#include <linux/mount.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

union control {
	struct cmsghdr head;
	char space[CMSG_SPACE(sizeof(int))];
};

static _Noreturn void die(const char *what)
{
	perror(what);
	exit(99);
}

static void write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY);

	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		die(path);
	close(fd);
}

/* Root of a user namespace, in a mount namespace of it. */
static void enter(void)
{
	uid_t uid = getuid();
	gid_t gid = getgid();
	char map[64];

	if (unshare(CLONE_NEWUSER | CLONE_NEWNS) < 0)
		die("unshare");
	write_file("/proc/self/setgroups", "deny");
	snprintf(map, sizeof(map), "0 %u 1", uid);
	write_file("/proc/self/uid_map", map);
	snprintf(map, sizeof(map), "0 %u 1", gid);
	write_file("/proc/self/gid_map", map);
}

static int make_tmpfs(const char *name)
{
	int fs = (int)syscall(SYS_fsopen, "tmpfs", 0), fd;

	if (fs < 0 || syscall(SYS_fsconfig, fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
		die("tmpfs");
	fd = (int)syscall(SYS_fsmount, fs, 0, 0);
	if (fd < 0 || mkdirat(fd, name, 0755) < 0)
		die("fsmount");
	return fd;
}

static void hand_over(int sock, int fd)
{
	union control control = { .space = { 0 } };
	char byte = 0;
	struct iovec iov = { .iov_base = &byte, .iov_len = 1 };
	struct msghdr msg = {
		.msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = control.space, .msg_controllen = sizeof(control.space),
	};

	control.head.cmsg_level = SOL_SOCKET;
	control.head.cmsg_type = SCM_RIGHTS;
	control.head.cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(&control.head), &fd, sizeof(fd));
	if (sendmsg(sock, &msg, 0) < 0)
		die("sendmsg");
}

static int take(int sock)
{
	union control control;
	char byte;
	struct iovec iov = { .iov_base = &byte, .iov_len = 1 };
	struct msghdr msg = {
		.msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = control.space, .msg_controllen = sizeof(control.space),
	};
	int fd;

	if (recvmsg(sock, &msg, MSG_CMSG_CLOEXEC) <= 0 || !CMSG_FIRSTHDR(&msg))
		exit(99);	/* the child has said why */
	memcpy(&fd, CMSG_DATA(&control.head), sizeof(fd));
	return fd;
}

static void print_fuse(void)
{
	FILE *f = fopen("/proc/self/mountinfo", "re");
	char line[4096];

	if (!f)
		die("mountinfo");
	while (fgets(line, sizeof(line), f))
		if (strstr(line, " /mnt/") && strstr(line, " - fuse"))
			fputs(line, stdout);
	fclose(f);
	fflush(stdout);
}

static _Noreturn void be_maker(int sock, const char *name)
{
	char byte;
	int fd;

	enter();
	fd = make_tmpfs(name);
	hand_over(sock, fd);
	(void)!read(sock, &byte, 1);
	if (syscall(SYS_move_mount, fd, "", AT_FDCWD, "/mnt", MOVE_MOUNT_F_EMPTY_PATH) < 0)
		die("move_mount");
	print_fuse();
	_exit(0);
}

int main(int argc, char **argv)
{
	int socks[2], status;
	pid_t maker, pid;

	if (argc < 3 || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, socks) < 0)
		return 97;
	maker = fork();
	if (maker == 0) {
		close(socks[0]);
		be_maker(socks[1], argv[1]);
	}
	close(socks[1]);
	if (fchdir(take(socks[0])) < 0)
		die("fchdir");
	pid = fork();
	if (pid == 0) {
		execv(argv[2], argv + 2);
		_exit(98);
	}
	if (pid < 0 || waitpid(pid, &status, 0) < 0)
		die("run");
	close(socks[0]);
	return waitpid(maker, &status, 0) < 0 || status ? 99 : 0;
}

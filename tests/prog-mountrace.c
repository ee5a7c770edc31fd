// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * prog-mountrace.c - mounts and unmounts through fusermount3 as an ordinary
 * user, while processes of that user swap the mount point, its folders and
 * links for one another as fast as they can.
 *
 *   prog-mountrace PROGRAM FOLDER UID ROUNDS
 *
 * Run as root in a mount namespace of its own. FOLDER gets
 *
 *   home/      the user's: a/x, a/l -> victim/x, b -> victim, c/x, ...
 *   victim/x   root's, with a tmpfs of root on it
 *
 * After every step no FUSE mount may be at or below victim, and the tmpfs must
 * be there. Prints what happened; ends with 1 when one of them did not hold.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *program, *folder;
static uid_t uid;
static unsigned long mounted, refused, unmounted, kept;
static pid_t attackers[3];

static _Noreturn void die(const char *what)
{
	perror(what);
	exit(99);
}

static void become_user(void)
{
	if (setgid(uid) < 0 || setuid(uid) < 0)
		_exit(99);
}

/* --- the attackers --------------------------------------------------------- */

static void swap(const char *a, const char *b)
{
	renameat2(AT_FDCWD, a, AT_FDCWD, b, RENAME_EXCHANGE);
}

/* Each of them changes what "a/x" means, in a way of its own. */
static void attack(int kind)
{
	for (unsigned int i = 0;; i++) {
		switch (kind) {
		case 0:
			swap("a", "b");		/* the folder and a link to victim */
			break;
		case 1:
			swap("a/x", "a/l");	/* the mount point and a link to victim/x */
			swap("c/x", "c/l");
			break;
		default:
			swap("a", "c");		/* two folders of the user's */
			if (i % 16 == 0)
				swap("a/x", "a/f");	/* folder and file */
		}
	}
}

static pid_t start_attack(int kind)
{
	pid_t parent = getpid(), pid = fork();

	if (pid)
		return pid;
	become_user();
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent || chdir("home") < 0)
		_exit(99);
	attack(kind);
	_exit(0);
}

/* --- the tree -------------------------------------------------------------- */

static void make_folder(const char *name, mode_t mode, uid_t owner)
{
	if (mkdir(name, mode) < 0 || chown(name, owner, owner) < 0)
		die(name);
}

static void make_link(const char *to, const char *name)
{
	char path[4096];

	snprintf(path, sizeof(path), "%s/%s", folder, to);
	if (symlink(path, name) < 0)
		die(name);
}

static void make_file(const char *name)
{
	int fd = open(name, O_CREAT | O_WRONLY, 0644);

	if (fd < 0 || fchown(fd, uid, uid) < 0)
		die(name);
	close(fd);
}

static void make_tree(void)
{
	if (chdir(folder) < 0)
		die(folder);
	make_folder("victim", 0755, 0);
	make_folder("victim/x", 0755, 0);
	make_folder("home", 0755, uid);
	make_folder("home/a", 0755, uid);
	make_folder("home/a/x", 0755, uid);
	make_folder("home/c", 0755, uid);
	make_folder("home/c/x", 0755, uid);
	make_link("victim/x", "home/a/l");
	make_link("victim/x", "home/c/l");
	make_link("victim", "home/b");
	make_file("home/a/f");
	make_file("home/c/f");
	if (mount("race", "victim/x", "tmpfs", 0, "size=16k,mode=755") < 0)
		die("tmpfs");
}

/* --- what is mounted ------------------------------------------------------- */

/* The mount table: false when something is where it must not be. *FUSE: one FUSE mount's path. */
static bool look(char *fuse, size_t size)
{
	char victim[4096], below[4200], line[8192], path[4096];
	bool tmpfs = false, ok = true;
	FILE *f = fopen("/proc/self/mountinfo", "re");

	if (!f)
		die("mountinfo");
	snprintf(victim, sizeof(victim), "%s/victim", folder);
	snprintf(below, sizeof(below), "%s/", victim);
	fuse[0] = '\0';
	while (fgets(line, sizeof(line), f)) {
		if (sscanf(line, "%*s %*s %*s %*s %4095s", path) != 1)
			continue;
		if (strstr(line, " - tmpfs race ") && strncmp(path, below, strlen(below)) == 0)
			tmpfs = true;
		if (!strstr(line, " - fuse race "))
			continue;
		if (strcmp(path, victim) == 0 || strncmp(path, below, strlen(below)) == 0) {
			printf("MOUNTED WHERE THE USER MAY NOT: %s", line);
			ok = false;
		}
		snprintf(fuse, size, "%s", path);
	}
	fclose(f);
	if (!tmpfs)
		puts("THE MOUNT OF ROOT IS GONE");
	return ok && tmpfs;
}

/* What the race left mounted is taken away while it stands still: paths mean something then. */
static bool clear(void)
{
	char fuse[4096];
	bool ok;

	for (int i = 0; i < 3; i++)
		if (kill(attackers[i], SIGSTOP) < 0 || waitpid(attackers[i], NULL, WUNTRACED) < 0)
			die("stop");
	ok = look(fuse, sizeof(fuse));
	for (int i = 0; i < 100 && fuse[0]; i++) {
		umount2(fuse, MNT_DETACH | UMOUNT_NOFOLLOW);
		ok = look(fuse, sizeof(fuse)) && ok;
	}
	for (int i = 0; i < 3; i++)
		kill(attackers[i], SIGCONT);
	return ok && !fuse[0];
}

/* --- one round ------------------------------------------------------------- */

static int run(const char *const argv[], int sock)
{
	pid_t pid = fork();
	char number[16];
	int status, null;

	if (pid == 0) {
		become_user();
		snprintf(number, sizeof(number), "%d", sock);
		setenv("_FUSE_COMMFD", number, 1);
		null = open("/dev/null", O_RDWR);
		dup2(null, 2);
		execv(program, (char *const *)argv);
		_exit(98);
	}
	if (pid < 0 || waitpid(pid, &status, 0) < 0)
		die("run");
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}

static bool round_trip(void)
{
	static const char *const up[] = { "fusermount3", "-o", "fsname=race", "--", "a/x", NULL };
	static const char *const down[] = { "fusermount3", "-u", "--", "a/x", NULL };
	static const char *const lazy[] = { "fusermount3", "-uz", "--", "a/x", NULL };
	static unsigned long n;
	char fuse[4096];
	int fds[2];
	bool ok;

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, fds) < 0)
		die("socketpair");
	if (run(up, fds[0]) == 0)
		mounted++;
	else
		refused++;
	close(fds[0]);
	close(fds[1]);
	ok = look(fuse, sizeof(fuse));
	if (run(n++ % 2 ? down : lazy, -1) == 0)
		unmounted++;
	else
		kept++;
	ok = look(fuse, sizeof(fuse)) && ok;
	ok = (!fuse[0] || clear()) && ok;
	return ok;
}

int main(int argc, char **argv)
{
	unsigned long rounds, bad = 0;

	if (argc != 5)
		return 97;
	program = argv[1];
	folder = argv[2];
	uid = (uid_t)strtoul(argv[3], NULL, 10);
	rounds = strtoul(argv[4], NULL, 10);
	make_tree();
	for (int i = 0; i < 3; i++)
		attackers[i] = start_attack(i);
	if (chdir("home") < 0)
		die("home");
	for (unsigned long i = 0; i < rounds; i++)
		bad += !round_trip();
	for (int i = 0; i < 3; i++) {
		kill(attackers[i], SIGKILL);
		waitpid(attackers[i], NULL, 0);
	}
	printf("%lu rounds: %lu mounted, %lu refused; %lu unmounted, %lu not\n", rounds, mounted,
	       refused, unmounted, kept);
	return bad != 0;
}

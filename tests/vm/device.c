// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * device.c - mounts a FUSE device by hand and leaves the rest to a file system
 * that knows nothing of it.
 *
 *   [POLICY=NAME[:PARAM[:PARAM]]] [OPTIONS=...] device DEVICE TYPE DIR COMMAND...
 *
 * DEVICE is opened and mounted on DIR as TYPE, then COMMAND is executed with
 * /dev/fd/N as its last argument, which libfuse 3 takes for a mounted device.
 * With POLICY the connection chooses that one. OPTIONS are mount options, by
 * default allow_other,default_permissions.
 */
#include <fcntl.h>
#include <linux/efuse.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <unistd.h>

static int choose_policy(int fd, const char *text)
{
	struct efuse_policy policy = { .size = sizeof(policy) };
	char *end;

	if (!text)
		return 0;
	memcpy(policy.name, text, strcspn(text, ":"));
	for (int i = 0; i < EFUSE_PARAMS && (text = strchr(text, ':')); i++, text = end)
		policy.param[i] = strtoull(++text, &end, 0);
	return ioctl(fd, EFUSE_IOC_POLICY, &policy);
}

int main(int argc, char **argv)
{
	const char *more = getenv("OPTIONS");
	char options[128], place[32], *args[64] = { NULL };
	int fd, n;

	if (argc < 5 || argc > 60)
		return 2;
	fd = open(argv[1], O_RDWR);
	snprintf(options, sizeof(options), "fd=%d,rootmode=40000,user_id=0,group_id=0,%s", fd,
		 more ? more : "allow_other,default_permissions");
	if (fd < 0 || mount("device", argv[3], argv[2], MS_NOSUID | MS_NODEV, options)) {
		perror("device: mount");
		return 1;
	}
	if (choose_policy(fd, getenv("POLICY"))) {
		perror("device: policy");
		return 1;
	}
	snprintf(place, sizeof(place), "/dev/fd/%d", fd);
	for (n = 0; n < argc - 4; n++)
		args[n] = argv[n + 4];
	args[n] = place;
	execvp(args[0], args);
	perror("device: exec");
	return 1;
}

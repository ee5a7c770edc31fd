// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * device.c - mounts a FUSE device by hand and leaves the rest to a file system
 * that knows nothing of it.
 *
 *   [FSOPEN=1] [POLICY=NAME[:PARAM[:PARAM]]] [OPTIONS=...] device DEVICE TYPE DIR COMMAND...
 *
 * DEVICE is opened and mounted on DIR as TYPE, then COMMAND is executed with
 * /dev/fd/N as its last argument, which libfuse 3 takes for a mounted device.
 * With POLICY the connection chooses that one. OPTIONS are mount options, by
 * default allow_other,default_permissions. With FSOPEN it mounts with fsopen(2) and
 * what belongs to it, as newer libraries do, and OPTIONS are not looked at.
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

static int set(int fs, const char *key, const char *value)
{
	return fsconfig(fs, value ? FSCONFIG_SET_STRING : FSCONFIG_SET_FLAG, key, value, 0);
}

static int mount_new(int fd, const char *type, const char *dir)
{
	int fs = fsopen(type, FSOPEN_CLOEXEC), mnt;
	char number[16];

	snprintf(number, sizeof(number), "%d", fd);
	if (fs < 0 || set(fs, "source", "device") || set(fs, "fd", number) ||
	    set(fs, "rootmode", "40000") || set(fs, "user_id", "0") || set(fs, "group_id", "0") ||
	    set(fs, "allow_other", NULL) || set(fs, "subtype", "fs-mem") ||
	    fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0))
		return -1;
	mnt = fsmount(fs, FSMOUNT_CLOEXEC, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV);
	return mnt < 0 ? -1 : move_mount(mnt, "", AT_FDCWD, dir, MOVE_MOUNT_F_EMPTY_PATH);
}

static int mount_old(int fd, const char *type, const char *dir)
{
	const char *more = getenv("OPTIONS");
	char options[128];

	snprintf(options, sizeof(options), "fd=%d,rootmode=40000,user_id=0,group_id=0,%s", fd,
		 more ? more : "allow_other,default_permissions");
	return mount("device", dir, type, MS_NOSUID | MS_NODEV, options);
}

int main(int argc, char **argv)
{
	char place[32], *args[64] = { NULL };
	int fd, n, err;

	if (argc < 5 || argc > 60)
		return 2;
	fd = open(argv[1], O_RDWR);
	err = fd < 0 ? -1 : (getenv("FSOPEN") ? mount_new : mount_old)(fd, argv[2], argv[3]);
	if (err) {
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

// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * prog-mute.c - a FUSE program that is no good: it mounts, as root and without
 * any library, and then does not do its duty.
 *
 *   prog-mute mute MOUNTPOINT   never answers anything
 *   prog-mute gone MOUNTPOINT   ends at once
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	char options[128];
	int fd = open("/dev/fuse", O_RDWR | O_CLOEXEC);

	if (argc < 3 || fd < 0) {
		perror("prog-mute: /dev/fuse");
		return 1;
	}
	snprintf(options, sizeof(options), "fd=%d,rootmode=40000,user_id=0,group_id=0", fd);
	if (mount("mute", argv[2], "fuse", MS_NOSUID | MS_NODEV, options) < 0) {
		perror("prog-mute: mount");
		return 1;
	}
	fprintf(stderr, "prog-mute: mounted\n");
	while (strcmp(argv[1], "mute") == 0)
		pause();
	return 0;
}

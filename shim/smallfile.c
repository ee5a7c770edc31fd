// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * smallfile.c - reading the small files of /proc and /sys.
 */
#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "shim/smallfile.h"

bool smallfile_read(const char *path, char *buf, size_t room)
{
	int fd = (int)syscall(__NR_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC);
	ssize_t len;

	if (fd < 0)
		return false;
	len = syscall(__NR_read, fd, buf, room - 1);
	syscall(__NR_close, fd);
	if (len <= 0)
		return false;
	buf[len] = '\0';
	return true;
}

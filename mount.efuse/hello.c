// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * hello.c - the first word with the efuse driver. See hello.h.
 */
#include "mount.efuse/hello.h"

#include <sys/ioctl.h>

#include "mount.efuse/util.h"

static int say_hello(int fd, struct efuse_hello *hello, struct msg *why)
{
	if (ioctl(fd, EFUSE_IOC_HELLO, hello) == 0)
		return 0;
	switch (errno) {
	case EPROTONOSUPPORT:
		return msg_set(why, -errno, "the efuse driver speaks versions from %u on, we up to %u",
			       hello->min_version, EFUSE_VERSION_MAX);
	case EOPNOTSUPP:
		return msg_set(why, -errno, "the efuse driver has no policies on this kernel");
	case ENOTTY:
		return msg_set(why, -errno, "%s is no device of the efuse driver", HELLO_DEVICE);
	default:
		return msg_set_errno(why, -errno, "the efuse driver does not fit");
	}
}

int hello_open(struct efuse_hello *answer, struct msg *why)
{
	struct efuse_hello hello = {
		.size = sizeof(hello), .version = EFUSE_VERSION_MAX, .required = EFUSE_F_POLICY,
	};
	__cleanup(closep) int fd = open(HELLO_DEVICE, O_RDWR | O_CLOEXEC);
	int err;

	if (fd < 0 && (errno == ENOENT || errno == ENODEV || errno == ENXIO))
		return msg_set(why, -ENOENT, "the efuse driver is not loaded");
	if (fd < 0)
		return msg_set_errno(why, -errno, "%s", HELLO_DEVICE);
	err = say_hello(fd, &hello, why);
	if (answer)
		*answer = hello;
	return err ? err : take_fd(&fd);
}

// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * t-hello.c - EFUSE_IOC_HELLO, good and bad, by an ordinary user.
 */
#include <fcntl.h>
#include <linux/efuse.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tap.h"

static int dev = -1;

static struct efuse_hello good(void)
{
	return (struct efuse_hello){ .size = sizeof(struct efuse_hello), .version = 1 };
}

static int hello(struct efuse_hello *h)
{
	return ioctl(dev, EFUSE_IOC_HELLO, h) ? -errno : 0;
}

static void accepted(void)
{
	struct efuse_hello h = good();

	tap_is("a good HELLO", hello(&h), 0);
	tap_ok("the version both speak", h.version == 1 && h.min_version == 1);
	tap_ok("nothing wanted, nothing given", h.features == 0);
	tap_ok("all that is known", h.known == EFUSE_FEATURES_ALL);

	h = good();
	h.version = 4000000000u;
	tap_is("a caller that is newer", hello(&h), 0);
	tap_ok("gets the driver's newest version", h.version == EFUSE_VERSION_MAX);

	h = good();
	h.features = ~0ULL;
	tap_is("unknown features are no error", hello(&h), 0);
	tap_ok("and are not given", h.features == EFUSE_FEATURES_ALL);

	h = good();
	h.required = 1ULL << 63;
	tap_is("an unknown required feature", hello(&h), -EOPNOTSUPP);
	tap_ok("the answer says what is known", h.known == EFUSE_FEATURES_ALL && h.features == 0);
}

static void refused(void)
{
	struct efuse_hello h = good();

	h.version = 0;
	tap_is("version 0", hello(&h), -EINVAL);
	for (unsigned int size = 0; size < sizeof(h); size++) {
		h = good();
		h.size = size;
		if (hello(&h) != -EINVAL)
			break;
	}
	tap_ok("every size that is too short", h.size == sizeof(h) - 1);
	h = good();
	h.size++;
	tap_is("a size that is too large", hello(&h), -E2BIG);
	h.size = ~0u;
	tap_is("the largest size", hello(&h), -E2BIG);
	h = good();
	h.padding = 1;
	tap_is("padding that is not zero", hello(&h), -EINVAL);
	for (int i = 0; i < 3; i++) {
		h = good();
		h.reserved[i] = 1ULL << 40;
		tap_is("a reserved field that is not zero", hello(&h), -EINVAL);
	}
}

static void unreadable(void)
{
	tap_is("a null pointer", hello(NULL), -EFAULT);
	tap_is("a pointer to nowhere", hello((struct efuse_hello *)~4095UL), -EFAULT);
}

static void unknown(void)
{
	struct efuse_hello h = good();
	int stock;

	tap_is("an ioctl nobody knows", ioctl(dev, _IO(EFUSE_IOC_MAGIC, 99), &h) ? -errno : 0, -ENOTTY);
	tap_is("HELLO with another size in its number",
	       ioctl(dev, _IOWR(EFUSE_IOC_MAGIC, 0, __u64[7]), &h) ? -errno : 0, -ENOTTY);
	stock = open("/dev/fuse", O_RDWR | O_CLOEXEC);
	tap_is("the stock device does not know it",
	       ioctl(stock, EFUSE_IOC_HELLO, &h) ? -errno : 0, -ENOTTY);
	close(stock);
}

int main(void)
{
	/* The stock device's mode is udev's, and there is none here. */
	if (chmod("/dev/fuse", 0666) || setgid(1000) || setuid(1000))
		return 2;
	dev = open("/dev/efuse", O_RDWR | O_CLOEXEC);
	tap_ok("an ordinary user opens the device", dev >= 0);
	accepted();
	refused();
	unreadable();
	unknown();
	return tap_finish();
}

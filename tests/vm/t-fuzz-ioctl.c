// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * t-fuzz-ioctl.c - random ioctls on the device by an ordinary user: numbers near
 * the known ones, structures near the good ones, pointers near a page that is
 * not there. The seed is fixed, or the first argument; the second is the number
 * of calls. What must hold: every call returns, with 0 or a sensible errno, an
 * answer writes nothing behind the structure, and a good HELLO still works.
 */
#include <fcntl.h>
#include <linux/efuse.h>
#include <linux/fuse.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tap.h"

#define CALLS	200000

static uint64_t state;
static unsigned char *page;	/* readable and writable; the next one is not there */
static int dev = -1;
static unsigned long by_errno[256];

static uint64_t rnd(void)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state;
}

static unsigned int number(void)
{
	switch (rnd() % 8) {
	case 0:
		return (unsigned int)rnd();
	case 1:
		return _IOC(rnd() & 3, EFUSE_IOC_MAGIC, rnd() & 15, rnd() & 255);
	case 2:
		return _IOC(rnd() & 3, FUSE_DEV_IOC_MAGIC, rnd() & 3, rnd() & 31);
	default:
		return EFUSE_IOC_HELLO;
	}
}

/* Mostly a good HELLO with a few fields changed, so that each check is reached. */
static void fill(unsigned char *at)
{
	struct efuse_hello h = { .size = sizeof(h), .version = 1 };
	unsigned int changes = rnd() % 4;

	while (changes--)
		((unsigned char *)&h)[rnd() % sizeof(h)] = (unsigned char)rnd();
	if (rnd() % 4 == 0)
		h.required = rnd();
	memcpy(at, &h, sizeof(h));
}

/* Returns 0, or 1 when the call did what it must not. */
static int one(void)
{
	unsigned int where = rnd() % 8 ? rnd() % 2048 : 4096 - rnd() % 80;
	unsigned char *at = page + where, guard = (unsigned char)rnd();
	int fits = where + sizeof(struct efuse_hello) < 4096;
	int err;

	if (fits) {
		fill(at);
		at[sizeof(struct efuse_hello)] = guard;
	}
	if (rnd() % 64 == 0)
		at = (unsigned char *)rnd();
	err = ioctl(dev, number(), at) ? errno : 0;
	by_errno[err & 255]++;
	return err > 133 || (fits && page[where + sizeof(struct efuse_hello)] != guard);
}

int main(int argc, char **argv)
{
	struct efuse_hello h = { .size = sizeof(h), .version = 1 };
	long calls = argc > 2 ? atol(argv[2]) : CALLS, bad = 0;

	state = argc > 1 ? strtoull(argv[1], NULL, 0) | 1 : 20240607;
	page = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (page == MAP_FAILED || munmap(page + 4096, 4096) || setgid(1000) || setuid(1000))
		return 2;
	dev = open("/dev/efuse", O_RDWR | O_CLOEXEC);
	for (long i = 0; i < calls; i++)
		bad += one();
	for (int i = 0; i < 256; i++)
		if (by_errno[i])
			printf("# %lu calls: %s\n", by_errno[i], i ? strerror(i) : "done");
	tap_ok("random ioctls", bad == 0);
	tap_ok("good ones were among them", by_errno[0] > 0);
	tap_is("a good HELLO afterwards", ioctl(dev, EFUSE_IOC_HELLO, &h) ? -errno : 0, 0);
	return tap_finish();
}

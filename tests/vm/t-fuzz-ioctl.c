// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * t-fuzz-ioctl.c - random ioctls by an ordinary user on two devices, one of them
 * mounted: numbers near the known ones, structures near the good ones, pointers
 * near a page that is not there. The seed is fixed, or $FUZZ_SEED; $FUZZ_CALLS is
 * the number of calls. What must hold: every call returns, with 0 or a sensible
 * errno, an answer writes nothing behind the structure, and a good HELLO still
 * works.
 */
#include <fcntl.h>
#include <linux/efuse.h>
#include <linux/fuse.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tap.h"

#define CALLS	200000

union body {
	struct efuse_hello hello;
	struct efuse_policy policy;
	struct efuse_state state;
	struct efuse_direct direct;
};

static uint64_t state;
static unsigned char *page;	/* readable and writable; the next one is not there */
static int devs[2] = { -1, -1 };	/* the second is mounted */
static dev_t mounted;
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
	static const unsigned int known[] = {
		EFUSE_IOC_HELLO, EFUSE_IOC_POLICY, EFUSE_IOC_STATE, EFUSE_IOC_DIRECT,
	};

	switch (rnd() % 8) {
	case 0:
		return (unsigned int)rnd();
	case 1:
		return _IOC(rnd() & 3, EFUSE_IOC_MAGIC, rnd() & 15, rnd() & 255);
	case 2:
		return _IOC(rnd() & 3, FUSE_DEV_IOC_MAGIC, rnd() & 3, rnd() & 31);
	default:
		return known[rnd() % 4];
	}
}

/* Mostly a good one with a few fields changed, so that each check is reached. */
static void fill(unsigned char *at, unsigned int nr)
{
	union body b = { .hello.size = 0 };
	unsigned int changes = rnd() % 4, size = sizeof(b.hello);

	if (nr == EFUSE_IOC_POLICY) {
		size = sizeof(b.policy);
		b.policy.name[0] = rnd() % 2 ? 'x' : 0;
		b.policy.param[0] = rnd();
	} else if (nr == EFUSE_IOC_STATE) {
		size = sizeof(b.state);
		b.state.major = major(mounted);
		b.state.minor = minor(mounted);
	} else if (nr == EFUSE_IOC_DIRECT) {
		size = sizeof(b.direct);
		b.direct.what = rnd() % 4;
		b.direct.flags = rnd() % 4 ? 0 : EFUSE_DIRECT_WRITES;
		b.direct.fd = b.direct.what == EFUSE_DIRECT_FILE ? rnd() % 8 : 0;
		b.direct.unique = b.direct.what == EFUSE_DIRECT_FILE ? rnd() % 8 : 0;
	} else {
		b.hello.version = 1;
		b.hello.required = rnd() % 4 ? 0 : rnd();
	}
	b.hello.size = size;
	while (changes--)
		((unsigned char *)&b)[rnd() % size] = (unsigned char)rnd();
	memcpy(at, &b, sizeof(b));
}

/* Returns 0, or 1 when the call did what it must not. */
static int one(void)
{
	unsigned int where = rnd() % 8 ? rnd() % 2048 : 4096 - rnd() % 80;
	unsigned char *at = page + where, guard = (unsigned char)rnd();
	int fits = where + sizeof(union body) < 4096;
	unsigned int nr = number();
	int err;

	if (fits) {
		fill(at, nr);
		at[sizeof(union body)] = guard;
	}
	if (rnd() % 64 == 0)
		at = (unsigned char *)rnd();
	err = ioctl(devs[rnd() % 2], nr, at) ? errno : 0;
	by_errno[err & 255]++;
	return err > 133 || (fits && page[where + sizeof(union body)] != guard);
}

static int mount_second(void)
{
	char data[96];

	snprintf(data, sizeof(data), "fd=%d,rootmode=40000,user_id=1000,group_id=1000", devs[1]);
	return mount("fuzz", "/mnt", "efuse", MS_NOSUID | MS_NODEV, data);
}

/* Whom a mount does not let in may still know its number, and nothing is sent for that. */
static int number_second(void)
{
	struct statx st;
	int err = statx(AT_FDCWD, "/mnt", AT_STATX_DONT_SYNC, 0, &st);

	mounted = makedev(st.stx_dev_major, st.stx_dev_minor);
	return err;
}

static int run(long calls)
{
	struct efuse_hello h = { .size = sizeof(h), .version = 1 };
	struct efuse_state s = {
		.size = sizeof(s), .major = major(mounted), .minor = minor(mounted),
	};
	long bad = 0;

	for (long i = 0; i < calls; i++)
		bad += one();
	for (int i = 0; i < 256; i++)
		if (by_errno[i])
			printf("# %lu calls: %s\n", by_errno[i], i ? strerror(i) : "done");
	tap_ok("random ioctls", bad == 0);
	tap_ok("good ones were among them", by_errno[0] > 0);
	tap_ok("a policy that is not there was asked for", by_errno[ENOENT] > 0);
	tap_is("a good HELLO afterwards", ioctl(devs[0], EFUSE_IOC_HELLO, &h) ? -errno : 0, 0);
	tap_is("a good STATE", ioctl(devs[0], EFUSE_IOC_STATE, &s) ? -errno : 0, 0);
	return tap_finish();
}

int main(void)
{
	const char *seed = getenv("FUZZ_SEED"), *calls = getenv("FUZZ_CALLS");
	int status = 1;

	state = seed ? strtoull(seed, NULL, 0) | 1 : 20240607;
	page = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	for (int i = 0; i < 2; i++)
		devs[i] = open("/dev/efuse", O_RDWR | O_CLOEXEC);
	if (page == MAP_FAILED || munmap(page + 4096, 4096) || mount_second() || number_second())
		return 2;
	if (fork() == 0) {
		if (setgid(1000) || setuid(1000))
			return 2;
		return run(calls ? atol(calls) : CALLS);
	}
	close(devs[1]);
	wait(&status);
	umount2("/mnt", MNT_DETACH);
	return status != 0;
}

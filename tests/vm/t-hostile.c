// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * t-hostile.c - a server of rings that means ill: what it may write holds whatever it
 * likes, it answers what it was not asked, twice, or with what changes while it is read,
 * unmaps and maps again, and is taken down while it does so. Users of the mount go on.
 *
 *   FUZZ_RING=3000 FUZZ_SEED=1 t-hostile
 *
 * That many changes. Nobody counts on any result but these: whoever uses the mount gets
 * some answer, at the latest when it is aborted, and at the end an honest server works.
 * The kernel's log tells the rest.
 */
#include "ring-fs.h"
#include "tap.h"

#define ROUND		4000	/* changes, at most, of one connection */
#define USERS		4
#define HONEST		2	/* threads that serve as they should, beside */
#define HOSTILE		2
#define AFTER_MS	3000	/* it is taken down after so long at most */
#define GRACE		120000	/* milliseconds for what is under way to end */

/* What the hostile process and its parent share. */
static struct {
	unsigned long changes, rounds, ended;
} *shared;

struct hostile {
	struct fs *fs;
	uint64_t state;
	pthread_t id;
	unsigned long left;
};

static uint64_t next_random(uint64_t *state)
{
	uint64_t z = *state += 0x9e3779b97f4a7c15;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return z ^ z >> 31;
}

static uint32_t draw(struct hostile *h, uint32_t n)
{
	return (uint32_t)(next_random(&h->state) >> 24) % n;
}

static bool one_in(struct hostile *h, uint32_t n)
{
	return draw(h, n) == 0;
}

static uint32_t any_ring(struct hostile *h)
{
	return draw(h, fs_rings.setup.rings);
}

static uint32_t any_slot(struct hostile *h)
{
	return draw(h, fs_rings.setup.depth);
}

/* --- what it writes ---------------------------------------------------------- */

/*
 * A head that is off has the honest threads answer again whatever the slots hold, and
 * with that soon say more than there can be: mostly it is put right at once.
 */
static void change_head(struct hostile *h)
{
	const struct raw_ring *ring = &fs_rings.ring[any_ring(h)];
	volatile uint32_t *head = &ring->d->sub_head;

	*head = one_in(h, 2) ? *head + draw(h, 3) - 1 : (uint32_t)next_random(&h->state);
	if (one_in(h, 50))
		raw_enter(&fs_rings, any_ring(h), 0, EFUSE_ENTER_KICK);
	if (!one_in(h, 500))
		*head = __atomic_load_n(&ring->k->sub_tail, __ATOMIC_ACQUIRE);
}

static void change_word(struct hostile *h)
{
	struct efuse_ring_daemon *d = fs_rings.ring[any_ring(h)].d;
	uint32_t *words[] = { &d->pollers, &d->poller_cpu, &d->padding[0], &d->comp_tail };
	/* A tail that is far off ends the connection, which is not to be all that happens. */
	uint32_t *word = words[draw(h, one_in(h, 1000) ? 4 : 3)];

	*(volatile uint32_t *)word = one_in(h, 2) ? draw(h, 3) : (uint32_t)next_random(&h->state);
}

/* One that was given out once, or might have been. */
static uint64_t any_unique(struct hostile *h)
{
	const struct raw_ring *ring = &fs_rings.ring[any_ring(h)];
	const struct fuse_in_header *in =
		(const void *)(ring->requests + any_slot(h) * fs_rings.setup.slot_size);

	switch (draw(h, 8)) {
	case 0:
		return 0;
	case 1:
		return in->unique ^ 1ULL << draw(h, 64);
	case 2:
		return in->unique + 2 * (uint64_t)draw(h, 4) - 4;
	case 3:
		return EFUSE_RING_UNIQUE(any_ring(h), any_slot(h)) | draw(h, 1000);
	default:
		return in->unique;
	}
}

static uint32_t any_length(struct hostile *h)
{
	static const uint32_t usual[] = { 16, 16 + 104, 16 + 128, 16 + 8, 16 + 16, 24, 4096 };
	uint32_t length;

	if (one_in(h, 30000))
		return (uint32_t)next_random(&h->state);
	if (one_in(h, 4))
		return 16 + draw(h, fs_rings.setup.slot_size - 15);
	length = usual[draw(h, sizeof(usual) / sizeof(usual[0]))];
	return length < fs_rings.setup.slot_size ? length : fs_rings.setup.slot_size;
}

static struct fuse_out_header any_header(struct hostile *h)
{
	static const int32_t errors[] = { 0, 0, 0, -ENOENT, -EIO, -ENOSYS, -EINTR, -512, 1, 7, -1000000 };

	return (struct fuse_out_header){
		.len = any_length(h), .unique = any_unique(h),
		.error = errors[draw(h, sizeof(errors) / sizeof(errors[0]))],
	};
}

static void put_reply(struct hostile *h, uint32_t ring, uint32_t slot)
{
	const char *request = fs_rings.ring[ring].requests + slot * fs_rings.setup.slot_size;
	char *to = fs_rings.ring[ring].replies + slot * fs_rings.setup.slot_size;
	struct fuse_out_header header = any_header(h);

	if (one_in(h, 2))	/* what is asked there, so that it is taken */
		header.unique = ((const struct fuse_in_header *)(const void *)request)->unique;
	if (one_in(h, 4))
		for (int i = 0; i < 128; i += 8)
			((uint64_t *)(void *)(to + 16))[i / 8] = next_random(&h->state);
	memcpy(to, &header, sizeof(header));
}

/* Two at once would soon say more than there can be, and end the connection. */
static void bump(struct raw_ring *ring, uint32_t slot)
{
	uint32_t tail;

	pthread_mutex_lock(&ring->lock);
	tail = __atomic_load_n(&ring->d->comp_tail, __ATOMIC_RELAXED);
	ring->comp[tail & (fs_rings.setup.depth - 1)] = slot;
	__atomic_store_n(&ring->d->comp_tail, tail + 1, __ATOMIC_SEQ_CST);
	pthread_mutex_unlock(&ring->lock);
}

static void false_reply(struct hostile *h)
{
	uint32_t i = any_ring(h), slot = any_slot(h);

	put_reply(h, i, slot);
	if (one_in(h, 1000))	/* longer than the slot, which ends the connection */
		*(uint32_t *)(void *)(fs_rings.ring[i].replies + slot * fs_rings.setup.slot_size) =
			fs_rings.setup.slot_size + 1 + draw(h, 1 << draw(h, 24));
	bump(&fs_rings.ring[i], slot);
	if (one_in(h, 3))	/* twice */
		bump(&fs_rings.ring[i], slot);
	raw_enter(&fs_rings, i, 0, EFUSE_ENTER_COMPLETE);
}

/* The place of another, or none at all, which ends the connection. */
static void false_index(struct hostile *h)
{
	uint32_t i = any_ring(h);

	bump(&fs_rings.ring[i], one_in(h, 500) ? (uint32_t)next_random(&h->state) : any_slot(h));
	raw_enter(&fs_rings, i, 0, EFUSE_ENTER_COMPLETE);
}

static void rewrite_slot(struct hostile *h)
{
	for (int i = 0; i < 20; i++)
		put_reply(h, any_ring(h), any_slot(h));
}

/* --- what it calls ----------------------------------------------------------- */

static void false_enter(struct hostile *h)
{
	unsigned long arg = next_random(&h->state);

	/* Who waits there would do nothing else. */
	arg &= one_in(h, 2) ? 0x7ffffff : ~0UL;
	ioctl(fs_rings.fd, EFUSE_IOC_RING_ENTER, arg & ~(unsigned long)EFUSE_ENTER_WAIT);
}

static void false_setup(struct hostile *h)
{
	struct efuse_ring_setup s = {
		.size = sizeof(s), .depth = 1u << draw(h, 10), .slot_size = 64 * draw(h, 1200),
		.poll_us = draw(h, 1200),
	};

	ioctl(fs_rings.fd, EFUSE_IOC_RING_SETUP, &s);
}

static void false_write(struct hostile *h)
{
	char buffer[512];
	struct fuse_out_header header = any_header(h);

	for (size_t i = 0; i < sizeof(buffer); i += 8)
		*(uint64_t *)(void *)(buffer + i) = next_random(&h->state);
	if (header.len > sizeof(buffer))
		header.len = 16 + draw(h, 496);
	memcpy(buffer, &header, sizeof(header));
	if (write(fs_rings.fd, buffer, header.len) < 0)
		return;
}

static void remap(struct hostile *h)
{
	uint32_t i = any_ring(h);
	bool kernel = one_in(h, 2);
	size_t size = kernel ? fs_rings.setup.kernel_bytes : fs_rings.setup.daemon_bytes;
	char *at = kernel ? (char *)(uintptr_t)fs_rings.ring[i].k : (char *)fs_rings.ring[i].d;
	off_t offset = (off_t)(kernel ? EFUSE_RING_KERNEL(i) : EFUSE_RING_DAEMON(i));
	int prot = kernel ? PROT_READ : PROT_READ | PROT_WRITE;

	switch (draw(h, 4)) {
	case 0:		/* who looks meanwhile dies of it, or not */
		madvise(at, size, MADV_DONTNEED);
		if (one_in(h, 20))
			break;
		__attribute__((fallthrough));
	case 1:
		mmap(at, size, prot, MAP_SHARED | MAP_FIXED, fs_rings.fd, offset);
		break;
	case 2:
		munmap(mmap(NULL, size, prot, MAP_SHARED, fs_rings.fd, offset), size);
		break;
	default:
		mprotect(at, size, PROT_READ | PROT_WRITE);
	}
}

/* So many of a hundred. */
static const struct {
	uint32_t share;
	void (*make)(struct hostile *h);
} changes[] = {
	{ 35, false_reply }, { 15, rewrite_slot }, { 10, change_word }, { 10, change_head },
	{ 10, false_index }, { 10, false_enter }, { 7, false_write }, { 2, remap },
	{ 1, false_setup },
};

static void change(struct hostile *h)
{
	uint32_t what = draw(h, 100), i = 0;

	for (; what >= changes[i].share; i++)
		what -= changes[i].share;
	changes[i].make(h);
}

static void *hostile_thread(void *arg)
{
	struct hostile *h = arg;

	while (h->left--) {
		change(h);
		__atomic_fetch_add(&shared->changes, 1, __ATOMIC_RELAXED);
		if (raw_enter(&fs_rings, 0, 0, EFUSE_ENTER_COMPLETE) == -ENODEV) {
			__atomic_fetch_add(&shared->ended, 1, __ATOMIC_RELAXED);
			break;
		}
	}
	return NULL;
}

/* --- one connection ---------------------------------------------------------- */

/* A slot without a length would end the connection as soon as it is named. */
static void fill_slots(void)
{
	struct fuse_out_header header = { .len = sizeof(header) };

	for (uint32_t i = 0; i < fs_rings.setup.rings; i++)
		for (uint32_t slot = 0; slot < fs_rings.setup.depth; slot++)
			memcpy(fs_rings.ring[i].replies + slot * fs_rings.setup.slot_size, &header,
			       sizeof(header));
}

/* The hostile process. How it ends, if it does not break off, is drawn as well. */
static void run_hostile(struct fs *fs, int fd, uint64_t seed)
{
	static struct fs_thread honest[HONEST];
	static char buffers[HONEST][MAX_WRITE + 8192] __attribute__((aligned(8)));
	struct hostile hostile[HOSTILE];
	int err = fs_start_rings(fs, fd, buffers[0], sizeof(buffers[0]));

	if (!err)
		fill_slots();
	__atomic_store_n(&fs->shared->ready, err ?: 1, __ATOMIC_SEQ_CST);
	for (int i = 0; !err && i < HONEST; i++) {
		honest[i] = (struct fs_thread){
			.fs = fs, .index = i, .raw = { .rings = &fs_rings, .buffer = buffers[i],
						       .size = sizeof(buffers[i]), .spin_us = 20 * (uint32_t)i },
		};
		err = -pthread_create(&honest[i].id, NULL, fs_thread, &honest[i]);
	}
	for (int i = 0; !err && i < HOSTILE; i++) {
		hostile[i] = (struct hostile){ .fs = fs, .state = seed + (uint64_t)i, .left = ROUND / HOSTILE };
		err = -pthread_create(&hostile[i].id, NULL, hostile_thread, &hostile[i]);
	}
	for (int i = 0; !err && i < HOSTILE; i++)
		pthread_join(hostile[i].id, NULL);
	_exit(err != 0);
}

static void use(const char *dir, uint64_t seed)
{
	static const char * const names[] = { "direct", "cached", "link", "made", "none" };
	static char buffer[20000];
	struct stat st;
	char path[64];
	int fd;

	for (uint64_t state = seed; ; ) {
		uint32_t r = (uint32_t)(next_random(&state) >> 24);

		snprintf(path, sizeof(path), "%s/%s", dir, names[r % 5]);
		if (stat(path, &st) && errno == ENOTCONN)
			_exit(0);
		fd = r % 3 ? open(path, r % 2 ? O_RDONLY : O_RDWR) : -1;
		if (fd < 0)
			continue;
		if (pread(fd, buffer, 1 + r % sizeof(buffer), r % 5000) < 0 ||
		    pwrite(fd, buffer, 1 + r % sizeof(buffer), r % 5000) < 0 || ftruncate(fd, r % 9000))
			errno = 0;
		close(fd);
	}
}

/* Whether it has, before so many milliseconds have passed. */
static bool ends(pid_t *pid, unsigned int ms)
{
	for (unsigned int i = 0; *pid && i < ms; i++) {
		if (waitpid(*pid, NULL, WNOHANG) == *pid)
			*pid = 0;
		else
			usleep(1000);
	}
	return !*pid;
}

/* How it is taken down, if it goes on after so long: by itself, killed, unmounted, aborted. */
static void take_down(struct fs *fs, uint32_t how, uint32_t after_ms)
{
	if (ends(&fs->pid, after_ms))
		how = 0;
	if (how % 4 == 1)
		kill(fs->pid, SIGKILL);
	else if (how % 4 == 2)
		umount2(fs->dir, MNT_FORCE);
	ends(&fs->pid, how % 4 ? 2000 : 20000);
	umount2(fs->dir, MNT_FORCE);
	umount2(fs->dir, MNT_DETACH);
	if (fs->pid)
		kill(fs->pid, SIGKILL);
}

static bool one_round(uint64_t seed)
{
	uint64_t state = seed;
	struct fs fs = { .o = { .depth = 8u << next_random(&state) % 3, .poll_us = 50,
				.slot_size = 512 + 64 * (uint32_t)(next_random(&state) % 80),
				.threads = HONEST, .first_cpu = -1, .home = -1 } };
	pid_t users[USERS];
	bool good = true;

	if (fs_prepare(&fs, "/mnt/q"))
		return false;
	fs.pid = fork();
	if (!fs.pid)
		run_hostile(&fs, fs.fd, seed);
	close(fs.fd);
	while (!__atomic_load_n(&fs.shared->ready, __ATOMIC_SEQ_CST))
		usleep(1000);
	for (int i = 0; i < USERS; i++) {
		users[i] = fork();
		if (!users[i])
			use(fs.dir, seed + 100 + (uint64_t)i);
	}
	take_down(&fs, (uint32_t)(next_random(&state) >> 24),
		  (uint32_t)(next_random(&state) >> 24) % AFTER_MS);
	for (int i = 0; i < USERS; i++) {
		kill(users[i], SIGKILL);
		good = ends(&users[i], GRACE) && good;
	}
	good = ends(&fs.pid, GRACE) && good;
	fs_free(&fs);
	shared->rounds++;
	return good;
}

static unsigned long number(const char *name, unsigned long otherwise)
{
	const char *text = getenv(name);

	return text ? strtoul(text, NULL, 0) : otherwise;
}

int main(void)
{
	unsigned long want = number("FUZZ_RING", 3000);
	uint64_t seed = number("FUZZ_SEED", 1);
	struct fs_options o = { .threads = 2, .first_cpu = -1, .home = -1 };
	bool good = true;
	struct fs fs;

	setvbuf(stdout, NULL, _IOLBF, 0);
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	while (good && shared->changes < want) {
		good = one_round(seed + 1000 * shared->rounds);
		if (getenv("FUZZ_TRACE"))
			printf("# %ld: %lu rounds, %lu changes, %lu ended\n", (long)time(NULL),
			       shared->rounds, shared->changes, shared->ended);
	}
	printf("# %lu changes of %lu connections, %lu ended by them\n", shared->changes,
	       shared->rounds, shared->ended);
	tap_ok("everybody who used the mounts came back", good);
	tap_ok("some changes ended their connection", shared->ended > 0);
	tap_is("an honest server", fs_start(&fs, "/mnt/r", o), 0);
	tap_ok("is used", access("/mnt/r/direct", F_OK) == 0);
	tap_ok("and ends well", fs_stop(&fs));
	return tap_finish();
}

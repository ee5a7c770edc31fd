// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * direct.c - which of the daemon's files backs what it opens. See direct.h.
 *
 * The table holds descriptors of the daemon's, by number: it may close them at any
 * time, and the number may then be another file's. What was found out about a
 * descriptor when it was named is compared before and after it is read.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/efuse.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "shim/cancel.h"
#include "shim/count.h"
#include "shim/direct.h"
#include "shim/fds.h"
#include "shim/proto.h"
#include "shim/settings.h"

/* Enough is so many ranges of so many files, or more of them where there are fewer files. */
#define ENOUGH_RANGES	64
#define ENOUGH_FILES	3
#define ENOUGH_ALONE	256

#define RANGE		4096	/* bytes: those of one page are one range */
#define SEEN_BITS	8192	/* a power of two */
#define CHUNK		4096	/* bytes compared at a time */
#define SETTLED_NS	20000000	/* more than a tick of any kernel */
#define HANDLES		256	/* lists of handles, a power of two */

/* Once it is on: the first answers of what is open, and each of so many. */
#define FIRST_TURNS	4
#define LATER_TURNS	8

/* What must not change while a file is compared. */
struct likeness {
	dev_t dev;
	ino_t ino;
	off_t size;
	struct timespec mtime, ctime;
	bool settled;		/* another change would have another time */
};

/* A handle of the daemon's. */
struct backed {
	uint64_t fh;
	uint64_t nodeid;
	int fd;
	uint32_t opens;		/* of this number that are not released */
	dev_t dev;
	ino_t ino;
	uint32_t turn;
	bool agreed;		/* once, so that the file counts */
	struct backed *next;
};

struct direct {
	pthread_mutex_t lock;
	struct stats_head *stats;
	uint32_t state;			/* enum stats_direct; written under the lock */
	uint32_t files, ranges;		/* that held the same */
	uint8_t seen[SEEN_BITS / 8];	/* ranges, by a hash */
	struct backed *table[HANDLES];
};

/* What a thread was handed last, until it answers. */
static __thread struct {
	struct direct *direct;
	uint64_t unique;
	uint64_t nodeid;
	uint32_t opcode;	/* OPEN, READ, or 0 for anything else */
	int opened;		/* OPEN: descriptors since, the last of which is fd */
	int fd;
	struct stat st;		/* of that when it was opened */
	struct fuse_read_in read;
	struct likeness before;
} task;

/* --- the driver ------------------------------------------------------------- */

static int tell(int device, uint32_t what, int fd, uint64_t unique, struct efuse_direct *answer)
{
	*answer = (struct efuse_direct){
		.size = sizeof(*answer), .what = what, .fd = fd, .unique = unique,
	};
	return syscall(__NR_ioctl, device, EFUSE_IOC_DIRECT, answer) ? -errno : 0;
}

static void show(struct direct *d, enum stats_direct state)
{
	__atomic_store_n(&d->state, state, __ATOMIC_RELAXED);
	count_set(&d->stats->direct, (uint32_t)state);
}

/* For good. The caller holds the lock. */
static void turn_off(struct direct *d, int device, enum stats_direct why, const char *words)
{
	struct efuse_direct answer;

	if (d->state >= STATS_DIRECT_DIFFERS)
		return;
	tell(device, EFUSE_DIRECT_OFF, 0, 0, &answer);
	show(d, why);
	settings_log("direct path off: %s", words);
}

static void turn_on(struct direct *d, int device)
{
	struct efuse_direct answer;
	int err = tell(device, EFUSE_DIRECT_ON, 0, 0, &answer);

	if (err) {
		turn_off(d, device, STATS_DIRECT_FAILED, strerror(-err));
		return;
	}
	show(d, STATS_DIRECT_ON);
	settings_log("direct path on: %u ranges of %u files held the same", d->ranges, d->files);
}

/* --- handles ---------------------------------------------------------------- */

/* Where the handle is, or would be put. */
static struct backed **place_of(struct direct *d, uint64_t nodeid, uint64_t fh)
{
	struct backed **at = &d->table[((nodeid + fh) * 0x9E3779B97F4A7C15u >> 40) % HANDLES];

	while (*at && ((*at)->nodeid != nodeid || (*at)->fh != fh))
		at = &(*at)->next;
	return at;
}

static struct backed *find_handle(struct direct *d, uint64_t nodeid, uint64_t fh)
{
	return *place_of(d, nodeid, fh);
}

/* In the place of one with the same number, whose RELEASE was not seen. */
static void add_handle(struct direct *d, struct backed *b)
{
	struct backed **at = place_of(d, b->nodeid, b->fh), *old = *at;

	b->next = old ? old->next : NULL;
	b->opens += old ? old->opens - 1 : 0;
	*at = b;
	free(old);
}

/* A daemon may give a number to several opens: the first that was named stands for all. */
static void one_more(struct direct *d, uint64_t nodeid, uint64_t fh)
{
	struct backed *b;

	pthread_mutex_lock(&d->lock);
	b = find_handle(d, nodeid, fh);
	if (b)
		b->opens++;
	pthread_mutex_unlock(&d->lock);
}

static void drop_handle(struct direct *d, uint64_t nodeid, uint64_t fh)
{
	struct backed **at, *b;

	pthread_mutex_lock(&d->lock);
	at = place_of(d, nodeid, fh);
	b = *at;
	if (b && --b->opens)
		b = NULL;
	else if (b)
		*at = b->next;
	pthread_mutex_unlock(&d->lock);
	free(b);
}

/* A copy of the handle's entry if its answer is to be compared now. */
static bool takes_turn(struct direct *d, uint64_t nodeid, uint64_t fh, struct backed *copy)
{
	struct backed *b;
	bool takes = false;

	pthread_mutex_lock(&d->lock);
	b = find_handle(d, nodeid, fh);
	if (b) {
		takes = d->state == STATS_DIRECT_ASK || b->turn < FIRST_TURNS ||
			b->turn % LATER_TURNS == 0;
		b->turn++;
		*copy = *b;
	}
	pthread_mutex_unlock(&d->lock);
	return takes;
}

/* --- OPEN ------------------------------------------------------------------- */

/*
 * The daemon may have closed it, and the number be another file's by now: what is named
 * is a descriptor of our own, of what was opened.
 */
static int tell_file(int device, const struct backed *b)
{
	int fd = (int)syscall(__NR_fcntl, b->fd, F_DUPFD_CLOEXEC, 3), err = -ESTALE;
	struct efuse_direct answer;
	struct stat st;

	if (fd < 0)
		return -errno;
	if (!fstat(fd, &st) && st.st_dev == b->dev && st.st_ino == b->ino)
		err = tell(device, EFUSE_DIRECT_FILE, fd, task.unique, &answer);
	syscall(__NR_close, fd);
	return err;
}

/* The driver takes the file for what the reply opens, or says why not. */
static void name_file(struct direct *d, int device, const struct backed *b)
{
	struct backed *named = malloc(sizeof(*named));
	int err = named ? tell_file(device, b) : -ENOMEM;

	pthread_mutex_lock(&d->lock);
	if (err == -EEXIST)
		turn_off(d, device, STATS_DIRECT_SHARED, "one file is behind two of the file system's");
	if (!err) {
		*named = *b;
		add_handle(d, named);
		named = NULL;
	}
	pthread_mutex_unlock(&d->lock);
	free(named);
}

static void open_reply(struct direct *d, int device, const struct iovec *iov, int count)
{
	struct fuse_open_out open;

	if (proto_iov_gather(iov, count, sizeof(struct fuse_out_header), &open,
			     sizeof(open)) != sizeof(open))
		return;
	one_more(d, task.nodeid, open.fh);
	if (task.opened == 1)
		name_file(d, device, &(struct backed){
			.fh = open.fh, .nodeid = task.nodeid, .fd = task.fd, .opens = 1,
			.dev = task.st.st_dev, .ino = task.st.st_ino,
		});
}

/* The child of vfork(2) has descriptors of its own. */
void direct_opened(int fd)
{
	if (task.opcode != FUSE_OPEN || fd < 0 || fds_foreign())
		return;
	task.opened += fstat(fd, &task.st) ? 2 : 1;
	task.fd = fd;
}

/* --- READ ------------------------------------------------------------------- */

/*
 * Times of files are those of the last tick of the clock: what was changed in this one
 * can be changed once more and look the same.
 */
static bool is_settled(const struct timespec *changed)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME_COARSE, &now);
	return (now.tv_sec - changed->tv_sec) * 1000000000LL + now.tv_nsec - changed->tv_nsec >
	       SETTLED_NS;
}

static bool look(int fd, struct likeness *l)
{
	struct stat st;

	if (fstat(fd, &st))
		return false;
	*l = (struct likeness){
		.dev = st.st_dev, .ino = st.st_ino, .size = st.st_size,
		.mtime = st.st_mtim, .ctime = st.st_ctim, .settled = is_settled(&st.st_ctim),
	};
	return true;
}

static bool same_time(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec == b->tv_sec && a->tv_nsec == b->tv_nsec;
}

static bool same_likeness(const struct likeness *a, const struct likeness *b)
{
	return a->settled && a->dev == b->dev && a->ino == b->ino && a->size == b->size &&
	       same_time(&a->mtime, &b->mtime) && same_time(&a->ctime, &b->ctime);
}

/* pread(2), which is no place for the thread to be cancelled in. */
static ssize_t read_at(int fd, void *buf, size_t size, uint64_t offset)
{
	return syscall(__NR_pread64, fd, buf, size, offset);
}

enum verdict { AGREES, DIFFERS, SAYS_NOTHING };

/*
 * Whether the file has at OFFSET what the reply holds: bytes, and where it ends. *varied
 * is set when the bytes are not all one.
 */
static enum verdict compare(int fd, uint64_t offset, const struct iovec *iov, int count,
			    size_t size, size_t wanted, bool *varied)
{
	char theirs[CHUNK], ours[CHUNK];
	size_t done = 0;

	for (; done < size; done += CHUNK) {
		size_t n = size - done < CHUNK ? size - done : CHUNK;

		proto_iov_gather(iov, count, sizeof(struct fuse_out_header) + done, theirs, n);
		if (read_at(fd, ours, n, offset + done) != (ssize_t)n ||
		    memcmp(ours, theirs, n) != 0)
			return DIFFERS;
		*varied |= memcmp(theirs, theirs + 1, n - 1) != 0;
	}
	if (size > wanted)
		return DIFFERS;
	return size == wanted || read_at(fd, ours, 1, offset + size) == 0 ? AGREES : DIFFERS;
}

/* Whether this range is one more. */
static bool new_range(struct direct *d, uint64_t ino, uint64_t offset)
{
	uint64_t hash = (ino * 0x9E3779B97F4A7C15u + offset / RANGE) * 0x9E3779B97F4A7C15u >> 40;
	uint8_t *byte = &d->seen[hash % SEEN_BITS / 8], bit = (uint8_t)(1u << hash % 8);
	bool is_new = !(*byte & bit);

	*byte |= bit;
	return is_new;
}

static void agreed(struct direct *d, int device, const struct backed *copy)
{
	struct backed *b = find_handle(d, copy->nodeid, copy->fh);

	if (new_range(d, copy->ino, task.read.offset))
		count_set(&d->stats->direct_ranges, ++d->ranges);
	if (b && !b->agreed) {
		b->agreed = true;
		d->files += new_range(d, ~(uint64_t)copy->ino, 0);
	}
	if (d->state == STATS_DIRECT_ASK &&
	    ((d->ranges >= ENOUGH_RANGES && d->files >= ENOUGH_FILES) || d->ranges >= ENOUGH_ALONE))
		turn_on(d, device);
}

/* What the driver has read by itself, for the status file. */
static void note_reads(struct direct *d, int device)
{
	struct efuse_direct answer;

	if (tell(device, EFUSE_DIRECT_ASK, 0, 0, &answer))
		return;
	count_set(&d->stats->direct_reads, answer.reads);
	count_set(&d->stats->direct_bytes, answer.bytes);
}

static void read_reply(struct direct *d, int device, const struct iovec *iov, int count,
		       size_t size)
{
	struct likeness after;
	struct backed copy;
	enum verdict verdict;
	bool varied = false;

	if (!takes_turn(d, task.nodeid, task.read.fh, &copy) ||
	    task.before.dev != copy.dev || task.before.ino != copy.ino)
		return;
	verdict = compare(copy.fd, task.read.offset, iov, count, size, task.read.size, &varied);
	if (!look(copy.fd, &after) || !same_likeness(&task.before, &after))
		verdict = SAYS_NOTHING;
	pthread_mutex_lock(&d->lock);
	if (verdict == DIFFERS)
		turn_off(d, device, STATS_DIRECT_DIFFERS, "contents are not those of the file");
	else if (verdict == AGREES && varied)
		agreed(d, device, &copy);
	if (d->state == STATS_DIRECT_ON)
		note_reads(d, device);
	pthread_mutex_unlock(&d->lock);
}

/* --- the thread's requests ------------------------------------------------------ */

/*
 * What the file is like before the daemon sees the READ. One that the daemon has closed, or
 * has another under the number of, cannot be compared any more.
 */
static void read_begun(struct direct *d, int device)
{
	struct backed *b;

	task.opcode = 0;
	pthread_mutex_lock(&d->lock);
	b = find_handle(d, task.nodeid, task.read.fh);
	if (b && look(b->fd, &task.before) && task.before.dev == b->dev && task.before.ino == b->ino)
		task.opcode = FUSE_READ;
	else if (b)
		turn_off(d, device, STATS_DIRECT_FAILED, "a file was closed that is open here");
	pthread_mutex_unlock(&d->lock);
}

static void begin(struct direct *d, int device, const struct fuse_in_header *in, const char *body,
		  size_t size)
{
	struct fuse_open_in open;
	struct fuse_release_in release;

	task.opcode = 0;
	task.direct = d;
	task.unique = in->unique;
	task.nodeid = in->nodeid;
	task.opened = 0;
	if (in->opcode == FUSE_OPEN && size >= sizeof(open)) {
		memcpy(&open, body, sizeof(open));
		if ((open.flags & O_ACCMODE) == O_RDONLY)
			task.opcode = FUSE_OPEN;
	} else if (in->opcode == FUSE_READ && size >= sizeof(task.read)) {
		memcpy(&task.read, body, sizeof(task.read));
		read_begun(d, device);
	} else if (in->opcode == FUSE_RELEASE && size >= sizeof(release)) {
		memcpy(&release, body, sizeof(release));
		drop_handle(d, in->nodeid, release.fh);
	}
}

void direct_request(struct direct *d, int device, const void *msg, size_t len)
{
	struct fuse_in_header in;
	int saved = errno, cancel;

	if (len < sizeof(in) || __atomic_load_n(&d->state, __ATOMIC_RELAXED) >= STATS_DIRECT_DIFFERS) {
		task.opcode = 0;
		return;
	}
	memcpy(&in, msg, sizeof(in));
	cancel = cancel_off();
	begin(d, device, &in, (const char *)msg + sizeof(in), len - sizeof(in));
	cancel_restore(cancel);
	errno = saved;
}

void direct_reply(struct direct *d, int device, const struct fuse_out_header *out,
		  const struct iovec *iov, int count, size_t total)
{
	uint32_t opcode = task.opcode;
	int saved = errno, cancel;

	if (!opcode || task.direct != d || task.unique != out->unique)
		return;
	task.opcode = 0;
	cancel = cancel_off();
	if (!out->error && opcode == FUSE_OPEN)
		open_reply(d, device, iov, count);
	else if (!out->error)
		read_reply(d, device, iov, count, total - sizeof(*out));
	cancel_restore(cancel);
	errno = saved;
}

/* --- life ----------------------------------------------------------------------- */

struct direct *direct_new(struct stats_head *stats)
{
	struct direct *d = calloc(1, sizeof(*d));

	if (!d)
		return NULL;
	pthread_mutex_init(&d->lock, NULL);
	d->stats = stats;
	show(d, STATS_DIRECT_ASK);
	return d;
}

void direct_free(struct direct *d)
{
	if (!d)
		return;
	for (size_t i = 0; i < HANDLES; i++)
		while (d->table[i]) {
			struct backed *b = d->table[i];

			d->table[i] = b->next;
			free(b);
		}
	pthread_mutex_destroy(&d->lock);
	free(d);
}

/* The lock may be another thread's of the parent's. */
void direct_forked(struct direct *d, int device, struct stats_head *stats)
{
	pthread_mutex_init(&d->lock, NULL);
	d->stats = stats;
	turn_off(d, device, STATS_DIRECT_FAILED, "the file system has forked");
}

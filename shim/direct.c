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
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "shim/cancel.h"
#include "shim/compare.h"
#include "shim/count.h"
#include "shim/direct.h"
#include "shim/fds.h"
#include "shim/handles.h"
#include "shim/proto.h"
#include "shim/settings.h"

/* Enough is so many ranges of so many files, or more of them where there are fewer files. */
#define ENOUGH_RANGES	64
#define ENOUGH_FILES	3
#define ENOUGH_ALONE	256

#define RANGE		4096	/* bytes: those of one page are one range */
#define SEEN_BITS	8192	/* a power of two */
#define CUTS		64	/* places, that nodes share */
#define FILES		16	/* that are told apart, ENOUGH_FILES at least */
#define ENOUGH_WRITES	16

/* Once it is on: the first answers to READs, and to WRITEs, of what is open, and each of so many. */
#define FIRST_READS	16
#define LATER_READS	2
#define FIRST_WRITES	4
#define LATER_WRITES	8

/*
 * What changes contents without the node's lock, so beside a WRITE: an OPEN that cuts, a
 * WRITE from the page cache. Of nodes that share a place.
 */
struct cuts {
	uint32_t under_way;
	uint32_t begun;
};

struct direct {
	pthread_mutex_t lock;
	struct stats_head *stats;
	uint32_t state;			/* enum stats_direct; written under the lock */
	enum stats_writes rw;		/* likewise */
	uint32_t files, ranges;		/* that held the same, */
	ino_t ino[FILES];		/* and the first of these files */
	uint32_t writes;		/* after which it held what was written */
	uint8_t seen[SEEN_BITS / 8];	/* ranges, by a hash */
	struct handles handles;		/* under the lock */
	struct cuts cuts[CUTS];		/* atomic */
};

/* What a thread was handed last, until it answers. */
static __thread struct {
	struct direct *direct;
	uint64_t unique;
	uint64_t nodeid;
	uint32_t opcode;	/* OPEN, CREATE, READ, WRITE, or 0 for anything else */
	uint32_t flags;		/* OPEN, CREATE: of open(2) */
	int opened;		/* and descriptors since, the last of which is fd */
	bool unreadable;	/* WRITE: as of the handle */
	int fd;
	struct stat st;		/* of that when it was opened */
	bool creates;		/* it is a CREATE */
	struct fuse_read_in read;
	struct fuse_write_in write;
	struct digest written;
	struct cuts *cuts;	/* the request is one of these, until it is answered */
	struct cuts beside;	/* WRITE: those of the node when it began */
	struct likeness before;	/* of the file, */
	struct digest held;	/* READ: and what was there, of so many bytes */
	size_t held_size;
} task;

/* --- the driver ------------------------------------------------------------- */

/* Has the driver do what *D says, which is its answer then. */
static int tell(int device, struct efuse_direct *d)
{
	d->size = sizeof(*d);
	return syscall(__NR_ioctl, device, EFUSE_IOC_DIRECT, d) ? -errno : 0;
}

static void show(struct direct *d, enum stats_direct state)
{
	__atomic_store_n(&d->state, state, __ATOMIC_RELAXED);
	count_set(&d->stats->direct, (uint32_t)state);
}

static void show_writes(struct direct *d, enum stats_writes rw)
{
	__atomic_store_n(&d->rw, rw, __ATOMIC_RELAXED);
	count_set(&d->stats->direct_rw, (uint32_t)rw);
}

/* For good. The caller holds the lock. */
static void turn_off(struct direct *d, int device, enum stats_direct why, const char *words)
{
	struct efuse_direct off = { .what = EFUSE_DIRECT_OFF };

	if (d->state >= STATS_DIRECT_DIFFERS)
		return;
	tell(device, &off);
	show(d, why);
	settings_log("direct path off: %s", words);
}

static bool enough_reads(const struct direct *d)
{
	return (d->ranges >= ENOUGH_RANGES && d->files >= ENOUGH_FILES) || d->ranges >= ENOUGH_ALONE;
}

/* What has proved itself and is not on yet. The caller holds the lock. */
static void turn_on(struct direct *d, int device)
{
	bool writes = d->rw == STATS_WRITES_ON || (d->rw && d->writes >= ENOUGH_WRITES);
	struct efuse_direct on = {
		.what = EFUSE_DIRECT_ON, .flags = writes ? EFUSE_DIRECT_WRITES : 0,
	};
	int err;

	if (d->state > STATS_DIRECT_ON || !enough_reads(d) ||
	    (d->state == STATS_DIRECT_ON && writes == (d->rw == STATS_WRITES_ON)))
		return;
	err = tell(device, &on);
	if (err) {
		turn_off(d, device, STATS_DIRECT_FAILED, strerror(-err));
		return;
	}
	show(d, STATS_DIRECT_ON);
	if (writes)
		show_writes(d, STATS_WRITES_ON);
	settings_log("direct path on%s: %u ranges of %u files held the same, %u writes",
		     writes ? ", for writing as well" : "", d->ranges, d->files, d->writes);
}

/* --- handles ---------------------------------------------------------------- */

/* A daemon may give a number to several opens: the first that was named stands for all. */
static void one_more(struct direct *d, uint64_t nodeid, uint64_t fh)
{
	struct backed *b;

	pthread_mutex_lock(&d->lock);
	b = handles_find(&d->handles, nodeid, fh);
	if (b)
		b->opens++;
	pthread_mutex_unlock(&d->lock);
}

static void one_less(struct direct *d, uint64_t nodeid, uint64_t fh)
{
	pthread_mutex_lock(&d->lock);
	handles_drop(&d->handles, nodeid, fh);
	pthread_mutex_unlock(&d->lock);
}

/* All until it is on, and some later: the first, and each of so many. */
static bool is_turn(uint32_t turn, bool on, uint32_t first, uint32_t later)
{
	return !on || turn < first || turn % later == 0;
}

/*
 * What the handle's file is like now. One that the daemon has closed, or has another under
 * the number of, cannot be compared any more. The caller holds the lock.
 */
static bool look_at(struct direct *d, int device, const struct backed *b)
{
	if (likeness_of(b->fd, &task.before) && task.before.dev == b->dev &&
	    task.before.ino == b->ino)
		return true;
	turn_off(d, device, STATS_DIRECT_FAILED, "a file was closed that is open here");
	return false;
}

/* --- what is beside a WRITE --------------------------------------------------- */

static struct cuts *cuts_of(struct direct *d, uint64_t nodeid)
{
	return &d->cuts[handles_hash(nodeid) % CUTS];
}

/* Before the daemon sees the request. */
static void cut_begun(struct direct *d)
{
	task.cuts = cuts_of(d, task.nodeid);
	__atomic_add_fetch(&task.cuts->under_way, 1, __ATOMIC_SEQ_CST);
	__atomic_add_fetch(&task.cuts->begun, 1, __ATOMIC_SEQ_CST);
}

/* It is answered, or by another thread: this one has the next. D is still what it was of. */
static void cut_ended(struct direct *d)
{
	if (task.cuts && task.direct == d)
		__atomic_sub_fetch(&task.cuts->under_way, 1, __ATOMIC_SEQ_CST);
	task.cuts = NULL;
}

static struct cuts cuts_now(struct direct *d)
{
	struct cuts *cuts = cuts_of(d, task.nodeid);

	return (struct cuts){
		.under_way = __atomic_load_n(&cuts->under_way, __ATOMIC_SEQ_CST),
		.begun = __atomic_load_n(&cuts->begun, __ATOMIC_SEQ_CST),
	};
}

/* Whether nothing else can have changed what was written since. */
static bool was_alone(struct direct *d)
{
	return !task.beside.under_way && cuts_now(d).begun == task.beside.begun;
}

/* --- OPEN ------------------------------------------------------------------- */

/*
 * The daemon may have closed it, and the number be another file's by now: what is named
 * is a descriptor of our own, of what was opened.
 */
static int tell_file(int device, const struct backed *b)
{
	int fd = (int)syscall(__NR_fcntl, b->fd, F_DUPFD_CLOEXEC, 3), err = -ESTALE;
	struct efuse_direct file = {
		.what = EFUSE_DIRECT_FILE, .flags = b->writes ? EFUSE_DIRECT_WRITES : 0,
		.fd = fd, .unique = task.unique, .node = task.creates ? b->nodeid : 0,
	};
	struct stat st;

	if (fd < 0)
		return -errno;
	if (!fstat(fd, &st) && st.st_dev == b->dev && st.st_ino == b->ino)
		err = tell(device, &file);
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
		handles_add(&d->handles, named);
		named = NULL;
	}
	pthread_mutex_unlock(&d->lock);
	free(named);
}

/*
 * Where several may write at once, what one has written need not be there any more when it is
 * compared.
 */
static bool takes_writes(const struct fuse_open_out *open)
{
	return (task.flags & O_ACCMODE) != O_RDONLY && !(task.flags & O_APPEND) &&
	       !(open->open_flags & FOPEN_PARALLEL_DIRECT_WRITES);
}

/* What is open for writing only cannot be compared by its own descriptor. Returns another. */
static int open_again(int fd)
{
	char path[32];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return (int)syscall(__NR_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
}

/* Of a regular file: nothing but that is opened again. */
static bool can_open_again(int fd)
{
	int again = S_ISREG(task.st.st_mode) ? open_again(fd) : -1;

	if (again >= 0)
		syscall(__NR_close, again);
	return again >= 0;
}

/* Whether what was opened is to be named for what the daemon opens with it. */
static bool is_named(const struct backed *b)
{
	return task.opened == 1 && (b->writes || (!task.creates && !b->unreadable)) &&
	       (!b->unreadable || can_open_again(b->fd));
}

static void opened(struct direct *d, int device, const struct fuse_open_out *open)
{
	struct backed b = {
		.fh = open->fh, .nodeid = task.nodeid, .fd = task.fd, .opens = 1,
		.dev = task.st.st_dev, .ino = task.st.st_ino, .writes = takes_writes(open),
		.unreadable = (task.flags & O_ACCMODE) == O_WRONLY,
	};

	one_more(d, b.nodeid, b.fh);
	if (is_named(&b))
		name_file(d, device, &b);
}

static void open_reply(struct direct *d, int device, const struct iovec *iov, int count)
{
	struct fuse_open_out open;

	if (proto_iov_gather(iov, count, sizeof(struct fuse_out_header), &open,
			     sizeof(open)) == sizeof(open))
		opened(d, device, &open);
}

/* One of a protocol before 7.9 is shorter, and none of ours. */
static void create_reply(struct direct *d, int device, const struct iovec *iov, int count)
{
	struct {
		struct fuse_entry_out entry;
		struct fuse_open_out open;
	} made;

	if (proto_iov_gather(iov, count, sizeof(struct fuse_out_header), &made,
			     sizeof(made)) != sizeof(made))
		return;
	task.creates = true;
	task.nodeid = made.entry.nodeid;
	opened(d, device, &made.open);
}

/* The child of vfork(2) has descriptors of its own. */
void direct_opened(int fd)
{
	if ((task.opcode != FUSE_OPEN && task.opcode != FUSE_CREATE) || fd < 0 || fds_foreign())
		return;
	/* What a daemon knows the new file by is none that it reads or writes. */
	if (task.opcode == FUSE_CREATE && syscall(__NR_fcntl, fd, F_GETFL) & O_PATH)
		return;
	task.opened += fstat(fd, &task.st) ? 2 : 1;
	task.fd = fd;
}

/* --- READ ------------------------------------------------------------------- */

/* Whether this range is one more. */
static bool new_range(struct direct *d, uint64_t ino, uint64_t offset)
{
	uint64_t hash = handles_hash(handles_hash(ino) + offset / RANGE);
	uint8_t *byte = &d->seen[hash % SEEN_BITS / 8], bit = (uint8_t)(1u << hash % 8);
	bool is_new = !(*byte & bit);

	*byte |= bit;
	return is_new;
}

/* Whether this file is one more. */
static bool new_file(struct direct *d, ino_t ino)
{
	for (uint32_t i = 0; i < d->files; i++)
		if (d->ino[i] == ino)
			return false;
	if (d->files == FILES)
		return false;
	d->ino[d->files] = ino;
	return true;
}

static void agreed(struct direct *d, int device)
{
	struct backed *b = handles_find(&d->handles, task.nodeid, task.read.fh);

	if (new_range(d, task.before.ino, task.read.offset))
		count_set(&d->stats->direct_ranges, ++d->ranges);
	if (b && !b->agreed) {
		b->agreed = true;
		d->files += new_file(d, task.before.ino);
	}
	turn_on(d, device);
}

/* What the driver has done by itself, for the status file. */
static void note_done(struct direct *d, int device)
{
	struct efuse_direct answer = { .what = EFUSE_DIRECT_ASK };

	if (d->state != STATS_DIRECT_ON || tell(device, &answer))
		return;
	count_set(&d->stats->direct_reads, answer.reads);
	count_set(&d->stats->direct_bytes, answer.bytes);
	count_set(&d->stats->direct_writes, answer.writes);
}

/*
 * Whether the file holds there what it held before the daemon saw the READ, and looks the
 * same. A write behind the mount, or by the driver, that takes its time has changed the time
 * of modification when it began, and not since: what it writes meanwhile is seen here.
 */
static bool is_unchanged(void)
{
	struct digest now = { .sum = 0 };
	struct likeness after;

	return digest_file(&now, task.fd, task.read.offset, task.read.size) == task.held_size &&
	       now.sum == task.held.sum &&
	       likeness_of(task.fd, &after) && likeness_same(&task.before, &after);
}

static void read_reply(struct direct *d, int device, const struct iovec *iov, int count,
		       size_t size)
{
	enum verdict verdict;
	bool varied = false;

	verdict = compare_reply(task.fd, task.read.offset, iov, count, size, task.read.size, &varied);
	if (!is_unchanged())
		verdict = SAYS_NOTHING;
	pthread_mutex_lock(&d->lock);
	if (verdict == DIFFERS)
		turn_off(d, device, STATS_DIRECT_DIFFERS, "contents are not those of the file");
	else if (verdict == AGREES && varied)
		agreed(d, device);
	note_done(d, device);
	pthread_mutex_unlock(&d->lock);
}

/* --- WRITE ------------------------------------------------------------------ */

/* Whether the file has what was written. */
static enum verdict compare_there(int fd)
{
	struct digest there = { .sum = 0 };
	struct stat st;

	if (fstat(fd, &st) || st.st_dev != task.before.dev || st.st_ino != task.before.ino)
		return SAYS_NOTHING;
	return digest_file(&there, fd, task.write.offset, task.write.size) == task.write.size &&
	       there.sum == task.written.sum ? AGREES : DIFFERS;
}

/* What was written in part says nothing, nor does what cannot be read. */
static enum verdict compare_written(uint32_t size)
{
	enum verdict verdict;
	int fd;

	if (size != task.write.size)
		return size > task.write.size ? DIFFERS : SAYS_NOTHING;
	if (!task.unreadable)
		return compare_there(task.fd);
	fd = open_again(task.fd);
	if (fd < 0)
		return SAYS_NOTHING;
	verdict = compare_there(fd);
	syscall(__NR_close, fd);
	return verdict;
}

/*
 * The driver does nothing else to the node until it has the reply, but for what takes no
 * lock of the node's (struct cuts), unless the file system lets several write at once: see
 * takes_writes(). Who writes the same range behind the mount at this very moment makes it a
 * difference, which is one on the safe side.
 */
static void write_reply(struct direct *d, int device, const struct iovec *iov, int count)
{
	struct fuse_write_out out;
	enum verdict verdict;

	if (proto_iov_gather(iov, count, sizeof(struct fuse_out_header), &out,
			     sizeof(out)) != sizeof(out))
		return;
	verdict = compare_written(out.size);
	if (verdict == DIFFERS && !was_alone(d))
		verdict = SAYS_NOTHING;
	pthread_mutex_lock(&d->lock);
	if (verdict == DIFFERS)
		turn_off(d, device, STATS_DIRECT_DIFFERS, "the file does not hold what was written");
	else if (verdict == AGREES && task.written.varied)
		count_set(&d->stats->direct_held, ++d->writes);
	turn_on(d, device);
	note_done(d, device);
	pthread_mutex_unlock(&d->lock);
}

/* --- the thread's requests ------------------------------------------------------ */

/* What is written, which the daemon may change where it is. */
static void write_begun(struct direct *d, int device, const char *data, size_t size)
{
	struct backed *b;
	bool takes = false;

	task.opcode = 0;
	if (task.write.write_flags & FUSE_WRITE_CACHE)
		cut_begun(d);
	if (!__atomic_load_n(&d->rw, __ATOMIC_RELAXED) || size < task.write.size ||
	    !task.write.size || task.write.flags & O_APPEND ||
	    task.write.write_flags & FUSE_WRITE_CACHE)
		return;
	task.beside = cuts_now(d);
	pthread_mutex_lock(&d->lock);
	b = handles_find(&d->handles, task.nodeid, task.write.fh);
	if (b)
		takes = b->writes && is_turn(b->write_turn++, d->rw == STATS_WRITES_ON,
					     FIRST_WRITES, LATER_WRITES) &&
			look_at(d, device, b);
	task.fd = b ? b->fd : -1;
	task.unreadable = b && b->unreadable;
	pthread_mutex_unlock(&d->lock);
	if (!takes)
		return;
	task.written = (struct digest){ .sum = 0 };
	digest_memory(&task.written, data, task.write.size);
	task.opcode = FUSE_WRITE;
}

/* What the file is like, and holds, before the daemon sees the READ. */
static void read_begun(struct direct *d, int device)
{
	struct backed *b;

	task.opcode = 0;
	task.fd = -1;
	pthread_mutex_lock(&d->lock);
	b = handles_find(&d->handles, task.nodeid, task.read.fh);
	if (b && look_at(d, device, b) &&
	    is_turn(b->turn++, d->state == STATS_DIRECT_ON, FIRST_READS, LATER_READS))
		task.fd = b->fd;
	pthread_mutex_unlock(&d->lock);
	if (task.fd < 0)
		return;
	task.held = (struct digest){ .sum = 0 };
	task.held_size = digest_file(&task.held, task.fd, task.read.offset, task.read.size);
	task.opcode = FUSE_READ;
}

static void open_begun(struct direct *d, uint32_t opcode, uint32_t flags)
{
	task.flags = flags;
	if (flags & O_TRUNC)
		cut_begun(d);
	if (__atomic_load_n(&d->rw, __ATOMIC_RELAXED) ||
	    (opcode == FUSE_OPEN && (flags & O_ACCMODE) == O_RDONLY))
		task.opcode = opcode;
}

static void begin(struct direct *d, int device, const struct fuse_in_header *in, const char *body,
		  size_t size)
{
	struct fuse_open_in open;
	struct fuse_create_in create;
	struct fuse_release_in release;

	task.opcode = 0;
	task.direct = d;
	task.unique = in->unique;
	task.nodeid = in->nodeid;
	task.opened = 0;
	task.creates = false;
	if (in->opcode == FUSE_OPEN && size >= sizeof(open)) {
		memcpy(&open, body, sizeof(open));
		open_begun(d, FUSE_OPEN, open.flags);
	} else if (in->opcode == FUSE_CREATE && size >= sizeof(create)) {
		memcpy(&create, body, sizeof(create));
		open_begun(d, FUSE_CREATE, create.flags);
	} else if (in->opcode == FUSE_READ && size >= sizeof(task.read)) {
		memcpy(&task.read, body, sizeof(task.read));
		read_begun(d, device);
	} else if (in->opcode == FUSE_WRITE && size >= sizeof(task.write)) {
		memcpy(&task.write, body, sizeof(task.write));
		write_begun(d, device, body + sizeof(task.write), size - sizeof(task.write));
	} else if (in->opcode == FUSE_RELEASE && size >= sizeof(release)) {
		memcpy(&release, body, sizeof(release));
		one_less(d, in->nodeid, release.fh);
	}
}

void direct_request(struct direct *d, int device, const void *msg, size_t len)
{
	struct fuse_in_header in;
	int saved = errno, cancel;

	cut_ended(d);
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

	if (task.direct != d || task.unique != out->unique)
		return;
	cut_ended(d);
	if (!opcode)
		return;
	task.opcode = 0;
	cancel = cancel_off();
	if (!out->error && opcode == FUSE_OPEN)
		open_reply(d, device, iov, count);
	else if (!out->error && opcode == FUSE_CREATE)
		create_reply(d, device, iov, count);
	else if (!out->error && opcode == FUSE_WRITE)
		write_reply(d, device, iov, count);
	else if (!out->error)
		read_reply(d, device, iov, count, total - sizeof(*out));
	cancel_restore(cancel);
	errno = saved;
}

/* --- life ----------------------------------------------------------------------- */

struct direct *direct_new(struct stats_head *stats, bool writes)
{
	struct direct *d = calloc(1, sizeof(*d));

	if (!d)
		return NULL;
	pthread_mutex_init(&d->lock, NULL);
	d->stats = stats;
	show(d, STATS_DIRECT_ASK);
	show_writes(d, writes ? STATS_WRITES_ASK : STATS_WRITES_OFF);
	return d;
}

void direct_free(struct direct *d)
{
	if (!d)
		return;
	handles_free(&d->handles);
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

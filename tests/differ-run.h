/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * differ-run.h - does one operation everywhere, tells the file system of what was
 * done behind the mount, or waits until it must be seen, and looks.
 */
#ifndef DIFFER_RUN_H
#define DIFFER_RUN_H

#include <grp.h>
#include <sys/fsuid.h>
#include <time.h>

#include "differ-look.h"

struct setup {
	char dir[PLACES][PATH_MAX / 2];
	uint64_t seed;
	unsigned int ops, procs, users;
	unsigned int behind;	/* of 1,000 operations */
	unsigned int forget;	/* after so many operations, about, the kernel does */
	unsigned int wait_ms;	/* until what was done behind the mount is seen */
	bool notify;		/* the file system is told of it */
	bool any_error;		/* which of two errors comes is the file system's choice */
};

static struct setup setup;

static void be(unsigned int user)
{
	setgroups(user == 1, &differ_group);
	setfsgid(differ_uids[user]);
	setfsuid(differ_uids[user]);
}

/* --- behind the mount -------------------------------------------------------- */

/* Inode numbers of the two names of an operation, 0 for none. */
struct touched {
	ino_t ino[2];
};

static struct touched touched_by(struct place *backing, const struct op *op)
{
	struct touched t = { .ino = { 0 } };
	struct stat st;

	if (!lstat(at(backing, op->a), &st))
		t.ino[0] = st.st_ino;
	if (!lstat(at(backing, op->b), &st))
		t.ino[1] = st.st_ino;
	return t;
}

static const char *folder_of(const char *rel, char *buf)
{
	const char *slash = strrchr(rel, '/');

	snprintf(buf, 24, "%.*s", slash ? (int)(slash - rel) : 1, slash ? rel : ".");
	return buf;
}

/* Whether the file may be in another folder than the name is. */
static bool has_links(struct place *backing, const char *rel)
{
	char part[24];
	struct stat st;

	for (size_t n = 1; n <= strlen(rel); n++) {
		snprintf(part, sizeof(part), "%.*s", (int)n, rel);
		if ((rel[n] == '/' || !rel[n]) && !lstat(at(backing, part), &st) &&
		    S_ISLNK(st.st_mode))
			return true;
	}
	return false;
}

static int tell(int ctl, const char *what, ino_t ino, const char *name)
{
	char line[128];
	int len = snprintf(line, sizeof(line), "%s %llu %s\n", what, (unsigned long long)ino, name);

	return pwrite(ctl, line, (size_t)len, 0) == len ? 0 : -1;
}

static int tell_name(int ctl, struct place *backing, const char *rel)
{
	const char *slash = strrchr(rel, '/');
	char folder[24];
	struct stat st;

	if (lstat(at(backing, folder_of(rel, folder)), &st) || !S_ISDIR(st.st_mode))
		return 0;
	/* A name that the kernel does not have tells it nothing of the folder. */
	return tell(ctl, "entry", st.st_ino, slash ? slash + 1 : rel) ||
	       tell(ctl, "inode", st.st_ino, "") ? -1 : 0;
}

/*
 * What must be told and no more: of files, and of names that are another file's now, with
 * their folders.
 */
static int tell_all(int ctl, struct place *backing, const struct op *op,
		    const struct touched *was, const struct touched *is)
{
	for (int i = 0; i < 2; i++) {
		if (was->ino[i] && tell(ctl, "inode", was->ino[i], ""))
			return -1;
		if (was->ino[i] == is->ino[i])
			continue;
		if (is->ino[i] && tell(ctl, "inode", is->ino[i], ""))
			return -1;
		if (tell_name(ctl, backing, i ? op->b : op->a))
			return -1;
	}
	return 0;
}

/* The operation in the backing folder, until the mount must show it. */
static int64_t run_behind(struct place *places, const struct op *op, int ctl)
{
	struct timespec ts = { .tv_nsec = setup.wait_ms % 1000 * 1000000L,
			       .tv_sec = setup.wait_ms / 1000 };
	struct touched was, is;
	int64_t ret;

	be(0);
	was = touched_by(&places[BACKING], op);
	be(op->user);
	ret = op->kind->run(&places[BACKING], op);
	be(0);
	is = touched_by(&places[BACKING], op);
	if (setup.notify && tell_all(ctl, &places[BACKING], op, &was, &is))
		return -EBADMSG;
	if (setup.wait_ms)
		nanosleep(&ts, NULL);
	be(op->user);
	return ret;
}

/* --- one operation ----------------------------------------------------------- */

static bool same_result(int64_t a, int64_t b)
{
	return a == b || (setup.any_error && a < 0 && b < 0);
}

/* Not at everything each time: what is looked at is known afresh, and hides what was not. */
static int look_around(struct place *places, const struct op *op)
{
	char folder[24];
	const char *const names[4] = { op->c, op->b, folder_of(op->a, folder), op->a };

	if (op->looks & LOOK_HELD && look_held(places))
		return 1;
	for (int i = 0; i < 4; i++)
		if (op->looks >> i & 1 && look(places, PLACES, names[i], op->thorough))
			return 1;
	return 0;
}

/*
 * All that was written is with the file system: syncfs(2) sends it there, but FUSE
 * waits for the replies only in fsync(2), or where a file is closed.
 */
static void sync_mount(const struct place *mount)
{
	int fd = open(mount->root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd >= 0)
		syncfs(fd);
	close(fd);
	for (int i = 0; i < DIFFER_SLOTS; i++)
		if (mount->slot[i] >= 0)
			fsync(mount->slot[i]);
}

/* What is known of c then may not be so after the operation. */
static int look_before(struct place *places, const struct op *op)
{
	int found;

	be(op->looker);
	if (differ_late)
		sync_mount(&places[MOUNT]);
	found = look(places, PLACES, op->c, op->thorough);
	be(0);
	return found;
}

/* What the mount holds open is held in the folder that it shows, to be looked at. */
static void hold_backing(struct place *places, const struct op *op)
{
	int *mount = slot_of(&places[MOUNT], op), *backing = slot_of(&places[BACKING], op);

	if (op->kind->run != op_hold && op->kind->run != op_let_go)
		return;
	if (*backing >= 0)
		close(*backing);
	be(0);
	*backing = *mount < 0 ? -1 : open(at(&places[BACKING], op->a), O_PATH | O_CLOEXEC);
	be(op->user);
}

static void drop_caches(void)
{
	int fd = open("/proc/sys/vm/drop_caches", O_WRONLY | O_CLOEXEC);

	if (fd >= 0 && write(fd, "2", 1) == 1)
		close(fd);
}

/* Does it everywhere and looks. Returns 1, and look_why, if there is a difference. */
static int run_one(struct place *places, const struct op *op, int ctl)
{
	int64_t got, want;
	int found;

	if (op->arg % setup.forget == 0)
		drop_caches();
	if (op->looks & LOOK_BEFORE && look_before(places, op))
		return 1;
	be(op->user);
	if (op->behind && !has_links(&places[BACKING], op->a) && !has_links(&places[BACKING], op->b))
		got = run_behind(places, op, ctl);
	else
		got = op->kind->run(&places[MOUNT], op);
	hold_backing(places, op);
	want = op->kind->run(&places[SECOND], op);
	found = same_result(got, want) ? 0 : differs("result", op->a, SECOND, got, want);
	be(op->looker);
	if (differ_late)
		sync_mount(&places[MOUNT]);
	found = found || look_around(places, op);
	be(0);
	return found;
}

/* --- a sequence -------------------------------------------------------------- */

static int make_places(struct place *places, const char *name)
{
	for (int i = 0; i < PLACES; i++) {
		snprintf(places[i].root, sizeof(places[i].root), "%s/%s", setup.dir[i], name);
		for (int s = 0; s < DIFFER_SLOTS; s++)
			places[i].slot[s] = -1;
		if (i != BACKING && mkdir(places[i].root, 0777))
			return -1;
		if (i != BACKING && chmod(places[i].root, 0777))
			return -1;
	}
	return 0;
}

static void close_slots(struct place *places)
{
	for (int i = 0; i < PLACES; i++)
		for (int s = 0; s < DIFFER_SLOTS; s++)
			if (places[i].slot[s] >= 0)
				close(places[i].slot[s]);
}

/*
 * The operations of a sequence that keep does not leave out, in the folder name.
 * Returns 0, 1 for a difference after operation *at_op, or -1 if it cannot run.
 */
static int run_sequence(const char *name, uint64_t seed, unsigned int count, const char *keep,
			unsigned int *at_op)
{
	static struct place places[PLACES];
	char path[PATH_MAX];
	int found = 0, ctl = -1;

	snprintf(path, sizeof(path), "%s/.ctl", setup.dir[MOUNT]);
	if (setup.notify)
		ctl = open(path, O_WRONLY | O_CLOEXEC);
	if (make_places(places, name) || (setup.notify && ctl < 0))
		return -1;
	for (unsigned int i = 0; i < count && !found; i++) {
		struct op op = op_draw(seed, i, setup.users, setup.behind);

		*at_op = i;
		if (!keep || keep[i])
			found = run_one(places, &op, ctl);
	}
	close_slots(places);
	found = found || look_tree(places, PLACES, ".");
	if (ctl >= 0)
		close(ctl);
	return found;
}

#endif

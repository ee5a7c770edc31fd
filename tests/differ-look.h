/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * differ-look.h - looks at the same name in all places and says what differs.
 * Between the mount and the backing folder nothing may; the second folder has
 * times, inode numbers and blocks of its own.
 */
#ifndef DIFFER_LOOK_H
#define DIFFER_LOOK_H

#include <dirent.h>

#include "differ-op.h"

#define LOOK_NAMES	400	/* names in a folder */
#define LOOK_PIECE	3000	/* bytes read at a time */

static bool differ_late;	/* the kernel collects writes, and says when they were */

/* One name in one place. Errors are -errno in place of the thing. */
struct seen {
	int64_t rc;
	struct stat st;
	int64_t target;
	int64_t xattrs;
	int64_t contents;
	int64_t names;
};

static char look_why[512];

/* Always 1. */
static int differs(const char *what, const char *rel, int place, int64_t want, int64_t got)
{
	snprintf(look_why, sizeof(look_why), "%s of %s: %s %lld, %s %lld", what, rel,
		 place_names[MOUNT], (long long)want, place_names[place], (long long)got);
	return 1;
}

static int64_t hash_more(int64_t hash, const void *data, size_t len)
{
	return (int64_t)((ex_hash(data, len) ^ ((uint64_t)hash * 31)) >> 1);
}

static int64_t look_xattrs(const char *path)
{
	int64_t hash = llistxattr(path, NULL, 0);
	char value[256];

	if (hash < 0)
		return -errno;
	for (size_t i = 0; i < XATTR_NAMES + (differ_acl ? 2 : 0); i++) {
		const char *name = i < XATTR_NAMES ? xattr_names[i] :
				   i == XATTR_NAMES ? ACL_NAME : CAP_NAME;
		ssize_t len = lgetxattr(path, name, value, sizeof(value));

		hash = len < 0 ? hash_more(hash, &errno, sizeof(errno)) :
				 hash_more(hash, value, (size_t)len);
	}
	return hash;
}

/* In several pieces: what answers the first may not be what answers the rest. */
static int64_t look_contents(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t len = 0, got;

	if (fd < 0)
		return -errno;
	do {
		got = pread(fd, ex_b + len, LOOK_PIECE, len);
		len += got > 0 ? got : 0;
	} while (got > 0 && len <= EX_BUF - LOOK_PIECE);
	return and_close(fd, got < 0 ? got : hash_more(len, ex_b, (size_t)len));
}

/* The names without their order. */
static int64_t look_names(const char *path)
{
	DIR *dir = opendir(path);
	int64_t sum = 0;
	struct dirent *d;

	if (!dir)
		return -errno;
	while ((d = readdir(dir)))
		sum += hash_more(d->d_type, d->d_name, strlen(d->d_name)) >> 8;
	closedir(dir);
	return sum;
}

static void look_at(const char *path, bool thorough, struct seen *seen)
{
	char target[64];
	ssize_t len;

	*seen = (struct seen){ 0 };
	seen->rc = result(lstat(path, &seen->st));
	if (seen->rc)
		return;
	if (S_ISLNK(seen->st.st_mode)) {
		len = readlink(path, target, sizeof(target));
		seen->target = len < 0 ? -errno : hash_more(len, target, (size_t)len);
		return;
	}
	if (!thorough)
		return;
	seen->xattrs = look_xattrs(path);
	if (S_ISREG(seen->st.st_mode))
		seen->contents = look_contents(path);
	if (S_ISDIR(seen->st.st_mode))
		seen->names = look_names(path);
}

static int64_t ns(struct timespec ts)
{
	return ts.tv_sec * 1000000000LL + ts.tv_nsec;
}

/* What the mount takes from the folder that it shows. */
static int own_differ(const char *rel, const struct stat *m, const struct stat *b)
{
	if (m->st_ino != b->st_ino)
		return differs("number", rel, BACKING, (int64_t)m->st_ino, (int64_t)b->st_ino);
	/* FUSE does not know of blocks what it has written by itself since it asked. */
	if (!differ_late && m->st_blocks != b->st_blocks)
		return differs("blocks", rel, BACKING, m->st_blocks, b->st_blocks);
	if (!differ_late && ns(m->st_mtim) != ns(b->st_mtim))
		return differs("mtime", rel, BACKING, ns(m->st_mtim), ns(b->st_mtim));
	if (!differ_late && ns(m->st_ctim) != ns(b->st_ctim))
		return differs("ctime", rel, BACKING, ns(m->st_ctim), ns(b->st_ctim));
	if (ns(m->st_atim) != ns(b->st_atim))
		return differs("atime", rel, BACKING, ns(m->st_atim), ns(b->st_atim));
	return 0;
}

static int stat_differ(const char *rel, int place, const struct stat *m, const struct stat *o)
{
	if (m->st_mode != o->st_mode)
		return differs("mode", rel, place, m->st_mode, o->st_mode);
	if (m->st_nlink != o->st_nlink)
		return differs("links", rel, place, (int64_t)m->st_nlink, (int64_t)o->st_nlink);
	if (m->st_uid != o->st_uid || m->st_gid != o->st_gid)
		return differs("owner", rel, place, (int64_t)m->st_uid << 32 | m->st_gid,
			       (int64_t)o->st_uid << 32 | o->st_gid);
	if (m->st_size != o->st_size)
		return differs("size", rel, place, m->st_size, o->st_size);
	return place == BACKING ? own_differ(rel, m, o) : 0;
}

static int seen_differ(const char *rel, int place, const struct seen *m, const struct seen *o)
{
	if (m->rc != o->rc)
		return differs("lstat", rel, place, m->rc, o->rc);
	if (!m->rc && stat_differ(rel, place, &m->st, &o->st))
		return 1;
	if (m->target != o->target)
		return differs("target", rel, place, m->target, o->target);
	if (m->xattrs != o->xattrs)
		return differs("extended attributes", rel, place, m->xattrs, o->xattrs);
	if (m->contents != o->contents)
		return differs("contents", rel, place, m->contents, o->contents);
	if (m->names != o->names)
		return differs("names", rel, place, m->names, o->names);
	return 0;
}

/* Returns 1 if the name is not the same in the first so many places. */
static int look(struct place *places, int count, const char *rel, bool thorough)
{
	struct seen seen[PLACES];

	for (int i = 0; i < count; i++)
		look_at(at(&places[i], rel), thorough, &seen[i]);
	for (int i = 1; i < count; i++)
		if (seen_differ(rel, i, &seen[MOUNT], &seen[i]))
			return 1;
	return 0;
}

/* The same of the files that stay open everywhere, whatever became of their names. */
static int look_held(const struct place *places)
{
	for (int s = 0; s < DIFFER_SLOTS; s++) {
		struct seen seen[PLACES] = { 0 };
		char what[24];
		int n = 0;

		for (int i = 0; i < PLACES; i++)
			n += places[i].slot[s] >= 0;
		if (n < PLACES)
			continue;
		snprintf(what, sizeof(what), "held file %d", s);
		for (int i = 0; i < PLACES; i++)
			seen[i].rc = result(fstat(places[i].slot[s], &seen[i].st));
		for (int i = 1; i < PLACES; i++)
			if (seen_differ(what, i, &seen[MOUNT], &seen[i]))
				return 1;
	}
	return 0;
}

/* The same of the folder rel and all below it. */
static int look_tree(struct place *places, int count, const char *rel)
{
	char path[PATH_MAX], *names[LOOK_NAMES];
	int n = 0, found;
	struct dirent *d;
	DIR *dir;

	found = look(places, count, rel, true);
	dir = found ? NULL : opendir(at(&places[BACKING], rel));
	while (dir && (d = readdir(dir)) && n < LOOK_NAMES)
		if (strcmp(d->d_name, ".") && strcmp(d->d_name, ".."))
			names[n++] = strdup(d->d_name);
	if (dir)
		closedir(dir);
	for (int i = 0; i < n; i++) {
		snprintf(path, sizeof(path), "%.2000s/%s", rel, names[i]);
		found = found || look_tree(places, count, path);
		free(names[i]);
	}
	return found;
}

#endif

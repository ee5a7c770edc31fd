/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mem-store.h - the tree that fs-mem serves: nodes, names, extended attributes.
 * Contents live in one temporary file each, so replies can be spliced.
 *
 * Everything here is called with the store's lock held. A node lives as long as
 * it has a name or the kernel counts a lookup of it; a FORGET of more than was
 * looked up ends the process, since somebody lost or doubled a message.
 */
#ifndef MEM_STORE_H
#define MEM_STORE_H

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define STORE_BUCKETS	8192

struct node;

struct dentry {
	struct node *dir, *node;
	char *name;
	uint64_t cookie;		/* the offset that follows it in READDIR */
	struct dentry *hash_next;	/* of the bucket */
	struct dentry *prev, *next;	/* of the directory, by rising cookie */
};

struct xattr {
	struct xattr *next;
	size_t size;
	char *name;
	char value[];
};

struct node {
	struct stat attr;
	uint64_t nlookup;
	int fd;				/* contents, or -1 while there are none */
	char *target;			/* of a symlink */
	struct node *parent;		/* of a directory */
	struct dentry *first, *last;	/* in a directory */
	uint64_t next_cookie;
	struct xattr *xattrs;
	unsigned int delay_ms;		/* delay-N: LOOKUP and READ take that long */
	unsigned int late_ms;		/* late-N: so do replies to SETATTR and UNLINK, after it */
	bool blocks;			/* block*: READ waits for an interrupt */
	bool ready;			/* poll*: what poll(2) says */
	void *poll;			/* struct fuse_pollhandle */
};

struct store {
	pthread_mutex_t lock;
	struct node *root, *ctl;
	uint64_t last_ino;
	struct dentry *bucket[STORE_BUCKETS];
};

static void store_touch(struct node *node, bool data)
{
	clock_gettime(CLOCK_REALTIME, &node->attr.st_ctim);
	if (data)
		node->attr.st_mtim = node->attr.st_ctim;
}

static struct node *node_new(struct store *st, mode_t mode, uid_t uid, gid_t gid)
{
	struct node *node = calloc(1, sizeof(*node));

	if (!node)
		abort();
	node->attr.st_ino = ++st->last_ino;
	node->attr.st_mode = mode;
	node->attr.st_uid = uid;
	node->attr.st_gid = gid;
	node->attr.st_blksize = 4096;
	node->fd = -1;
	store_touch(node, true);
	node->attr.st_atim = node->attr.st_mtim;
	return node;
}

static void node_put(struct node *node)
{
	struct xattr *xa;

	if (node->attr.st_nlink || node->nlookup)
		return;
	while ((xa = node->xattrs)) {
		node->xattrs = xa->next;
		free(xa);
	}
	if (node->fd >= 0)
		close(node->fd);
	free(node->target);
	free(node);
}

static void node_forget(struct node *node, uint64_t n)
{
	if (n > node->nlookup) {
		fprintf(stderr, "fs-mem: FORGET of %lu, but %lu were looked up\n", n, node->nlookup);
		abort();
	}
	node->nlookup -= n;
	node_put(node);
}

/*
 * The file with the contents, made when first needed; -errno. Not a memfd where
 * it can be helped: the thread sanitizer does not know that call, and takes the
 * descriptor for the one that had the number before.
 */
static int node_fd(struct node *node)
{
	if (node->fd < 0)
		node->fd = open("/dev/shm", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (node->fd < 0)
		node->fd = memfd_create("fs-mem", MFD_CLOEXEC);
	return node->fd < 0 ? -errno : node->fd;
}

static struct stat node_stat(const struct node *node)
{
	struct stat st = node->attr, data;

	if (node->fd >= 0 && fstat(node->fd, &data) == 0) {
		st.st_size = data.st_size;
		st.st_blocks = data.st_blocks;
	}
	if (node->target)
		st.st_size = (off_t)strlen(node->target);
	return st;
}

static unsigned int dentry_hash(const struct node *dir, const char *name)
{
	uint64_t h = (uintptr_t)dir >> 4;

	while (*name)
		h = (h ^ (unsigned char)*name++) * 1099511628211ull;
	return (unsigned int)(h >> 20) % STORE_BUCKETS;
}

static struct dentry *dentry_find(struct store *st, const struct node *dir, const char *name)
{
	struct dentry *d = st->bucket[dentry_hash(dir, name)];

	while (d && (d->dir != dir || strcmp(d->name, name)))
		d = d->hash_next;
	return d;
}

/* What a name asks of a file, see struct node. */
static void node_named(struct node *node, const char *name)
{
	if (strncmp(name, "delay-", 6) == 0)
		node->delay_ms = (unsigned int)atoi(name + 6);
	if (strncmp(name, "late-", 5) == 0)
		node->late_ms = (unsigned int)atoi(name + 5);
	node->blocks = strncmp(name, "block", 5) == 0;
}

static void dentry_append(struct node *dir, struct dentry *d)
{
	d->cookie = ++dir->next_cookie;
	d->prev = dir->last;
	*(dir->last ? &dir->last->next : &dir->first) = d;
	dir->last = d;
}

static void dentry_add(struct store *st, struct node *dir, const char *name, struct node *node)
{
	struct dentry *d = calloc(1, sizeof(*d));
	unsigned int h = dentry_hash(dir, name);

	if (!d)
		abort();
	d->dir = dir;
	d->node = node;
	d->name = strdup(name);
	d->hash_next = st->bucket[h];
	st->bucket[h] = d;
	dentry_append(dir, d);
	node_named(node, name);
	node->attr.st_nlink++;
	if (S_ISDIR(node->attr.st_mode)) {
		node->parent = dir;
		dir->attr.st_nlink++;
	}
	store_touch(node, false);
	store_touch(dir, true);
}

/* Remove the name; the node goes too unless something else holds it. */
static void dentry_remove(struct store *st, struct dentry *d)
{
	struct dentry **p = &st->bucket[dentry_hash(d->dir, d->name)];
	struct node *node = d->node;

	while (*p != d)
		p = &(*p)->hash_next;
	*p = d->hash_next;
	*(d->prev ? &d->prev->next : &d->dir->first) = d->next;
	*(d->next ? &d->next->prev : &d->dir->last) = d->prev;
	if (S_ISDIR(node->attr.st_mode))
		d->dir->attr.st_nlink--;
	store_touch(d->dir, true);
	store_touch(node, false);
	free(d->name);
	free(d);
	node->attr.st_nlink--;
	node_put(node);
}

static struct xattr **xattr_find(struct node *node, const char *name)
{
	struct xattr **p = &node->xattrs;

	while (*p && strcmp((*p)->name, name))
		p = &(*p)->next;
	return p;
}

static int xattr_set(struct node *node, const char *name, const char *value, size_t size)
{
	struct xattr **p = xattr_find(node, name), *old = *p, *xa;

	xa = malloc(sizeof(*xa) + size + strlen(name) + 1);
	if (!xa)
		return -ENOMEM;
	xa->size = size;
	memcpy(xa->value, value, size);
	xa->name = strcpy(xa->value + size, name);
	xa->next = old ? old->next : NULL;
	*p = xa;
	free(old);
	store_touch(node, false);
	return 0;
}

static void store_init(struct store *st)
{
	pthread_mutex_init(&st->lock, NULL);
	st->root = node_new(st, S_IFDIR | 0755, getuid(), getgid());
	st->root->attr.st_nlink = 2;
	st->root->nlookup = 1;
	st->root->parent = st->root;
	st->ctl = node_new(st, S_IFREG | 0600, getuid(), getgid());
	dentry_add(st, st->root, ".ctl", st->ctl);
}

#endif

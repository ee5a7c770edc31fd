/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mem-name.h - fs-mem's requests on names: lookup, forget, create, remove,
 * rename, link, directories.
 */
#ifndef MEM_NAME_H
#define MEM_NAME_H

#include <linux/fs.h>

#include "mem-reply.h"
#include "mem-store.h"

static double mem_timeout;	/* of entries and attributes, seconds */
static unsigned long mem_forgets;

static struct store *mem_store(fuse_req_t req)
{
	return fuse_req_userdata(req);
}

static struct node *mem_node(fuse_req_t req, fuse_ino_t ino)
{
	return ino == FUSE_ROOT_ID ? mem_store(req)->root : (struct node *)(uintptr_t)ino;
}

static fuse_ino_t mem_ino(const struct store *st, const struct node *node)
{
	return node == st->root ? FUSE_ROOT_ID : (fuse_ino_t)(uintptr_t)node;
}

static struct store *mem_lock(fuse_req_t req)
{
	struct store *st = mem_store(req);

	pthread_mutex_lock(&st->lock);
	return st;
}

static void mem_unlock(struct store *st)
{
	pthread_mutex_unlock(&st->lock);
}

static void mem_sleep(unsigned int ms)
{
	struct timespec ts = { ms / 1000, (long)(ms % 1000) * 1000000 };

	if (ms)
		nanosleep(&ts, NULL);
}

/* What the kernel learns of NODE with a name; it counts as looked up. */
static struct fuse_entry_param mem_entry(const struct store *st, struct node *node)
{
	struct fuse_entry_param e = {
		.ino = mem_ino(st, node),
		.generation = node->attr.st_ino,
		.attr = node_stat(node),
		.attr_timeout = mem_timeout,
		.entry_timeout = mem_timeout,
	};

	node->nlookup++;
	return e;
}

/* Answer with NODE, or with ERR; unlocks. */
static void mem_answer_entry(fuse_req_t req, struct store *st, struct node *node, int err)
{
	struct reply r = { .req = req, .kind = REPLY_ENTRY };

	if (!err)
		r.entry = mem_entry(st, node);
	mem_unlock(st);
	if (err)
		reply_err(req, err);
	else
		reply(&r);
}

static int mem_permissions;

/* Whether the caller may do MASK (R_OK, W_OK, X_OK) to NODE, with --permissions. */
static int mem_may(fuse_req_t req, const struct node *node, int mask)
{
	const struct fuse_ctx *ctx = fuse_req_ctx(req);
	int shift = ctx->uid == node->attr.st_uid ? 6 : ctx->gid == node->attr.st_gid ? 3 : 0;

	if (!mem_permissions || ctx->uid == 0)
		return 0;
	return ((int)node->attr.st_mode >> shift & mask) == mask ? 0 : -EACCES;
}

static void mem_lookup(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	struct store *st;
	struct dentry *d;
	int err;

	if (strncmp(name, "delay-", 6) == 0)
		mem_sleep((unsigned int)atoi(name + 6));
	st = mem_lock(req);
	d = dentry_find(st, mem_node(req, parent), name);
	err = mem_may(req, mem_node(req, parent), X_OK);
	mem_answer_entry(req, st, d ? d->node : NULL, err ? err : d ? 0 : -ENOENT);
}

static void mem_access(fuse_req_t req, fuse_ino_t ino, int mask)
{
	struct store *st = mem_lock(req);
	int err = mem_permissions ? mem_may(req, mem_node(req, ino), mask & 7) : -ENOSYS;

	mem_unlock(st);
	reply_err(req, err);
}

static void mem_forget_one(fuse_req_t req, fuse_ino_t ino, uint64_t n)
{
	struct store *st = mem_lock(req);

	if (ino != FUSE_ROOT_ID)
		node_forget(mem_node(req, ino), n);
	mem_forgets++;
	mem_unlock(st);
}

static void mem_forget(fuse_req_t req, fuse_ino_t ino, uint64_t n)
{
	mem_forget_one(req, ino, n);
	fuse_reply_none(req);
}

static void mem_forget_multi(fuse_req_t req, size_t count, struct fuse_forget_data *forgets)
{
	for (size_t i = 0; i < count; i++)
		mem_forget_one(req, forgets[i].ino, forgets[i].nlookup);
	fuse_reply_none(req);
}

/* A new node called NAME in PARENT, or -errno; called locked. */
static int mem_make(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode,
		    struct node **node)
{
	const struct fuse_ctx *ctx = fuse_req_ctx(req);
	struct node *dir = mem_node(req, parent);
	struct store *st = mem_store(req);

	if (dentry_find(st, dir, name))
		return -EEXIST;
	if (strlen(name) > 255)
		return -ENAMETOOLONG;
	*node = node_new(st, mode, ctx->uid, ctx->gid);
	if (S_ISDIR(mode))
		(*node)->attr.st_nlink = 1;
	dentry_add(st, dir, name, *node);
	return 0;
}

static void mem_mknod(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode,
		      dev_t rdev)
{
	struct store *st = mem_lock(req);
	struct node *node = NULL;
	int err = mem_make(req, parent, name, mode, &node);

	if (!err)
		node->attr.st_rdev = rdev;
	mem_answer_entry(req, st, node, err);
}

static void mem_mkdir(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode)
{
	mem_mknod(req, parent, name, mode | S_IFDIR, 0);
}

static void mem_symlink(fuse_req_t req, const char *target, fuse_ino_t parent,
			const char *name)
{
	struct store *st = mem_lock(req);
	struct node *node = NULL;
	int err = mem_make(req, parent, name, S_IFLNK | 0777, &node);

	if (!err)
		node->target = strdup(target);
	mem_answer_entry(req, st, node, err);
}

static void mem_readlink(fuse_req_t req, fuse_ino_t ino)
{
	const char *target = mem_node(req, ino)->target;

	if (target)
		reply_buf(req, target, strlen(target));
	else
		reply_err(req, -EINVAL);
}

static void mem_link(fuse_req_t req, fuse_ino_t ino, fuse_ino_t parent, const char *name)
{
	struct store *st = mem_lock(req);
	struct node *node = mem_node(req, ino), *dir = mem_node(req, parent);
	int err = dentry_find(st, dir, name) ? -EEXIST : 0;

	if (!err)
		dentry_add(st, dir, name, node);
	mem_answer_entry(req, st, node, err);
}

static int mem_may_remove(const struct dentry *d, bool dir)
{
	if (!d)
		return -ENOENT;
	if (dir && !S_ISDIR(d->node->attr.st_mode))
		return -ENOTDIR;
	if (!dir && S_ISDIR(d->node->attr.st_mode))
		return -EISDIR;
	return dir && d->node->first ? -ENOTEMPTY : 0;
}

static void dentry_remove_any(struct store *st, struct dentry *d)
{
	if (S_ISDIR(d->node->attr.st_mode))
		d->node->attr.st_nlink--;	/* its "." */
	dentry_remove(st, d);
}

static void mem_remove(fuse_req_t req, fuse_ino_t parent, const char *name, bool dir)
{
	struct store *st = mem_lock(req);
	struct dentry *d = dentry_find(st, mem_node(req, parent), name);
	int err = mem_may_remove(d, dir);
	unsigned int late_ms = err ? 0 : d->node->late_ms;

	if (!err)
		dentry_remove_any(st, d);
	mem_unlock(st);
	mem_sleep(late_ms);
	reply_err(req, err);
}

static void mem_unlink(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	mem_remove(req, parent, name, false);
}

static void mem_rmdir(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	mem_remove(req, parent, name, true);
}

/* Give NODE the name NAME in DIR in place of D. */
static void dentry_move(struct store *st, struct dentry *d, struct node *dir, const char *name)
{
	struct node *node = d->node;

	dentry_add(st, dir, name, node);
	dentry_remove(st, d);
	if (S_ISDIR(node->attr.st_mode))
		node->parent = dir;
}

static int mem_rename_locked(struct store *st, struct node *from_dir, const char *from,
			     struct node *to_dir, const char *to, unsigned int flags)
{
	struct dentry *a = dentry_find(st, from_dir, from), *b = dentry_find(st, to_dir, to);
	struct node *other = b ? b->node : NULL;
	int err;

	if (!a || (!b && (flags & RENAME_EXCHANGE)))
		return -ENOENT;
	if (b && (flags & RENAME_NOREPLACE))
		return -EEXIST;
	if (a == b || (b && a->node == other && !(flags & RENAME_EXCHANGE)))
		return 0;
	if (flags & RENAME_EXCHANGE) {
		dentry_add(st, from_dir, from, other);
		dentry_move(st, a, to_dir, to);
		dentry_remove(st, b);
		return 0;
	}
	err = b ? mem_may_remove(b, S_ISDIR(a->node->attr.st_mode)) : 0;
	if (err)
		return err;
	if (b)
		dentry_remove_any(st, b);
	dentry_move(st, a, to_dir, to);
	return 0;
}

static void mem_rename(fuse_req_t req, fuse_ino_t parent, const char *name,
		       fuse_ino_t newparent, const char *newname, unsigned int flags)
{
	struct store *st = mem_lock(req);
	int err = mem_rename_locked(st, mem_node(req, parent), name, mem_node(req, newparent),
				    newname, flags);

	mem_unlock(st);
	reply_err(req, err);
}

/* Add one entry at BUF; its size, or more than SIZE when it does not fit. */
static size_t mem_add_entry(fuse_req_t req, struct store *st, char *buf, size_t size,
			    const char *name, struct node *node, uint64_t cookie, bool plus)
{
	struct fuse_entry_param e = { .attr = node_stat(node) };
	size_t need;

	if (!plus)
		return fuse_add_direntry(req, buf, size, name, &e.attr, (off_t)cookie);
	need = fuse_add_direntry_plus(req, NULL, 0, name, &e, (off_t)cookie);
	if (need > size)
		return need;
	if (name[0] != '.' || strcmp(name, ".ctl") == 0)
		e = mem_entry(st, node);
	return fuse_add_direntry_plus(req, buf, size, name, &e, (off_t)cookie);
}

static size_t mem_fill_dir(fuse_req_t req, struct store *st, struct node *dir, char *buf,
			   size_t size, uint64_t off, bool plus)
{
	struct dentry *d = dir->first;
	size_t used = 0, need;

	while (d && d->cookie <= off)
		d = d->next;
	for (; d; d = d->next) {
		need = mem_add_entry(req, st, buf + used, size - used, d->name, d->node,
				     d->cookie, plus);
		if (need > size - used)
			break;
		used += need;
	}
	return used;
}

static void mem_readdir_any(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off, bool plus)
{
	struct store *st = mem_lock(req);
	char *buf = malloc(size);
	size_t used;

	if (!buf)
		abort();
	used = mem_fill_dir(req, st, mem_node(req, ino), buf, size, (uint64_t)off, plus);
	mem_unlock(st);
	reply_buf(req, buf, used);
	free(buf);
}

static void mem_readdir(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off,
			struct fuse_file_info *fi)
{
	(void)fi;
	mem_readdir_any(req, ino, size, off, false);
}

static void mem_readdirplus(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off,
			    struct fuse_file_info *fi)
{
	(void)fi;
	mem_readdir_any(req, ino, size, off, true);
}

#endif

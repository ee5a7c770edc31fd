/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ex-tree.h - compares two directory trees: names, types, sizes, contents,
 * link targets, extended attributes, and permissions and times where kept.
 */
#ifndef EX_TREE_H
#define EX_TREE_H

#include <dirent.h>
#include <sys/xattr.h>

#include "ex.h"

enum {
	TREE_MODE	= 1 << 0,	/* permission bits */
	TREE_TIMES	= 1 << 1,	/* modification times of everything */
	TREE_SET_TIMES	= 1 << 2,	/* ... of files called time-* */
	TREE_NSEC	= 1 << 3,	/* ... to the nanosecond */
	TREE_XATTR	= 1 << 4,
	TREE_NLINK	= 1 << 5,
	TREE_OWNER	= 1 << 6,
};

struct tree {
	const char *root[2];
	unsigned int flags;
	unsigned int nodes;
	char path[4096];	/* of the node at hand, below both roots */
	char *why;		/* 256 bytes */
};

static int tree_differs(struct tree *t, const char *what)
{
	snprintf(t->why, 256, "%s and %s: %.100s: %s differs", t->root[0], t->root[1],
		 t->path, what);
	return -1;
}

static void tree_name(const struct tree *t, int side, char *buf, size_t len)
{
	snprintf(buf, len, "%s%s", t->root[side], t->path);
}

static int tree_times(struct tree *t, const struct stat *a, const struct stat *b)
{
	const char *base = strrchr(t->path, '/');
	bool set = base && strncmp(base, "/time-", 6) == 0;

	if (!(t->flags & TREE_TIMES) && !(set && (t->flags & TREE_SET_TIMES)))
		return 0;
	if (a->st_mtim.tv_sec != b->st_mtim.tv_sec)
		return tree_differs(t, "modification time");
	if ((t->flags & TREE_NSEC) && a->st_mtim.tv_nsec / 100 != b->st_mtim.tv_nsec / 100)
		return tree_differs(t, "modification time (ns)");
	return 0;
}

static int tree_stat(struct tree *t, const struct stat *a, const struct stat *b)
{
	if ((a->st_mode & S_IFMT) != (b->st_mode & S_IFMT))
		return tree_differs(t, "type");
	if ((t->flags & TREE_MODE) && !S_ISLNK(a->st_mode) && a->st_mode != b->st_mode)
		return tree_differs(t, "mode");
	if ((t->flags & TREE_OWNER) && (a->st_uid != b->st_uid || a->st_gid != b->st_gid))
		return tree_differs(t, "owner");
	if (!S_ISDIR(a->st_mode) && a->st_size != b->st_size)
		return tree_differs(t, "size");
	if ((t->flags & TREE_NLINK) && !S_ISDIR(a->st_mode) && a->st_nlink != b->st_nlink)
		return tree_differs(t, "link count");
	return S_ISLNK(a->st_mode) ? 0 : tree_times(t, a, b);
}

static int tree_content(struct tree *t, const char *a, const char *b)
{
	int fa = open(a, O_RDONLY), fb = open(b, O_RDONLY);
	ssize_t na, nb;
	off_t off = 0;

	do {
		na = ex_read_at(fa, ex_a, 1 << 20, off);
		nb = ex_read_at(fb, ex_b, 1 << 20, off);
		off += na;
	} while (na > 0 && na == nb && memcmp(ex_a, ex_b, (size_t)na) == 0);
	close(fa);
	close(fb);
	return na || nb ? tree_differs(t, "content") : 0;
}

static int tree_link(struct tree *t, const char *a, const char *b)
{
	char ta[4096], tb[4096];
	ssize_t na = readlink(a, ta, sizeof(ta)), nb = readlink(b, tb, sizeof(tb));

	if (na < 0 || na != nb || memcmp(ta, tb, (size_t)na))
		return tree_differs(t, "link target");
	return 0;
}

/* Every user.* attribute of FROM is on TO; how many there are. */
static int tree_xattr_in(const char *from, const char *to)
{
	char names[4096], va[4096], vb[4096];
	ssize_t len = listxattr(from, names, sizeof(names));
	int count = 0;

	for (ssize_t i = 0; i < len; i += (ssize_t)strlen(names + i) + 1) {
		ssize_t na, nb;

		if (strncmp(names + i, "user.", 5))
			continue;
		na = getxattr(from, names + i, va, sizeof(va));
		nb = getxattr(to, names + i, vb, sizeof(vb));
		if (na != nb || na < 0 || memcmp(va, vb, (size_t)na))
			return -1;
		count++;
	}
	return count;
}

static int tree_dir(struct tree *t, const char *a, const char *b);

static int tree_node(struct tree *t)
{
	char a[4300], b[4300];
	struct stat sa, sb;
	int err;

	t->nodes++;
	tree_name(t, 0, a, sizeof(a));
	tree_name(t, 1, b, sizeof(b));
	if (lstat(a, &sa) || lstat(b, &sb))
		return tree_differs(t, "existence");
	err = tree_stat(t, &sa, &sb);
	if (!err && S_ISREG(sa.st_mode) && (t->flags & TREE_XATTR))
		if (tree_xattr_in(a, b) < 0 || tree_xattr_in(b, a) < 0)
			err = tree_differs(t, "extended attributes");
	if (!err && S_ISREG(sa.st_mode))
		err = tree_content(t, a, b);
	if (!err && S_ISLNK(sa.st_mode))
		err = tree_link(t, a, b);
	if (!err && S_ISDIR(sa.st_mode))
		err = tree_dir(t, a, b);
	return err;
}

/* What libfuse calls an open file that was unlinked is no part of the tree. */
static int tree_skip_dots(const struct dirent *de)
{
	return strncmp(de->d_name, ".fuse_hidden", 12) && strcmp(de->d_name, ".") && strcmp(de->d_name, "..");
}

static int tree_by_name(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static int tree_dir(struct tree *t, const char *a, const char *b)
{
	struct dirent **la = NULL, **lb = NULL;
	int na = scandir(a, &la, tree_skip_dots, tree_by_name);
	int nb = scandir(b, &lb, tree_skip_dots, tree_by_name);
	size_t len = strlen(t->path);
	int err = na < 0 || na != nb ? tree_differs(t, "number of names") : 0;

	for (int i = 0; !err && i < na; i++) {
		if (strcmp(la[i]->d_name, lb[i]->d_name)) {
			err = tree_differs(t, "list of names");
			break;
		}
		snprintf(t->path + len, sizeof(t->path) - len, "/%s", la[i]->d_name);
		err = tree_node(t);
		if (!err)
			t->path[len] = '\0';
	}
	while (na > 0)
		free(la[--na]);
	while (nb > 0)
		free(lb[--nb]);
	free(la);
	free(lb);
	return err;
}

/* 0 when the trees below A and B are the same in what FLAGS name. */
static int tree_compare(const char *a, const char *b, unsigned int flags, char *why,
			unsigned int *nodes)
{
	static struct tree t;
	int err;

	t = (struct tree){ .root = { a, b }, .flags = flags, .why = why };
	err = tree_node(&t);
	*nodes = t.nodes;
	return err;
}

#endif

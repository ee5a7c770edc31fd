/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mirror-name.h - fs-mirror's requests on names: looking up, making, moving,
 * removing and listing them.
 */
#ifndef MIRROR_NAME_H
#define MIRROR_NAME_H

#include <dirent.h>
#include <sys/fsuid.h>
#include <sys/syscall.h>

#include "mirror-node.h"

#define GROUPS	32	/* of a caller, at most */

static int mirror_as_caller;	/* the source's permissions are for who asks */
static double mirror_timeout;

/* Of this thread alone, which the library's function is not. */
static void set_groups(int n, const gid_t *groups)
{
	static __thread int have;

	if ((n > 0 || have > 0) && syscall(SYS_setgroups, n > 0 ? n : 0, groups))
		abort();
	have = n;
}

/* Makes a file as who asks; with --as-caller, does everything so. */
static void become(fuse_req_t req, bool makes)
{
	const struct fuse_ctx *ctx = fuse_req_ctx(req);

	gid_t groups[GROUPS];
	int n;

	if (!makes && !mirror_as_caller)
		return;
	n = ctx->uid ? fuse_req_getgroups(req, GROUPS, groups) : 0;
	set_groups(n > GROUPS ? GROUPS : n, groups);
	setfsgid(ctx->gid);
	setfsuid(ctx->uid);
}

/* As ourselves again; keeps errno. */
static void become_self(void)
{
	int err = errno;

	setfsuid(0);
	setfsgid(0);
	set_groups(0, NULL);
	errno = err;
}

/* Answers with the result of a call, which is negative for the error in errno. */
static void done(fuse_req_t req, long ret)
{
	int err = ret < 0 ? errno : 0;

	become_self();
	fuse_reply_err(req, err);
}

/* The control file has no name in the source. */
static int open_entry(int dir, fuse_ino_t parent, const char *name)
{
	if (parent == FUSE_ROOT_ID && strcmp(name, ".ctl") == 0)
		return node_fd(node_ctl);
	return openat(dir, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
}

/* Looks a name up and counts it. Returns 0 or -1 and errno. */
static int entry_get(fuse_ino_t parent, const char *name, struct fuse_entry_param *e)
{
	int fd = open_entry(node_fd(parent), parent, name);

	memset(e, 0, sizeof(*e));
	e->attr_timeout = e->entry_timeout = mirror_timeout;
	if (fd < 0 || fstatat(fd, "", &e->attr, AT_EMPTY_PATH))
		return -1;
	if (fd == nodes[node_ctl].fd) {
		e->ino = node_ctl;
		nodes[node_ctl].nlookup++;
	} else {
		e->ino = node_get(fd, &e->attr);
	}
	return 0;
}

/* Answers what makes or finds a name; ret is of the call that made it. */
static void reply_entry(fuse_req_t req, long ret, fuse_ino_t parent, const char *name)
{
	struct fuse_entry_param e;
	int err = ret < 0 || entry_get(parent, name, &e) ? errno : 0;

	become_self();
	if (err)
		fuse_reply_err(req, err);
	else
		fuse_reply_entry(req, &e);
}

static void mirror_lookup(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	struct fuse_entry_param e;
	int err;

	become(req, false);
	err = entry_get(parent, name, &e) ? errno : 0;
	become_self();
	if (err && (err != ENOENT || !mirror_timeout))
		fuse_reply_err(req, err);
	else
		fuse_reply_entry(req, &e);	/* node 0: it is not there, for that time */
}

static void mirror_forget(fuse_req_t req, fuse_ino_t ino, uint64_t n)
{
	node_forget(ino, n);
	fuse_reply_none(req);
}

static void mirror_forget_multi(fuse_req_t req, size_t count, struct fuse_forget_data *all)
{
	for (size_t i = 0; i < count; i++)
		node_forget(all[i].ino, all[i].nlookup);
	fuse_reply_none(req);
}

static void mirror_mknod(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode,
			 dev_t dev)
{
	become(req, true);
	reply_entry(req, mknodat(node_fd(parent), name, mode, dev), parent, name);
}

static void mirror_mkdir(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode)
{
	become(req, true);
	reply_entry(req, mkdirat(node_fd(parent), name, mode), parent, name);
}

static void mirror_symlink(fuse_req_t req, const char *target, fuse_ino_t parent,
			   const char *name)
{
	become(req, true);
	reply_entry(req, symlinkat(target, node_fd(parent), name), parent, name);
}

static void mirror_link(fuse_req_t req, fuse_ino_t ino, fuse_ino_t parent, const char *name)
{
	char path[32];

	become(req, false);
	reply_entry(req, linkat(AT_FDCWD, node_path(ino, path), node_fd(parent), name,
				AT_SYMLINK_FOLLOW), parent, name);
}

static void mirror_unlink(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	become(req, false);
	done(req, unlinkat(node_fd(parent), name, 0));
}

static void mirror_rmdir(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	become(req, false);
	done(req, unlinkat(node_fd(parent), name, AT_REMOVEDIR));
}

static void mirror_rename(fuse_req_t req, fuse_ino_t parent, const char *name,
			  fuse_ino_t newparent, const char *newname, unsigned int flags)
{
	become(req, false);
	done(req, renameat2(node_fd(parent), name, node_fd(newparent), newname, flags));
}

/* --- folders ----------------------------------------------------------------- */

static void mirror_opendir(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	DIR *dir = NULL;
	char path[32];
	int fd, err;

	/* Not by ".", which who may list it may perhaps not enter. */
	become(req, false);
	fd = open(node_path(ino, path), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd >= 0)
		dir = fdopendir(fd);
	err = dir ? 0 : errno;
	become_self();
	fi->fh = (uintptr_t)dir;
	if (err)
		fuse_reply_err(req, err);
	else
		fuse_reply_open(req, fi);
}

/* One entry at buf; its size, more than size if it does not fit. */
static size_t add_entry(fuse_req_t req, fuse_ino_t parent, const struct dirent *d, char *buf,
			size_t size, bool plus)
{
	struct fuse_entry_param e = { .attr = { .st_ino = d->d_ino,
						.st_mode = (mode_t)d->d_type << 12 } };
	size_t need;

	if (!plus)
		return fuse_add_direntry(req, buf, size, d->d_name, &e.attr, d->d_off);
	need = fuse_add_direntry_plus(req, NULL, 0, d->d_name, &e, d->d_off);
	if (need > size)
		return need;
	if (strcmp(d->d_name, ".") && strcmp(d->d_name, "..")) {
		become(req, false);
		if (entry_get(parent, d->d_name, &e))
			e.attr = (struct stat){ .st_ino = d->d_ino,
						.st_mode = (mode_t)d->d_type << 12 };
		become_self();
	}
	return fuse_add_direntry_plus(req, buf, size, d->d_name, &e, d->d_off);
}

static size_t fill_dir(fuse_req_t req, fuse_ino_t parent, DIR *dir, off_t off, char *buf,
		       size_t size, bool plus)
{
	size_t used = 0, need;
	struct dirent *d;

	seekdir(dir, off);
	while ((d = readdir(dir))) {
		need = add_entry(req, parent, d, buf + used, size - used, plus);
		if (need > size - used)
			break;
		used += need;
	}
	return used;
}

static void list(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off,
		 struct fuse_file_info *fi, bool plus)
{
	char *buf = malloc(size);

	if (!buf)
		abort();
	fuse_reply_buf(req, buf, fill_dir(req, ino, (DIR *)(uintptr_t)fi->fh, off, buf, size, plus));
	free(buf);
}

static void mirror_readdir(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off,
			   struct fuse_file_info *fi)
{
	list(req, ino, size, off, fi, false);
}

static void mirror_readdirplus(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off,
			       struct fuse_file_info *fi)
{
	list(req, ino, size, off, fi, true);
}

static void mirror_releasedir(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	(void)ino;
	closedir((DIR *)(uintptr_t)fi->fh);
	fuse_reply_err(req, 0);
}

#endif

// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * mounts.c - the mount table through libmount. See mounts.h.
 *
 * Only reading it is done here, never a system call on a mounted file system:
 * that may hang.
 */
#include "mount.efuse/mounts.h"

#include <libmount/libmount.h>
#include <limits.h>

#include "mount.efuse/util.h"

int mounts_open(struct mounts *m)
{
	int err;

	*m = (struct mounts){ .table = mnt_new_table(), .iter = mnt_new_iter(MNT_ITER_FORWARD) };
	if (!m->table || !m->iter)
		return -ENOMEM;
	err = mnt_table_parse_mtab(m->table, NULL);
	return err > 0 ? -EIO : err;
}

void mounts_close(struct mounts *m)
{
	mnt_free_iter(m->iter);
	mnt_unref_table(m->table);
	*m = (struct mounts){ 0 };
}

static const char *or_empty(const char *s)
{
	return s ? s : "";
}

static void fill(struct mounts_entry *entry, struct libmnt_fs *fs)
{
	*entry = (struct mounts_entry){
		.id = mnt_fs_get_id(fs),
		.parent = mnt_fs_get_parent_id(fs),
		.dev = mnt_fs_get_devno(fs),
		.source = or_empty(mnt_fs_get_source(fs)),
		.target = or_empty(mnt_fs_get_target(fs)),
		.fstype = or_empty(mnt_fs_get_fstype(fs)),
		.options = or_empty(mnt_fs_get_options(fs)),
		.attributes = or_empty(mnt_fs_get_attributes(fs)),
	};
}

bool mounts_next(struct mounts *m, struct mounts_entry *entry)
{
	struct libmnt_fs *fs;

	if (mnt_table_next_fs(m->table, m->iter, &fs) != 0) {
		mnt_reset_iter(m->iter, MNT_ITER_FORWARD);
		return false;
	}
	fill(entry, fs);
	return true;
}

/* Length of TARGET when PATH is it or lies below it, else 0. */
static size_t covers(const char *target, const char *path)
{
	size_t len = strlen(target);

	if (streq(target, "/"))
		return 1;
	return strncmp(target, path, len) == 0 && (!path[len] || path[len] == '/') ? len : 0;
}

/*
 * The one mounted last wins among those of the longest target. A mount that
 * was made earlier but lies on top (moved there) is told by its parent.
 */
static struct libmnt_fs *topmost(struct mounts *m, const char *path, bool exact)
{
	struct libmnt_fs *fs, *best = NULL;
	size_t best_len = 0;

	mnt_reset_iter(m->iter, MNT_ITER_FORWARD);
	while (mnt_table_next_fs(m->table, m->iter, &fs) == 0) {
		const char *target = mnt_fs_get_target(fs);
		size_t len = target ? covers(target, path) : 0;

		if (!len || len < best_len || (exact && !streq(target, path)))
			continue;
		if (best && len == best_len && mnt_fs_get_parent_id(best) == mnt_fs_get_id(fs))
			continue;
		best = fs;
		best_len = len;
	}
	mnt_reset_iter(m->iter, MNT_ITER_FORWARD);
	return best;
}

static bool find(struct mounts *m, const char *path, bool exact, struct mounts_entry *entry)
{
	struct libmnt_fs *fs = topmost(m, path, exact);

	if (fs)
		fill(entry, fs);
	return fs != NULL;
}

bool mounts_at(struct mounts *m, const char *path, struct mounts_entry *entry)
{
	return find(m, path, true, entry);
}

bool mounts_holding(struct mounts *m, const char *path, struct mounts_entry *entry)
{
	return find(m, path, false, entry);
}

/* --- naming a mount point -------------------------------------------------- */

/* FOLDER resolved, then NAME behind it. */
static int join(const char *folder, const char *name, char **out)
{
	__cleanup(freep) char *real = realpath(folder, NULL);

	if (!real)
		return -errno;
	if (asprintf(out, "%s%s%s", streq(real, "/") ? "" : real, "/", name) < 0) {
		*out = NULL;
		return -ENOMEM;
	}
	return 0;
}

/* The last component can be resolved only by looking at it: ".", ".." and "/". */
static int resolve_whole(const char *path, char **out)
{
	*out = realpath(path, NULL);
	return *out ? 0 : -errno;
}

/* Split off the last component of PATH (not empty) and resolve what is before it. */
static int resolve_folder(const char *path, char **out)
{
	__cleanup(freep) char *copy = strdup(path);
	char *slash;
	size_t len;

	if (!copy)
		return -ENOMEM;
	for (len = strlen(copy); len > 1 && copy[len - 1] == '/'; len--)
		copy[len - 1] = '\0';
	slash = strrchr(copy, '/');
	if (slash ? !slash[1] || streq(slash + 1, ".") || streq(slash + 1, "..")
		  : streq(copy, ".") || streq(copy, ".."))
		return resolve_whole(path, out);
	if (!slash)
		return join(".", copy, out);
	*slash = '\0';
	return join(slash == copy ? "/" : copy, slash + 1, out);
}

/* readlink(2) asks the file system that holds PATH, not one mounted upon it. */
int mounts_resolve(const char *path, char **out)
{
	__cleanup(freep) char *name = NULL;
	char link[PATH_MAX];
	int err;

	*out = NULL;
	if (!path[0])
		return -ENOENT;
	err = resolve_folder(path, &name);
	if (err)
		return err;
	if (readlink(name, link, sizeof(link)) >= 0)
		return resolve_whole(name, out);
	*out = take_ptr(name);
	return 0;
}

/* --- FUSE types ------------------------------------------------------------ */

/* The efuse driver's types are the same with an e. */
bool mounts_is_fuse(const char *fstype)
{
	fstype += *fstype == 'e';
	return streq(fstype, "fuse") || streq(fstype, "fuseblk") || str_after(fstype, "fuse.") ||
	       str_after(fstype, "fuseblk.");
}

bool mounts_is_efuse(const char *fstype)
{
	return *fstype == 'e' && mounts_is_fuse(fstype);
}

const char *mounts_subtype(const char *fstype)
{
	const char *dot = mounts_is_fuse(fstype) ? strchr(fstype, '.') : NULL;

	return dot ? dot + 1 : "";
}

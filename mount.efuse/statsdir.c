// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * statsdir.c - the folders of status files, searched.
 *
 * A folder must belong to the user it is named after or to root, and nobody
 * else may write there. One on a FUSE mount is left alone (AVOID): its daemon
 * could hold us up for ever.
 */
#include <ctype.h>
#include <dirent.h>
#include <limits.h>
#include <sys/stat.h>

#include "mount.efuse/statsdir.h"
#include "mount.efuse/util.h"
#include "shim/config.h"

#define FILES_MAX	4096	/* entries looked at per folder */

/* One search: what was asked for, what was found, which directories were done. */
struct search {
	statsdir_avoid *avoid;
	void *arg;
	struct statsdir_found *found;
	struct statsfile **tail;
	struct stat seen[64];
	unsigned int nseen;
};

static int set_path(struct statsfile *file, const char *dir)
{
	char *path;

	if (asprintf(&path, "%s/%s", dir, file->path) < 0)
		return -ENOMEM;
	free(file->path);
	file->path = path;
	return 0;
}

static int search_file(struct search *s, int dirfd, const char *dir, uid_t owner, const char *name)
{
	struct statsfile *file;
	int err = statsfile_read(dirfd, name, owner, &file);

	if (err == -ENOMEM)
		return err;
	if (err == -ESRCH && unlinkat(dirfd, name, 0) == 0)
		s->found->removed++;
	if (err == -EPROTONOSUPPORT)
		s->found->foreign++;
	if (err)
		return 0;
	err = set_path(file, dir);
	if (err) {
		statsfile_free(file);
		return err;
	}
	*s->tail = file;
	s->tail = &file->next;
	return 0;
}

/* Belongs to OWNER or root, nobody else may write there, not searched before. */
static bool usable_dir(struct search *s, int fd, uid_t owner)
{
	struct stat st;

	if (fstat(fd, &st) || !S_ISDIR(st.st_mode) || (st.st_mode & (S_IWGRP | S_IWOTH)))
		return false;
	if (st.st_uid != owner && st.st_uid != 0)
		return false;
	for (unsigned int i = 0; i < s->nseen; i++)
		if (s->seen[i].st_dev == st.st_dev && s->seen[i].st_ino == st.st_ino)
			return false;
	if (s->nseen < ARRAY_SIZE(s->seen))
		s->seen[s->nseen++] = st;
	return true;
}

static int search_dir(struct search *s, const char *dir, uid_t owner)
{
	struct dirent *entry;
	unsigned int n = 0;
	int fd, err = 0;
	DIR *d;

	if (s->avoid && s->avoid(dir, s->arg))
		return 0;
	fd = open(dir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return 0;
	if (!usable_dir(s, fd, owner) || !(d = fdopendir(fd))) {
		close(fd);
		return 0;
	}
	while (!err && n++ < FILES_MAX && (entry = readdir(d)))
		if (entry->d_name[0] != '.')
			err = search_file(s, fd, dir, owner, entry->d_name);
	closedir(d);
	return err;
}

/* Every entry PREFIX + UID of PARENT, SUFFIX added, is that user's directory. */
static int search_users(struct search *s, const char *parent, const char *prefix,
			const char *suffix)
{
	size_t len = strlen(prefix);
	struct dirent *entry;
	DIR *d = opendir(parent);
	char path[PATH_MAX];
	unsigned long uid;
	char *end;
	int err = 0;

	while (d && !err && (entry = readdir(d))) {
		if (strncmp(entry->d_name, prefix, len) || !isdigit((unsigned char)entry->d_name[len]))
			continue;
		errno = 0;
		uid = strtoul(entry->d_name + len, &end, 10);
		if (errno || *end || uid >= UINT32_MAX)
			continue;
		snprintf(path, sizeof(path), "%s/%s%s", parent, entry->d_name, suffix);
		err = search_dir(s, path, (uid_t)uid);
	}
	if (d)
		closedir(d);
	return err;
}

/* Directories named by the caller's own environment. */
static int search_environment(struct search *s)
{
	const char *runtime = getenv("XDG_RUNTIME_DIR"), *status = getenv(CONFIG_ENV_STATUS);
	char path[PATH_MAX];
	int err = 0;

	if (status && *status == '/')
		err = search_dir(s, status, getuid());
	if (err || !runtime || *runtime != '/')
		return err;
	if (snprintf(path, sizeof(path), "%s/" CONFIG_STATUS_USER, runtime) >= (int)sizeof(path))
		return 0;
	return search_dir(s, path, getuid());
}

int statsdir_search(statsdir_avoid *avoid, void *arg, struct statsdir_found *found)
{
	struct search s = { .avoid = avoid, .arg = arg, .found = found };
	int err;

	memset(found, 0, sizeof(*found));
	s.tail = &found->list;
	err = search_dir(&s, CONFIG_STATUS_ROOT, 0);
	if (!err)
		err = search_environment(&s);
	if (!err)
		err = search_users(&s, "/run/user", "", "/" CONFIG_STATUS_USER);
	if (!err)
		err = search_users(&s, "/tmp", "efuse-", "");
	if (err) {
		statsfile_free(found->list);
		found->list = NULL;
	}
	return err;
}

// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * record.c - what a mount was made from. See record.h.
 *
 * One "name=value" a line, values escaped as in fstab, so a newline in one
 * cannot make another line. The folder is the caller's own (handover.h), so
 * what is read back is what this user wrote.
 */
#include "mount.efuse/record.h"

#include <dirent.h>
#include <libmount/libmount.h>
#include <limits.h>
#include <sys/sysmacros.h>

#include "mount.efuse/util.h"

static int path_of(char path[PATH_MAX], const char *dir, int id, const char *suffix)
{
	if (!dir[0])
		return -ENOENT;
	return snprintf(path, PATH_MAX, "%s/mount-%d%s", dir, id, suffix) < PATH_MAX ?
	       0 : -ENAMETOOLONG;
}

static void put(FILE *f, const char *name, const char *value)
{
	__cleanup(freep) char *escaped = mnt_mangle(value);

	fprintf(f, "%s=%s\n", name, escaped ? escaped : "");
}

static int fill(int fd, const struct mounts_entry *mount, const struct record *r)
{
	FILE *f = fdopen(fd, "w");

	if (!f) {
		close(fd);
		return -errno;
	}
	fprintf(f, "device=%u:%u\n", major(mount->dev), minor(mount->dev));
	put(f, "program", r->program);
	put(f, "source", r->source);
	put(f, "options", r->options);
	put(f, "token", r->token);
	return fclose(f) == 0 ? 0 : -errno;
}

int record_write(const char *dir, const struct mounts_entry *mount, const struct record *r)
{
	char temp[PATH_MAX], path[PATH_MAX];
	int fd, err = path_of(temp, dir, mount->id, ".new");

	if (err || path_of(path, dir, mount->id, "") < 0)
		return err;
	unlink(temp);
	fd = open(temp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	err = fill(fd, mount, r);
	if (!err && rename(temp, path) < 0)
		err = -errno;
	if (err)
		unlink(temp);
	return err;
}

/* The value of line NAME in TEXT, unescaped and malloced; "" when it is not there. */
static char *get(const char *text, const char *name)
{
	const char *line = text, *value;

	for (; line; line = strchr(line, '\n') ? strchr(line, '\n') + 1 : NULL) {
		value = str_after(line, name);
		if (value && *value == '=') {
			size_t len = strcspn(value + 1, "\n");
			__cleanup(freep) char *escaped = strndup(value + 1, len);

			return escaped && len ? mnt_unmangle(escaped) : strdup("");
		}
	}
	return strdup("");
}

static bool same_device(const char *text, dev_t dev)
{
	__cleanup(freep) char *device = get(text, "device");
	char wanted[32];

	snprintf(wanted, sizeof(wanted), "%u:%u", major(dev), minor(dev));
	return device && streq(device, wanted);
}

#define RECORD_MAX	(256 * 1024)

int record_read(const char *dir, const struct mounts_entry *mount, struct record *r)
{
	__cleanup(freep) char *text = malloc(RECORD_MAX);
	char path[PATH_MAX];
	ssize_t len = path_of(path, dir, mount->id, "");

	*r = (struct record){ 0 };
	if (!text)
		return -ENOMEM;
	if (len < 0)
		return (int)len;
	len = file_read(path, text, RECORD_MAX);
	if (len < 0)
		return (int)len;
	if (!same_device(text, mount->dev))
		return -ENOENT;
	r->program = get(text, "program");
	r->source = get(text, "source");
	r->options = get(text, "options");
	r->token = get(text, "token");
	if (r->program && r->source && r->options && r->token)
		return 0;
	record_free(r);
	return -ENOMEM;
}

void record_free(struct record *r)
{
	free(r->program);
	free(r->source);
	free(r->options);
	free(r->token);
	*r = (struct record){ 0 };
}

static bool is_mounted(struct mounts *m, int id)
{
	struct mounts_entry e;
	bool found = false;

	while (mounts_next(m, &e))
		found |= e.id == id;
	return found;
}

/* The mount id in a record's file name, or 0. */
static int id_of(const char *name)
{
	const char *digits = str_after(name, "mount-");
	char *end;
	long id = digits && *digits >= '1' && *digits <= '9' ? strtol(digits, &end, 10) : 0;

	return id > 0 && id <= INT_MAX && !*end ? (int)id : 0;
}

#define PURGE_MAX	256	/* at a time; the next mount goes on */

void record_purge(const char *dir)
{
	DIR *d = opendir(dir);
	int id[PURGE_MAX], n = 0;
	struct mounts m;
	struct dirent *file;
	char path[PATH_MAX];

	if (!d)
		return;
	while (n < PURGE_MAX && (file = readdir(d)))
		if (id_of(file->d_name))
			id[n++] = id_of(file->d_name);
	closedir(d);
	/* Read after the names: a record is written when its mount is there. */
	if (n && mounts_open(&m) == 0) {
		for (int i = 0; i < n; i++)
			if (!is_mounted(&m, id[i]) && path_of(path, dir, id[i], "") == 0)
				unlink(path);
		mounts_close(&m);
	}
}

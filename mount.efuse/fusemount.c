// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * fusemount.c - the FUSE mounts of this machine, each with its status file.
 *
 * A status file is only believed about mounts of its owner, or about any when
 * it is root's: it names its connection by device number (new kernels), its
 * start by the token the helper noted with the mount, or else its program, and
 * then only counts when one mount and one file are left. No call is made that
 * reaches a mounted file system: a dead daemon cannot hold us up.
 */
#include <limits.h>
#include <sys/sysmacros.h>

#include "mount.efuse/fusemount.h"
#include "mount.efuse/mounts.h"
#include "mount.efuse/statsdir.h"
#include "mount.efuse/util.h"

/* TASK_COMM_LEN - 1: more of a program's name the kernel does not tell. */
#define COMM_LEN	15

static void free_mount(struct fusemount *mount)
{
	for (unsigned int i = 0; i < mount->nalso; i++)
		free(mount->also[i]);
	free(mount->also);
	free(mount->source);
	free(mount->target);
	free(mount->fstype);
	statsfile_free(mount->stats);
	free(mount);
}

void fusemount_free(struct fusemount_table *table)
{
	while (table->list) {
		struct fusemount *next = table->list->next;

		free_mount(table->list);
		table->list = next;
	}
	statsfile_free(table->elsewhere);
	table->elsewhere = NULL;
}

/* The value of NAME= in a comma separated list, malloced; "" when it is not there. */
static char *option_value(const char *options, const char *name)
{
	size_t len = strlen(name);
	const char *s = options;

	while (s) {
		if (strncmp(s, name, len) == 0 && s[len] == '=')
			return strndup(s + len + 1, strcspn(s + len + 1, ","));
		s = strchr(s, ',');
		if (s)
			s++;
	}
	return strdup("");
}

static uid_t user_of(const char *options)
{
	char *value = option_value(options, "user_id");
	uid_t user = value && *value ? (uid_t)strtoul(value, NULL, 10) : 0;

	free(value);
	return user;
}

static struct fusemount *new_mount(const struct mounts_entry *entry)
{
	struct fusemount *mount = calloc(1, sizeof(*mount));

	if (!mount)
		return NULL;
	mount->source = strdup(entry->source);
	mount->target = strdup(entry->target);
	mount->fstype = strdup(entry->fstype);
	mount->dev = entry->dev;
	mount->user = user_of(entry->options);
	if (mount->source && mount->target && mount->fstype)
		return mount;
	free_mount(mount);
	return NULL;
}

/* The same connection once more: a bind mount. */
static int add_target(struct fusemount *mount, const char *target)
{
	char **also = reallocarray(mount->also, mount->nalso + 1, sizeof(*also));

	if (!also)
		return -ENOMEM;
	mount->also = also;
	also[mount->nalso] = strdup(target);
	if (!also[mount->nalso])
		return -ENOMEM;
	mount->nalso++;
	return 0;
}

static int add_entry(struct fusemount **list, const struct mounts_entry *entry)
{
	struct fusemount **p = list;

	while (*p && (*p)->dev != entry->dev)
		p = &(*p)->next;
	if (*p)
		return add_target(*p, entry->target);
	*p = new_mount(entry);
	return *p ? 0 : -ENOMEM;
}

static int read_mounts(struct mounts *m, struct fusemount **list)
{
	struct mounts_entry entry;
	int err = 0;

	while (!err && mounts_next(m, &entry))
		if (mounts_is_fuse(entry.fstype))
			err = add_entry(list, &entry);
	return err;
}

static bool on_fuse(const char *path, void *m)
{
	struct mounts_entry entry;

	return mounts_holding(m, path, &entry) && mounts_is_fuse(entry.fstype);
}

int fusemount_read(struct fusemount_table *table)
{
	struct statsdir_found found;
	struct mounts m;
	int err = mounts_open(&m);

	memset(table, 0, sizeof(*table));
	if (!err)
		err = read_mounts(&m, &table->list);
	if (!err)
		err = statsdir_search(on_fuse, &m, &found);
	mounts_close(&m);
	if (err) {
		fusemount_free(table);
		return err;
	}
	table->foreign = found.foreign;
	table->removed = found.removed;
	table->elsewhere = fusemount_match(table->list, found.list);
	return 0;
}

static bool is_target(const struct fusemount *mount, const char *path)
{
	if (streq(mount->target, path))
		return true;
	for (unsigned int i = 0; i < mount->nalso; i++)
		if (streq(mount->also[i], path))
			return true;
	return false;
}

int fusemount_find(struct fusemount_table *table, const char *path, struct fusemount **mount)
{
	__cleanup(freep) char *target = NULL;
	int err = mounts_resolve(path, &target);

	if (err)
		return err;
	/* The last one is on top where several are mounted on one folder. */
	*mount = NULL;
	for (struct fusemount *p = table->list; p; p = p->next)
		if (is_target(p, target))
			*mount = p;
	return *mount ? 0 : -EINVAL;
}

/* The kernel's own encoding of a device number, as fdinfo and fusectl show it. */
static uint32_t kernel_dev(dev_t dev)
{
	return (uint32_t)(major(dev) << 20 | minor(dev));
}

static bool may_claim(const struct fusemount *mount, const struct statsfile *file)
{
	return file->owner == 0 || file->owner == mount->user;
}

static bool by_connection(const struct fusemount *mount, const struct statsfile *file)
{
	return file->head.conn && file->head.conn == kernel_dev(mount->dev);
}

/* fuseblk does not say which program serves it. */
static bool by_program(const struct fusemount *mount, const struct statsfile *file)
{
	const char *subtype = mounts_subtype(mount->fstype);

	return !file->head.conn && (!*subtype || strncmp(subtype, file->head.comm, COMM_LEN) == 0);
}

/* The mount without a file that FILE may belong to, if there is exactly one. */
static struct fusemount *only_mount(struct fusemount *mounts, const struct statsfile *file)
{
	struct fusemount *one = NULL;

	for (struct fusemount *p = mounts; p; p = p->next) {
		if (p->stats || !may_claim(p, file) || !by_program(p, file))
			continue;
		if (one)
			return NULL;
		one = p;
	}
	return one;
}

static bool only_file(const struct fusemount *mount, const struct statsfile *list)
{
	unsigned int n = 0;

	for (; list; list = list->next)
		n += may_claim(mount, list) && by_program(mount, list);
	return n == 1;
}

/* Of two files for one connection root's counts, then the later start. */
static bool better(const struct statsfile *a, const struct statsfile *b)
{
	if ((a->owner == 0) != (b->owner == 0))
		return a->owner == 0;
	return a->head.starttime > b->head.starttime;
}

/* Move the file at *P to MOUNT. */
static void give(struct fusemount *mount, struct statsfile **p)
{
	mount->stats = *p;
	*p = mount->stats->next;
	mount->stats->next = NULL;
}

static void match_connections(struct fusemount *mounts, struct statsfile **list)
{
	for (; mounts; mounts = mounts->next) {
		struct statsfile **best = NULL;

		for (struct statsfile **p = list; *p; p = &(*p)->next)
			if (may_claim(mounts, *p) && by_connection(mounts, *p) &&
			    (!best || better(*p, *best)))
				best = p;
		if (best)
			give(mounts, best);
	}
}

static void match_by_program(struct fusemount *mounts, struct statsfile **list)
{
	struct statsfile **p = list;

	while (*p) {
		struct fusemount *mount = only_mount(mounts, *p);

		if (mount && only_file(mount, *list))
			give(mount, p);
		else
			p = &(*p)->next;
	}
}

struct statsfile *fusemount_match(struct fusemount *mounts, struct statsfile *list)
{
	match_connections(mounts, &list);
	match_by_program(mounts, &list);
	return list;
}

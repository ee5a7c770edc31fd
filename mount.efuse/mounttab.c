// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * mounttab.c - reading mountinfo. See mounttab.h.
 *
 * The kernel writes blanks, tabs, newlines and backslashes in names as \ooo, so
 * a name can contain none of what separates fields and lines. It is read as one
 * piece; a table that needs more than MAX_SIZE is an error, not a cut table.
 */
#include "mount.efuse/mounttab.h"

#include <linux/magic.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>

#include "mount.efuse/util.h"

#define FIRST_SIZE (64 * 1024)
#define MAX_SIZE (64 * 1024 * 1024)

/* --- the file -------------------------------------------------------------- */

/* The whole of FD, terminated; NULL and errno on failure. */
static char *read_all(int fd)
{
	__cleanup(freep) char *buf = NULL;
	size_t size = 0, len = 0;
	ssize_t n;

	do {
		if (len + 1 >= size) {
			char *more = size < MAX_SIZE ? realloc(buf, size ? 2 * size : FIRST_SIZE) : NULL;

			if (!more) {
				errno = ENOMEM;
				return NULL;
			}
			buf = more;
			size = size ? 2 * size : FIRST_SIZE;
		}
		n = read(fd, buf + len, size - len - 1);
		if (n < 0)
			return NULL;
		len += (size_t)n;
	} while (n > 0);
	buf[len] = '\0';
	return take_ptr(buf);
}

int mounttab_open(struct mounttab *tab)
{
	__cleanup(closep) int fd = open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC);
	struct statfs fs;

	*tab = (struct mounttab){ 0 };
	if (fd < 0)
		return -errno;
	/* A file that is not the kernel's word is worth nothing. */
	if (fstatfs(fd, &fs) < 0 || fs.f_type != PROC_SUPER_MAGIC)
		return -ENODEV;
	tab->text = tab->next = read_all(fd);
	return tab->text ? 0 : -errno;
}

void mounttab_from(struct mounttab *tab, char *text)
{
	tab->text = tab->next = text;
}

void mounttab_close(struct mounttab *tab)
{
	free(tab->text);
	*tab = (struct mounttab){ 0 };
}

/* --- one line -------------------------------------------------------------- */

/* Cut the field at *S off and move behind it; NULL at the end of the line. */
static char *field(char **s)
{
	char *f = strsep(s, " ");

	return f && *f ? f : NULL;
}

static bool is_octal(const char *s)
{
	return s[0] >= '0' && s[0] <= '3' && s[1] >= '0' && s[1] <= '7' && s[2] >= '0' && s[2] <= '7';
}

/* \ooo to the byte it stands for, in place. */
static void decode(char *s)
{
	char *out = s;

	for (; *s; s++) {
		if (s[0] == '\\' && is_octal(s + 1)) {
			*out++ = (char)((s[1] - '0') * 64 + (s[2] - '0') * 8 + (s[3] - '0'));
			s += 3;
		} else {
			*out++ = *s;
		}
	}
	*out = '\0';
}

static bool number(const char *s, char end, unsigned int *value, const char **rest)
{
	char *stop;
	unsigned long n;

	if (!s || *s < '0' || *s > '9')
		return false;
	errno = 0;
	n = strtoul(s, &stop, 10);
	if (errno || n > 0x7fffffff || *stop != end)
		return false;
	*value = (unsigned int)n;
	if (rest)
		*rest = stop + 1;
	return true;
}

/* "36 35 98:0 / /mnt rw,noatime shared:1 - ext3 /dev/root rw,errors=continue" */
static bool parse(char *line, struct mounttab_entry *entry)
{
	unsigned int id, parent, major, minor;
	const char *rest;
	char *f;

	if (!number(field(&line), '\0', &id, NULL) || !number(field(&line), '\0', &parent, NULL) ||
	    !number(field(&line), ':', &major, &rest) || !number(rest, '\0', &minor, NULL))
		return false;
	field(&line);			/* the root within the file system */
	entry->target = field(&line);
	field(&line);			/* options of the mount */
	do
		f = field(&line);	/* propagation, any number of fields */
	while (f && !streq(f, "-"));
	entry->fstype = f ? field(&line) : NULL;
	if (line)
		strsep(&line, " ");	/* the source, which may be empty */
	entry->super = line;
	if (!entry->target || !entry->fstype || !entry->super)
		return false;
	entry->id = (int)id;
	entry->parent = (int)parent;
	entry->dev = makedev(major, minor);
	decode(entry->target);
	return true;
}

bool mounttab_next(struct mounttab *tab, struct mounttab_entry *entry)
{
	char *line;

	while ((line = strsep(&tab->next, "\n")))
		if (parse(line, entry))
			return true;
	return false;
}

bool mounttab_find(struct mounttab *tab, int id, struct mounttab_entry *entry)
{
	while (mounttab_next(tab, entry))
		if (entry->id == id)
			return true;
	return false;
}

/* --- FUSE ------------------------------------------------------------------ */

/* The efuse driver's types are the same with an e. */
static bool is_type(const char *fstype, const char *name)
{
	const char *rest = str_after(fstype + (*fstype == 'e'), name);

	return rest && (!*rest || *rest == '.');
}

bool mounttab_is_fuse(const struct mounttab_entry *entry)
{
	return is_type(entry->fstype, "fuse") || is_type(entry->fstype, "fuseblk");
}

/* The kernel writes user_id= itself, and before anything a user could have put in. */
bool mounttab_is_of(const struct mounttab_entry *entry, uid_t uid)
{
	const char *option = entry->super, *value;
	char want[32];

	if (!mounttab_is_fuse(entry))
		return false;
	snprintf(want, sizeof(want), "%u", uid);
	for (;; option++) {
		size_t len = strcspn(option, ",");

		value = str_after(option, "user_id=");
		if (value)
			return len - strlen("user_id=") == strlen(want) &&
			       strncmp(value, want, strlen(want)) == 0;
		option += len;
		if (!*option)
			return false;
	}
}

int mounttab_count(int id, bool *listed)
{
	struct mounttab_entry entry;
	struct mounttab tab;
	int count = 0, err = mounttab_open(&tab);

	*listed = false;
	while (!err && mounttab_next(&tab, &entry)) {
		count += is_type(entry.fstype, "fuse");
		*listed |= entry.id == id;
	}
	mounttab_close(&tab);
	return err ? err : count;
}

// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * mountopts.c - the options of fusermount3. See mountopts.h.
 *
 * The table is the whole truth. Names are compared whole, and a value belongs
 * to its name: only in fsname= and subtype= does a backslash take the meaning
 * from the character behind it, a comma say.
 */
#include "mount.efuse/mountopts.h"

#include <stdarg.h>
#include <sys/mount.h>

#include "mount.efuse/conf.h"
#include "mount.efuse/util.h"

enum kind {
	FLAG,		/* set or clear bits of the mount */
	KERNEL,		/* hand to the kernel's file system */
	OTHERS,		/* the same, and it opens the mount for other users */
	FSNAME,
	SUBTYPE,
	BLKDEV,
	AUTO,
	EFUSE,		/* text for driver.c */
	OLD,		/* for kernels before 2.4: told and ignored */
	NOTHING,	/* ours to know, not the caller's to say: ignored */
};

/* A name that ends in '=' takes a value, the others must stand alone. */
static const struct entry {
	const char *name;
	enum kind kind;
	unsigned long set, clear;
	bool unsafe;	/* flags: not for users */
	size_t field;	/* EFUSE: offset in struct driver_wish */
} table[] = {
	{ "rw", .kind = FLAG, .clear = MS_RDONLY },
	{ "ro", .kind = FLAG, .set = MS_RDONLY },
	{ "suid", .kind = FLAG, .clear = MS_NOSUID, .unsafe = true },
	{ "nosuid", .kind = FLAG, .set = MS_NOSUID },
	{ "dev", .kind = FLAG, .clear = MS_NODEV, .unsafe = true },
	{ "nodev", .kind = FLAG, .set = MS_NODEV },
	{ "exec", .kind = FLAG, .clear = MS_NOEXEC },
	{ "noexec", .kind = FLAG, .set = MS_NOEXEC },
	{ "async", .kind = FLAG, .clear = MS_SYNCHRONOUS },
	{ "sync", .kind = FLAG, .set = MS_SYNCHRONOUS },
	{ "atime", .kind = FLAG, .clear = MS_NOATIME },
	{ "noatime", .kind = FLAG, .set = MS_NOATIME },
	{ "dirsync", .kind = FLAG, .set = MS_DIRSYNC },
	{ "default_permissions", .kind = KERNEL },
	{ "max_read=", .kind = KERNEL },
	{ "blksize=", .kind = KERNEL },
	{ "allow_other", .kind = OTHERS },
	{ "fsname=", .kind = FSNAME },
	{ "subtype=", .kind = SUBTYPE },
	{ "blkdev", .kind = BLKDEV },
	{ "auto_unmount", .kind = AUTO },
	{ "efuse.driver=", .kind = EFUSE, .field = offsetof(struct driver_wish, driver) },
	{ "efuse.policy=", .kind = EFUSE, .field = offsetof(struct driver_wish, policy) },
	{ "efuse.cache=", .kind = EFUSE, .field = offsetof(struct driver_wish, cache) },
	{ "efuse.cache_timeout=", .kind = EFUSE,
	  .field = offsetof(struct driver_wish, cache_timeout) },
	{ "efuse.cache_entries=", .kind = EFUSE,
	  .field = offsetof(struct driver_wish, cache_entries) },
	{ "efuse.cache_mem=", .kind = EFUSE, .field = offsetof(struct driver_wish, cache_mem) },
	{ "large_read", .kind = OLD },
	{ "nonempty", .kind = NOTHING },
	{ "fd=", .kind = NOTHING },
	{ "rootmode=", .kind = NOTHING },
	{ "user_id=", .kind = NOTHING },
	{ "group_id=", .kind = NOTHING },
};

/* The value behind the name in OPTION ("" without one), NULL when it is another option. */
static const char *value_of(const struct entry *e, const char *option)
{
	const char *rest = str_after(option, e->name);

	return rest && (!*rest || e->name[strlen(e->name) - 1] == '=') ? rest : NULL;
}

static const struct entry *find(const char *option)
{
	for (size_t i = 0; i < ARRAY_SIZE(table); i++)
		if (value_of(&table[i], option))
			return &table[i];
	return NULL;
}

/* --- cutting the text ------------------------------------------------------ */

/*
 * One option from *TEXT on, terminated in place; *TEXT moves to the next, NULL
 * at the end. A comma at the very end begins no further option.
 */
static char *cut(char **text, bool escapes)
{
	char *start = *text, *in = start, *out = start;

	for (; *in && *in != ','; in++) {
		if (escapes && in[0] == '\\' && in[1])
			in++;
		*out++ = *in;
	}
	*text = in[0] && in[1] ? in + 1 : NULL;
	*out = '\0';
	return start;
}

/* Only names take escapes: elsewhere a backslash is part of what is refused. */
static bool has_escapes(const char *option)
{
	return str_after(option, "fsname=") || str_after(option, "subtype=");
}

/* --- one option ------------------------------------------------------------ */

__printf(2, 3) static void tell(void (*note)(const char *), const char *fmt, ...)
{
	struct msg words;
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(words.text, sizeof(words.text), fmt, ap);
	va_end(ap);
	note(words.text);
}

static int add_param(struct mountopts *opts, const struct entry *e, char *option)
{
	size_t len = strlen(e->name);
	struct mountopts_param *more;

	more = reallocarray(opts->param, opts->params + 1, sizeof(*more));
	if (!more)
		return -ENOMEM;
	opts->param = more;
	more += opts->params++;
	*more = (struct mountopts_param){ .key = option };
	if (e->name[len - 1] == '=') {
		option[len - 1] = '\0';
		more->value = option + len;
	}
	return 0;
}

static int apply(struct mountopts *opts, const struct entry *e, char *option,
		 const struct mountopts_caller *caller, void (*note)(const char *))
{
	switch (e->kind) {
	case FLAG:
		if (e->unsafe && !caller->root)
			tell(note, "unsafe option %s ignored", option);
		else
			opts->flags = (opts->flags & ~e->clear) | e->set;
		break;
	case KERNEL:
	case OTHERS:
		return add_param(opts, e, option);
	case FSNAME:
		opts->fsname = value_of(e, option);
		break;
	case SUBTYPE:
		opts->subtype = value_of(e, option);
		break;
	case BLKDEV:
		opts->blkdev = true;
		break;
	case AUTO:
		opts->auto_unmount = true;
		break;
	case EFUSE:
		*(const char **)((char *)&opts->efuse + e->field) = value_of(e, option);
		break;
	case OLD:
		tell(note, "option %s is of no use since Linux 2.4 and ignored", option);
		break;
	case NOTHING:
		break;
	}
	return 0;
}

/* allow_root is no option of the kernel; it is named as libfuse's own helper names it. */
static int check(const struct entry *e, const char *option, const struct mountopts_caller *caller,
		 struct msg *why)
{
	bool others = streq(option, "allow_root") || (e && e->kind == OTHERS);

	if (others && !caller->root && !caller->allow_other)
		return msg_set(why, -EPERM, "option %s only allowed if 'user_allow_other' is set in %s",
			       option, CONF_PATH);
	if (!e)
		return msg_set(why, -EINVAL, "unknown option '%s'", option);
	if (e->kind == BLKDEV && !caller->root)
		return msg_set(why, -EPERM, "option blkdev is privileged");
	return 0;
}

int mountopts_parse(struct mountopts *opts, const char *text, const struct mountopts_caller *caller,
		    void (*note)(const char *words), struct msg *why)
{
	char *next;
	int err = 0;

	*opts = (struct mountopts){ .flags = MS_NOSUID | MS_NODEV, .text = strdup(text) };
	if (!opts->text)
		return msg_set_errno(why, -ENOMEM, "cannot read the options");
	next = *opts->text ? opts->text : NULL;
	while (next && !err) {
		char *option = cut(&next, has_escapes(next));
		const struct entry *e = find(option);

		err = check(e, option, caller, why);
		if (!err && apply(opts, e, option, caller, note) < 0)
			err = msg_set_errno(why, -ENOMEM, "cannot read the options");
	}
	return err;
}

void mountopts_free(struct mountopts *opts)
{
	free(opts->param);
	free(opts->text);
	*opts = (struct mountopts){ 0 };
}

const char *mountopts_source(const struct mountopts *opts, const char *device)
{
	if (opts->fsname)
		return opts->fsname;
	return opts->subtype ? opts->subtype : device;
}

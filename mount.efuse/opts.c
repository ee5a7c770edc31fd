// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * opts.c - the one option table, and the parser that works from it.
 *
 * libmount splits the string, so quoting is mount(8)'s. An option that goes to
 * the daemon is copied as it was written, quotes and all. Nothing here prints
 * or looks at the machine.
 */
#include "mount.efuse/opts.h"

#include <libmount/libmount.h>
#include <linux/efuse.h>
#include <pwd.h>
#include <stddef.h>

#include "shim/config.h"

#define BOTH		(OPTS_FOR_MOUNT | OPTS_FOR_WRAP)

const struct opts_spec opts_table[] = {
	{ "efuse.fs", OPTS_TEXT, "PROGRAM", NULL, 0, 0, "the part of SOURCE before '#'",
	  OPTS_FOR_MOUNT, offsetof(struct opts, fs),
	  "the FUSE program to start" },
	{ "efuse.channel", OPTS_WORD, "CHANNEL", "auto|ring|uring|dev", 0, 0, "auto",
	  BOTH, offsetof(struct opts, channel),
	  "how requests reach the program: auto, ring, uring or dev" },
	{ "efuse.driver", OPTS_WORD, "DRIVER", "auto|efuse|stock", 0, 0, "auto",
	  BOTH, offsetof(struct opts, driver),
	  "the driver in the kernel: auto, efuse or stock" },
	{ "efuse.policy", OPTS_TEXT, "NAME", NULL, 0, EFUSE_NAME_MAX - 1, "generic",
	  BOTH, offsetof(struct opts, policy),
	  "the efuse driver's policy, loaded by efuse load" },
	{ "efuse.poll", OPTS_NUMBER, "USEC", NULL, 0, CONFIG_POLL_MAX, "50",
	  BOTH, offsetof(struct opts, poll),
	  "poll at most so long before sleeping" },
	{ "efuse.cache", OPTS_WORD, "POLICY", "auto|always|none", 0, 0, "auto",
	  BOTH, offsetof(struct opts, cache),
	  "what the kernel may keep of the program's answers" },
	{ "efuse.cache_timeout", OPTS_SECONDS, "SEC", NULL, 0, CONFIG_CACHE_MAX,
	  "the program's own", BOTH, offsetof(struct opts, cache_timeout),
	  "for how long it may" },
	{ "efuse.cache_entries", OPTS_NUMBER, "N", NULL, CONFIG_ENTRIES_MIN, CONFIG_ENTRIES_MAX,
	  "65536", BOTH, offsetof(struct opts, cache_entries),
	  "how much the efuse driver's policy may remember" },
	{ "efuse.cache_mem", OPTS_NUMBER, "MIB", NULL, CONFIG_MEM_MIN, CONFIG_MEM_MAX,
	  "none", BOTH, offsetof(struct opts, cache_mem),
	  "how much of contents that have no page cache" },
	{ "efuse.direct", OPTS_WORD, "WHEN", "off|verify|verify,rw", 0, 0, "off",
	  BOTH, offsetof(struct opts, direct),
	  "read the program's own files once they proved the same, and write them" },
	{ "efuse.log", OPTS_FILE, "FILE", "stderr", 0, 0, "no log",
	  BOTH, offsetof(struct opts, log),
	  "where the shim reports: an absolute path, or stderr" },
	{ "efuse.timeout", OPTS_NUMBER, "SEC", NULL, 1, 86400, "60",
	  OPTS_FOR_MOUNT, offsetof(struct opts, timeout),
	  "wait at most so long for the mount" },
	{ .name = NULL },
};

/* Options without a value that nobody but mount(8) and fstab tools read. */
static const char *const mount_words[] = {
	"auto", "noauto", "defaults", "nofail", "_netdev", "user", "nouser", "users",
	"owner", "noowner", "group", "nogroup", "comment",
};

/* Options of mount.fuse3(8) that change who runs the program: better refused than lost. */
static const char *const refused_words[] = { "setuid", "drop_privileges" };

void opts_init(struct opts *o)
{
	memset(o, 0, sizeof(*o));
	o->poll = -1;
	o->timeout = -1;
	o->cache_entries = -1;
	o->cache_mem = -1;
}

void opts_free(struct opts *o)
{
	free(o->fs);
	free(o->channel);
	free(o->cache);
	free(o->cache_timeout);
	free(o->driver);
	free(o->policy);
	free(o->direct);
	free(o->log);
	free(o->daemon);
	free(o->given);
	free(o->ignored);
	opts_init(o);
}

/* --- splitting ------------------------------------------------------------- */

/*
 * One option after the other. RAW is the option as written. libmount ends an
 * option at every comma outside quotes, libfuse not at "\,": TAIL says that this
 * one continues such a value of the one before.
 */
struct split {
	char *copy, *rest;
	char *raw;
	bool tail;
};

static int split_open(struct split *s, const char *optstr)
{
	*s = (struct split){ .copy = strdup(optstr) };
	s->rest = s->copy;
	return s->copy ? 0 : -ENOMEM;
}

static void split_close(struct split *s)
{
	free(s->raw);
	free(s->copy);
}

static bool ends_escaped(const char *s)
{
	size_t len = strlen(s), n = 0;

	while (n < len && s[len - 1 - n] == '\\')
		n++;
	return n % 2;
}

/* 1: there is one in S->raw; 0: the end; or -errno. */
static int split_next(struct split *s)
{
	char *name, *value;
	size_t namelen, valuelen;
	const char *end;

	s->tail = s->raw && ends_escaped(s->raw);
	free(take_ptr(s->raw));
	switch (mnt_optstr_next_option(&s->rest, &name, &namelen, &value, &valuelen)) {
	case 0:
		break;
	case 1:
		return 0;
	default:
		return -EINVAL;
	}
	end = value ? value + valuelen : name + namelen;
	s->raw = strndup(name, (size_t)(end - name));
	return s->raw ? 1 : -ENOMEM;
}

int opts_each(const char *optstr, int (*each)(const char *option, void *arg), void *arg)
{
	struct split s;
	int err = split_open(&s, optstr);

	while (!err) {
		err = split_next(&s);
		if (err <= 0)
			break;
		err = each(s.raw, arg);
	}
	split_close(&s);
	return err;
}

/* --- whose option it is ---------------------------------------------------- */

static bool is_word(const char *option, const char *const words[], size_t n)
{
	size_t len = strcspn(option, "=");

	for (size_t i = 0; i < n; i++)
		if (strlen(words[i]) == len && strncmp(option, words[i], len) == 0)
			return true;
	return false;
}

/* libmount adds "user=NAME" when NAME mounts what fstab lets users mount. */
static bool names_caller(const char *option)
{
	const char *name = str_after(option, "user=");
	const struct passwd *pw = name ? getpwuid(getuid()) : NULL;

	return pw && streq(pw->pw_name, name);
}

bool opts_is_for_mount(const char *option)
{
	if (str_after(option, "x-") || str_after(option, "X-") || str_after(option, "comment="))
		return true;
	if (!strchr(option, '='))
		return is_word(option, mount_words, ARRAY_SIZE(mount_words));
	return names_caller(option);
}

/* --- the nearest known name ------------------------------------------------ */

#define NAME_MAX_LEN	48

/* Edit distance: insertions, deletions and replacements that turn A into B. */
static unsigned int distance(const char *a, size_t alen, const char *b, size_t blen)
{
	unsigned int row[NAME_MAX_LEN + 1];

	for (unsigned int j = 0; j <= blen; j++)
		row[j] = j;
	for (unsigned int i = 1; i <= alen; i++) {
		unsigned int diagonal = row[0];

		row[0] = i;
		for (size_t j = 1; j <= blen; j++) {
			unsigned int replaced = diagonal + (a[i - 1] != b[j - 1]);
			unsigned int shorter = (row[j] < row[j - 1] ? row[j] : row[j - 1]) + 1;

			diagonal = row[j];
			row[j] = replaced < shorter ? replaced : shorter;
		}
	}
	return row[blen];
}

static const char *nearest(const char *name, size_t len, unsigned int where)
{
	const char *best = NULL;
	unsigned int least = ~0u;

	if (len > NAME_MAX_LEN)
		len = NAME_MAX_LEN;
	for (const struct opts_spec *s = opts_table; s->name; s++) {
		unsigned int d;

		if (!(s->where & where))
			continue;
		d = distance(name, len, s->name, strlen(s->name));
		if (d < least) {
			least = d;
			best = s->name;
		}
	}
	return best;
}

/* --- our own --------------------------------------------------------------- */

static const struct opts_spec *find(const char *name, size_t len)
{
	for (const struct opts_spec *s = opts_table; s->name; s++)
		if (strlen(s->name) == len && strncmp(s->name, name, len) == 0)
			return s;
	return NULL;
}

/* Is VALUE one of WORDS, which '|' separates? */
static bool among(const char *value, const char *words)
{
	size_t len = strlen(value);

	for (const char *w = words; w && *w; w += *w == '|') {
		size_t n = strcspn(w, "|");

		if (n == len && strncmp(w, value, n) == 0)
			return true;
		w += n;
	}
	return false;
}

static int set_text(struct opts *o, const struct opts_spec *s, const char *value)
{
	char **field = (char **)((char *)o + s->field);
	char *copy = strdup(value);

	if (!copy)
		return -ENOMEM;
	free(*field);
	*field = copy;
	return 0;
}

static int set_number(struct opts *o, const struct opts_spec *s, const char *value,
		      struct msg *why)
{
	int *field = (int *)((char *)o + s->field);
	size_t digits = strspn(value, "0123456789");
	long n = digits && digits < 10 ? strtol(value, NULL, 10) : -1;

	if (value[digits] || !digits)
		return msg_set(why, -EINVAL, "%s=%s: not a number from %d to %d",
			       s->name, value, s->min, s->max);
	if (n < s->min || n > s->max)
		return msg_set(why, -EINVAL, "%s=%s: out of range %d to %d",
			       s->name, value, s->min, s->max);
	*field = (int)n;
	return 0;
}

static int set_seconds(struct opts *o, const struct opts_spec *s, const char *value,
		       struct msg *why)
{
	uint64_t ns;

	switch (config_seconds(value, &ns)) {
	case 0:
		return set_text(o, s, value);
	case -ERANGE:
		return msg_set(why, -EINVAL, "%s=%s: out of range %d to %d",
			       s->name, value, s->min, s->max);
	default:
		return msg_set(why, -EINVAL, "%s=%s: not a number of seconds such as 5 or 0.5",
			       s->name, value);
	}
}

static int set_file(struct opts *o, const struct opts_spec *s, const char *value,
		    struct msg *why)
{
	if (value[0] != '/' && !among(value, s->words))
		return msg_set(why, -EINVAL, "%s=%s: neither an absolute path nor \"%s\"",
			       s->name, value, s->words);
	return set_text(o, s, value);
}

static int set_word(struct opts *o, const struct opts_spec *s, const char *value,
		    struct msg *why)
{
	if (!among(value, s->words))
		return msg_set(why, -EINVAL, "%s=%s: not one of %s", s->name, value, s->words);
	return set_text(o, s, value);
}

static int set_value(struct opts *o, const struct opts_spec *s, const char *value,
		     struct msg *why)
{
	switch (s->kind) {
	case OPTS_NUMBER:
		return set_number(o, s, value, why);
	case OPTS_SECONDS:
		return set_seconds(o, s, value, why);
	case OPTS_WORD:
		return set_word(o, s, value, why);
	case OPTS_FILE:
		return set_file(o, s, value, why);
	case OPTS_TEXT:
		if (s->max && strlen(value) > (size_t)s->max)
			return msg_set(why, -EINVAL, "%s=%s: longer than %d bytes", s->name, value,
				       s->max);
		break;
	}
	return set_text(o, s, value);
}

/* Without the quotes around it: "a,b" is how mount(8) spells a value with a comma. */
static char *unquoted(const char *value)
{
	size_t len = strlen(value);

	if (len >= 2 && value[0] == '"' && value[len - 1] == '"')
		return strndup(value + 1, len - 2);
	return strdup(value);
}

static int add_option(char **list, const char *option)
{
	return mnt_optstr_append_option(list, option, NULL) ? -ENOMEM : 0;
}

static int unknown(struct opts *o, const char *option, unsigned int where, bool sloppy,
		   struct msg *why)
{
	size_t len = strcspn(option, "=");

	if (sloppy)
		return add_option(&o->ignored, option);
	if (find(option, len))
		return msg_set(why, -EINVAL, "option %.*s has no meaning here", (int)len, option);
	return msg_set(why, -EINVAL, "unknown option %.*s; did you mean %s?", (int)len, option,
		       nearest(option, len, where));
}

static int own(struct opts *o, const char *option, unsigned int where, bool sloppy,
	       struct msg *why)
{
	size_t len = strcspn(option, "=");
	const struct opts_spec *s = find(option, len);
	__cleanup(freep) char *value = NULL;

	if (!s || !(s->where & where))
		return unknown(o, option, where, sloppy, why);
	if (option[len] != '=')
		return msg_set(why, -EINVAL, "option %s needs a value: %s=%s",
			       s->name, s->name, s->arg);
	value = unquoted(option + len + 1);
	if (!value)
		return -ENOMEM;
	if (!value[0])
		return msg_set(why, -EINVAL, "option %s needs a value: %s=%s",
			       s->name, s->name, s->arg);
	return set_value(o, s, value, why);
}

/* --- the whole string ------------------------------------------------------ */

static int one(struct opts *o, const struct split *s, unsigned int where, bool sloppy,
	       struct msg *why)
{
	if (s->tail)
		return add_option(&o->daemon, s->raw);
	if (str_after(s->raw, "efuse."))
		return own(o, s->raw, where, sloppy, why);
	if (where == OPTS_FOR_WRAP)
		return msg_set(why, -EINVAL,
			       "option %s is not one of efuse's; it belongs behind the command",
			       s->raw);
	if (is_word(s->raw, refused_words, ARRAY_SIZE(refused_words)))
		return msg_set(why, -EINVAL, "option %s is not supported; mount as that user, or use mount.fuse3",
			       s->raw);
	if (streq(s->raw, "remount")) {
		o->remount = true;
		return 0;
	}
	o->nosuid = streq(s->raw, "nosuid") || (o->nosuid && !streq(s->raw, "suid"));
	o->nodev = streq(s->raw, "nodev") || (o->nodev && !streq(s->raw, "dev"));
	o->fstab_only |= str_after(s->raw, "x-") || str_after(s->raw, "X-");
	return opts_is_for_mount(s->raw) ? 0 : add_option(&o->daemon, s->raw);
}

/* A policy and a time are two answers to one question. */
static int check_cache(const struct opts *o, struct msg *why)
{
	uint64_t ns;

	if (!o->cache || !o->cache_timeout)
		return 0;
	if (streq(o->cache, "none") && config_seconds(o->cache_timeout, &ns) == 0 && !ns)
		return 0;
	return msg_set(why, -EINVAL,
		       "efuse.cache=%s and efuse.cache_timeout=%s contradict each other; give one of them",
		       o->cache, o->cache_timeout);
}

static bool quotes_match(const char *s)
{
	size_t n = 0;

	for (; *s; s++)
		n += *s == '"';
	return n % 2 == 0;
}

int opts_parse(struct opts *o, const char *optstr, unsigned int where, bool sloppy,
	       struct msg *why)
{
	struct split s;
	int err;

	why->text[0] = '\0';
	o->given = strdup(optstr ? optstr : "");
	if (!o->given)
		return msg_set_errno(why, -ENOMEM, "cannot read options");
	if (!quotes_match(o->given))
		return msg_set(why, -EINVAL, "options %s: a quote is not closed", o->given);
	err = split_open(&s, o->given);
	while (!err) {
		err = split_next(&s);
		if (err <= 0)
			break;
		err = one(o, &s, where, sloppy, why);
	}
	split_close(&s);
	if (!err)
		err = check_cache(o, why);
	if (err && !why->text[0])
		msg_set_errno(why, err, "cannot read options");
	return err;
}

int opts_add_defaults(struct opts *o)
{
	if (!o->nodev && add_option(&o->daemon, "dev"))
		return -ENOMEM;
	return o->nosuid ? 0 : add_option(&o->daemon, "suid");
}

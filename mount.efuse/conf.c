// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * conf.c - reading fuse.conf. See conf.h.
 *
 * A line is taken whole or not at all: a cut one might say something else.
 */
#include "mount.efuse/conf.h"

#include <ctype.h>
#include <limits.h>
#include <stdarg.h>

#include "mount.efuse/driver.h"
#include "mount.efuse/util.h"

#define LINE_SIZE 256

__printf(2, 3) static void tell(void (*note)(const char *), const char *fmt, ...)
{
	char words[LINE_SIZE + 128];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(words, sizeof(words), fmt, ap);
	va_end(ap);
	note(words);
}

/* Without comment and without blanks around. */
static char *strip(char *s)
{
	size_t len;

	s[strcspn(s, "#")] = '\0';
	while (isspace((unsigned char)*s))
		s++;
	for (len = strlen(s); len && isspace((unsigned char)s[len - 1]); len--)
		s[len - 1] = '\0';
	return s;
}

static const char *skip_blanks(const char *s)
{
	while (isspace((unsigned char)*s))
		s++;
	return s;
}

/* What stands behind "NAME =", NULL when S is another setting. */
static const char *value_of(const char *s, const char *name)
{
	const char *value = str_after(s, name);

	value = value ? skip_blanks(value) : NULL;
	return value && *value == '=' ? value + 1 : NULL;
}

/* "mount_max = N", N decimal, octal or hexadecimal as scanf's %i reads it. */
static bool read_mount_max(const char *s, int *max)
{
	const char *value = value_of(s, "mount_max");
	char *end;
	long n;

	if (!value)
		return false;
	errno = 0;
	n = strtol(value, &end, 0);
	if (end == value || errno || n < INT_MIN || n > INT_MAX)
		return false;
	*max = (int)n;
	return true;
}

static bool read_driver(const char *s, char driver[8])
{
	const char *value = value_of(s, "efuse_driver");

	value = value ? skip_blanks(value) : NULL;
	if (!value || !driver_is_word(value))
		return false;
	strcpy(driver, value);
	return true;
}

void conf_line(struct conf *conf, char *text, int line, void (*note)(const char *words))
{
	char *s = strip(text);

	if (!*s || read_mount_max(s, &conf->mount_max) || read_driver(s, conf->driver))
		return;
	if (streq(s, "user_allow_other"))
		conf->allow_other = true;
	else
		tell(note, "%s, line %d: unknown parameter '%s'", CONF_PATH, line, s);
}

/* A line that does not fit: its rest is passed over. */
static void pass_over(FILE *f)
{
	int c;

	do
		c = getc(f);
	while (c != '\n' && c != EOF);
}

static int read_lines(struct conf *conf, FILE *f, void (*note)(const char *))
{
	char text[LINE_SIZE];

	for (int line = 1; fgets(text, sizeof(text), f); line++) {
		size_t len = strlen(text);

		if (len && text[len - 1] == '\n') {
			text[len - 1] = '\0';
			conf_line(conf, text, line, note);
		} else if (!feof(f)) {
			tell(note, "%s, line %d: too long", CONF_PATH, line);
			pass_over(f);
		} else {
			tell(note, "%s, line %d: ignored, it does not end in a newline", CONF_PATH,
			     line);
		}
	}
	return ferror(f) ? -EIO : 0;
}

int conf_read(struct conf *conf, void (*note)(const char *words))
{
	__cleanup(fclosep) FILE *f = fopen(CONF_PATH, "re");

	*conf = (struct conf){ .allow_other = false, .mount_max = CONF_MOUNT_MAX };
	if (f)
		return read_lines(conf, f, note);
	if (errno == EACCES)
		tell(note, "%s: cannot open it: %s", CONF_PATH, strerror(errno));
	return errno == ENOENT || errno == EACCES ? 0 : -errno;
}

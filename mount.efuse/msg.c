// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * msg.c - the one place that prints messages. See msg.h.
 *
 * A line is put together first and written at once, so that lines of helper
 * and daemon do not mix. It never writes to standard output.
 */
#include "mount.efuse/msg.h"

#include <stdarg.h>

static const char *program_name = "efuse";
static bool verbose_on;

void msg_init(const char *program, bool verbose)
{
	program_name = program;
	verbose_on = verbose;
}

bool msg_is_verbose(void)
{
	return verbose_on;
}

__printf(2, 0) static int set(struct msg *m, const char *fmt, va_list ap)
{
	int len = vsnprintf(m->text, sizeof(m->text), fmt, ap);

	return len < 0 ? 0 : len;
}

int msg_set(struct msg *m, int err, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	set(m, fmt, ap);
	va_end(ap);
	return err;
}

int msg_set_errno(struct msg *m, int err, const char *fmt, ...)
{
	va_list ap;
	size_t len;

	va_start(ap, fmt);
	len = (size_t)set(m, fmt, ap);
	va_end(ap);
	if (len < sizeof(m->text))
		snprintf(m->text + len, sizeof(m->text) - len, ": %s", strerror(-err));
	return err;
}

/* Append S to LINE, control characters as \ooo; returns the new length. */
static size_t append(char *line, size_t len, size_t size, const char *s)
{
	for (; *s && len + 5 < size; s++) {
		unsigned char c = (unsigned char)*s;

		if (c < 0x20 || c == 0x7f)
			len += (size_t)sprintf(line + len, "\\%03o", c);
		else
			line[len++] = (char)c;
	}
	line[len] = '\0';
	return len;
}

static void print(const char *object, const char *words)
{
	char line[8192];
	size_t len = 0;

	len = append(line, len, sizeof(line) - 1, program_name);
	if (object) {
		len = append(line, len, sizeof(line) - 1, ": ");
		len = append(line, len, sizeof(line) - 1, object);
	}
	len = append(line, len, sizeof(line) - 1, ": ");
	len = append(line, len, sizeof(line) - 1, words);
	line[len++] = '\n';
	if (write(STDERR_FILENO, line, len) < 0)
		return; /* nobody is listening, and nobody else to tell */
}

__printf(2, 0) static void say(const char *object, const char *fmt, va_list ap)
{
	char words[6144];

	if (vsnprintf(words, sizeof(words), fmt, ap) < 0)
		return;
	print(object, words);
}

void msg_say(const char *object, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say(object, fmt, ap);
	va_end(ap);
}

void msg_error(const char *object, const char *step, int err)
{
	msg_say(object, "%s: %s", step, strerror(-err));
}

void msg_note(const char *object, const char *fmt, ...)
{
	va_list ap;

	if (!verbose_on)
		return;
	va_start(ap, fmt);
	say(object, fmt, ap);
	va_end(ap);
}

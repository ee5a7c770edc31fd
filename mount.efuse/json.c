// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * json.c - writing JSON.
 */
#include <inttypes.h>

#include "mount.efuse/json.h"

void json_begin(struct json *j, FILE *out, bool compact)
{
	j->out = out;
	j->compact = compact;
	j->depth = 0;
	j->first = true;
}

void json_end(struct json *j)
{
	fputc('\n', j->out);
}

static void new_line(struct json *j)
{
	if (j->compact || j->depth == 0)
		return;
	fprintf(j->out, "\n%*s", (int)j->depth * 2, "");
}

/* The length of the valid UTF-8 sequence at S, 0 when there is none. */
static unsigned int utf8_length(const unsigned char *s)
{
	unsigned int len = s[0] < 0x80 ? 1 : s[0] >= 0xf0 ? 4 : s[0] >= 0xe0 ? 3 : 2;

	if (s[0] >= 0x80 && (s[0] < 0xc2 || s[0] > 0xf4))
		return 0;
	for (unsigned int i = 1; i < len; i++)
		if ((s[i] & 0xc0) != 0x80)
			return 0;
	/* Overlong forms, surrogates, beyond U+10FFFF. */
	if ((s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] > 0x9f) ||
	    (s[0] == 0xf0 && s[1] < 0x90) || (s[0] == 0xf4 && s[1] > 0x8f))
		return 0;
	return len;
}

static void quote(FILE *out, const char *value)
{
	const unsigned char *s = (const unsigned char *)value;
	unsigned int len;

	fputc('"', out);
	for (; *s; s += len ? len : 1) {
		len = utf8_length(s);
		if (!len)
			fputs("\\ufffd", out);
		else if (*s == '"' || *s == '\\')
			fprintf(out, "\\%c", *s);
		else if (*s < 0x20 || *s == 0x7f)
			fprintf(out, "\\u%04x", *s);
		else
			fwrite(s, 1, len, out);
	}
	fputc('"', out);
}

static void member(struct json *j, const char *key)
{
	if (!j->first)
		fputc(',', j->out);
	new_line(j);
	j->first = false;
	if (!key)
		return;
	quote(j->out, key);
	fputs(j->compact ? ":" : ": ", j->out);
}

void json_open(struct json *j, const char *key, char bracket)
{
	member(j, key);
	fputc(bracket, j->out);
	j->depth++;
	j->first = true;
}

void json_close(struct json *j, char bracket)
{
	bool empty = j->first;

	j->depth--;
	j->first = false;
	if (!empty && !j->compact)
		fprintf(j->out, "\n%*s", (int)j->depth * 2, "");
	fputc(bracket, j->out);
}

void json_string(struct json *j, const char *key, const char *value)
{
	member(j, key);
	quote(j->out, value);
}

void json_number(struct json *j, const char *key, uint64_t value)
{
	member(j, key);
	fprintf(j->out, "%" PRIu64, value);
}

void json_real(struct json *j, const char *key, double value)
{
	member(j, key);
	fprintf(j->out, "%.2f", value);
}

void json_bool(struct json *j, const char *key, bool value)
{
	member(j, key);
	fputs(value ? "true" : "false", j->out);
}

void json_null(struct json *j, const char *key)
{
	member(j, key);
	fputs("null", j->out);
}

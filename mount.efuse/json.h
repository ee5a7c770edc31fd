/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * json.h - writing JSON, one member at a time.
 *
 * KEY is NULL inside an array. Strings may hold any bytes: what is not valid
 * UTF-8 becomes U+FFFD.
 */
#ifndef EFUSE_JSON_H
#define EFUSE_JSON_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct json {
	FILE *out;
	bool compact;		/* everything on one line */
	unsigned int depth;
	bool first;		/* no comma before the next member */
};

void json_begin(struct json *j, FILE *out, bool compact);
void json_end(struct json *j);
void json_open(struct json *j, const char *key, char bracket);
void json_close(struct json *j, char bracket);
void json_string(struct json *j, const char *key, const char *value);
void json_number(struct json *j, const char *key, uint64_t value);
void json_real(struct json *j, const char *key, double value);
void json_bool(struct json *j, const char *key, bool value);
void json_null(struct json *j, const char *key);

#endif

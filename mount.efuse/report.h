/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * report.h - what `efuse status` shows about a mount, for a person and as JSON.
 * The keys of the JSON are documented in efuse(1) and stay.
 */
#ifndef EFUSE_REPORT_H
#define EFUSE_REPORT_H

#include <stdio.h>

#include "mount.efuse/fusemount.h"
#include "mount.efuse/json.h"

/* All that is known about one mount, several lines. */
void report_mount(FILE *out, const struct fusemount *mount);

/* One line about a status file whose mount is not visible here. */
void report_elsewhere(FILE *out, const struct statsfile *file);

/* The heading of the lines that `-w` prints, and one line over SECONDS. */
void report_watch_heading(FILE *out);
void report_watch(FILE *out, const struct fusemount *mount, double seconds);

/* One object each, members of the array that is open in J. */
void report_json(struct json *j, const struct fusemount *mount);
void report_json_elsewhere(struct json *j, const struct statsfile *file);

/* S with everything that could drive a terminal as \ooo. */
void report_text(FILE *out, const char *s);

#endif

// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * finding.c - what the checks of `efuse doctor` found.
 */
#include <stdarg.h>

#include "mount.efuse/finding.h"

struct finding *finding_add(struct findings *all, enum finding_level level, const char *name,
			    const char *fmt, ...)
{
	struct finding *f = &all->list[all->count];
	va_list ap;

	/* The last place is overwritten rather than exceeded. */
	if (all->count + 1 < ARRAY_SIZE(all->list))
		all->count++;
	memset(f, 0, sizeof(*f));
	f->level = level;
	f->name = name;
	va_start(ap, fmt);
	vsnprintf(f->value, sizeof(f->value), fmt, ap);
	va_end(ap);
	return f;
}

void finding_need(struct finding *f, unsigned int channels)
{
	f->needed = channels;
}

void finding_fix(struct finding *f, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(f->fix, sizeof(f->fix), fmt, ap);
	va_end(ap);
}

bool finding_bad(const struct findings *all)
{
	for (unsigned int i = 0; i < all->count; i++)
		if (all->list[i].level == FINDING_BAD)
			return true;
	return false;
}

bool finding_serves(const struct findings *all, unsigned int channel)
{
	for (unsigned int i = 0; i < all->count; i++)
		if (all->list[i].needed & channel && all->list[i].level != FINDING_OK)
			return false;
	return !finding_bad(all);
}

// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * fuzz-mounttab.c - a mount table with arbitrary contents: no crash, no leak,
 * and no mount is somebody's for whom it does not say so.
 */
#include <assert.h>

#include "mount.efuse/mounttab.c"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = strndup((const char *)data, size);
	struct mounttab_entry entry;
	struct mounttab tab;

	if (!text)
		return 0;
	mounttab_from(&tab, text);
	while (mounttab_next(&tab, &entry)) {
		assert(entry.id >= 0 && entry.parent >= 0);
		assert(strlen(entry.target) <= size);
		if (mounttab_is_of(&entry, 1000)) {
			assert(mounttab_is_fuse(&entry));
			assert(strstr(entry.super, "user_id=1000"));
			assert(!mounttab_is_of(&entry, 100));
		}
	}
	mounttab_close(&tab);
	return 0;
}

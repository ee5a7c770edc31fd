// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * fuzz-fuseconf.c - /etc/fuse.conf with arbitrary contents: no crash, no leak,
 * and allow_other only where a line of the file is user_allow_other.
 */
#include <assert.h>

#include "mount.efuse/conf.c"
#include "mount.efuse/driver.c"
#include "mount.efuse/msg.c"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void ignore(const char *words)
{
	assert(strlen(words) < LINE_SIZE + 128);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct conf conf = { .allow_other = false, .mount_max = CONF_MOUNT_MAX };
	FILE *f = size ? fmemopen((void *)(uintptr_t)data, size, "r") : NULL;

	if (!f)
		return 0;
	read_lines(&conf, f, ignore);
	fclose(f);
	assert(!conf.allow_other || memmem(data, size, "user_allow_other", 16));
	assert(!conf.driver[0] || (driver_is_word(conf.driver) && memmem(data, size, "efuse_driver", 12)));
	assert(conf.mount_max == CONF_MOUNT_MAX || memmem(data, size, "mount_max", 9));
	return 0;
}

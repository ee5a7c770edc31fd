// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * main.c - the extension comes and goes with the FUSE module.
 */
#include "../fuse_i.h"
#include "efuse_i.h"

#include <linux/efuse.h>
#include <linux/module.h>

int efuse_init(void)
{
	pr_info("extended protocol %u to %u\n", EFUSE_VERSION_MIN,
		EFUSE_VERSION_MAX);
	return 0;
}

void efuse_exit(void)
{
}

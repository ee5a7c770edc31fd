// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * main.c - the extension comes and goes with the FUSE module.
 */
#include "../fuse_i.h"
#include "policy.h"

#include <linux/module.h>

static u64 features = EFUSE_F_STATE | EFUSE_F_RING | EFUSE_F_DIRECT;

u64 efuse_features(void)
{
	return features;
}

int efuse_init(void)
{
	int err = efuse_kfunc_init();

	if (!err)
		err = efuse_ops_init();
	if (err)
		pr_warn("no BPF policies: error %d\n", err);
	else
		features |= EFUSE_F_POLICY;
	pr_info("extended protocol %u to %u, features %#llx\n",
		EFUSE_VERSION_MIN, EFUSE_VERSION_MAX, features);
	return 0;
}

/* What is registered with BPF goes with the module's BTF. */
void efuse_exit(void)
{
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * config.h - what the helper hands over to the shim: the names of environment
 * variables, and nothing else.
 *
 * mount.efuse and `efuse wrap` set them for the daemon; a person may set them
 * by hand next to LD_PRELOAD. The shim reads them once, in its constructor,
 * from a process that is not set-id, and treats every value as untrusted text.
 * See libefuse-shim(7).
 */
#ifndef EFUSE_SHIM_CONFIG_H
#define EFUSE_SHIM_CONFIG_H

/*
 * Version of this hand-over and of stats.h. The shim compares CONFIG_ENV_ABI
 * with it and stays out of the daemon's way when they differ; the helper looks
 * at the `efuse_shim_abi` symbol of the library before it preloads it.
 */
#define CONFIG_ABI		1

#define CONFIG_ENV_ABI		"EFUSE_ABI"	/* decimal CONFIG_ABI */
#define CONFIG_ENV_CHANNEL	"EFUSE_CHANNEL"	/* auto | uring | dev */
#define CONFIG_ENV_POLL		"EFUSE_POLL"	/* microseconds, 0..10000 */
#define CONFIG_ENV_STATUS	"EFUSE_STATUS"	/* directory for status files */
#define CONFIG_ENV_TOKEN	"EFUSE_TOKEN"	/* 1..32 of [0-9a-f]: names the status file */
#define CONFIG_ENV_LOG		"EFUSE_LOG"	/* a file, or "stderr", for messages */

/* Where helper and shim look for each other, overridable for tests. */
#define CONFIG_ENV_SHIM		"EFUSE_SHIM"	/* path of libefuse-shim.so, helper only */

#define CONFIG_POLL_DEFAULT	50
#define CONFIG_POLL_MAX		10000

/* Status directories: root's, and a user's below $XDG_RUNTIME_DIR or /tmp. */
#define CONFIG_STATUS_ROOT	"/run/efuse"
#define CONFIG_STATUS_USER	"efuse"		/* $XDG_RUNTIME_DIR/efuse */
#define CONFIG_STATUS_TMP	"/tmp/efuse-%u"	/* uid, mode 0700, owner checked */

#endif

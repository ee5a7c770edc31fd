/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * config.h - what the helper hands over to the shim: the names of environment
 * variables, their bounds, and how the one that is a fraction is read.
 *
 * mount.efuse and `efuse wrap` set them for the daemon; a person may set them
 * by hand next to LD_PRELOAD. The shim reads them once, in its constructor,
 * from a process that is not set-id, and treats every value as untrusted text.
 * See libefuse-shim(7).
 */
#ifndef EFUSE_SHIM_CONFIG_H
#define EFUSE_SHIM_CONFIG_H

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

/*
 * Version of this hand-over and of stats.h. The shim compares CONFIG_ENV_ABI
 * with it and stays out of the daemon's way when they differ; the helper looks
 * at the `efuse_shim_abi` symbol of the library before it preloads it.
 */
#define CONFIG_ABI		1

#define CONFIG_ENV_ABI		"EFUSE_ABI"	/* decimal CONFIG_ABI */
#define CONFIG_ENV_CHANNEL	"EFUSE_CHANNEL"	/* auto | ring | uring | dev */
#define CONFIG_ENV_DRIVER	"EFUSE_DRIVER"	/* efuse | stock */
#define CONFIG_ENV_POLL		"EFUSE_POLL"	/* microseconds, 0..10000 */
#define CONFIG_ENV_CACHE	"EFUSE_CACHE"	/* auto | always | none */
#define CONFIG_ENV_CACHETIME	"EFUSE_CACHE_TIMEOUT"	/* seconds, see config_seconds() */
#define CONFIG_ENV_ENTRIES	"EFUSE_CACHE_ENTRIES"	/* see config_entries() */
#define CONFIG_ENV_MEM		"EFUSE_CACHE_MEM"	/* see config_mem() */
#define CONFIG_ENV_DIRECT	"EFUSE_DIRECT"	/* off | verify | verify,rw */
#define CONFIG_ENV_POLICY	"EFUSE_POLICY"	/* the efuse driver's: a name, or unset */
#define CONFIG_ENV_STATUS	"EFUSE_STATUS"	/* directory for status files */
#define CONFIG_ENV_TOKEN	"EFUSE_TOKEN"	/* 1..32 of [0-9a-f]: names the status file */
#define CONFIG_ENV_LOG		"EFUSE_LOG"	/* a file, or "stderr", for messages */

/* Where helper and shim look for each other, overridable for tests. */
#define CONFIG_ENV_SHIM		"EFUSE_SHIM"	/* path of libefuse-shim.so, helper only */

/* The fusermount3 that the shim has libraries execute, "" for their own choice. */
#define CONFIG_ENV_FUSERMOUNT	"EFUSE_FUSERMOUNT"

#define CONFIG_POLL_DEFAULT	50
#define CONFIG_POLL_MAX		10000
#define CONFIG_CACHE_MAX	31536000	/* seconds: a year */
#define CONFIG_ENTRIES_MIN	8
#define CONFIG_ENTRIES_MAX	65536
#define CONFIG_MEM_MIN		1	/* MiB */
#define CONFIG_MEM_MAX		65536

/* The policy of BPF programs, and what param[0] means to it: see bpf/clock.bpf.h. */
#define CONFIG_POLICY		"generic"
enum config_mode { CONFIG_MODE_AUTO, CONFIG_MODE_ALWAYS, CONFIG_MODE_TIMEOUT };

/* Status directories: root's, and a user's below $XDG_RUNTIME_DIR or /tmp. */
#define CONFIG_STATUS_ROOT	"/run/efuse"
#define CONFIG_STATUS_USER	"efuse"		/* $XDG_RUNTIME_DIR/efuse */
#define CONFIG_STATUS_TMP	"/tmp/efuse-%u"	/* uid, mode 0700, owner checked */

/*
 * Seconds as a person writes them, "5" or "0.25", up to CONFIG_CACHE_MAX and with
 * up to nine digits behind the point, in ns. Returns 0, -EINVAL when TEXT is no
 * such number, or -ERANGE.
 */
static inline int config_seconds(const char *text, uint64_t *ns)
{
	const uint64_t second = 1000000000u;
	uint64_t sum = 0, unit = second;
	const char *p = text;

	for (; *p >= '0' && *p <= '9'; p++) {
		sum = sum * 10 + (uint64_t)(*p - '0') * second;
		if (sum > CONFIG_CACHE_MAX * second)
			sum = CONFIG_CACHE_MAX * second + 1;
	}
	if (p == text || (*p && *p != '.') || (*p && (p[1] < '0' || p[1] > '9')))
		return -EINVAL;
	for (p += *p == '.'; *p >= '0' && *p <= '9' && unit > 1; p++) {
		unit /= 10;
		sum += (uint64_t)(*p - '0') * unit;
	}
	if (*p)
		return -EINVAL;
	*ns = sum;
	return sum > CONFIG_CACHE_MAX * second ? -ERANGE : 0;
}

/* A number from MIN to MAX. Returns 0, -EINVAL when TEXT is none, -ERANGE. */
static inline int config_number(const char *text, unsigned int min, unsigned int max,
				unsigned int *number)
{
	unsigned int sum = 0;
	const char *p = text;

	for (; *p >= '0' && *p <= '9'; p++) {
		sum = sum * 10 + (unsigned int)(*p - '0');
		if (sum > max)
			sum = max + 1;
	}
	if (p == text || *p)
		return -EINVAL;
	*number = sum;
	return sum < min || sum > max ? -ERANGE : 0;
}

/*
 * How many names, and how many of everything else, a BPF policy may remember for a
 * mount, as a person writes it. Returns as config_number().
 */
static inline int config_entries(const char *text, unsigned int *entries)
{
	return config_number(text, CONFIG_ENTRIES_MIN, CONFIG_ENTRIES_MAX, entries);
}

/* The same for contents of files, in MiB. */
static inline int config_mem(const char *text, unsigned int *mib)
{
	return config_number(text, CONFIG_MEM_MIN, CONFIG_MEM_MAX, mib);
}

/*
 * What that is in param[0] of the policy, 0 for no bound: places of four, as a power
 * of two, which is less if it must be.
 */
static inline uint64_t config_entries_param(unsigned int entries)
{
	uint64_t bits = 0;

	for (; entries >= CONFIG_ENTRIES_MIN; entries /= 2)
		bits++;
	return bits << 8;
}

/* The entries that param[0] of the policy allows, 0 for no bound. */
static inline unsigned int config_param_entries(uint64_t param)
{
	unsigned int bits = param >> 8 & 31;

	return bits ? 4U << bits : 0;
}

/* What that is of contents, 0 for none: places of four blocks of 4 KiB. */
static inline uint64_t config_mem_param(unsigned int mib)
{
	uint64_t bits = 0;

	for (uint64_t places = mib * 64ULL; places >= 2; places /= 2)
		bits++;
	return bits << 16;
}

/*
 * Can the fusermount3 at PATH mount for this process? It works as root's program,
 * or for root; a nosuid file system takes that away. May change errno.
 */
static inline bool config_can_mount(const char *path)
{
	struct statvfs fs;
	struct stat st;

	if (stat(path, &st) < 0 || !S_ISREG(st.st_mode) || access(path, X_OK) < 0)
		return false;
	if (geteuid() == 0)
		return true;
	return st.st_uid == 0 && (st.st_mode & S_ISUID) && statvfs(path, &fs) == 0 &&
	       !(fs.f_flag & ST_NOSUID);
}

#endif

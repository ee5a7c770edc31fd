// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * settings.c - the environment, read once and distrusted.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "shim/config.h"
#include "shim/real.h"
#include "shim/settings.h"

static struct settings settings;
static char log_path[256];

const struct settings *settings_get(void)
{
	return &settings;
}

/* The value of NAME, or NULL. A set-id process is never asked: ld.so strips us. */
static const char *env(const char *name)
{
	const char *value = secure_getenv(name);

	return value && value[0] ? value : NULL;
}

static void read_abi(void)
{
	const char *abi = env(CONFIG_ENV_ABI);
	char mine[16];

	snprintf(mine, sizeof(mine), "%d", CONFIG_ABI);
	settings.active = !abi || strcmp(abi, mine) == 0;
	if (!settings.active)
		snprintf(settings.why, sizeof(settings.why),
			 "shim speaks version %d, the helper %.16s", CONFIG_ABI, abi);
}

static void read_channel(void)
{
	const char *channel = env(CONFIG_ENV_CHANNEL);
	bool any = !channel || strcmp(channel, "auto") == 0;

	/* Where there are no rings, the next one down. */
	settings.ring = any || strcmp(channel, "ring") == 0;
	settings.uring = settings.ring || strcmp(channel, "uring") == 0;
	if (settings.uring)
		return;
	if (strcmp(channel, "dev") == 0)
		snprintf(settings.why, sizeof(settings.why), "channel dev was asked for");
	else
		snprintf(settings.why, sizeof(settings.why), "unknown channel %.32s", channel);
}

static void read_driver(void)
{
	const char *driver = env(CONFIG_ENV_DRIVER);

	settings.efuse = driver && strcmp(driver, "efuse") == 0;
}

static void copy(char *to, size_t room, const char *from)
{
	if (from && strlen(from) < room)
		strcpy(to, from);
}

static void read_policy(void)
{
	copy(settings.policy, sizeof(settings.policy), env(CONFIG_ENV_POLICY));
}

static void read_poll(void)
{
	const char *poll = env(CONFIG_ENV_POLL);
	char *end;
	unsigned long us;

	settings.poll_us = CONFIG_POLL_DEFAULT;
	if (!poll)
		return;
	errno = 0;
	us = strtoul(poll, &end, 10);
	if (!errno && !*end && us <= CONFIG_POLL_MAX)
		settings.poll_us = (unsigned int)us;
}

/* What contradicts itself is not guessed at: the daemon's own caching stays. */
static void read_cache(void)
{
	const char *mode = env(CONFIG_ENV_CACHE), *timeout = env(CONFIG_ENV_CACHETIME);

	if (cache_policy_read(&settings.cache, mode, timeout))
		settings_log("%s=%.32s %s=%.32s: unknown, out of range or contradictory; ignored",
			     CONFIG_ENV_CACHE, mode ? mode : "", CONFIG_ENV_CACHETIME,
			     timeout ? timeout : "");
}

static void read_entries(void)
{
	const char *text = env(CONFIG_ENV_ENTRIES);

	if (text && config_entries(text, &settings.entries)) {
		settings.entries = 0;
		settings_log("%s=%.32s: no number, or out of range; ignored", CONFIG_ENV_ENTRIES, text);
	}
}

static void read_mem(void)
{
	const char *text = env(CONFIG_ENV_MEM);

	if (text && config_mem(text, &settings.mem)) {
		settings.mem = 0;
		settings_log("%s=%.32s: no number, or out of range; ignored", CONFIG_ENV_MEM, text);
	}
}

static void read_direct(void)
{
	const char *text = env(CONFIG_ENV_DIRECT);

	settings.direct_writes = text && strcmp(text, "verify,rw") == 0;
	settings.direct = settings.direct_writes || (text && strcmp(text, "verify") == 0);
	if (text && !settings.direct && strcmp(text, "off") != 0)
		settings_log("%s=%.32s: not off, verify or verify,rw; ignored", CONFIG_ENV_DIRECT,
			     text);
}

static void read_status(void)
{
	const char *token = env(CONFIG_ENV_TOKEN);

	copy(settings.status, sizeof(settings.status), env(CONFIG_ENV_STATUS));
	if (token && strspn(token, "0123456789abcdef") == strlen(token))
		copy(settings.token, sizeof(settings.token), token);
}

void settings_init(void)
{
	settings.follow = true;
	copy(log_path, sizeof(log_path), env(CONFIG_ENV_LOG));
	read_abi();
	read_channel();
	read_driver();
	read_policy();
	read_poll();
	read_cache();
	read_entries();
	read_mem();
	read_direct();
	read_status();
	if (settings.why[0])
		settings_log("%s", settings.why);
}

void settings_log(const char *fmt, ...)
{
	char line[512];
	va_list ap;
	int fd, len;

	if (!log_path[0])
		return;
	len = snprintf(line, sizeof(line), "efuse-shim[%d]: ", (int)getpid());
	va_start(ap, fmt);
	len += vsnprintf(line + len, sizeof(line) - (size_t)len - 1, fmt, ap);
	va_end(ap);
	if (len > (int)sizeof(line) - 2)
		len = sizeof(line) - 2;
	line[len++] = '\n';
	if (strcmp(log_path, "stderr") == 0) {
		(void)!real()->write(STDERR_FILENO, line, (size_t)len);
		return;
	}
	fd = real()->open(log_path, O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return;
	(void)!real()->write(fd, line, (size_t)len);
	real()->close(fd);
}

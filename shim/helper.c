// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * helper.c - which fusermount3 a FUSE library calls: the one installed beside
 * this library, where it can do the work, without replacing the distribution's.
 *
 * Only the names that libraries use are looked at, and only when a program is
 * executed. Between fork and exec there is no more than a few system calls.
 */
#include "shim/interpose.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "shim/config.h"
#include "shim/helper.h"

static const char *const names[] = {
	"fusermount3", "fusermount", "/usr/bin/fusermount3", "/usr/bin/fusermount",
	"/bin/fusermount3", "/bin/fusermount",
};

static bool is_helper(const char *file)
{
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strcmp(file, names[i]) == 0)
			return true;
	return false;
}

const char *helper_for(const char *file)
{
	const char *ours;
	int saved = errno;

	if (!file || !is_helper(file))
		return NULL;
	ours = secure_getenv(CONFIG_ENV_FUSERMOUNT);
	if (!ours)
		ours = FUSERMOUNT_PATH;
	if (!*ours || !config_can_mount(ours))
		ours = NULL;
	errno = saved;
	return ours;
}

/* If ours cannot be executed after all, the library's own choice is. */
EXPORT int execv(const char *path, char *const argv[])
{
	const char *ours = helper_for(path);

	if (ours)
		real()->execv(ours, argv);
	return real()->execv(path, argv);
}

EXPORT int execvp(const char *file, char *const argv[])
{
	const char *ours = helper_for(file);

	if (ours)
		real()->execv(ours, argv);
	return real()->execvp(file, argv);
}

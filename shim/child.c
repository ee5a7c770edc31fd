// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * child.c - the library's start, and the calls that make threads and processes.
 */
#include "shim/interpose.h"

#include <errno.h>
#include <stdlib.h>

#include "shim/config.h"
#include "shim/fds.h"
#include "shim/fdtab.h"
#include "shim/helper.h"
#include "shim/reader.h"
#include "shim/session.h"
#include "shim/settings.h"

/* What the helper looks for before it preloads us. */
EXPORT extern const unsigned int efuse_shim_abi;
const unsigned int efuse_shim_abi = CONFIG_ABI;

/* What a pinned thread starts must be as free as the thread was before. */
static void before_child(void)
{
	if (fdtab_any() && !fds_foreign())
		reader_children();
}

EXPORT int pthread_create(pthread_t *thread, const pthread_attr_t *attr, void *(*start)(void *),
			  void *arg)
{
	before_child();
	return real()->pthread_create(thread, attr, start, arg);
}

EXPORT int posix_spawn(pid_t *pid, const char *path, const posix_spawn_file_actions_t *actions,
		       const posix_spawnattr_t *attr, char *const argv[], char *const envp[])
{
	const char *ours = helper_for(path);

	before_child();
	return real()->posix_spawn(pid, ours ? ours : path, actions, attr, argv, envp);
}

EXPORT int posix_spawnp(pid_t *pid, const char *file, const posix_spawn_file_actions_t *actions,
			const posix_spawnattr_t *attr, char *const argv[], char *const envp[])
{
	const char *ours = helper_for(file);

	before_child();
	return real()->posix_spawnp(pid, ours ? ours : file, actions, attr, argv, envp);
}

EXPORT int system(const char *command)
{
	before_child();
	return real()->system(command);
}

EXPORT FILE *popen(const char *command, const char *mode)
{
	before_child();
	return real()->popen(command, mode);
}

/*
 * After fork(2) the parent's rings and threads are not the child's, and our
 * descriptors for them are closed, or they would keep the connection after the
 * parent's end. A connection that nobody has read from goes on in both: a daemon
 * that goes to the background. So does one on rings, with rings of the child's
 * own if it ever reads. On the device there is nothing to do: the real calls.
 */
static void child_fd(int fd)
{
	struct session *s = fdtab_peek(fd);

	if (!s) {
		fdtab_clear(fd);
		real()->close(fd);
	} else if (!session_heritable(s)) {
		fdtab_table[fd] = NULL;
	}
}

/* Second, so that no descriptor made here is closed by the first. */
static void child_session(int fd)
{
	struct session *s = fdtab_peek(fd);

	if (s)
		session_forked(s);
}

static void forked(void)
{
	fds_own();
	if (!fdtab_any())
		return;
	reader_forked();
	session_forget();
	fdtab_each(0, FDTAB_SIZE - 1, child_fd);
	fdtab_each(0, FDTAB_SIZE - 1, child_session);
}

/*
 * libc hands a constructor the arguments of main(). It does as little as it
 * can: most programs that get the library are no FUSE daemons.
 */
__attribute__((constructor)) static void shim_init(int argc, char **argv)
{
	int saved = errno;

	fds_own();
	settings_init();
	if (settings_get()->active) {
		pthread_atfork(NULL, NULL, forked);
		fds_inherited(argc, argv);
	}
	errno = saved;
}

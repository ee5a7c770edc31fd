// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * handover.c - the environment for the daemon and the status folder. See
 * handover.h; the names of the variables are in shim/config.h.
 *
 * It never changes the environment of this process, only makes a new one.
 */
#include "mount.efuse/handover.h"

#include <sys/random.h>
#include <sys/stat.h>

#include "mount.efuse/program.h"
#include "mount.efuse/util.h"
#include "shim/config.h"

#define PRELOAD	"LD_PRELOAD"

const char *handover_shim_path(void)
{
	const char *path = getenv(CONFIG_ENV_SHIM);

	return path && *path ? path : SHIM_PATH;
}

/* --- the status folder ----------------------------------------------------- */

int handover_status_path(char dir[PATH_MAX])
{
	const char *run = getenv("XDG_RUNTIME_DIR");
	int len;

	if (geteuid() == 0)
		len = snprintf(dir, PATH_MAX, "%s", CONFIG_STATUS_ROOT);
	else if (run && run[0] == '/')
		len = snprintf(dir, PATH_MAX, "%s/%s", run, CONFIG_STATUS_USER);
	else
		len = snprintf(dir, PATH_MAX, CONFIG_STATUS_TMP, (unsigned int)geteuid());
	return len < PATH_MAX ? 0 : -ENAMETOOLONG;
}

/* The folder is ours alone: what another user put in our place is refused. */
static int check_dir(const char *dir, struct msg *why)
{
	__cleanup(closep) int fd = open(dir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return msg_set_errno(why, -errno, "status folder %s", dir);
	if (st.st_uid != geteuid())
		return msg_set(why, -EPERM, "status folder %s belongs to user %u", dir,
			       (unsigned int)st.st_uid);
	if (st.st_mode & 022)
		return msg_set(why, -EPERM, "status folder %s can be written by others", dir);
	if (faccessat(fd, ".", W_OK, AT_EACCESS) < 0)
		return msg_set_errno(why, -errno, "status folder %s", dir);
	return 0;
}

int handover_status_make(char dir[PATH_MAX], struct msg *why)
{
	mode_t mode = geteuid() == 0 ? 0755 : 0700;
	int err = handover_status_path(dir);

	if (err)
		return msg_set_errno(why, err, "status folder");
	if (mkdir(dir, mode) == 0)
		/* The umask may have taken more than group and other write. */
		return chmod(dir, mode) < 0 ? msg_set_errno(why, -errno, "status folder %s", dir) : 0;
	if (errno != EEXIST)
		return msg_set_errno(why, -errno, "status folder %s", dir);
	return check_dir(dir, why);
}

/* --- the environment ------------------------------------------------------- */

static int make_token(char token[33])
{
	unsigned char bytes[16];

	/* Up to 256 bytes come whole or not at all. */
	if (getrandom(bytes, sizeof(bytes), 0) != (ssize_t)sizeof(bytes))
		return -errno;
	for (size_t i = 0; i < sizeof(bytes); i++)
		sprintf(token + 2 * i, "%02x", bytes[i]);
	return 0;
}

int handover_init(struct handover *h)
{
	*h = (struct handover){ .poll = -1, .cache_entries = -1, .cache_mem = -1 };
	if (snprintf(h->shim, sizeof(h->shim), "%s", handover_shim_path()) >= PATH_MAX)
		return -ENAMETOOLONG;
	return make_token(h->token);
}

/* What handover_environ() sets, in the order of names[]. */
enum { ABI, CHANNEL, DRIVER, POLICY, FOLDERS, POLL, CACHE, CACHETIME, ENTRIES, MEM, DIRECT, STATUS, TOKEN,
       LOG, LOADER, NVARS };

static const char *const names[NVARS] = {
	[ABI] = CONFIG_ENV_ABI,		[CHANNEL] = CONFIG_ENV_CHANNEL,
	[DRIVER] = CONFIG_ENV_DRIVER,	[POLICY] = CONFIG_ENV_POLICY,
	[FOLDERS] = "PATH",
	[POLL] = CONFIG_ENV_POLL,	[STATUS] = CONFIG_ENV_STATUS,
	[CACHE] = CONFIG_ENV_CACHE,	[CACHETIME] = CONFIG_ENV_CACHETIME,
	[ENTRIES] = CONFIG_ENV_ENTRIES,	[MEM] = CONFIG_ENV_MEM,
	[DIRECT] = CONFIG_ENV_DIRECT,
	[TOKEN] = CONFIG_ENV_TOKEN,	[LOG] = CONFIG_ENV_LOG,
	[LOADER] = PRELOAD,
};

/* Room for the numbers and the joined lists. */
struct values {
	const char *v[NVARS];	/* NULL: leave the variable alone */
	char abi[12], poll[12], entries[12], mem[12];
	char *preload, *path;	/* owned */
};

static void free_values(struct values *val)
{
	free(val->preload);
	free(val->path);
}

static const char *env_get(char *const *env, const char *name)
{
	size_t len = strlen(name);

	for (; *env; env++)
		if (strncmp(*env, name, len) == 0 && (*env)[len] == '=')
			return *env + len + 1;
	return NULL;
}

/* FIRST and SECOND with a colon between, malloced; one alone when the other is NULL or empty. */
static char *join(const char *first, const char *second)
{
	char *list;

	first = first ? first : "";
	second = second ? second : "";
	if (asprintf(&list, "%s%s%s", first, *first && *second ? ":" : "", second) < 0)
		return NULL;
	return list;
}

/* What fusermount3 reads as well as the shim. */
static int fill_driver(struct values *val, const struct handover *h, char *const *env)
{
	const char *path = env_get(env, "PATH");

	val->v[DRIVER] = h->driver;
	val->v[POLICY] = h->policy;
	if (h->cache || h->cache_timeout) {
		val->v[CACHE] = h->cache ? h->cache : "";
		val->v[CACHETIME] = h->cache_timeout ? h->cache_timeout : "";
	}
	if (h->cache_entries >= 0) {
		snprintf(val->entries, sizeof(val->entries), "%d", h->cache_entries);
		val->v[ENTRIES] = val->entries;
	}
	if (h->cache_mem >= 0) {
		snprintf(val->mem, sizeof(val->mem), "%d", h->cache_mem);
		val->v[MEM] = val->mem;
	}
	if (!h->helpers[0])
		return 0;
	val->v[FOLDERS] = val->path = join(h->helpers, path ? path : PROGRAM_USUAL_PATH);
	return val->path ? 0 : -ENOMEM;
}

static int fill_shim(struct values *val, const struct handover *h, char *const *env)
{
	val->v[LOADER] = val->preload = join(env_get(env, PRELOAD), h->shim);
	if (!val->preload)
		return -ENOMEM;
	snprintf(val->abi, sizeof(val->abi), "%d", CONFIG_ABI);
	val->v[ABI] = val->abi;
	val->v[TOKEN] = h->token;
	val->v[CHANNEL] = h->channel;
	val->v[DIRECT] = h->direct;
	val->v[LOG] = h->log;
	if (h->status[0])
		val->v[STATUS] = h->status;
	if (h->poll >= 0) {
		snprintf(val->poll, sizeof(val->poll), "%d", h->poll);
		val->v[POLL] = val->poll;
	}
	return 0;
}

static int fill_values(struct values *val, const struct handover *h, char *const *env)
{
	int err;

	*val = (struct values){ 0 };
	err = fill_driver(val, h, env);
	return err || !h->preload ? err : fill_shim(val, h, env);
}

/* Which of our variables the environment entry S is, or -1. */
static int which(const char *s)
{
	for (int i = 0; i < NVARS; i++) {
		size_t len = strlen(names[i]);

		if (strncmp(s, names[i], len) == 0 && s[len] == '=')
			return i;
	}
	return -1;
}

/* One block: the pointers first, then the strings we add; the others are borrowed. */
static char **build(const struct values *val, char *const *env)
{
	size_t n = 0, bytes = 0, at = 0;
	bool done[NVARS] = { false };
	char **out, *text;

	while (env[n])
		n++;
	for (int i = 0; i < NVARS; i++)
		if (val->v[i])
			bytes += strlen(names[i]) + strlen(val->v[i]) + 2;
	out = malloc((n + NVARS + 1) * sizeof(char *) + bytes);
	if (!out)
		return NULL;
	text = (char *)(out + n + NVARS + 1);
	for (size_t i = 0; i < n + NVARS; i++) {
		int var = i < n ? which(env[i]) : (int)(i - n);

		if (var < 0 || !val->v[var]) {
			if (i < n)
				out[at++] = env[i];
		} else if (!done[var]) {
			done[var] = true;
			out[at++] = text;
			text += sprintf(text, "%s=%s", names[var], val->v[var]) + 1;
		}
	}
	out[at] = NULL;
	return out;
}

char **handover_environ(const struct handover *h, char *const *environ_in)
{
	struct values val;
	char **env = NULL;

	if (fill_values(&val, h, environ_in) == 0)
		env = build(&val, environ_in);
	free_values(&val);
	return env;
}

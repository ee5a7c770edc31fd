// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * driver.c - which driver serves a mount of fusermount3, and how. See driver.h.
 *
 * Text goes in, words of a list, a number and a short name come out; the kernel
 * checks them again. Nothing here needs a privilege.
 */
#include "mount.efuse/driver.h"

#include <sys/ioctl.h>

#include "mount.efuse/util.h"
#include "shim/config.h"

/* Of a caller's environment no more is looked at. */
#define CALLER_SIZE 65536

/* --- what was said --------------------------------------------------------- */

extern char **environ;

/* An entry of an environment. An empty variable is as good as none. */
static void take(struct driver_wish *wish, const char *entry)
{
	const struct {
		const char *name;
		const char **field;
	} known[] = {
		{ CONFIG_ENV_DRIVER "=", &wish->driver },
		{ CONFIG_ENV_POLICY "=", &wish->policy },
		{ CONFIG_ENV_CACHE "=", &wish->cache },
		{ CONFIG_ENV_CACHETIME "=", &wish->cache_timeout },
		{ CONFIG_ENV_ENTRIES "=", &wish->cache_entries },
		{ CONFIG_ENV_MEM "=", &wish->cache_mem },
	};

	for (size_t i = 0; i < ARRAY_SIZE(known); i++) {
		const char *value = str_after(entry, known[i].name);

		if (value && *value)
			*known[i].field = value;
	}
}

bool driver_read_environment(struct driver_wish *wish)
{
	size_t n = 0;

	*wish = (struct driver_wish){ 0 };
	for (; environ && environ[n]; n++)
		take(wish, environ[n]);
	return n > 1;
}

/*
 * The kernel shows it to whoever could trace the caller. What is read is the caller's
 * own to choose, as our environment is, and no more is done with it.
 */
void driver_read_caller(struct driver_wish *wish)
{
	static char text[CALLER_SIZE];
	__cleanup(closep) int fd = -1;
	char path[32];
	size_t len = 0;
	ssize_t ret;

	snprintf(path, sizeof(path), "/proc/%d/environ", (int)getppid());
	fd = open(path, O_RDONLY | O_CLOEXEC);
	while (fd >= 0 && len < sizeof(text) - 1 &&
	       (ret = read(fd, text + len, sizeof(text) - 1 - len)) > 0)
		len += (size_t)ret;
	/* One that was cut off at the end is not taken. */
	for (size_t at = 0; at < len && memchr(text + at, 0, len - at); at += strlen(text + at) + 1)
		take(wish, text + at);
}

/* --- what is done ---------------------------------------------------------- */

bool driver_is_word(const char *word)
{
	return streq(word, "auto") || streq(word, "efuse") || streq(word, "stock");
}

/* The two about the cache go together. */
static struct driver_wish merge(const struct driver_wish *over, const struct driver_wish *under)
{
	struct driver_wish wish = *over;

	if (!wish.driver)
		wish.driver = under->driver;
	if (!wish.policy)
		wish.policy = under->policy;
	if (!wish.cache_entries)
		wish.cache_entries = under->cache_entries;
	if (!wish.cache_mem)
		wish.cache_mem = under->cache_mem;
	if (!wish.cache && !wish.cache_timeout) {
		wish.cache = under->cache;
		wish.cache_timeout = under->cache_timeout;
	}
	return wish;
}

static int read_policy(struct efuse_policy *policy, const char *name, struct msg *why)
{
	if (strlen(name) >= sizeof(policy->name))
		return msg_set(why, -EINVAL, "efuse.policy=%s: too long a name", name);
	strcpy(policy->name, name);
	return 0;
}

/* The same rules as the shim's cache_policy_read(). */
static int read_cache(struct efuse_policy *policy, const struct driver_wish *wish, struct msg *why)
{
	const char *word = wish->cache ? wish->cache : "auto", *timeout = wish->cache_timeout;
	bool none = streq(word, "none");
	uint64_t ns = 0;

	if (!none && !streq(word, "auto") && !streq(word, "always"))
		return msg_set(why, -EINVAL, "efuse.cache=%s: not one of auto, always, none", word);
	if (timeout && config_seconds(timeout, &ns))
		return msg_set(why, -EINVAL, "efuse.cache_timeout=%s: no number of seconds", timeout);
	if (timeout && wish->cache && (!none || ns))
		return msg_set(why, -EINVAL, "efuse.cache=%s contradicts efuse.cache_timeout", word);
	if (ns)
		policy->param[0] = CONFIG_MODE_TIMEOUT;
	else if (streq(word, "always"))
		policy->param[0] = CONFIG_MODE_ALWAYS;
	policy->param[1] = ns;
	if ((none || timeout) && !ns && !wish->policy)
		policy->name[0] = '\0';
	return 0;
}

static int read_entries(struct efuse_policy *policy, const char *text, struct msg *why)
{
	unsigned int entries = 0;

	if (text && config_entries(text, &entries))
		return msg_set(why, -EINVAL, "efuse.cache_entries=%s: not a number from %d to %d", text,
			       CONFIG_ENTRIES_MIN, CONFIG_ENTRIES_MAX);
	policy->param[0] |= config_entries_param(entries);
	return 0;
}

static int read_mem(struct efuse_policy *policy, const char *text, struct msg *why)
{
	unsigned int mib = 0;

	if (text && config_mem(text, &mib))
		return msg_set(why, -EINVAL, "efuse.cache_mem=%s: not a number from %d to %d", text,
			       CONFIG_MEM_MIN, CONFIG_MEM_MAX);
	policy->param[0] |= config_mem_param(mib);
	return 0;
}

int driver_decide(struct driver_plan *plan, const struct driver_wish *options,
		  const struct driver_wish *environment, const char *conf, struct msg *why)
{
	struct driver_wish wish = merge(options, environment);
	const char *word = wish.driver;
	int err;

	*plan = (struct driver_plan){ .policy.size = sizeof(plan->policy) };
	plan->policy_told = wish.policy || wish.cache || wish.cache_timeout || wish.cache_entries ||
			    wish.cache_mem;
	if (!word)
		word = plan->policy_told ? "auto" : conf && *conf ? conf : "stock";
	if (!driver_is_word(word))
		return msg_set(why, -EINVAL, "efuse.driver=%s: not one of auto, efuse, stock", word);
	plan->efuse = !streq(word, "stock");
	plan->told = streq(word, "efuse");
	err = read_policy(&plan->policy, wish.policy ? wish.policy : CONFIG_POLICY, why);
	if (!err)
		err = read_cache(&plan->policy, &wish, why);
	if (!err)
		err = read_entries(&plan->policy, wish.cache_entries, why);
	return err ? err : read_mem(&plan->policy, wish.cache_mem, why);
}

int driver_choose_policy(int device, const struct driver_plan *plan)
{
	if (!plan->policy.name[0])
		return 0;
	return ioctl(device, EFUSE_IOC_POLICY, &plan->policy) < 0 ? -errno : 0;
}

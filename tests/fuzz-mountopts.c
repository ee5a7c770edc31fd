// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * fuzz-mountopts.c - fusermount3's -o on arbitrary strings, for users and for
 * root: no crash, no leak, and nothing gets through that the caller may not.
 */
#include <assert.h>

#include "mount.efuse/driver.c"
#include "mount.efuse/mountopts.c"
#include "mount.efuse/msg.c"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void ignore(const char *words)
{
	assert(strlen(words) < sizeof(struct msg));
}

/* What reaches the kernel: a key of ours, a value that is no second option. */
static void check_param(const struct mountopts_param *p, const struct mountopts_caller *caller)
{
	bool with_value = streq(p->key, "max_read") || streq(p->key, "blksize");

	assert(with_value || streq(p->key, "default_permissions") || streq(p->key, "allow_other"));
	assert(with_value == (p->value != NULL));
	assert(!p->value || !strchr(p->value, ','));
	assert(!streq(p->key, "allow_other") || caller->root || caller->allow_other);
}

static void check_all(const struct mountopts *o, const struct mountopts_caller *caller)
{
	const unsigned long known = MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_SYNCHRONOUS |
				    MS_NOATIME | MS_DIRSYNC;

	assert(!(o->flags & ~known));
	assert(caller->root || (o->flags & (MS_NOSUID | MS_NODEV)) == (MS_NOSUID | MS_NODEV));
	assert(caller->root || !o->blkdev);
	for (size_t i = 0; i < o->params; i++)
		check_param(&o->param[i], caller);
	assert(mountopts_source(o, "/dev/fuse"));
}

/* What is made of the options about the driver: a plan the kernel would look at, or words. */
static void check_driver(const struct mountopts *o)
{
	static const struct driver_wish nothing;
	struct driver_plan plan;
	struct msg why = { "" };

	if (driver_decide(&plan, &o->efuse, &nothing, NULL, &why)) {
		assert(why.text[0]);
		return;
	}
	assert(memchr(plan.policy.name, 0, sizeof(plan.policy.name)));
	assert((plan.policy.param[0] & 0xff) <= CONFIG_MODE_TIMEOUT);
	assert((plan.policy.param[0] >> 8 & 0xff) <= 14);
	assert(plan.policy.param[0] >> 16 <= 22);
	assert(plan.policy.param[1] <= CONFIG_CACHE_MAX * 1000000000ull);
	assert(!plan.told || plan.efuse);
	assert(plan.efuse == (o->efuse.driver ? !streq(o->efuse.driver, "stock") :
			      o->efuse.policy || o->efuse.cache || o->efuse.cache_timeout ||
			      o->efuse.cache_entries || o->efuse.cache_mem));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct mountopts_caller caller = {
		.root = size && (data[0] & 1), .allow_other = size && (data[0] & 2),
	};
	char *text = size ? strndup((const char *)data + 1, size - 1) : NULL;
	struct mountopts opts;
	struct msg why;

	if (text && mountopts_parse(&opts, text, &caller, ignore, &why) == 0) {
		check_all(&opts, &caller);
		check_driver(&opts);
	}
	if (text)
		mountopts_free(&opts);
	free(text);
	return 0;
}

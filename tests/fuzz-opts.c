// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * fuzz-opts.c - the option parser on arbitrary strings: no crash, no leak, and
 * what it accepts holds what it promises.
 */
#include <assert.h>

#include "mount.efuse/msg.c"
#include "mount.efuse/opts.c"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int count(const char *option, void *arg)
{
	(void)option;
	++*(int *)arg;
	return 0;
}

static void check(const struct opts *o)
{
	int n = 0;

	assert(o->poll >= -1 && o->poll <= CONFIG_POLL_MAX);
	assert(o->timeout == -1 || (o->timeout >= 1 && o->timeout <= 86400));
	assert(!o->channel || among(o->channel, "auto|ring|uring|dev"));
	assert(!o->fs || o->fs[0]);
	assert(!o->log || o->log[0] == '/' || streq(o->log, "stderr"));
	assert(!o->daemon || opts_each(o->daemon, count, &n) == 0);
	assert(!o->daemon || strlen(o->daemon) <= strlen(o->given));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	unsigned int where = size && data[0] & 1 ? OPTS_FOR_WRAP : OPTS_FOR_MOUNT;
	char *text = size ? strndup((const char *)data + 1, size - 1) : NULL;
	struct opts o;
	struct msg why;

	opts_init(&o);
	if (opts_parse(&o, text, where, size && data[0] & 2, &why) == 0) {
		check(&o);
		assert(opts_add_defaults(&o) == 0);
	} else {
		assert(why.text[0]);
	}
	opts_free(&o);
	free(text);
	return 0;
}

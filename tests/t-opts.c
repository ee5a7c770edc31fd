// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * t-opts.c - the option parser against a table: what is ours, what is
 * mount(8)'s, what the daemon gets, and what each mistake is told.
 */
#include <stdio.h>
#include <string.h>

#include "mount.efuse/opts.h"
#include "mount.efuse/util.h"

#define M	OPTS_FOR_MOUNT
#define W	OPTS_FOR_WRAP

struct test {
	const char *options;
	const char *daemon;	/* NULL: none */
	const char *words;	/* part of the error message; NULL: no error */
	unsigned int where;
	bool sloppy;
};

#define PASS(options, daemon)	{ options, daemon, NULL, M, false }
#define FAIL(options, words)	{ options, NULL, words, M, false }

static const struct test tests[] = {
	/* the daemon's options, in order, unchanged */
	PASS(NULL, NULL),
	PASS("", NULL),
	PASS(",,,", NULL),
	PASS("rw", "rw"),
	PASS("ro,nosuid,nodev,noexec,noatime", "ro,nosuid,nodev,noexec,noatime"),
	PASS("b=2,a=1,b=3", "b=2,a=1,b=3"),
	PASS("a=\"x,y\",b", "a=\"x,y\",b"),
	PASS("fsname=a\\,b,c", "fsname=a\\,b,c"),
	PASS("fsname=a\\,noauto,c", "fsname=a\\,noauto,c"),
	PASS("fsname=a\\\\,noauto,c", "fsname=a\\\\,c"),
	PASS("fsname=a\\,efuse.poll=x", "fsname=a\\,efuse.poll=x"),
	PASS("allow_other,,idmap=user", "allow_other,idmap=user"),
	PASS("k=a=b=c,=x,e=", "k=a=b=c,=x,e="),
	PASS("volname=\303\274 \304\215", "volname=\303\274 \304\215"),
	PASS("efuse=1,efusex.poll=2,xefuse.poll=3", "efuse=1,efusex.poll=2,xefuse.poll=3"),
	PASS("user=ftp:secret,group=staff,owner=me", "user=ftp:secret,group=staff,owner=me"),

	/* mount(8)'s are not passed on */
	PASS("noauto,nofail,_netdev,auto,defaults", NULL),
	PASS("user,users,nouser,owner,group,rw", "rw"),
	PASS("x-systemd.automount,x-gvfs-show=1,X-mount.mkdir,x-,comment=a b,ro", "ro"),
	PASS("remount,ro", "ro"),

	/* ours are taken out */
	PASS("efuse.fs=sshfs,ro", "ro"),
	PASS("a,efuse.channel=uring,b,efuse.poll=0,c", "a,b,c"),
	PASS("efuse.channel=auto,efuse.channel=ring,efuse.channel=dev", NULL),
	PASS("efuse.poll=0", NULL),
	PASS("efuse.poll=10000", NULL),
	PASS("efuse.poll=\"7\"", NULL),
	PASS("efuse.timeout=1,efuse.timeout=86400", NULL),
	PASS("efuse.log=/tmp/x", NULL),
	PASS("efuse.policy=mine,a,efuse.policy=\"b,c\"", "a"),
	PASS("efuse.cache=auto,efuse.cache=always,efuse.cache=none", NULL),
	PASS("efuse.cache_timeout=0,a,efuse.cache_timeout=31536000", "a"),
	PASS("efuse.cache_timeout=0.5", NULL),
	PASS("efuse.cache_entries=1024,efuse.cache=always", NULL),
	PASS("efuse.cache_mem=64", NULL),
	PASS("efuse.direct=off,a,efuse.direct=verify,rw", "a,rw"),
	PASS("efuse.direct=\"verify,rw\",a", "a"),
	PASS("efuse.cache_timeout=\"1.000000001\"", NULL),
	PASS("efuse.cache=none,efuse.cache_timeout=0", NULL),
	PASS("efuse.cache_timeout=0.0,efuse.cache=none,attr_timeout=1", "attr_timeout=1"),
	PASS("efuse.cache=always,efuse.cache=none,efuse.cache_timeout=0", NULL),
	PASS("efuse.log=\"/tmp/x,y\"", NULL),
	PASS("efuse.log=stderr", NULL),

	/* mistakes */
	FAIL("efuse.chanel=uring", "unknown option efuse.chanel; did you mean efuse.channel?"),
	FAIL("efuse.pol=5", "did you mean efuse.poll?"),
	FAIL("efuse.polll", "unknown option efuse.polll; did you mean efuse.poll?"),
	FAIL("efuse.Channel=dev", "did you mean efuse.channel?"),
	FAIL("efuse.prog=x", "unknown option efuse.prog; did you mean"),
	FAIL("efuse.", "unknown option efuse.; did you mean efuse.fs?"),
	FAIL("efuse.=1", "unknown option efuse.; did you mean"),
	FAIL("efuse.direkt=off", "unknown option efuse.direkt; did you mean efuse.direct?"),
	FAIL("efuse.direct=on", "efuse.direct=on: not one of off|verify|verify,rw"),
	FAIL("efuse.direct=rw", "efuse.direct=rw: not one of off|verify|verify,rw"),
	FAIL("efuse.direct", "option efuse.direct needs a value: efuse.direct=WHEN"),
	FAIL("efuse.poll=-1", "efuse.poll=-1: not a number"),
	FAIL("efuse.poll=10001", "efuse.poll=10001: out of range 0 to 10000"),
	FAIL("efuse.poll=99999999999999999999", "out of range 0 to 10000"),
	FAIL("efuse.poll=5us", "efuse.poll=5us: not a number"),
	FAIL("efuse.poll= 5", "not a number"),
	FAIL("efuse.poll=+5", "not a number"),
	FAIL("efuse.poll=0x10", "not a number"),
	FAIL("efuse.poll", "option efuse.poll needs a value: efuse.poll=USEC"),
	FAIL("efuse.poll=", "option efuse.poll needs a value"),
	FAIL("efuse.fs=\"\"", "option efuse.fs needs a value: efuse.fs=PROGRAM"),
	FAIL("efuse.timeout=0", "efuse.timeout=0: out of range 1 to 86400"),
	FAIL("efuse.channel=fast", "efuse.channel=fast: not one of auto|ring|uring|dev"),
	FAIL("efuse.channel=auto|ring", "not one of"),
	FAIL("efuse.channel=ur", "not one of"),
	FAIL("efuse.policy=", "needs a value: efuse.policy=NAME"),
	FAIL("efuse.policy=0123456789012345678901234567890123456789012345678901234567890123",
	     "longer than 63 bytes"),
	FAIL("efuse.cache=alway", "efuse.cache=alway: not one of auto|always|none"),
	FAIL("efuse.cache=yes", "not one of auto|always|none"),
	FAIL("efuse.cache", "option efuse.cache needs a value: efuse.cache=POLICY"),
	FAIL("efuse.cach=none", "unknown option efuse.cach; did you mean efuse.cache?"),
	FAIL("efuse.cache_timout=1", "did you mean efuse.cache_timeout?"),
	FAIL("efuse.cache_entries=7", "out of range 8 to 65536"),
	FAIL("efuse.cache_mem=0", "out of range 1 to 65536"),
	FAIL("efuse.cache_entries=many", "efuse.cache_entries=many: not a number"),
	FAIL("efuse.cache_timeout=", "option efuse.cache_timeout needs a value"),
	FAIL("efuse.cache_timeout=-1", "efuse.cache_timeout=-1: not a number of seconds"),
	FAIL("efuse.cache_timeout=1s", "not a number of seconds"),
	FAIL("efuse.cache_timeout=.5", "not a number of seconds"),
	FAIL("efuse.cache_timeout=5.", "not a number of seconds"),
	FAIL("efuse.cache_timeout=1.5.2", "not a number of seconds"),
	FAIL("efuse.cache_timeout=1e3", "not a number of seconds"),
	FAIL("efuse.cache_timeout= 1", "not a number of seconds"),
	FAIL("efuse.cache_timeout=inf", "not a number of seconds"),
	FAIL("efuse.cache_timeout=0.0000000001", "not a number of seconds"),
	FAIL("efuse.cache_timeout=31536001", "out of range 0 to 31536000"),
	FAIL("efuse.cache_timeout=31536000.1", "out of range 0 to 31536000"),
	FAIL("efuse.cache_timeout=99999999999999999999999999", "out of range"),
	FAIL("efuse.cache=always,efuse.cache_timeout=5", "efuse.cache=always and efuse.cache_timeout=5 contradict"),
	FAIL("efuse.cache_timeout=5,efuse.cache=none", "contradict each other; give one of them"),
	FAIL("efuse.cache=auto,efuse.cache_timeout=0", "contradict each other"),
	FAIL("efuse.log=x", "efuse.log=x: neither an absolute path nor \"stderr\""),
	FAIL("a=\"b,c", "a quote is not closed"),
	FAIL("\"", "a quote is not closed"),
	FAIL("setuid=joe", "option setuid=joe is not supported"),
	FAIL("drop_privileges", "option drop_privileges is not supported"),

	/* -s */
	{ "efuse.nonsense=1,ro,efuse.more", "ro", NULL, M, true },
	{ "efuse.poll=10001", NULL, "out of range", M, true },

	/* efuse wrap */
	{ "efuse.channel=dev,efuse.poll=3", NULL, NULL, W, false },
	{ "efuse.cache_timeout=3", NULL, NULL, W, false },
	{ "efuse.cache=always,efuse.cache_timeout=3", NULL, "contradict", W, false },
	{ "efuse.fs=sshfs", NULL, "option efuse.fs has no meaning here", W, false },
	{ "efuse.timeout=3", NULL, "option efuse.timeout has no meaning here", W, false },
	{ "efuse.tim=3", NULL, "unknown option efuse.tim; did you mean", W, false },
	{ "allow_other", NULL, "option allow_other is not one of efuse's", W, false },
};

static unsigned int count, failed;

static void ok(bool good, const char *what)
{
	failed += !good;
	printf("%s %u - %s\n", good ? "ok" : "not ok", ++count, what);
}

static bool same(const char *a, const char *b)
{
	return a && b ? streq(a, b) : a == b;
}

static void run(const struct test *t)
{
	struct opts o;
	struct msg why;
	int err;

	opts_init(&o);
	err = opts_parse(&o, t->options, t->where, t->sloppy, &why);
	ok(!err == !t->words && (!t->words || strstr(why.text, t->words)) &&
	   (t->words || same(o.daemon, t->daemon)), t->options ? t->options : "(none)");
	if (err)
		printf("# said: %s\n", why.text);
	else if (!same(o.daemon, t->daemon))
		printf("# daemon gets: %s\n", o.daemon ? o.daemon : "(nothing)");
	opts_free(&o);
}

static void check_values(void)
{
	struct opts o;
	struct msg why;

	opts_init(&o);
	ok(o.poll == -1 && o.timeout == -1 && !o.channel, "nothing given: nothing set");
	ok(!opts_parse(&o, "efuse.fs=a#b,efuse.channel=uring,efuse.channel=dev,efuse.poll=20,"
			   "efuse.timeout=5,efuse.log=\"/l,g\",x-a,remount", M, false, &why),
	   "all at once");
	ok(same(o.fs, "a#b") && same(o.log, "/l,g"), "text, its quotes taken off");
	ok(same(o.channel, "dev"), "the last one holds");
	ok(o.poll == 20 && o.timeout == 5, "numbers");
	ok(o.remount && o.fstab_only, "remount and x-* are noticed");
	opts_free(&o);
	opts_free(&o);
	ok(!o.fs && !o.given, "freed, twice");
}

static void check_defaults(const char *options, const char *want)
{
	struct opts o;
	struct msg why;

	opts_init(&o);
	ok(!opts_parse(&o, options, M, false, &why) && !opts_add_defaults(&o) &&
	   same(o.daemon, want), want);
	opts_free(&o);
}

static void check_table(void)
{
	bool good = true;

	for (const struct opts_spec *s = opts_table; s->name; s++)
		good = good && str_after(s->name, "efuse.") && s->arg && s->help && s->initial &&
		       s->where && (s->kind != OPTS_WORD || s->words) &&
		       (s->kind != OPTS_NUMBER || s->min < s->max);
	ok(good, "the table is complete");
}

int main(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(tests); i++)
		run(&tests[i]);
	check_values();
	check_defaults("rw", "rw,dev,suid");
	check_defaults("nosuid", "nosuid,dev");
	check_defaults("nodev,nosuid", "nodev,nosuid");
	check_defaults("nosuid,suid,nodev", "nosuid,suid,nodev,suid");
	check_defaults("", "dev,suid");
	check_table();
	printf("1..%u\n", count);
	return failed != 0;
}

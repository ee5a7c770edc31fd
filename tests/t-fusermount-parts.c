// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * t-fusermount-parts.c - the pieces of fusermount3 by themselves: -o, fuse.conf, the
 * mount table, the number of the socket.
 */
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/sysmacros.h>

#include "mount.efuse/commfd.h"
#include "mount.efuse/conf.h"
#include "mount.efuse/driver.h"
#include "mount.efuse/mountopts.h"
#include "shim/config.h"
#include "mount.efuse/mounttab.h"
#include "mount.efuse/point.h"
#include "mount.efuse/util.h"

static int tests, failed, notes;

static void ok(bool good, const char *what)
{
	tests++;
	failed += !good;
	printf("%sok %d - %s\n", good ? "" : "not ", tests, what);
}

static void count_note(const char *words)
{
	(void)words;
	notes++;
}

/* --- options --------------------------------------------------------------- */

#define SAFE (MS_NOSUID | MS_NODEV)

static const struct test {
	const char *text;
	bool root, allowed;
	const char *words;	/* of the refusal; NULL: taken */
	unsigned long flags;
	const char *fsname, *subtype;
	const char *params;	/* "key=value,key" */
} table[] = {
	{ "", .flags = SAFE, .params = "" },
	{ "rw,nosuid,nodev", .flags = SAFE, .params = "" },
	{ "ro,noexec,sync,noatime,dirsync", .params = "",
	  .flags = SAFE | MS_RDONLY | MS_NOEXEC | MS_SYNCHRONOUS | MS_NOATIME | MS_DIRSYNC },
	{ "ro,rw,noexec,exec", .flags = SAFE, .params = "" },
	{ "suid,dev", .flags = SAFE, .params = "" },
	{ "suid,dev", .root = true, .flags = 0, .params = "" },
	{ "allow_other", .words = "user_allow_other" },
	{ "allow_other", .allowed = true, .flags = SAFE, .params = "allow_other" },
	{ "allow_other", .root = true, .flags = SAFE, .params = "allow_other" },
	{ "allow_root", .words = "user_allow_other" },
	{ "allow_root", .allowed = true, .words = "unknown option" },
	{ "max_read=1,default_permissions,max_read=x", .flags = SAFE,
	  .params = "max_read=1,default_permissions,max_read=x" },
	{ "max_read=1\\,allow_other", .words = "user_allow_other" },
	{ "max_read=1\\,ro", .flags = SAFE | MS_RDONLY, .params = "max_read=1\\" },
	{ "fsname=a\\,b,ro", .flags = SAFE | MS_RDONLY, .fsname = "a,b", .params = "" },
	{ "fsname=a\\\\,ro", .flags = SAFE | MS_RDONLY, .fsname = "a\\", .params = "" },
	{ "fsname=a\\\\\\,allow_other", .flags = SAFE, .fsname = "a\\,allow_other", .params = "" },
	{ "fsname=a\\\\,allow_other", .words = "user_allow_other" },
	{ "fsname=a\\", .flags = SAFE, .fsname = "a\\", .params = "" },
	{ "fsname=,subtype=", .flags = SAFE, .fsname = "", .subtype = "", .params = "" },
	{ "subtype=x\\,allow_other", .flags = SAFE, .subtype = "x,allow_other", .params = "" },
	{ "blkdev", .words = "privileged" },
	{ "blkdev", .root = true, .flags = SAFE, .params = "" },
	{ "fd=3,rootmode=0,user_id=0,group_id=0,nonempty", .flags = SAFE, .params = "" },
	{ "ro,", .flags = SAFE | MS_RDONLY, .params = "" },
	{ ",", .words = "unknown option ''" },
	{ "ro,,rw", .words = "unknown option ''" },
	{ "bogus", .words = "unknown option 'bogus'" },
	{ "ro=1", .words = "unknown option 'ro=1'" },
	{ "fsname", .words = "unknown option" },
	{ "allow_other=1", .allowed = true, .words = "unknown option" },
};

static bool same(const char *a, const char *b)
{
	return a && b ? streq(a, b) : a == b;
}

static bool same_params(const struct mountopts *o, const char *want)
{
	char got[256] = "";
	size_t len = 0;

	for (size_t i = 0; i < o->params; i++)
		len += (size_t)snprintf(got + len, sizeof(got) - len, "%s%s%s%s", i ? "," : "",
					o->param[i].key, o->param[i].value ? "=" : "",
					o->param[i].value ? o->param[i].value : "");
	return streq(got, want);
}

static void check_options(const struct test *t)
{
	const struct mountopts_caller caller = { .root = t->root, .allow_other = t->allowed };
	struct mountopts o;
	struct msg why;
	int err = mountopts_parse(&o, t->text, &caller, count_note, &why);

	if (t->words)
		ok(err && strstr(why.text, t->words), t->text);
	else
		ok(!err && o.flags == t->flags && same(o.fsname, t->fsname) &&
		   same(o.subtype, t->subtype) && same_params(&o, t->params), t->text);
	mountopts_free(&o);
	mountopts_free(&o);
}

/* --- the driver ------------------------------------------------------------ */

/* What OPTIONS, ENVIRONMENT and the administrator's CONF come to. */
static const struct decision {
	struct driver_wish options, environment;
	const char *conf;
	bool efuse, told;
	const char *policy;
	unsigned int mode;
	unsigned long long ns;
	const char *words;		/* of the error */
} decisions[] = {
	{ .policy = "generic" },
	{ .conf = "", .policy = "generic" },
	{ .conf = "auto", .efuse = true, .policy = "generic" },
	{ .conf = "efuse", .efuse = true, .told = true, .policy = "generic" },
	{ .conf = "stock", .policy = "generic" },
	{ { .driver = "auto" }, .efuse = true, .policy = "generic" },
	{ { .driver = "efuse" }, .efuse = true, .told = true, .policy = "generic" },
	{ { .driver = "stock" }, .conf = "efuse", .policy = "generic" },
	{ { .driver = "stock" }, { .driver = "efuse" }, .policy = "generic" },
	{ .environment = { .driver = "stock" }, .conf = "auto", .policy = "generic" },
	{ .environment = { .driver = "efuse" }, .efuse = true, .told = true, .policy = "generic" },
	{ { .cache = "always" }, .efuse = true, .policy = "generic", .mode = CONFIG_MODE_ALWAYS },
	{ { .cache = "always" }, .conf = "stock", .efuse = true, .policy = "generic",
	  .mode = CONFIG_MODE_ALWAYS },
	{ { .cache = "none" }, .efuse = true, .policy = "" },
	{ { .cache = "auto" }, { .cache_timeout = "5" }, .efuse = true, .policy = "generic" },
	{ .environment = { .cache_timeout = "0.5" }, .efuse = true, .policy = "generic",
	  .mode = CONFIG_MODE_TIMEOUT, .ns = 500000000 },
	{ { .cache_timeout = "0" }, .efuse = true, .policy = "" },
	{ { .policy = "mine" }, { .cache = "none" }, .efuse = true, .policy = "mine" },
	{ { .driver = "stock", .cache = "always" }, .policy = "generic", .mode = CONFIG_MODE_ALWAYS },
	{ { .cache_entries = "8" }, .efuse = true, .policy = "generic", .mode = 1 << 8 },
	{ { .cache = "always" }, { .cache_entries = "65536" }, .efuse = true, .policy = "generic",
	  .mode = CONFIG_MODE_ALWAYS | 14 << 8 },
	{ { .cache_entries = "1000" }, .efuse = true, .policy = "generic", .mode = 7 << 8 },
	{ { .cache_mem = "1" }, .efuse = true, .policy = "generic", .mode = 6 << 16 },
	{ { .cache = "always", .cache_mem = "100" }, .efuse = true, .policy = "generic",
	  .mode = 12 << 16 | 1 },
	{ { .cache_mem = "0" }, .words = "efuse.cache_mem=0: not a number from 1 to 65536" },
	{ { .cache_mem = "65537" }, .words = "not a number from" },
	{ { .cache_entries = "7" }, .words = "efuse.cache_entries=7: not a number from 8 to 65536" },
	{ { .cache_entries = "65537" }, .words = "not a number from" },
	{ { .cache_entries = "1k" }, .words = "not a number from" },
	{ { .driver = "" }, .words = "efuse.driver=: not one of" },
	{ { .driver = "Efuse" }, .words = "efuse.driver=Efuse: not one of" },
	{ { .cache = "some" }, .words = "efuse.cache=some: not one of" },
	{ { .cache_timeout = "-1" }, .words = "no number of seconds" },
	{ { .cache_timeout = "99999999999" }, .words = "no number of seconds" },
	{ { .cache = "always", .cache_timeout = "1" }, .words = "contradicts" },
	{ { .policy = "0123456789012345678901234567890123456789012345678901234567890123" },
	  .words = "too long" },
};

static void check_decision(const struct decision *d)
{
	struct driver_plan plan;
	struct msg why = { "" };
	int err = driver_decide(&plan, &d->options, &d->environment, d->conf, &why);
	char what[64];

	snprintf(what, sizeof(what), "decision %td", d - decisions);
	if (d->words)
		ok(err == -EINVAL && strstr(why.text, d->words), what);
	else
		ok(!err && plan.efuse == d->efuse && plan.told == d->told &&
		   streq(plan.policy.name, d->policy) && plan.policy.param[0] == d->mode &&
		   plan.policy.param[1] == d->ns && plan.policy.size == sizeof(plan.policy), what);
}

/* --- fuse.conf ------------------------------------------------------------- */

static void check_line(const char *text, bool allow, int max, int told)
{
	struct conf conf = { .allow_other = false, .mount_max = 1000 };
	char line[300];

	notes = 0;
	snprintf(line, sizeof(line), "%s", text);
	conf_line(&conf, line, 1, count_note);
	ok(conf.allow_other == allow && conf.mount_max == max && notes == told, text);
}

static void check_conf_driver(const char *text, const char *driver, int told)
{
	struct conf conf = { .mount_max = 1000 };
	char line[300];

	notes = 0;
	snprintf(line, sizeof(line), "%s", text);
	conf_line(&conf, line, 1, count_note);
	ok(streq(conf.driver, driver) && notes == told, text);
}

static void check_conf(void)
{
	check_conf_driver("efuse_driver = auto", "auto", 0);
	check_conf_driver(" efuse_driver=efuse # all", "efuse", 0);
	check_conf_driver("efuse_driver = stock", "stock", 0);
	check_conf_driver("efuse_driver = best", "", 1);
	check_conf_driver("efuse_driver", "", 1);
	check_conf_driver("efuse_driver =", "", 1);

	check_line("", false, 1000, 0);
	check_line("# user_allow_other", false, 1000, 0);
	check_line("user_allow_other", true, 1000, 0);
	check_line("\t user_allow_other  # why not", true, 1000, 0);
	check_line("user_allow_other 1", false, 1000, 1);
	check_line("user_allow_others", false, 1000, 1);
	check_line("mount_max = 5", false, 5, 0);
	check_line("mount_max=5", false, 5, 0);
	check_line("mount_max = -1", false, -1, 0);
	check_line("mount_max = 0x10", false, 16, 0);
	check_line("mount_max = 99999999999", false, 1000, 1);
	check_line("mount_max =", false, 1000, 1);
	check_line("mount_max 5", false, 1000, 1);
	check_line("mount_maximum = 5", false, 1000, 1);
}

/* --- the mount table ------------------------------------------------------- */

static const char mounts[] =
	"22 1 0:20 / / rw - ext4 /dev/vda rw\n"
	"30 22 0:40 / /a\\040b\\012c\\134d rw,nosuid shared:1 master:2 - fuse.x\\040y s rw,user_id=10,group_id=10\n"
	"31 22 0:41 / /two rw - fuse  rw,user_id=100\n"
	"broken line\n"
	"32 22 0:41 /sub /three rw - fuseblk /dev/x rw,xuser_id=10,user_id=0,user_id=10\n"
	"33 22 0:42 / /four rw - fusectl x rw,user_id=10\n"
	"34 22 0:43 / /five rw - tmpfs fuse rw,user_id=10";

static void check_table(void)
{
	struct mounttab_entry e[6] = { 0 };
	struct mounttab tab;
	bool listed = true;
	int n = 0;

	mounttab_from(&tab, strdup(mounts));
	while (n < 6 && mounttab_next(&tab, &e[n]))
		n++;
	ok(n == 6 && e[5].id == 34, "six lines, one that is none");
	ok(streq(e[1].target, "/a b\nc\\d") && e[1].dev == makedev(0, 40), "a decoded path");
	ok(mounttab_is_of(&e[1], 10) && !mounttab_is_of(&e[1], 1), "whose it is");
	ok(mounttab_is_of(&e[2], 100) && !mounttab_is_of(&e[2], 10), "not of one whose id it begins with");
	ok(mounttab_is_of(&e[3], 0) && !mounttab_is_of(&e[3], 10), "the first user_id counts");
	ok(!mounttab_is_fuse(&e[4]) && !mounttab_is_of(&e[4], 10), "fusectl is not FUSE");
	ok(!mounttab_is_of(&e[5], 10), "nor is tmpfs");
	mounttab_close(&tab);
	ok(mounttab_count(-1, &listed) >= 0 && !listed, "the real table, not with a mount that is none");
}

/* --- the socket, the mount point ------------------------------------------- */

static void check_socket(void)
{
	static const char *const bad[] = { "", "-1", "+1", " 1", "1 ", "0x1", "99999999999999999999", "1x" };
	char text[20];
	int fds[2];

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		ok(commfd_parse(bad[i]) == -EINVAL, bad[i]);
	ok(commfd_parse("1000000") == -EBADF, "no descriptor");
	snprintf(text, sizeof(text), "%d", fds[0] = socket(AF_INET, SOCK_DGRAM, 0));
	ok(fds[0] < 0 || commfd_parse(text) == -EAFNOSUPPORT, "a socket that carries no descriptor");
	close(fds[0]);
	if (socketpair(AF_UNIX, SOCK_STREAM, 0, fds) < 0)
		return;
	snprintf(text, sizeof(text), "%d", fds[0]);
	ok(commfd_parse(text) == fds[0], "a socket");
	ok(commfd_wait_go(fds[0], 10) == -ETIMEDOUT, "nobody says go");
	ok(commfd_send_status(fds[1], 0) == 0 && commfd_wait_go(fds[0], 1000) == 0, "go");
	ok(commfd_send(fds[1], 0) == 0 && !commfd_ended(fds[0]), "a descriptor is thrown away");
	close(fds[1]);
	ok(commfd_ended(fds[0]) && commfd_wait_go(fds[0], 1000) == -ECONNRESET, "the end");
	ok(commfd_send(fds[0], 0) < 0, "nobody to send to");
}

static void check_point(void)
{
	struct point_id id;
	struct point p;
	bool listed;
	struct msg why;

	ok(point_pin("/", &p, &why) == 0 && S_ISDIR(p.mode), "the root folder");
	ok(point_identify(p.fd, &id) == 0 && id.mount > 0 && id.root, "its mount");
	ok(point_mount(p.fd) == id.mount && mounttab_count(id.mount, &listed) >= 0 && listed,
	   "which is in the table");
	close(p.fd);
	ok(point_pin("/proc///", &p, &why) == 0 && point_check(&p, "/proc", &why) < 0, "not on /proc");
	close(p.fd);
	ok(point_pin("", &p, &why) == -ENOENT && p.fd == -1, "no name");
	ok(point_pin("/proc/self", &p, &why) == -ELOOP && p.fd == -1, "a link");
	ok(point_pin("/proc/none", &p, &why) == -ENOENT, "nothing");
}

int main(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(table); i++)
		check_options(&table[i]);
	check_conf();
	for (size_t i = 0; i < ARRAY_SIZE(decisions); i++)
		check_decision(&decisions[i]);
	check_table();
	check_socket();
	check_point();
	printf("1..%d\n", tests);
	return failed != 0;
}

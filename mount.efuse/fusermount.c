// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * fusermount.c - fusermount3: lets users mount and unmount FUSE file systems.
 *
 * Installed set-user-ID root, called by FUSE libraries and by people. The map:
 *
 *   fusermount.c   this file: command line, the order of the steps
 *   inherit.c      descriptors, environment, signals, limits that it inherits
 *   priv.c         becoming the caller; the one capability kept, and when
 *   conf.c         /etc/fuse.conf
 *   mountopts.c    -o
 *   driver.c       the kernel's own driver or efuse's   -> hello.c is it there?
 *   point.c        the mount point: pinned, and who may mount there
 *   attach.c       the privileged steps
 *   commfd.c       the socket to the library
 *   mounttab.c     the mount table
 *   autounmount.c  when the file system's process has ended
 *   msg.c          the one place that prints
 *
 * It executes nothing, loads nothing, asks no user database, and writes no
 * file. Whatever fails leaves nothing mounted that was not before.
 */
#include <getopt.h>
#include <limits.h>

#include "mount.efuse/attach.h"
#include "mount.efuse/autounmount.h"
#include "mount.efuse/commfd.h"
#include "mount.efuse/conf.h"
#include "mount.efuse/driver.h"
#include "mount.efuse/hello.h"
#include "mount.efuse/inherit.h"
#include "mount.efuse/mountopts.h"
#include "mount.efuse/mounttab.h"
#include "mount.efuse/msg.h"
#include "mount.efuse/point.h"
#include "mount.efuse/priv.h"
#include "mount.efuse/util.h"

#define DEVICE "/dev/fuse"

/* The release of libfuse whose helper this one stands in for, for those who ask with -V. */
#define LIBFUSE_VERSION "3.19.0"

/* Milliseconds in which a library must say "mount now" after --sync-init. */
#ifndef GO_MS
#define GO_MS 30000
#endif

/* One call of the program. */
struct job {
	bool unmount, lazy, quiet;
	bool auto_unmount;	/* --auto-unmount: mount nothing, only watch */
	bool sync_init;
	const char *options;	/* of -o */
	const char *comm;	/* the number of the socket, as text */
	const char *where;	/* the mount point, as the caller named it */
	int sock;		/* the caller's; -1: none */
	int device;		/* /dev/fuse */
	int efuse;		/* /dev/efuse when that driver is to serve, else -1 */
	struct driver_wish environment;
	bool bare;		/* the caller gave us no environment of its own */
	struct driver_plan driver;
	struct conf conf;
	struct mountopts opts;
	struct point point;
	int mounted;		/* the mount we made; -1 without the new API */
};

static const char usage[] =
	"usage: fusermount3 [options] [--] mountpoint\n"
	"Options:\n"
	" -h, --help             print this help\n"
	" -V, --version          print the version\n"
	" -o, --options OPT,...  mount options\n"
	" -u, --unmount          unmount\n"
	" -q, --quiet            say nothing when unmounting fails\n"
	" -z, --lazy             unmount even when in use (only with -u)\n"
	" --auto-unmount         mount nothing, unmount when the caller ends\n"
	" --comm-fd N            socket to the caller (else from $" COMMFD_ENV ")\n"
	" --sync-init            mount when the caller is ready to answer\n";

/* --- command line ---------------------------------------------------------- */

enum { SAID_HELP = 1, SAID_VERSION };

static int print(const char *text)
{
	size_t len = strlen(text);

	return write(STDOUT_FILENO, text, len) == (ssize_t)len ? 0 : -EIO;
}

/* 0, SAID_*, or -EINVAL with words. */
static int read_option(struct job *job, int c, const char *word, struct msg *why)
{
	switch (c) {
	case 'h':
		return SAID_HELP;
	case 'V':
		return SAID_VERSION;
	case 'o':
		job->options = optarg;
		return 0;
	case 'u':
		job->unmount = true;
		return 0;
	case 'z':
		job->lazy = true;
		return 0;
	case 'q':
		job->quiet = true;
		return 0;
	case 'U':
		job->auto_unmount = true;
		return 0;
	case 'c':
		job->comm = optarg;
		return 0;
	case 'S':
		job->sync_init = true;
		return 0;
	case ':':
		return msg_set(why, -EINVAL, "option %s requires an argument", word);
	default:
		return msg_set(why, -EINVAL, "invalid option %s; try -h", word);
	}
}

static int check_cmdline(struct job *job, int argc, char **argv, struct msg *why)
{
	if (job->lazy && !job->unmount)
		return msg_set(why, -EINVAL, "-z can only be used with -u");
	if (optind >= argc)
		return msg_set(why, -EINVAL, "missing mountpoint argument");
	if (optind + 1 < argc)
		return msg_set(why, -EINVAL, "extra arguments after the mountpoint");
	job->where = argv[optind];
	return 0;
}

static int read_cmdline(struct job *job, int argc, char **argv, struct msg *why)
{
	static const struct option names[] = {
		{ "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'V' },
		{ "options", required_argument, NULL, 'o' },
		{ "unmount", no_argument, NULL, 'u' },
		{ "quiet", no_argument, NULL, 'q' },
		{ "lazy", no_argument, NULL, 'z' },
		{ "auto-unmount", no_argument, NULL, 'U' },
		{ "comm-fd", required_argument, NULL, 'c' },
		{ "sync-init", no_argument, NULL, 'S' },
		{ NULL, 0, NULL, 0 },
	};
	int c, said = 0;

	opterr = 0;
	while (!said) {
		int at = optind;

		c = getopt_long(argc, argv, ":ho:uqzV", names, NULL);
		if (c < 0)
			return check_cmdline(job, argc, argv, why);
		said = read_option(job, c, argv[at < argc ? at : argc - 1], why);
	}
	return said;
}

/* --- what is told on the way ----------------------------------------------- */

static void note(const char *words)
{
	msg_say(NULL, "%s", words);
}

/* --- before a mount -------------------------------------------------------- */

/* With the caller's own rights: who may not open it may not mount either. */
static int open_device(struct job *job, struct msg *why)
{
	job->device = open(DEVICE, O_RDWR | O_CLOEXEC);
	if (job->device >= 0)
		return 0;
	if (errno == ENOENT || errno == ENODEV)
		return msg_set(why, -errno, "fuse device %s not found, try 'modprobe fuse' first",
			       DEVICE);
	return msg_set_errno(why, -errno, "failed to open %s", DEVICE);
}

static int read_options(struct job *job, struct msg *why)
{
	const struct mountopts_caller caller = {
		.root = priv_is_root(), .allow_other = job->conf.allow_other,
	};

	return mountopts_parse(&job->opts, job->options, &caller, note, why);
}

/* The efuse driver does not serve, for the reason in WORDS: told to who named it. */
static void take_stock(struct job *job, const struct msg *words)
{
	struct msg line;

	closep(&job->efuse);
	job->efuse = -1;
	if (!job->driver.told)
		return;
	msg_set(&line, 0, "%.900s; the stock driver serves", words->text);
	note(line.text);
}

/* A variable may be left over from another time: what it says is no reason to fail. */
static void check_environment(struct job *job)
{
	static const struct driver_wish nothing;
	struct driver_plan ignored;
	struct msg words, line;

	if (driver_decide(&ignored, &job->environment, &nothing, NULL, &words) == 0)
		return;
	msg_set(&line, 0, "environment: %.900s; ignored", words.text);
	note(line.text);
	job->environment = nothing;
}

/*
 * Who may not open /dev/fuse has not come so far: its mode goes for both drivers.
 * The other device, too, is opened with the caller's own rights.
 */
static int choose_driver(struct job *job, struct msg *why)
{
	struct msg words;
	int err;

	if (job->bare)
		driver_read_caller(&job->environment);
	check_environment(job);
	err = driver_decide(&job->driver, &job->opts.efuse, &job->environment, job->conf.driver, why);
	if (err || !job->driver.efuse)
		return err;
	job->efuse = hello_open(NULL, &words);
	if (job->efuse < 0)
		take_stock(job, &words);
	return 0;
}

static int find_point(struct job *job, struct msg *why)
{
	int err = point_pin(job->where, &job->point, why);

	return err || priv_is_root() ? err : point_check(&job->point, job->where, why);
}

static int prepare(struct job *job, struct msg *why)
{
	int err = open_device(job, why);

	if (err)
		return err;
	err = conf_read(&job->conf, note);
	if (err)
		return msg_set_errno(why, err, "cannot read %s", CONF_PATH);
	err = read_options(job, why);
	if (!err)
		err = choose_driver(job, why);
	return err ? err : find_point(job, why);
}

/* --- mounting -------------------------------------------------------------- */

/*
 * Counted as late as possible; those at the same moment still do not count each
 * other. LISTED: does the table tell of the mount that the point is on? Root may
 * mount without a table.
 */
static int look_at_table(const struct job *job, bool *listed, struct msg *why)
{
	int count = mounttab_count(point_mount(job->point.fd), listed);

	if (count < 0 && !priv_is_root())
		return msg_set_errno(why, count, "cannot read the mount table");
	*listed |= count < 0;
	if (priv_is_root() || job->conf.mount_max == -1 || count < job->conf.mount_max)
		return 0;
	return msg_set(why, -ENOSPC,
		       "too many FUSE filesystems mounted; mount_max=N can be set in %s", CONF_PATH);
}

/* The descriptor that the library gets. */
static int device_of(const struct job *job)
{
	return job->efuse >= 0 ? job->efuse : job->device;
}

static int mount_driver(struct job *job, bool listed)
{
	bool efuse = job->efuse >= 0;
	const struct attach plan = {
		.opts = &job->opts, .point = &job->point, .listed = listed,
		.efuse = efuse, .device = device_of(job),
		.source = mountopts_source(&job->opts, efuse ? HELLO_DEVICE : DEVICE),
		.uid = getuid(), .gid = getgid(),
	};

	return attach_mount(&plan, &job->mounted);
}

/* Without its policy the efuse driver asks the server everything, as the stock one. */
static void choose_policy(struct job *job)
{
	int err = driver_choose_policy(job->efuse, &job->driver);
	struct msg line;

	if (!err || !job->driver.policy_told)
		return;
	if (err == -ENOENT)
		msg_set(&line, 0, "no BPF policy %s is loaded; going on without",
			job->driver.policy.name);
	else
		msg_set(&line, 0, "BPF policy %s: %s; going on without", job->driver.policy.name,
			strerror(-err));
	note(line.text);
}

/* A security module, say, may know the stock type only. What is sent cannot be changed. */
static int mount_either(struct job *job, bool listed)
{
	int err = mount_driver(job, listed);
	struct msg words;

	if (!err && job->efuse >= 0)
		choose_policy(job);
	if (!err || job->efuse < 0 || job->sync_init)
		return err;
	msg_set_errno(&words, err, "the efuse driver cannot be mounted");
	take_stock(job, &words);
	return mount_driver(job, listed);
}

static int mount_it(struct job *job, struct msg *why)
{
	bool listed;
	int err = look_at_table(job, &listed, why);

	if (err)
		return err;
	err = inherit_block_signals();
	if (!err)
		err = mount_either(job, listed);
	return err ? msg_set_errno(why, err, "mount failed") : 0;
}

/* After mount(2) there is no descriptor: the way to the mount is the name it has. */
static int open_mounted(struct job *job)
{
	char path[PATH_MAX];
	ssize_t len;

	if (job->mounted >= 0)
		return 0;
	len = readlink(point_path(job->point.fd).text, path, sizeof(path));
	if (len <= 0 || len == sizeof(path))
		return -ENOENT;
	path[len] = '\0';
	job->mounted = open(path, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	return job->mounted < 0 ? -errno : 0;
}

/* Is the mount that FD is the root of a FUSE mount of the caller? Root may take any. */
static int check_owner(int fd, const char *path, struct point_id *id, struct msg *why)
{
	struct mounttab_entry entry;
	struct mounttab tab;
	int err = point_identify(fd, id);
	bool ours;

	if (!err)
		err = mounttab_open(&tab);
	if (err)
		return msg_set_errno(why, err, "cannot look %s up in the mount table", path);
	ours = id->root && mounttab_find(&tab, id->mount, &entry) &&
	       (priv_is_root() ? mounttab_is_fuse(&entry) : mounttab_is_of(&entry, getuid()));
	mounttab_close(&tab);
	return ours ? 0 : msg_set(why, -EPERM, "no FUSE mount of this user at %s", path);
}

/* The library did not get its descriptor: the mount would be dead from the start. */
static int take_back(struct job *job, int err, struct msg *why)
{
	struct point_id id;
	struct msg ignored;

	if (open_mounted(job) == 0 && check_owner(job->mounted, job->where, &id, &ignored) == 0)
		attach_detach(job->mounted);
	return msg_set_errno(why, err, "sending the file descriptor");
}

static int mount_and_send(struct job *job, struct msg *why)
{
	int err = mount_it(job, why);

	if (err)
		return err;
	err = commfd_send(job->sock, device_of(job));
	return err ? take_back(job, err, why) : 0;
}

/* The library starts answering before we mount, so that the mount can ask it. */
static int send_and_mount(struct job *job, struct msg *why)
{
	int err = commfd_send(job->sock, device_of(job));

	if (err)
		return msg_set_errno(why, err, "sending the file descriptor");
	err = commfd_wait_go(job->sock, GO_MS);
	if (err)
		return msg_set_errno(why, err, "waiting for the caller to be ready");
	err = mount_it(job, why);
	/* Nobody to tell: the library sees the end of the socket. */
	(void)!commfd_send_status(job->sock, err != 0);
	return err;
}

/* --- staying behind -------------------------------------------------------- */

/*
 * No descriptor but the socket is kept: /dev/fuse would keep the connection
 * alive, the mount would be busy. CAP_SYS_ADMIN stays in the permitted set, out
 * of use until the socket ends.
 */
static int watch(struct job *job, const struct point_id *id, struct msg *why)
{
	int err = inherit_block_signals();

	if (!err)
		err = inherit_close_fds(job->sock);
	if (!err)
		err = inherit_detach(job->sock);
	if (err)
		return msg_set_errno(why, err, "cannot stay behind");
	inherit_watch(0);
	autounmount_run(job->sock, id, getuid());
	return 0;
}

static int watch_mounted(struct job *job, struct msg *why)
{
	struct point_id id;
	int err = open_mounted(job);

	if (!err)
		err = point_identify(job->mounted, &id);
	if (err)
		return msg_set_errno(why, err, "mounted, but cannot watch it");
	return watch(job, &id, why);
}

/* --- the three things it does ---------------------------------------------- */

static int open_socket(struct job *job, struct msg *why)
{
	if (!job->comm)
		return msg_set(why, -EINVAL, "old style mounting not supported: %s is not set",
			       COMMFD_ENV);
	job->sock = commfd_parse(job->comm);
	if (job->sock < 0)
		return msg_set_errno(why, job->sock, "%s=%s is no Unix socket", COMMFD_ENV, job->comm);
	return 0;
}

static int do_mount(struct job *job, struct msg *why)
{
	int err = prepare(job, why);

	if (!err)
		err = job->sync_init ? send_and_mount(job, why) : mount_and_send(job, why);
	if (err || !job->opts.auto_unmount)
		return err;
	return watch_mounted(job, why);
}

/* The mount is there already: made by root's own library, or by the caller in his namespace. */
static int do_watch(struct job *job, struct msg *why)
{
	__cleanup(freep) char *name = NULL;
	struct point_id id;
	int folder, mounted;
	int err = point_find(job->where, &folder, &name, &mounted);

	if (err)
		err = msg_set_errno(why, err, "failed to access %s", job->where);
	else
		err = check_owner(mounted, job->where, &id, why);
	closep(&folder);
	closep(&mounted);
	return err ? err : watch(job, &id, why);
}

static int unmount_found(struct job *job, int folder, const char *name, int *mounted)
{
	if (job->lazy)
		return attach_detach(*mounted);
	close(take_fd(mounted));	/* it would make the mount busy */
	inherit_watch(0);		/* writing back what is cached may take long */
	return attach_unmount(folder, name);
}

static int do_unmount(struct job *job, struct msg *why)
{
	__cleanup(freep) char *name = NULL;
	struct point_id id;
	int folder, mounted;
	int err = point_find(job->where, &folder, &name, &mounted);

	if (!err && !priv_is_root()) {
		err = check_owner(mounted, job->where, &id, why);
	} else if (err) {
		msg_set_errno(why, err, "failed to unmount %s", job->where);
	}
	if (!err) {
		err = unmount_found(job, folder, name, &mounted);
		if (err)
			msg_set_errno(why, err, "failed to unmount %s", job->where);
	}
	closep(&folder);
	closep(&mounted);
	return err;
}

/* --- all of it ------------------------------------------------------------- */

static int do_job(struct job *job, struct msg *why)
{
	int err;

	err = job->unmount ? 0 : open_socket(job, why);
	if (err)
		return err;
	err = inherit_close_fds(job->sock);
	if (err)
		return msg_set_errno(why, err, "cannot start");
	if (job->unmount)
		return do_unmount(job, why);
	return job->auto_unmount ? do_watch(job, why) : do_mount(job, why);
}

/* Nothing is looked at before the process is under control and is the caller's. */
static int take_control(struct job *job, struct msg *why)
{
	int err;

	/* The only things the environment is asked. */
	job->comm = getenv(COMMFD_ENV);
	job->bare = !driver_read_environment(&job->environment);
	err = inherit_control();
	if (err)
		return msg_set_errno(why, err, "cannot start");
	err = priv_drop();
	return err ? msg_set_errno(why, err, "cannot give up privileges") : 0;
}

int main(int argc, char **argv)
{
	static struct job job = {
		.options = "", .sock = -1, .device = -1, .efuse = -1, .mounted = -1,
		.point = { .fd = -1 },
	};
	struct msg why;
	int err;

	msg_init("fusermount3", false);
	err = take_control(&job, &why);
	if (!err)
		err = read_cmdline(&job, argc, argv, &why);
	if (err == SAID_HELP)
		return print(usage) < 0 || true;	/* 1, as libfuse's does */
	if (err == SAID_VERSION)
		return print("fusermount3 version: " LIBFUSE_VERSION
			     " (efuse " EFUSE_VERSION ")\n") < 0;
	if (!err)
		err = do_job(&job, &why);
	if (err && !(job.quiet && job.unmount))
		msg_say(NULL, "%s", why.text);
	mountopts_free(&job.opts);
	return err != 0;
}

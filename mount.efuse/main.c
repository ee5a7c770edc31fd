// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * main.c - mount.efuse, the mount(8) helper for FUSE file systems under efuse.
 *
 * The map, in the order a mount goes through it:
 *
 *   main.c      this file: the order of the steps, and the exit codes
 *   cmdline.c   what mount(8) or a person called us with
 *   opts.c      the one option table: ours, mount(8)'s, the daemon's
 *   target.c    the mount point             -> mounts.c the mount table
 *                                              probe.c  does it answer?
 *   program.c   the FUSE program's file     -> elf.c    what is in it
 *   tier.c      what it can have            -> device.c what the kernel offers
 *                                              hello.c  and the efuse driver
 *                                              handover.c the daemon's environment
 *   daemon.c    start it, await the mount   -> relay.c  its output
 *                                              reaper.c what it started in turn
 *   record.c    what a mount was made from  -> utab.c   libmount's notes
 *   remount.c   -o remount, instead of all that
 *
 *   efuse.c     the other program, with one file per verb: wrap.c runs a FUSE
 *               program's own command line, status.c, doctor.c, setup.c
 *   msg.c       the one place that prints; util.h the words all files use
 *
 * What the shim then does inside the daemon is shim/; they meet in
 * shim/config.h and shim/stats.h only.
 */
#include <libmount/libmount.h>
#include <pwd.h>
#include <sched.h>

#include "mount.efuse/cmdline.h"
#include "mount.efuse/daemon.h"
#include "mount.efuse/device.h"
#include "mount.efuse/msg.h"
#include "mount.efuse/mounts.h"
#include "mount.efuse/opts.h"
#include "mount.efuse/program.h"
#include "mount.efuse/record.h"
#include "mount.efuse/remount.h"
#include "mount.efuse/target.h"
#include "mount.efuse/tier.h"
#include "mount.efuse/util.h"
#include "mount.efuse/utab.h"

extern char **environ;

/* One call of mount.efuse. */
struct job {
	struct cmdline args;
	struct opts opts;
	char *name;			/* the program as the person called it */
	const char *source;
	char *target;
	struct program program;
	struct tier tier;
	char status[PATH_MAX];		/* folder of the records */
	int mount_id;
};

/* mount(8)'s exit code for -ERR of a step that concerns the mount itself. */
static int exit_code(int err)
{
	switch (err) {
	case -EINTR:
		return MNT_EX_USER;
	case -ENOMEM:
	case -EAGAIN:
	case -EMFILE:
	case -ENFILE:
		return MNT_EX_SYSERR;
	default:
		return MNT_EX_FAIL;
	}
}

static int fail(const char *object, const struct msg *why, int code)
{
	msg_say(object, "%s", why->text);
	return code;
}

/* --- before anything is looked at ------------------------------------------ */

/* Descriptors 0 to 2 are open, so that no file of ours becomes one of them. */
static void keep_standard_fds(void)
{
	int fd;

	do
		fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	while (fd >= 0 && fd <= 2 && fcntl(fd, F_SETFD, 0) == 0);
	if (fd > 2)
		close(fd);
}

/* mount(8) hands its helpers neither; programs and what they start expect both. */
static void complete_environment(void)
{
	const struct passwd *pw = getenv("HOME") ? NULL : getpwuid(getuid());

	setenv("PATH", PROGRAM_USUAL_PATH, 0);
	if (pw)
		setenv("HOME", pw->pw_dir, 0);
}

/* -N: a process number, or the path of a mount namespace. The rest happens there. */
static int enter_namespace(const struct job *job)
{
	__cleanup(closep) int fd = -1;
	char path[PATH_MAX];

	if (!job->args.namespace)
		return 0;
	if (strspn(job->args.namespace, "0123456789") == strlen(job->args.namespace))
		snprintf(path, sizeof(path), "/proc/%.20s/ns/mnt", job->args.namespace);
	else
		snprintf(path, sizeof(path), "%s", job->args.namespace);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || setns(fd, CLONE_NEWNS) < 0) {
		msg_error(job->args.namespace, "cannot enter the mount namespace", -errno);
		return MNT_EX_FAIL;
	}
	return 0;
}

/* --- what is to be mounted ------------------------------------------------- */

static int read_options(struct job *job)
{
	struct msg why;
	int err = opts_parse(&job->opts, job->args.optstr, OPTS_FOR_MOUNT, job->args.sloppy, &why);

	if (err)
		return fail(job->args.where, &why, err == -ENOMEM ? MNT_EX_SYSERR : MNT_EX_USAGE);
	if (job->opts.ignored)
		msg_say(job->args.where, "ignoring unknown options %s", job->opts.ignored);
	if (job->opts.timeout < 0)
		job->opts.timeout = OPTS_TIMEOUT_DEFAULT;
	return 0;
}

/* What "fuse.efuse.sshfs" or "efuse.sshfs" names behind efuse, NULL when nothing. */
static const char *program_of_type(const char *type)
{
	const char *name = NULL;

	if (type)
		name = str_after(type, "fuse.efuse.");
	if (type && !name)
		name = str_after(type, "efuse.");
	return name && *name ? name : NULL;
}

/* The program is named by efuse.fs=, by the type, or in front of the source. */
static int name_program(struct job *job)
{
	const char *hash = strchr(job->args.spec, '#');
	const char *named = job->opts.fs ? job->opts.fs : program_of_type(job->args.type);

	job->source = job->args.spec;
	if (named) {
		job->name = strdup(named);
	} else if (hash && hash != job->args.spec) {
		job->name = strndup(job->args.spec, (size_t)(hash - job->args.spec));
		job->source = hash + 1;
	} else {
		msg_say(job->args.spec, "which FUSE program? Write PROGRAM#SOURCE or -o efuse.fs=PROGRAM");
		return MNT_EX_USAGE;
	}
	if (!job->name) {
		msg_error(job->args.spec, "cannot read the source", -ENOMEM);
		return MNT_EX_SYSERR;
	}
	if (job->source[0] == '-') {
		msg_say(job->source, "a source that begins with '-' would be taken for an option");
		return MNT_EX_USAGE;
	}
	return 0;
}

static int find_program(struct job *job)
{
	char path[PATH_MAX];
	int err = program_find(job->name, path);

	if (!err)
		err = program_examine(path, &job->program);
	if (err == -ENOENT)
		msg_say(job->args.where, "cannot find the FUSE program %s; is it installed?", job->name);
	else if (err)
		msg_say(job->args.where, "cannot execute the FUSE program %s: %s", job->name,
			strerror(-err));
	return err ? exit_code(err) : 0;
}

static int find_target(struct job *job)
{
	struct msg why;
	int err = target_find(job->args.where, job->opts.timeout, &job->target, &why);

	if (err)
		return fail(job->args.where, &why, exit_code(err));
	/* Without a folder that is surely ours there are no records: only comfort is lost. */
	if (handover_status_make(job->status, &why) < 0)
		job->status[0] = '\0';
	return 0;
}

static bool is_served(const struct job *job)
{
	if (!target_is_served(job->target, job->program.path, job->source, job->status))
		return false;
	msg_say(job->target, "%s is already mounted here", job->args.spec);
	return true;
}

/* --- mounting -------------------------------------------------------------- */

static int choose_tier(struct job *job)
{
	int err = tier_choose(&job->tier, &job->opts, &job->program);

	if (err) {
		msg_error(job->target, "cannot prepare the hand-over", err);
		return exit_code(err);
	}
	for (int i = 0; i < job->tier.notes; i++)
		msg_say(job->target, "%s", job->tier.note[i].text);
	return 0;
}

/* PROGRAM [SOURCE] TARGET [-o OPTIONS] */
static void fill_argv(const struct job *job, const char *argv[6])
{
	int n = 0;

	argv[n++] = job->name;
	if (job->source[0])
		argv[n++] = job->source;
	argv[n++] = job->target;
	if (job->opts.daemon) {
		argv[n++] = "-o";
		argv[n++] = job->opts.daemon;
	}
	argv[n] = NULL;
}

static void tell_plan(const struct job *job, const char *const argv[])
{
	__cleanup(freep) char *line = NULL;

	for (int i = 0; argv[i]; i++) {
		__cleanup(freep) char *before = take_ptr(line);

		if (asprintf(&line, "%s%s%s", before ? before : "", before ? " " : "", argv[i]) < 0) {
			line = NULL;
			return;
		}
	}
	msg_note(job->target, "starting %s: %s", job->program.path, line);
	if (job->tier.handover.preload)
		msg_note(job->target, "with the shim %s", job->tier.handover.shim);
}

/* A program that failed may have said little: what else is known to be wrong? */
static void tell_hints(const struct job *job, int err)
{
	struct msg why;

	if (err != -ECHILD)
		return;
	if (device_check_fuse(&why) < 0)
		msg_say(job->target, "%s", why.text);
	else if (job->program.kind != PROGRAM_SCRIPT && job->program.kind != PROGRAM_UNKNOWN &&
		 !job->program.fuse)
		msg_say(job->target, "%s does not look like a FUSE program", job->program.path);
}

static int start_daemon(struct job *job)
{
	const char *argv[6];
	__cleanup(freep) char **env = handover_environ(&job->tier.handover, environ);
	struct daemon_plan plan = {
		.path = job->program.path, .argv = (char *const *)argv, .envp = env,
		.target = job->target, .timeout = job->opts.timeout,
	};
	struct msg why;
	int err;

	fill_argv(job, argv);
	tell_plan(job, argv);
	if (job->args.fake)
		return 0;
	if (!env) {
		msg_error(job->target, "cannot start the program", -ENOMEM);
		return MNT_EX_SYSERR;
	}
	err = daemon_mount(&plan, &job->mount_id, &why);
	if (!err)
		return 0;
	msg_say(job->target, "%s", why.text);
	tell_hints(job, err);
	return exit_code(err);
}

static bool find_mount(struct mounts *m, int id, struct mounts_entry *entry)
{
	while (mounts_next(m, entry))
		if (entry->id == id)
			return true;
	return false;
}

static void keep_record(struct job *job, const struct mounts_entry *entry)
{
	struct record r = {
		.program = job->program.path, .source = (char *)job->source,
		.options = job->opts.given, .token = job->tier.handover.token,
	};
	int err = record_write(job->status, entry, &r);

	record_purge(job->status);
	if (err)
		msg_note(job->target, "no record of this mount is kept: %s", strerror(-err));
}

/* Notes for those who come later: our record, and utab where mount(8) will not do it. */
static int note_mount(struct job *job)
{
	struct mounts_entry entry;
	struct mounts m;
	int err = mounts_open(&m);

	if (!err && find_mount(&m, job->mount_id, &entry)) {
		keep_record(job, &entry);
		msg_note(job->target, "mounted %s as %s", entry.source, entry.fstype);
		if (job->opts.fstab_only && !job->args.no_table && geteuid() == 0)
			err = utab_add(&entry, job->opts.given);
	}
	mounts_close(&m);
	if (!err)
		return 0;
	msg_error(job->target, "mounted, but cannot update utab", err);
	return MNT_EX_FILEIO;
}

static int mount_it(struct job *job)
{
	int code;

	if (geteuid() == 0 && opts_add_defaults(&job->opts) < 0) {
		msg_error(job->target, "cannot read options", -ENOMEM);
		return MNT_EX_SYSERR;
	}
	code = choose_tier(job);
	if (!code)
		code = start_daemon(job);
	if (!code && !job->args.fake)
		code = note_mount(job);
	return code;
}

static int remount_it(struct job *job)
{
	struct msg why;
	int err;

	if (job->args.fake)
		return 0;
	err = remount_apply(job->target, &job->opts, job->status, &why);
	return err ? fail(job->target, &why, err == -EINVAL ? MNT_EX_USAGE : exit_code(err)) : 0;
}

/* --- all of it ------------------------------------------------------------- */

static int do_job(struct job *job)
{
	int code = enter_namespace(job);

	if (!code)
		code = read_options(job);
	if (!code)
		code = find_target(job);
	if (code)
		return code;
	if (job->opts.remount)
		return remount_it(job);
	code = name_program(job);
	if (!code)
		code = find_program(job);
	if (code || is_served(job))
		return code;
	return mount_it(job);
}

int main(int argc, char **argv)
{
	static struct job job;
	int code;

	msg_init("mount.efuse", false);
	keep_standard_fds();
	opts_init(&job.opts);
	code = cmdline_read(&job.args, argc, argv);
	if (code < 0) {
		complete_environment();
		code = do_job(&job);
	}
	opts_free(&job.opts);
	cmdline_free(&job.args);
	free(job.name);
	free(job.target);
	return code;
}

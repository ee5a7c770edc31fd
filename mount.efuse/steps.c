// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * steps.c - the steps of `efuse setup`.
 *
 * Before the first one is taken, what was there is written to the state file;
 * when one fails, those taken are taken back, so that a machine is set up or as
 * it was. Nothing a person wrote or edited is changed.
 */
#include <sys/stat.h>
#include <sys/wait.h>

#include "mount.efuse/conffile.h"
#include "mount.efuse/device.h"
#include "mount.efuse/steps.h"
#include "mount.efuse/util.h"
#include "shim/config.h"

#define STATE_DIR	"/var/lib/efuse"
#define STATE_FILE	STATE_DIR "/setup.state"
#define STATE_HEAD	"# What `efuse setup` found, for `efuse setup --undo`.\n"

#define WANTS		"/etc/systemd/system/sysinit.target.wants"
#define MODULE		"/sys/module/efuse"

/* Milliseconds in which the driver comes free after its last policy. */
#define FREE_MS		5000

static const char *const load_module[] = { "/sbin/modprobe", "efuse", NULL };
static const char *const unload_module[] = { "/sbin/modprobe", "-r", "efuse", NULL };
static const char *const load_policy[] = { LOADER_PATH, "load", POLICY_PATH, NULL };
static const char *const unload_policy[] = { LOADER_PATH, "unload", CONFIG_POLICY, NULL };

/*
 * tmpfiles.d serves a built-in fuse and one loaded before it runs; modprobe.d
 * one that is loaded later. systemd-tmpfiles passes over a "w" whose file is
 * not there.
 */
const struct steps_spec steps_table[STEPS_COUNT] = {
	{ STEPS_FOLDER, STATE_DIR, NULL, STEPS_ALWAYS, NULL, NULL },
	{ STEPS_FOLDER, "/etc/tmpfiles.d", NULL, STEPS_ALWAYS, NULL, NULL },
	{ STEPS_FILE, "/etc/tmpfiles.d/efuse.conf",
	  "w " STEPS_PARAMETER " - - - - Y\n"
	  "d " CONFIG_STATUS_ROOT " 0755 root root -\n", STEPS_ALWAYS, NULL, NULL },
	{ STEPS_FOLDER, "/etc/modprobe.d", NULL, STEPS_LOADABLE, NULL, NULL },
	{ STEPS_FILE, "/etc/modprobe.d/efuse.conf", "options fuse enable_uring=1\n",
	  STEPS_LOADABLE, NULL, NULL },
	{ STEPS_FOLDER, CONFIG_STATUS_ROOT, NULL, STEPS_ALWAYS, NULL, NULL },
	{ STEPS_VALUE, STEPS_PARAMETER, "Y", STEPS_ALWAYS, NULL, NULL },
	{ STEPS_FOLDER, "/etc/systemd", NULL, STEPS_UNIT, NULL, NULL },
	{ STEPS_FOLDER, "/etc/systemd/system", NULL, STEPS_UNIT, NULL, NULL },
	{ STEPS_FOLDER, WANTS, NULL, STEPS_UNIT, NULL, NULL },
	{ STEPS_LINK, WANTS "/efuse.service", UNIT_PATH, STEPS_UNIT, NULL, NULL },
	{ STEPS_RUN, MODULE, NULL, STEPS_MODULE, load_module, unload_module },
	{ STEPS_RUN, "/sys/fs/bpf/efuse/" CONFIG_POLICY "/link", NULL, STEPS_POLICY,
	  load_policy, unload_policy },
};

const char *steps_at(const struct steps *s, const char *path, char buf[PATH_MAX])
{
	snprintf(buf, PATH_MAX, "%s%s", s->root, path);
	return buf;
}

bool steps_exists(const struct steps *s, const char *path)
{
	char buf[PATH_MAX];

	return access(steps_at(s, path, buf), F_OK) == 0;
}

/* A built-in module has no state of its own in sysfs. */
static bool fuse_is_loadable(const struct steps *s)
{
	return !steps_exists(s, "/sys/module/fuse") || steps_exists(s, "/sys/module/fuse/initstate");
}

static bool applies(const struct steps *s, enum steps_when when)
{
	switch (when) {
	case STEPS_LOADABLE:
		return fuse_is_loadable(s);
	case STEPS_UNIT:
		return steps_exists(s, UNIT_PATH);
	case STEPS_POLICY:
		if (access(POLICY_PATH, R_OK) || access(LOADER_PATH, X_OK))
			return false;
		/* fall through */
	case STEPS_MODULE:
		return !*s->root && device_module_installed();
	default:
		return true;
	}
}

/* --- the state file -------------------------------------------------------- */

static int state_read(struct steps *s)
{
	__cleanup(freep) char *text = NULL;
	char path[PATH_MAX], *line, *next;
	int err = conffile_read(steps_at(s, STATE_FILE, path), &text);

	if (err)
		return err == -ENOENT ? 0 : msg_set_errno(&s->why, err, "%s: cannot read", path);
	s->had_state = true;
	for (line = text; line && *line; line = next) {
		const char *value;

		next = strchr(line, '\n');
		if (next)
			*next++ = '\0';
		value = str_after(line, "parameter ");
		if (value)
			snprintf(s->was, sizeof(s->was), "%s", value);
		value = str_after(line, "made ");
		for (size_t i = 0; value && i < STEPS_COUNT; i++)
			s->made[i] |= streq(value, steps_table[i].path);
	}
	return 0;
}

static int state_write(struct steps *s)
{
	char path[PATH_MAX], text[4096];
	size_t len = (size_t)snprintf(text, sizeof(text), STATE_HEAD "parameter %s\n", s->was);
	int err;

	for (size_t i = 0; i < STEPS_COUNT; i++)
		if (s->made[i] || s->todo[i])
			len += (size_t)snprintf(text + len, sizeof(text) - len, "made %s\n",
						steps_table[i].path);
	err = conffile_write(steps_at(s, STATE_FILE, path), text);
	return err ? msg_set_errno(&s->why, err, "%s: cannot write", path) : 0;
}

/* --- one step -------------------------------------------------------------- */

static int write_value(const char *path, const char *value)
{
	__cleanup(closep) int fd = open(path, O_WRONLY | O_TRUNC | O_NOFOLLOW | O_CLOEXEC);
	size_t len = strlen(value);
	ssize_t ret;

	if (fd < 0)
		return -errno;
	ret = write(fd, value, len);
	if (ret < 0)
		return -errno;
	return (size_t)ret == len ? 0 : -EIO;
}

static int look_value(struct steps *s, size_t i, const char *path)
{
	char value[64];
	ssize_t len = file_read(path, value, sizeof(value));

	if (len == -ENOENT)
		return 0;
	if (len < 0)
		return msg_set_errno(&s->why, (int)len, "%s: cannot read", path);
	if (!s->made[i])
		snprintf(s->was, sizeof(s->was), "%s", value);
	s->todo[i] = !streq(value, steps_table[i].text);
	if (s->todo[i])
		s->before[i] = strdup(value);
	return 0;
}

static int look_file(struct steps *s, size_t i, const char *path)
{
	__cleanup(freep) char *text = conffile_text(steps_table[i].text);
	int state = text ? conffile_look(path, text) : -ENOMEM;

	if (state < 0)
		return msg_set_errno(&s->why, state, "%s: cannot read", path);
	if (state == CONFFILE_FOREIGN)
		return msg_set(&s->why, -EEXIST, "%s: not written by efuse or edited since; "
			       "move it away and try again", path);
	s->todo[i] = state != CONFFILE_SAME;
	return state == CONFFILE_OURS ? conffile_read(path, &s->before[i]) : 0;
}

static int look_folder(struct steps *s, size_t i, const char *path)
{
	struct stat st;

	if (lstat(path, &st) && errno != ENOENT)
		return msg_set_errno(&s->why, -errno, "%s: cannot look at it", path);
	s->todo[i] = access(path, F_OK) != 0;
	return 0;
}

/* A link of that name that leads elsewhere is a person's. */
static int look_link(struct steps *s, size_t i, const char *path)
{
	char to[PATH_MAX];
	ssize_t len = readlink(path, to, sizeof(to) - 1);

	if (len < 0 && errno != ENOENT)
		return msg_set_errno(&s->why, -errno, "%s: cannot look at it", path);
	s->todo[i] = len < 0;
	if (len < 0)
		return 0;
	to[len] = '\0';
	return streq(to, steps_table[i].text) ? 0 :
	       msg_set(&s->why, -EEXIST, "%s: leads to %s; move it away and try again", path, to);
}

static int look(struct steps *s, size_t i)
{
	char path[PATH_MAX];

	steps_at(s, steps_table[i].path, path);
	if (!applies(s, steps_table[i].when))
		return 0;
	switch (steps_table[i].kind) {
	case STEPS_LINK:
		return look_link(s, i, path);
	case STEPS_FOLDER:
	case STEPS_RUN:
		return look_folder(s, i, path);
	case STEPS_FILE:
		return look_file(s, i, path);
	default:
		return look_value(s, i, path);
	}
}

static int make_folder(const char *path)
{
	return mkdir(path, 0755) || chmod(path, 0755) ? -errno : 0;
}

static int make_file(const char *path, const char *body)
{
	__cleanup(freep) char *text = conffile_text(body);

	return text ? conffile_write(path, text) : -ENOMEM;
}

/* Run a program to its end; what it prints goes where ours does. 0, -EIO when it failed. */
static int run(const char *const argv[])
{
	int status;
	pid_t pid = fork();

	if (pid < 0)
		return -errno;
	if (pid == 0) {
		execv(argv[0], (char *const *)argv);
		_exit(127);
	}
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return -errno;
	return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : -EIO;
}

/* Mounts work without: what cannot be loaded is told, and does not undo the rest. */
static int make_running(struct steps *s, size_t i)
{
	const struct steps_spec *step = &steps_table[i];

	/* Without the driver there is nowhere to load a policy. */
	s->todo[i] = !s->note.text[0];
	if (!s->todo[i] || run(step->make) == 0)
		return 0;
	s->todo[i] = false;
	msg_set(&s->note, 0, "%s %s: failed; the rest is done, see dmesg(1)", step->make[0],
		step->make[1]);
	return 0;
}

static int make(struct steps *s, size_t i)
{
	const struct steps_spec *step = &steps_table[i];
	char path[PATH_MAX];
	int err = 0;

	steps_at(s, step->path, path);
	switch (step->kind) {
	case STEPS_FOLDER:
		err = make_folder(path);
		break;
	case STEPS_FILE:
		err = make_file(path, step->text);
		break;
	case STEPS_LINK:
		err = symlink(step->text, path) ? -errno : 0;
		break;
	case STEPS_VALUE:
		err = write_value(path, step->text);
		break;
	case STEPS_RUN:
		err = make_running(s, i);
		break;
	}
	return err ? msg_set_errno(&s->why, err, "%s: cannot write", path) : 0;
}

/* Our own file goes; one that was edited since stays. */
static int remove_file(const char *path, const char *body)
{
	__cleanup(freep) char *text = conffile_text(body);
	int state = text ? conffile_look(path, text) : -ENOMEM;

	if (state < 0 || state == CONFFILE_ABSENT)
		return state < 0 ? state : 0;
	if (state == CONFFILE_FOREIGN)
		return -EEXIST;
	return unlink(path) ? -errno : 0;
}

/* A folder others have put something into stays as well, and that is no failure. */
static int remove_folder(const char *path)
{
	if (rmdir(path) == 0 || errno == ENOENT || errno == ENOTEMPTY || errno == EEXIST ||
	    errno == EBUSY)
		return 0;
	return -errno;
}

/* Our link goes, one that leads elsewhere by now stays. */
static int remove_link(const char *path, const char *text)
{
	char to[PATH_MAX];
	ssize_t len = readlink(path, to, sizeof(to) - 1);

	if (len < 0)
		return errno == ENOENT ? 0 : errno == EINVAL ? -EEXIST : -errno;
	to[len] = '\0';
	if (!streq(to, text))
		return -EEXIST;
	return unlink(path) ? -errno : 0;
}

/* BPF gives a policy back a while after it was unloaded; a mount keeps the driver. */
static int run_back(const char *path, const char *const argv[])
{
	int64_t end = now_ms() + FREE_MS;
	int err = 0;

	while (access(path, F_OK) == 0 && (err = run(argv)) && now_ms() < end)
		usleep(200000);
	return access(path, F_OK) == 0 ? -EBUSY : err;
}

/* Put BEFORE back where step I was taken; NULL means that nothing was there. */
static int take_back(struct steps *s, size_t i, const char *before)
{
	char path[PATH_MAX];
	int err = 0;

	steps_at(s, steps_table[i].path, path);
	if (steps_table[i].kind == STEPS_FOLDER)
		err = remove_folder(path);
	else if (steps_table[i].kind == STEPS_LINK)
		err = remove_link(path, steps_table[i].text);
	else if (steps_table[i].kind == STEPS_RUN)
		err = run_back(path, steps_table[i].undo);
	else if (steps_table[i].kind == STEPS_VALUE)
		err = before && *before && !access(path, F_OK) ? write_value(path, before) : 0;
	else if (before)
		err = conffile_write(path, before);
	else
		err = remove_file(path, steps_table[i].text);
	if (err == -EEXIST)
		return msg_set(&s->why, err, "%s: edited since efuse wrote it: left alone", path);
	return err ? msg_set_errno(&s->why, err, "%s: cannot restore", path) : 0;
}

/* --- all of them ----------------------------------------------------------- */

int steps_plan(struct steps *s)
{
	int err = state_read(s);

	for (size_t i = 0; !err && i < STEPS_COUNT; i++)
		err = look(s, i);
	return err;
}

/* Of the steps taken so far take back those of this run; the state file too. */
static void roll_back(struct steps *s, size_t taken)
{
	struct msg why = s->why;
	char path[PATH_MAX];

	while (taken-- > 1)
		if (s->todo[taken])
			take_back(s, taken, s->before[taken]);
	if (s->had_state) {
		memset(s->todo, 0, sizeof(s->todo));
		state_write(s);
	} else {
		unlink(steps_at(s, STATE_FILE, path));
		if (s->todo[0])
			take_back(s, 0, NULL);
	}
	s->why = why;
}

/*
 * Step 0 is the folder of the state file, which is written before all others, and
 * once more when one of them was left out.
 */
int steps_apply(struct steps *s)
{
	size_t i = 0;
	int err = s->todo[0] ? make(s, 0) : 0;

	if (err)
		return err;
	err = state_write(s);
	for (i = 1; !err && i < STEPS_COUNT; i++)
		if (s->todo[i])
			err = make(s, i);
	if (err)
		roll_back(s, i);
	else if (s->note.text[0])
		err = state_write(s);
	return err;
}

/* The state file is lost: our own files are still known by their first line. */
static void made_by_mark(struct steps *s)
{
	char path[PATH_MAX];

	for (size_t i = 0; i < STEPS_COUNT; i++) {
		__cleanup(freep) char *text = NULL;
		int state;

		if (steps_table[i].kind != STEPS_FILE || !(text = conffile_text(steps_table[i].text)))
			continue;
		state = conffile_look(steps_at(s, steps_table[i].path, path), text);
		s->made[i] = state == CONFFILE_SAME || state == CONFFILE_OURS;
	}
}

int steps_recall(struct steps *s)
{
	int err = state_read(s);

	if (!err && !s->had_state)
		made_by_mark(s);
	return err;
}

int steps_undo(struct steps *s, size_t i)
{
	return take_back(s, i, steps_table[i].kind == STEPS_VALUE ? s->was : NULL);
}

int steps_forget(struct steps *s)
{
	char path[PATH_MAX];

	if (unlink(steps_at(s, STATE_FILE, path)) && errno != ENOENT)
		return msg_set_errno(&s->why, -errno, "%s: cannot remove", path);
	return s->made[0] ? take_back(s, 0, NULL) : 0;
}

bool steps_any(const bool flags[STEPS_COUNT])
{
	for (size_t i = 0; i < STEPS_COUNT; i++)
		if (flags[i])
			return true;
	return false;
}

void steps_free(struct steps *s)
{
	for (size_t i = 0; i < STEPS_COUNT; i++)
		free(s->before[i]);
}

// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * program.c - the FUSE program's file: found on PATH, looked into, never run.
 * See program.h.
 */
#include "mount.efuse/program.h"

#include <sys/stat.h>
#include <sys/xattr.h>

#include "mount.efuse/elf.h"
#include "mount.efuse/util.h"
#include "shim/config.h"

/* --- finding it ------------------------------------------------------------ */

static int executable(const char *path)
{
	struct stat st;

	if (stat(path, &st) < 0)
		return -errno;
	if (S_ISDIR(st.st_mode))
		return -EISDIR;
	if (!S_ISREG(st.st_mode))
		return -EACCES;
	/* root may do everything, but execute only what somebody may execute. */
	if (!(st.st_mode & 0111))
		return -EACCES;
	return faccessat(AT_FDCWD, path, X_OK, AT_EACCESS) < 0 ? -errno : 0;
}

static int make_absolute(const char *name, char path_out[PATH_MAX])
{
	char cwd[PATH_MAX];
	int len;

	if (name[0] == '/')
		len = snprintf(path_out, PATH_MAX, "%s", name);
	else if (!getcwd(cwd, sizeof(cwd)))
		return -errno;
	else
		len = snprintf(path_out, PATH_MAX, "%s/%s", cwd, name);
	return len < PATH_MAX ? executable(path_out) : -ENAMETOOLONG;
}

int program_find(const char *name, char path_out[PATH_MAX])
{
	const char *dirs = getenv("PATH");
	int err = -ENOENT;

	if (!name[0])
		return -ENOENT;
	if (strchr(name, '/'))
		return make_absolute(name, path_out);
	for (const char *d = dirs && *dirs ? dirs : PROGRAM_USUAL_PATH; *d; d += *d == ':') {
		size_t len = strcspn(d, ":");
		char candidate[PATH_MAX];
		int n = snprintf(candidate, sizeof(candidate), "%.*s%s%s", (int)len, d,
				 len ? "/" : "./", name);
		int this_err = n < PATH_MAX ? make_absolute(candidate, path_out) : -ENAMETOOLONG;

		if (!this_err)
			return 0;
		/* It is there and cannot be executed: told, unless a later one can. */
		if (this_err == -EACCES && access(path_out, F_OK) == 0)
			err = -EACCES;
		d += len;
	}
	return err;
}

/* --- looking into it ------------------------------------------------------- */

/* Will the kernel start it in secure mode, in which LD_PRELOAD is ignored? */
static bool runs_secure(const char *path)
{
	char caps[64];
	struct stat st;

	if (stat(path, &st) < 0)
		return false;
	if ((st.st_mode & S_ISUID) && st.st_uid != geteuid())
		return true;
	/* Without group execute the bit means something else. */
	if ((st.st_mode & S_ISGID) && (st.st_mode & S_IXGRP) && st.st_gid != getegid())
		return true;
	return geteuid() != 0 && getxattr(path, "security.capability", caps, sizeof(caps)) > 0;
}

/* Same dynamic linker as this very program: the shim is built for that libc. */
static bool same_libc(const struct elf *e)
{
	const char *theirs = elf_interpreter(e), *ours;
	struct elf self;
	bool same = true;

	if (elf_open(&self, "/proc/self/exe") < 0)
		return true;
	ours = elf_interpreter(&self);
	if (ours)
		same = theirs && streq(path_name(theirs), path_name(ours));
	elf_close(&self);
	return same;
}

static enum program_kind kind_of(const struct elf *e)
{
	if (e->size > 2 && e->data[0] == '#' && e->data[1] == '!')
		return PROGRAM_SCRIPT;
	if (!elf_is_elf(e))
		return PROGRAM_UNKNOWN;
	if (!elf_is_native(e))
		return PROGRAM_FOREIGN;
	if (elf_is_go(e))
		return PROGRAM_GO;
	if (!elf_interpreter(e))
		return PROGRAM_STATIC;
	return same_libc(e) ? PROGRAM_DYNAMIC : PROGRAM_FOREIGN;
}

int program_examine(const char *path, struct program *p)
{
	struct elf e;
	int err;

	*p = (struct program){ .kind = PROGRAM_UNKNOWN };
	if (snprintf(p->path, sizeof(p->path), "%s", path) >= PATH_MAX)
		return -ENAMETOOLONG;
	p->secure = runs_secure(path);
	err = elf_open(&e, path);
	if (err == -EACCES || err == -ENODATA)
		return 0; /* executable but not readable, or empty: nothing more to learn */
	if (err)
		return err;
	p->kind = kind_of(&e);
	p->fuse = elf_contains(&e, "libfuse") || elf_contains(&e, "/dev/fuse") ||
		  elf_contains(&e, "fusermount");
	elf_close(&e);
	return 0;
}

const char *program_kind_name(enum program_kind kind)
{
	static const char *const names[] = {
		[PROGRAM_DYNAMIC] = "dynamic",	[PROGRAM_STATIC] = "static",
		[PROGRAM_GO] = "go",		[PROGRAM_SCRIPT] = "script",
		[PROGRAM_FOREIGN] = "foreign",	[PROGRAM_UNKNOWN] = "unknown",
	};

	return names[kind];
}

const char *program_obstacle(const struct program *p)
{
	if (p->secure)
		return "is set-id or has capabilities, which lets no library in for this user";
	switch (p->kind) {
	case PROGRAM_STATIC:
		return "is statically linked, which lets no library in";
	case PROGRAM_GO:
		return "is a Go program, which makes its system calls past any library";
	case PROGRAM_FOREIGN:
		return "is built for another architecture or C library than the shim";
	case PROGRAM_DYNAMIC:
	case PROGRAM_SCRIPT:
	case PROGRAM_UNKNOWN:
		break;
	}
	return NULL;
}

/* --- the shim -------------------------------------------------------------- */

static int check_shim(const struct elf *e, const char *shim, struct msg *why)
{
	uint32_t abi;

	if (!elf_is_native(e))
		return msg_set(why, -ENOEXEC, "the shim %s is no library of this machine", shim);
	switch (elf_symbol_u32(e, "efuse_shim_abi", &abi)) {
	case 0:
		break;
	case -ENOENT:
		return msg_set(why, -ENOEXEC, "%s is not an efuse shim", shim);
	default:
		return msg_set(why, -ENOEXEC, "the shim %s is damaged", shim);
	}
	if (abi != CONFIG_ABI)
		return msg_set(why, -EPROTO, "the shim %s is of version %u, this program of %u; install both from one build",
			       shim, abi, CONFIG_ABI);
	return 0;
}

int program_check_shim(const char *shim, struct msg *why)
{
	struct elf e;
	int err;

	/* LD_PRELOAD separates by spaces and colons, and knows no escape. */
	if (shim[0] != '/' || strpbrk(shim, " :"))
		return msg_set(why, -EINVAL, "the shim's path %s must be absolute, without spaces and colons",
			       shim);
	err = elf_open(&e, shim);
	if (err == -ENODATA)
		return msg_set(why, -ENOEXEC, "the shim %s is empty", shim);
	if (err)
		return msg_set_errno(why, err, "the shim %s", shim);
	err = check_shim(&e, shim, why);
	elf_close(&e);
	return err;
}

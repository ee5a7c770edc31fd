// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * fuseprogram.c - what a FUSE program is made of, and what efuse can do for it.
 *
 * The file is read, never run: neither it nor the dynamic linker on its behalf.
 */
#include <glob.h>
#include <limits.h>

#include "mount.efuse/elf.h"
#include "mount.efuse/fuseprogram.h"
#include "mount.efuse/program.h"

/* The libraries a program can name, the newest first. */
static const struct library {
	const char *soname;
	const char *words;
} libraries[] = {
	{ "libfuse3.so.4", "libfuse 3" },
	{ "libfuse3.so.3", "libfuse 3" },
	{ "libfuse.so.2", "libfuse 2" },
};

/* Where Debian and others keep their libraries. */
static const char *const folders[] = {
	"/usr/local/lib", "/lib/*-linux-gnu*", "/usr/lib/*-linux-gnu*", "/lib64", "/usr/lib64",
	"/lib", "/usr/lib",
};

/* How many threads the programs people use most start. */
static const struct habit {
	const char *name;
	const char *words;
} habits[] = {
	{ "bindfs", "one, unless started with --multithreaded" },
	{ "ntfs-3g", "one, always" },
	{ "lowntfs-3g", "one, always" },
	{ "mount.ntfs-3g", "one, always" },
	{ "sshfs", "several; one with -s" },
	{ "gocryptfs", "several (Go)" },
	{ "rclone", "several (Go)" },
	{ "encfs", "several; one with -s" },
	{ "s3fs", "several; one with -s" },
	{ "fuse-overlayfs", "one" },
	{ "squashfuse", "one" },
};

/* The file SONAME leads to in the first folder that has it: its name tells the version. */
static bool find_library(const char *soname, char path[PATH_MAX])
{
	char pattern[PATH_MAX];
	bool found = false;
	glob_t g;

	for (size_t i = 0; i < ARRAY_SIZE(folders) && !found; i++) {
		snprintf(pattern, sizeof(pattern), "%s/%s", folders[i], soname);
		if (glob(pattern, 0, NULL, &g) == 0 && g.gl_pathc > 0)
			found = realpath(g.gl_pathv[0], path) != NULL;
		globfree(&g);
	}
	return found;
}

static const struct library *library_of(const struct elf *e)
{
	for (size_t i = 0; i < ARRAY_SIZE(libraries); i++)
		if (elf_contains(e, libraries[i].soname))
			return &libraries[i];
	return NULL;
}

static void add_library(struct findings *all, const struct library *lib)
{
	struct finding *f;
	char path[PATH_MAX];

	if (find_library(lib->soname, path)) {
		finding_add(all, FINDING_OK, "library", "%s: %s", lib->words, path);
		return;
	}
	f = finding_add(all, FINDING_BAD, "library", "%s: %s is not installed", lib->words,
			lib->soname);
	finding_fix(f, "sudo apt-get install %s", streq(lib->words, "libfuse 2") ? "libfuse2" :
		    "libfuse3-3");
}

static void check_library(struct findings *all, const struct program *p)
{
	const struct library *lib;
	struct elf e;

	if (p->kind == PROGRAM_SCRIPT || elf_open(&e, p->path))
		return;
	lib = library_of(&e);
	if (lib)
		add_library(all, lib);
	else if (elf_contains(&e, "/dev/fuse"))
		finding_add(all, FINDING_OK, "library", "built in (opens /dev/fuse itself, as "
			    "fuse-lite does)");
	else if (p->fuse)
		finding_add(all, FINDING_OK, "library", "loaded later, or through another library");
	elf_close(&e);
}

static void check_threads(struct findings *all, const struct program *p)
{
	const char *name = path_name(p->path);

	for (size_t i = 0; i < ARRAY_SIZE(habits); i++) {
		if (!streq(habits[i].name, name))
			continue;
		finding_add(all, FINDING_OK, "threads", "%s", habits[i].words);
		return;
	}
	if (p->fuse)
		finding_add(all, FINDING_OK, "threads", "not known; programs of libfuse start several "
			    "and take -s for one, unless they decide otherwise");
}

static void check_kind(struct findings *all, const struct program *p)
{
	bool known = p->kind != PROGRAM_UNKNOWN && p->kind != PROGRAM_FOREIGN;

	finding_add(all, known ? FINDING_OK : FINDING_OFF, "kind", "%s%s",
		    program_kind_name(p->kind), p->secure ? ", set-id or with file capabilities" : "");
	if (p->kind != PROGRAM_SCRIPT && !p->fuse)
		finding_add(all, FINDING_OFF, "fuse", "does not look like a FUSE program");
}

/* What the shim can do is what the rest of efuse hangs on. */
static void check_shim(struct findings *all, const struct program *p)
{
	const char *obstacle = program_obstacle(p);
	struct finding *f;

	if (p->kind == PROGRAM_SCRIPT)
		f = finding_add(all, FINDING_OK, "preload", "the shim enters what the script starts");
	else if (obstacle)
		f = finding_add(all, FINDING_OFF, "preload", "the shim cannot enter it (it %s): it "
				"mounts as plain FUSE", obstacle);
	else
		f = finding_add(all, FINDING_OK, "preload", "the shim can enter it");
	finding_need(f, FINDING_FOR_URING | FINDING_FOR_RING);
}

int fuseprogram_check(struct findings *all, const char *name)
{
	struct program p;
	char path[PATH_MAX];
	int err = program_find(name, path);

	if (!err)
		err = program_examine(path, &p);
	if (err)
		return err;
	finding_add(all, FINDING_OK, "program", "%s", path);
	check_kind(all, &p);
	check_library(all, &p);
	check_threads(all, &p);
	check_shim(all, &p);
	return 0;
}

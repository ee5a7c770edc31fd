// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * policy.c - efuse-policy, the program behind `efuse load`: registers BPF programs
 * as a policy of the efuse driver. The only user of libbpf; it is a program of
 * its own so that no other needs that library.
 *
 * A policy stays after we are gone because it is pinned: /sys/fs/bpf/efuse/NAME
 * holds its link to the driver, and in maps/ what a person may want to read.
 * Loading one of the same name replaces it under its mounts, without a gap.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <dirent.h>
#include <inttypes.h>
#include <limits.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include "mount.efuse/msg.h"
#include "mount.efuse/opcode.h"
#include "mount.efuse/util.h"

#define BPFFS		"/sys/fs/bpf"
#define FOLDER		BPFFS "/efuse"
#define BPFFS_MAGIC	0xcafe4a11

/* A policy that is being loaded. */
struct policy {
	struct bpf_object *object;
	struct bpf_map *ops;
	struct bpf_link *link;		/* NULL when an older one was updated */
	char dir[PATH_MAX];		/* where it is pinned */
	struct msg why;
};

/* Memory for contents of files, in MiB; -1: what suits the machine. */
static long memory = -1;

/* What libbpf has to say of a file that it does not like, the verifier's words included. */
static int print(enum libbpf_print_level level, const char *format, va_list args)
{
	return level == LIBBPF_WARN ? vfprintf(stderr, format, args) : 0;
}

static int make_dir(const char *path, struct msg *why)
{
	if (mkdir(path, 0700) < 0 && errno != EEXIST)
		return msg_set_errno(why, -errno, "cannot make %s", path);
	return 0;
}

/* The BPF file system is there, and our folder in it. */
static int make_folder(struct msg *why)
{
	struct statfs fs;

	if (statfs(BPFFS, &fs) < 0)
		return msg_set_errno(why, -errno, "%s", BPFFS);
	if ((unsigned long)fs.f_type != BPFFS_MAGIC && mount("bpf", BPFFS, "bpf", 0, "mode=700") < 0)
		return msg_set_errno(why, -errno, "cannot mount %s", BPFFS);
	return make_dir(FOLDER, why);
}

/* --- load ------------------------------------------------------------------ */

/* The one struct_ops map of the object, which is the policy. */
static int find_ops(struct policy *p)
{
	struct bpf_map *map;
	int found = 0;

	bpf_object__for_each_map(map, p->object) {
		if (bpf_map__type(map) != BPF_MAP_TYPE_STRUCT_OPS)
			continue;
		p->ops = map;
		found++;
	}
	if (found != 1)
		return msg_set(&p->why, -EINVAL, "holds %s policy",
			       found ? "more than one" : "no");
	snprintf(p->dir, sizeof(p->dir), "%s/%s", FOLDER, bpf_map__name(p->ops));
	return 0;
}

/* --- room for contents ----------------------------------------------------- */

#define CONTENTS	"contents"
#define MEMORY_MAX	64	/* MiB, where nobody says it */

static long machine_memory(void)
{
	long mib = sysconf(_SC_PHYS_PAGES) / ((1 << 20) / sysconf(_SC_PAGESIZE)) / 64;

	return mib > MEMORY_MAX ? MEMORY_MAX : mib;
}

/* A policy's places for contents are a power of two, at least one. */
static int make_room(struct policy *p)
{
	struct bpf_map *map = bpf_object__find_map_by_name(p->object, CONTENTS);
	unsigned long bytes = (unsigned long)(memory < 0 ? machine_memory() : memory) << 20;
	uint32_t places = 1;
	int err;

	if (!map)
		return 0;
	while (places < 1u << 31 && 2ul * places * bpf_map__value_size(map) <= bytes)
		places *= 2;
	err = bpf_map__set_max_entries(map, places);
	return err ? msg_set_errno(&p->why, err, "no room for contents") : 0;
}

static int open_object(struct policy *p, const char *file)
{
	int err;

	p->object = bpf_object__open_file(file, NULL);
	if (!p->object)
		return msg_set_errno(&p->why, -errno, "cannot read it");
	err = find_ops(p);
	if (!err)
		err = make_room(p);
	if (err)
		return err;
	err = bpf_object__load(p->object);
	if (err)
		return msg_set_errno(&p->why, err, "the kernel refuses it (is the efuse driver loaded?)");
	return 0;
}

/* A failed attach leaves the programs in the map, ready for this. */
static int update_link(struct policy *p)
{
	__cleanup(closep) int fd = -1;
	char path[PATH_MAX + 8];
	int err;

	snprintf(path, sizeof(path), "%s/link", p->dir);
	fd = bpf_obj_get(path);
	if (fd < 0)
		return msg_set(&p->why, -EEXIST, "a policy of that name was loaded by another program");
	err = bpf_link_update(fd, bpf_map__fd(p->ops), NULL);
	return err ? msg_set_errno(&p->why, err, "cannot replace the policy of that name") : 0;
}

static int attach(struct policy *p)
{
	char path[PATH_MAX + 8];
	int err;

	p->link = bpf_map__attach_struct_ops(p->ops);
	if (!p->link && errno == EEXIST)
		return update_link(p);
	if (!p->link)
		return msg_set_errno(&p->why, -errno, "cannot register it");
	snprintf(path, sizeof(path), "%s/link", p->dir);
	err = make_dir(p->dir, &p->why);
	if (err)
		return err;
	err = bpf_link__pin(p->link, path);
	return err ? msg_set_errno(&p->why, err, "cannot pin it at %s", path) : 0;
}

/* Those of an older policy of that name go. That nobody can read a map is no failure. */
static void pin_maps(struct policy *p)
{
	char dir[PATH_MAX + 8], path[PATH_MAX + 280];
	struct bpf_map *map;

	snprintf(dir, sizeof(dir), "%s/maps", p->dir);
	if (mkdir(dir, 0700) < 0 && errno != EEXIST)
		return;
	bpf_object__for_each_map(map, p->object) {
		if (map == p->ops || bpf_map__is_internal(map))
			continue;
		snprintf(path, sizeof(path), "%s/%s", dir, bpf_map__name(map));
		unlink(path);
		bpf_map__pin(map, path);
	}
}

static int load(const char *file)
{
	struct policy p = { .object = NULL };
	int err = make_folder(&p.why);

	if (!err)
		err = open_object(&p, file);
	if (!err)
		err = attach(&p);
	if (!err)
		pin_maps(&p);
	if (err) {
		msg_say(file, "%s", p.why.text);
		rmdir(p.dir);
	}
	bpf_link__destroy(p.link);
	bpf_object__close(p.object);
	return err ? 1 : 0;
}

/* --- unload, list ---------------------------------------------------------- */

static void remove_maps(const char *dir)
{
	char path[PATH_MAX + 280];
	struct dirent *d;
	DIR *maps;

	snprintf(path, sizeof(path), "%s/maps", dir);
	maps = opendir(path);
	while (maps && (d = readdir(maps)))
		if (d->d_name[0] != '.') {
			snprintf(path, sizeof(path), "%s/maps/%s", dir, d->d_name);
			unlink(path);
		}
	if (maps)
		closedir(maps);
	snprintf(path, sizeof(path), "%s/maps", dir);
	rmdir(path);
}

/* Its mounts go on without a policy. */
static int unload(const char *name)
{
	char dir[PATH_MAX], path[PATH_MAX + 8];

	if (strchr(name, '/') || name[0] == '.') {
		msg_error(name, "cannot unload", -ENOENT);
		return 1;
	}
	snprintf(dir, sizeof(dir), "%s/%s", FOLDER, name);
	snprintf(path, sizeof(path), "%s/link", dir);
	if (unlink(path) < 0) {
		msg_error(name, "cannot unload", -errno);
		return 1;
	}
	remove_maps(dir);
	rmdir(dir);
	return 0;
}

static void print_name(const char *name)
{
	puts(name);
}

static int for_each(void (*call)(const char *name))
{
	DIR *folder = opendir(FOLDER);
	struct dirent *d;

	if (!folder && errno != ENOENT) {
		msg_error(FOLDER, "cannot list", -errno);
		return 1;
	}
	while (folder && (d = readdir(folder)))
		if (d->d_name[0] != '.')
			call(d->d_name);
	if (folder)
		closedir(folder);
	return fflush(stdout) ? 1 : 0;
}

/* --- counts ---------------------------------------------------------------- */

/* What a policy counts that has a map of this name: outcomes of opcodes. */
#define COUNTERS	"counters"
#define OPCODES		64

struct outcomes {
	uint64_t n[4];		/* answered, unknown, stale, refused */
};

/* Returns -1 for what is no such map. */
static int open_counters(const char *name)
{
	struct bpf_map_info info = { 0 };
	uint32_t size = sizeof(info);
	char path[PATH_MAX + 16];
	int fd;

	snprintf(path, sizeof(path), "%s/%s/maps/%s", FOLDER, name, COUNTERS);
	fd = bpf_obj_get(path);
	if (fd >= 0 && (bpf_obj_get_info_by_fd(fd, &info, &size) || info.value_size != 8 ||
			info.max_entries != OPCODES * ARRAY_SIZE(((struct outcomes *)0)->n))) {
		close(fd);
		fd = -1;
	}
	return fd;
}

static bool read_outcomes(int fd, uint32_t opcode, struct outcomes *o)
{
	uint64_t any = 0;

	for (uint32_t i = 0; i < ARRAY_SIZE(o->n); i++) {
		uint32_t key = opcode * (uint32_t)ARRAY_SIZE(o->n) + i;

		if (bpf_map_lookup_elem(fd, &key, &o->n[i]))
			return false;
		any |= o->n[i];
	}
	return any;
}

static void print_counts(const char *name)
{
	__cleanup(closep) int fd = open_counters(name);
	struct outcomes o;

	if (fd < 0)
		return;
	printf("%-16s %12s %12s %12s %12s\n", name, "answered", "unknown", "stale", "refused");
	for (uint32_t opcode = 0; opcode < OPCODES; opcode++)
		if (read_outcomes(fd, opcode, &o))
			printf("  %-14s %12" PRIu64 " %12" PRIu64 " %12" PRIu64 " %12" PRIu64 "\n",
			       opcode_name(opcode), o.n[0], o.n[1], o.n[2], o.n[3]);
}

/* Called by load.c, which has checked the command line, or by the unit. */
int main(int argc, char **argv)
{
	int ret = 0;

	msg_init("efuse", false);
	libbpf_set_print(print);
	if (argc > 2 && strncmp(argv[1], "--memory=", 9) == 0) {
		memory = strtol(argv[1] + 9, NULL, 10);
		argc--;
		argv++;
	}
	if (argc == 2 && streq(argv[1], "list"))
		return for_each(print_name);
	if (argc == 2 && streq(argv[1], "counts"))
		return for_each(print_counts);
	for (int i = 2; i < argc; i++)
		ret |= streq(argv[1], "load") ? load(argv[i]) : unload(argv[i]);
	return ret;
}

// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * fuzz-statsfile.c - a status file of any bytes: read, shown and written as
 * JSON without harm. The first bytes become a good head now and then, so that
 * the fuzzer gets past it.
 */
#include "mount.efuse/statsfile.c"
#include "mount.efuse/json.c"
#include "mount.efuse/latency.c"
#include "mount.efuse/opcode.c"
#include "mount.efuse/report.c"
#include "mount.efuse/reportjson.c"

/* What this machine has plays no part. */
const char *mounts_subtype(const char *fstype)
{
	return fstype;
}

bool mounts_is_efuse(const char *fstype)
{
	return *fstype == 'e';
}

int device_check_efuse(struct efuse_hello *answer, struct msg *why)
{
	(void)answer;
	snprintf(why->text, sizeof(why->text), "not here");
	return -ENODEV;
}

int device_read_state(dev_t dev, struct efuse_state *state, struct msg *why)
{
	(void)dev;
	(void)state;
	snprintf(why->text, sizeof(why->text), "not here");
	return -ENODEV;
}

void device_describe(const struct efuse_hello *hello, char *text, size_t size)
{
	snprintf(text, size, "%u", hello->version);
}

/* As the file of this process. */
static void mend(struct stats_head *head)
{
	head->magic = STATS_MAGIC;
	head->version = STATS_VERSION;
	head->head_size = sizeof(*head);
	head->block_size = sizeof(struct stats_core);
	head->nblocks = statsfile_max_blocks();
	head->pid = (uint32_t)getpid();
	head->index = 0;
	read_starttime(head->pid, &head->starttime);
}

static void show(struct statsfile *file, FILE *out)
{
	struct fusemount mount = { .source = file->path, .target = file->head.reason,
				   .fstype = file->head.comm, .stats = file };
	struct json j;

	report_mount(out, &mount);
	report_watch(out, &mount, 1);
	report_elsewhere(out, file);
	json_begin(&j, out, true);
	json_open(&j, NULL, '[');
	report_json(&j, &mount);
	json_close(&j, ']');
	latency_since(file, file);
}

static char folder[] = "/tmp/efuse-fuzz.XXXXXX";
static char name[32];
static int dir = -1, fd = -1;

static void clean_up(void)
{
	unlinkat(dir, name, 0);
	rmdir(folder);
}

static void prepare(void)
{
	snprintf(name, sizeof(name), "0-%d-0", getpid());
	dir = mkdtemp(folder) ? open(folder, O_RDONLY | O_DIRECTORY) : -1;
	fd = openat(dir, name, O_RDWR | O_CREAT, 0600);
	atexit(clean_up);
	if (fd < 0)
		exit(1);
}

/* The head, then all of the data as blocks, cut or stretched to whole ones. */
static int put(const struct stats_head *head, const uint8_t *data, size_t size)
{
	off_t whole = head->nblocks % 64 * (off_t)sizeof(struct stats_core);

	if (ftruncate(fd, 0) || pwrite(fd, head, sizeof(*head), 0) < 0 ||
	    pwrite(fd, data, size, sizeof(*head)) < 0)
		return -errno;
	return data[0] & 2 && ftruncate(fd, (off_t)sizeof(*head) + whole) ? -errno : 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static FILE *out;
	struct stats_head head = { 0 };
	struct statsfile *file = NULL;

	if (!out) {
		prepare();
		out = fopen("/dev/null", "w");
	}
	if (!out || size < 2)
		return 0;
	memcpy(&head, data + 1, size - 1 < sizeof(head) ? size - 1 : sizeof(head));
	if (data[0] & 1)
		mend(&head);
	if (put(&head, data, size) == 0 && statsfile_read(dir, name, getuid(), &file) == 0)
		show(file, out);
	statsfile_free(file);
	return 0;
}

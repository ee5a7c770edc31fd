// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * conffile.c - configuration files that efuse writes for other programs.
 */
#include <inttypes.h>
#include <sys/stat.h>

#include "mount.efuse/conffile.h"
#include "mount.efuse/util.h"

#define SIZE_MAX_TEXT	65536
#define MARK		"# Made by `efuse setup`, undone by `efuse setup --undo`, left alone when changed: "

/* FNV-1a: it tells edits from our own text, not friend from foe. */
static uint64_t checksum(const char *text)
{
	uint64_t sum = 0xcbf29ce484222325u;

	for (; *text; text++)
		sum = (sum ^ (unsigned char)*text) * 0x100000001b3u;
	return sum;
}

char *conffile_text(const char *body)
{
	char *text;

	if (asprintf(&text, MARK "%016" PRIx64 "\n%s", checksum(body), body) < 0)
		return NULL;
	return text;
}

static bool is_ours(const char *text)
{
	const char *sum = str_after(text, MARK);
	const char *body = sum ? strchr(sum, '\n') : NULL;
	char want[20];

	if (!body)
		return false;
	snprintf(want, sizeof(want), "%016" PRIx64, checksum(body + 1));
	return (size_t)(body - sum) == strlen(want) && str_after(sum, want);
}

int conffile_read(const char *path, char **text)
{
	__cleanup(closep) int fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	__cleanup(freep) char *buf = NULL;
	size_t len = 0;
	ssize_t ret;
	struct stat st;

	if (fd < 0)
		return -errno;
	if (fstat(fd, &st))
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -ELOOP;
	buf = calloc(1, SIZE_MAX_TEXT + 1);
	if (!buf)
		return -ENOMEM;
	while (len < SIZE_MAX_TEXT && (ret = read(fd, buf + len, SIZE_MAX_TEXT - len)) != 0) {
		if (ret < 0)
			return -errno;
		len += (size_t)ret;
	}
	*text = take_ptr(buf);
	return 0;
}

int conffile_look(const char *path, const char *text)
{
	__cleanup(freep) char *found = NULL;
	int err = conffile_read(path, &found);

	if (err == -ENOENT)
		return CONFFILE_ABSENT;
	if (err == -ELOOP || err == -ENXIO)
		return CONFFILE_FOREIGN;
	if (err)
		return err;
	if (streq(found, text))
		return CONFFILE_SAME;
	return is_ours(found) ? CONFFILE_OURS : CONFFILE_FOREIGN;
}

static int write_all(int fd, const char *text)
{
	size_t len = strlen(text);

	while (len > 0) {
		ssize_t ret = write(fd, text, len);

		if (ret < 0 && errno == EINTR)
			continue;
		if (ret < 0)
			return -errno;
		text += ret;
		len -= (size_t)ret;
	}
	return 0;
}

static int fill(int fd, const char *text)
{
	int err = write_all(fd, text);

	if (!err && (fchmod(fd, 0644) || fsync(fd)))
		err = -errno;
	return err;
}

/* Make the renaming last. */
static int sync_folder(const char *path)
{
	__cleanup(freep) char *folder = strndup(path, (size_t)(path_name(path) - path));
	__cleanup(closep) int fd = folder ? open(*folder ? folder : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;

	if (!folder)
		return -ENOMEM;
	return fd < 0 || fsync(fd) ? -errno : 0;
}

int conffile_write(const char *path, const char *text)
{
	__cleanup(freep) char *temp = NULL;
	__cleanup(closep) int fd = -1;
	int err;

	if (asprintf(&temp, "%s.XXXXXX", path) < 0) {
		temp = NULL;
		return -ENOMEM;
	}
	fd = mkostemp(temp, O_CLOEXEC);
	if (fd < 0)
		return -errno;
	err = fill(fd, text);
	if (!err && rename(temp, path))
		err = -errno;
	if (err)
		unlink(temp);
	return err ? err : sync_folder(path);
}

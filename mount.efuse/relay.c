// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * relay.c - the daemon's output on its way to the person. See relay.h.
 *
 * What the daemon says is passed on byte for byte; nothing is added to it.
 */
#include "mount.efuse/relay.h"

#include <sys/mman.h>
#include <sys/stat.h>

#include "mount.efuse/util.h"

#define PUNCH_EVERY	(1 << 20)

/* Would somebody wait for the end of it? */
static bool has_reader(int fd, struct stat *st)
{
	return fstat(fd, st) == 0 && (S_ISFIFO(st->st_mode) || S_ISSOCK(st->st_mode));
}

/* O_APPEND, so that two writers do not overwrite each other. */
static int make_file(void)
{
	int fd = memfd_create("efuse-daemon-output", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	if (fd < 0 || fcntl(fd, F_SETFL, O_RDWR | O_APPEND) < 0)
		return -errno;
	return fd;
}

int relay_open(struct relay *r)
{
	struct stat st[2];
	bool piped[2];

	*r = (struct relay){ .stream = { { .to = 1, .fd = -1 }, { .to = 2, .fd = -1 } } };
	for (int i = 0; i < 2; i++)
		piped[i] = has_reader(r->stream[i].to, &st[i]);
	r->shared = piped[0] && piped[1] && st[0].st_dev == st[1].st_dev &&
		    st[0].st_ino == st[1].st_ino;
	for (int i = 0; i < 2; i++) {
		if (!piped[i] || (i == 1 && r->shared))
			continue;
		r->stream[i].fd = make_file();
		if (r->stream[i].fd < 0)
			return r->stream[i].fd;
	}
	return 0;
}

int relay_attach(const struct relay *r)
{
	for (int i = 0; i < 2; i++) {
		int fd = r->stream[i == 1 && r->shared ? 0 : i].fd;

		if (fd >= 0 && dup2(fd, r->stream[i].to) < 0)
			return -errno;
	}
	return 0;
}

bool relay_active(const struct relay *r)
{
	return r->stream[0].fd >= 0 || r->stream[1].fd >= 0;
}

static bool write_all(int fd, const char *buf, ssize_t len)
{
	while (len > 0) {
		ssize_t n = write(fd, buf, (size_t)len);

		if (n < 0 && errno != EINTR)
			return false;
		if (n > 0) {
			buf += n;
			len -= n;
		}
	}
	return true;
}

/* A talkative daemon must not fill the memory. */
static void give_back(struct relay_stream *s)
{
	if (s->passed - s->punched < PUNCH_EVERY)
		return;
	if (fallocate(s->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, s->punched,
		      s->passed - s->punched) == 0)
		s->punched = s->passed;
}

static void pump(struct relay_stream *s)
{
	char buf[4096];
	ssize_t len;

	/* Bounded: a daemon that never stops talking must not keep us from waiting. */
	for (int i = 0; i < 256; i++) {
		len = pread(s->fd, buf, sizeof(buf), s->passed);
		if (len <= 0)
			break;
		s->passed += len;
		if (!write_all(s->to, buf, len))
			break; /* nobody listens any more; the rest is dropped */
	}
	give_back(s);
}

void relay_pump(struct relay *r)
{
	for (int i = 0; i < 2; i++)
		if (r->stream[i].fd >= 0)
			pump(&r->stream[i]);
}

void relay_close(struct relay *r)
{
	relay_pump(r);
	for (int i = 0; i < 2; i++) {
		int fd = take_fd(&r->stream[i].fd);

		if (fd < 0)
			continue;
		/* Empty first: what may not grow from nothing stays nothing. */
		if (ftruncate(fd, 0) == 0)
			fcntl(fd, F_ADD_SEALS, F_SEAL_GROW);
		close(fd);
	}
}

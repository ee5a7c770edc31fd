// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * io.c - the interposed calls that read requests and write replies. Each does
 * the real thing for every descriptor that is no FUSE connection, and goes to
 * session.c for one that is. Never exits, never prints, sets errno as the real
 * call does.
 */
#include "shim/interpose.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <linux/fuse.h>

#include "shim/cancel.h"
#include "shim/fdtab.h"
#include "shim/proto.h"
#include "shim/reader.h"
#include "shim/session.h"

/*
 * The way of every program that has no connection: two loads and a jump. The
 * table is looked up by the first call that is not one of these.
 */
#define real_passes(call) \
	__builtin_expect(!fdtab_any() && (call), 1)

/* --- requests in ------------------------------------------------------------ */

static ssize_t result(ssize_t ret)
{
	if (ret >= 0)
		return ret;
	errno = (int)-ret;
	return -1;
}

/*
 * A thread that has read from S before holds a reference through its worker,
 * so the common path counts none; see fdtab_peek().
 */
static ssize_t read_session(int fd, void *buf, size_t size)
{
	struct session *s = fdtab_peek(fd);
	ssize_t ret;

	if (s && reader_find(s) && fdtab_peek(fd) == s)
		return result(session_read(s, fd, buf, size));
	s = fdtab_get(fd);
	if (!s)
		return real()->read(fd, buf, size);
	pthread_cleanup_push((void (*)(void *))session_put, s);
	ret = session_read(s, fd, buf, size);
	pthread_cleanup_pop(1);
	return result(ret);
}

EXPORT ssize_t read(int fd, void *buf, size_t size)
{
	if (real_passes(real_table.read))
		return real_table.read(fd, buf, size);
	if (__builtin_expect(!fdtab_peek(fd), 1))
		return real()->read(fd, buf, size);
	return read_session(fd, buf, size);
}

EXPORT ssize_t __read_chk(int fd, void *buf, size_t size, size_t room)
{
	if (!fdtab_peek(fd) || size > room)
		return real()->__read_chk(fd, buf, size, room);
	return read_session(fd, buf, size);
}

/*
 * One message through memory of our own, for calls that do not give one flat
 * buffer. It is the thread's, and freed with it.
 */
struct bounce {
	size_t size;
	char data[];
};

static pthread_key_t bounce_key;
static pthread_once_t bounce_once = PTHREAD_ONCE_INIT;

static void bounce_make(void)
{
	pthread_key_create(&bounce_key, free);
}

static char *bounce_get(size_t size)
{
	struct bounce *b, *bigger;

	pthread_once(&bounce_once, bounce_make);
	b = pthread_getspecific(bounce_key);
	if (b && b->size >= size)
		return b->data;
	bigger = realloc(b, sizeof(*b) + size);
	if (!bigger)
		return NULL;
	bigger->size = size;
	pthread_setspecific(bounce_key, bigger);
	return bigger->data;
}

EXPORT ssize_t readv(int fd, const struct iovec *iov, int count)
{
	ssize_t size, ret;
	char *buf;

	if (__builtin_expect(!fdtab_peek(fd), 1))
		return real()->readv(fd, iov, count);
	size = proto_iov_length(iov, count);
	if (size < 0)
		return result(size);
	buf = bounce_get((size_t)size);
	if (!buf)
		return result(-ENOMEM);
	ret = read_session(fd, buf, (size_t)size);
	if (ret > 0)
		proto_iov_scatter(iov, count, 0, buf, (size_t)ret);
	return ret;
}

/* --- replies out ------------------------------------------------------------ */

static ssize_t write_session(int fd, const struct iovec *iov, int count)
{
	struct session *s = fdtab_peek(fd);
	ssize_t ret;

	if (s && reader_find(s) && fdtab_peek(fd) == s)
		return result(session_write(s, fd, iov, count));
	s = fdtab_get(fd);
	if (!s)
		return real()->writev(fd, iov, count);
	ret = session_write(s, fd, iov, count);
	session_put(s);
	return result(ret);
}

EXPORT ssize_t write(int fd, const void *buf, size_t size)
{
	if (real_passes(real_table.write))
		return real_table.write(fd, buf, size);
	if (__builtin_expect(!fdtab_peek(fd), 1))
		return real()->write(fd, buf, size);
	return write_session(fd, &(struct iovec){ (void *)buf, size }, 1);
}

EXPORT ssize_t writev(int fd, const struct iovec *iov, int count)
{
	if (__builtin_expect(!fdtab_peek(fd), 1))
		return real()->writev(fd, iov, count);
	return write_session(fd, iov, count);
}

/* --- splice ----------------------------------------------------------------- */

/*
 * A request that was taken and cannot be passed on must not be lost: its caller
 * would wait for ever. The device does lose it then, with the same errno.
 */
static ssize_t splice_lost(int fd, const void *request)
{
	const struct fuse_in_header *in = request;
	struct fuse_out_header out = {
		.len = sizeof(out), .error = -EIO, .unique = in->unique,
	};
	struct iovec iov = { &out, sizeof(out) };

	write_session(fd, &iov, 1);
	return result(-EIO);
}

/* Whether LEN bytes go into the pipe: what blocks here is read by nobody else. */
static bool pipe_has_room(int pipe, int capacity, size_t len)
{
	int used = 0;

	return real()->ioctl(pipe, FIONREAD, &used) == 0 && used <= capacity &&
	       len <= (size_t)(capacity - used);
}

/* A request into a pipe: all of it or nothing, as from the device. */
static ssize_t splice_in(int in, int out, size_t size)
{
	int capacity = real()->fcntl(out, F_GETPIPE_SZ);
	char *buf = bounce_get(size);
	ssize_t len, done = 0, ret = 1;
	int cancel;

	if (capacity < 0)
		return result(-EINVAL);
	if (!buf)
		return result(-ENOMEM);
	len = read_session(in, buf, size);
	if (len < (ssize_t)sizeof(struct fuse_in_header))
		return len;
	cancel = cancel_off();
	if (!pipe_has_room(out, capacity, (size_t)len))
		ret = 0;
	while (ret > 0 && done < len) {
		ret = real()->write(out, buf + done, (size_t)(len - done));
		done += ret;
	}
	if (ret <= 0)
		len = splice_lost(in, buf);
	cancel_restore(cancel);
	return len;
}

/* A reply out of a pipe; SIZE is exactly its length. */
static ssize_t splice_out(int in, int out, size_t size)
{
	char *buf = bounce_get(size);
	struct iovec iov = { buf, 0 };
	ssize_t ret;

	if (!buf)
		return result(-ENOMEM);
	while (iov.iov_len < size) {
		ret = real()->read(in, buf + iov.iov_len, size - iov.iov_len);
		if (ret < 0)
			return ret;
		if (ret == 0)
			break;
		iov.iov_len += (size_t)ret;
	}
	return write_session(out, &iov, 1);
}

/* Whether FD's messages must pass through the shim. */
static bool must_see(int fd)
{
	struct session *s = fdtab_get(fd);
	bool see;

	if (!s)
		return false;
	see = !session_splices(s);
	session_put(s);
	return see;
}

EXPORT ssize_t splice(int in, off64_t *in_off, int out, off64_t *out_off, size_t size,
		      unsigned int flags)
{
	if (fdtab_any() && must_see(in))
		return splice_in(in, out, size);
	if (fdtab_any() && must_see(out))
		return splice_out(in, out, size);
	return real()->splice(in, in_off, out, out_off, size, flags);
}

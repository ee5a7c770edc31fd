// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * io.c - the interposed calls of calls.h. Each does the real thing for every
 * descriptor that is no FUSE connection, and routes to session.c for one that
 * is. It must never exit, never print, and set errno as the real call does.
 */

/* Both spellings of every call are defined here: no redirection, no checks. */
#undef _FILE_OFFSET_BITS
#undef _FORTIFY_SOURCE

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>
#include <linux/fuse.h>

#include "shim/config.h"
#include "shim/fdtab.h"
#include "shim/proto.h"
#include "shim/real.h"
#include "shim/session.h"
#include "shim/settings.h"
#include "shim/uring.h"

#define EXPORT __attribute__((visibility("default")))

/* Not every one of them has a prototype in libc's headers. */
#define DECLARE(type, name, args) EXPORT type name args;
CALLS(DECLARE)

#define FUSE_DEVICE "/dev/fuse"
#define FUSE_MAJOR 10
#define FUSE_MINOR 229

/* What the helper looks for before it preloads us. */
EXPORT extern const unsigned int efuse_shim_abi;
const unsigned int efuse_shim_abi = CONFIG_ABI;

/* --- descriptors come and go ---------------------------------------------- */

static void fd_name(int fd, struct session *s)
{
	session_fd_added(s);
	fdtab_set(fd, s);
}

/* Forgets FD and gives back the session whose reference the caller drops. */
static struct session *fd_unname(int fd)
{
	struct session *s = fdtab_clear(fd);

	if (s)
		session_fd_closed(s);
	return s;
}

static void fd_gone(int fd)
{
	struct session *s = fd_unname(fd);

	if (s)
		session_put(s);
}

/* A new connection: FD was opened from, or is, /dev/fuse. */
static void fd_new(int fd, int flags)
{
	int saved = errno;
	struct session *s;

	if (!settings_get()->active || fdtab_peek(fd))
		return;
	s = session_new();
	if (s) {
		if (flags & O_NONBLOCK)
			session_polled(s);
		fd_name(fd, s);
		session_put(s);
	}
	errno = saved;
}

static int opened(const char *path, int fd, int flags)
{
	if (fd < 0)
		return fd;
	if (fdtab_used)
		fd_gone(fd);
	if (strcmp(path, FUSE_DEVICE) == 0)
		fd_new(fd, flags);
	return fd;
}

static bool is_fuse_device(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 && S_ISCHR(st.st_mode) &&
	       st.st_rdev == makedev(FUSE_MAJOR, FUSE_MINOR);
}

/* The same connection under another number. */
static int duplicated(int from, int to)
{
	struct session *s;

	if (to < 0 || !fdtab_used)
		return to;
	fd_gone(to);
	s = fdtab_get(from);
	if (s) {
		fd_name(to, s);
		session_put(s);
	}
	return to;
}

static mode_t open_mode(int flags, va_list ap)
{
	return flags & (O_CREAT | O_TMPFILE) ? va_arg(ap, mode_t) : 0;
}

#define OPEN_BODY(call) do { \
	va_list ap; \
	mode_t mode; \
	va_start(ap, flags); \
	mode = open_mode(flags, ap); \
	va_end(ap); \
	return opened(path, real()->call, flags); \
} while (0)

EXPORT int open(const char *path, int flags, ...)
{
	OPEN_BODY(open(path, flags, mode));
}

EXPORT int open64(const char *path, int flags, ...)
{
	OPEN_BODY(open64(path, flags, mode));
}

EXPORT int openat(int dirfd, const char *path, int flags, ...)
{
	OPEN_BODY(openat(dirfd, path, flags, mode));
}

EXPORT int openat64(int dirfd, const char *path, int flags, ...)
{
	OPEN_BODY(openat64(dirfd, path, flags, mode));
}

EXPORT int __open_2(const char *path, int flags)
{
	return opened(path, real()->__open_2(path, flags), flags);
}

EXPORT int __open64_2(const char *path, int flags)
{
	return opened(path, real()->__open64_2(path, flags), flags);
}

/* The descriptors that a message brought, from fusermount3 perhaps. */
static void received(struct msghdr *msg)
{
	struct cmsghdr *c;
	size_t i, n;
	int fd;

	for (c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (i = 0; i < n; i++) {
			memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(fd));
			if (is_fuse_device(fd))
				fd_new(fd, 0);
		}
	}
}

EXPORT ssize_t recvmsg(int fd, struct msghdr *msg, int flags)
{
	ssize_t ret = real()->recvmsg(fd, msg, flags);
	int saved = errno;

	if (ret >= 0 && msg->msg_control && msg->msg_controllen)
		received(msg);
	errno = saved;
	return ret;
}

/* FUSE_DEV_IOC_CLONE: FD becomes another descriptor of the connection *ARG. */
static void cloned(int fd, const void *arg)
{
	uint32_t old;
	struct session *s;

	memcpy(&old, arg, sizeof(old));
	s = fdtab_get((int)old);
	if (!s)
		return;
	fd_gone(fd);
	fd_name(fd, s);
	session_put(s);
}

EXPORT int ioctl(int fd, unsigned long req, ...)
{
	va_list ap;
	void *arg;
	int ret;

	va_start(ap, req);
	arg = va_arg(ap, void *);
	va_end(ap);
	ret = real()->ioctl(fd, req, arg);
	if (ret == 0 && req == FUSE_DEV_IOC_CLONE && fdtab_used)
		cloned(fd, arg);
	return ret;
}

static int fcntl_any(int fd, int cmd, void *arg, int (*call)(int, int, ...))
{
	struct session *s;
	long flags = (long)arg;

	if (!fdtab_used)
		return call(fd, cmd, arg);
	if (cmd == F_DUPFD || cmd == F_DUPFD_CLOEXEC)
		return duplicated(fd, call(fd, cmd, arg));
	if (cmd != F_SETFL || !(s = fdtab_get(fd)))
		return call(fd, cmd, arg);
	if (flags & O_NONBLOCK)
		session_polled(s);
	if (session_state(s) == SESSION_RUNNING && s->uring)
		flags |= O_NONBLOCK;	/* the rings share the open file */
	session_put(s);
	return call(fd, cmd, (void *)flags);
}

#define FCNTL_BODY(name) do { \
	va_list ap; \
	void *arg; \
	va_start(ap, cmd); \
	arg = va_arg(ap, void *); \
	va_end(ap); \
	return fcntl_any(fd, cmd, arg, real()->name); \
} while (0)

EXPORT int fcntl(int fd, int cmd, ...)
{
	FCNTL_BODY(fcntl);
}

EXPORT int fcntl64(int fd, int cmd, ...)
{
	FCNTL_BODY(fcntl64);
}

EXPORT int dup(int fd)
{
	return duplicated(fd, real()->dup(fd));
}

EXPORT int dup2(int fd, int to)
{
	int ret = real()->dup2(fd, to);

	return fd == to ? ret : duplicated(fd, ret);
}

EXPORT int dup3(int fd, int to, int flags)
{
	return duplicated(fd, real()->dup3(fd, to, flags));
}

EXPORT int close(int fd)
{
	struct session *s;
	int ret;

	if (__builtin_expect(!fdtab_used, 1))
		return real()->close(fd);
	if (fdtab_private(fd)) {
		errno = EBADF;
		return -1;
	}
	s = fd_unname(fd);
	ret = real()->close(fd);
	if (s) {
		int saved = errno;

		session_put(s);
		errno = saved;
	}
	return ret;
}

/* Closes what a range holds, sparing the shim's own. */
static int close_spared(unsigned int first, unsigned int last, int flags)
{
	unsigned int fd, from = first;

	for (fd = first; fd <= last && fd < FDTAB_SIZE; fd++) {
		if (!fdtab_private((int)fd)) {
			fd_gone((int)fd);
			continue;
		}
		if (fd > from)
			real()->close_range(from, fd - 1, flags);
		from = fd + 1;
	}
	return from <= last ? real()->close_range(from, last, flags) : 0;
}

EXPORT int close_range(unsigned int first, unsigned int last, int flags)
{
	if (!fdtab_used || first > last || (flags & CLOSE_RANGE_CLOEXEC))
		return real()->close_range(first, last, flags);
	return close_spared(first, last, flags);
}

EXPORT void closefrom(int first)
{
	if (!fdtab_used)
		real()->closefrom(first);
	else
		close_spared(first < 0 ? 0 : (unsigned int)first, ~0u, 0);
}

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

	if (s && worker_find(s) && fdtab_peek(fd) == s)
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

	if (s && worker_find(s) && fdtab_peek(fd) == s)
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
	struct iovec iov = { (void *)buf, size };

	if (__builtin_expect(!fdtab_peek(fd), 1))
		return real()->write(fd, buf, size);
	return write_session(fd, &iov, 1);
}

EXPORT ssize_t writev(int fd, const struct iovec *iov, int count)
{
	if (__builtin_expect(!fdtab_peek(fd), 1))
		return real()->writev(fd, iov, count);
	return write_session(fd, iov, count);
}

/* --- splice ----------------------------------------------------------------- */

/* A request into a pipe: all of it or nothing, as from the device. */
static ssize_t splice_in(int in, int out, size_t size)
{
	char *buf = bounce_get(size);
	ssize_t len, done = 0, ret;

	if (!buf)
		return result(-ENOMEM);
	len = read_session(in, buf, size);
	while (done < len) {
		ret = real()->write(out, buf + done, (size_t)(len - done));
		if (ret <= 0)
			return result(-EIO);
		done += ret;
	}
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
	if (fdtab_used && must_see(in))
		return splice_in(in, out, size);
	if (fdtab_used && must_see(out))
		return splice_out(in, out, size);
	return real()->splice(in, in_off, out, out_off, size, flags);
}

/* --- waiting by other means ------------------------------------------------- */

/*
 * A program that waits for its requests in an event loop would never learn of
 * one that comes over a ring. libraries also poll with no time-out to ask
 * whether the connection is still there; that is no waiting.
 */
static void saw_poll(int fd)
{
	struct session *s = fdtab_get(fd);

	if (!s)
		return;
	session_polled(s);
	session_put(s);
}

static void saw_pollfds(const struct pollfd *fds, nfds_t count, bool waits)
{
	nfds_t i;

	if (!fdtab_used || !waits)
		return;
	for (i = 0; i < count; i++)
		if (fds[i].events & POLLIN)
			saw_poll(fds[i].fd);
}

/* libc's header calls `fds` write-only, which gcc then believes of our body. */
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif

EXPORT int poll(struct pollfd *fds, nfds_t count, int timeout)
{
	saw_pollfds(fds, count, timeout != 0);
	return real()->poll(fds, count, timeout);
}

EXPORT int __poll_chk(struct pollfd *fds, nfds_t count, int timeout, size_t room)
{
	if (room / sizeof(*fds) >= count)
		saw_pollfds(fds, count, timeout != 0);
	return real()->__poll_chk(fds, count, timeout, room);
}

EXPORT int ppoll(struct pollfd *fds, nfds_t count, const struct timespec *timeout,
		 const sigset_t *mask)
{
	saw_pollfds(fds, count, true);
	return real()->ppoll(fds, count, timeout, mask);
}

static void saw_fdset(int count, fd_set *r)
{
	int fd;

	if (!fdtab_used || !r)
		return;
	for (fd = 0; fd < count && fd < FD_SETSIZE; fd++)
		if (FD_ISSET(fd, r))
			saw_poll(fd);
}

EXPORT int select(int count, fd_set *r, fd_set *w, fd_set *e, struct timeval *timeout)
{
	saw_fdset(count, r);
	return real()->select(count, r, w, e, timeout);
}

EXPORT int pselect(int count, fd_set *r, fd_set *w, fd_set *e, const struct timespec *timeout,
		   const sigset_t *mask)
{
	saw_fdset(count, r);
	return real()->pselect(count, r, w, e, timeout, mask);
}

EXPORT int epoll_ctl(int epfd, int op, int fd, struct epoll_event *event)
{
	if (fdtab_used && op != EPOLL_CTL_DEL)
		saw_poll(fd);
	return real()->epoll_ctl(epfd, op, fd, event);
}

/* --- children --------------------------------------------------------------- */

/* What a pinned thread starts must be as free as the thread was before. */
static void before_child(void)
{
	if (fdtab_used)
		worker_children();
}

EXPORT int pthread_create(pthread_t *thread, const pthread_attr_t *attr, void *(*start)(void *),
			  void *arg)
{
	before_child();
	return real()->pthread_create(thread, attr, start, arg);
}

EXPORT int posix_spawn(pid_t *pid, const char *path, const posix_spawn_file_actions_t *actions,
		       const posix_spawnattr_t *attr, char *const argv[], char *const envp[])
{
	before_child();
	return real()->posix_spawn(pid, path, actions, attr, argv, envp);
}

EXPORT int posix_spawnp(pid_t *pid, const char *file, const posix_spawn_file_actions_t *actions,
			const posix_spawnattr_t *attr, char *const argv[], char *const envp[])
{
	before_child();
	return real()->posix_spawnp(pid, file, actions, attr, argv, envp);
}

EXPORT int system(const char *command)
{
	before_child();
	return real()->system(command);
}

EXPORT FILE *popen(const char *command, const char *mode)
{
	before_child();
	return real()->popen(command, mode);
}

/*
 * After fork(2) only a connection that nobody has read from is the child's
 * too: a daemon that goes to the background. Everything else stays with the
 * parent, whose rings and threads the child does not have.
 */
static void child_fd(int fd)
{
	struct session *s = fdtab_peek(fd);

	if (s && session_state(s) != SESSION_NEW)
		fdtab_table[fd] = NULL;
}

static void forked(void)
{
	if (!fdtab_used)
		return;
	worker_forked();
	fdtab_each(0, FDTAB_SIZE - 1, child_fd);
}

/* A daemon may be started with the connection already open (/dev/fd/N). */
static void inherited(void)
{
	int fd;

	for (fd = 3; fd < 64; fd++)
		if (is_fuse_device(fd))
			fd_new(fd, real()->fcntl(fd, F_GETFL));
}

__attribute__((constructor)) static void shim_init(void)
{
	int saved = errno;

	real_init();
	settings_init();
	if (settings_get()->active) {
		pthread_atfork(NULL, NULL, forked);
		inherited();
	}
	errno = saved;
}

// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * session.c - one FUSE connection: INIT, routing, teardown. See session.h.
 *
 * Until RUNNING, `gate` gives INIT to one thread at a time. From RUNNING on,
 * `channel` does not change, so it is read without a lock.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "shim/cancel.h"
#include "shim/channel.h"
#include "shim/count.h"
#include "shim/cpus.h"
#include "shim/fdtab.h"
#include "shim/port.h"
#include "shim/proto.h"
#include "shim/real.h"
#include "shim/session.h"
#include "shim/settings.h"

#define GATE_TICK_MS 20
#define MESSAGE_PEEK 256	/* no INIT message is longer */

static pthread_mutex_t free_lock = PTHREAD_MUTEX_INITIALIZER;
static struct session *free_list;
static uint32_t next_index;

/* --- life ----------------------------------------------------------------- */

static struct session *session_alloc(void)
{
	struct session *s;

	pthread_mutex_lock(&free_lock);
	s = free_list;
	if (s)
		free_list = s->next_free;
	pthread_mutex_unlock(&free_lock);
	return s ? s : calloc(1, sizeof(*s));
}

/*
 * A descriptor's look-up may hold a pointer to a session that is long over:
 * that is why sessions are recycled and never freed, and why session_tryref()
 * never revives one whose count is zero.
 */
struct session *session_new(void)
{
	struct session *s = session_alloc();

	if (!s)
		return NULL;
	s->fds = 0;
	s->gate = 0;
	s->polled = 0;
	s->init_unique = 0;
	s->offered = false;
	s->channel = &channel_dev;
	s->uring = NULL;
	s->stats = NULL;
	s->stats_path = NULL;
	s->gate_efd = port_private_fd(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
	__atomic_store_n(&s->state, SESSION_NEW, __ATOMIC_RELAXED);
	__atomic_store_n(&s->refs, 1, __ATOMIC_RELEASE);
	return s;
}

bool session_tryref(struct session *s)
{
	int refs = __atomic_load_n(&s->refs, __ATOMIC_RELAXED);

	while (refs && !__atomic_compare_exchange_n(&s->refs, &refs, refs + 1, true,
						    __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
		;
	return refs;
}

void session_ref(struct session *s)
{
	__atomic_add_fetch(&s->refs, 1, __ATOMIC_RELAXED);
}

static void session_release(struct session *s)
{
	s->channel->stop(s);
	count_close(s);
	if (s->gate_efd >= 0) {
		fdtab_clear(s->gate_efd);
		real()->close(s->gate_efd);
	}
	pthread_mutex_lock(&free_lock);
	s->next_free = free_list;
	free_list = s;
	pthread_mutex_unlock(&free_lock);
}

void session_put(struct session *s)
{
	if (__atomic_sub_fetch(&s->refs, 1, __ATOMIC_ACQ_REL) == 0)
		session_release(s);
}

void session_fd_added(struct session *s)
{
	__atomic_add_fetch(&s->fds, 1, __ATOMIC_RELAXED);
}

void session_fd_closed(struct session *s)
{
	if (__atomic_sub_fetch(&s->fds, 1, __ATOMIC_ACQ_REL) == 0)
		session_end(s);
}

static void gate_open(struct session *s)
{
	uint64_t one = 1;

	if (s->gate_efd >= 0)
		(void)!syscall(__NR_write, s->gate_efd, &one, sizeof(one));
}

void session_end(struct session *s)
{
	int state = __atomic_exchange_n(&s->state, SESSION_ENDED, __ATOMIC_ACQ_REL);

	gate_open(s);
	if (state == SESSION_RUNNING)
		s->channel->wake(s);
}

void session_polled(struct session *s)
{
	if (session_state(s) < SESSION_RUNNING)
		__atomic_store_n(&s->polled, 1, __ATOMIC_RELAXED);
}

bool session_splices(const struct session *s)
{
	return session_state(s) == SESSION_RUNNING && s->channel == &channel_dev;
}

void session_reason(struct session *s, const char *fmt, ...)
{
	char text[sizeof(s->stats->reason)];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	settings_log("%s", text);
	if (s->stats)
		memcpy(s->stats->reason, text, sizeof(text));
}

/* --- INIT, the request ---------------------------------------------------- */

static void gate_leave(void *arg)
{
	struct session *s = arg;

	__atomic_store_n(&s->gate, 0, __ATOMIC_RELEASE);
}

/* True when the calling thread may read INIT; false when others came first. */
static bool gate_enter(struct session *s)
{
	int free = 0;

	return __atomic_compare_exchange_n(&s->gate, &free, 1, false, __ATOMIC_ACQUIRE,
					   __ATOMIC_RELAXED);
}

/*
 * Sleeps until INIT is answered, at the most one tick: the thread that reads
 * INIT may go away without. A cancellation point, and ended by a signal, as
 * the read(2) it stands for.
 */
static int gate_wait(struct session *s)
{
	struct pollfd pfd = { .fd = s->gate_efd, .events = POLLIN };

	return real()->poll(&pfd, 1, GATE_TICK_MS) < 0 ? -errno : 0;
}

/* read(2), leaving the gate again if the thread is cancelled in it. */
static ssize_t gated_read(struct session *s, int fd, void *buf, size_t size)
{
	ssize_t len;

	pthread_cleanup_push(gate_leave, s);
	len = real()->read(fd, buf, size);
	pthread_cleanup_pop(0);
	return len < 0 ? -errno : len;
}

static void become_running(struct session *s, const struct channel *channel)
{
	s->channel = channel;
	count_set(&s->stats->channel, (uint32_t)channel->id);
	count_set(&s->stats->state, STATS_STATE_RUNNING);
	__atomic_store_n(&s->state, SESSION_RUNNING, __ATOMIC_RELEASE);
	gate_open(s);
}

/* The id of the connection, from fdinfo of newer kernels: 0 when unknown. */
static uint32_t connection_id(int fd)
{
	static const char key[] = "fuse_connection:";
	char path[64], buf[512], *p;
	ssize_t len;
	int info;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	info = real()->open(path, O_RDONLY | O_CLOEXEC);
	if (info < 0)
		return 0;
	len = real()->read(info, buf, sizeof(buf) - 1);
	real()->close(info);
	buf[len > 0 ? len : 0] = '\0';
	p = strstr(buf, key);
	return p ? (uint32_t)strtoul(p + sizeof(key) - 1, NULL, 10) : 0;
}

static int stats_begin(struct session *s, int fd)
{
	int err;

	if (s->stats)
		return 0;
	s->index = __atomic_fetch_add(&next_index, 1, __ATOMIC_RELAXED);
	err = count_open(s, cpus_possible());
	if (!err)
		s->stats->conn = connection_id(fd);
	return err;
}

/*
 * Looks at the first message of the connection. Anything but an INIT means
 * that somebody else has answered it before: nothing to negotiate any more.
 */
static void first_message(struct session *s, int fd, void *buf, size_t size)
{
	struct proto_offer offer;
	int cancel = cancel_off(), err = stats_begin(s, fd);

	cancel_restore(cancel);
	if (err) {
		gate_leave(s);
		return;
	}
	if (proto_init_offer(buf, size, &offer)) {
		session_reason(s, "the connection was in use before the shim saw it");
		become_running(s, &channel_dev);
		return;
	}
	s->init_unique = offer.unique;
	s->offered = offer.uring;
	if (s->offered && settings_get()->uring && !s->polled)
		proto_init_hide_splice(buf);
	__atomic_store_n(&s->state, SESSION_INIT, __ATOMIC_RELEASE);
}

ssize_t session_read(struct session *s, int fd, void *buf, size_t size)
{
	ssize_t len;
	int err;

	for (;;) {
		int state = session_state(s);

		if (state == SESSION_ENDED)
			return -ENODEV;
		if (state == SESSION_RUNNING)
			return s->channel->next(s, fd, buf, size);
		if (gate_enter(s))
			break;
		if (s->polled)
			return -EAGAIN;
		err = gate_wait(s);
		if (err)
			return err;
	}
	len = gated_read(s, fd, buf, size);
	if (len > 0)
		first_message(s, fd, buf, (size_t)len);
	else
		gate_leave(s);
	return len;
}

/* --- INIT, the reply ------------------------------------------------------ */

/* Why the uring channel is not even tried, or NULL. */
static const char *no_uring_because(const struct session *s, const struct proto_agreed *agreed)
{
	if (!settings_get()->uring)
		return settings_get()->why;
	if (access("/sys/module/fuse/parameters/enable_uring", F_OK) && !s->offered)
		return "this kernel has no FUSE over io_uring (Linux 6.14)";
	if (!s->offered)
		return "fuse.enable_uring is off: sudo efuse setup";
	if (s->polled)
		return "the program waits for requests with poll or O_NONBLOCK";
	if (agreed->uring)
		return "the program speaks FUSE over io_uring itself";
	return NULL;
}

static void note_agreed(struct session *s, const struct proto_agreed *agreed)
{
	s->stats->proto_major = agreed->major;
	s->stats->proto_minor = agreed->minor;
	s->stats->max_write = agreed->max_write;
	s->stats->payload_size = agreed->payload;
}

/*
 * Everything that can fail is done before the kernel learns of the rings: from
 * then on it holds requests back until every queue has an entry.
 */
static ssize_t init_with_uring(struct session *s, int fd, const void *msg, size_t size,
			       uint32_t payload)
{
	char full[PROTO_INIT_REPLY_SIZE];
	size_t len = proto_init_rewrite(msg, size, full);

	if (channel_uring.prepare(s, fd, payload))
		return 0;
	if (syscall(__NR_write, fd, full, len) != (ssize_t)len) {
		int err = -errno;

		channel_uring.stop(s);
		return err;
	}
	become_running(s, channel_uring.start(s) ? &channel_dev : &channel_uring);
	return (ssize_t)size;
}

static ssize_t init_plain(struct session *s, int fd, const void *msg, size_t size)
{
	ssize_t ret = syscall(__NR_write, fd, msg, size);

	if (ret < 0)
		return -errno;
	become_running(s, &channel_dev);
	return ret;
}

static ssize_t init_reply(struct session *s, int fd, const struct iovec *iov, int count,
			  size_t total)
{
	struct proto_agreed agreed;
	char msg[MESSAGE_PEEK] __attribute__((aligned(8)));
	const char *why;
	ssize_t ret = 0;
	int err;

	if (total > sizeof(msg))
		return -EINVAL;
	proto_iov_gather(iov, count, 0, msg, total);
	err = proto_init_agreed(msg, total, &agreed);
	if (err) {
		/* Refused, malformed, or a wish for another version: it is
		 * between the daemon and the kernel, and INIT comes again. */
		ret = syscall(__NR_write, fd, msg, total);
		__atomic_store_n(&s->state, SESSION_NEW, __ATOMIC_RELEASE);
		gate_leave(s);
		return ret < 0 ? -errno : ret;
	}
	note_agreed(s, &agreed);
	why = no_uring_because(s, &agreed);
	if (why)
		session_reason(s, "%s", why);
	else
		ret = init_with_uring(s, fd, msg, total, agreed.payload);
	return ret ? ret : init_plain(s, fd, msg, total);
}

/* --- writes --------------------------------------------------------------- */

/* Notifications stay on the device fd, on every channel. */
static ssize_t notify(struct session *s, int fd, const struct iovec *iov, int count, size_t total)
{
	char msg[MESSAGE_PEEK] __attribute__((aligned(8)));
	ssize_t ret;

	count_add(&s->stats->notifications, 1);
	if (total <= sizeof(msg)) {
		proto_iov_gather(iov, count, 0, msg, total);
		if (s->channel == &channel_uring)
			proto_retrieve_out(msg, total);
		ret = syscall(__NR_write, fd, msg, total);
	} else {
		ret = syscall(__NR_writev, fd, iov, count);
	}
	return ret < 0 ? -errno : ret;
}

static ssize_t write_real(int fd, const struct iovec *iov, int count)
{
	ssize_t ret = syscall(__NR_writev, fd, iov, count);

	return ret < 0 ? -errno : ret;
}

ssize_t session_write(struct session *s, int fd, const struct iovec *iov, int count)
{
	struct fuse_out_header out;
	ssize_t total = proto_iov_length(iov, count), ret;
	int state = session_state(s), cancel;

	if (total < (ssize_t)sizeof(out) || state == SESSION_NEW || !s->stats)
		return write_real(fd, iov, count);
	proto_iov_gather(iov, count, 0, &out, sizeof(out));
	if (proto_check_out(&out, (size_t)total)) {
		count_add(&s->stats->malformed, 1);
		/* The kernel refuses it too, but must not be asked to: on the
		 * device fd it could find no such request and say so. */
		return -EINVAL;
	}
	if (out.unique == 0)
		return notify(s, fd, iov, count, (size_t)total);
	if (state == SESSION_INIT && out.unique == s->init_unique) {
		cancel = cancel_off();
		ret = init_reply(s, fd, iov, count, (size_t)total);
		cancel_restore(cancel);
		return ret;
	}
	if (state != SESSION_RUNNING)
		return write_real(fd, iov, count);
	return s->channel->reply(s, fd, &out, iov, count, (size_t)total);
}

// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * session.c - one FUSE connection: INIT, routing, teardown. See session.h.
 *
 * Until RUNNING, `gate` gives INIT to one thread at a time. From RUNNING on,
 * `channel` does not change, so it is read without a lock.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/efuse.h>
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
#include "shim/direct.h"
#include "shim/fdtab.h"
#include "shim/lights.h"
#include "shim/policy.h"
#include "shim/port.h"
#include "shim/proto.h"
#include "shim/real.h"
#include "shim/session.h"
#include "shim/settings.h"
#include "shim/smallfile.h"

#define GATE_TICK_MS 20
#define MESSAGE_PEEK 256	/* no INIT message is longer */
#define PIPE_USUAL 65536L	/* bytes of a pipe, unless it is told otherwise, */
#define PIPE_HEADER 4096L	/* and what libfuse adds to those of a request */
#define NOTICE_PEEK 512		/* a notification with any usual name */

static pthread_mutex_t free_lock = PTHREAD_MUTEX_INITIALIZER;
static struct session *free_list;
static struct session *all;	/* grows at the head only; atomic */
static uint32_t next_index;

/* --- life ----------------------------------------------------------------- */

static struct session *session_make(void)
{
	struct session *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->next_all = __atomic_load_n(&all, __ATOMIC_RELAXED);
	while (!__atomic_compare_exchange_n(&all, &s->next_all, s, true, __ATOMIC_RELEASE,
					    __ATOMIC_RELAXED))
		;
	return s;
}

void session_each(void (*fn)(struct session *s))
{
	struct session *s = __atomic_load_n(&all, __ATOMIC_ACQUIRE);

	for (; s; s = s->next_all)
		fn(s);
}

static struct session *session_alloc(void)
{
	struct session *s;

	pthread_mutex_lock(&free_lock);
	s = free_list;
	if (s)
		free_list = s->next_free;
	pthread_mutex_unlock(&free_lock);
	return s ? s : session_make();
}

static int gate_make(void)
{
	return port_private_fd(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
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
	s->init_since = 0;
	s->offered = false;
	s->channel = &channel_dev;
	s->rings_there = SESSION_RINGS_STOCK;
	s->uring = NULL;
	s->rings = NULL;
	s->cache = NULL;
	s->lights = NULL;
	s->direct = NULL;
	s->stats = NULL;
	s->stats_path = NULL;
	s->gate_efd = gate_make();
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

/* close(2) and pthread_join(3) in here must not be where the thread ends. */
static void session_release(struct session *s)
{
	int cancel = cancel_off();

	s->channel->stop(s);
	direct_free(s->direct);
	count_close(s);
	policy_end(s);
	if (s->gate_efd >= 0) {
		fdtab_clear(s->gate_efd);
		real()->close(s->gate_efd);
	}
	pthread_mutex_lock(&free_lock);
	s->next_free = free_list;
	free_list = s;
	pthread_mutex_unlock(&free_lock);
	cancel_restore(cancel);
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
	int cancel = cancel_off();

	gate_open(s);
	if (state == SESSION_RUNNING)
		s->channel->wake(s);
	cancel_restore(cancel);
}

static void forget_one(struct session *s)
{
	count_forget(s);
	s->gate_efd = -1;	/* closed with the rest of our own */
}

/* Another thread may have held the lock when the process forked. */
void session_forget(void)
{
	pthread_mutex_init(&free_lock, NULL);
	session_each(forget_one);
}

/* A thread that was reading INIT at the fork is the parent's. */
void session_forked(struct session *s)
{
	s->gate = 0;
	if (s->gate_efd < 0)
		s->gate_efd = gate_make();
	if (session_state(s) == SESSION_NEW)
		return;
	s->uring = NULL;	/* the parent's; their locks may be taken for ever */
	if (s->lights)
		lights_forked(s->lights);
	s->heritage = s->channel;
	s->channel = &channel_dev;
	__atomic_store_n(&s->state, SESSION_FORKED, __ATOMIC_RELAXED);
}

bool session_heritable(const struct session *s)
{
	int state = session_state(s);

	return state == SESSION_NEW || state == SESSION_FORKED ||
	       (state == SESSION_RUNNING && s->channel != &channel_dev);
}

void session_polled(struct session *s)
{
	if (session_state(s) < SESSION_RUNNING)
		__atomic_store_n(&s->polled, 1, __ATOMIC_RELAXED);
}

bool session_splices(const struct session *s)
{
	return session_state(s) == SESSION_RUNNING && s->channel == &channel_dev && !s->cache &&
	       !s->direct;
}

/* By session_each(). */
static __thread bool copies;

static void note_copies(struct session *s)
{
	copies |= session_state(s) == SESSION_RUNNING && !session_splices(s);
}

bool session_wants_no_pipe(long size)
{
	if (size <= PIPE_USUAL || size % PIPE_USUAL != PIPE_HEADER)
		return false;
	copies = false;
	session_each(note_copies);
	return copies;
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
 * INIT may go away without. A cancellation point, ended by a signal and by the
 * end of the connection, as the read(2) it stands for: FD, the daemon's, is
 * asked for nothing but its errors.
 */
static int gate_wait(struct session *s, int fd)
{
	struct pollfd pfd[] = {
		{ .fd = s->gate_efd, .events = POLLIN },
		{ .fd = fd },
	};

	if (real()->poll(pfd, 2, GATE_TICK_MS) < 0)
		return -errno;
	if (pfd[1].revents & POLLNVAL)
		return -EBADF;
	return pfd[1].revents & POLLERR ? -ENODEV : 0;
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

/* From state FROM to TO, unless the session has ended meanwhile. */
static bool advance(struct session *s, int from, int to)
{
	return __atomic_compare_exchange_n(&s->state, &from, to, false, __ATOMIC_ACQ_REL,
					   __ATOMIC_RELAXED);
}

/* A session that has ended stays so: session_end() saw no channel to wake then. */
static void become_running(struct session *s, int from, const struct channel *channel)
{
	s->channel = channel;
	count_set(&s->stats->channel, (uint32_t)channel->id);
	count_set(&s->stats->state, STATS_STATE_RUNNING);
	if (!advance(s, from, SESSION_RUNNING))
		channel->wake(s);
	gate_open(s);
}

/* The id of the connection, from fdinfo of newer kernels: 0 when unknown. */
static uint32_t connection_id(int fd)
{
	static const char key[] = "fuse_connection:";
	char path[64], buf[512], *p;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	if (!smallfile_read(path, buf, sizeof(buf)))
		return 0;
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

/* What the driver of FD says of rings. *FEATURES are those that the shim uses. */
static enum session_rings ask_driver(int fd, uint64_t *features)
{
	struct efuse_hello hello = {
		.size = sizeof(hello), .version = EFUSE_VERSION_MAX,
		.features = EFUSE_F_RING | EFUSE_F_DIRECT,
	};

	*features = 0;
	if (syscall(__NR_ioctl, fd, EFUSE_IOC_HELLO, &hello))
		return errno == EPROTONOSUPPORT ? SESSION_RINGS_NONE : SESSION_RINGS_STOCK;
	*features = hello.features;
	return hello.features & EFUSE_F_RING ? SESSION_RINGS_THERE : SESSION_RINGS_NONE;
}

static void direct_begin(struct session *s, uint64_t features)
{
	if (!settings_get()->direct || s->direct)
		return;
	if (features & EFUSE_F_DIRECT) {
		s->direct = direct_new(s->stats, settings_get()->direct_writes);
		return;
	}
	count_set(&s->stats->direct, STATS_DIRECT_ABSENT);
	settings_log("no direct path: this driver has none");
}

/* Whether, as far as is known before INIT is answered, it will not be the device. */
static bool has_channel(const struct session *s)
{
	if (s->polled)
		return false;
	return s->rings_there == SESSION_RINGS_THERE ? settings_get()->ring :
						       s->offered && settings_get()->uring;
}

/*
 * Looks at the first message of the connection. Anything but an INIT means
 * that somebody else has answered it before: nothing to negotiate any more.
 */
static void first_message(struct session *s, int fd, void *buf, size_t size)
{
	struct proto_offer offer;
	uint64_t features;
	int cancel = cancel_off(), err = stats_begin(s, fd);

	cancel_restore(cancel);
	if (err) {
		gate_leave(s);
		return;
	}
	if (proto_init_offer(buf, size, &offer)) {
		session_reason(s, "the connection was in use before the shim saw it%s",
			       policy_lost());
		become_running(s, SESSION_NEW, &channel_dev);
		return;
	}
	count_request(count_dev_block(s), FUSE_INIT);
	s->init_since = count_now();
	__atomic_store_n(&s->init_unique, offer.unique, __ATOMIC_RELAXED);
	s->offered = offer.uring;
	s->rings_there = ask_driver(fd, &features);
	policy_begin(s, offer.flags);
	direct_begin(s, features);
	if (s->cache || s->direct || has_channel(s))
		proto_init_hide_splice(buf);
	advance(s, SESSION_NEW, SESSION_INIT);
}

/*
 * A daemon that forks after INIT and reads in the child: the rings stay with
 * the parent, so the child brings its own to the queues that are there. Both
 * may serve, as both might read from /dev/fuse.
 */
static ssize_t take_up(struct session *s, int fd)
{
	int cancel = cancel_off(), err = stats_begin(s, fd);

	if (!err)
		err = s->heritage->prepare(s, fd, s->payload);
	if (!err)
		err = s->heritage->start(s);
	if (!err && s->direct)
		direct_forked(s->direct, fd, s->stats);
	if (!err)
		become_running(s, SESSION_FORKED, s->heritage);
	gate_leave(s);
	cancel_restore(cancel);
	return err;
}

static ssize_t next_request(struct session *s, int fd, void *buf, size_t size)
{
	ssize_t len;

	/* read(2) is a cancellation point even if it need not wait, and taking from a
	 * ring calls nothing that is. */
	if (s->channel != &channel_dev)
		pthread_testcancel();
	len = s->channel->next(s, fd, buf, size);
	if (s->direct && len > 0)
		direct_request(s->direct, fd, buf, (size_t)len);
	return len;
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
			return next_request(s, fd, buf, size);
		if (gate_enter(s)) {
			if (session_state(s) != SESSION_FORKED)
				break;
			err = (int)take_up(s, fd);
			if (err)
				return err;
			continue;
		}
		if (s->polled)
			return -EAGAIN;
		err = gate_wait(s, fd);
		if (err)
			return err;
	}
	if (session_state(s) == SESSION_RUNNING) {	/* since we looked */
		gate_leave(s);
		return session_read(s, fd, buf, size);
	}
	len = gated_read(s, fd, buf, size);
	if (len > 0)
		first_message(s, fd, buf, (size_t)len);
	else
		gate_leave(s);
	return len;
}

/* --- INIT, the reply ------------------------------------------------------ */

/* Why no channel but dev is even tried with the stock driver, or NULL. */
static const char *no_uring_because(const struct session *s)
{
	if (access("/sys/module/fuse/parameters/enable_uring", F_OK) && !s->offered)
		return "this kernel has no FUSE over io_uring (Linux 6.14)";
	if (!s->offered)
		return "fuse.enable_uring is off: sudo efuse setup";
	return NULL;
}

/* The same with the efuse driver. */
static const char *no_rings_because(const struct session *s)
{
	if (s->rings_there == SESSION_RINGS_NONE)
		return "this efuse driver has no rings: install the one that came with efuse";
	if (!settings_get()->ring)
		return "channel uring was asked for, which the efuse driver has not";
	return NULL;
}

/* What holds for both. */
static const char *only_dev_because(const struct session *s, const struct proto_agreed *agreed)
{
	const char *why;

	if (!settings_get()->uring)
		return settings_get()->why;
	why = s->rings_there == SESSION_RINGS_STOCK ? no_uring_because(s) : no_rings_because(s);
	if (why)
		return why;
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
	s->payload = agreed->payload;
	s->min_read = proto_min_read(agreed);
}

/* INIT is no longer at the daemon; ERROR is what it came to. */
static void init_over(struct session *s, int error)
{
	count_reply(count_dev_block(s), FUSE_INIT, error, count_now() - s->init_since);
}

/*
 * Refused by the daemon, or the kernel would not have it: when the connection
 * was aborted meanwhile there is no such request any more. A thread that reads
 * next sees for itself whether INIT comes again.
 */
static ssize_t init_failed(struct session *s, int error, ssize_t ret)
{
	init_over(s, error);
	advance(s, SESSION_INIT, SESSION_NEW);
	gate_leave(s);
	return ret;
}

static ssize_t write_real(int fd, const struct iovec *iov, int count)
{
	ssize_t ret = syscall(__NR_writev, fd, iov, count);

	return ret < 0 ? -errno : ret;
}

/*
 * Everything that can fail is done before the kernel learns of the rings: from
 * then on it holds requests back until every queue has an entry. Returns 0 when
 * the reply is still to be written.
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
		return init_failed(s, err, err);
	}
	init_over(s, 0);
	become_running(s, SESSION_INIT, channel_uring.start(s) ? &channel_dev : &channel_uring);
	return (ssize_t)size;
}

/*
 * The driver gives rings only once INIT is answered. Without them the device serves,
 * which is what the kernel was told.
 */
static ssize_t init_with_rings(struct session *s, int fd, const void *msg, size_t size)
{
	if (channel_ring.prepare(s, fd, s->payload))
		return 0;
	if (syscall(__NR_write, fd, msg, size) != (ssize_t)size) {
		int err = -errno;

		channel_ring.stop(s);
		return init_failed(s, err, err);
	}
	init_over(s, 0);
	become_running(s, SESSION_INIT, channel_ring.start(s) ? &channel_dev : &channel_ring);
	return (ssize_t)size;
}

static ssize_t init_plain(struct session *s, int fd, const struct iovec *iov, int count)
{
	ssize_t ret = write_real(fd, iov, count);

	if (ret < 0)
		return init_failed(s, (int)ret, ret);
	init_over(s, 0);
	become_running(s, SESSION_INIT, &channel_dev);
	return ret;
}

/*
 * A refusal, nonsense, or a wish for another version is between the daemon and
 * the kernel: INIT comes again, or the end.
 */
static ssize_t init_reply(struct session *s, int fd, const struct iovec *iov, int count,
			  size_t total)
{
	struct proto_agreed agreed;
	char msg[MESSAGE_PEEK] __attribute__((aligned(8)));
	struct iovec whole = { msg, total };
	const char *why;
	ssize_t ret = 0;
	int err = -EINVAL;

	if (total <= sizeof(msg)) {
		proto_iov_gather(iov, count, 0, msg, total);
		err = proto_init_agreed(msg, total, &agreed);
	}
	if (err)
		return init_failed(s, err, write_real(fd, iov, count));
	note_agreed(s, &agreed);
	policy_agreed(s, msg, total, &agreed);
	why = only_dev_because(s, &agreed);
	if (why)
		session_reason(s, "%s%s", why, agreed.uring ? policy_lost() : "");
	else if (s->rings_there == SESSION_RINGS_THERE)
		ret = init_with_rings(s, fd, msg, total);
	else
		ret = init_with_uring(s, fd, msg, total, agreed.payload);
	return ret ? ret : init_plain(s, fd, &whole, 1);
}

/* --- writes --------------------------------------------------------------- */

/* Notifications stay on the device fd, on every channel. */
static ssize_t notify(struct session *s, int fd, const struct iovec *iov, int count, size_t total)
{
	char msg[NOTICE_PEEK] __attribute__((aligned(8)));
	size_t len = proto_iov_gather(iov, count, 0, msg, total < sizeof(msg) ? total : sizeof(msg));
	ssize_t ret;

	count_add(&s->stats->notifications, 1);
	if (s->lights)
		lights_notified(s->lights, msg, len);
	if (len == total) {
		if (s->channel == &channel_uring)
			proto_retrieve_out(msg, total);
		ret = syscall(__NR_write, fd, msg, total);
	} else {
		ret = syscall(__NR_writev, fd, iov, count);
	}
	return ret < 0 ? -errno : ret;
}

/*
 * An error with data behind it: the device ends the request with EIO and tells
 * the daemon EINVAL. For a ring we do. Where no ring entry carries the request,
 * the reply goes to the device, which says whether there is one.
 */
static ssize_t reply_bad(struct session *s, int fd, const struct fuse_out_header *bad,
			 const struct iovec *iov, int count, size_t total)
{
	struct fuse_out_header out = {
		.len = sizeof(out), .error = -EIO, .unique = bad->unique,
	};
	struct iovec empty = { &out, sizeof(out) };
	ssize_t ret;

	count_add(&s->stats->malformed, 1);
	if (s->channel == &channel_dev)
		return s->channel->reply(s, fd, bad, iov, count, total);
	ret = s->channel->reply(s, fd, &out, &empty, 1, sizeof(out));
	return ret < 0 ? ret : -EINVAL;
}

static ssize_t write_init(struct session *s, int fd, const struct iovec *iov, int count,
			  size_t total)
{
	int cancel = cancel_off();
	ssize_t ret = init_reply(s, fd, iov, count, total);

	cancel_restore(cancel);
	return ret;
}

/* Whether OUT alone is a reply in order: the device then looks for the request. */
static bool finds_request(const struct fuse_out_header *out, size_t total)
{
	struct fuse_out_header bare = *out;

	bare.len = sizeof(bare);
	return out->unique && out->len == total && !proto_check_out(&bare, sizeof(bare));
}

/* The reply to INIT is one thread's: a second one finds it gone, as in the kernel. */
static bool claim_init(struct session *s, uint64_t unique)
{
	return __atomic_compare_exchange_n(&s->init_unique, &unique, 0, false, __ATOMIC_ACQUIRE,
					   __ATOMIC_RELAXED);
}

ssize_t session_write(struct session *s, int fd, const struct iovec *iov, int count)
{
	struct fuse_out_header out;
	ssize_t total = proto_iov_length(iov, count);
	int state = session_state(s);
	bool bad;

	if (total < (ssize_t)sizeof(out) || state == SESSION_NEW || !s->stats)
		return write_real(fd, iov, count);
	proto_iov_gather(iov, count, 0, &out, sizeof(out));
	bad = proto_check_out(&out, (size_t)total);
	if (bad && !finds_request(&out, (size_t)total)) {
		/* Refused before any request is looked for, which stays. */
		count_add(&s->stats->malformed, 1);
		return write_real(fd, iov, count);
	}
	if (out.unique == 0)
		return notify(s, fd, iov, count, (size_t)total);
	if (state == SESSION_INIT && claim_init(s, out.unique))
		return write_init(s, fd, iov, count, (size_t)total);
	if (state != SESSION_RUNNING)
		return write_real(fd, iov, count);
	if (bad)
		return reply_bad(s, fd, &out, iov, count, (size_t)total);
	if (s->direct)
		direct_reply(s->direct, fd, &out, iov, count, (size_t)total);
	return s->channel->reply(s, fd, &out, iov, count, (size_t)total);
}

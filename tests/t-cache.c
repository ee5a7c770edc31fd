// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * t-cache.c - the cache policy on raw messages: what of a reply it changes, and
 * that nothing else of it does.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "shim/cache.h"
#include "shim/config.h"

#define SECOND	1000000000ull
#define OP_STATX 52

static int tests, failures;

static void check(int good, const char *what)
{
	tests++;
	failures += !good;
	printf("%sok %d - %s\n", good ? "" : "not ", tests, what);
}

/* A connection with the policy MODE or TIMEOUT whose daemon speaks 7.MINOR. */
static struct cache *make(const char *mode, const char *timeout, uint32_t minor)
{
	struct {
		struct fuse_out_header out;
		struct fuse_init_out init;
	} msg = { .out = { .len = sizeof(msg) }, .init = { .major = 7, .minor = minor } };
	struct cache_policy p;
	struct cache *c;

	if (cache_policy_read(&p, mode, timeout))
		abort();
	c = cache_new(&p);
	if (!c)
		abort();
	cache_offer(c, ~0u);
	cache_init(c, &msg, sizeof(msg), minor);
	return c;
}

/* One reply with room for the largest there is here. */
struct reply {
	struct fuse_out_header out;
	union {
		char bytes[1024];
		struct fuse_entry_out entry;
		struct fuse_attr_out attr;
		struct fuse_open_out open;
		struct {
			struct fuse_entry_out entry;
			struct fuse_open_out open;
		} create;
	};
};

static struct reply reply(size_t size)
{
	struct reply r = { .out = { .len = (uint32_t)(sizeof(r.out) + size), .unique = 4 } };

	return r;
}

static struct reply entry_reply(uint64_t node, uint32_t mode, uint32_t nlink)
{
	struct reply r = reply(sizeof(struct fuse_entry_out));

	r.entry.nodeid = node;
	r.entry.generation = 77;
	r.entry.attr = (struct fuse_attr){ .ino = 5, .mode = mode, .nlink = nlink, .size = 9 };
	r.entry.entry_valid = r.entry.attr_valid = 1;
	return r;
}

static struct reply error_reply(int error)
{
	struct reply r = reply(0);

	r.out.error = error;
	return r;
}

static bool run(struct cache *c, uint32_t opcode, uint64_t node, struct reply *r, uint64_t now)
{
	struct cache_request req = { .opcode = opcode, .nodeid = node };

	return cache_reply(c, &req, &r->out, r->bytes, sizeof(r->bytes), now);
}

/* C leaves R exactly as it is. */
static bool untouched(struct cache *c, uint32_t opcode, struct reply r)
{
	struct reply before = r;

	return !run(c, opcode, 9, &r, SECOND) && memcmp(&before, &r, sizeof(r)) == 0;
}

static void policy_test(void)
{
	struct cache_policy p;

	check(!cache_policy_read(&p, NULL, NULL) && p.mode == STATS_CACHE_AUTO, "policy: auto");
	check(!cache_new(&p), "policy: auto has no state at all");
	check(!cache_policy_read(&p, "always", NULL) && p.mode == STATS_CACHE_ALWAYS,
	      "policy: always");
	check(!cache_policy_read(&p, NULL, "2.5") && p.mode == STATS_CACHE_TIMEOUT &&
	      p.ns == 2500000000u, "policy: a time");
	check(!cache_policy_read(&p, NULL, "0") && p.mode == STATS_CACHE_NONE,
	      "policy: no time at all is none");
	check(!cache_policy_read(&p, "none", "0.0") && p.mode == STATS_CACHE_NONE,
	      "policy: none, said twice");
	check(cache_policy_read(&p, "none", "1") && p.mode == STATS_CACHE_AUTO &&
	      cache_policy_read(&p, "always", "1") && cache_policy_read(&p, "auto", "0") &&
	      p.mode == STATS_CACHE_AUTO, "policy: contradictions are refused");
	check(cache_policy_read(&p, "Always", NULL) && cache_policy_read(&p, NULL, "x") &&
	      cache_policy_read(&p, NULL, "31536001"), "policy: so is what nobody knows");
}

static void seconds_test(void)
{
	uint64_t ns = 1;

	check(!config_seconds("0", &ns) && ns == 0, "seconds: 0");
	check(!config_seconds("31536000", &ns) && ns == 31536000 * SECOND, "seconds: a year");
	check(!config_seconds("0.000000001", &ns) && ns == 1, "seconds: a nanosecond");
	check(!config_seconds("007.50", &ns) && ns == 7500000000u, "seconds: zeros");
	check(config_seconds("31536000.000000001", &ns) == -ERANGE &&
	      config_seconds("99999999999999999999999999999", &ns) == -ERANGE, "seconds: too many");
	check(config_seconds("", &ns) == -EINVAL && config_seconds(".5", &ns) == -EINVAL &&
	      config_seconds("5.", &ns) == -EINVAL && config_seconds("5,5", &ns) == -EINVAL &&
	      config_seconds("-1", &ns) == -EINVAL && config_seconds("1 ", &ns) == -EINVAL &&
	      config_seconds("1.0000000000", &ns) == -EINVAL, "seconds: no number");
}

/* What INIT's flags become when the daemon says FLAGS and the kernel OFFERS. */
static uint32_t init(const char *mode, const char *timeout, uint32_t flags, uint32_t offers)
{
	struct {
		struct fuse_out_header out;
		struct fuse_init_out init;
	} msg = { .out = { .len = sizeof(msg) }, .init = { .major = 7, .minor = 31 } };
	struct cache *c = make(mode, timeout, 31);

	msg.init.flags = flags;
	cache_offer(c, offers);
	cache_init(c, &msg, sizeof(msg), 31);
	cache_free(c);
	return msg.init.flags;
}

static void init_test(void)
{
	const uint32_t other = FUSE_ASYNC_READ | FUSE_WRITEBACK_CACHE | FUSE_DO_READDIRPLUS;
	struct cache *c = make("none", NULL, 31);
	char old[24] = "";

	check(init("always", NULL, other, ~0u) == (other | FUSE_CACHE_SYMLINKS),
	      "init: always keeps symbolic links, and changes nothing else");
	check(init("always", NULL, other | FUSE_EXPLICIT_INVAL_DATA, 0) ==
	      (other | FUSE_EXPLICIT_INVAL_DATA), "init: nothing the kernel did not offer");
	check(init(NULL, "3", other | FUSE_CACHE_SYMLINKS | FUSE_EXPLICIT_INVAL_DATA, ~0u) ==
	      (other | FUSE_AUTO_INVAL_DATA), "init: a time makes the kernel compare times");
	check(init("none", NULL, other | FUSE_CACHE_SYMLINKS, ~0u) == other,
	      "init: none keeps no symbolic links");
	memset(old, 0xff, sizeof(old));
	check(!cache_init(c, old, sizeof(old), 4) && old[23] == (char)0xff,
	      "init: a reply of 7.4 has no flags");
	cache_free(c);
}

static void entry_test(const char *mode, const char *timeout, uint64_t sec, uint32_t nsec)
{
	static const uint32_t ops[] = { FUSE_LOOKUP, FUSE_MKNOD, FUSE_MKDIR, FUSE_SYMLINK, FUSE_LINK };
	struct cache *c = make(mode, timeout, 31);
	struct reply r, want;
	bool good = true;

	for (size_t i = 0; i < sizeof(ops) / sizeof(*ops); i++) {
		r = want = entry_reply(8, S_IFREG | 0644, 1);
		want.entry.entry_valid = want.entry.attr_valid = sec;
		want.entry.entry_valid_nsec = want.entry.attr_valid_nsec = nsec;
		good = good && run(c, ops[i], 1, &r, SECOND) && memcmp(&r, &want, sizeof(r)) == 0;
		good = good && untouched(c, ops[i], want);
	}
	check(good, "entry: every reply with a name gets the times, and only these");
	r = reply(sizeof(struct fuse_attr_out));
	check(run(c, FUSE_GETATTR, 1, &r, 1) == (sec || nsec) && r.attr.attr_valid == sec &&
	      r.attr.attr_valid_nsec == nsec, "attr: GETATTR");
	r = reply(sizeof(struct fuse_attr_out));
	r.attr.attr_valid = 5;
	check(run(c, FUSE_SETATTR, 1, &r, 1) && r.attr.attr_valid == sec, "attr: SETATTR");
	r = reply(288);
	memset(r.bytes, 0, 288);
	r.bytes[0] = 1;
	check(run(c, OP_STATX, 1, &r, 1) && r.attr.attr_valid == sec, "attr: STATX");
	cache_free(c);
}

static void negative_test(void)
{
	struct cache *c = make("always", NULL, 31), *t = make(NULL, "1.5", 31);
	struct cache *none = make("none", NULL, 31), *old = make("always", NULL, 3);
	struct reply r = error_reply(-ENOENT);

	check(run(c, FUSE_LOOKUP, 1, &r, 1) && !r.out.error && r.out.unique == 4 &&
	      r.out.len == sizeof(r.out) + 128 && !r.entry.nodeid && r.entry.entry_valid == UINT32_MAX &&
	      !r.entry.attr_valid, "missing: an entry without a node");
	r = error_reply(-ENOENT);
	check(run(t, FUSE_LOOKUP, 1, &r, 1) && r.entry.entry_valid == 1 &&
	      r.entry.entry_valid_nsec == 500000000, "missing: for a time");
	check(untouched(none, FUSE_LOOKUP, error_reply(-ENOENT)), "missing: not with none");
	check(untouched(old, FUSE_LOOKUP, error_reply(-ENOENT)), "missing: not before 7.4");
	r = entry_reply(0, 0, 0);
	check(run(none, FUSE_LOOKUP, 1, &r, 1) && !r.entry.entry_valid,
	      "missing: the daemon's own is taken back by none");
	check(untouched(c, FUSE_LOOKUP, error_reply(-EACCES)) &&
	      untouched(c, FUSE_LOOKUP, error_reply(-EIO)) &&
	      untouched(c, FUSE_LOOKUP, error_reply(-ESTALE)) &&
	      untouched(c, FUSE_LOOKUP, error_reply(-ENOTDIR)), "missing: no other error is kept");
	check(untouched(c, FUSE_OPEN, error_reply(-ENOENT)) &&
	      untouched(c, FUSE_GETATTR, error_reply(-ENOENT)) &&
	      untouched(c, FUSE_UNLINK, error_reply(-ENOENT)), "missing: no other request's is");
	r = reply(128);
	r.out.error = -ENOENT;
	check(untouched(c, FUSE_LOOKUP, r), "missing: an error with data is not made good");
	r = error_reply(-ENOENT);
	check(!cache_reply(c, &(struct cache_request){ .opcode = FUSE_LOOKUP }, &r.out, r.bytes, 127, 1),
	      "missing: not without room");
	cache_free(c);
	cache_free(t);
	cache_free(none);
	cache_free(old);
}

static void compat_test(void)
{
	struct cache *c = make("always", NULL, 8);
	struct reply r = error_reply(-ENOENT), e = entry_reply(8, S_IFREG, 1);

	check(run(c, FUSE_LOOKUP, 1, &r, 1) && r.out.len == sizeof(r.out) + 120,
	      "7.8: a missing name is 120 bytes long");
	check(untouched(c, FUSE_LOOKUP, e), "7.8: an entry of 128 bytes is wrong");
	e.out.len = sizeof(e.out) + 120;
	check(run(c, FUSE_LOOKUP, 1, &e, 1) && e.entry.entry_valid == UINT32_MAX,
	      "7.8: one of 120 is right");
	e = entry_reply(8, S_IFREG, 1);
	e.out.len = sizeof(e.out) + 136;
	memset(e.bytes + 120, 0, 16);
	check(run(c, FUSE_CREATE, 1, &e, 1) && e.bytes[128] == FOPEN_KEEP_CACHE,
	      "7.8: CREATE's flags lie 8 bytes earlier");
	e = reply(96);
	check(run(c, FUSE_GETATTR, 1, &e, 1) && untouched(c, FUSE_GETATTR, reply(104)),
	      "7.8: attributes of 96 bytes");
	cache_free(c);
}

static void length_test(void)
{
	static const uint32_t ops[] = { FUSE_LOOKUP, FUSE_LINK, FUSE_GETATTR, FUSE_SETATTR, OP_STATX,
					FUSE_OPEN, FUSE_OPENDIR, FUSE_CREATE };
	static const size_t right[] = { 128, 128, 104, 104, 288, 16, 16, 144 };
	struct cache *c = make("always", NULL, 31);
	bool good = true;

	for (size_t i = 0; i < sizeof(ops) / sizeof(*ops); i++)
		for (size_t len = 0; len < 400; len++)
			if (len != right[i])
				good = good && untouched(c, ops[i], reply(len));
	check(good, "length: a reply of any other length stays as it is");
	check(untouched(c, FUSE_READ, reply(128)) && untouched(c, FUSE_WRITE, reply(16)) &&
	      untouched(c, FUSE_READDIR, reply(200)) && untouched(c, FUSE_GETXATTR, reply(16)),
	      "length: so do the replies that carry no times");
	cache_free(c);
}

static uint32_t open_flags(struct cache *c, uint32_t opcode, uint64_t node, uint32_t flags,
			   uint64_t now)
{
	struct reply r = reply(sizeof(struct fuse_open_out));

	r.open.fh = 3;
	r.open.open_flags = flags;
	run(c, opcode, node, &r, now);
	return r.open.fh == 3 ? r.open.open_flags : ~0u;
}

static void open_test(void)
{
	struct cache *c = make("always", NULL, 31), *none = make("none", NULL, 31);

	check(open_flags(c, FUSE_OPEN, 2, 0, 1) == FOPEN_KEEP_CACHE, "open: always keeps pages");
	check(open_flags(c, FUSE_OPENDIR, 2, 0, 1) == (FOPEN_KEEP_CACHE | FOPEN_CACHE_DIR),
	      "open: and directories");
	check(open_flags(c, FUSE_OPEN, 2, FOPEN_NOFLUSH, 1) == (FOPEN_NOFLUSH | FOPEN_KEEP_CACHE),
	      "open: other flags stay");
	check(open_flags(c, FUSE_OPEN, 3, FOPEN_DIRECT_IO, 1) == FOPEN_DIRECT_IO &&
	      open_flags(c, FUSE_OPEN, 5, 1 << 7, 1) == 1 << 7 &&
	      open_flags(c, FUSE_OPEN, 6, FOPEN_STREAM, 1) == FOPEN_STREAM,
	      "open: direct I/O, passthrough and streams get nothing added");
	check(open_flags(c, FUSE_OPEN, 3, 0, 1) == 0 &&
	      open_flags(c, FUSE_OPEN, 3, FOPEN_KEEP_CACHE, 1) == FOPEN_KEEP_CACHE,
	      "open: what was open for direct I/O is the daemon's to keep");
	check(open_flags(none, FUSE_OPEN, 2, FOPEN_KEEP_CACHE, 1) == 0 &&
	      open_flags(none, FUSE_OPENDIR, 2, FOPEN_KEEP_CACHE | FOPEN_CACHE_DIR, 1) == 0 &&
	      open_flags(none, FUSE_OPEN, 2, FOPEN_KEEP_CACHE | FOPEN_DIRECT_IO, 1) == FOPEN_DIRECT_IO,
	      "open: none keeps nothing");
	cache_free(c);
	cache_free(none);
}

static void young_test(void)
{
	struct cache *c = make(NULL, "10", 31);
	uint64_t t = 1000 * SECOND;

	check(open_flags(c, FUSE_OPEN, 2, FOPEN_KEEP_CACHE, t) == 0, "young: the first open empties");
	check(open_flags(c, FUSE_OPEN, 2, 0, t + 1) == FOPEN_KEEP_CACHE &&
	      open_flags(c, FUSE_OPEN, 2, 0, t + 10 * SECOND - 1) == FOPEN_KEEP_CACHE,
	      "young: the next ones do not");
	check(open_flags(c, FUSE_OPEN, 2, FOPEN_KEEP_CACHE, t + 10 * SECOND) == 0,
	      "young: until the time is over, whoever kept it open");
	check(open_flags(c, FUSE_OPEN, 2, 0, t + 11 * SECOND) == FOPEN_KEEP_CACHE, "young: anew");
	check(open_flags(c, FUSE_OPENDIR, 4, 0, t) == FOPEN_CACHE_DIR &&
	      open_flags(c, FUSE_OPENDIR, 4, 0, t + 1) == (FOPEN_CACHE_DIR | FOPEN_KEEP_CACHE),
	      "young: directories as well");
	check(open_flags(c, FUSE_OPEN, 5, FOPEN_DIRECT_IO | FOPEN_KEEP_CACHE, t) == FOPEN_DIRECT_IO,
	      "young: direct I/O");
	cache_free(c);
}

/* A file with several links may be several nodes: see cache.h. */
static void links_test(void)
{
	struct cache *c = make("always", NULL, 31), *t = make(NULL, "0.5", 31);
	struct cache_request link = { .opcode = FUSE_LINK, .nodeid = 1, .linked = 21 };
	struct reply r = entry_reply(20, S_IFREG | 0644, 2);
	struct cache_notice notice;

	check(run(c, FUSE_LOOKUP, 1, &r, 1) && r.entry.entry_valid == UINT32_MAX &&
	      r.entry.attr_valid == 1, "links: the name is kept, the attributes as the daemon says");
	check(open_flags(c, FUSE_OPEN, 20, 0, 1) == 0, "links: nor are the pages kept");
	r = entry_reply(20, S_IFREG | 0644, 2);
	check(run(t, FUSE_LOOKUP, 1, &r, 1) && !r.entry.attr_valid &&
	      r.entry.attr_valid_nsec == 500000000, "links: the shorter time holds");
	r = entry_reply(22, S_IFDIR | 0755, 5);
	check(run(c, FUSE_LOOKUP, 1, &r, 1) && r.entry.attr_valid == UINT32_MAX,
	      "links: a directory's are no links");
	check(open_flags(c, FUSE_OPEN, 21, 0, 1) == FOPEN_KEEP_CACHE, "links: before LINK");
	r = entry_reply(23, S_IFREG | 0644, 2);
	cache_reply(c, &link, &r.out, r.bytes, sizeof(r.bytes), 1);
	check(cache_notice(c, &link, &r.out, &notice) && notice.out.len == 40 && !notice.out.unique &&
	      notice.out.error == FUSE_NOTIFY_INVAL_INODE && notice.arg.ino == 21 &&
	      notice.arg.off == -1, "links: the kernel is told to forget the first one's attributes");
	r.out.error = -EEXIST;
	check(!cache_notice(c, &link, &r.out, &notice), "links: unless LINK failed");
	check(open_flags(c, FUSE_OPEN, 21, 0, 1) == 0 && open_flags(c, FUSE_OPEN, 23, 0, 1) == 0,
	      "links: both nodes are known after it");
	cache_free(c);
	cache_free(t);
}

static size_t add_dirent(char *at, uint64_t node, const char *name)
{
	struct fuse_direntplus *d = (void *)at;

	memset(d, 0, FUSE_NAME_OFFSET_DIRENTPLUS + 300);
	d->entry_out.nodeid = node;
	d->entry_out.attr.mode = S_IFREG | 0644;
	d->entry_out.attr.nlink = 1;
	d->dirent.namelen = (uint32_t)strlen(name);
	memcpy(d->dirent.name, name, strlen(name));
	return FUSE_DIRENTPLUS_SIZE(d);
}

static void dirents_test(void)
{
	static char buf[4096] __attribute__((aligned(8)));
	struct cache *c = make("always", NULL, 31);
	struct cache_request req = { .opcode = FUSE_READDIRPLUS, .nodeid = 1 };
	size_t a = add_dirent(buf, 0, "."), b = a + add_dirent(buf + a, 7, "file"), len;
	struct fuse_entry_out *second = (void *)(buf + a), *third = (void *)(buf + b);
	struct fuse_out_header out = { .unique = 4 };

	len = b + add_dirent(buf + b, 9, "another");
	out.len = (uint32_t)(sizeof(out) + len);
	check(cache_reply(c, &req, &out, buf, sizeof(buf), 1) && second->entry_valid == UINT32_MAX &&
	      second->attr_valid == UINT32_MAX && third->attr_valid == UINT32_MAX,
	      "readdirplus: every entry");
	check(!((struct fuse_entry_out *)buf)->entry_valid, "readdirplus: but those without a node");
	add_dirent(buf + a, 7, "file");
	add_dirent(buf + b, 9, "another");
	out.len--;
	check(cache_reply(c, &req, &out, buf, sizeof(buf), 1) && second->entry_valid &&
	      !third->entry_valid, "readdirplus: an entry that is cut off stays");
	((struct fuse_direntplus *)second)->dirent.namelen = 0;
	second->entry_valid = 0;
	check(!cache_reply(c, &req, &out, buf, sizeof(buf), 1),
	      "readdirplus: the walk ends where the kernel's does");
	((struct fuse_direntplus *)second)->dirent.namelen = UINT32_MAX;
	check(!cache_reply(c, &req, &out, buf, sizeof(buf), 1), "readdirplus: a name beyond the end");
	cache_free(c);
}

struct link_request {
	struct fuse_in_header in;
	struct fuse_link_in link;
	char name[8];
};

static bool ask(struct cache *c, uint64_t unique, uint32_t opcode)
{
	struct link_request r = {
		.in = { .len = sizeof(r), .opcode = opcode, .unique = unique, .nodeid = unique + 1 },
		.link = { .oldnodeid = 33 },
	};
	struct cache_request req;

	cache_ask(c, &r, sizeof(r));
	return cache_recall(c, unique, &req) && req.opcode == opcode && req.nodeid == unique + 1 &&
	       req.linked == (opcode == FUSE_LINK ? 33 : 0);
}

static void ask_test(void)
{
	struct cache *c = make("always", NULL, 31);
	struct cache_request req;
	struct fuse_in_header in = { .len = sizeof(in), .opcode = FUSE_LINK };
	unsigned int found = 0;

	check(ask(c, 8, FUSE_LOOKUP) && ask(c, 10, FUSE_LINK), "ask: a request is found again");
	check(!cache_recall(c, 8, &req), "ask: once");
	check(!ask(c, 12, FUSE_READ) && !ask(c, 14, FUSE_FORGET), "ask: if its reply is of concern");
	check(!ask(c, 0, FUSE_LOOKUP) && !ask(c, 1, FUSE_LOOKUP), "ask: if it can have one");
	cache_ask(c, &in, sizeof(in) - 1);
	in.unique = 16;
	cache_ask(c, &in, sizeof(in));
	check(cache_recall(c, 16, &req) && !req.linked, "ask: a LINK without its header");
	for (uint64_t u = 2; u < 4000; u += 2) {
		in.unique = u;
		in.opcode = FUSE_OPEN;
		cache_ask(c, &in, sizeof(in));
	}
	for (uint64_t u = 2; u < 4000; u += 2)
		found += cache_recall(c, u, &req);
	check(found == 1999, "ask: two thousand at once");
	for (uint64_t u = 2; u < 40000; u += 2) {
		in.unique = u;
		cache_ask(c, &in, sizeof(in));
	}
	for (uint64_t u = 2; u < 40000; u += 2)
		cache_recall(c, u, &req);
	check(ask(c, 8, FUSE_LOOKUP), "ask: too many at once, and all is well again");
	cache_free(c);
}

static void buffer_test(void)
{
	struct cache *c = make("always", NULL, 31);
	void *a = cache_buffer(c, 100), *b = cache_buffer(c, 1 << 20), *again;

	check(a && b && a != b, "buffer: two at once");
	cache_buffer_back(c, a);
	cache_buffer_back(c, b);
	again = cache_buffer(c, 128 << 10);
	check(again == a, "buffer: used again");
	cache_buffer_back(c, again);
	cache_free(c);
}

int main(void)
{
	policy_test();
	seconds_test();
	init_test();
	entry_test("always", NULL, UINT32_MAX, 0);
	entry_test(NULL, "2.25", 2, 250000000);
	entry_test("none", NULL, 0, 0);
	negative_test();
	compat_test();
	length_test();
	open_test();
	young_test();
	links_test();
	dirents_test();
	ask_test();
	buffer_test();
	printf("1..%d\n", tests);
	return failures != 0;
}

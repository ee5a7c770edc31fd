// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * t-lights.c - light opens, message by message: what is answered, what the daemon
 * gets in whose place, what makes a light handle a real one, and that only what
 * has a name is opened lightly.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shim/lights.h"

#define KEPT	FOPEN_KEEP_CACHE

static int tests, failures;

static void check(int good, const char *what)
{
	tests++;
	failures += !good;
	printf("%sok %d - %s\n", good ? "" : "not ", tests, what);
}

/* A request with room for any of those used here. */
struct message {
	struct fuse_in_header in;
	char op[128];
	struct lights_ticket ticket;
	struct lights_answer answer;
	size_t len;
};

static uint64_t unique;

static struct message request(uint32_t opcode, uint64_t node, const void *op, size_t len)
{
	struct message m = {
		.in = { .opcode = opcode, .nodeid = node, .uid = 7, .gid = 8, .pid = 9 },
		.len = sizeof(m.in) + len,
	};

	m.in.len = (uint32_t)m.len;
	m.in.unique = unique += 2;
	memcpy(m.op, op, len);
	return m;
}

static struct message open_request(uint64_t node, uint32_t flags)
{
	struct fuse_open_in in = { .flags = flags };

	return request(FUSE_OPEN, node, &in, sizeof(in));
}

static struct message read_request(uint64_t node, uint64_t fh)
{
	struct fuse_read_in in = { .fh = fh, .size = 4096 };

	return request(FUSE_READ, node, &in, sizeof(in));
}

static struct message handle_request(uint32_t opcode, uint64_t node, uint64_t fh)
{
	char op[64] = "";

	memcpy(op, &fh, sizeof(fh));
	return request(opcode, node, op, sizeof(op));
}

/* A copy goes to the daemon's buffer; what it holds then comes back in SEEN. */
static struct message seen;

static enum lights_verdict ask(struct lights *l, struct message *m)
{
	seen = *m;
	return lights_request(l, &m->ticket, (char *)&seen, &seen.len,
			      sizeof(seen.in) + sizeof(seen.op), true, &m->answer);
}

static void answer(struct lights *l, struct message *m, int error, uint32_t flags)
{
	struct fuse_open_out out = { .fh = 5, .open_flags = flags };

	lights_reply(l, &m->ticket, &m->in, m->op, error, &out, sizeof(out), true);
}

/* The reply to what gives a name. */
static void answer_entry(struct lights *l, struct message *m, int error, uint64_t node)
{
	struct fuse_entry_out out = { .nodeid = node };

	lights_reply(l, &m->ticket, &m->in, m->op, error, &out, error ? 0 : sizeof(out), true);
}

/* Behind AT bytes that say nothing, unless it is told. */
static struct message name_request(uint32_t opcode, uint64_t dir, size_t at, const char *name)
{
	char op[64] = "";

	strcpy(op + at, name);
	return request(opcode, dir, op, at + strlen(name) + 1);
}

static struct message rename_request(uint64_t dir, const char *from, uint64_t newdir,
				     const char *to, uint32_t flags)
{
	struct fuse_rename2_in in = { .newdir = newdir, .flags = flags };
	size_t at = flags == UINT32_MAX ? sizeof(struct fuse_rename_in) : sizeof(in);
	char op[64] = "";

	memcpy(op, &in, at);
	strcpy(op + at, from);
	strcpy(op + at + strlen(from) + 1, to);
	return request(flags == UINT32_MAX ? FUSE_RENAME : FUSE_RENAME2, dir, op,
		       at + strlen(from) + strlen(to) + 2);
}

#define PLAIN UINT32_MAX	/* RENAME, of old, without flags */

/* The daemon says that NAME of folder DIR is NODE. */
static void name(struct lights *l, uint64_t dir, const char *text, uint64_t node)
{
	struct message m = name_request(FUSE_LOOKUP, dir, 0, text);

	if (ask(l, &m) == LIGHTS_DAEMON)
		answer_entry(l, &m, 0, node);
}

/* Has the daemon open NODE once. */
static void grant(struct lights *l, uint64_t node)
{
	struct message m = open_request(node, O_RDONLY);

	if (ask(l, &m) == LIGHTS_DAEMON)
		answer(l, &m, 0, KEPT);
}

/* So that it is known: under the name f and its number. */
static void teach(struct lights *l, uint64_t node)
{
	char text[32];

	snprintf(text, sizeof(text), "f%d", (int)node);
	name(l, 1, text, node);
	grant(l, node);
}

/* M, with no light handle open, goes to the daemon, which says ERROR. */
static void done(struct lights *l, struct message *m, int error)
{
	if (ask(l, m) == LIGHTS_DAEMON)
		lights_reply(l, &m->ticket, &m->in, m->op, error, NULL, 0, true);
}

/* A light handle of NODE, or 0. */
static uint64_t light(struct lights *l, uint64_t node)
{
	struct message m = open_request(node, O_RDONLY);

	return ask(l, &m) == LIGHTS_ANSWERED ? m.answer.open.fh : 0;
}

/* Whether NODE is opened lightly, also after the daemon has opened it. The handle is given back. */
static int is_known(struct lights *l, uint64_t node)
{
	struct message m;
	uint64_t fh;

	grant(l, node);
	fh = light(l, node);
	m = handle_request(FUSE_RELEASE, node, fh);
	return fh && ask(l, &m) == LIGHTS_ANSWERED;
}

static struct lights_ticket *opened(struct lights *l, struct message *m, int error, uint64_t fh)
{
	struct fuse_open_out out = { .fh = fh };

	return lights_opened(l, &m->ticket, error, &out);
}

static uint64_t seen_handle(void)
{
	uint64_t fh;

	memcpy(&fh, seen.op, sizeof(fh));
	return fh;
}

static void open_test(void)
{
	struct lights *l = lights_new();
	struct message m = open_request(2, O_RDONLY);
	uint64_t fh;

	name(l, 1, "a", 2);
	name(l, 1, "b", 3);
	check(ask(l, &m) == LIGHTS_DAEMON && memcmp(&seen.in, &m.in, sizeof(m.in)) == 0,
	      "open: the first is the daemon's");
	answer(l, &m, 0, KEPT);
	fh = light(l, 2);
	check(fh, "open: the second is light");
	m = open_request(2, O_RDONLY);
	m.in.uid = 3;
	check(ask(l, &m) == LIGHTS_DAEMON, "open: not for another user");
	m = open_request(2, O_RDWR);
	check(ask(l, &m) == LIGHTS_DAEMON, "open: not for writing");
	answer(l, &m, 0, KEPT);
	check(ask(l, &m) == LIGHTS_DAEMON, "open: not for writing again either");
	m = open_request(2, O_RDONLY | O_NONBLOCK);
	check(ask(l, &m) == LIGHTS_DAEMON, "open: not with other flags");
	m = open_request(3, O_RDONLY);
	ask(l, &m);
	answer(l, &m, 0, KEPT | FOPEN_DIRECT_IO);
	check(!light(l, 3), "open: not what the daemon wants to see read");
	m = open_request(3, O_RDONLY);
	ask(l, &m);
	answer(l, &m, -EACCES, KEPT);
	check(!light(l, 3), "open: not what it refused");
	m = handle_request(FUSE_FLUSH, 2, fh);
	check(ask(l, &m) == LIGHTS_ANSWERED && !m.answer.out.error, "close: FLUSH is answered");
	m = handle_request(FUSE_RELEASE, 2, fh);
	check(ask(l, &m) == LIGHTS_ANSWERED && !m.answer.out.error &&
	      m.answer.out.unique == m.in.unique, "close: and RELEASE");
	m = read_request(2, fh);
	check(ask(l, &m) == LIGHTS_ANSWERED && m.answer.out.error == -EIO,
	      "close: what is gone never reaches the daemon");
	m = handle_request(FUSE_RELEASE, 2, 5);
	check(ask(l, &m) == LIGHTS_DAEMON && seen_handle() == 5, "close: the daemon's own is its own");
	lights_free(l);
}

static void read_test(void)
{
	struct lights *l = lights_new();
	struct message m, other;
	struct fuse_open_in how;
	uint64_t fh;

	teach(l, 2);
	fh = light(l, 2);
	m = read_request(2, fh);
	other = read_request(2, fh);
	check(ask(l, &m) == LIGHTS_INSTEAD && seen.in.opcode == FUSE_OPEN && seen.in.nodeid == 2 &&
	      seen.in.unique == m.in.unique && seen.in.uid == 7 && seen.len == 48 &&
	      seen.in.len == 48, "read: first the daemon opens it");
	memcpy(&how, seen.op, sizeof(how));
	check(how.flags == O_RDONLY, "read: as it was asked to");
	check(ask(l, &other) == LIGHTS_PARKED, "read: another waits");
	check(opened(l, &m, 0, 55) == &other.ticket && !other.ticket.next,
	      "read: until that is done");
	check(ask(l, &m) == LIGHTS_DAEMON && seen.in.opcode == FUSE_READ && seen_handle() == 55 &&
	      seen.len == m.len, "read: then it goes on with the daemon's handle");
	check(ask(l, &other) == LIGHTS_DAEMON && seen_handle() == 55, "read: the other one too");
	m = handle_request(FUSE_RELEASE, 2, fh);
	check(ask(l, &m) == LIGHTS_DAEMON && seen_handle() == 55, "read: RELEASE is the daemon's now");
	check(ask(l, &m) == LIGHTS_ANSWERED, "read: once");
	fh = light(l, 2);
	m = read_request(2, fh);
	ask(l, &m);
	check(!opened(l, &m, -EMFILE, 0), "refused: nobody waits");
	check(ask(l, &m) == LIGHTS_ANSWERED && m.answer.out.error == -EMFILE,
	      "refused: the reader gets the daemon's error");
	check(ask(l, &m) == LIGHTS_INSTEAD, "refused: the next one tries again");
	opened(l, &m, -EINTR, 0);
	m = handle_request(FUSE_RELEASE, 2, fh);
	check(ask(l, &m) == LIGHTS_ANSWERED && !m.answer.out.error, "refused: there is nothing to release");
	lights_free(l);
}

/* The handle is elsewhere, or there only with a flag. */
static void handles_test(void)
{
	struct lights *l = lights_new();
	struct fuse_getattr_in getattr = { .getattr_flags = 0 };
	struct fuse_setattr_in setattr = { .valid = FATTR_FH | FATTR_SIZE };
	struct message m;
	uint64_t fh, at;

	teach(l, 2);
	fh = light(l, 2);
	getattr.fh = setattr.fh = fh;
	m = request(FUSE_GETATTR, 2, &getattr, sizeof(getattr));
	check(ask(l, &m) == LIGHTS_DAEMON, "handles: GETATTR without one");
	getattr.getattr_flags = FUSE_GETATTR_FH;
	m = request(FUSE_GETATTR, 2, &getattr, sizeof(getattr));
	check(ask(l, &m) == LIGHTS_INSTEAD, "handles: GETATTR with one");
	opened(l, &m, 0, 66);
	ask(l, &m);
	memcpy(&at, seen.op + 8, sizeof(at));
	check(at == 66, "handles: is given the daemon's");
	m = request(FUSE_SETATTR, 2, &setattr, sizeof(setattr));
	ask(l, &m);
	memcpy(&at, seen.op + 8, sizeof(at));
	check(at == 66 && !m.ticket.disturbs, "handles: SETATTR as well");
	m = read_request(9, fh);
	check(ask(l, &m) == LIGHTS_ANSWERED && m.answer.out.error, "handles: of another node");
	m = handle_request(FUSE_READ, 2, fh);
	m.len = sizeof(m.in) + 7;
	check(ask(l, &m) == LIGHTS_DAEMON, "handles: a request that is cut off");
	check(lights_named(&m, sizeof(m.in) + 8) && !lights_named(&m, sizeof(m.in) + 7) &&
	      !lights_named(&m, 3), "handles: seen from outside");
	lights_free(l);
}

static void disturb_test(void)
{
	struct lights *l = lights_new();
	struct message m = request(FUSE_UNLINK, 1, "name", 5), r, o;
	struct fuse_setattr_in setattr = { .valid = FATTR_SIZE };
	uint64_t a, b;

	teach(l, 2);
	teach(l, 3);
	a = light(l, 2);
	b = light(l, 3);
	check(ask(l, &m) == LIGHTS_INSTEAD && seen.in.opcode == FUSE_OPEN && seen.in.nodeid == 2,
	      "disturb: the first light handle is opened");
	r = request(FUSE_RENAME, 1, "12345678a", 9);
	check(ask(l, &r) == LIGHTS_INSTEAD && seen.in.nodeid == 3, "disturb: by another, the second");
	opened(l, &m, 0, 22);
	check(ask(l, &m) == LIGHTS_PARKED, "disturb: which has to be waited for");
	check(!light(l, 2), "disturb: meanwhile there are no new ones");
	check(opened(l, &r, -EIO, 0) == &m.ticket, "disturb: done");
	check(ask(l, &m) == LIGHTS_DAEMON && seen.in.opcode == FUSE_UNLINK &&
	      memcmp(seen.op, "name", 5) == 0, "disturb: then it goes to the daemon");
	check(ask(l, &r) == LIGHTS_DAEMON, "disturb: so does the other, whatever its OPEN came to");
	o = read_request(2, a);
	check(ask(l, &o) == LIGHTS_DAEMON && seen_handle() == 22, "disturb: the handle is a real one");
	name(l, 1, "f4", 4);
	o = open_request(4, O_RDONLY);
	ask(l, &o);
	answer(l, &m, 0, 0);
	answer(l, &r, -ENOENT, 0);
	answer(l, &o, 0, KEPT);
	check(!light(l, 4) && !light(l, 2), "disturb: nothing is known after it, nor what began in it");
	teach(l, 4);
	check(light(l, 4), "disturb: until the daemon opens it anew");
	m = request(FUSE_SETATTR, 4, &setattr, sizeof(setattr));
	check(ask(l, &m) == LIGHTS_DAEMON && !m.ticket.disturbs && light(l, 4),
	      "disturb: a change of size does not");
	setattr.valid = FATTR_MODE;
	m = request(FUSE_SETATTR, 4, &setattr, sizeof(setattr));
	check(ask(l, &m) == LIGHTS_INSTEAD && m.ticket.disturbs, "disturb: one of mode does");
	(void)b;
	lights_free(l);
}

static void forget_test(void)
{
	struct lights *l = lights_new();
	struct {
		struct fuse_batch_forget_in in;
		struct fuse_forget_one one[2];
	} batch = { .in = { .count = 1000000 }, .one = { { .nodeid = 3 }, { .nodeid = 4 } } };
	struct message m = request(FUSE_FORGET, 2, "12345678", 8), other;

	teach(l, 2);
	teach(l, 3);
	teach(l, 4);
	lights_device(l, &m, m.len);
	check(!light(l, 2) && light(l, 3), "forget: the node's number may be another file's");
	m = request(FUSE_BATCH_FORGET, 0, &batch, sizeof(batch));
	lights_device(l, &m, m.len);
	lights_device(l, &m, sizeof(m.in) + 3);
	lights_device(l, &m, 3);
	check(!light(l, 3) && !light(l, 4), "forget: many, and no more than there are");
	grant(l, 2);
	check(!light(l, 2), "forget: nor has it the name");
	teach(l, 2);
	m = read_request(2, light(l, 2));
	other = m;
	check(ask(l, &m) == LIGHTS_INSTEAD && ask(l, &other) == LIGHTS_PARKED, "fork: one waits");
	lights_forked(l);
	check(!light(l, 2), "fork: a child knows nothing");
	check(ask(l, &m) == LIGHTS_INSTEAD && !opened(l, &m, 0, 5),
	      "fork: nor do its parent's requests wait for it");
	lights_free(l);
}

static void many_test(void)
{
	struct lights *l = lights_new();
	unsigned int known = 0, open = 0;

	for (uint64_t n = 2; n < 10002; n++)
		teach(l, n);
	for (uint64_t n = 2; n < 10002; n++) {
		struct message m = open_request(n, O_RDONLY);

		if (ask(l, &m) != LIGHTS_ANSWERED)
			continue;
		known++;
		m = handle_request(FUSE_RELEASE, n, m.answer.open.fh);
		ask(l, &m);
	}
	check(known > 9900, "many: ten thousand are known");
	for (uint64_t n = 2; n < 5002; n++)
		open += light(l, n) != 0;
	check(open == 1024, "many: a thousand are open at once, the rest are the daemon's");
	lights_free(l);
}

/*
 * An open(2) found node 2 before its name became another's, and its OPEN comes
 * after: the daemon has the file as long as somebody has it open, and no longer.
 */
static void replaced_test(void)
{
	struct lights *l = lights_new();
	struct message m, late;

	teach(l, 2);
	name(l, 1, "temp", 3);
	m = rename_request(1, "temp", 1, "f2", PLAIN);
	late = name_request(FUSE_LOOKUP, 1, 0, "f2");
	ask(l, &late);
	done(l, &m, 0);
	check(!is_known(l, 2), "replaced: the old one is opened by the daemon each time");
	check(is_known(l, 3), "replaced: the new one has the name");
	answer_entry(l, &late, 0, 2);
	check(!is_known(l, 2), "replaced: an answer from before it says nothing");
	name(l, 1, "f2", 2);
	check(is_known(l, 2), "replaced: one from after it does");
	m = rename_request(1, "f2", 7, "there", 0);
	done(l, &m, 0);
	check(is_known(l, 2), "moved: RENAME2 too");
	m = rename_request(7, "there", 1, "here", 1);
	done(l, &m, 0);
	check(is_known(l, 2), "moved: if nothing is there");
	m = rename_request(1, "here", 7, "there", 0);
	done(l, &m, -EEXIST);
	check(!is_known(l, 2), "moved: not when it failed");
	name(l, 1, "here", 2);
	name(l, 7, "there", 3);
	m = rename_request(1, "here", 7, "there", 2);
	done(l, &m, 0);
	check(!is_known(l, 2) && !is_known(l, 3), "moved: not when names are exchanged");
	name(l, 1, "here", 2);
	m = rename_request(1, "here", 7, "x", 0);
	ask(l, &m);
	late = name_request(FUSE_UNLINK, 7, 0, "x");
	done(l, &late, 0);
	lights_reply(l, &m.ticket, &m.in, m.op, 0, NULL, 0, true);
	check(!is_known(l, 2), "moved: not when the new name was taken meanwhile");
	lights_free(l);
}

static void removed_test(void)
{
	struct lights *l = lights_new();
	struct message m, late = name_request(FUSE_LOOKUP, 1, 0, "f2");

	grant(l, 2);
	check(!light(l, 2) && is_known(l, 1), "names: nothing without one, but the root");
	teach(l, 2);
	m = name_request(FUSE_UNLINK, 1, 0, "other");
	done(l, &m, 0);
	check(is_known(l, 2), "names: another is removed");
	m = name_request(FUSE_UNLINK, 9, 0, "f2");
	done(l, &m, 0);
	check(is_known(l, 2), "names: the same of another folder is removed");
	m = name_request(FUSE_UNLINK, 1, 0, "f2");
	ask(l, &m);
	ask(l, &late);
	answer_entry(l, &late, 0, 2);
	lights_reply(l, &m.ticket, &m.in, m.op, 0, NULL, 0, true);
	check(!is_known(l, 2), "removed: also when it was still found meanwhile");
	m = name_request(FUSE_CREATE, 1, sizeof(struct fuse_create_in), "f2");
	ask(l, &m);
	answer_entry(l, &m, 0, 3);
	check(is_known(l, 3) && !is_known(l, 2), "removed: the name is used again");
	m = name_request(FUSE_LINK, 1, sizeof(struct fuse_link_in), "second");
	ask(l, &m);
	answer_entry(l, &m, 0, 3);
	m = name_request(FUSE_UNLINK, 1, 0, "f2");
	done(l, &m, 0);
	check(is_known(l, 3), "link: the node has its second name");
	m = name_request(FUSE_UNLINK, 1, 0, "second");
	done(l, &m, 0);
	check(!is_known(l, 3), "link: until that goes as well");
	name(l, 1, ".fuse_hidden0001", 2);
	name(l, 1, ".", 3);
	name(l, 9, "..", 3);
	check(!is_known(l, 2) && !is_known(l, 3), "names: none that keeps no file");
	teach(l, 4);
	late = name_request(FUSE_LOOKUP, 1, 0, "f4");
	ask(l, &late);
	answer_entry(l, &late, -ENOENT, 0);
	check(!is_known(l, 4), "names: nor one that the daemon does not know any more");
	lights_free(l);
}

static size_t add_dirent(char *at, uint64_t node, const char *text)
{
	struct fuse_direntplus *d = (void *)at;

	d->entry_out.nodeid = node;
	d->dirent.namelen = (uint32_t)strlen(text);
	memcpy(d->dirent.name, text, strlen(text));
	return FUSE_DIRENTPLUS_SIZE(d);
}

static void listed_test(void)
{
	struct lights *l = lights_new();
	struct message m = handle_request(FUSE_READDIRPLUS, 1, 5), u;
	char buf[1024] __attribute__((aligned(8))) = "";
	size_t a = add_dirent(buf, 2, "two"), b = a + add_dirent(buf + a, 3, "three"),
	       c = b + add_dirent(buf + b, 4, "four");

	ask(l, &m);
	u = name_request(FUSE_UNLINK, 1, 0, "two");
	done(l, &u, 0);
	lights_reply(l, &m.ticket, &m.in, m.op, 0, buf, c - 1, true);
	check(is_known(l, 3) && !is_known(l, 2), "listed: all but what was removed meanwhile");
	check(!is_known(l, 4), "listed: and what is cut off");
	((struct fuse_direntplus *)buf)->dirent.namelen = UINT32_MAX;
	ask(l, &m);
	lights_reply(l, &m.ticket, &m.in, m.op, 0, buf, c, true);
	check(!is_known(l, 4), "listed: nothing behind nonsense");
	lights_free(l);
}

/* The OPEN in place of what disturbs fails. */
static void cannot_open_test(void)
{
	struct lights *l = lights_new();
	struct fuse_setattr_in setattr = { .valid = FATTR_FH | FATTR_MODE };
	struct message m;
	uint64_t fh;

	teach(l, 2);
	setattr.fh = fh = light(l, 2);
	m = name_request(FUSE_UNLINK, 1, 0, "f2");
	check(ask(l, &m) == LIGHTS_INSTEAD && !opened(l, &m, -EMFILE, 0) &&
	      ask(l, &m) == LIGHTS_ANSWERED && m.answer.out.error == -EMFILE && !m.ticket.disturbs,
	      "cannot: no descriptor for who has it open, no removal");
	m = name_request(FUSE_UNLINK, 1, 0, "f2");
	check(ask(l, &m) == LIGHTS_INSTEAD && !opened(l, &m, -EINTR, 0) &&
	      ask(l, &m) == LIGHTS_ANSWERED && m.answer.out.error == -EINTR,
	      "cannot: nor when that was interrupted");
	m = request(FUSE_SETATTR, 2, &setattr, sizeof(setattr));
	check(ask(l, &m) == LIGHTS_INSTEAD && !opened(l, &m, -EACCES, 0) &&
	      ask(l, &m) == LIGHTS_ANSWERED && m.answer.out.error == -EACCES && !m.ticket.disturbs,
	      "cannot: what needs the handle itself gets the error");
	m = name_request(FUSE_UNLINK, 1, 0, "f2");
	check(ask(l, &m) == LIGHTS_INSTEAD && !opened(l, &m, -EACCES, 0) &&
	      ask(l, &m) == LIGHTS_DAEMON && seen.in.opcode == FUSE_UNLINK,
	      "cannot: what is refused for good holds up nobody else");
	lights_reply(l, &m.ticket, &m.in, m.op, -EIO, NULL, 0, true);
	m = read_request(2, fh);
	check(ask(l, &m) == LIGHTS_INSTEAD, "cannot: and is tried again when it is read");
	lights_free(l);
}

static struct message notice(int code, const void *arg, size_t len, const char *text)
{
	struct message m = { .len = sizeof(struct fuse_out_header) + len + strlen(text) + 1 };
	struct fuse_out_header out = { .len = (uint32_t)m.len, .error = code };

	memcpy(&m, &out, sizeof(out));
	memcpy((char *)&m + sizeof(out), arg, len);
	strcpy((char *)&m + sizeof(out) + len, text);
	return m;
}

static void notified_test(void)
{
	struct lights *l = lights_new();
	struct fuse_notify_inval_inode_out inode = { .ino = 2 };
	struct fuse_notify_inval_entry_out entry = { .parent = 1, .namelen = 2 };
	struct fuse_notify_delete_out delete = { .parent = 1, .child = 3, .namelen = 2 };
	struct message m;

	for (uint64_t n = 2; n < 5; n++)
		teach(l, n);
	m = notice(FUSE_NOTIFY_STORE, &inode, sizeof(inode), "");
	lights_notified(l, &m, m.len);
	check(is_known(l, 2), "notified: new contents change nothing");
	m = notice(FUSE_NOTIFY_INVAL_INODE, &inode, sizeof(inode), "");
	lights_notified(l, &m, m.len);
	check(!light(l, 2) && is_known(l, 2), "notified: a change is asked for once");
	m = notice(FUSE_NOTIFY_INVAL_ENTRY, &entry, sizeof(entry), "f2");
	lights_notified(l, &m, m.len);
	m = notice(FUSE_NOTIFY_DELETE, &delete, sizeof(delete), "f3");
	lights_notified(l, &m, m.len);
	check(!is_known(l, 2) && !is_known(l, 3) && is_known(l, 4), "notified: these names are gone");
	entry.namelen = 1000;
	m = notice(FUSE_NOTIFY_INVAL_ENTRY, &entry, sizeof(entry), "f");
	lights_notified(l, &m, m.len);
	lights_notified(l, &m, 5);
	check(!is_known(l, 4), "notified: any of those that begin so");
	lights_free(l);
}

/* A daemon whose own handles look like ours gets them all. */
static void foreign_test(void)
{
	struct lights *l = lights_new();
	struct fuse_open_out out = { .open_flags = KEPT };
	struct message m;

	teach(l, 2);
	out.fh = light(l, 2) + 0x10000;
	m = read_request(2, out.fh);
	check(ask(l, &m) == LIGHTS_ANSWERED, "foreign: a handle that nobody gave");
	m = open_request(2, O_RDWR);
	ask(l, &m);
	lights_reply(l, &m.ticket, &m.in, m.op, 0, &out, sizeof(out), true);
	m = read_request(2, out.fh);
	check(ask(l, &m) == LIGHTS_DAEMON && seen_handle() == out.fh, "foreign: and one that it did");
	lights_free(l);
}

static void unusual_test(void)
{
	struct lights *l = lights_new();
	struct fuse_open_out out = { .fh = 5, .open_flags = FOPEN_DIRECT_IO };
	struct message m;

	teach(l, 2);
	m = read_request(2, light(l, 2));
	ask(l, &m);
	lights_opened(l, &m.ticket, 0, &out);
	check(!light(l, 2), "unusual: a daemon that wants to see each read now is asked");
	lights_free(l);
}

int main(void)
{
	replaced_test();
	removed_test();
	listed_test();
	cannot_open_test();
	notified_test();
	foreign_test();
	unusual_test();
	open_test();
	read_test();
	handles_test();
	disturb_test();
	forget_test();
	many_test();
	printf("1..%d\n", tests);
	return failures != 0;
}

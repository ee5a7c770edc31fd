// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * t-lights.c - light opens, message by message: what is answered, what the daemon
 * gets in whose place, and what makes a light handle a real one.
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

	lights_reply(l, &m->ticket, &m->in, m->op, error, &out, true);
}

/* Has the daemon open NODE once, so that it is known. */
static void teach(struct lights *l, uint64_t node)
{
	struct message m = open_request(node, O_RDONLY);

	if (ask(l, &m) == LIGHTS_DAEMON)
		answer(l, &m, 0, KEPT);
}

/* A light handle of NODE, or 0. */
static uint64_t light(struct lights *l, uint64_t node)
{
	struct message m = open_request(node, O_RDONLY);

	return ask(l, &m) == LIGHTS_ANSWERED ? m.answer.open.fh : 0;
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
	check(lights_opened(l, &m.ticket, 0, 55) == &other.ticket && !other.ticket.next,
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
	check(!lights_opened(l, &m.ticket, -EMFILE, 0), "refused: nobody waits");
	check(ask(l, &m) == LIGHTS_ANSWERED && m.answer.out.error == -EMFILE,
	      "refused: the reader gets the daemon's error");
	check(ask(l, &m) == LIGHTS_INSTEAD, "refused: the next one tries again");
	lights_opened(l, &m.ticket, -EINTR, 0);
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
	lights_opened(l, &m.ticket, 0, 66);
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
	lights_opened(l, &m.ticket, 0, 22);
	check(ask(l, &m) == LIGHTS_PARKED, "disturb: which has to be waited for");
	check(!light(l, 2), "disturb: meanwhile there are no new ones");
	check(lights_opened(l, &r.ticket, -EIO, 0) == &m.ticket, "disturb: done");
	check(ask(l, &m) == LIGHTS_DAEMON && seen.in.opcode == FUSE_UNLINK &&
	      memcmp(seen.op, "name", 5) == 0, "disturb: then it goes to the daemon");
	check(ask(l, &r) == LIGHTS_DAEMON, "disturb: so does the other, whatever its OPEN came to");
	o = read_request(2, a);
	check(ask(l, &o) == LIGHTS_DAEMON && seen_handle() == 22, "disturb: the handle is a real one");
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
	struct message m = request(FUSE_FORGET, 2, "12345678", 8);

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
	teach(l, 2);
	lights_forked(l);
	check(!light(l, 2), "forget: a child knows nothing");
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

int main(void)
{
	open_test();
	read_test();
	handles_test();
	disturb_test();
	forget_test();
	many_test();
	printf("1..%d\n", tests);
	return failures != 0;
}

// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * fuzz-lights.c - light opens under any order of requests and answers, one byte
 * each. What must hold: the daemon never sees a light handle; every request
 * ends, and none twice; when all have ended nothing waits and nothing disturbs.
 */
#include "shim/lights.c"

#define REQUESTS 32

static struct request {
	enum { FREE, NEW, DAEMON, INSTEAD, PARKED } state;
	struct lights_ticket ticket;
	char msg[64];
} requests[REQUESTS];

static struct lights *lights;
static uint64_t handles[16];	/* that the kernel was given */
static uint64_t unique;

static void look_at(struct request *r)
{
	char buf[128];
	size_t len = sizeof(r->msg);
	struct lights_answer answer;
	struct fuse_in_header in, seen;

	memcpy(buf, r->msg, len);
	memcpy(&in, r->msg, sizeof(in));
	switch (lights_request(lights, &r->ticket, buf, &len, sizeof(buf), true, &answer)) {
	case LIGHTS_ANSWERED:
		if (answer.out.unique != in.unique || r->ticket.disturbs)
			abort();
		if (answer.out.len == sizeof(answer))
			handles[in.nodeid % 16] = answer.open.fh;
		r->state = FREE;
		return;
	case LIGHTS_PARKED:
		r->state = PARKED;
		return;
	case LIGHTS_INSTEAD:
		r->state = INSTEAD;
		break;
	case LIGHTS_DAEMON:
		r->state = DAEMON;
		break;
	}
	memcpy(&seen, buf, sizeof(seen));
	if (lights_named(buf, len) || seen.unique != in.unique || seen.len != len)
		abort();
}

static void begin(unsigned int what)
{
	static const uint32_t ops[] = {
		FUSE_OPEN, FUSE_READ, FUSE_RELEASE, FUSE_UNLINK, FUSE_OPEN, FUSE_GETATTR,
		FUSE_FLUSH, FUSE_SETATTR, FUSE_OPENDIR, FUSE_READDIR, FUSE_RELEASEDIR, FUSE_RENAME,
		FUSE_OPEN, FUSE_COPY_FILE_RANGE, FUSE_WRITE, FUSE_FORGET,
	};
	struct fuse_in_header in = {
		.len = sizeof(requests->msg), .opcode = ops[what % 16], .nodeid = what / 16 % 4 + 2,
		.unique = unique += 2,
	};
	uint64_t fh = handles[in.nodeid % 16];
	uint32_t flags = FUSE_GETATTR_FH | (what & 64 ? FATTR_FH | FATTR_MODE : 0);
	struct request *r = requests;

	while (r < requests + REQUESTS && r->state != FREE)
		r++;
	if (r == requests + REQUESTS)
		return;
	*r = (struct request){ .state = NEW };
	memcpy(r->msg, &in, sizeof(in));
	if (in.opcode == FUSE_GETATTR || in.opcode == FUSE_SETATTR) {
		memcpy(r->msg + sizeof(in), &flags, sizeof(flags));
		memcpy(r->msg + sizeof(in) + 8, &fh, sizeof(fh));
	} else if (in.opcode != FUSE_OPEN && in.opcode != FUSE_OPENDIR) {
		memcpy(r->msg + sizeof(in), &fh, sizeof(fh));
	}
	look_at(r);
}

static void pushed(struct lights_ticket *t)
{
	struct request *r = (struct request *)((char *)t - offsetof(struct request, ticket));

	if (r->state != PARKED)
		abort();
	look_at(r);
}

static void finish(struct request *r, int error)
{
	struct fuse_open_out open = { .fh = 1000, .open_flags = FOPEN_KEEP_CACHE };
	struct lights_ticket *t, *next;
	struct fuse_in_header in;

	memcpy(&in, r->msg, sizeof(in));
	if (r->state == DAEMON) {
		lights_reply(lights, &r->ticket, &in, r->msg + sizeof(in), error, &open, true);
		r->state = FREE;
	} else if (r->state == INSTEAD) {
		t = lights_opened(lights, &r->ticket, error, 1000);
		look_at(r);
		for (; t; t = next) {
			next = t->next;
			pushed(t);
		}
	}
}

static bool finish_all(void)
{
	bool any = false;

	for (int i = 0; i < REQUESTS; i++) {
		any |= requests[i].state != FREE;
		finish(&requests[i], 0);
	}
	return any;
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
	unsigned int rounds = 0;

	memset(requests, 0, sizeof(requests));
	memset(handles, 0, sizeof(handles));
	lights = lights_new();
	if (!lights)
		return 0;
	for (size_t i = 0; i < size; i++) {
		if (data[i] & 0x80)
			finish(&requests[data[i] % REQUESTS], data[i] & 0x40 ? -EIO : 0);
		else
			begin(data[i]);
	}
	while (finish_all())
		if (rounds++ > 10 * REQUESTS)
			abort();
	if (lights->parked || lights->disturbers)
		abort();
	lights_free(lights);
	return 0;
}

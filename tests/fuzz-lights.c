// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * fuzz-lights.c - light opens under any order of requests and answers, one byte
 * each. What must hold: the daemon never sees a light handle; every request
 * ends, and none twice; when all have ended nothing waits and nothing disturbs.
 *
 * The daemon has a few names in its root folder, and a file lives as long as it
 * has one: none without may be opened lightly. It acts at any time between request
 * and answer. As in the kernel, no two requests change the same name at a time; who
 * looks at names, or opens what once had one, waits for nobody.
 */
#include "shim/lights.c"
#include "shim/names.c"
#include "shim/proto.c"

#define REQUESTS 32
#define NAMES 4

static struct request {
	enum { FREE, NEW, DAEMON, INSTEAD, PARKED } state;
	struct lights_ticket ticket;
	char msg[64];
	int name[2];		/* that it changes, or looks at; -1 for none */
	bool acted;		/* the rest says what came of it */
	int error;
	uint64_t seen[NAMES];
} requests[REQUESTS];

static struct lights *lights;
static uint64_t names[NAMES];	/* the daemon's: the node of each, or 0 */
static uint64_t handles[16];	/* that the kernel was given */
static uint64_t unique;

/* --- the daemon ----------------------------------------------------------- */

static bool alive(uint64_t node)
{
	for (int i = 0; i < NAMES; i++)
		if (names[i] == node)
			return true;
	return node == FUSE_ROOT_ID;
}

static int change(const struct request *r, uint32_t opcode, uint64_t node)
{
	uint64_t *a = &names[r->name[0]], *b = &names[r->name[1] < 0 ? 0 : r->name[1]];

	switch (opcode) {
	case FUSE_SYMLINK:
		if (!*a)
			*a = node;
		return *a == node ? 0 : -EEXIST;
	case FUSE_UNLINK:
		*a = 0;
		return 0;
	case FUSE_RENAME:
		if (!*a)
			return -ENOENT;
		*b = *a;
		if (a != b)
			*a = 0;
		return 0;
	default:
		return 0;
	}
}

/* The node that SYMLINK makes is in the request's pid, where nobody looks. */
static void act(struct request *r, int error)
{
	struct fuse_in_header in;

	if (r->acted)
		return;
	memcpy(&in, r->msg, sizeof(in));
	r->acted = true;
	r->error = error ? error : r->name[0] >= 0 ? change(r, in.opcode, in.pid) : 0;
	memcpy(r->seen, names, sizeof(names));
}

static size_t list(const struct request *r, char *buf)
{
	size_t len = 0;

	for (int i = 0; i < NAMES; i++) {
		struct fuse_direntplus *d = (void *)(buf + len);

		if (!r->seen[i])
			continue;
		memset(d, 0, FUSE_NAME_OFFSET_DIRENTPLUS + 8);
		d->entry_out.nodeid = r->seen[i];
		d->dirent.namelen = 1;
		d->dirent.name[0] = (char)('a' + i);
		len += FUSE_DIRENTPLUS_SIZE(d);
	}
	return len;
}

static void reply(struct request *r)
{
	struct fuse_open_out open = { .fh = 1000, .open_flags = FOPEN_KEEP_CACHE };
	struct fuse_entry_out entry = { .nodeid = 0 };
	char buf[2 * NAMES * sizeof(struct fuse_direntplus)] __attribute__((aligned(8)));
	struct fuse_in_header in;
	const void *body = &open;
	size_t size = sizeof(open);

	memcpy(&in, r->msg, sizeof(in));
	if (in.opcode == FUSE_LOOKUP || in.opcode == FUSE_SYMLINK) {
		entry.nodeid = r->seen[r->name[0]];
		body = &entry;
		size = sizeof(entry);
	} else if (in.opcode == FUSE_READDIRPLUS) {
		body = buf;
		size = list(r, buf);
	}
	lights_reply(lights, &r->ticket, &in, r->msg + sizeof(in), r->error, body, size, true);
	r->state = FREE;
}

/* --- the kernel ------------------------------------------------------------- */

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
		if (answer.out.len == sizeof(answer) && !alive(in.nodeid))
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

/* Whether somebody is about to change a name that R would change. */
static bool locked(const struct request *r, uint32_t opcode)
{
	struct fuse_in_header in;

	for (const struct request *o = requests; o < requests + REQUESTS && opcode != FUSE_LOOKUP; o++) {
		memcpy(&in, o->msg, sizeof(in));
		if (o == r || o->state == FREE || in.opcode == FUSE_LOOKUP)
			continue;
		for (int i = 0; i < 4; i++)
			if (r->name[i / 2] >= 0 && r->name[i / 2] == o->name[i % 2])
				return true;
	}
	return false;
}

/* The message about the names A and B. */
static void fill_names(struct request *r, struct fuse_in_header *in, int a, int b)
{
	const char text[] = { (char)('a' + a), 0, (char)('a' + b), 0 };
	const uint64_t root = FUSE_ROOT_ID;
	char *op = r->msg + sizeof(*in);

	in->pid = (uint32_t)in->nodeid;
	in->nodeid = root;
	memcpy(r->msg, in, sizeof(*in));
	r->name[0] = a;
	if (in->opcode == FUSE_RENAME) {
		r->name[1] = b;
		memcpy(op, &root, sizeof(root));
		op += sizeof(root);
	}
	memcpy(op, text, sizeof(text));
}

static void fill_handle(struct request *r, const struct fuse_in_header *in, bool mode)
{
	uint64_t fh = handles[in->nodeid % 16];
	uint32_t flags = FUSE_GETATTR_FH | (mode ? FATTR_FH | FATTR_MODE : 0);
	char *op = r->msg + sizeof(*in);

	memcpy(r->msg, in, sizeof(*in));
	if (in->opcode == FUSE_GETATTR || in->opcode == FUSE_SETATTR) {
		memcpy(op, &flags, sizeof(flags));
		memcpy(op + 8, &fh, sizeof(fh));
	} else if (in->opcode != FUSE_OPEN && in->opcode != FUSE_OPENDIR) {
		memcpy(op, &fh, sizeof(fh));
	}
}

static void begin(unsigned int what)
{
	static const uint32_t ops[] = {
		FUSE_LOOKUP, FUSE_UNLINK, FUSE_RENAME, FUSE_SYMLINK,
		FUSE_OPEN, FUSE_READ, FUSE_RELEASE, FUSE_OPEN, FUSE_GETATTR, FUSE_FLUSH,
		FUSE_SETATTR, FUSE_OPENDIR, FUSE_READDIRPLUS, FUSE_RELEASEDIR, FUSE_OPEN, FUSE_FORGET,
	};
	struct fuse_in_header in = {
		.len = sizeof(requests->msg), .opcode = ops[what % 16], .nodeid = what / 16 % 4 + 2,
		.unique = unique += 2,
	};
	struct request *r = requests;

	while (r < requests + REQUESTS && r->state != FREE)
		r++;
	if (r == requests + REQUESTS)
		return;
	*r = (struct request){ .state = NEW, .name = { -1, -1 } };
	if (in.opcode == FUSE_OPENDIR || in.opcode == FUSE_READDIRPLUS ||
	    in.opcode == FUSE_RELEASEDIR)
		in.nodeid = FUSE_ROOT_ID;
	if (what % 16 < 4)
		fill_names(r, &in, what / 16 % NAMES, (what / 16 + what / 64 + 1) % NAMES);
	else
		fill_handle(r, &in, what & 64);
	if (locked(r, in.opcode))
		r->state = FREE;
	else
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

	if (r->state == DAEMON) {
		act(r, error);
		reply(r);
	} else if (r->state == INSTEAD) {
		t = lights_opened(lights, &r->ticket, error, &open);
		look_at(r);
		for (; t; t = next) {
			next = t->next;
			pushed(t);
		}
	}
}

/* The daemon refuses every other OPEN, for good: nobody may try for ever. */
static bool finish_all(int round)
{
	bool any = false;

	for (int i = 0; i < REQUESTS; i++) {
		any |= requests[i].state != FREE;
		finish(&requests[i], (i + round) % 2 ? -EACCES : 0);
	}
	return any;
}

static void byte(unsigned char what)
{
	static const int errors[] = { 0, 0, 0, -EIO, -EINTR };
	struct request *r = &requests[what % REQUESTS];

	if (!(what & 0x80))
		begin(what);
	else if ((what & 0x40) && r->state == DAEMON)
		act(r, 0);
	else
		finish(r, what & 0x20 ? errors[unique % 5] : 0);
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
	int rounds = 0;

	memset(requests, 0, sizeof(requests));
	memset(handles, 0, sizeof(handles));
	for (int i = 0; i < NAMES; i++)
		names[i] = (uint64_t)i + 2;
	lights = lights_new();
	if (!lights)
		return 0;
	for (size_t i = 0; i < size; i++)
		byte(data[i]);
	while (finish_all(rounds))
		if (rounds++ > 10 * REQUESTS)
			abort();
	if (lights->parked || lights->disturbers)
		abort();
	lights_free(lights);
	return 0;
}

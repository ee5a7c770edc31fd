// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * lights.c - light opens. See lights.h.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "shim/lights.h"
#include "shim/names.h"
#include "shim/proto.h"

#define MAGIC		0xef5eull	/* the upper 16 bits of a light handle */
#define LIGHTS		1024u		/* open at the same time */
#define SETS		8192u
#define WAYS		4u
#define NO_HANDLE	SIZE_MAX

#define OP_TMPFILE	51
#define OP_STATX	52
#define OP_COPY_RANGE64	53

enum light_state {
	LIGHT_FREE,
	LIGHT_LIGHT,
	LIGHT_OPENING,
	LIGHT_REAL,
};

/* An open that was answered here. */
struct light {
	enum light_state state;
	uint32_t generation;
	struct fuse_in_header by;	/* the OPEN or OPENDIR it was */
	struct fuse_open_in how;
	uint64_t fh;			/* LIGHT_REAL: the daemon's */
	uint64_t refused;		/* when the daemon last would not open it, or 0 */
	int error;			/* what it said then */
};

/* An open that the daemon has granted. */
struct known {
	uint64_t node;
	uint32_t uid, gid;
	uint32_t opcode;
	struct fuse_open_in how;
	uint32_t flags;			/* of its reply, as the kernel got it */
	uint64_t epoch;
};

struct lights {
	pthread_mutex_t lock;
	uint64_t epoch;			/* knowledge of another one is void; never 0 */
	unsigned int disturbers;	/* at the daemon */
	bool foreign;			/* the daemon has handles that look like ours */
	unsigned int live;		/* not LIGHT_FREE */
	unsigned int next;		/* where to look for a free one */
	struct lights_ticket *parked;
	struct light light[LIGHTS];
	struct known known[SETS][WAYS];
	struct names names;
};

struct lights *lights_new(void)
{
	struct lights *l = calloc(1, sizeof(*l));

	if (!l)
		return NULL;
	l->epoch = 1;
	pthread_mutex_init(&l->lock, NULL);
	return l;
}

void lights_free(struct lights *l)
{
	if (!l)
		return;
	pthread_mutex_destroy(&l->lock);
	free(l);
}

/* --- what is known ---------------------------------------------------------- */

static struct known *known_set(struct lights *l, uint64_t node)
{
	return l->known[(node * 0x9e3779b97f4a7c15u >> 40) % SETS];
}

static bool known_is(const struct known *k, const struct fuse_in_header *req,
		     const struct fuse_open_in *how)
{
	return k->node == req->nodeid && k->uid == req->uid && k->gid == req->gid &&
	       k->opcode == req->opcode && k->how.flags == how->flags &&
	       k->how.open_flags == how->open_flags;
}

static struct known *known_find(struct lights *l, const struct fuse_in_header *req,
				const struct fuse_open_in *how)
{
	struct known *set = known_set(l, req->nodeid);

	for (unsigned int i = 0; i < WAYS; i++)
		if (set[i].epoch == l->epoch && known_is(&set[i], req, how))
			return &set[i];
	return NULL;
}

static void known_add(struct lights *l, const struct fuse_in_header *req,
		      const struct fuse_open_in *how, uint32_t flags)
{
	struct known *set = known_set(l, req->nodeid), *k = known_find(l, req, how);

	for (unsigned int i = 0; !k && i < WAYS; i++)
		if (set[i].epoch != l->epoch)
			k = &set[i];
	if (!k)
		k = &set[l->next++ % WAYS];
	*k = (struct known){
		.node = req->nodeid, .uid = req->uid, .gid = req->gid, .opcode = req->opcode,
		.how = *how, .flags = flags, .epoch = l->epoch,
	};
}

static void known_drop(struct lights *l, uint64_t node)
{
	struct known *set = known_set(l, node);

	for (unsigned int i = 0; i < WAYS; i++)
		if (set[i].node == node)
			set[i].epoch = 0;
}

/* The daemon may give a node's number to another file once it was forgotten. */
static void forget_node(struct lights *l, uint64_t node)
{
	known_drop(l, node);
	names_forget(&l->names, node);
}

static void forget(struct lights *l, const struct fuse_in_header *in, const char *op, size_t len)
{
	struct fuse_batch_forget_in batch;
	struct fuse_forget_one one;

	if (in->opcode == FUSE_FORGET)
		forget_node(l, in->nodeid);
	if (in->opcode != FUSE_BATCH_FORGET || len < sizeof(batch))
		return;
	memcpy(&batch, op, sizeof(batch));
	op += sizeof(batch);
	len -= sizeof(batch);
	for (; batch.count && len >= sizeof(one); batch.count--) {
		memcpy(&one, op, sizeof(one));
		forget_node(l, one.nodeid);
		op += sizeof(one);
		len -= sizeof(one);
	}
}

/* --- handles ----------------------------------------------------------------- */

static uint64_t light_id(const struct lights *l, const struct light *light)
{
	return MAGIC << 48 | (uint64_t)light->generation << 16 | (uint64_t)(light - l->light);
}

static bool is_light(uint64_t fh)
{
	return fh >> 48 == MAGIC;
}

static struct light *light_find(struct lights *l, uint64_t fh, uint64_t node)
{
	struct light *light = &l->light[(fh & 0xffff) % LIGHTS];

	return light->state != LIGHT_FREE && light_id(l, light) == fh &&
	       light->by.nodeid == node ? light : NULL;
}

static struct light *light_new(struct lights *l)
{
	for (unsigned int i = 0; l->live < LIGHTS && i < LIGHTS; i++) {
		struct light *light = &l->light[l->next++ % LIGHTS];

		if (light->state != LIGHT_FREE)
			continue;
		light->generation++;
		light->refused = 0;
		light->state = LIGHT_LIGHT;
		l->live++;
		return light;
	}
	return NULL;
}

static void light_end(struct lights *l, struct light *light)
{
	light->state = LIGHT_FREE;
	l->live--;
}

/* --- requests ---------------------------------------------------------------- */

static bool disturbs(uint32_t opcode, const void *op, size_t len)
{
	uint32_t valid;

	switch (opcode) {
	case FUSE_UNLINK:
	case FUSE_RMDIR:
	case FUSE_RENAME:
	case FUSE_RENAME2:
	case FUSE_LINK:
	case FUSE_SETXATTR:
	case FUSE_REMOVEXATTR:
		return true;
	case FUSE_SETATTR:
		if (len < sizeof(valid))
			return true;
		memcpy(&valid, op, sizeof(valid));
		return valid & (FATTR_MODE | FATTR_UID | FATTR_GID);
	default:
		return false;
	}
}

/* Where behind the header of an OPCODE request its file handle is, if it has one. */
static size_t handle_at(uint32_t opcode, const void *op, size_t len)
{
	uint32_t flags = 0;

	if (len >= sizeof(flags))
		memcpy(&flags, op, sizeof(flags));
	switch (opcode) {
	case FUSE_GETATTR:
	case OP_STATX:
		return flags & FUSE_GETATTR_FH ? 8 : NO_HANDLE;
	case FUSE_SETATTR:
		return flags & FATTR_FH ? 8 : NO_HANDLE;
	case FUSE_READ:
	case FUSE_WRITE:
	case FUSE_RELEASE:
	case FUSE_FSYNC:
	case FUSE_FLUSH:
	case FUSE_READDIR:
	case FUSE_READDIRPLUS:
	case FUSE_RELEASEDIR:
	case FUSE_FSYNCDIR:
	case FUSE_GETLK:
	case FUSE_SETLK:
	case FUSE_SETLKW:
	case FUSE_IOCTL:
	case FUSE_POLL:
	case FUSE_FALLOCATE:
	case FUSE_LSEEK:
	case FUSE_COPY_FILE_RANGE:
	case OP_COPY_RANGE64:
		return 0;
	default:
		return NO_HANDLE;
	}
}

static bool ends(uint32_t opcode)
{
	return opcode == FUSE_RELEASE || opcode == FUSE_RELEASEDIR;
}

static enum lights_verdict answered(struct lights_answer *a, uint64_t unique, int error)
{
	a->out = (struct fuse_out_header){ .len = sizeof(a->out), .error = error, .unique = unique };
	return LIGHTS_ANSWERED;
}

/* An OPEN in place of the request at MSG, with its unique id. */
static enum lights_verdict open_instead(struct lights_ticket *t, struct light *light, char *msg,
					size_t *len, size_t room)
{
	struct fuse_in_header in;

	if (room < sizeof(in) + sizeof(light->how))
		return LIGHTS_DAEMON;	/* never: see FUSE_MIN_READ_BUFFER */
	memcpy(&in, msg, sizeof(in));
	light->by.unique = in.unique;
	light->by.len = sizeof(in) + sizeof(light->how);
	light->state = LIGHT_OPENING;
	t->opening = light;
	memcpy(msg, &light->by, sizeof(in));
	memcpy(msg + sizeof(in), &light->how, sizeof(light->how));
	*len = light->by.len;
	return LIGHTS_INSTEAD;
}

static enum lights_verdict park(struct lights *l, struct lights_ticket *t)
{
	t->next = l->parked;
	l->parked = t;
	return LIGHTS_PARKED;
}

static enum lights_verdict open_light(struct lights *l, struct lights_ticket *t,
				      const struct fuse_in_header *in, const char *op, bool keep,
				      struct lights_answer *a)
{
	struct fuse_open_in how;
	struct known *k = NULL;
	struct light *light;

	t->epoch = l->disturbers ? 0 : l->epoch;
	memcpy(&how, op, sizeof(how));
	if (keep && !l->disturbers && names_has(&l->names, in->nodeid))
		k = known_find(l, in, &how);
	light = k ? light_new(l) : NULL;
	if (!light)
		return LIGHTS_DAEMON;
	light->by = *in;
	light->how = how;
	answered(a, in->unique, 0);
	a->out.len = sizeof(*a);
	a->open = (struct fuse_open_out){ .fh = light_id(l, light), .open_flags = k->flags };
	return LIGHTS_ANSWERED;
}

/*
 * A request that names LIGHT, at FH_AT of MSG. ERROR is what its own OPEN came to;
 * one that disturbs has had every light handle opened that the daemon would open.
 */
static enum lights_verdict use_light(struct lights *l, struct lights_ticket *t,
				     struct light *light, char *msg, size_t fh_at, size_t *len,
				     size_t room, int error, struct lights_answer *a)
{
	struct fuse_in_header in;

	memcpy(&in, msg, sizeof(in));
	if (t->disturbs)
		error = light->error;
	if (light->state == LIGHT_OPENING)
		return park(l, t);
	if (light->state == LIGHT_REAL) {
		memcpy(msg + fh_at, &light->fh, sizeof(light->fh));
		if (ends(in.opcode))
			light_end(l, light);
		return LIGHTS_DAEMON;
	}
	if (ends(in.opcode) || in.opcode == FUSE_FLUSH) {
		if (ends(in.opcode))
			light_end(l, light);
		return answered(a, in.unique, 0);
	}
	if (error)
		return answered(a, in.unique, error);
	return open_instead(t, light, msg, len, room);
}

static void take_names(struct lights *l, const struct lights_ticket *t)
{
	if (t->use < NAMES_TAKES)
		return;
	names_take(&l->names, t->key[0], l->epoch);
	names_take(&l->names, t->key[1], l->epoch);
}

static void begin_disturbing(struct lights *l, struct lights_ticket *t)
{
	t->disturbs = true;
	t->moves = t->use == NAMES_MOVES ? names_node(&l->names, t->key[0]) : 0;
	l->disturbers++;
	t->epoch = ++l->epoch;
	take_names(l, t);
}

static void calm(struct lights *l, struct lights_ticket *t)
{
	t->disturbs = false;
	l->disturbers--;
	l->epoch++;
	take_names(l, t);
}

/* The daemon could open it at another time, or for somebody who was not interrupted. */
static bool passes(int error)
{
	return error == -EINTR || error == -EMFILE || error == -ENFILE || error == -ENOMEM;
}

/*
 * Every light handle becomes a real one before what may take its file away. One
 * that the daemon refused since the request came is left: it would not be opened
 * later either. ERROR is what the OPEN in place of this request came to.
 */
static enum lights_verdict disturb(struct lights *l, struct lights_ticket *t, char *msg,
				   size_t *len, size_t room, int error, struct lights_answer *a)
{
	struct fuse_in_header in;
	bool opening = false;

	memcpy(&in, msg, sizeof(in));
	if (passes(error))
		return answered(a, in.unique, error);
	for (unsigned int i = 0; l->live && i < LIGHTS; i++) {
		struct light *light = &l->light[i];

		if (light->state == LIGHT_LIGHT && light->refused < t->epoch)
			return open_instead(t, light, msg, len, room);
		opening |= light->state == LIGHT_OPENING;
	}
	return opening ? park(l, t) : LIGHTS_DAEMON;
}

static enum lights_verdict look(struct lights *l, struct lights_ticket *t, char *msg, size_t *len,
				size_t room, bool keep, struct lights_answer *a)
{
	struct fuse_in_header in;
	const char *op = msg + sizeof(in);
	size_t op_len = *len - sizeof(in), fh_at;
	enum lights_verdict verdict = LIGHTS_DAEMON;
	struct light *light;
	int error = t->error;
	uint64_t fh;

	t->error = 0;
	memcpy(&in, msg, sizeof(in));
	if (!t->disturbs)
		t->epoch = l->epoch;
	if ((in.opcode == FUSE_OPEN || in.opcode == FUSE_OPENDIR) &&
	    op_len >= sizeof(struct fuse_open_in))
		return open_light(l, t, &in, op, keep, a);
	if (disturbs(in.opcode, op, op_len)) {
		if (!t->disturbs)
			begin_disturbing(l, t);
		verdict = disturb(l, t, msg, len, room, error, a);
	}
	forget(l, &in, op, op_len);
	fh_at = handle_at(in.opcode, op, op_len);
	if (verdict != LIGHTS_DAEMON || fh_at == NO_HANDLE || op_len < fh_at + sizeof(fh))
		return verdict;
	memcpy(&fh, op + fh_at, sizeof(fh));
	if (!is_light(fh))
		return LIGHTS_DAEMON;
	light = light_find(l, fh, in.nodeid);
	if (light)
		return use_light(l, t, light, msg, sizeof(in) + fh_at, len, room, error, a);
	return l->foreign ? LIGHTS_DAEMON : answered(a, in.unique, ends(in.opcode) ? 0 : -EIO);
}

enum lights_verdict lights_request(struct lights *l, struct lights_ticket *t, char *msg,
				   size_t *len, size_t room, bool keep,
				   struct lights_answer *answer)
{
	enum lights_verdict verdict;
	struct fuse_in_header in;

	memcpy(&in, msg, sizeof(in));
	t->use = names_read(&in, msg + sizeof(in), *len - sizeof(in), t->key);
	pthread_mutex_lock(&l->lock);
	verdict = look(l, t, msg, len, room, keep, answer);
	if (verdict == LIGHTS_ANSWERED && t->disturbs)
		calm(l, t);
	pthread_mutex_unlock(&l->lock);
	return verdict;
}

void lights_device(struct lights *l, const void *msg, size_t len)
{
	struct fuse_in_header in;

	if (len < sizeof(in))
		return;
	memcpy(&in, msg, sizeof(in));
	pthread_mutex_lock(&l->lock);
	forget(l, &in, (const char *)msg + sizeof(in), len - sizeof(in));
	pthread_mutex_unlock(&l->lock);
}

/* A name of LEN bytes, LEFT of which are there. */
static void notified_name(struct lights *l, uint64_t parent, const char *name, size_t len,
			  size_t left)
{
	if (len <= left)
		names_take(&l->names, names_key(parent, name, len), l->epoch);
	else
		names_clear(&l->names);
}

/*
 * The epoch is for replies under way: what they say may be older. It voids more
 * than it had to, but under this policy little should change by itself.
 */
void lights_notified(struct lights *l, const void *msg, size_t len)
{
	struct fuse_out_header out;
	struct fuse_notify_inval_entry_out entry;
	struct fuse_notify_delete_out delete;
	const char *body = (const char *)msg + sizeof(out);

	if (len < sizeof(out) + sizeof(entry))
		return;
	memcpy(&out, msg, sizeof(out));
	memcpy(&entry, body, sizeof(entry));
	len -= sizeof(out);
	if (out.error != FUSE_NOTIFY_INVAL_INODE && out.error != FUSE_NOTIFY_INVAL_ENTRY &&
	    out.error != FUSE_NOTIFY_DELETE)
		return;
	pthread_mutex_lock(&l->lock);
	l->epoch++;
	if (out.error == FUSE_NOTIFY_INVAL_ENTRY) {
		notified_name(l, entry.parent, body + sizeof(entry), entry.namelen,
			      len - sizeof(entry));
	} else if (out.error == FUSE_NOTIFY_DELETE && len >= sizeof(delete)) {
		memcpy(&delete, body, sizeof(delete));
		notified_name(l, delete.parent, body + sizeof(delete), delete.namelen,
			      len - sizeof(delete));
	}
	pthread_mutex_unlock(&l->lock);
}

/*
 * Another thread may have held the lock when the process forked. Requests that
 * wait, and the one for whose answer they do, are the parent's.
 */
void lights_forked(struct lights *l)
{
	pthread_mutex_init(&l->lock, NULL);
	l->disturbers++;
	l->parked = NULL;
	for (unsigned int i = 0; i < LIGHTS; i++)
		if (l->light[i].state == LIGHT_OPENING)
			l->light[i].state = LIGHT_LIGHT;
}

bool lights_named(const void *msg, size_t len)
{
	struct fuse_in_header in;
	const char *op = (const char *)msg + sizeof(in);
	uint64_t fh;
	size_t at;

	if (len < sizeof(in))
		return false;
	memcpy(&in, msg, sizeof(in));
	at = handle_at(in.opcode, op, len - sizeof(in));
	if (at == NO_HANDLE || len - sizeof(in) < at + sizeof(fh))
		return false;
	memcpy(&fh, op + at, sizeof(fh));
	return is_light(fh);
}

/* --- replies ----------------------------------------------------------------- */

/* Of an open that wants more than this each must be asked for. */
static bool is_usual(const struct fuse_open_out *open)
{
	return !(open->open_flags &
		 ~(uint32_t)(FOPEN_KEEP_CACHE | FOPEN_CACHE_DIR | FOPEN_NOFLUSH));
}

/*
 * For reading only, and kept by the page cache: else the daemon wants to see
 * each open, or each read.
 */
static bool worth_knowing(const struct fuse_open_in *how, const struct fuse_open_out *open)
{
	return (how->flags & O_ACCMODE) == O_RDONLY && !(how->flags & (O_TRUNC | O_DIRECT)) &&
	       (open->open_flags & FOPEN_KEEP_CACHE) && is_usual(open);
}

/* And only while a name keeps it: see lights.h. */
static void learn(struct lights *l, const struct lights_ticket *t,
		  const struct fuse_in_header *req, const void *op,
		  const struct fuse_open_out *open)
{
	struct fuse_open_in how;

	memcpy(&how, op, sizeof(how));
	if (t->epoch == l->epoch && !l->disturbers && worth_knowing(&how, open) &&
	    names_has(&l->names, req->nodeid))
		known_add(l, req, &how, open->open_flags);
}

/* A reply with a handle has it at its end. */
static void opened(struct lights *l, const struct lights_ticket *t,
		   const struct fuse_in_header *req, const void *op, const char *body, size_t size,
		   bool keep)
{
	struct fuse_open_out open;

	if (size < sizeof(open))
		return;
	memcpy(&open, body + size - sizeof(open), sizeof(open));
	l->foreign |= is_light(open.fh);
	if (keep && size == sizeof(open))
		learn(l, t, req, op, &open);
}

/* READDIRPLUS; entries without a node say nothing. */
static void listed(struct lights *l, const struct lights_ticket *t, uint64_t parent, char *body,
		   size_t size)
{
	struct fuse_direntplus *d;

	while ((d = proto_dirent_next(&body, &size)))
		if (d->entry_out.nodeid)
			names_give(&l->names,
				   names_key(parent, d->dirent.name, d->dirent.namelen),
				   d->entry_out.nodeid, t->epoch);
}

/* The reply gives the name in the request: any but to TMPFILE begins with the node. */
static void named(struct lights *l, const struct lights_ticket *t, int error, const char *body,
		  size_t size)
{
	uint64_t node = 0;

	if (!error && size >= FUSE_COMPAT_ENTRY_OUT_SIZE)
		memcpy(&node, body, sizeof(node));
	if (!error || error == -ENOENT)
		names_give(&l->names, t->key[0], node, t->epoch);
}

/* Whether RENAME's node has the second name now: nobody else took it, or the first. */
static bool moved(const struct lights *l, const struct lights_ticket *t, int error)
{
	return t->moves && !error && !names_taken(&l->names, t->key[0], t->epoch) &&
	       !names_taken(&l->names, t->key[1], t->epoch);
}

static void disturbed(struct lights *l, struct lights_ticket *t, int error)
{
	bool moves = moved(l, t, error);

	calm(l, t);
	if (moves)
		names_put(&l->names, t->key[1], t->moves);
	t->moves = 0;
}

static bool gives_handle(uint32_t opcode)
{
	return opcode == FUSE_OPEN || opcode == FUSE_OPENDIR || opcode == FUSE_CREATE ||
	       opcode == OP_TMPFILE;
}

void lights_reply(struct lights *l, struct lights_ticket *t, const struct fuse_in_header *req,
		  const void *op, int error, const void *body, size_t size, bool keep)
{
	bool gives = t->use == NAMES_GIVES;
	bool handle = gives_handle(req->opcode), lists = req->opcode == FUSE_READDIRPLUS;

	t->error = 0;
	if (!t->disturbs && !gives && (error || (!handle && !lists)))
		return;
	pthread_mutex_lock(&l->lock);
	if (t->disturbs)
		disturbed(l, t, error);
	if (gives)
		named(l, t, error, body, size);
	if (handle && !error)
		opened(l, t, req, op, body, size, keep);
	if (lists && !error)
		listed(l, t, req->nodeid, (char *)body, size);
	pthread_mutex_unlock(&l->lock);
}

struct lights_ticket *lights_opened(struct lights *l, struct lights_ticket *t, int error,
				    const struct fuse_open_out *open)
{
	struct light *light = t->opening;
	struct lights_ticket *parked;

	pthread_mutex_lock(&l->lock);
	t->opening = NULL;
	t->error = error;
	light->state = error ? LIGHT_LIGHT : LIGHT_REAL;
	light->refused = error && !passes(error) ? l->epoch : 0;
	light->error = error;
	light->fh = open->fh;
	if (error || !is_usual(open))
		known_drop(l, light->by.nodeid);
	parked = l->parked;
	l->parked = NULL;
	pthread_mutex_unlock(&l->lock);
	return parked;
}

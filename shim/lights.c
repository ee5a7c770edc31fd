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

#define MAGIC		0xef5eull	/* the upper 16 bits of a light handle */
#define LIGHTS		1024u		/* open at the same time */
#define SETS		8192u
#define WAYS		4u
#define NO_HANDLE	SIZE_MAX

#define OP_STATX	52
#define OP_COPY_RANGE64	53

enum light_state {
	LIGHT_FREE,
	LIGHT_LIGHT,
	LIGHT_OPENING,
	LIGHT_REAL,
	LIGHT_FAILED,	/* the daemon would not: who needs it tries again */
};

/* An open that was answered here. */
struct light {
	enum light_state state;
	uint32_t generation;
	struct fuse_in_header by;	/* the OPEN or OPENDIR it was */
	struct fuse_open_in how;
	uint64_t fh;			/* LIGHT_REAL: the daemon's */
};

/* An open that the daemon has granted. */
struct known {
	uint64_t node;
	uint32_t uid, gid;
	uint32_t opcode;
	struct fuse_open_in how;
	uint32_t flags;			/* of its reply, as the kernel got it */
	uint32_t epoch;
};

struct lights {
	pthread_mutex_t lock;
	uint32_t epoch;			/* knowledge of another one is void */
	unsigned int disturbers;	/* at the daemon */
	unsigned int live;		/* not LIGHT_FREE */
	unsigned int next;		/* where to look for a free one */
	struct lights_ticket *parked;
	struct light light[LIGHTS];
	struct known known[SETS][WAYS];
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
static void forget(struct lights *l, const struct fuse_in_header *in, const char *op, size_t len)
{
	struct fuse_batch_forget_in batch;
	struct fuse_forget_one one;

	if (in->opcode == FUSE_FORGET)
		known_drop(l, in->nodeid);
	if (in->opcode != FUSE_BATCH_FORGET || len < sizeof(batch))
		return;
	memcpy(&batch, op, sizeof(batch));
	op += sizeof(batch);
	len -= sizeof(batch);
	for (; batch.count && len >= sizeof(one); batch.count--) {
		memcpy(&one, op, sizeof(one));
		known_drop(l, one.nodeid);
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
	struct known *k;
	struct light *light;

	t->epoch = l->disturbers ? 0 : l->epoch;
	memcpy(&how, op, sizeof(how));
	k = keep && !l->disturbers ? known_find(l, in, &how) : NULL;
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

/* A request that names LIGHT, at FH_AT of MSG. */
static enum lights_verdict use_light(struct lights *l, struct lights_ticket *t,
				     struct light *light, char *msg, size_t fh_at, size_t *len,
				     size_t room, struct lights_answer *a)
{
	struct fuse_in_header in;
	int error = t->error;

	t->error = 0;
	memcpy(&in, msg, sizeof(in));
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

/*
 * Every light handle becomes a real one before what may take its file away. One
 * that the daemon would not open is left: it would not be opened later either.
 */
static enum lights_verdict disturb(struct lights *l, struct lights_ticket *t, char *msg,
				   size_t *len, size_t room)
{
	bool opening = false;

	t->error = 0;
	if (!t->disturbs) {
		t->disturbs = true;
		l->disturbers++;
		l->epoch++;
	}
	for (unsigned int i = 0; l->live && i < LIGHTS; i++) {
		if (l->light[i].state == LIGHT_LIGHT)
			return open_instead(t, &l->light[i], msg, len, room);
		opening |= l->light[i].state == LIGHT_OPENING;
	}
	return opening ? park(l, t) : LIGHTS_DAEMON;
}

static void calm(struct lights *l, struct lights_ticket *t)
{
	t->disturbs = false;
	l->disturbers--;
	l->epoch++;
}

static enum lights_verdict look(struct lights *l, struct lights_ticket *t, char *msg, size_t *len,
				size_t room, bool keep, struct lights_answer *a)
{
	struct fuse_in_header in;
	const char *op = msg + sizeof(in);
	size_t op_len = *len - sizeof(in), fh_at;
	enum lights_verdict verdict = LIGHTS_DAEMON;
	struct light *light;
	uint64_t fh;

	memcpy(&in, msg, sizeof(in));
	if ((in.opcode == FUSE_OPEN || in.opcode == FUSE_OPENDIR) &&
	    op_len >= sizeof(struct fuse_open_in))
		return open_light(l, t, &in, op, keep, a);
	if (disturbs(in.opcode, op, op_len))
		verdict = disturb(l, t, msg, len, room);
	fh_at = handle_at(in.opcode, op, op_len);
	if (verdict != LIGHTS_DAEMON || fh_at == NO_HANDLE || op_len < fh_at + sizeof(fh))
		return verdict;
	memcpy(&fh, op + fh_at, sizeof(fh));
	if (!is_light(fh))
		return LIGHTS_DAEMON;
	light = light_find(l, fh, in.nodeid);
	if (light)
		return use_light(l, t, light, msg, sizeof(in) + fh_at, len, room, a);
	return answered(a, in.unique, ends(in.opcode) ? 0 : -EIO);
}

enum lights_verdict lights_request(struct lights *l, struct lights_ticket *t, char *msg,
				   size_t *len, size_t room, bool keep,
				   struct lights_answer *answer)
{
	enum lights_verdict verdict;

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

/* Another thread may have held the lock when the process forked. */
void lights_forked(struct lights *l)
{
	pthread_mutex_init(&l->lock, NULL);
	l->disturbers++;
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

/*
 * For reading only, and kept by the page cache: else the daemon wants to see
 * each open, or each read.
 */
static bool worth_knowing(const struct fuse_open_in *how, const struct fuse_open_out *open)
{
	return (how->flags & O_ACCMODE) == O_RDONLY && !(how->flags & (O_TRUNC | O_DIRECT)) &&
	       (open->open_flags & FOPEN_KEEP_CACHE) &&
	       !(open->open_flags & ~(uint32_t)(FOPEN_KEEP_CACHE | FOPEN_CACHE_DIR | FOPEN_NOFLUSH));
}

static void learn(struct lights *l, const struct lights_ticket *t,
		  const struct fuse_in_header *req, const void *op, const void *body)
{
	struct fuse_open_in how;
	struct fuse_open_out open;

	memcpy(&how, op, sizeof(how));
	memcpy(&open, body, sizeof(open));
	if (t->epoch == l->epoch && !l->disturbers && worth_knowing(&how, &open))
		known_add(l, req, &how, open.open_flags);
}

void lights_reply(struct lights *l, struct lights_ticket *t, const struct fuse_in_header *req,
		  const void *op, int error, const void *body, bool keep)
{
	bool opened = req->opcode == FUSE_OPEN || req->opcode == FUSE_OPENDIR;

	if (!t->disturbs && !(opened && !error && keep))
		return;
	pthread_mutex_lock(&l->lock);
	if (t->disturbs)
		calm(l, t);
	else
		learn(l, t, req, op, body);
	pthread_mutex_unlock(&l->lock);
}

struct lights_ticket *lights_opened(struct lights *l, struct lights_ticket *t, int error,
				    uint64_t fh)
{
	struct light *light = t->opening;
	struct lights_ticket *parked;

	pthread_mutex_lock(&l->lock);
	t->opening = NULL;
	t->error = error;
	light->state = error ? LIGHT_FAILED : LIGHT_REAL;
	light->fh = fh;
	parked = l->parked;
	l->parked = NULL;
	pthread_mutex_unlock(&l->lock);
	return parked;
}

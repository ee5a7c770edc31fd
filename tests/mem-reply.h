/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mem-reply.h - how fs-mem answers: at once in the thread that asked, or with
 * --async from a pool of threads that never read requests.
 */
#ifndef MEM_REPLY_H
#define MEM_REPLY_H

#include <fuse_lowlevel.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define REPLY_POOL	3

enum reply_kind {
	REPLY_ERR, REPLY_ENTRY, REPLY_CREATE, REPLY_ATTR, REPLY_OPEN, REPLY_BUF, REPLY_WRITE,
	REPLY_XATTR, REPLY_STATFS, REPLY_LSEEK, REPLY_POLL,
};

struct reply {
	struct reply *next;
	fuse_req_t req;
	enum reply_kind kind;
	int err;
	double timeout;
	struct fuse_entry_param entry;
	struct fuse_file_info fi;
	struct statvfs sv;
	struct stat attr;
	uint64_t number;
	size_t size;
	const char *data;
	char copy[];
};

static int reply_async;
static pthread_mutex_t reply_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t reply_cond = PTHREAD_COND_INITIALIZER;
static struct reply *reply_first, **reply_end = &reply_first;
static pthread_t reply_pool[REPLY_POOL];
static int reply_threads, reply_stop;

static void reply_send(const struct reply *r)
{
	switch (r->kind) {
	case REPLY_ERR: fuse_reply_err(r->req, r->err); break;
	case REPLY_ENTRY: fuse_reply_entry(r->req, &r->entry); break;
	case REPLY_CREATE: fuse_reply_create(r->req, &r->entry, &r->fi); break;
	case REPLY_ATTR: fuse_reply_attr(r->req, &r->attr, r->timeout); break;
	case REPLY_OPEN: fuse_reply_open(r->req, &r->fi); break;
	case REPLY_BUF: fuse_reply_buf(r->req, r->data, r->size); break;
	case REPLY_WRITE: fuse_reply_write(r->req, r->size); break;
	case REPLY_XATTR: fuse_reply_xattr(r->req, r->size); break;
	case REPLY_STATFS: fuse_reply_statfs(r->req, &r->sv); break;
	case REPLY_LSEEK: fuse_reply_lseek(r->req, (off_t)r->number); break;
	case REPLY_POLL: fuse_reply_poll(r->req, (unsigned int)r->number); break;
	}
}

/* The next reply to send, or NULL when there are no more and the pool ends. */
static struct reply *reply_next(void)
{
	struct reply *r;

	pthread_mutex_lock(&reply_lock);
	while (!reply_first && !reply_stop)
		pthread_cond_wait(&reply_cond, &reply_lock);
	r = reply_first;
	if (r)
		reply_first = r->next;
	if (!reply_first)
		reply_end = &reply_first;
	pthread_mutex_unlock(&reply_lock);
	return r;
}

static void *reply_thread(void *arg)
{
	struct reply *r;

	(void)arg;
	while ((r = reply_next())) {
		reply_send(r);
		free(r);
	}
	return NULL;
}

static void reply_start_pool(void)
{
	while (reply_threads < REPLY_POOL &&
	       pthread_create(&reply_pool[reply_threads], NULL, reply_thread, NULL) == 0)
		reply_threads++;
}

/* What is queued is sent first. Nobody may reply once the device is closed. */
static void reply_stop_pool(void)
{
	pthread_mutex_lock(&reply_lock);
	reply_stop = 1;
	pthread_cond_broadcast(&reply_cond);
	pthread_mutex_unlock(&reply_lock);
	while (reply_threads > 0)
		pthread_join(reply_pool[--reply_threads], NULL);
}

/* Send R now, or hand a copy of it and its data to the pool. */
static void reply(const struct reply *r)
{
	struct reply *copy;

	if (!reply_async) {
		reply_send(r);
		return;
	}
	copy = malloc(sizeof(*r) + (r->kind == REPLY_BUF ? r->size : 0));
	if (!copy)
		abort();
	*copy = *r;
	copy->next = NULL;
	if (r->kind == REPLY_BUF) {
		if (r->size)
			memcpy(copy->copy, r->data, r->size);
		copy->data = copy->copy;
	}
	pthread_mutex_lock(&reply_lock);
	*reply_end = copy;
	reply_end = &copy->next;
	pthread_cond_signal(&reply_cond);
	pthread_mutex_unlock(&reply_lock);
}

static void reply_err(fuse_req_t req, int err)
{
	struct reply r = { .req = req, .kind = REPLY_ERR, .err = err < 0 ? -err : err };

	reply(&r);
}

static void reply_buf(fuse_req_t req, const char *data, size_t size)
{
	struct reply r = { .req = req, .kind = REPLY_BUF, .data = data, .size = size };

	reply(&r);
}

static void reply_size(fuse_req_t req, enum reply_kind kind, size_t size)
{
	struct reply r = { .req = req, .kind = kind, .size = size };

	reply(&r);
}

#endif

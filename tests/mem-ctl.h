/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mem-ctl.h - the file .ctl of an fs-mem mount. A line written there is a
 * command, its result that of the write; reading it shows counters.
 *
 *   inval_inode NAME | inval_entry NAME | delete NAME	notify the kernel
 *   store NAME TEXT		change the contents and put them into its cache
 *   change NAME TEXT		change the contents behind its back
 *   remove NAME		remove the name behind its back
 *   appear NAME		make a file of that name behind its back
 *   retrieve NAME		fetch what it has cached into `retrieved` below
 *   wake NAME			make it readable for poll(2) and say so
 *   unblock			let the waiting reads of block* files return
 *   fork | spawn		a child that stays a minute; run a program and wait
 *   exit			leave without a word
 */
#ifndef MEM_CTL_H
#define MEM_CTL_H

#include <signal.h>

#include "mem-name.h"

struct blocked {
	struct blocked *next;
	fuse_req_t req;
};

static struct fuse_session *ctl_session;	/* the first mount's */
static pthread_mutex_t ctl_lock = PTHREAD_MUTEX_INITIALIZER;
static struct blocked *ctl_blocked;
static char ctl_retrieved[256];
static unsigned long ctl_interrupts;
static int mem_keep_cache;

/* Take REQ off the list; whoever succeeds answers it. */
static bool ctl_unlist(fuse_req_t req)
{
	struct blocked **p = &ctl_blocked, *b;

	while (*p && (*p)->req != req)
		p = &(*p)->next;
	b = *p;
	if (b)
		*p = b->next;
	free(b);
	return b;
}

static void ctl_interrupted(fuse_req_t req, void *data)
{
	bool mine;

	(void)data;
	pthread_mutex_lock(&ctl_lock);
	mine = ctl_unlist(req);
	ctl_interrupts++;
	pthread_mutex_unlock(&ctl_lock);
	if (mine)
		fuse_reply_err(req, EINTR);
}

/* Leave REQ unanswered until it is interrupted or unblocked. */
static void ctl_block(fuse_req_t req)
{
	struct blocked *b = malloc(sizeof(*b));

	if (!b)
		abort();
	b->req = req;
	pthread_mutex_lock(&ctl_lock);
	b->next = ctl_blocked;
	ctl_blocked = b;
	pthread_mutex_unlock(&ctl_lock);
	fuse_req_interrupt_func(req, ctl_interrupted, NULL);
}

/*
 * The requests are answered without the lock and with no interrupt function,
 * so that neither this thread nor the interrupted one finds the other at work.
 */
static int ctl_unblock(void)
{
	struct blocked *list, *b;

	pthread_mutex_lock(&ctl_lock);
	list = ctl_blocked;
	ctl_blocked = NULL;
	pthread_mutex_unlock(&ctl_lock);
	while ((b = list)) {
		list = b->next;
		fuse_req_interrupt_func(b->req, NULL, NULL);
		fuse_reply_buf(b->req, "unblocked\n", 10);
		free(b);
	}
	return 0;
}

static int ctl_fork(void)
{
	pid_t pid = fork();

	if (pid == 0) {
		sleep(60);
		_exit(0);
	}
	return pid < 0 ? -errno : 0;
}

static int ctl_change(struct node *node, const char *text)
{
	int fd = node_fd(node);
	size_t len = strlen(text);

	if (fd < 0 || pwrite(fd, text, len, 0) != (ssize_t)len)
		return -EIO;
	return 0;	/* the times stay: only a notification tells */
}

static int ctl_store(fuse_ino_t ino, char *text)
{
	struct fuse_bufvec buf = FUSE_BUFVEC_INIT(strlen(text));

	buf.buf[0].mem = text;
	return fuse_lowlevel_notify_store(ctl_session, ino, 0, &buf, 0);
}

static int ctl_wake(struct node *node)
{
	struct fuse_pollhandle *ph = node->poll;
	int err;

	node->ready = true;
	node->poll = NULL;
	if (!ph)
		return 0;
	err = fuse_lowlevel_notify_poll(ph);
	fuse_pollhandle_destroy(ph);
	return err;
}

/* What a command asks the kernel, after it did its part under the lock. */
static int ctl_notify(const char *cmd, fuse_ino_t ino, const char *name, char *text)
{
	size_t len = strlen(name);

	if (strcmp(cmd, "inval_inode") == 0)
		return fuse_lowlevel_notify_inval_inode(ctl_session, ino, 0, 0);
	if (strcmp(cmd, "inval_entry") == 0)
		return fuse_lowlevel_notify_inval_entry(ctl_session, FUSE_ROOT_ID, name, len);
	if (strcmp(cmd, "delete") == 0)
		return fuse_lowlevel_notify_delete(ctl_session, FUSE_ROOT_ID, ino, name, len);
	if (strcmp(cmd, "store") == 0)
		return ctl_store(ino, text);
	if (strcmp(cmd, "retrieve") == 0)
		return fuse_lowlevel_notify_retrieve(ctl_session, ino, sizeof(ctl_retrieved) - 1,
						     0, NULL);
	return 0;
}

/* The commands that change the store; -EINVAL for one nobody knows. */
static int ctl_apply(struct store *st, const char *cmd, struct dentry *d, const char *text)
{
	static const char *const others[] = {
		"inval_inode", "inval_entry", "delete", "retrieve",
	};

	if (strcmp(cmd, "store") == 0 || strcmp(cmd, "change") == 0)
		return ctl_change(d->node, text);
	if (strcmp(cmd, "wake") == 0)
		return ctl_wake(d->node);
	if (strcmp(cmd, "remove") == 0) {
		dentry_remove(st, d);
		return 0;
	}
	for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++)
		if (strcmp(cmd, others[i]) == 0)
			return 0;
	return -EINVAL;
}

static int ctl_appear(struct store *st, const char *name)
{
	int err = -EINVAL;

	pthread_mutex_lock(&st->lock);
	if (name && !dentry_find(st, st->root, name)) {
		dentry_add(st, st->root, name, node_new(st, S_IFREG | 0644, getuid(), getgid()));
		err = 0;
	}
	pthread_mutex_unlock(&st->lock);
	return err;
}

static int ctl_run(struct store *st, char *line)
{
	char *save, *cmd = strtok_r(line, " \n", &save);
	char *name = strtok_r(NULL, " \n", &save), *text = strtok_r(NULL, "\n", &save);
	fuse_ino_t ino = 0;
	struct dentry *d;
	int err = -ENOENT;

	if (!cmd)
		return -EINVAL;
	if (strcmp(cmd, "exit") == 0)
		_exit(3);
	if (strcmp(cmd, "fork") == 0)
		return ctl_fork();
	if (strcmp(cmd, "spawn") == 0)
		return system("exit 7") == 7 << 8 ? 0 : -ECHILD;
	if (strcmp(cmd, "unblock") == 0)
		return ctl_unblock();
	if (strcmp(cmd, "appear") == 0)
		return ctl_appear(st, name);
	pthread_mutex_lock(&st->lock);
	d = name ? dentry_find(st, st->root, name) : NULL;
	if (d) {
		ino = mem_ino(st, d->node);
		err = ctl_apply(st, cmd, d, text ? text : "");
	} else if (name && strcmp(cmd, "inval_entry") == 0) {
		err = 0;
	}
	pthread_mutex_unlock(&st->lock);
	return err ? err : ctl_notify(cmd, ino, name, text ? text : "");
}

static void ctl_write(fuse_req_t req, struct fuse_bufvec *in)
{
	char line[4096];
	struct fuse_bufvec out = FUSE_BUFVEC_INIT(sizeof(line) - 1);
	ssize_t len;
	int err;

	out.buf[0].mem = line;
	len = fuse_buf_copy(&out, in, 0);
	if (len < 0) {
		reply_err(req, (int)len);
		return;
	}
	line[len] = '\0';
	err = ctl_run(mem_store(req), line);
	if (err)
		reply_err(req, err);
	else
		reply_size(req, REPLY_WRITE, (size_t)len);
}

static void ctl_retrieve_reply(fuse_req_t req, void *cookie, fuse_ino_t ino, off_t off,
			       struct fuse_bufvec *in)
{
	struct fuse_bufvec out = FUSE_BUFVEC_INIT(sizeof(ctl_retrieved) - 1);
	char buf[sizeof(ctl_retrieved)] = "";

	(void)cookie;
	(void)ino;
	(void)off;
	out.buf[0].mem = buf;
	fuse_buf_copy(&out, in, 0);
	pthread_mutex_lock(&ctl_lock);
	memcpy(ctl_retrieved, buf, sizeof(buf));
	pthread_mutex_unlock(&ctl_lock);
	fuse_reply_none(req);
}

static unsigned int ctl_count_blocked(void)
{
	unsigned int n = 0;

	for (struct blocked *b = ctl_blocked; b; b = b->next)
		n++;
	return n;
}

/* The counters, as key=value lines; unlocks. */
static void ctl_read(fuse_req_t req, struct store *st, off_t off, size_t size)
{
	char text[1024];
	int len;

	pthread_mutex_lock(&ctl_lock);
	len = snprintf(text, sizeof(text),
		       "pid=%d\nnodes=%lu\nforgets=%lu\ninterrupts=%lu\nblocked=%u\nretrieved=%s\n",
		       getpid(), st->last_ino, mem_forgets, ctl_interrupts, ctl_count_blocked(),
		       ctl_retrieved);
	pthread_mutex_unlock(&ctl_lock);
	mem_unlock(st);
	if (off >= len)
		reply_buf(req, NULL, 0);
	else
		reply_buf(req, text + off, (size_t)(len - off) < size ? (size_t)(len - off) : size);
}

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mirror-node.h - the nodes of fs-mirror: files of the source folder that the
 * kernel holds lookups of, each with a descriptor that keeps it.
 *
 * A node id is a place in a table and is used again, at once, for another file
 * when its lookups are forgotten, which FUSE allows. A FORGET of more than was
 * looked up ends the process.
 */
#ifndef MIRROR_NODE_H
#define MIRROR_NODE_H

#include <errno.h>
#include <fcntl.h>
#include <fuse_lowlevel.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define NODES	8192

struct node {
	int fd;			/* O_PATH; -1: free */
	dev_t dev;
	ino_t ino;
	uint64_t nlookup;
};

/* All under node_lock. The root is node FUSE_ROOT_ID, the control file node_ctl. */
static struct node nodes[NODES];
static const fuse_ino_t node_ctl = FUSE_ROOT_ID + 1;
static fuse_ino_t node_top = FUSE_ROOT_ID + 2;	/* those from here on were never used */
static pthread_mutex_t node_lock = PTHREAD_MUTEX_INITIALIZER;

static int node_init(int root, int ctl)
{
	struct stat st;

	if (root < 0 || ctl < 0 || fstat(root, &st))
		return -1;
	for (fuse_ino_t i = 0; i < NODES; i++)
		nodes[i].fd = -1;
	nodes[FUSE_ROOT_ID] = (struct node){ .fd = root, .dev = st.st_dev, .ino = st.st_ino };
	nodes[node_ctl].fd = ctl;
	return 0;
}

/* The descriptor of a node that the kernel holds; it stays while a request does. */
static int node_fd(fuse_ino_t id)
{
	int fd;

	pthread_mutex_lock(&node_lock);
	fd = id < NODES ? nodes[id].fd : -1;
	pthread_mutex_unlock(&node_lock);
	if (fd < 0) {
		fprintf(stderr, "fs-mirror: a request for node %lu, which is none\n", id);
		abort();
	}
	return fd;
}

/* The path of a node, whatever became of its names. */
static const char *node_path(fuse_ino_t id, char *buf)
{
	sprintf(buf, "/proc/self/fd/%d", node_fd(id));
	return buf;
}

static fuse_ino_t find_locked(dev_t dev, ino_t ino)
{
	for (fuse_ino_t i = FUSE_ROOT_ID; i < node_top; i++)
		if (nodes[i].fd >= 0 && nodes[i].ino == ino && nodes[i].dev == dev)
			return i;
	return 0;
}

/* The node of a file by its inode number, 0 if the kernel holds none. */
static fuse_ino_t node_find(ino_t ino)
{
	fuse_ino_t id;

	pthread_mutex_lock(&node_lock);
	id = find_locked(nodes[FUSE_ROOT_ID].dev, ino);
	pthread_mutex_unlock(&node_lock);
	return id;
}

/* Counts a lookup of the file that fd is open on, and takes fd. Returns its node. */
static fuse_ino_t node_get(int fd, const struct stat *st)
{
	fuse_ino_t id;

	pthread_mutex_lock(&node_lock);
	id = find_locked(st->st_dev, st->st_ino);
	if (id) {
		close(fd);
	} else {
		for (id = node_ctl + 1; id < node_top && nodes[id].fd >= 0; id++)
			;
		if (id == NODES)
			abort();
		if (id == node_top)
			node_top++;
		nodes[id] = (struct node){ .fd = fd, .dev = st->st_dev, .ino = st->st_ino };
	}
	nodes[id].nlookup++;
	pthread_mutex_unlock(&node_lock);
	return id;
}

static void node_forget(fuse_ino_t id, uint64_t n)
{
	struct node *node = &nodes[id];

	if (id == FUSE_ROOT_ID)
		return;
	pthread_mutex_lock(&node_lock);
	if (node->fd < 0 || n > node->nlookup) {
		fprintf(stderr, "fs-mirror: FORGET of %lu of node %lu, but %lu were looked up\n",
			n, id, node->fd < 0 ? 0 : node->nlookup);
		abort();
	}
	node->nlookup -= n;
	if (!node->nlookup && id != node_ctl) {
		close(node->fd);
		node->fd = -1;
	}
	pthread_mutex_unlock(&node_lock);
}

/* How many nodes are held beside the two that always are. */
static unsigned int node_count(void)
{
	unsigned int n = 0;

	pthread_mutex_lock(&node_lock);
	for (fuse_ino_t i = node_ctl + 1; i < node_top; i++)
		n += nodes[i].fd >= 0;
	pthread_mutex_unlock(&node_lock);
	return n;
}

#endif

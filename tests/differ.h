/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * differ.h - what the parts of the differential tester share: the three places
 * in which a file is looked at, and one operation.
 */
#ifndef DIFFER_H
#define DIFFER_H

#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "ex-bytes.h"

#define DIFFER_SLOTS	4	/* files that stay open between operations */
#define DIFFER_USERS	3

/* The mount, the folder that it shows, and one that gets the same operations. */
enum { MOUNT, BACKING, SECOND, PLACES };

static const char *const place_names[PLACES] = { "mount", "backing", "second" };

struct place {
	char root[PATH_MAX];	/* where paths of operations begin */
	int slot[DIFFER_SLOTS];
};

/* After an operation at its names and held files, and before it, so that c is known. */
enum looks {
	LOOK_C = 1, LOOK_B = 2, LOOK_FOLDER = 4, LOOK_A = 8, LOOK_HELD = 16, LOOK_BEFORE = 32,
};

struct op {
	const struct op_kind *kind;
	unsigned int index;	/* in its sequence */
	unsigned int user, looker;	/* who does it, and who looks at it then */
	bool behind;		/* the mount: done in the backing folder */
	bool thorough;		/* contents and extended attributes are looked at */
	unsigned int looks;	/* enum looks: at what */
	char a[24], b[24], c[24];	/* c is only looked at */
	uint64_t arg;
};

struct op_kind {
	const char *name;
	int64_t (*run)(struct place *p, const struct op *op);	/* negative: -errno */
	bool here;		/* not behind the mount: it is of an open file */
	bool data;		/* it has to do with what a file holds */
};

/* Who may open a pipe is found out by its file system, or by nobody. */
static bool differ_no_pipes;

static bool differ_contents;	/* mostly what files hold is changed and looked at */

static bool differ_acl;	/* access control lists are set */

static const uid_t differ_uids[DIFFER_USERS] = { 0, 1000, 1001 };

/* The second user is in the third one's group as well. */
static const gid_t differ_group = 1001;

/* The path of an operation's name in a place. There are two at a time. */
static const char *at(const struct place *p, const char *rel)
{
	static char paths[2][PATH_MAX + 64];
	static int turn;

	turn = !turn;
	snprintf(paths[turn], sizeof(paths[turn]), "%s/%s", p->root, rel);
	return paths[turn];
}

static int64_t result(int64_t ret)
{
	return ret < 0 ? -errno : ret;
}

/* ret, and fd is closed; errno is that of ret. */
static int64_t and_close(int fd, int64_t ret)
{
	ret = result(ret);
	close(fd);
	return ret;
}

#endif

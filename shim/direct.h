/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * direct.h - efuse.direct=verify: which of the daemon's own files backs what it opens,
 * and whether both hold the same, before the efuse driver reads the file itself.
 *
 * A thread that is handed an OPEN for reading, opens one descriptor and answers, has
 * opened the file that backs it, perhaps. The driver is told which it is and reads
 * nothing from it yet. From then on what the daemon answers to a READ is compared with
 * the file. When enough different ranges, of more than one file, held the same, the
 * driver may read; it goes on asking the daemon now and then, and those answers are
 * compared as well. One difference, or one file behind two nodes, ends it for good.
 *
 * A READ that raced a change of its file says nothing: the file must be the same before
 * the daemon saw the READ and after the comparison, in what it is, size, times and what it
 * holds there, and not have been changed just then. A range of one byte's repetition says
 * nothing either: it survives most of what a file system does to contents.
 *
 * With efuse.direct=verify,rw the same is done for an OPEN for both reading and writing, and
 * after a WRITE the file is compared with what was written. When enough WRITEs were found
 * there the driver may write as well, and read what was written; some go on going to the
 * daemon and are compared. What was written is kept as a digest, as a daemon may change it
 * where it is before it answers.
 *
 * `lock` protects the table and what was learnt. What the thread was handed last is
 * the thread's own.
 */
#ifndef EFUSE_SHIM_DIRECT_H
#define EFUSE_SHIM_DIRECT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>
#include <linux/fuse.h>

#include "shim/stats.h"

struct direct;

/*
 * For a connection of an efuse driver with EFUSE_F_DIRECT; with WRITES for WRITEs as well.
 * What it comes to is written to STATS, which stay as long. NULL without memory.
 */
struct direct *direct_new(struct stats_head *stats, bool writes);
void direct_free(struct direct *d);	/* D may be NULL */

/*
 * In the child after fork(2), when it begins to read from DEVICE: it does not see what the
 * parent answers, nor the parent what it does, so it is over. STATS are the child's.
 */
void direct_forked(struct direct *d, int device, struct stats_head *stats);

/*
 * This thread got the request of LEN bytes at MSG, any alignment, from DEVICE or a ring of
 * it. Keeps errno.
 */
void direct_request(struct direct *d, int device, const void *msg, size_t len);

/* This thread opened FD. Keeps errno. */
void direct_opened(int fd);

/*
 * This thread is about to answer a request that it read from DEVICE, or a ring of it, with
 * the message of TOTAL bytes and header OUT, checked by proto_check_out(). Keeps errno.
 */
void direct_reply(struct direct *d, int device, const struct fuse_out_header *out,
		  const struct iovec *iov, int count, size_t total);

#endif

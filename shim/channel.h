/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * channel.h - how requests come in and replies go out: the one interface that
 * dev.c, uring.c and ring.c implement and session.c uses.
 */
#ifndef EFUSE_SHIM_CHANNEL_H
#define EFUSE_SHIM_CHANNEL_H

#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

struct cache_request;
struct session;
struct fuse_in_header;
struct fuse_out_header;

struct channel {
	const char *name;
	int id;			/* enum stats_channel */

	/*
	 * Two steps around the INIT reply. prepare() gets everything ready
	 * that may fail while plain FUSE is still possible; PAYLOAD is what a
	 * request or reply may hold, in bytes. start() runs after the kernel
	 * took the reply. Both return 0 or -errno with the reason recorded;
	 * after a failure nothing is left of the channel.
	 */
	int (*prepare)(struct session *s, int fd, uint32_t payload);
	int (*start)(struct session *s);

	/* The next request, as session_read() returns it. */
	ssize_t (*next)(struct session *s, int fd, void *buf, size_t size);

	/*
	 * The daemon's reply of TOTAL bytes, header OUT checked already.
	 * Returns TOTAL or -errno.
	 */
	ssize_t (*reply)(struct session *s, int fd, const struct fuse_out_header *out,
			 const struct iovec *iov, int count, size_t total);

	/* Wakes every thread in next(); they return -ENODEV. */
	void (*wake)(struct session *s);

	/* Nobody uses the channel any more: gives everything back. */
	void (*stop)(struct session *s);
};

extern const struct channel channel_dev;
extern const struct channel channel_uring;
extern const struct channel channel_ring;

/* Of the dev channel, for one that leaves part of its requests to the device: */

/* The request IN came from the device: it is counted, and its time is taken. */
void dev_note(struct session *s, const struct fuse_in_header *in);

/*
 * Writes the reply to REQ, NULL when it is none that a cache policy concerns, to FD.
 * As channel.reply().
 */
ssize_t dev_reply_to(struct session *s, int fd, const struct cache_request *req,
		     const struct iovec *iov, int count, size_t total);

#endif

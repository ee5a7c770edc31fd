/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * proto.h - FUSE messages, checked. Pure functions over memory: no system
 * call, no state, nothing of the session. The formats are those of
 * <linux/fuse.h>; what the kernel would refuse is refused with the same errno.
 */
#ifndef EFUSE_SHIM_PROTO_H
#define EFUSE_SHIM_PROTO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>
#include <linux/fuse.h>

#include "shim/uring_abi.h"

/* What an INIT request offers. */
struct proto_offer {
	uint64_t unique;
	uint32_t minor;
	uint32_t flags;		/* the lower 32 */
	bool uring;		/* the kernel offers FUSE-over-io_uring */
};

/* What an INIT reply agreed on. */
struct proto_agreed {
	uint32_t major;
	uint32_t minor;
	uint32_t max_write;	/* bytes */
	uint32_t payload;	/* bytes a ring entry must hold at the least */
	uint32_t flags;		/* the lower 32 */
	bool uring;		/* the daemon speaks FUSE-over-io_uring itself */
};

/*
 * Reads an INIT request of SIZE bytes at MSG. Returns 0, or -EINVAL when MSG
 * is no complete INIT request of protocol 7.
 */
int proto_init_offer(const void *msg, size_t size, struct proto_offer *offer);

/*
 * Takes the splice bits out of an INIT request, in place: a daemon that takes
 * its requests from a ring gains nothing from pipes. MSG was accepted by
 * proto_init_offer().
 */
void proto_init_hide_splice(void *msg);

/*
 * Reads a daemon's INIT reply of SIZE bytes at MSG, fuse_out_header included.
 * Returns 0, -EINVAL for a malformed one, or -ENODATA when the daemon refused
 * (an error, or a major version other than 7, which asks for another INIT).
 */
int proto_init_agreed(const void *msg, size_t size, struct proto_agreed *agreed);

/*
 * The smallest buffer, in bytes, that read(2) of the device accepts once this
 * is agreed (fuse_dev_do_read).
 */
size_t proto_min_read(const struct proto_agreed *agreed);

#define PROTO_INIT_REPLY_SIZE (sizeof(struct fuse_out_header) + sizeof(struct fuse_init_out))

/*
 * Writes to OUT the same reply in the full length of struct fuse_init_out and
 * with FUSE-over-io_uring agreed. MSG of SIZE bytes was accepted by
 * proto_init_agreed(). Returns the length, PROTO_INIT_REPLY_SIZE.
 */
size_t proto_init_rewrite(const void *msg, size_t size, void *out);

/* The sum of COUNT iovec lengths, or -EINVAL when it does not fit an int. */
ssize_t proto_iov_length(const struct iovec *iov, int count);

/*
 * Copies up to SIZE bytes, from byte SKIP on, out of an iovec array to BUF.
 * Returns the bytes copied.
 */
size_t proto_iov_gather(const struct iovec *iov, int count, size_t skip, void *buf, size_t size);

/* The other way: SIZE bytes at BUF into an iovec array from byte SKIP on. */
size_t proto_iov_scatter(const struct iovec *iov, int count, size_t skip, const void *buf,
			 size_t size);

/*
 * Checks the header of a daemon's message of TOTAL bytes as fs/fuse/dev.c
 * does: length, and for a reply the range of the error. Returns 0 or -EINVAL.
 */
int proto_check_out(const struct fuse_out_header *out, size_t total);

/*
 * The length of the request that a ring entry holds (header, opcode header and
 * payload; PAYLOAD bytes is the entry's room), or -EIO when its three lengths
 * contradict each other.
 */
ssize_t proto_ring_request(const struct abi_req_header *hdr, size_t payload);

/*
 * Puts the request that proto_ring_request() found LENGTH bytes long together
 * as read(2) from /dev/fuse would have returned it. BUF has room for LENGTH.
 */
void proto_ring_assemble(const struct abi_req_header *hdr, const void *payload, size_t length,
			 void *buf);

/*
 * Whether the request with this fuse_in_header, and OP behind it, is readahead, which
 * nobody waits for yet: a READ of PROTO_READAHEAD_MIN bytes or more that is neither
 * direct nor one on behalf of a lock owner, as fs/fuse/file.c sends it.
 */
#define PROTO_READAHEAD_MIN (32 * 1024)
bool proto_readahead(const void *header, const void *op);

/*
 * The next whole entry of a READDIRPLUS reply with *SIZE bytes left at *BODY, 8-byte
 * aligned; both step over it. NULL at the end, and where the kernel would stop. An
 * entry without a node is a bare name.
 */
struct fuse_direntplus *proto_dirent_next(char **body, size_t *size);

/*
 * FUSE_NOTIFY_RETRIEVE carries an id of the daemon's choosing which the kernel
 * gives back as the `unique` of a FUSE_NOTIFY_REPLY; on a ring that id shares a
 * name space with the kernel's own requests. These move it into a range of its
 * own (bit 62) and back. Both change MSG in place when it is such a message.
 */
void proto_retrieve_out(void *msg, size_t size);
void proto_retrieve_in(void *msg, size_t size);

/*
 * A FUSE_NOTIFY_RETRIEVE of nothing at all: the kernel answers with a
 * FUSE_NOTIFY_REPLY of this `unique` in the queue of the core that wrote it.
 */
#define PROTO_PULL_UNIQUE (3ull << 61)

struct proto_pull {
	struct fuse_out_header out;
	struct fuse_notify_retrieve_out arg;
};

struct proto_pull proto_pull(void);

#endif

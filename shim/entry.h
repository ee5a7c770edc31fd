/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * entry.h - ring entries: the pair of buffers through which one request and
 * its reply travel.
 *
 * An entry belongs to one core's queue for good. At any time it is held by the
 * kernel (waiting for a request), or by one thread of the daemon (between
 * fetch and commit); nobody else touches its memory. Memory is reserved when
 * the entry is made and costs pages only once a request used them. Entries
 * live until their connection ends.
 */
#ifndef EFUSE_SHIM_ENTRY_H
#define EFUSE_SHIM_ENTRY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "shim/lights.h"
#include "shim/uring_abi.h"

struct port;

struct entry {
	struct entry *next_all;		/* entries.all, never changes */
	struct entry *next;		/* lane or inbox, under the uring lock */
	struct abi_req_header *hdr;
	void *payload;
	struct iovec iov[2];		/* header and payload, for REGISTER */
	struct port *port;		/* the io_uring it was last submitted on */
	uint64_t unique;		/* of the request at the daemon, else 0; atomic */
	uint64_t commit_id;		/* how the kernel names it */
	uint64_t since;			/* CLOCK_MONOTONIC ns when handed to the daemon */
	uint32_t opcode;
	uint16_t qid;
	struct lights_ticket ticket;	/* of the request it carries */
};

#define ENTRY_HINTS 1024

/* All entries of a connection. */
struct entries {
	struct entry *all;		/* grows at the head only; atomic */
	size_t payload;			/* bytes of payload each holds */
	struct entry *hint[ENTRY_HINTS];	/* by unique, may be wrong; atomic */
};

/*
 * A new entry for queue QID with the memory reserved, in the list. Returns
 * NULL without memory. Any thread.
 */
struct entry *entry_new(struct entries *es, uint16_t qid);

/* Unmaps all of them. Nobody, the kernel included, uses one any more. */
void entries_release(struct entries *es);

/* E carries the request UNIQUE from now on. */
void entry_publish(struct entries *es, struct entry *e, uint64_t unique);

/*
 * Takes the entry that carries UNIQUE for the calling thread alone, so that a
 * second reply to the same request finds nothing. NULL when there is none.
 */
struct entry *entry_claim(struct entries *es, uint64_t unique);

#endif

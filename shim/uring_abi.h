/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * uring_abi.h - FUSE-over-io_uring as Linux 6.14 and newer speak it
 * (Documentation/filesystems/fuse/fuse-io-uring.rst, <linux/fuse.h> of 7.42),
 * and the two INIT fields of it, for systems whose headers are older.
 */
#ifndef EFUSE_SHIM_URING_ABI_H
#define EFUSE_SHIM_URING_ABI_H

#include <stdint.h>

/* INIT flag bit 41, that is bit 9 of flags2. */
#define ABI_OVER_IO_URING_FLAGS2	(1u << 9)

#define ABI_CMD_REGISTER		1
#define ABI_CMD_COMMIT_AND_FETCH	2

#define ABI_IN_OUT_SIZE			128
#define ABI_OP_IN_SIZE			128

struct abi_ent_in_out {
	uint64_t flags;
	uint64_t commit_id;	/* names the request in COMMIT_AND_FETCH */
	uint32_t payload_sz;	/* bytes of payload, request and reply */
	uint32_t padding;
	uint64_t reserved;
};

/* The first of the two buffers of a ring entry; the second is the payload. */
struct abi_req_header {
	char in_out[ABI_IN_OUT_SIZE];	/* fuse_in_header, then fuse_out_header */
	char op_in[ABI_OP_IN_SIZE];	/* the opcode's own header */
	struct abi_ent_in_out ent;
};

/* What the second half of a 128-byte SQE holds. */
struct abi_cmd_req {
	uint64_t flags;
	uint64_t commit_id;
	uint16_t qid;
	uint8_t padding[6];
};

_Static_assert(sizeof(struct abi_req_header) == 288, "kernel ABI");
_Static_assert(sizeof(struct abi_cmd_req) == 24, "kernel ABI");

#endif

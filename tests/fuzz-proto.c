// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * fuzz-proto.c - the shim's parsing of requests, replies and ring entries on
 * arbitrary bytes. The first byte says which; every buffer is exactly as long
 * as what the parser was told, so that the address sanitizer sees each step
 * too far.
 */
#include <stdlib.h>

#include "shim/proto.c"

static void fuzz_offer(char *msg, size_t size)
{
	struct proto_offer offer;

	if (!proto_init_offer(msg, size, &offer) &&
	    size >= ((struct fuse_in_header *)msg)->len)
		proto_init_hide_splice(msg);
	proto_retrieve_in(msg, size);
}

static void fuzz_reply(char *msg, size_t size)
{
	struct proto_agreed agreed;
	char *out;

	proto_retrieve_out(msg, size);
	if (proto_init_agreed(msg, size, &agreed))
		return;
	out = malloc(PROTO_INIT_REPLY_SIZE);
	if (proto_init_rewrite(msg, size, out) != PROTO_INIT_REPLY_SIZE)
		abort();
	free(out);
}

static void fuzz_ring(const char *msg, size_t size)
{
	struct abi_req_header hdr;
	size_t room;
	ssize_t len;
	char *buf;

	if (size < sizeof(hdr))
		return;
	memcpy(&hdr, msg, sizeof(hdr));
	room = size - sizeof(hdr);
	len = proto_ring_request(&hdr, room);
	if (len < 0)
		return;
	buf = malloc((size_t)len);
	proto_ring_assemble(&hdr, msg + sizeof(hdr), (size_t)len, buf);
	free(buf);
}

static void fuzz_iov(char *msg, size_t size)
{
	struct iovec iov[4];
	char *copy = malloc(size + 1);
	size_t skip = size ? (unsigned char)msg[0] : 0, at = 0, got;
	int i;

	for (i = 0; i < 4; i++) {
		iov[i].iov_base = msg + at;
		iov[i].iov_len = i < 3 ? (size - at) / 3 : size - at;
		at += iov[i].iov_len;
	}
	if (proto_iov_length(iov, 4) != (ssize_t)size)
		abort();
	got = proto_iov_gather(iov, 4, skip, copy, size);
	if (got != (skip < size ? size - skip : 0) || memcmp(copy, msg + size - got, got))
		abort();
	proto_iov_scatter(iov, 4, skip, copy, got);
	free(copy);
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
	char *msg;

	if (!size)
		return 0;
	msg = malloc(size);
	memcpy(msg, data + 1, size - 1);
	switch (data[0] % 4) {
	case 0: fuzz_offer(msg, size - 1); break;
	case 1: fuzz_reply(msg, size - 1); break;
	case 2: fuzz_ring(msg, size - 1); break;
	default: fuzz_iov(msg, size - 1);
	}
	free(msg);
	return 0;
}

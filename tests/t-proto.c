// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * t-proto.c - FUSE messages as shim/proto.c reads and writes them.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "shim/proto.h"

static int tests, failures;

static void check(int good, const char *what)
{
	tests++;
	failures += !good;
	printf("%sok %d - %s\n", good ? "" : "not ", tests, what);
}

struct init_request {
	struct fuse_in_header in;
	struct fuse_init_in init;
};

struct init_reply {
	struct fuse_out_header out;
	struct fuse_init_out init;
};

static struct init_request request(uint32_t flags, uint32_t flags2)
{
	struct init_request r = {
		.in = { .len = sizeof(r), .opcode = FUSE_INIT, .unique = 2 },
		.init = { .major = 7, .minor = 44, .flags = flags, .flags2 = flags2 },
	};
	return r;
}

static void offer_test(void)
{
	struct init_request r = request(FUSE_INIT_EXT, ABI_OVER_IO_URING_FLAGS2);
	struct proto_offer o;

	check(!proto_init_offer(&r, sizeof(r), &o) && o.uring && o.minor == 44 && o.unique == 2,
	      "offer: full INIT with io_uring");
	r = request(0, ABI_OVER_IO_URING_FLAGS2);
	check(!proto_init_offer(&r, sizeof(r), &o) && !o.uring,
	      "offer: flags2 without INIT_EXT means nothing");
	r = request(FUSE_INIT_EXT, ABI_OVER_IO_URING_FLAGS2);
	check(!proto_init_offer(&r, sizeof(r.in) + 16, &o) && !o.uring,
	      "offer: a short INIT of an old kernel");
	check(proto_init_offer(&r, sizeof(r.in) + 7, &o) == -EINVAL, "offer: cut off");
	r.in.opcode = FUSE_LOOKUP;
	check(proto_init_offer(&r, sizeof(r), &o) == -EINVAL, "offer: another opcode");
	r = request(0, 0);
	r.init.major = 8;
	check(proto_init_offer(&r, sizeof(r), &o) == -EINVAL, "offer: another protocol");
}

static void splice_test(void)
{
	struct init_request r = request(FUSE_SPLICE_READ | FUSE_SPLICE_WRITE | FUSE_SPLICE_MOVE |
					FUSE_ASYNC_READ, 0);

	proto_init_hide_splice(&r);
	check(r.init.flags == FUSE_ASYNC_READ, "hide_splice: just the splice bits");
}

static struct init_reply reply(uint32_t major, uint32_t max_write)
{
	struct init_reply r = {
		.out = { .len = sizeof(r), .unique = 2 },
		.init = { .major = major, .minor = 31, .max_write = max_write },
	};
	return r;
}

static void agreed_test(void)
{
	struct init_reply r = reply(7, 131072);
	struct proto_agreed a;

	check(!proto_init_agreed(&r, sizeof(r), &a) && a.payload == 131072 && !a.uring,
	      "agreed: 128 KiB by default");
	r.init.flags = FUSE_MAX_PAGES;
	r.init.max_pages = 256;
	check(!proto_init_agreed(&r, sizeof(r), &a) && a.payload == 1048576,
	      "agreed: max_pages makes it 1 MiB");
	r.out.len = sizeof(r.out) + 24;
	check(!proto_init_agreed(&r, r.out.len, &a) && a.payload == 131072,
	      "agreed: a reply of protocol 7.18 has no max_pages");
	r.out.len = sizeof(r.out) + 8;
	check(!proto_init_agreed(&r, r.out.len, &a), "agreed: a reply of protocol 7.4");
	r.out.len = sizeof(r.out) + 4;
	check(proto_init_agreed(&r, r.out.len, &a) == -EINVAL, "agreed: too short");
	r = reply(7, 0);
	check(proto_init_agreed(&r, sizeof(r) - 1, &a) == -EINVAL, "agreed: length is a lie");
	r = reply(8, 0);
	check(proto_init_agreed(&r, sizeof(r), &a) == -ENODATA, "agreed: wants another INIT");
	r = reply(7, 0);
	r.out.len = sizeof(r.out);
	r.out.error = -EPROTO;
	check(proto_init_agreed(&r, sizeof(r.out), &a) == -ENODATA, "agreed: refused");
	r = reply(7, 4096);
	r.init.flags = FUSE_INIT_EXT;
	r.init.flags2 = ABI_OVER_IO_URING_FLAGS2;
	check(!proto_init_agreed(&r, sizeof(r), &a) && a.uring, "agreed: speaks io_uring itself");
}

static void rewrite_test(void)
{
	struct init_reply r = reply(7, 65536), w;
	size_t len;

	r.init.flags = FUSE_BIG_WRITES;
	r.out.len = sizeof(r.out) + 24;
	r.init.max_pages = 77;	/* beyond the end of the short reply */
	len = proto_init_rewrite(&r, r.out.len, &w);
	check(len == sizeof(w) && w.out.len == sizeof(w) && w.out.unique == 2, "rewrite: length");
	check(w.init.flags == (FUSE_BIG_WRITES | FUSE_INIT_EXT) &&
	      w.init.flags2 == ABI_OVER_IO_URING_FLAGS2 && w.init.max_write == 65536,
	      "rewrite: flags added, the rest kept");
	check(w.init.max_pages == 0, "rewrite: nothing read beyond the end");
}

static void check_out_test(void)
{
	struct fuse_out_header o = { .len = 16, .unique = 4 };

	check(!proto_check_out(&o, 16), "out: empty reply");
	check(proto_check_out(&o, 17) == -EINVAL, "out: longer than it says");
	check(proto_check_out(&o, 15) == -EINVAL, "out: shorter than a header");
	o.error = -ENOENT;
	check(!proto_check_out(&o, 16), "out: an error");
	o.len = 20;
	check(proto_check_out(&o, 20) == -EINVAL, "out: an error with data");
	o.len = 16;
	o.error = 1;
	check(proto_check_out(&o, 16) == -EINVAL, "out: a positive error");
	o.error = -512;
	check(proto_check_out(&o, 16) == -EINVAL, "out: an error of the kernel's own");
	o.unique = 0;
	o.error = FUSE_NOTIFY_DELETE;
	check(!proto_check_out(&o, 16), "out: a notification");
}

static void ring_request_test(void)
{
	struct abi_req_header h = { .ent = { .payload_sz = 6 } };
	struct fuse_in_header in = { .len = 40 + 16 + 6, .opcode = FUSE_MKDIR };
	char buf[128];
	ssize_t len;

	memcpy(h.in_out, &in, sizeof(in));
	memset(h.op_in, 'o', 16);
	len = proto_ring_request(&h, 4096);
	check(len == 62, "ring: header, opcode header, payload");
	proto_ring_assemble(&h, "name1", (size_t)len, buf);
	check(!memcmp(buf, &in, 40) && buf[40] == 'o' && buf[55] == 'o' &&
	      !strcmp(buf + 56, "name1"), "ring: in the order of read(2)");
	h.ent.payload_sz = 5000;
	check(proto_ring_request(&h, 4096) == -EIO, "ring: more payload than room");
	h.ent.payload_sz = 23;
	check(proto_ring_request(&h, 4096) == -EIO, "ring: more payload than request");
	in.len = 40 + 129;
	h.ent.payload_sz = 0;
	memcpy(h.in_out, &in, sizeof(in));
	check(proto_ring_request(&h, 4096) == -EIO, "ring: opcode header too long");
}

static void iov_test(void)
{
	char a[3] = "abc", b[4] = "defg", out[8] = "";
	struct iovec iov[3] = { { a, 3 }, { NULL, 0 }, { b, 4 } };

	check(proto_iov_length(iov, 3) == 7, "iov: length");
	check(proto_iov_gather(iov, 3, 2, out, 4) == 4 && !memcmp(out, "cdef", 4), "iov: gather");
	check(proto_iov_gather(iov, 3, 6, out, 8) == 1 && out[0] == 'g', "iov: gather to the end");
	check(proto_iov_scatter(iov, 3, 1, "XYZ", 3) == 3 && a[1] == 'X' && b[0] == 'Z',
	      "iov: scatter");
	iov[1].iov_len = (size_t)INT_MAX;
	check(proto_iov_length(iov, 3) == -EINVAL, "iov: too long for one message");
	check(proto_iov_length(iov, -1) == -EINVAL, "iov: a negative count");
}

static void retrieve_test(void)
{
	struct {
		struct fuse_out_header out;
		struct fuse_notify_retrieve_out arg;
	} msg = { .out = { .len = sizeof(msg), .error = FUSE_NOTIFY_RETRIEVE },
		  .arg = { .notify_unique = 6 } };
	struct fuse_in_header in = { .len = 40, .opcode = FUSE_NOTIFY_REPLY };

	proto_retrieve_out(&msg, sizeof(msg));
	check(msg.arg.notify_unique != 6, "retrieve: moved out of the kernel's range");
	in.unique = msg.arg.notify_unique;
	proto_retrieve_in(&in, sizeof(in));
	check(in.unique == 6, "retrieve: and back");
	in.opcode = FUSE_READ;
	in.unique = msg.arg.notify_unique;
	proto_retrieve_in(&in, sizeof(in));
	check(in.unique == msg.arg.notify_unique, "retrieve: no other request is touched");
}

static bool ahead(uint32_t opcode, struct fuse_read_in read)
{
	struct fuse_in_header in = { .opcode = opcode };
	struct abi_req_header h;

	memset(&h, 0, sizeof(h));
	memcpy(h.in_out, &in, sizeof(in));
	memcpy(h.op_in, &read, sizeof(read));
	return proto_readahead(h.in_out, h.op_in);
}

static void readahead_test(void)
{
	struct fuse_read_in read = { .size = 131072 };

	check(ahead(FUSE_READ, read), "readahead: a large buffered READ");
	check(!ahead(FUSE_WRITE, read), "readahead: no other opcode");
	read.flags = O_DIRECT;
	check(!ahead(FUSE_READ, read), "readahead: not with O_DIRECT");
	read.flags = 0;
	read.read_flags = FUSE_READ_LOCKOWNER;
	check(!ahead(FUSE_READ, read), "readahead: not for a lock owner");
	read.read_flags = 0;
	read.size = 4096;
	check(!ahead(FUSE_READ, read), "readahead: not a small one");
}

int main(void)
{
	offer_test();
	splice_test();
	agreed_test();
	rewrite_test();
	check_out_test();
	ring_request_test();
	iov_test();
	retrieve_test();
	readahead_test();
	printf("1..%d\n", tests);
	return failures != 0;
}

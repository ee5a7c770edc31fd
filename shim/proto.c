// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * proto.c - FUSE messages, checked.
 *
 * Every length comes from the daemon or, through memory the daemon can write,
 * from the kernel: nothing is read or written beyond what the caller gave.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>

#include "shim/proto.h"

#define PAGE 4096u
#define DEFAULT_MAX_PAGES 32u
#define MAX_ERRNO_REPLY 512	/* -ERESTARTSYS and beyond are the kernel's own */
#define RETRIEVE_BIT (1ull << 62)

/* Sizes of struct fuse_init_out before 7.5 and before 7.23. */
#define INIT_OUT_MIN FUSE_COMPAT_INIT_OUT_SIZE

int proto_init_offer(const void *msg, size_t size, struct proto_offer *offer)
{
	const struct fuse_in_header *in = msg;
	struct fuse_init_in init = { 0 };
	size_t body;

	if (size < sizeof(*in) + 2 * sizeof(uint32_t) || in->opcode != FUSE_INIT)
		return -EINVAL;
	body = size - sizeof(*in);
	memcpy(&init, in + 1, body < sizeof(init) ? body : sizeof(init));
	if (init.major != FUSE_KERNEL_VERSION)
		return -EINVAL;
	offer->unique = in->unique;
	offer->minor = init.minor;
	offer->flags = init.flags;
	offer->uring = (init.flags & FUSE_INIT_EXT) &&
		       (init.flags2 & ABI_OVER_IO_URING_FLAGS2);
	return 0;
}

void proto_init_hide_splice(void *msg)
{
	struct fuse_in_header *in = msg;
	struct fuse_init_in *init = (struct fuse_init_in *)(in + 1);

	if (in->len < sizeof(*in) + offsetof(struct fuse_init_in, flags2))
		return;
	init->flags &= ~(uint32_t)(FUSE_SPLICE_READ | FUSE_SPLICE_WRITE | FUSE_SPLICE_MOVE);
}

static uint32_t payload_size(const struct fuse_init_out *init)
{
	uint32_t pages = DEFAULT_MAX_PAGES;
	uint32_t bytes;

	if ((init->flags & FUSE_MAX_PAGES) && init->max_pages)
		pages = init->max_pages;
	bytes = pages * PAGE;
	if (bytes < init->max_write)
		bytes = init->max_write;
	if (bytes < FUSE_MIN_READ_BUFFER)
		bytes = FUSE_MIN_READ_BUFFER;
	return bytes;
}

static void init_out_get(const void *msg, size_t size, struct fuse_init_out *init)
{
	size_t body = size - sizeof(struct fuse_out_header);

	memset(init, 0, sizeof(*init));
	memcpy(init, (const char *)msg + sizeof(struct fuse_out_header),
	       body < sizeof(*init) ? body : sizeof(*init));
}

int proto_init_agreed(const void *msg, size_t size, struct proto_agreed *agreed)
{
	const struct fuse_out_header *out = msg;
	struct fuse_init_out init;

	if (size < sizeof(*out) || proto_check_out(out, size))
		return -EINVAL;
	if (out->error)
		return -ENODATA;
	if (size < sizeof(*out) + INIT_OUT_MIN)
		return -EINVAL;
	init_out_get(msg, size, &init);
	if (init.major != FUSE_KERNEL_VERSION)
		return -ENODATA;
	agreed->major = init.major;
	agreed->minor = init.minor;
	agreed->max_write = init.max_write;
	agreed->payload = payload_size(&init);
	agreed->flags = init.flags;
	agreed->uring = (init.flags & FUSE_INIT_EXT) &&
			(init.flags2 & ABI_OVER_IO_URING_FLAGS2);
	return 0;
}

size_t proto_min_read(const struct proto_agreed *agreed)
{
	size_t write = agreed->max_write > PAGE ? agreed->max_write : PAGE;

	write += sizeof(struct fuse_in_header) + sizeof(struct fuse_write_in);
	return write > FUSE_MIN_READ_BUFFER ? write : FUSE_MIN_READ_BUFFER;
}

size_t proto_init_rewrite(const void *msg, size_t size, void *out)
{
	struct fuse_out_header hdr;
	struct fuse_init_out init;

	memcpy(&hdr, msg, sizeof(hdr));
	init_out_get(msg, size, &init);
	if (!(init.flags & FUSE_INIT_EXT))
		init.flags2 = 0;
	init.flags |= FUSE_INIT_EXT;
	init.flags2 |= ABI_OVER_IO_URING_FLAGS2;
	hdr.len = PROTO_INIT_REPLY_SIZE;
	memcpy(out, &hdr, sizeof(hdr));
	memcpy((char *)out + sizeof(hdr), &init, sizeof(init));
	return PROTO_INIT_REPLY_SIZE;
}

ssize_t proto_iov_length(const struct iovec *iov, int count)
{
	size_t sum = 0;
	int i;

	if (count < 0 || count > IOV_MAX)
		return -EINVAL;
	for (i = 0; i < count; i++) {
		if (iov[i].iov_len > INT_MAX - sum)
			return -EINVAL;
		sum += iov[i].iov_len;
	}
	return (ssize_t)sum;
}

/* Walks COUNT iovecs from byte SKIP on; IN says which way bytes go. */
static size_t iov_copy(const struct iovec *iov, int count, size_t skip, char *buf, size_t size,
		       bool in)
{
	size_t done = 0;
	int i;

	for (i = 0; i < count && done < size; i++) {
		size_t len = iov[i].iov_len;
		char *base = iov[i].iov_base;

		if (skip >= len) {
			skip -= len;
			continue;
		}
		base += skip;
		len -= skip;
		skip = 0;
		if (len > size - done)
			len = size - done;
		if (in)
			memcpy(base, buf + done, len);
		else
			memcpy(buf + done, base, len);
		done += len;
	}
	return done;
}

size_t proto_iov_gather(const struct iovec *iov, int count, size_t skip, void *buf, size_t size)
{
	if (count > 0 && !skip && size <= iov[0].iov_len) {	/* mostly */
		memcpy(buf, iov[0].iov_base, size);
		return size;
	}
	return iov_copy(iov, count, skip, buf, size, false);
}

size_t proto_iov_scatter(const struct iovec *iov, int count, size_t skip, const void *buf,
			 size_t size)
{
	return iov_copy(iov, count, skip, (char *)buf, size, true);
}

int proto_check_out(const struct fuse_out_header *out, size_t total)
{
	if (total < sizeof(*out) || out->len != total)
		return -EINVAL;
	if (out->unique == 0)
		return 0;	/* a notification: `error` is its code */
	if (out->error > 0 || out->error <= -MAX_ERRNO_REPLY)
		return -EINVAL;
	if (out->error && total != sizeof(*out))
		return -EINVAL;
	return 0;
}

ssize_t proto_ring_request(const struct abi_req_header *hdr, size_t payload)
{
	struct fuse_in_header in;
	size_t op;

	memcpy(&in, hdr->in_out, sizeof(in));
	if (hdr->ent.payload_sz > payload || in.len < sizeof(in) + hdr->ent.payload_sz)
		return -EIO;
	op = in.len - sizeof(in) - hdr->ent.payload_sz;
	if (op > ABI_OP_IN_SIZE)
		return -EIO;
	return (ssize_t)in.len;
}

void proto_ring_assemble(const struct abi_req_header *hdr, const void *payload, size_t length,
			 void *buf)
{
	char *p = buf;
	size_t data = hdr->ent.payload_sz;
	size_t op;

	if (data > length - sizeof(struct fuse_in_header))
		data = length - sizeof(struct fuse_in_header);
	op = length - sizeof(struct fuse_in_header) - data;
	memcpy(p, hdr->in_out, sizeof(struct fuse_in_header));
	p += sizeof(struct fuse_in_header);
	memcpy(p, hdr->op_in, op <= ABI_OP_IN_SIZE ? op : ABI_OP_IN_SIZE);
	memcpy(p + op, payload, data);
}

bool proto_readahead(const void *header, const void *op)
{
	struct fuse_in_header in;
	struct fuse_read_in read;

	memcpy(&in, header, sizeof(in));
	if (in.opcode != FUSE_READ)
		return false;
	memcpy(&read, op, sizeof(read));
	return read.size >= PROTO_READAHEAD_MIN && !(read.read_flags & FUSE_READ_LOCKOWNER) &&
	       !(read.flags & O_DIRECT);
}

/* As parse_dirplusfile() of the kernel. */
struct fuse_direntplus *proto_dirent_next(char **body, size_t *size)
{
	struct fuse_direntplus *d = (void *)*body;
	size_t len;

	if (*size < FUSE_NAME_OFFSET_DIRENTPLUS || !d->dirent.namelen ||
	    d->dirent.namelen > *size - FUSE_NAME_OFFSET_DIRENTPLUS)
		return NULL;
	len = FUSE_DIRENTPLUS_SIZE(d);
	if (len > *size)
		return NULL;
	*body += len;
	*size -= len;
	return d;
}

void proto_retrieve_out(void *msg, size_t size)
{
	struct fuse_out_header *out = msg;
	struct fuse_notify_retrieve_out *arg = (struct fuse_notify_retrieve_out *)(out + 1);

	if (size >= sizeof(*out) + sizeof(*arg) && out->unique == 0 &&
	    out->error == FUSE_NOTIFY_RETRIEVE)
		arg->notify_unique |= RETRIEVE_BIT;
}

void proto_retrieve_in(void *msg, size_t size)
{
	struct fuse_in_header *in = msg;

	if (size >= sizeof(*in) && in->opcode == FUSE_NOTIFY_REPLY)
		in->unique &= ~RETRIEVE_BIT;
}

struct proto_pull proto_pull(void)
{
	return (struct proto_pull){
		.out = { .len = sizeof(struct proto_pull), .error = FUSE_NOTIFY_RETRIEVE },
		.arg = { .notify_unique = PROTO_PULL_UNIQUE, .nodeid = FUSE_ROOT_ID },
	};
}

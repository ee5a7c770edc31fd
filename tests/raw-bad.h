/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * raw-bad.h - wrong answers. Each is sent in place of, or before, the right one
 * to the LOOKUP of bad-NAME; what the write said is logged as `bad NAME ERRNO
 * ERRNO`: that of the wrong answer and that of the right one sent after it.
 */
#ifndef RAW_BAD_H
#define RAW_BAD_H

#include "raw-fs.h"

struct bad {
	const char *name;
	int (*send)(struct raw_io *io, struct fuse_out_header oh);
};

static struct fuse_entry_out bad_entry(void)
{
	struct fuse_entry_out out = {
		.nodeid = RAW_BAD_INO, .generation = 1, .attr = raw_attr(RAW_BAD_INO),
	};

	return out;
}

/* The header says LEN, the body has BODY bytes. */
static int bad_send(struct raw_io *io, struct fuse_out_header oh, size_t len, size_t body)
{
	static unsigned char buf[4u << 20];
	struct fuse_entry_out out = bad_entry();

	memcpy(buf, &out, sizeof(out));
	oh.len = (uint32_t)len;
	return raw_send(io, &oh, sizeof(oh), buf, body);
}

static int bad_short(struct raw_io *io, struct fuse_out_header oh)
{
	return raw_send(io, &oh, 8, NULL, 0);
}

static int bad_one(struct raw_io *io, struct fuse_out_header oh)
{
	return raw_send(io, &oh, 1, NULL, 0);
}

static int bad_len(struct raw_io *io, struct fuse_out_header oh)
{
	return bad_send(io, oh, oh.len + 1, sizeof(struct fuse_entry_out));
}

static int bad_len_zero(struct raw_io *io, struct fuse_out_header oh)
{
	return bad_send(io, oh, 0, sizeof(struct fuse_entry_out));
}

static int bad_len_max(struct raw_io *io, struct fuse_out_header oh)
{
	return bad_send(io, oh, UINT32_MAX, sizeof(struct fuse_entry_out));
}

static int bad_unknown(struct raw_io *io, struct fuse_out_header oh)
{
	oh.unique += 1u << 20;
	return bad_send(io, oh, oh.len, sizeof(struct fuse_entry_out));
}

static int bad_positive(struct raw_io *io, struct fuse_out_header oh)
{
	oh.error = 5;
	return bad_send(io, oh, sizeof(oh), 0);
}

static int bad_errno(struct raw_io *io, struct fuse_out_header oh)
{
	oh.error = -1000;
	return bad_send(io, oh, sizeof(oh), 0);
}

static int bad_long(struct raw_io *io, struct fuse_out_header oh)
{
	return bad_send(io, oh, oh.len + 1, sizeof(struct fuse_entry_out) + 1);
}

static int bad_cut(struct raw_io *io, struct fuse_out_header oh)
{
	return bad_send(io, oh, oh.len - 1, sizeof(struct fuse_entry_out) - 1);
}

static int bad_bare(struct raw_io *io, struct fuse_out_header oh)
{
	return bad_send(io, oh, sizeof(oh), 0);
}

static int bad_body(struct raw_io *io, struct fuse_out_header oh)
{
	oh.error = -ENOENT;
	return bad_send(io, oh, oh.len, sizeof(struct fuse_entry_out));
}

static int bad_huge(struct raw_io *io, struct fuse_out_header oh)
{
	size_t body = raw.reply == RAW_REPLY_SPLICE ? 256u << 10 : 4u << 20;

	return bad_send(io, oh, sizeof(oh) + body, body);
}

static int bad_twice(struct raw_io *io, struct fuse_out_header oh)
{
	return bad_send(io, oh, oh.len, sizeof(struct fuse_entry_out));
}

static int bad_notify(struct raw_io *io, struct fuse_out_header oh)
{
	oh.unique = 0;
	oh.error = 999;
	return bad_send(io, oh, oh.len, sizeof(struct fuse_entry_out));
}

static int bad_notify_cut(struct raw_io *io, struct fuse_out_header oh)
{
	oh.unique = 0;
	oh.error = FUSE_NOTIFY_INVAL_INODE;
	return bad_send(io, oh, sizeof(oh) + 4, 4);
}

static const struct bad bads[] = {
	{ "short", bad_short },		{ "one", bad_one },
	{ "len", bad_len },		{ "len-zero", bad_len_zero },
	{ "len-max", bad_len_max },	{ "unknown", bad_unknown },
	{ "positive", bad_positive },	{ "errno", bad_errno },
	{ "long", bad_long },		{ "cut", bad_cut },
	{ "bare", bad_bare },		{ "body", bad_body },
	{ "huge", bad_huge },		{ "twice", bad_twice },
	{ "notify", bad_notify },	{ "notify-cut", bad_notify_cut },
};

#define NBADS	(sizeof(bads) / sizeof(*bads))

static int raw_lookup_bad(struct raw_io *io, const struct fuse_in_header *ih, const char *name)
{
	struct fuse_out_header oh = {
		.len = sizeof(oh) + sizeof(struct fuse_entry_out), .unique = ih->unique,
	};
	uint64_t unique = ih->unique;
	int first, second;

	for (size_t i = 0; i < NBADS; i++) {
		if (strcmp(name, bads[i].name))
			continue;
		first = bads[i].send(io, oh);
		second = raw_entry(io, unique, RAW_BAD_INO);
		raw_log("bad", bads[i].name, -first, -second);
		return 0;
	}
	return raw_entry(io, unique, RAW_BAD_INO);	/* bad-over */
}

/* More than was asked for; then the right amount. */
static int raw_read_bad(struct raw_io *io, const struct fuse_in_header *ih)
{
	struct fuse_read_in in;
	uint64_t unique = ih->unique;
	int first, second;

	memcpy(&in, ih + 1, sizeof(in));
	first = raw_answer(io, unique, 0, raw_data, in.size + 1);
	second = raw_answer(io, unique, 0, raw_data, in.size);
	raw_log("bad", "over", -first, -second);
	return 0;
}

#endif

// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * kfunc.c - what a policy's programs can call. Every index and size they give is
 * checked against the request at hand. None of these sleeps but efuse_wait().
 */
#include "../fuse_i.h"
#include "policy.h"

#include <linux/btf.h>
#include <linux/btf_ids.h>
#include <linux/highmem.h>
#include <linux/hrtimer.h>
#include <linux/module.h>
#include <linux/sched/signal.h>

/* A request that BPF trusts is always one of ours, whole. */
static struct efuse_pending *pending(struct efuse_request *req)
{
	return container_of(req, struct efuse_pending, req);
}

/* The argument of that number, NULL if there is none or it is in pages. */
static const struct fuse_in_arg *arg_of(struct efuse_request *req, u32 index)
{
	const struct fuse_args *args = pending(req)->args;

	if (index >= args->in_numargs)
		return NULL;
	if (args->in_pages && index == args->in_numargs - 1)
		return NULL;
	return &args->in_args[index];
}

/* The same of a reply. */
static const struct fuse_arg *out_of(struct efuse_request *req, u32 index)
{
	const struct efuse_pending *p = pending(req);
	const struct fuse_args *args = p->args;

	if (p->stage != EFUSE_STAGE_REPLIED || index >= args->out_numargs)
		return NULL;
	if (args->out_pages && index == args->out_numargs - 1)
		return NULL;
	return &args->out_args[index];
}

/* Copies as much as is there, and zeroes the rest. */
static inline int copy_from(const void *value, u32 size, u32 off, void *dst, u32 room)
{
	u32 n = off < size ? min(room, size - off) : 0;

	if (n)
		memcpy(dst, value + off, n);
	memset(dst + n, 0, room - n);
	return off > size ? -ERANGE : (int)n;
}

/* Contents of a WRITE as its second argument, or of a READ as its reply, in our pages. */
static bool has_contents(const struct fuse_args *args, u32 opcode, u32 index)
{
	return args->opcode == opcode && index == (opcode == FUSE_WRITE) &&
	       efuse_data_is_ours(args);
}

/* The page that a link's target is in, NULL for anything else. */
static struct page *link_page(const struct fuse_args_pages *ap, u32 size)
{
	if (ap->args.opcode != FUSE_READLINK || ap->uses_folios || ap->num_pages != 1 ||
	    ap->descs[0].offset || size > ap->descs[0].length)
		return NULL;
	return ap->pages[0];
}

/* The same of what a folder has in it. */
static struct page *folder_page(const struct fuse_args_pages *ap, u32 size)
{
	if (!ap->uses_folios || ap->num_folios != 1 || ap->folio_descs[0].offset ||
	    size > min(ap->folio_descs[0].length, PAGE_SIZE))
		return NULL;
	return folio_page(ap->folios[0], 0);
}

/* A reply in one page that nobody else has yet, mapped; NULL for any other. */
static void *map_reply(const struct fuse_args *args, u32 size)
{
	const struct fuse_args_pages *ap = container_of_const(args, struct fuse_args_pages, args);
	struct page *page;

	if (args->opcode == FUSE_READDIR || args->opcode == FUSE_READDIRPLUS)
		page = folder_page(ap, size);
	else
		page = link_page(ap, size);
	return page ? kmap_local_page(page) : NULL;
}

__bpf_kfunc_start_defs();

/**
 * efuse_arg_size - the bytes of a request's argument
 * @req: the request
 * @index: which argument, from 0
 *
 * Return: the size, or -ENOENT if there is none or it is in pages
 */
__bpf_kfunc int efuse_arg_size(struct efuse_request *req, u32 index)
{
	const struct fuse_in_arg *arg = arg_of(req, index);

	return arg ? (int)arg->size : -ENOENT;
}

/**
 * efuse_arg - look at a request's argument
 * @req: the request
 * @index: which argument, from 0
 * @rdonly_buf_size: how many bytes of it, at least one, a constant
 *
 * Return: a pointer to that many bytes, or NULL if the argument has fewer
 */
__bpf_kfunc const u8 *efuse_arg(struct efuse_request *req, u32 index,
				const size_t rdonly_buf_size)
{
	const struct fuse_in_arg *arg = arg_of(req, index);

	return arg && rdonly_buf_size <= arg->size ? arg->value : NULL;
}

/**
 * efuse_arg_copy - copy from a request's argument
 * @req: the request
 * @index: which argument, from 0
 * @off: from which byte on
 * @dst: where to; what the argument has no bytes for is zeroed
 * @dst__sz: bytes there
 *
 * What a WRITE writes can be copied as well if efuse_watch() was called for it.
 *
 * Return: the bytes copied, or -ENOENT as efuse_arg_size(), or -ERANGE if @off is
 * behind the argument
 */
__bpf_kfunc int efuse_arg_copy(struct efuse_request *req, u32 index, u32 off,
			       void *dst, u32 dst__sz)
{
	const struct fuse_in_arg *arg = arg_of(req, index);
	struct fuse_args *args = pending(req)->args;

	if (arg)
		return copy_from(arg->value, arg->size, off, dst, dst__sz);
	if (has_contents(args, FUSE_WRITE, index))
		return efuse_data_copy(args, args->in_args[index].size, off, dst, dst__sz);
	memset(dst, 0, dst__sz);
	return -ENOENT;
}

/**
 * efuse_out_size - the bytes of a part of the server's reply
 * @req: the request, in a reply slot
 * @index: which part, from 0
 *
 * Return: the size, also of one in pages, or -ENOENT if there is none, which is
 * so after an error
 */
__bpf_kfunc int efuse_out_size(struct efuse_request *req, u32 index)
{
	const struct efuse_pending *p = pending(req);

	if (p->stage != EFUSE_STAGE_REPLIED || index >= p->args->out_numargs)
		return -ENOENT;
	return p->args->out_args[index].size;
}

/**
 * efuse_out - look at a part of the server's reply
 * @req: the request, in a reply slot
 * @index: which part, from 0
 * @rdonly_buf_size: how many bytes of it, at least one, a constant
 *
 * Return: a pointer to that many bytes, or NULL if the part has fewer, is not
 * there, or is in pages
 */
__bpf_kfunc const u8 *efuse_out(struct efuse_request *req, u32 index,
				const size_t rdonly_buf_size)
{
	const struct fuse_arg *out = out_of(req, index);

	return out && rdonly_buf_size <= out->size ? out->value : NULL;
}

/**
 * efuse_out_copy - copy from a part of the server's reply
 * @req: the request, in a reply slot
 * @index: which part, from 0
 * @off: from which byte on
 * @dst: where to; what the part has no bytes for is zeroed
 * @dst__sz: bytes there
 *
 * The target of a symbolic link and the entries of a folder, which are in a page,
 * can be copied as well, and what a READ has read if efuse_watch() was called for it.
 *
 * Return: the bytes copied, -ENOENT if it is not there or in other pages, -ERANGE
 * if @off is behind it
 */
__bpf_kfunc int efuse_out_copy(struct efuse_request *req, u32 index, u32 off,
			       void *dst, u32 dst__sz)
{
	const struct efuse_pending *p = pending(req);
	const struct fuse_arg *out = out_of(req, index);
	void *page;
	int ret;

	if (out)
		return copy_from(out->value, out->size, off, dst, dst__sz);
	if (p->stage == EFUSE_STAGE_REPLIED && has_contents(p->args, FUSE_READ, index))
		return efuse_data_copy(p->args, p->args->out_args[0].size, off, dst, dst__sz);
	memset(dst, 0, dst__sz);
	if (p->stage != EFUSE_STAGE_REPLIED || !p->args->out_pages || index)
		return -ENOENT;
	page = map_reply(p->args, p->args->out_args[0].size);
	if (!page)
		return -ENOENT;
	ret = copy_from(page, p->args->out_args[0].size, off, dst, dst__sz);
	kunmap_local(page);
	return ret;
}

/**
 * efuse_keep - what the reply's slot is to find in the request's cookie
 * @req: a request, in its slot; in the reply's it is changed for the rest of that
 * @cookie: any number
 *
 * It is 0 there if this policy was not asked, or has missed anything since.
 */
__bpf_kfunc void efuse_keep(struct efuse_request *req, u64 cookie)
{
	req->cookie = cookie;
}

/* What the server said of an open, NULL if the request is none or it failed. */
static struct fuse_open_out *open_of(const struct efuse_pending *p)
{
	struct fuse_args *args = p->args;

	if (p->stage != EFUSE_STAGE_REPLIED ||
	    (args->opcode != FUSE_OPEN && args->opcode != FUSE_OPENDIR) ||
	    args->out_args[0].size != sizeof(struct fuse_open_out))
		return NULL;
	return args->out_args[0].value;
}

/* What of the reply to an open a policy has a say in. */
static u32 open_choice(const struct efuse_request *req, const struct fuse_args *args)
{
	const struct fuse_open_in *in = args->in_args[0].value;

	if (req->opcode == FUSE_OPENDIR)
		return FOPEN_KEEP_CACHE | FOPEN_CACHE_DIR;
	/* What was written, and locks, end with a FLUSH. */
	if ((in->flags & O_ACCMODE) != O_RDONLY || (req->flags & EFUSE_REQ_LOCKS))
		return FOPEN_KEEP_CACHE;
	return FOPEN_KEEP_CACHE | FOPEN_NOFLUSH;
}

/**
 * efuse_open_flags - what an open does to what the kernel has of a file or folder
 * @req: an OPEN or OPENDIR that the server has answered, in its reply's slot
 * @set: flags to set: FOPEN_KEEP_CACHE; FOPEN_CACHE_DIR of a folder; FOPEN_NOFLUSH of
 *       a file opened for reading only, unless the server keeps locks
 * @clear: flags to clear, of the same
 *
 * Return: 0, -EINVAL for other flags, -EOPNOTSUPP for another request, -EBUSY if
 * the server wants to see every read, or none
 */
__bpf_kfunc int efuse_open_flags(struct efuse_request *req, u32 set, u32 clear)
{
	const struct efuse_pending *p = pending(req);
	struct fuse_open_out *out = open_of(p);

	if (!out)
		return -EOPNOTSUPP;
	if ((set | clear) & ~open_choice(req, p->args))
		return -EINVAL;
	if (out->open_flags & (FOPEN_DIRECT_IO | FOPEN_STREAM | FOPEN_NONSEEKABLE |
			       FOPEN_PASSTHROUGH))
		return -EBUSY;
	out->open_flags = (out->open_flags & ~clear) | set;
	return 0;
}

/* Whether the reply can have size bytes; 0, or an error as below. */
static int reply_check(const struct efuse_pending *p, const struct fuse_args *args, u32 size)
{
	u32 room = p->replied ? p->room : args->out_args[0].size;

	if (p->stage != EFUSE_STAGE_ASKED || args->out_numargs != 1)
		return -EOPNOTSUPP;
	return size == room || (args->out_argvar && size < room) ? 0 : -EINVAL;
}

static void reply_begin(struct efuse_pending *p, struct fuse_arg *out, u32 size)
{
	if (!p->replied)
		p->room = out->size;
	out->size = size;
	p->replied = true;
}

/**
 * efuse_reply - the reply that EFUSE_DONE stands for
 * @req: a request, in its slot, whose reply has exactly one part
 * @src: the reply: struct fuse_entry_out, fuse_attr_out, the bytes of a link, ...
 * @src__sz: its size: exactly, or for what is no structure at most, what was
 *           asked for
 *
 * A later call replaces what an earlier one said.
 *
 * Return: 0, -EINVAL for another size, -EOPNOTSUPP for another request
 */
__bpf_kfunc int efuse_reply(struct efuse_request *req, const void *src, u32 src__sz)
{
	struct efuse_pending *p = pending(req);
	struct fuse_arg *out = &p->args->out_args[0];
	void *page = NULL;
	int err = reply_check(p, p->args, src__sz);

	if (err)
		return err;
	if (p->args->out_pages) {
		page = p->args->opcode == FUSE_READLINK ? map_reply(p->args, src__sz) : NULL;
		if (!page)
			return -EOPNOTSUPP;
	}
	memcpy(page ?: out->value, src, src__sz);
	if (page)
		kunmap_local(page);
	reply_begin(p, out, src__sz);
	return 0;
}

/**
 * efuse_wait - let a request wait, as a slow server would
 * @req: a request, in its slot
 * @usec: microseconds, up to a second
 *
 * Only for programs that may sleep. Whoever replaces the policy waits as long.
 *
 * Return: 0, -EINTR if the caller is killed, -EINVAL for a longer time
 */
__bpf_kfunc int efuse_wait(struct efuse_request *req, u32 usec)
{
	ktime_t end = ktime_add_us(ktime_get(), usec);

	if (usec > USEC_PER_SEC)
		return -EINVAL;
	/* usleep_range_state() would go round until the time is over. */
	while (usec && !fatal_signal_pending(current)) {
		set_current_state(TASK_KILLABLE);
		if (!schedule_hrtimeout_range(&end, usec * (NSEC_PER_USEC / 8), HRTIMER_MODE_ABS))
			break;
	}
	return fatal_signal_pending(current) ? -EINTR : 0;
}

/* Whether what the reply goes into is clear already, or has a whole reply. */
static bool is_clear(u32 opcode)
{
	return opcode == FUSE_LOOKUP || opcode == FUSE_GETATTR;
}

/**
 * efuse_room - where to write the reply that EFUSE_DONE stands for
 * @req: a request, in its slot, whose reply has exactly one part, not in pages
 * @rdwr_buf_size: the size of the reply, as for efuse_reply()
 *
 * The same as efuse_reply() without a copy. The bytes are zero, or an earlier
 * reply's. With any other verdict nothing remains of them.
 *
 * Return: a pointer to that many bytes, or NULL where efuse_reply() has an error
 */
__bpf_kfunc u8 *efuse_room(struct efuse_request *req, const size_t rdwr_buf_size)
{
	struct efuse_pending *p = pending(req);
	struct fuse_args *args = p->args;
	void *value = args->out_args[0].value;

	if (reply_check(p, args, rdwr_buf_size) || args->out_pages)
		return NULL;
	reply_begin(p, &args->out_args[0], rdwr_buf_size);
	return is_clear(args->opcode) ? value : memset(value, 0, rdwr_buf_size);
}

/* The request, if it is one of a caller's own memory that can still be answered. */
static struct efuse_pending *direct_of(struct efuse_request *req)
{
	struct efuse_pending *p = pending(req);

	return (req->flags & EFUSE_REQ_DIRECT) && p->stage == EFUSE_STAGE_ASKED ? p : NULL;
}

/**
 * efuse_watch - the reply's slot is to see contents
 * @req: a READ or WRITE with EFUSE_REQ_DIRECT, in its slot
 *
 * If the server is asked, or its file, what it says or gets goes through memory that the caller
 * cannot change. efuse_out_copy() and efuse_arg_copy() are how to see it, if there
 * was memory for that. Where a file of the server's has them as well large READs are not seen,
 * and no WRITEs.
 *
 * Return: 0, -EOPNOTSUPP for another request
 */
__bpf_kfunc int efuse_watch(struct efuse_request *req)
{
	struct efuse_pending *p = direct_of(req);

	if (!p)
		return -EOPNOTSUPP;
	p->watch = true;
	return 0;
}

/**
 * efuse_reply_more - what comes next of the reply to a READ
 * @req: a READ with EFUSE_REQ_DIRECT, in its slot
 * @src: contents
 * @src__sz: their size
 * @from: the first byte of them that is meant
 * @count: how many are, also none
 *
 * EFUSE_DONE says that this was all, and the file ends there if it was less than what
 * was asked for. EFUSE_REST has the server asked for what comes behind it.
 *
 * Return: 0, -EINVAL for more than was asked for, or than is there, -EOPNOTSUPP for
 * another request
 */
__bpf_kfunc int efuse_reply_more(struct efuse_request *req, const void *src, u32 src__sz,
				 u32 from, u32 count)
{
	struct efuse_pending *p = direct_of(req);
	struct fuse_arg *out;

	if (!p || req->opcode != FUSE_READ)
		return -EOPNOTSUPP;
	out = &p->args->out_args[0];
	if (from > src__sz || count > src__sz - from ||
	    count > (p->replied ? p->room : out->size) - p->answered)
		return -EINVAL;
	efuse_data_answer(p, src + from, count);
	reply_begin(p, out, p->answered);
	return 0;
}

__bpf_kfunc_end_defs();

BTF_KFUNCS_START(kfunc_ids)
BTF_ID_FLAGS(func, efuse_arg_size, KF_TRUSTED_ARGS)
BTF_ID_FLAGS(func, efuse_arg, KF_TRUSTED_ARGS | KF_RET_NULL)
BTF_ID_FLAGS(func, efuse_arg_copy, KF_TRUSTED_ARGS)
BTF_ID_FLAGS(func, efuse_out_size, KF_TRUSTED_ARGS)
BTF_ID_FLAGS(func, efuse_out, KF_TRUSTED_ARGS | KF_RET_NULL)
BTF_ID_FLAGS(func, efuse_out_copy, KF_TRUSTED_ARGS)
BTF_ID_FLAGS(func, efuse_keep, KF_TRUSTED_ARGS)
BTF_ID_FLAGS(func, efuse_open_flags, KF_TRUSTED_ARGS)
BTF_ID_FLAGS(func, efuse_reply, KF_TRUSTED_ARGS)
BTF_ID_FLAGS(func, efuse_wait, KF_TRUSTED_ARGS | KF_SLEEPABLE)
BTF_ID_FLAGS(func, efuse_room, KF_TRUSTED_ARGS | KF_RET_NULL)
BTF_ID_FLAGS(func, efuse_watch, KF_TRUSTED_ARGS)
BTF_ID_FLAGS(func, efuse_reply_more, KF_TRUSTED_ARGS)
BTF_KFUNCS_END(kfunc_ids)

static const struct btf_kfunc_id_set kfunc_set = {
	.owner = THIS_MODULE,
	.set = &kfunc_ids,
};

int efuse_kfunc_init(void)
{
	return register_btf_kfunc_id_set(BPF_PROG_TYPE_STRUCT_OPS, &kfunc_set);
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * clock.bpf.h - how the generic policy knows what is still true.
 *
 * A clock counts changes. Whatever is learnt from a reply carries the time at
 * which its request was made; whatever changes something leaves, when it is
 * complete, its time where the thing is. What was asked before the last change
 * was complete is not used: it may have been answered before it. So a reply that
 * raced a change does no harm whenever it comes, and nothing has to be removed.
 *
 * All tables are arrays, and a thing's place in them is a hash of what it is. A
 * place holds what was learnt last by any of the things that share it, and the
 * last change of any of them; a table never grows and never forgets a change.
 * The kernel's hash tables would not do: they reuse an element while somebody
 * reads it.
 */
#ifndef EFUSE_CLOCK_BPF_H
#define EFUSE_CLOCK_BPF_H

#include "efuse.bpf.h"

#define FOREVER		(~0ULL)
#define barrier()	asm volatile("" ::: "memory")
/* Comparisons before and after are not made one, which the verifier would not see through. */
#define apart(var)	asm volatile("" : "+r"(var))

/*
 * param[0] of a connection; param[1] is nanoseconds for MODE_TIMEOUT. MODE_ASKED is
 * MODE_ALWAYS with a kernel that keeps nothing itself, and asks each time.
 */
enum { MODE_AUTO, MODE_ALWAYS, MODE_TIMEOUT, MODE_ASKED };

/* 0 is what a request has that was not seen. */
static __u64 clock = 1;

static __always_inline __u64 clock_now(void)
{
	return *(volatile __u64 *)&clock;
}

/*
 * Something is complete that changed what changed is of. Two of these at a time
 * must leave the later: for many more, nothing is believed of this place again.
 */
static __always_inline void clock_mark(__u64 *changed)
{
	__u64 now = __sync_add_and_fetch(&clock, 1), old = *(volatile __u64 *)changed;

	for (int i = 0; i < 16; i++) {
		__u64 seen = __sync_val_compare_and_swap(changed, old, now);

		if (seen == old || seen >= now)
			return;
		old = seen;
	}
	*(volatile __u64 *)changed = FOREVER;
}

/* --- one writer at a time, readers that notice ------------------------------ */

/* Whether the place is ours to write; if not, somebody else is at it: leave it. */
static __always_inline bool slot_begin_write(__u64 *seq, __u64 *was)
{
	*was = *(volatile __u64 *)seq;
	return !(*was & 1) && __sync_val_compare_and_swap(seq, *was, *was + 1) == *was;
}

/* Stores are seen in order: x86, where alone the driver is built so far. */
static __always_inline void slot_end_write(__u64 *seq, __u64 was)
{
	barrier();
	*(volatile __u64 *)seq = was + 2;
}

static __always_inline bool slot_begin_read(__u64 *seq, __u64 *was)
{
	*was = *(volatile __u64 *)seq;
	barrier();
	return !(*was & 1);
}

/* Whether what was read since is whole. */
static __always_inline bool slot_end_read(__u64 *seq, __u64 was)
{
	barrier();
	return *(volatile __u64 *)seq == was;
}

/* --- how long and for whom -------------------------------------------------- */

/* Nanoseconds for which a reply holds that says so, 0 for not at all. */
static __always_inline __u64 lifetime(struct efuse_request *req, __u64 sec, __u32 nsec)
{
	if (req->param[0] == MODE_ALWAYS || req->param[0] == MODE_ASKED)
		return FOREVER;
	if (req->param[0] == MODE_TIMEOUT)
		return req->param[1];
	return sec >= 1ULL << 33 ? FOREVER : sec * 1000000000 + nsec;
}

static __always_inline __u64 expiry(__u64 life)
{
	return life == FOREVER ? FOREVER : bpf_ktime_get_ns() + life;
}

/* Nanoseconds left, 0 for none. */
static __always_inline __u64 remaining(__u64 expires)
{
	__u64 now;

	if (expires == FOREVER)
		return FOREVER;
	now = bpf_ktime_get_ns();
	return expires > now ? expires - now : 0;
}

/*
 * The same as FUSE writes it; a year for ever. What the kernel keeps it keeps for
 * everybody: nothing that the file system did not give for that, if it decides who
 * may have it.
 */
static __always_inline void set_valid(struct efuse_request *req, __u64 left,
				      uint64_t *sec, uint32_t *nsec)
{
	__u64 mode = req->param[0];

	if (mode == MODE_ASKED || (mode != MODE_AUTO && !(req->flags & EFUSE_REQ_PERMISSIONS)))
		left = 0;
	*sec = left == FOREVER ? 365 * 24 * 3600 : left / 1000000000;
	*nsec = left == FOREVER ? 0 : left % 1000000000;
}

/* Where the file system decides permissions, answers are for who asked. */
static __always_inline __u64 cred_of(struct efuse_request *req)
{
	if (req->flags & EFUSE_REQ_PERMISSIONS)
		return 0;
	return (__u64)req->uid << 32 | req->gid;
}

static __always_inline __u64 mix(__u64 a, __u64 b)
{
	a = (a ^ b) * 0x9E3779B97F4A7C15ULL;
	return a ^ a >> 29;
}

/* --- counters --------------------------------------------------------------- */

enum counter {
	LOOKUP_HIT, LOOKUP_MISS, GETATTR_HIT, GETATTR_MISS, GETXATTR_HIT, GETXATTR_MISS,
	READLINK_HIT, READLINK_MISS, COUNTERS,
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, COUNTERS);
	__type(key, __u32);
	__type(value, __u64);
} counters SEC(".maps");

static __always_inline void count(__u32 which)
{
	__u64 *counter = bpf_map_lookup_elem(&counters, &which);

	if (counter)
		__sync_fetch_and_add(counter, 1);
}

#endif

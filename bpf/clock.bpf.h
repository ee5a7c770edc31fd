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
 * A change whose reply says what is so now (SETATTR, CREATE, ...) teaches that with
 * the time of its own completion, and only if nothing else changed since it was
 * begun: of two changes at a time nobody here knows which came first. One that is
 * still under way then leaves a later time when it is complete. While a change is
 * under way, what was before it or after it may be said, as FUSE itself does.
 */
#ifndef EFUSE_CLOCK_BPF_H
#define EFUSE_CLOCK_BPF_H

#include "efuse.bpf.h"

#define FOREVER		(~0ULL)
#define barrier()	asm volatile("" ::: "memory")
/* Comparisons before and after are not made one, which the verifier would not see through. */
#define apart(var)	asm volatile("" : "+r"(var))

/*
 * The lowest byte of a connection's param[0]; param[1] is nanoseconds for
 * MODE_TIMEOUT. MODE_ASKED is MODE_ALWAYS with a kernel that keeps nothing itself,
 * and asks each time. The next byte is how many places of a table the connection
 * may use, as a power of two; 0 is all. The third is the same for contents, where 0
 * is none.
 */
enum { MODE_AUTO, MODE_ALWAYS, MODE_TIMEOUT, MODE_ASKED };

/* 0 is what a request has that was not seen. */
static __u64 clock = 1;

static __always_inline __u64 clock_now(void)
{
	return *(volatile __u64 *)&clock;
}

/*
 * The time now, of this change or a later one, is left where the thing is. Two of
 * these at a time must leave the later: for many more, nothing is believed of this
 * place again.
 */
static __always_inline void clock_leave(__u64 *changed, __u64 now)
{
	__u64 old = *(volatile __u64 *)changed;

	for (int i = 0; i < 16; i++) {
		__u64 seen;

		/* Somebody was faster, perhaps before we looked. */
		if (old >= now)
			return;
		seen = __sync_val_compare_and_swap(changed, old, now);
		if (seen == old)
			return;
		old = seen;
	}
	*(volatile __u64 *)changed = FOREVER;
}

/* Something is complete that changed what changed is of. */
static __always_inline void clock_mark(__u64 *changed)
{
	clock_leave(changed, __sync_add_and_fetch(&clock, 1));
}

/*
 * The same for a change that was begun at asked. Returns its time if there was no
 * other since then, otherwise 0.
 */
static __always_inline __u64 clock_mark_own(__u64 *changed, __u64 asked)
{
	__u64 now = __sync_add_and_fetch(&clock, 1), old = *(volatile __u64 *)changed;

	if (asked && old <= asked && __sync_val_compare_and_swap(changed, old, now) == old)
		return now;
	clock_mark(changed);
	return 0;
}

/* --- how long and for whom -------------------------------------------------- */

static __always_inline __u32 mode_of(struct efuse_request *req)
{
	return req->param[0] & 0xff;
}

/* Where the file system's own timeouts hold there are none: no timeout is about contents. */
static __always_inline bool has_blocks(struct efuse_request *req)
{
	return (req->param[0] >> 16 & 31) && mode_of(req) != MODE_AUTO;
}

/* The nanoseconds of a reply, FOREVER for very many. */
static __always_inline __u64 own_life(__u64 sec, __u32 nsec)
{
	return sec >= 1ULL << 33 ? FOREVER : sec * 1000000000 + nsec;
}

/* Nanoseconds for which a reply holds that says so, 0 for not at all. */
static __always_inline __u64 lifetime(struct efuse_request *req, __u64 sec, __u32 nsec)
{
	switch (mode_of(req)) {
	case MODE_ALWAYS:
	case MODE_ASKED:
		return FOREVER;
	case MODE_TIMEOUT:
		return req->param[1];
	default:
		return own_life(sec, nsec);
	}
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
 * The same as FUSE writes it, where both are 0 so far; a year for ever. FUSE shows to
 * everybody what it keeps: that is for as long as the file system itself says, or
 * where it decides nothing.
 */
static __always_inline void set_valid(struct efuse_request *req, __u64 left,
				      uint64_t *sec, uint32_t *nsec)
{
	__u32 mode = mode_of(req);

	if (mode == MODE_ASKED || (mode != MODE_AUTO && !(req->flags & EFUSE_REQ_SHARED)))
		return;
	if (left == FOREVER) {
		*sec = 365 * 24 * 3600;
		return;
	}
	apart(left);	/* a division is not for those who need none */
	*sec = left / 1000000000;
	*nsec = left % 1000000000;
}

#define EVERYBODY	0xffffffff00000000ULL	/* nobody has that user and group */

/* Where the file system decides permissions, answers are for who asked. */
static __always_inline __u64 cred_of(struct efuse_request *req)
{
	if (req->flags & EFUSE_REQ_PERMISSIONS)
		return EVERYBODY;
	return (__u64)req->uid << 32 | req->gid;
}

/* --- counters --------------------------------------------------------------- */

/*
 * Of each opcode: answered; nothing was known; what was known had changed or was
 * too old; answered, but the kernel would not have it and asked all the same.
 */
enum outcome { HIT, MISS, STALE, REFUSED, OUTCOMES };

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 64 * OUTCOMES);
	__type(key, __u32);
	__type(value, __u64);
} counters SEC(".maps");

static __always_inline void count(__u32 opcode, enum outcome outcome)
{
	__u32 index = opcode * OUTCOMES + outcome;
	__u64 *counter = bpf_map_lookup_elem(&counters, &index);

	if (counter)
		__sync_fetch_and_add(counter, 1);
}

#endif

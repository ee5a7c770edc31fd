/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * chooser.h - which way a READ goes where there are several: what was measured of each,
 * what that makes each likely to take, and so which is taken. Of one file, and requests of
 * about one size.
 *
 * Of CHOOSER_ROUND requests, or more when tries cost much, the first few are tries:
 * CHOOSER_TRIES on each way that is allowed, one on those that took more than twice as long
 * as the quickest. They are timed, and the last CHOOSER_TRIES times of each kind are kept,
 * of which the least and the greatest do not count. The other requests take the way that
 * is likely to be the quickest. So each way is tried in every round, the bad ones little.
 *
 * A way has two kinds of times, of requests that go well and badly there: the range is in
 * the page cache or not, the policy has it or not. How likely it is to go well is known of
 * each request (its share in the page cache), or from the requests before (the policy's
 * hits).
 *
 * The policy only comes to know what goes its way. It would never be the quickest if it had
 * to be that beforehand. So, until that has failed, it is taken to have all that was
 * read before on any way. It has failed when a round that went its way has found less
 * than that, and little more than the round of its kind before. Then what it found is
 * believed, for twice as many rounds each time.
 *
 * There are no locks, clocks and memory here: what comes in is all that decides, and
 * `efuse replay` goes through the same with what a trace has of it.
 */
#ifndef EFUSE_CHOOSER_H
#define EFUSE_CHOOSER_H

#include <linux/types.h>

#ifndef __KERNEL__
#include <stdbool.h>

#define noinline __attribute__((__noinline__))
#endif

#define CHOOSER_ROUND	200
#define CHOOSER_TRIES	5
#define CHOOSER_SPARING	32U	/* requests to each that a try costs, */
#define CHOOSER_LONGEST	20000U	/* up to so many in a round */
#define CHOOSER_CACHED	4U	/* shares in the page cache are of so many */
#define CHOOSER_WHOLE	256U	/* shares that the policy has are of so many, */
#define CHOOSER_MORE	8U	/* of which this is worth going on for */
#define CHOOSER_PATIENCE 32U	/* rounds that a way which failed is left alone, at most */
#define CHOOSER_NS_MAX	0x3fffffffU

enum chooser_way {
	CHOOSER_SERVER,
	CHOOSER_POLICY,		/* and the server for what it has not */
	CHOOSER_FILE,		/* the server's own */
	CHOOSER_WAYS
};

enum chooser_kind {
	CHOOSER_BADLY,
	CHOOSER_WELL,
	CHOOSER_KINDS
};

/* Times of one kind on one way. */
struct chooser_times {
	__u32 ns[CHOOSER_TRIES];
	__u32 count;		/* that are there, */
	__u32 next;		/* and the oldest, when all are */
	__u32 usual;		/* what they come to, 0 for unknown */
};

/* Of one file and one class of sizes. All zero at first. */
struct chooser {
	struct chooser_times times[CHOOSER_WAYS][CHOOSER_KINDS];
	__u32 at, length;	/* in the round, and how long that is */
	__u32 ways;		/* that were allowed last */
	__u32 tries;		/* that are left in this round, */
	__u32 left[CHOOSER_WAYS];	/* by way */
	__u32 known;		/* the next are what follows from the times */
	__u32 best[CHOOSER_CACHED + 1];	/* the way, by the share in the page cache */
	__u32 asked, again;	/* requests in this round, and of what was read before */
	__u32 used, missed;	/* of the policy, in this round */
	__u32 rate;		/* the share that it is taken to have */
	__u32 last;		/* what it had in the last round that went its way */
	__u32 patience, wait;	/* rounds to wait after a failure, and still */
};

/* What is to be known of a request. */
struct chooser_request {
	__u32 ways;		/* that are allowed: 1 << enum chooser_way, with the server's */
	__u32 share;		/* of it in the page cache, of CHOOSER_CACHED */
	__u32 again;		/* it was read before: 0 or 1 */
};

/* What comes of it. */
struct chooser_choice {
	__u32 way;
	__u32 try;		/* it is to be timed: 0 or 1 */
};

/*
 * The class of a request of so many bytes: up to 4, 16, 64, 256 KiB, 1 MiB, and more, and
 * the same once more for those that fill the page cache, to which other ways are open.
 */
#define CHOOSER_SIZES	6
#define CHOOSER_CLASSES	(2 * CHOOSER_SIZES)
static inline __u32 chooser_class(__u32 size, bool fills)
{
	__u32 class = 0;

	for (__u32 most = 4096; size > most && class < CHOOSER_SIZES - 1; most *= 4)
		class++;
	return fills ? class + CHOOSER_SIZES : class;
}

static inline __u32 chooser_usual(const struct chooser_times *t)
{
	__u32 sum = 0, least = CHOOSER_NS_MAX, most = 0;

	for (__u32 i = 0; i < t->count; i++) {
		/* Five of them fit, divided. */
		sum += t->ns[i] / CHOOSER_TRIES;
		least = t->ns[i] < least ? t->ns[i] : least;
		most = t->ns[i] > most ? t->ns[i] : most;
	}
	if (t->count < 3)
		return t->count == 2 ? (least + most) / 2 : most;
	sum -= least / CHOOSER_TRIES + most / CHOOSER_TRIES;
	return sum / (t->count - 2) * CHOOSER_TRIES + 1;
}

/* What a way takes if such a share of CHOOSER_WHOLE goes well; 0 if nothing is known. */
static inline __u32 chooser_mean(const struct chooser *c, __u32 way, __u32 good)
{
	__u32 well = c->times[way][CHOOSER_WELL].usual, badly = c->times[way][CHOOSER_BADLY].usual;

	well = well ? well : badly;
	badly = badly ? badly : well;
	return (__u32)(((__u64)well * good + (__u64)badly * (CHOOSER_WHOLE - good)) /
		       CHOOSER_WHOLE);
}

/* What is likely on that way, in nanoseconds, with so much in the page cache. As above. */
static inline __u32 chooser_likely(const struct chooser *c, __u32 way, __u32 share)
{
	return chooser_mean(c, way, way == CHOOSER_POLICY ?
			    c->rate : share * (CHOOSER_WHOLE / CHOOSER_CACHED));
}

/* What a try takes: the policy's is not helped by what the policy might come to have. */
static inline __u32 chooser_price(const struct chooser *c, __u32 way)
{
	return chooser_mean(c, way, way == CHOOSER_POLICY ? c->last : CHOOSER_WHOLE / 2);
}

static inline __u32 chooser_quickest(const struct chooser *c, __u32 share)
{
	__u32 best = CHOOSER_SERVER, least = 0;

	for (__u32 way = 0; way < CHOOSER_WAYS; way++) {
		__u32 ns = c->ways >> way & 1 ? chooser_likely(c, way, share) : 0;

		if (ns && (!least || ns < least)) {
			least = ns;
			best = way;
		}
	}
	return best;
}

/* A round ends in which the policy was used. */
static inline void chooser_judge(struct chooser *c, __u32 hoped)
{
	__u32 found = c->used > c->missed ? c->used - c->missed : 0;
	__u32 had = found * CHOOSER_WHOLE / c->used;

	if (had + CHOOSER_MORE >= hoped || had >= c->last + CHOOSER_MORE) {
		c->rate = hoped;
		c->patience = 0;
	} else {
		c->rate = had;
		c->patience = c->patience * 2 + 1;
		if (c->patience > CHOOSER_PATIENCE)
			c->patience = CHOOSER_PATIENCE;
		c->wait = c->patience;
	}
	c->last = had;
}

/* Tries of those ways, in this round, and how long it is. */
static inline void chooser_plan(struct chooser *c, __u32 ways)
{
	__u32 best = chooser_quickest(c, CHOOSER_CACHED / 2);
	__u32 least = chooser_likely(c, best, CHOOSER_CACHED / 2), length = CHOOSER_ROUND;
	__u32 price, times;

	c->tries = 0;
	for (__u32 way = 0; way < CHOOSER_WAYS; way++) {
		price = chooser_price(c, way);
		if (ways >> way & 1)
			c->left[way] = price / 2 > least ? 1 : CHOOSER_TRIES;
		else if (!(c->ways >> way & 1))
			c->left[way] = 0;
		c->tries += c->left[way];
		times = least ? price / least : 0;
		times = times < CHOOSER_LONGEST ? times : CHOOSER_LONGEST;
		length += times > 1 ? times * c->left[way] * CHOOSER_SPARING : 0;
	}
	c->length = length < CHOOSER_LONGEST ? length : CHOOSER_LONGEST;
}

static inline void chooser_round(struct chooser *c)
{
	__u32 hoped = c->asked ? c->again * CHOOSER_WHOLE / c->asked : 0;

	if (c->used >= CHOOSER_ROUND / 4)
		chooser_judge(c, hoped);
	else if (c->wait)
		c->wait--;
	else
		c->rate = hoped;
	c->asked = 0;
	c->again = 0;
	c->used = 0;
	c->missed = 0;
	c->at = 0;
	c->known = 0;
	chooser_plan(c, c->ways);
}

static inline void chooser_allow(struct chooser *c, __u32 ways)
{
	__u32 more = ways & ~c->ways;

	c->ways = ways;
	c->known = 0;
	chooser_plan(c, more);
}

/* The way that has most tries left. */
static inline __u32 chooser_try(struct chooser *c)
{
	__u32 most = 0;

	for (__u32 way = 1; way < CHOOSER_WAYS; way++)
		if (c->left[way] > c->left[most])
			most = way;
	c->left[most]--;
	c->tries--;
	return most;
}

/* A new round, other ways, a try, or news of what is the quickest. */
static noinline struct chooser_choice chooser_think(struct chooser *c,
						    const struct chooser_request *r)
{
	struct chooser_choice choice = { .try = 0 };

	if (c->at >= c->length)
		chooser_round(c);
	if (c->ways != r->ways)
		chooser_allow(c, r->ways);
	if (c->tries) {
		choice.way = chooser_try(c);
		choice.try = 1;
		return choice;
	}
	for (__u32 i = 0; i <= CHOOSER_CACHED; i++)
		c->best[i] = chooser_quickest(c, i);
	c->known = 1;
	choice.way = c->best[r->share];
	return choice;
}

static inline struct chooser_choice chooser_choose(struct chooser *c,
						   const struct chooser_request *r)
{
	struct chooser_choice choice = { .way = c->best[r->share] };
	bool think = !c->known || c->tries || c->at >= c->length || c->ways != r->ways;

	if (__builtin_expect(think, 0))
		choice = chooser_think(c, r);
	c->at++;
	c->asked++;
	c->again += r->again;
	c->used += choice.way == CHOOSER_POLICY;
	return choice;
}

/*
 * A request has gone that way, well or badly; a try has taken so long, others 0. This need
 * not be called for those that went well and were no try.
 */
static inline void chooser_learn(struct chooser *c, __u32 way, __u32 well, __u64 ns)
{
	struct chooser_times *t = &c->times[way][well];

	c->missed += way == CHOOSER_POLICY && !well;
	if (!ns)
		return;
	t->ns[t->next] = ns < CHOOSER_NS_MAX ? (__u32)ns : CHOOSER_NS_MAX;
	t->next = (t->next + 1) % CHOOSER_TRIES;
	t->count += t->count < CHOOSER_TRIES;
	t->usual = chooser_usual(t);
	c->known = 0;
}

#endif /* EFUSE_CHOOSER_H */

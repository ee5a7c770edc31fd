/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * chooser.h - which way a READ goes where there are several: what was measured of each,
 * what that makes each likely to take, and so which is taken. Of one file, and requests of
 * about one size.
 *
 * Of CHOOSER_ROUND requests, or more when tries cost much, the first few are tries:
 * CHOOSER_TRIES on each way that is allowed, after some that are not timed, and a single
 * timed one on those that took more than twice as long as the quickest and would take too much
 * of the round. The last CHOOSER_TRIES times of each kind are kept, of which the middle one
 * counts: at once if it is quite another than before, otherwise little by little.
 * The other requests take the way that is likely to be the quickest. So each way is tried
 * in every round, the bad ones little.
 *
 * A way has two kinds of times, of requests that go well and badly there: the range is in
 * the page cache or not, the policy has it or not. How likely it is to go well is known of
 * each request (its share in the page cache), or from the requests before (the policy's
 * hits).
 *
 * The policy only comes to know what goes its way. It would never be the quickest if it had
 * to be that beforehand. So, until that has failed, it is taken to have all that was
 * read before on any way, and to be as quick as can be as long as it had nothing at all. It
 * has failed when so many requests that went its way, fewer of large ones, have found less
 * than that, and little more than those before. Then what it found is believed, for twice
 * as many rounds each time. Where it is next to nothing, and there is a file, it is not taken
 * but to be tried.
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
#define CHOOSER_SPARING	64U	/* requests to each that a try costs, */
#define CHOOSER_LONGEST	20000U	/* up to so many in a round */
#define CHOOSER_WARM	3U	/* requests before a single one, which is not timed cold then, */
#define CHOOSER_NEAR	8U	/* where it takes less than so many times the quickest */
#define CHOOSER_COLD	100000U	/* and nanoseconds, so that this makes a difference */
#define CHOOSER_STEADY	16	/* part of what differs a little that is believed at once */
#define CHOOSER_CACHED	4U	/* shares in the page cache are of so many */
#define CHOOSER_WHOLE	256U	/* shares that the policy has are of so many, */
#define CHOOSER_MORE	8U	/* of which this is worth going on for */
#define CHOOSER_JUDGED	400U	/* small requests to the policy that show what it has */
#define CHOOSER_PATIENCE 32U	/* rounds that a way which failed is left alone, at most */
#define CHOOSER_NS_MAX	0x3fffffffU

enum chooser_way {
	CHOOSER_SERVER,
	CHOOSER_POLICY,		/* and the file, or else the server, for what it has not */
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

/* Of one file and one class of sizes. */
struct chooser {
	struct chooser_times times[CHOOSER_WAYS][CHOOSER_KINDS];
	__u32 at, length;	/* in the round, and how long that is */
	__u32 ways;		/* that were allowed last */
	__u32 tries;		/* that are left in this round, */
	__u32 left[CHOOSER_WAYS];	/* by way; */
	__u32 single;		/* of these ways (1 << enum chooser_way) only the last is timed */
	__u32 known;		/* so many of the next are what follows from the times */
	/*
	 * Of so many to the file one is the server's, 0 for none: whoever asks has this set
	 * before it calls chooser_choose(), where chooser_thinks().
	 */
	__u32 compared;
	__u32 best[CHOOSER_CACHED + 1];	/* the way, by the share in the page cache, */
	__u32 sure;		/* or the only one, and one more; 0 if there are several */
	__u32 again;		/* requests in this round of what was read before */
	__u32 used, missed;	/* of the policy, since that was judged, */
	__u32 judged;		/* which is when so many were */
	__u32 rate;		/* the share that it is taken to have */
	__u32 last;		/* what it had when it was judged last */
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
 * Where a request might go: to the file too; only there or to the server, to fill the page
 * cache; or not to the file. What the policy has not is the file's or the server's then, of
 * which one takes a hundred times what the other does; and a file that is written to is
 * not always there, so that this changes from one request to the next.
 */
enum chooser_where {
	CHOOSER_WITH_FILE,
	CHOOSER_FILLS,
	CHOOSER_NO_FILE,
	CHOOSER_WHERES
};

/* The class of a request of so many bytes: up to 4, 16, 64, 256 KiB, 1 MiB, and more. */
#define CHOOSER_SIZES	6
#define CHOOSER_CLASSES	(CHOOSER_WHERES * CHOOSER_SIZES)
static inline __u32 chooser_class(__u32 size, enum chooser_where where)
{
	__u32 class = 0;

	for (__u32 most = 4096; size > most && class < CHOOSER_SIZES - 1; most *= 4)
		class++;
	return class + where * CHOOSER_SIZES;
}

/* Nothing is known of requests of that class, or size; all else is zero. */
static inline void chooser_begin(struct chooser *c, __u32 class)
{
	c->judged = CHOOSER_JUDGED >> class % CHOOSER_SIZES;
}

/* The middle one, of an even number the lower: who is disturbed now and then does not count. */
static inline __u32 chooser_middle(const struct chooser_times *t)
{
	for (__u32 i = 0; i < t->count; i++) {
		__u32 below = 0, same = 0;

		for (__u32 j = 0; j < t->count; j++) {
			below += t->ns[j] < t->ns[i];
			same += t->ns[j] == t->ns[i];
		}
		if (below <= (t->count - 1) / 2 && below + same > (t->count - 1) / 2)
			return t->ns[i] ? t->ns[i] : 1;
	}
	return 0;
}

/* As long as there are few times, and when they are not half or twice what they were: that. */
static inline __u32 chooser_usual(const struct chooser_times *t)
{
	__u32 ns = chooser_middle(t);

	if (t->count < CHOOSER_TRIES || ns / 2 > t->usual || ns < t->usual / 2)
		return ns;
	return ns > t->usual ? t->usual + (ns - t->usual) / CHOOSER_STEADY :
			       t->usual - (t->usual - ns) / CHOOSER_STEADY;
}

/*
 * What a way takes if such a share of CHOOSER_WHOLE goes well; 0 if nothing is known. Of a
 * policy that had nothing so far it is hoped that what it has is there at once.
 */
static inline __u32 chooser_mean(const struct chooser *c, __u32 way, __u32 good)
{
	__u32 well = c->times[way][CHOOSER_WELL].usual, badly = c->times[way][CHOOSER_BADLY].usual;

	if (!well)
		well = way == CHOOSER_POLICY && badly ? 1 : badly;
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

/* The least that a request to the server took: what else was done meanwhile is not its doing. */
static inline __u32 chooser_least(const struct chooser *c)
{
	const struct chooser_times *t = c->times[CHOOSER_SERVER];
	__u32 least = 0;

	for (__u32 kind = 0; kind < CHOOSER_KINDS; kind++)
		for (__u32 i = 0; i < t[kind].count; i++)
			if (!least || t[kind].ns[i] < least)
				least = t[kind].ns[i];
	return least;
}

/* What share of them goes to the file, of CHOOSER_WHOLE. */
static inline __u32 chooser_to_file(const struct chooser *c, __u32 way)
{
	if (way == CHOOSER_POLICY && c->ways >> CHOOSER_FILE & 1 && c->rate < CHOOSER_WHOLE)
		return CHOOSER_WHOLE - c->rate;
	return way == CHOOSER_FILE ? CHOOSER_WHOLE : 0;
}

/* And with what is not timed: of those to the file the server has some, to be compared. */
static inline __u32 chooser_whole(const struct chooser *c, __u32 way, __u32 share)
{
	__u32 ns = chooser_likely(c, way, share), to_file = chooser_to_file(c, way);

	return ns && to_file && c->compared ?
	       ns + (__u32)((__u64)chooser_least(c) * to_file / CHOOSER_WHOLE / c->compared) : ns;
}

/* Who has next to nothing is a detour to the file, however the two were measured. */
static inline bool chooser_is_detour(const struct chooser *c, __u32 way)
{
	return way == CHOOSER_POLICY && c->ways >> CHOOSER_FILE & 1 && c->rate < CHOOSER_MORE;
}

static inline __u32 chooser_quickest(const struct chooser *c, __u32 share)
{
	__u32 best = CHOOSER_SERVER, least = 0;

	for (__u32 way = 0; way < CHOOSER_WAYS; way++) {
		bool open = c->ways >> way & 1 && !chooser_is_detour(c, way);
		__u32 ns = open ? chooser_whole(c, way, share) : 0;

		if (ns && (!least || ns < least)) {
			least = ns;
			best = way;
		}
	}
	return best;
}

/* The share that the policy would have if it had all that was read before. */
static inline __u32 chooser_hoped(const struct chooser *c)
{
	return c->at ? c->again * CHOOSER_WHOLE / c->at : 0;
}

/* What the policy had, of what it was used for. */
static inline __u32 chooser_had(struct chooser *c)
{
	__u32 found = c->used > c->missed ? c->used - c->missed : 0;

	c->last = found * CHOOSER_WHOLE / c->used;
	c->used = 0;
	c->missed = 0;
	c->known = 0;
	return c->last;
}

/* The policy was used. A failure is not followed by another while that one counts. */
static inline void chooser_judge(struct chooser *c)
{
	__u32 hoped = chooser_hoped(c), last = c->last, had = chooser_had(c);

	if (c->wait) {
		c->rate = had;
	} else if (had + CHOOSER_MORE >= hoped || had >= last + CHOOSER_MORE) {
		c->rate = had > hoped ? had : hoped;
		c->patience = 0;
	} else {
		c->rate = had;
		c->patience = c->patience * 2 + 1;
		if (c->patience > CHOOSER_PATIENCE)
			c->patience = CHOOSER_PATIENCE;
		c->wait = c->patience;
	}
}

/* What a request takes on the quickest way by what was seen, not hoped; 0 as above. */
static inline __u32 chooser_best_price(const struct chooser *c)
{
	__u32 least = 0;

	for (__u32 way = 0; way < CHOOSER_WAYS; way++) {
		__u32 ns = c->ways >> way & 1 ? chooser_price(c, way) : 0;

		if (ns && (!least || ns < least))
			least = ns;
	}
	return least;
}

/*
 * How many tries it takes to time a costly way once. What has not gone that way for a while
 * is slow there for what the processor has forgotten of it: if that were all that is ever
 * seen of it, it could be the quickest, and never be known to be.
 */
static inline __u32 chooser_for_one(__u32 price, __u32 least)
{
	return price && price < CHOOSER_COLD && price / CHOOSER_NEAR < least ?
	       CHOOSER_WARM + 1 : 1;
}

/* How long the round is, so that one time of each way is CHOOSER_SPARING times worth it. */
static inline __u32 chooser_length(const struct chooser *c, __u32 least)
{
	__u32 length = CHOOSER_ROUND;

	for (__u32 way = 0; way < CHOOSER_WAYS; way++) {
		__u32 price = chooser_price(c, way);
		__u32 times = least && c->ways >> way & 1 ? price / least : 0;

		times = times < CHOOSER_LONGEST ? times : CHOOSER_LONGEST;
		length += times > 1 ? times * CHOOSER_SPARING * chooser_for_one(price, least) : 0;
	}
	return length < CHOOSER_LONGEST ? length : CHOOSER_LONGEST;
}

/*
 * Tries of those ways, in this round. As long as nothing is known of the server, it is taken
 * to cost much.
 */
static inline void chooser_plan(struct chooser *c, __u32 ways)
{
	__u32 least = chooser_best_price(c);
	__u64 round;

	c->length = chooser_length(c, least);
	round = (__u64)c->length * least;
	c->tries = 0;
	for (__u32 way = 0; way < CHOOSER_WAYS; way++) {
		__u32 price = chooser_price(c, way);
		bool costly = price ? price / 2 > least &&
				      (__u64)price * CHOOSER_TRIES * CHOOSER_SPARING > round :
				      way == CHOOSER_SERVER;

		if (ways >> way & 1) {
			c->left[way] = chooser_for_one(price, least) + (costly ? 0 : CHOOSER_TRIES);
			c->single = (c->single & ~(1U << way)) | (__u32)costly << way;
		} else if (!(c->ways >> way & 1)) {
			c->left[way] = 0;
		}
		c->tries += c->left[way];
	}
}

static inline void chooser_round(struct chooser *c)
{
	if (c->used >= c->judged)
		chooser_judge(c);
	else if (!c->wait)
		c->rate = chooser_hoped(c);
	c->wait -= c->wait > 0;
	c->again = 0;
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

/*
 * A try of the first way that has some left. What has not gone that way for a while would
 * be slow there once, for what the processor has forgotten of it.
 */
static inline struct chooser_choice chooser_try(struct chooser *c)
{
	__u32 way = 0, timed;

	while (way < CHOOSER_WAYS - 1 && !c->left[way])
		way++;
	timed = c->single >> way & 1 ? 1 : CHOOSER_TRIES;
	c->tries--;
	return (struct chooser_choice){ .way = way, .try = c->left[way]-- <= timed };
}

/* Which way is the quickest, and for how many requests that follows from what is known. */
static inline void chooser_decide(struct chooser *c)
{
	__u32 round = c->at < c->length ? c->length - c->at : 1;
	__u32 judge = c->used < c->judged ? c->judged - c->used : 1;

	c->best[0] = chooser_quickest(c, 0);
	c->sure = c->best[0] + 1;
	for (__u32 i = 1; i <= CHOOSER_CACHED; i++) {
		c->best[i] = chooser_quickest(c, i);
		if (c->best[i] != c->best[0])
			c->sure = 0;
	}
	c->known = round < judge ? round : judge;
}

/* A new round, other ways, a try, or news of what is the quickest. */
static noinline struct chooser_choice chooser_think(struct chooser *c,
						    struct chooser_request r)
{
	struct chooser_choice choice = { .try = 0 };

	if (c->at >= c->length)
		chooser_round(c);
	else if (c->used >= c->judged && c->at >= CHOOSER_ROUND / 4)
		chooser_judge(c);
	if (c->ways != r.ways)
		chooser_allow(c, r.ways);
	if (c->tries)
		return chooser_try(c);
	chooser_decide(c);
	choice.way = c->best[r.share];
	return choice;
}

/* Whether a request goes that way whatever is in the page cache, if the ways are the same. */
static inline bool chooser_is_sure(const struct chooser *c, __u32 way)
{
	return c->known && c->sure == way + 1;
}

/* Whether a request with these ways does not just follow from the one before. */
static inline bool chooser_thinks(const struct chooser *c, __u32 ways)
{
	return !c->known || c->ways != ways;
}

static inline struct chooser_choice chooser_choose(struct chooser *c,
						   struct chooser_request r)
{
	struct chooser_choice choice = { .way = c->best[r.share] };

	if (__builtin_expect(chooser_thinks(c, r.ways), 0))
		choice = chooser_think(c, r);
	else
		c->known--;
	c->at++;
	c->again += r.again;
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

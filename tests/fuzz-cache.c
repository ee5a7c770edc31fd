// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * fuzz-cache.c - the cache policy on arbitrary replies. The first bytes say which
 * policy, protocol version and opcode; the body is exactly as long as it says,
 * so that the address sanitizer sees each step too far. What comes out must be
 * as long as what went in, but for a missing name.
 */
#include "shim/cache.c"
#include "shim/proto.c"

static struct cache *fuzz_cache(unsigned char policy, unsigned char minor)
{
	static const struct cache_policy policies[] = {
		{ STATS_CACHE_ALWAYS, 0 }, { STATS_CACHE_TIMEOUT, 1500000000 },
		{ STATS_CACHE_NONE, 0 },
	};
	/* Made once: the tables are large, and what they remember must not matter. */
	static struct cache *made[3];
	struct cache **c = &made[policy % 3];

	if (!*c)
		*c = cache_new(&policies[policy % 3]);
	(*c)->minor = minor % 45;
	return *c;
}

static void fuzz_reply(struct cache *c, uint32_t opcode, const unsigned char *data, size_t size)
{
	struct cache_request req = { .opcode = opcode, .nodeid = size };
	struct fuse_out_header out = { .len = (uint32_t)(sizeof(out) + size), .unique = 2 };
	size_t room = size ? size : sizeof(struct fuse_entry_out);
	char *exact = malloc(room);

	memcpy(exact, data, size);
	if (!size)
		out.error = -ENOENT;
	cache_reply(c, &req, &out, exact, room, 5);
	if (size && out.len != sizeof(out) + size)
		abort();
	if (!size && !out.error && out.len > sizeof(out) + room)
		abort();
	/* A second time there is nothing left to do. */
	if (size && c->policy.mode != STATS_CACHE_TIMEOUT &&
	    cache_reply(c, &req, &out, exact, room, 5))
		abort();
	free(exact);
}

static void fuzz_init(struct cache *c, const unsigned char *data, size_t size)
{
	char *msg;

	if (size < sizeof(struct fuse_out_header) + 8)
		return;
	msg = malloc(size);
	memcpy(msg, data, size);
	cache_init(c, msg, size, c->minor);
	free(msg);
}

static void fuzz_request(struct cache *c, const unsigned char *data, size_t size)
{
	struct cache_request req;
	struct fuse_in_header in;
	char *msg = malloc(size);

	memcpy(msg, data, size);
	cache_ask(c, msg, size);
	free(msg);
	if (size < sizeof(in))
		return;
	memcpy(&in, data, sizeof(in));
	if (cache_recall(c, in.unique, &req) && !cache_concerns(req.opcode))
		abort();
}

static void fuzz_text(const unsigned char *data, size_t size)
{
	char *text = malloc(size + 1);
	uint64_t ns;

	memcpy(text, data, size);
	text[size] = '\0';
	if (!config_seconds(text, &ns) && ns > CONFIG_CACHE_MAX * 1000000000ull)
		abort();
	free(text);
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
	struct cache *c;

	if (size < 4)
		return 0;
	c = fuzz_cache(data[0], data[1]);
	switch (data[2] % 8) {
	case 0: fuzz_init(c, data + 4, size - 4); break;
	case 1: fuzz_request(c, data + 4, size - 4); break;
	case 2: fuzz_text(data + 4, size - 4); break;
	default: fuzz_reply(c, data[3] % 64, data + 4, size - 4);
	}
	return 0;
}

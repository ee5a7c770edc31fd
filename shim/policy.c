// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * policy.c - a connection under a cache policy. See policy.h.
 */
#include <sys/syscall.h>
#include <unistd.h>

#include "shim/count.h"
#include "shim/lights.h"
#include "shim/policy.h"
#include "shim/settings.h"

void policy_begin(struct session *s, uint32_t offered)
{
	const struct cache_policy *policy = &settings_get()->cache;

	if (!s->cache)
		s->cache = cache_new(policy);
	if (s->cache)
		cache_offer(s->cache, offered);
	else if (policy->mode != STATS_CACHE_AUTO)
		settings_log("no memory for the cache policy: it is not applied");
}

const char *policy_lost(void)
{
	return settings_get()->cache.mode == STATS_CACHE_AUTO ? "" :
	       "; efuse.cache is not applied";
}

void policy_end(struct session *s)
{
	cache_free(s->cache);
	lights_free(s->lights);
	s->cache = NULL;
	s->lights = NULL;
}

/*
 * With `always` alone, and not for a daemon that keeps locks: it must hear of each
 * close(2), which ends a process's locks whichever open they came from.
 */
static void lights_begin(struct session *s, uint32_t flags)
{
	if (settings_get()->cache.mode == STATS_CACHE_ALWAYS && !s->lights &&
	    !(flags & (FUSE_POSIX_LOCKS | FUSE_FLOCK_LOCKS)))
		s->lights = lights_new();
}

void policy_agreed(struct session *s, void *msg, size_t size, const struct proto_agreed *agreed)
{
	if (s->cache && agreed->uring) {
		cache_free(s->cache);
		s->cache = NULL;
	}
	if (!s->cache)
		return;
	lights_begin(s, agreed->flags);
	if (cache_init(s->cache, msg, size, agreed->minor))
		count_add(&s->stats->cache_changed, 1);
	s->stats->cache_ns = settings_get()->cache.ns;
	count_set(&s->stats->cache, (uint32_t)settings_get()->cache.mode);
}

void policy_reply(struct session *s, int fd, const struct cache_request *req,
		  struct fuse_out_header *out, void *body, size_t room)
{
	struct cache_notice notice;
	bool error = out->error;

	/* Refused when the kernel does not know the node: all the better. */
	if (cache_notice(s->cache, req, out, &notice))
		(void)!syscall(__NR_write, fd, &notice, sizeof(notice));
	if (!cache_reply(s->cache, req, out, body, room, count_now()))
		return;
	count_add(&s->stats->cache_changed, 1);
	if (error)
		count_add(&s->stats->cache_negative, 1);
}

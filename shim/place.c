// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * place.c - where and how a thread runs. See place.h.
 *
 * Locality is most of the gain: a wake-up across cores costs ten times one on
 * the same core. All of this is best effort; a refused system call only means
 * that the thread stays where the scheduler puts it.
 *
 * A struct place is its thread's own, but for `idle`, `may_idle`, `not_before`,
 * `backoffs` and `progress`, which the keeper reads and writes too. Whoever
 * changes `idle` from 1 to 0 makes the system call that goes with it, and
 * changes it back to 1 when that is refused.
 */
#include <errno.h>
#include <limits.h>
#include <linux/capability.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "shim/place.h"
#include "shim/smallfile.h"

#define FOLLOW_STREAK 4
#define BESIDE_NS 100000000ull		/* between two looks whether cores are idle */
#define WINDOW 64			/* requests between two decisions */
#define ENTER_NS (WINDOW * 400000ull)	/* 2,500 a second and more: enter */
#define LEAVE_NS (WINDOW * 1000000ull)	/* 1,000 a second and less: leave */
#define MOVED_MANY (WINDOW / 4)		/* callers that do not stay */
#define MIXED_WINDOWS 16			/* after one with callers that alternate */
#define STREAM_ENDS 64			/* requests without one that nobody waits for */
#define LOOSE_WINDOWS 64		/* then not pinned for as many, doubled */
#define LOOSENED_MAX 6			/* doublings */
#define BACKOFF_NS 10000000ull		/* after the first forced exit, doubled */
#define BACKOFF_MAX 10			/* doublings: ten seconds */
#define STILL_LOOKS 25			/* looks without a request: leave */
#define SLOW_LOOK (PLACE_WATCH_NS / 2000000)	/* requests between two looks: 500 a second */
#define NICE_ZERO_LIMIT 20		/* RLIMIT_NICE that allows nice 0: 20 - 0 */

/*
 * What the calling thread was allowed before a place of it was pinned. A thread
 * that reads from several connections has a place for each, and those made
 * after the first pin would take the one core for all it may use.
 */
static __thread cpu_set_t found;
static __thread unsigned int pins;	/* places of this thread that are pinned */

unsigned int place_here(void)
{
	int core = sched_getcpu();

	return core < 0 ? 0 : (unsigned int)core;
}

/* --- affinity ------------------------------------------------------------- */

/* To one core, or to all but one. */
static bool narrowed(const struct place *p)
{
	return p->core != PLACE_NOWHERE || p->off != PLACE_NOWHERE;
}

bool place_pin(struct place *p, unsigned int core)
{
	cpu_set_t one;

	if (p->core == (int)core || p->loose || p->stream)
		return false;
	if (!p->usable || core >= CPU_SETSIZE || !CPU_ISSET(core, &p->pinnable))
		return false;
	CPU_ZERO(&one);
	CPU_SET(core, &one);
	if (sched_setaffinity(0, sizeof(one), &one)) {
		/* A core that went, say: not once more with every request. */
		CPU_CLR(core, &p->pinnable);
		return false;
	}
	if (!narrowed(p))
		pins++;
	p->off = PLACE_NOWHERE;
	__atomic_store_n(&p->core, (int)core, __ATOMIC_RELAXED);
	return true;
}

static void unpin(struct place *p)
{
	if (!narrowed(p))
		return;
	sched_setaffinity(0, sizeof(p->allowed), &p->allowed);
	pins--;
	p->off = PLACE_NOWHERE;
	__atomic_store_n(&p->core, PLACE_NOWHERE, __ATOMIC_RELAXED);
}

/*
 * A pinned thread that runs elsewhere was moved by somebody: taskset(1), a
 * cpuset, a core that went. What it may use now is what it was given.
 */
static void accept_given(struct place *p)
{
	cpu_set_t now;

	if (p->core == PLACE_NOWHERE || place_here() == (unsigned int)p->core ||
	    sched_getaffinity(0, sizeof(now), &now))
		return;
	found = now;
	p->allowed = now;
	pins--;
	__atomic_store_n(&p->core, PLACE_NOWHERE, __ATOMIC_RELAXED);
}

void place_away(struct place *p, int core)
{
	cpu_set_t others = p->allowed;

	if (!p->usable || p->away == core)
		return;
	p->away = core;
	if (core >= 0 && core < CPU_SETSIZE)
		CPU_CLR(core, &others);
	if (CPU_COUNT(&others))
		sched_setaffinity(0, sizeof(others), &others);
}

/*
 * Every WINDOW requests: whether callers, of several cores or one, alternate. On
 * busy cores each of them gets its turn, and it is not in every window that they
 * are seen to.
 */
static void judge(struct place *p)
{
	if (++p->seen < WINDOW)
		return;
	if (p->changes > WINDOW / 8 || p->turns > WINDOW / 4)
		p->mixed = MIXED_WINDOWS;
	else if (p->mixed)
		p->mixed--;
	p->seen = 0;
	p->changes = 0;
	p->turns = 0;
	if (p->mixed)
		place_release(p);
}

static void note_caller(struct place *p, unsigned int core, uint32_t pid)
{
	if (pid && p->caller != pid) {
		p->caller = pid;
		p->turns++;
	}
	if (p->wanted != (int)core) {
		p->wanted = (int)core;
		p->streak = 0;
		p->changes++;
	}
	judge(p);
}

static bool follow(struct place *p, unsigned int core)
{
	if (p->mixed || p->core == (int)core || ++p->streak < FOLLOW_STREAK)
		return false;
	return place_pin(p, core);
}

bool place_follow(struct place *p, unsigned int core, uint32_t pid)
{
	note_caller(p, core, pid);
	return follow(p, core);
}

/* --- beside the callers ----------------------------------------------------- */

/* How many tasks are runnable: proc_loadavg(5). Very many where it cannot be told. */
static unsigned int runnable_tasks(void)
{
	unsigned int running;
	char buf[128];

	if (!smallfile_read("/proc/loadavg", buf, sizeof(buf)) ||
	    sscanf(buf, "%*s %*s %*s %u/", &running) != 1)
		return UINT_MAX;
	return running;
}

static unsigned int cores(void)
{
	long online = sysconf(_SC_NPROCESSORS_ONLN);

	return online < 1 ? 1 : (unsigned int)online;
}

/*
 * Requests come fast, and there is a core for this thread and one for each other that
 * wants one. A thread that polls is runnable all the time, and so is a caller that
 * does: they are not counted against it once it is there.
 */
static bool may_be_beside(struct place *p, uint64_t took, uint64_t most)
{
	unsigned int running;

	if (!p->usable || CPU_COUNT(&p->allowed) < 2 || p->mixed || p->stream ||
	    took > most)
		return false;
	running = runnable_tasks();
	return p->beside ? running <= cores() : running < cores();
}

static void judge_beside(struct place *p, uint64_t fast, uint64_t now)
{
	bool was = p->beside;

	p->beside = may_be_beside(p, now - p->beside_looked,
				  (p->progress - p->beside_seen) * fast);
	p->beside_looked = now;
	p->beside_seen = p->progress;
	if (was != p->beside)
		place_release(p);
}

/* Served on their core a few times in a row: off it. */
static bool keep_off(struct place *p, unsigned int core)
{
	cpu_set_t others = p->allowed;

	if (place_here() != core) {
		p->met = 0;
		return false;
	}
	if (++p->met < FOLLOW_STREAK || core >= CPU_SETSIZE)
		return false;
	p->met = 0;
	CPU_CLR(core, &others);
	if (!CPU_COUNT(&others) || sched_setaffinity(0, sizeof(others), &others))
		return false;
	if (!narrowed(p))
		pins++;
	p->off = (int)core;
	__atomic_store_n(&p->core, PLACE_NOWHERE, __ATOMIC_RELAXED);
	return true;
}

bool place_beside(struct place *p, unsigned int core, uint32_t pid, uint64_t fast, uint64_t now)
{
	note_caller(p, core, pid);
	if (now - p->beside_looked >= BESIDE_NS)
		judge_beside(p, fast, now);
	return p->beside ? keep_off(p, core) : follow(p, core);
}

/* --- the idle class ------------------------------------------------------- */

/* CAP_SYS_NICE in effect, by capget(2): no library for one bit. */
static bool has_cap_sys_nice(void)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = { 0 };

	if (syscall(__NR_capget, &head, data))
		return false;
	return data[CAP_SYS_NICE / 32].effective & (1u << (CAP_SYS_NICE % 32));
}

/*
 * sched(7): leaving SCHED_IDLE takes CAP_SYS_NICE, or a nice value within
 * RLIMIT_NICE. Only a thread of the normal class and nice value is moved.
 */
static bool may_idle(void)
{
	struct rlimit nice;

	if (sched_getscheduler(0) != SCHED_OTHER || getpriority(PRIO_PROCESS, 0) != 0)
		return false;
	if (has_cap_sys_nice())
		return true;
	return getrlimit(RLIMIT_NICE, &nice) == 0 && nice.rlim_cur >= NICE_ZERO_LIMIT;
}

static bool allowed_get(cpu_set_t *allowed)
{
	if (!pins && sched_getaffinity(0, sizeof(found), &found))
		return false;
	*allowed = found;
	return true;
}

void place_init(struct place *p)
{
	memset(p, 0, sizeof(*p));
	p->core = PLACE_NOWHERE;
	p->wanted = PLACE_NOWHERE;
	p->away = PLACE_NOWHERE;
	p->off = PLACE_NOWHERE;
	p->usable = allowed_get(&p->allowed);
	p->pinnable = p->allowed;
	p->tid = (pid_t)syscall(__NR_gettid);
	p->may_idle = may_idle();
}

static int set_class(pid_t tid, int policy)
{
	struct sched_param none = { 0 };

	return sched_setscheduler(tid, policy, &none) ? -errno : 0;
}

/*
 * For whoever has changed `idle` to 0. Rights that the daemon gave up meanwhile
 * may leave the thread where it is: then it is said to be there still, so that
 * the keeper and the thread itself try again, and it never goes back in.
 */
static bool make_normal(struct place *p)
{
	if (set_class(p->tid, SCHED_OTHER) != -EPERM)
		return true;	/* it is, or the thread is gone */
	__atomic_store_n(&p->may_idle, false, __ATOMIC_RELAXED);
	__atomic_store_n(&p->idle, 1, __ATOMIC_SEQ_CST);
	return false;
}

static bool leave_idle(struct place *p)
{
	return __atomic_exchange_n(&p->idle, 0, __ATOMIC_SEQ_CST) && make_normal(p);
}

void place_release(struct place *p)
{
	leave_idle(p);
	unpin(p);
}

/*
 * The class is asked of the kernel: the keeper may have marked the parent's
 * thread as taken out just before the fork and have done it only after.
 */
void place_forked(struct place *p)
{
	p->tid = (pid_t)syscall(__NR_gettid);
	if (p->may_idle && sched_getscheduler(0) == SCHED_IDLE)
		__atomic_store_n(&p->idle, 1, __ATOMIC_SEQ_CST);
	place_release(p);
}

static bool cores_to_spare(void)
{
	return runnable_tasks() < cores();
}

static void not_for(struct place *p, uint64_t now, uint64_t ns)
{
	__atomic_store_n(&p->not_before, now + ns, __ATOMIC_RELAXED);
}

/*
 * `idle` is set first: the keeper, or another who takes the thread out, must
 * not find it outside when it is about to go in. Whoever did so before our
 * system call did it in vain, and it is done again here.
 */
static bool go_idle(struct place *p)
{
	__atomic_store_n(&p->idle, 1, __ATOMIC_SEQ_CST);
	if (set_class(p->tid, SCHED_IDLE)) {
		__atomic_store_n(&p->may_idle, false, __ATOMIC_RELAXED);
		__atomic_store_n(&p->idle, 0, __ATOMIC_SEQ_CST);
		return false;
	}
	return __atomic_load_n(&p->idle, __ATOMIC_SEQ_CST) || !make_normal(p);
}

/* The right to leave is asked for anew: a daemon may have dropped root since. */
static bool enter_idle(struct place *p, uint64_t now)
{
	if (!__atomic_load_n(&p->may_idle, __ATOMIC_RELAXED) ||
	    now < __atomic_load_n(&p->not_before, __ATOMIC_RELAXED))
		return false;
	if (!cores_to_spare() || !may_idle()) {
		not_for(p, now, BACKOFF_NS);
		return false;
	}
	__atomic_store_n(&p->entered, now, __ATOMIC_RELAXED);
	return go_idle(p);
}

/* After each window: whether a pinned thread should be, or a loose one again. */
static void judge_pin(struct place *p, unsigned int moved)
{
	if (p->loose) {
		p->loose--;
	} else if (p->core == PLACE_NOWHERE || __atomic_load_n(&p->idle, __ATOMIC_RELAXED)) {
		return;
	} else if (moved <= MOVED_MANY) {
		p->loosened = 0;
	} else {
		p->loose = LOOSE_WINDOWS << p->loosened;
		if (p->loosened < LOOSENED_MAX)
			p->loosened++;
		unpin(p);
	}
}

bool place_pace(struct place *p, uint64_t now, bool moved)
{
	bool entered = false;
	unsigned int count;
	uint64_t took;

	__atomic_store_n(&p->progress, p->progress + 1, __ATOMIC_RELAXED);
	p->moved += moved;
	if (++p->window < WINDOW)
		return false;
	took = now - p->window_start;
	count = p->moved;
	p->window = 0;
	p->moved = 0;
	p->window_start = now;
	accept_given(p);
	p->pinnable = p->allowed;
	if (took > LEAVE_NS)
		leave_idle(p);
	else if (took < ENTER_NS && !p->mixed && !p->stream &&
		 !__atomic_load_n(&p->idle, __ATOMIC_RELAXED))
		entered = enter_idle(p, now);
	judge_pin(p, count);
	return entered;
}

void place_stream(struct place *p, bool background)
{
	if (!background) {
		if (p->stream)
			p->stream--;
		return;
	}
	if (!p->stream)
		place_release(p);
	p->stream = STREAM_ENDS;
}

/* Whether thread TID is running or waits to run: proc_pid_stat(5). */
static bool runnable(pid_t tid)
{
	char path[64], buf[256], *state;

	snprintf(path, sizeof(path), "/proc/self/task/%d/stat", (int)tid);
	if (!smallfile_read(path, buf, sizeof(buf)))
		return false;
	state = strrchr(buf, ')');
	return state && state[1] && state[2] == 'R';
}

/* The wait doubles, unless the class was good for longer than the last wait. */
static void back_off(struct place *p, uint64_t now)
{
	uint64_t stayed = now - __atomic_load_n(&p->entered, __ATOMIC_RELAXED);

	__atomic_fetch_add(&p->backoffs, 1, __ATOMIC_RELAXED);
	if (stayed > BACKOFF_NS << p->penalty)
		p->penalty = 0;
	not_for(p, now, BACKOFF_NS << p->penalty);
	if (p->penalty < BACKOFF_MAX)
		p->penalty++;
	leave_idle(p);
}

/* The thread handled MADE requests since the last look. */
static void look(struct place *p, uint64_t now, uint64_t made)
{
	if (made < SLOW_LOOK && runnable(p->tid)) {
		back_off(p, now);
	} else if (made) {
		p->still = 0;
	} else if (++p->still >= STILL_LOOKS) {
		p->still = 0;
		leave_idle(p);
	}
}

bool place_watch(struct place *p, uint64_t now)
{
	uint64_t progress;

	if (!__atomic_load_n(&p->idle, __ATOMIC_SEQ_CST))
		return false;
	if (now - p->looked < PLACE_WATCH_NS / 2)
		return true;
	progress = __atomic_load_n(&p->progress, __ATOMIC_RELAXED);
	look(p, now, progress - p->watched);
	p->watched = progress;
	p->looked = now;
	return __atomic_load_n(&p->idle, __ATOMIC_SEQ_CST);
}

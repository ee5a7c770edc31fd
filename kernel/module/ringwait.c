// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * ringwait.c - who sleeps, who wakes whom, and who looks instead of sleeping.
 *
 * No wake-up is lost: of two that each write and then look at what the other has
 * written, with a full barrier between, one sees the other.
 *
 *   a request           writes sub_tail, looks for sleepers and pollers
 *   a thread to sleep   is a sleeper, looks at every sub_tail and at the device
 *   a poller to leave   takes pollers back, looks at every sub_tail: it wakes the next
 *   a reply             writes comp_tail, looks at need
 *   a requester         raises need, looks at comp_tail
 *
 * A thread to sleep leaves as many requests of a ring as there are threads that were woken
 * there and have not looked since, or poll: each takes one before it sleeps again.
 *
 * Half of that is the server's to keep; the timer finds within two jiffies what one
 * that does not, or a thread that was killed in between, has left. tests/t-ring-model.c
 * tries it all.
 */
#include "../fuse_i.h"
#include "ring.h"

#include <linux/freezer.h>
#include <linux/sched/clock.h>
#include <linux/sched/signal.h>
#include <linux/sched/stat.h>
#include <linux/wait.h>

/* --- what has paid ----------------------------------------------------------- */

#define CREDIT_MAX	16
#define CREDIT_LOSS	4	/* what one failure costs of it */
#define CREDIT_PROBE	32	/* without any, try again every so many times */

/* Whether to try what has earned this credit. */
static bool may_spend(int *credit)
{
	int c = READ_ONCE(*credit);

	if (c > 0)
		return true;
	WRITE_ONCE(*credit, c > -CREDIT_PROBE ? c - 1 : 1);
	return false;
}

static void judge(int *credit, bool paid)
{
	int c = READ_ONCE(*credit);

	WRITE_ONCE(*credit, paid ? min(c + 1, CREDIT_MAX) : max(c - CREDIT_LOSS, 0));
}

/* --- waking ------------------------------------------------------------------ */

/*
 * The scheduler's own flags, which no header has (kernel/sched/sched.h): the waker will
 * sleep, so the woken thread may have its core. It looks at others and warns.
 */
#define WAKE_HERE	(0x10 | 0x40)	/* WF_SYNC | WF_CURRENT_CPU */

static void wake_task(struct task_struct *task, bool here)
{
	struct wait_queue_entry entry = { .private = task };

	default_wake_function(&entry, TASK_INTERRUPTIBLE, here ? WAKE_HERE : 0, NULL);
}

/* Under ring->lock: after that the sleeper may be gone. */
static void unlink_locked(struct efuse_ring *ring, struct efuse_sleeper *sleeper)
{
	list_del_init(&sleeper->entry);
	WRITE_ONCE(ring->k->sleepers, ring->k->sleepers - 1);
	atomic_dec(efuse_all_sleepers(ring->rings));
}

static int wake_locked(struct efuse_ring *ring, bool here)
{
	struct efuse_sleeper *sleeper;
	struct task_struct *task;

	/* Who slept last, whose cache is warm. */
	sleeper = list_first_entry_or_null(&ring->sleepers, struct efuse_sleeper, entry);
	if (!sleeper)
		return EFUSE_WOKE_NONE;
	task = sleeper->task;
	unlink_locked(ring, sleeper);
	atomic_inc(&ring->coming);
	/* It may go, and the thread end: a task is there as long as we hold the lock. */
	smp_store_release(&sleeper->woken, true);
	wake_task(task, here);
	efuse_ring_count(ring, EFUSE_RC_WOKEN);
	return task_cpu(task);
}

/* It has not come to the request yet: where it is, or that it waits for this core. */
static int cpu_or_runnable(unsigned int cpu)
{
	return cpu == smp_processor_id() ? EFUSE_WOKE_RUNNABLE : cpu & INT_MAX;
}

int efuse_ring_tell_locked(struct efuse_ring *ring, bool here)
{
	unsigned int yielder = READ_ONCE(ring->yielder);

	if (READ_ONCE(ring->d->pollers))
		return cpu_or_runnable(READ_ONCE(ring->d->poller_cpu));
	/* Nobody else runs on this core: we hold a lock. */
	if (!efuse_ring_untaken(ring))
		return EFUSE_WOKE_AWAY;
	/* It looks again before it sleeps, and takes one. */
	if (yielder && ring->sub_tail - READ_ONCE(ring->d->sub_head) == 1)
		return cpu_or_runnable(yielder - 1);
	return wake_locked(ring, here);
}

static int wake_at(struct efuse_ring *ring, bool here)
{
	int cpu;

	if (!READ_ONCE(ring->k->sleepers))
		return EFUSE_WOKE_NONE;
	spin_lock(&ring->lock);
	cpu = wake_locked(ring, here);
	spin_unlock(&ring->lock);
	return cpu;
}

int efuse_rings_wake(struct efuse_rings *rings, bool here)
{
	unsigned int first = READ_ONCE(rings->next);
	int cpu = EFUSE_WOKE_NONE;

	if (!atomic_read(efuse_all_sleepers(rings)))
		return EFUSE_WOKE_NONE;
	for (unsigned int i = 0; i < rings->nr && cpu == EFUSE_WOKE_NONE; i++) {
		unsigned int at = (first + i) % rings->nr;

		cpu = wake_at(&rings->ring[at], here);
		if (cpu != EFUSE_WOKE_NONE)
			WRITE_ONCE(rings->next, at);
	}
	return cpu;
}

void efuse_rings_wake_all(struct efuse_rings *rings)
{
	for (unsigned int i = 0; i < rings->nr; i++)
		while (wake_at(&rings->ring[i], false) != EFUSE_WOKE_NONE)
			;
}

/* --- sleeping ---------------------------------------------------------------- */

bool efuse_rings_pending(struct efuse_rings *rings)
{
	unsigned int i;

	/* Pairs with the one of who puts a request on a ring. */
	smp_mb();
	for_each_set_bit(i, rings->used, rings->nr)
		if (efuse_ring_untaken(&rings->ring[i]))
			return true;
	return false;
}

/*
 * Whether nobody may know of some of them. Who was woken, and who polls, first says that it
 * is that no more and then looks, or takes one: so whoever still sees it, after the
 * requests, may leave one to it.
 */
static bool is_left(struct efuse_ring *ring)
{
	u32 untaken = READ_ONCE(ring->sub_tail) - READ_ONCE(ring->d->sub_head);

	if (!untaken)
		return false;
	/* Pairs with what is between the two there. */
	smp_rmb();
	return untaken > atomic_read(&ring->coming) + READ_ONCE(ring->d->pollers);
}

bool efuse_rings_left(struct efuse_rings *rings)
{
	unsigned int i;

	/* As above. */
	smp_mb();
	for_each_set_bit(i, rings->used, rings->nr)
		if (is_left(&rings->ring[i]))
			return true;
	return false;
}

/* Nobody who reads the device has it yet. */
static bool device_pending(struct fuse_iqueue *fiq)
{
	/* May be out of date at once: whoever queues what is not seen here wakes us. */
	return data_race(!list_empty(&fiq->pending) || !list_empty(&fiq->interrupts) ||
			 fiq->forget_list_head.next);
}

static long what_is_there(struct efuse_rings *rings)
{
	return (efuse_rings_left(rings) ? EFUSE_ENTER_SUBMITTED : 0) |
	       (device_pending(&rings->fc->iq) ? EFUSE_ENTER_DEVICE : 0);
}

/*
 * Who was woken looks from now on, and is not waited for any more. Between this and its
 * next look here, or the server's taking of a request, there is a barrier.
 */
static void came_back(struct efuse_ring *ring, struct efuse_sleeper *me)
{
	if (me->came)
		return;
	me->came = true;
	atomic_dec(&ring->coming);
}

static void lie_down(struct efuse_ring *ring, struct efuse_sleeper *me)
{
	spin_lock(&ring->lock);
	list_add(&me->entry, &ring->sleepers);
	WRITE_ONCE(ring->k->sleepers, ring->k->sleepers + 1);
	atomic_inc(efuse_all_sleepers(ring->rings));
	spin_unlock(&ring->lock);
}

/* Nobody looks at us any more afterwards: what is on our stack can go. */
static void get_up(struct efuse_ring *ring, struct efuse_sleeper *me)
{
	/* Pairs with the release that follows the waker's last look. */
	if (!smp_load_acquire(&me->woken)) {
		spin_lock(&ring->lock);
		if (!list_empty(&me->entry))
			unlink_locked(ring, me);
		spin_unlock(&ring->lock);
	}
	if (me->woken)
		came_back(ring, me);
}

/*
 * Until somebody wakes us, or there is something: what was there before we lay down has
 * woken nobody.
 */
static long sleep_until(struct efuse_ring *ring, struct efuse_sleeper *me)
{
	struct efuse_rings *rings = ring->rings;
	bool woken;
	long there;

	for (;;) {
		set_current_state(TASK_INTERRUPTIBLE | TASK_FREEZABLE);
		if (!READ_ONCE(rings->fc->iq.connected))
			return -ENODEV;
		woken = READ_ONCE(me->woken);
		if (woken)
			came_back(ring, me);
		there = what_is_there(rings);
		if (there || woken)
			return there;
		if (signal_pending(current))
			return -EINTR;
		schedule();
	}
}

/*
 * Others want the core: the requester that we have just answered, it may be, who will
 * be back with the next request before we would be asleep. Let them run once before
 * that, if this has helped lately and nobody else does it here. Returns what is there
 * then: whoever has seen us has left it to us.
 */
static long yield_once(struct efuse_ring *ring)
{
	unsigned long begin = jiffies;
	long there;

	if (single_task_running() || READ_ONCE(ring->yielder) || !may_spend(&ring->yield_credit) ||
	    cmpxchg(&ring->yielder, 0, raw_smp_processor_id() + 1))
		return 0;
	there = what_is_there(ring->rings);
	if (!there) {
		yield();
		there = what_is_there(ring->rings);
		/* For longer others had work of their own. */
		judge(&ring->yield_credit, there && jiffies - begin <= 1);
	}
	WRITE_ONCE(ring->yielder, 0);
	return there;
}

/* Who was woken and finds that others have taken it all lies down again. */
static long lie_and_sleep(struct efuse_ring *ring)
{
	struct efuse_sleeper me = { .task = current };
	long ret;

	do {
		me.woken = false;
		me.came = false;
		lie_down(ring, &me);
		ret = sleep_until(ring, &me);
		__set_current_state(TASK_RUNNING);
		get_up(ring, &me);
	} while (!ret);
	/* Who was woken for something and does not come for it passes it on. */
	if (ret == -EINTR && me.woken)
		efuse_rings_wake(ring->rings, false);
	return ret < 0 || !me.woken ? ret : ret | EFUSE_ENTER_WOKEN;
}

long efuse_ring_sleep(struct efuse_ring *ring)
{
	return yield_once(ring) ?: lie_and_sleep(ring);
}

/* --- looking for a reply ----------------------------------------------------- */

/*
 * The server's thread runs elsewhere: it was woken there, or looks there. Or nobody
 * sleeps or looks, and the one that was elsewhere a moment ago is on its way back.
 */
static bool is_elsewhere(struct efuse_ring *ring, int woken_cpu)
{
	int cpu = raw_smp_processor_id();

	if (woken_cpu != EFUSE_WOKE_NONE)
		return woken_cpu >= 0 && woken_cpu != cpu;
	if (READ_ONCE(ring->d->pollers))
		return READ_ONCE(ring->d->poller_cpu) != cpu;
	return READ_ONCE(ring->away);
}

/* And looking has paid, or has not been tried for a while. */
static bool may_poll(struct efuse_ring *ring, int woken_cpu)
{
	return ring->rings->poll_ns && is_elsewhere(ring, woken_cpu) &&
	       may_spend(&ring->poll_credit);
}

/* Returns whether the request has ended. Not while the core is wanted. */
static bool poll_reply(struct efuse_ring *ring, struct fuse_req *req)
{
	u64 end = local_clock() + ring->rings->poll_ns;
	bool paid;

	for (;;) {
		efuse_ring_reap(ring, false);
		paid = test_bit(FR_FINISHED, &req->flags);
		if (paid || need_resched() || local_clock() > end)
			break;
		cpu_relax();
	}
	judge(&ring->poll_credit, paid);
	WRITE_ONCE(ring->away, paid);
	efuse_ring_count(ring, paid ? EFUSE_RC_POLLED : EFUSE_RC_POLLED_OUT);
	return paid;
}

/*
 * The requester, about to sleep. Whoever it has woken gets the core before that, if
 * it is the one: it may have replied when we come back, and need not wake us.
 */
bool efuse_ring_wait(struct fuse_req *req)
{
	struct efuse_ring *ring = req->efuse.ring;

	if (req->efuse.cpu == EFUSE_WOKE_RUNNABLE) {
		yield();
		efuse_ring_reap(ring, false);
		if (test_bit(FR_FINISHED, &req->flags))
			return false;
	} else if (may_poll(ring, req->efuse.cpu) && poll_reply(ring, req)) {
		return false;
	}
	atomic_inc(efuse_word(&ring->k->need));
	/* Pairs with the one of the server, between a reply and need. */
	smp_mb__after_atomic();
	efuse_ring_reap(ring, false);
	if (need_resched())
		cond_resched();
	return true;
}

void efuse_ring_waited(struct fuse_req *req)
{
	atomic_dec(efuse_word(&req->efuse.ring->k->need));
}

/*
 * Whether the requester is to stay on this core: it was here, the thread that has taken
 * its reply will be asleep at once, and nothing else keeps that. Otherwise the scheduler
 * would take it to an idle core, and its next request would take the thread there.
 */
static bool stays_here(struct efuse_ring *ring, struct task_struct *requester)
{
	return READ_ONCE(ring->leaver) == current && !efuse_ring_untaken(ring) &&
	       task_cpu(requester) == raw_smp_processor_id();
}

void efuse_ring_wake(struct fuse_req *req)
{
	struct wait_queue_entry *entry, *next;
	unsigned long flags;

	/* The caller's barrier pairs with the one of who prepares to wait. */
	if (!waitqueue_active(&req->waitq))
		return;
	spin_lock_irqsave(&req->waitq.lock, flags);
	list_for_each_entry_safe(entry, next, &req->waitq.head, entry)
		entry->func(entry, TASK_NORMAL,
			    stays_here(req->efuse.ring, entry->private) ? WAKE_HERE : 0, NULL);
	spin_unlock_irqrestore(&req->waitq.lock, flags);
}

/* --- what nobody noticed ----------------------------------------------------- */

/* Whether a head that was behind at the last tick still stands there. */
static bool stands(u32 head, u32 tail, u32 *seen, bool *was)
{
	bool behind = head != tail, stood = behind && *was && *seen == head;

	*seen = head;
	*was = behind;
	return stood;
}

static u32 oldest_ms(struct efuse_ring *ring)
{
	unsigned long oldest = 0;

	for (u32 i = 0; i < ring->rings->depth; i++)
		if (!test_bit(i, ring->free))
			oldest = max(oldest, jiffies - READ_ONCE(ring->slot[i].since));
	return jiffies_to_msecs(oldest);
}

static void look_again(struct efuse_ring *ring)
{
	bool late = stands(READ_ONCE(ring->comp_head), READ_ONCE(ring->d->comp_tail),
			   &ring->seen_comp, &ring->was_comp);

	late |= stands(READ_ONCE(ring->d->sub_head), READ_ONCE(ring->sub_tail),
		       &ring->seen_sub, &ring->was_sub);
	WRITE_ONCE(ring->k->oldest_ms, oldest_ms(ring));
	if (late)
		queue_work(system_unbound_wq, &ring->work);
}

/* Takes no lock of ours, which are not for interrupts. */
static void ring_tick(struct timer_list *timer)
{
	struct efuse_ring *ring = from_timer(ring, timer, timer);

	look_again(ring);
	if (READ_ONCE(ring->inflight)) {
		mod_timer(&ring->timer, jiffies + 1);
		return;
	}
	WRITE_ONCE(ring->ticking, false);
	/* Pairs with the one before efuse_ring_tick(), which one of us does. */
	smp_mb();
	if (READ_ONCE(ring->inflight))
		efuse_ring_tick(ring);
}

void efuse_ring_tick(struct efuse_ring *ring)
{
	if (!READ_ONCE(ring->ticking) && !xchg(&ring->ticking, true))
		mod_timer(&ring->timer, jiffies + 1);
}

static void ring_work(struct work_struct *work)
{
	struct efuse_ring *ring = container_of(work, struct efuse_ring, work);

	if (READ_ONCE(ring->rings->broken)) {
		fuse_abort_conn(ring->rings->fc);
		return;
	}
	efuse_ring_reap_deferred(ring);
	if (READ_ONCE(ring->comp_head) != READ_ONCE(ring->d->comp_tail)) {
		efuse_ring_count(ring, EFUSE_RC_LATE);
		efuse_ring_reap(ring, true);
	}
	if (efuse_ring_untaken(ring) &&
	    efuse_rings_wake(ring->rings, false) != EFUSE_WOKE_NONE)
		efuse_ring_count(ring, EFUSE_RC_LATE);
}

void efuse_ring_wait_init(struct efuse_ring *ring)
{
	INIT_LIST_HEAD(&ring->sleepers);
	timer_setup(&ring->timer, ring_tick, 0);
	INIT_WORK(&ring->work, ring_work);
	ring->poll_credit = CREDIT_MAX / 2;
	ring->yield_credit = CREDIT_MAX / 2;
}

void efuse_ring_wait_stop(struct efuse_ring *ring)
{
	timer_shutdown_sync(&ring->timer);
	cancel_work_sync(&ring->work);
}

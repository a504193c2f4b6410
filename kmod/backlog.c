// SPDX-License-Identifier: GPL-2.0-only
/*
 * Deferred requests: they wait until there is memory
 *
 * A work makes one attempt at a time. When memory of contig's became free, each request
 * that waits may take of what is free, in the order of the backlog: by priority, and first
 * come, first served. Memory is moved for one request at a time (order.c), after pauses
 * that grow. What others free is not heard of, but shows in the number of free pages.
 *
 * Attempts take CPU time that belongs to no process, so they have a pace (pace.c). A pass
 * over the backlog is followed by CONTIG_BACKLOG_QUIET times its length without another one.
 */
#include <linux/cleanup.h>
#include <linux/err.h>
#include <linux/eventfd.h>
#include <linux/ktime.h>
#include <linux/lockdep.h>
#include <linux/math64.h>
#include <linux/memcontrol.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/poll.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/uidgid.h>
#include <linux/vmstat.h>
#include <linux/workqueue.h>

#include "alloc.h"
#include "backlog.h"
#include "buffer.h"
#include "freed.h"
#include "limits.h"
#include "order.h"
#include "pace.h"
#include "stats.h"
#include "trace.h"

/* Most requests of an account, and of all accounts without CAP_SYS_RESOURCE. */
#define CONTIG_BACKLOG_EACH 256
#define CONTIG_BACKLOG_ORDINARY 1024

/* Interval at which the number of free pages is looked at. */
#define CONTIG_BACKLOG_LOOK (100 * NSEC_PER_MSEC)

/* Jiffies from word that memory became free to a pass, since more may follow at once. */
#define CONTIG_BACKLOG_DELAY (HZ / 100 ?: 1)

/* Time for an attempt that moves nothing, and for a pass of such attempts. */
#define CONTIG_BACKLOG_QUICK (100 * NSEC_PER_MSEC)
#define CONTIG_BACKLOG_QUIET 3

/**
 * struct contig_backlog - all deferred requests that wait
 * @lock: protects the members below, and those of the requests; lock order: client.h
 * @list: by descending priority, then in the order in which they came. Only the work
 *        removes a request that it is trying
 * @nr: how many there are
 * @ordinary: how many are of accounts without CAP_SYS_RESOURCE
 * @rests: time until which memory is not moved for those
 * @quiet: time until which there is no pass for free memory
 * @cut: the last pass ended before the end of the list, so the rest comes first
 * @last: answer of the attempt that is being made; used by the work only
 */
static struct contig_backlog {
	struct mutex lock; /* for all that follows, and the requests */
	struct list_head list;
	unsigned int nr;
	unsigned int ordinary;
	ktime_t rests;
	ktime_t quiet;
	bool cut;
	struct contig_answer last;
} backlog = {
	.lock = __MUTEX_INITIALIZER(backlog.lock),
	.list = LIST_HEAD_INIT(backlog.list),
};

static struct workqueue_struct *contig_backlog_wq;

static void contig_backlog_work(struct work_struct *work);

/* One for the next attempt, and one for word that memory became free. */
static DECLARE_DELAYED_WORK(contig_backlog_timer, contig_backlog_work);
static DECLARE_DELAYED_WORK(contig_backlog_word, contig_backlog_work);

/* Set when memory became free, and cleared when that was passed on to the requests. */
static bool contig_backlog_heard;

/* Any context. */
static void contig_backlog_hear(void)
{
	WRITE_ONCE(contig_backlog_heard, true);
	queue_delayed_work(contig_backlog_wq, &contig_backlog_word,
			   CONTIG_BACKLOG_DELAY);
}

static const struct contig_listener contig_backlog_listener = {
	.hear = contig_backlog_hear,
};

static void contig_backlog_wake(void)
{
	mod_delayed_work(contig_backlog_wq, &contig_backlog_timer, 0);
}

static void contig_deferral_free(struct kref *kref)
{
	struct contig_deferral *deferral =
		container_of(kref, struct contig_deferral, kref);

	/* It was not collected. */
	if (deferral->answer.buffer)
		contig_buffer_destroy(deferral->answer.buffer);
	if (deferral->eventfd)
		eventfd_ctx_put(deferral->eventfd);
	mem_cgroup_put(deferral->request.memcg);
	contig_user_put(deferral->user);
	kfree(deferral);
}

/* Drop a reference on a request. May sleep; not with contig_backlog.lock held. */
void contig_deferral_put(struct contig_deferral *deferral)
{
	kref_put(&deferral->kref, contig_deferral_free);
}

/* Drop the reference that the backlog has on a request that has ended. May sleep. */
static void contig_backlog_put(struct contig_deferral *deferral)
{
	contig_deferral_put(deferral);
	/* contig_backlog_exit() waits for what follows. */
	module_put(THIS_MODULE);
}

static void contig_backlog_count(int error, s64 waited)
{
	if (error) {
		contig_stats_count(error == -ETIME ?
				   CONTIG_EVENT_DEFERRED_EXPIRED :
				   CONTIG_EVENT_DEFERRED_CANCELLED);
		return;
	}
	contig_stats_count(CONTIG_EVENT_DEFERRED_GOT);
	contig_stats_add(CONTIG_EVENT_DEFERRED_MS, div_s64(waited, NSEC_PER_MSEC));
	contig_stats_time(CONTIG_TIME_DEFERRED, waited);
}

/*
 * End a request that is not being tried. The caller then calls contig_backlog_put() without
 * the lock.
 */
static void contig_backlog_end(struct contig_deferral *deferral, int error)
{
	s64 waited;

	lockdep_assert_held(&backlog.lock);
	list_del_init(&deferral->node);
	backlog.nr--;
	backlog.ordinary -= deferral->user->ordinary;
	deferral->user->backlog.nr--;
	contig_freed_await(backlog.nr);
	deferral->answer.error = error;
	deferral->ended = ktime_get();
	/* Pairs with contig_deferral_poll(). */
	smp_store_release(&deferral->over, true);
	waited = ktime_to_ns(ktime_sub(deferral->ended, deferral->queued));
	contig_backlog_count(error, waited);
	trace_contig_deferred(deferral->request.npages, deferral->answer.tries, error,
			      waited);
	wake_up_poll(&deferral->wait, EPOLLIN | EPOLLRDNORM);
	if (deferral->eventfd)
		eventfd_signal(deferral->eventfd);
}

/* Return true if the caller has to call contig_backlog_put(). */
static bool contig_backlog_cancel_locked(struct contig_deferral *deferral)
{
	lockdep_assert_held(&backlog.lock);
	if (deferral->over)
		return false;
	if (deferral->trying) {
		deferral->cancel = -ECANCELED;
		return false;
	}
	contig_backlog_end(deferral, -ECANCELED);
	return true;
}

/* End a request, unless it has ended; after the attempt that is being made. May sleep. */
void contig_backlog_cancel(struct contig_deferral *deferral)
{
	bool ended;

	scoped_guard(mutex, &backlog.lock)
		ended = contig_backlog_cancel_locked(deferral);
	if (ended)
		contig_backlog_put(deferral);
}

/* Return a request of a client that has to end and is not being tried, or NULL. */
static struct contig_deferral *
contig_backlog_forget_one(const struct contig_client *client)
{
	struct contig_deferral *deferral;

	guard(mutex)(&backlog.lock);
	list_for_each_entry(deferral, &backlog.list, node)
		if (deferral->client == client &&
		    contig_backlog_cancel_locked(deferral))
			return deferral;
	return NULL;
}

/* End the requests of a client, which is freed next. May sleep. */
void contig_backlog_forget(const struct contig_client *client)
{
	struct contig_deferral *deferral;

	/* Without requests nothing has to be locked. */
	if (!READ_ONCE(contig_freed_awaited))
		return;
	while ((deferral = contig_backlog_forget_one(client)))
		contig_backlog_put(deferral);
}

/*
 * Return true if an account has as many requests as it may have. The last places for
 * ordinary accounts are for those with few.
 */
static bool contig_backlog_full(const struct contig_user *user)
{
	lockdep_assert_held(&backlog.lock);
	return user->backlog.nr >= CONTIG_BACKLOG_EACH ||
	       (user->ordinary &&
		user->backlog.nr >= CONTIG_BACKLOG_ORDINARY - backlog.ordinary);
}

/**
 * contig_backlog_add() - queue a request
 * @deferral: the request, with a reference for the backlog
 *
 * Return: 0, or -ENOSPC if there are too many.
 */
int contig_backlog_add(struct contig_deferral *deferral)
{
	struct contig_user *user = deferral->user;
	struct contig_deferral *other;

	scoped_guard(mutex, &backlog.lock) {
		if (contig_backlog_full(user))
			return -ENOSPC;
		/* An account that is made anew has had no turn less. */
		if (!user->backlog.nr)
			user->backlog.tried = ktime_get();
		list_for_each_entry(other, &backlog.list, node)
			if (other->priority < deferral->priority)
				break;
		deferral->over = false;
		list_add_tail(&deferral->node, &other->node);
		backlog.nr++;
		backlog.ordinary += user->ordinary;
		user->backlog.nr++;
		contig_freed_await(true);
		/* The caller has a reference on the module, too. */
		__module_get(THIS_MODULE);
	}
	contig_stats_count(CONTIG_EVENT_DEFERRED);
	contig_backlog_wake();
	return 0;
}

/* Try a request without waiting for the time for it. May sleep. */
void contig_backlog_tickle(struct contig_deferral *deferral)
{
	scoped_guard(mutex, &backlog.lock) {
		deferral->heard = true;
		contig_pace_hurry(deferral);
	}
	contig_backlog_wake();
}

/* Likewise, for all. */
void contig_backlog_tickle_all(void)
{
	contig_backlog_hear();
}

/**
 * contig_backlog_claim() - look at the answer to a request, and claim the buffer
 * @deferral: the request, with a reference
 * @answer: receives the answer
 * @waited: receives how long the request waited
 *
 * If @answer has a buffer, the caller can export it, and calls contig_backlog_claimed().
 *
 * Return: 0, or -ENODATA if the buffer was claimed before.
 */
int contig_backlog_claim(struct contig_deferral *deferral,
			 struct contig_answer *answer, ktime_t *waited)
{
	guard(mutex)(&backlog.lock);
	*answer = deferral->answer;
	*waited = ktime_sub(deferral->over ? deferral->ended : ktime_get(),
			    deferral->queued);
	/* The work frees what a cancelled request got. */
	if (answer->error) {
		answer->buffer = NULL;
		return 0;
	}
	if (deferral->collected)
		return -ENODATA;
	deferral->collected = true;
	return 0;
}

/* Say whether the buffer that was claimed was given to a process. */
void contig_backlog_claimed(struct contig_deferral *deferral, bool taken)
{
	guard(mutex)(&backlog.lock);
	deferral->collected = taken;
	if (taken)
		deferral->answer.buffer = NULL;
}

/* Allocate memory for a request; the answer goes to backlog.last. */
static void contig_backlog_ask(const struct contig_deferral *deferral, bool quick)
{
	struct contig_request request = deferral->request;
	struct contig_answer *last = &backlog.last;
	struct contig_buffer *buffer;

	memset(last, 0, sizeof(*last));
	request.start = ktime_get();
	request.deadline = ktime_add(request.start,
				     quick ? CONTIG_BACKLOG_QUICK :
					     deferral->budget);
	request.no_wait = quick;
	request.in_way = &last->in_way;
	buffer = contig_alloc_buffer(&request, deferral->name, last->reports,
				     &last->nr);
	if (IS_ERR(buffer))
		return;
	/* Not that of this work. */
	buffer->pid = deferral->pid;
	/* It may not be collected for long. */
	if (contig_buffer_list(buffer))
		contig_buffer_destroy(buffer);
	else
		last->buffer = buffer;
}

/* Note what came of an attempt; a request that has ended goes to @ended. */
static void contig_backlog_answered(struct contig_deferral *deferral, bool quick,
				    ktime_t took, struct list_head *ended)
{
	struct contig_answer *last = &backlog.last;
	u32 tries = deferral->answer.tries + 1;

	lockdep_assert_held(&backlog.lock);
	deferral->trying = false;
	/* An attempt that moved nothing says little about why there is none. */
	if (last->buffer || !quick)
		deferral->answer = *last;
	deferral->answer.error = -EAGAIN;
	deferral->answer.tries = tries;
	contig_pace_account(deferral->user, took);
	if (!quick)
		contig_pace_request(deferral, took, &backlog.rests);
	if (!deferral->cancel && !last->buffer)
		return;
	contig_backlog_end(deferral, deferral->cancel);
	list_add_tail(&deferral->node, ended);
}

/* Drop the references of the backlog on requests that have ended. */
static void contig_backlog_drop(struct list_head *ended)
{
	struct contig_deferral *deferral, *next;
	struct contig_buffer *buffer;

	list_for_each_entry_safe(deferral, next, ended, node) {
		list_del_init(&deferral->node);
		buffer = NULL;
		scoped_guard(mutex, &backlog.lock)
			if (deferral->answer.error)
				swap(buffer, deferral->answer.buffer);
		if (buffer)
			contig_buffer_destroy(buffer);
		contig_backlog_put(deferral);
	}
}

/*
 * Make an attempt for a request, with contig_backlog.lock held, which is dropped meanwhile.
 * Return the entry of the backlog that follows: only this work removes what it is trying, so
 * the place is not lost.
 */
static struct list_head *contig_backlog_try(struct contig_deferral *deferral, bool quick,
					    struct list_head *ended)
{
	struct list_head *next;
	ktime_t start;

	lockdep_assert_held(&backlog.lock);
	deferral->trying = true;
	deferral->heard = false;
	mutex_unlock(&backlog.lock);

	contig_backlog_drop(ended);
	contig_stats_count(CONTIG_EVENT_DEFERRED_TRY);
	start = ktime_get();
	contig_backlog_ask(deferral, quick);

	mutex_lock(&backlog.lock);
	next = deferral->node.next;
	contig_backlog_answered(deferral, quick, ktime_sub(ktime_get(), start), ended);
	return next;
}

/* End what has waited long enough. */
static void contig_backlog_expire(struct list_head *ended)
{
	struct contig_deferral *deferral, *next;
	ktime_t now = ktime_get();

	lockdep_assert_held(&backlog.lock);
	list_for_each_entry_safe(deferral, next, &backlog.list, node) {
		if (ktime_before(now, deferral->deadline))
			continue;
		contig_backlog_end(deferral, -ETIME);
		list_add_tail(&deferral->node, ended);
	}
}

/* Pass on that memory became free: contig's, or enough of others'. */
static void contig_backlog_spread(void)
{
	unsigned long free = global_zone_page_state(NR_FREE_PAGES);
	struct contig_deferral *deferral;
	bool heard;

	lockdep_assert_held(&backlog.lock);
	heard = xchg(&contig_backlog_heard, false);
	list_for_each_entry(deferral, &backlog.list, node) {
		deferral->heard |= heard;
		if (heard || free >= deferral->free + deferral->request.npages)
			contig_pace_hurry(deferral);
	}
}

/*
 * Return true if a request may take free memory now. Some can become free in the middle of a
 * pass, so none is tried behind another that would get it.
 */
static bool contig_backlog_may_take(struct contig_deferral *deferral)
{
	lockdep_assert_held(&backlog.lock);
	if (!deferral->heard ||
	    ktime_before(ktime_get(), deferral->user->backlog.rests))
		return false;
	if (!contig_order_behind(&backlog.list, deferral))
		return true;
	deferral->heard = false;
	return false;
}

/*
 * Let those that have heard of free memory take it, in the order of the backlog. Ends after
 * a while: others come in meanwhile, and moving memory and deadlines have to wait.
 */
static void contig_backlog_take_free(struct list_head *ended)
{
	struct list_head *entry = backlog.list.next;
	ktime_t start = ktime_get(), now = start;
	struct contig_deferral *deferral;

	lockdep_assert_held(&backlog.lock);
	while (entry != &backlog.list &&
	       ktime_before(now, ktime_add_ns(start, CONTIG_BACKLOG_QUICK))) {
		deferral = list_entry(entry, struct contig_deferral, node);
		if (contig_backlog_may_take(deferral))
			entry = contig_backlog_try(deferral, true, ended);
		else
			entry = entry->next;
		now = ktime_get();
	}
	backlog.cut = entry != &backlog.list;
	backlog.quiet = ktime_add(now, ktime_sub(now, start) * CONTIG_BACKLOG_QUIET);
}

/* Set the time for the next attempt or the next end. */
static void contig_backlog_arm(ktime_t due)
{
	struct contig_deferral *deferral;
	s64 ms;

	lockdep_assert_held(&backlog.lock);
	if (list_empty(&backlog.list))
		return;
	due = min(due, ktime_add_ns(ktime_get(), CONTIG_BACKLOG_LOOK));
	if (READ_ONCE(contig_backlog_heard) || backlog.cut)
		due = min(due, backlog.quiet);
	list_for_each_entry(deferral, &backlog.list, node) {
		due = min(due, deferral->deadline);
		if (deferral->heard)
			due = min(due, max(backlog.quiet,
					   deferral->user->backlog.rests));
	}
	ms = max_t(s64, ktime_ms_delta(due, ktime_get()) + 1, 0);
	mod_delayed_work(contig_backlog_wq, &contig_backlog_timer,
			 msecs_to_jiffies(min_t(s64, ms, INT_MAX)));
}

static void contig_backlog_work(struct work_struct *work)
{
	struct contig_deferral *deferral;
	LIST_HEAD(ended);
	ktime_t due;

	scoped_guard(mutex, &backlog.lock) {
		contig_backlog_expire(&ended);
		if (!ktime_before(ktime_get(), backlog.quiet)) {
			if (!backlog.cut)
				contig_backlog_spread();
			contig_backlog_take_free(&ended);
		}
		deferral = contig_order_choose(&backlog.list, backlog.rests, &due);
		if (deferral) {
			contig_backlog_try(deferral, false, &ended);
			due = 0;
		}
		contig_backlog_arm(due);
	}
	contig_backlog_drop(&ended);
}

static const char *contig_backlog_state(const struct contig_deferral *deferral)
{
	return deferral->cancel ? "cancelled" :
	       deferral->trying ? "trying" : "waits";
}

/* List the deferred requests in debugfs, in the order of the backlog. */
int contig_backlog_show(struct seq_file *m, void *unused)
{
	struct contig_deferral *deferral;
	ktime_t now = ktime_get();

	seq_puts(m, "       KiB  priority      pid       uid  tries  waited ms  next ms  state      name\n");
	guard(mutex)(&backlog.lock);
	list_for_each_entry(deferral, &backlog.list, node)
		seq_printf(m, "%10lu  %8d  %7d  %8u  %5u  %9lld  %7lld  %-9s  %s\n",
			   deferral->request.npages << (PAGE_SHIFT - 10),
			   deferral->priority, deferral->pid,
			   from_kuid_munged(&init_user_ns, deferral->user->uid),
			   deferral->answer.tries,
			   ktime_ms_delta(now, deferral->queued),
			   max_t(s64, ktime_ms_delta(contig_order_due(deferral,
								      backlog.rests),
						     now), 0),
			   contig_backlog_state(deferral), deferral->name);
	return 0;
}

/* Return: 0 or -ENOMEM. */
int contig_backlog_init(void)
{
	contig_backlog_wq = alloc_ordered_workqueue("contig_backlog", WQ_FREEZABLE);
	if (!contig_backlog_wq)
		return -ENOMEM;
	contig_freed_listen(&contig_backlog_listener);
	return 0;
}

/* No file of a request is open any more, so all have ended or are about to. */
void contig_backlog_exit(void)
{
	contig_freed_listen(NULL);
	cancel_delayed_work_sync(&contig_backlog_word);
	/* What was cancelled during its attempt ends with the work. */
	flush_delayed_work(&contig_backlog_timer);
	cancel_delayed_work_sync(&contig_backlog_timer);
	destroy_workqueue(contig_backlog_wq);
}

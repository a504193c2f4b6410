// SPDX-License-Identifier: GPL-2.0-only
/*
 * Cleaning of memory that comes back to the reserve
 *
 * Memory that comes back is zeroed before it goes into the pool of its block
 * again: in the background, or at once if a request waits for it. A page with a
 * reference that is not contig's keeps the whole extent out of the pool until
 * that reference is gone.
 */
#include <linux/atomic.h>
#include <linux/list.h>
#include <linux/math.h>
#include <linux/minmax.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/sched.h>
#include <linux/sizes.h>
#include <linux/slab.h>
#include <linux/wait.h>
#include <linux/workqueue.h>

#include <uapi/linux/contig.h>

#include "block.h"
#include "clear.h"
#include "constraints.h"
#include "freed.h"
#include "limits.h"
#include "pages.h"
#include "request.h"
#include "scrub.h"
#include "waiting.h"

DEFINE_MUTEX(contig_reserve_lock); /* for blocks and memory that came back */

/**
 * struct contig_scrub - memory that is to be cleaned
 * @returned: extents that came back after @work began
 * @pending: extents that @work has still to clean
 * @quarantine: extents with pages that have references besides contig's
 * @dirty: pages in all of them, and in the one that @work cleans now
 * @quarantined: pages in quarantine
 * @begun: number of times that @work has begun
 * @done: @begun of the last time that it has ended
 * @waiters: requests that wait for that
 * @settled: woken when @done changes
 * @work: cleans the memory that is there when it begins
 *
 * contig_reserve_lock protects all but @waiters, @settled and @work. Only @work
 * writes @done, without the lock.
 */
static struct contig_scrub {
	struct list_head returned;
	struct list_head pending;
	struct list_head quarantine;
	unsigned long dirty;
	unsigned long quarantined;
	unsigned long begun;
	unsigned long done;
	atomic_t waiters;
	wait_queue_head_t settled;
	struct delayed_work work;
} scrub = {
	.returned = LIST_HEAD_INIT(scrub.returned),
	.pending = LIST_HEAD_INIT(scrub.pending),
	.quarantine = LIST_HEAD_INIT(scrub.quarantine),
	.settled = __WAIT_QUEUE_HEAD_INITIALIZER(scrub.settled),
};

/*
 * Return the first page with a reference besides contig's. Failed pages of a
 * region count as well, since unloading frees their struct pages.
 */
static unsigned long contig_return_referenced(const struct contig_return *run,
					      unsigned long first,
					      unsigned long npages)
{
	return run->block->region ?
	       contig_pages_first_shared(run->pfn + first, npages) :
	       contig_pages_first_referenced(run->pfn + first, npages);
}

/*
 * Return true if a page has a reference besides contig's. Most often it is the
 * same page as last time.
 */
static bool contig_return_kept(struct contig_return *run)
{
	if (run->quarantined && !contig_return_referenced(run, run->kept, 1))
		return true;
	run->kept = contig_return_referenced(run, 0, run->npages);
	return run->kept < run->npages;
}

/*
 * Uncharge before the extent stops counting as dirty; otherwise a waiter that
 * sees no dirty pages concludes that the quota is exhausted.
 */
static void contig_return_finish(struct contig_return *run)
{
	lockdep_assert_held(&contig_reserve_lock);
	contig_block_give(run->block, run->pfn, run->npages);
	contig_user_uncharge(run->user, run->charged);
	contig_freed();
	scrub.dirty -= run->npages;
	run->block->dirty -= run->npages;
	if (run->holds)
		module_put(THIS_MODULE);
}

/* Count an extent as one that is in quarantine, or not. */
static void contig_return_quarantine(struct contig_return *run, bool kept)
{
	long npages = kept ? run->npages : -run->npages;

	lockdep_assert_held(&contig_reserve_lock);
	if (run->quarantined == kept)
		return;
	run->quarantined = kept;
	scrub.quarantined += npages;
	run->block->quarantined += npages;
}

/* Release an extent that is not to be cleaned any more; NULL is allowed. */
void contig_return_put(struct contig_return *run)
{
	if (!run)
		return;
	contig_user_put(run->user);
	kfree(run);
}

/* Clean an extent and put it back into its pool, or into quarantine. */
static void contig_return_scrub(struct contig_return *run)
{
	bool kept = contig_return_kept(run);

	/* A user who gives memory back must not thereby keep all CPUs busy. */
	if (!kept && atomic_read(&scrub.waiters))
		contig_pages_clear(run->pfn, run->npages);
	else if (!kept)
		contig_pages_clear_alone(run->pfn, run->npages);
	scoped_guard(mutex, &contig_reserve_lock) {
		contig_return_quarantine(run, kept);
		if (kept) {
			list_add_tail(&run->node, &scrub.quarantine);
			return;
		}
		contig_return_finish(run);
	}
	contig_return_put(run);
}

/* Take the next extent out of those to be cleaned. Return NULL at the end. */
static struct contig_return *contig_scrub_next(void)
{
	struct contig_return *run;

	guard(mutex)(&contig_reserve_lock);
	run = list_first_entry_or_null(&scrub.pending, struct contig_return,
				       node);
	if (run)
		list_del(&run->node);
	return run;
}

/* Clean the memory that has come back by now, so that waits for it end. */
static void contig_scrub_work(struct work_struct *work)
{
	struct contig_return *run;
	unsigned long begun;

	scoped_guard(mutex, &contig_reserve_lock) {
		begun = ++scrub.begun;
		list_splice_tail_init(&scrub.returned, &scrub.pending);
		list_splice_tail_init(&scrub.quarantine, &scrub.pending);
	}
	while ((run = contig_scrub_next())) {
		contig_return_scrub(run);
		cond_resched();
	}
	WRITE_ONCE(scrub.done, begun);
	wake_up_all(&scrub.settled);
	/* The kernel does not report when a reference is dropped: poll. */
	if (READ_ONCE(scrub.quarantined))
		queue_delayed_work(system_dfl_wq, &scrub.work, HZ);
}

/**
 * contig_scrub_wait() - wait until memory that came back is clean
 * @request: deadline
 *
 * A caller that got no memory before should try again in any case: memory may
 * have become clean in between. May sleep.
 */
void contig_scrub_wait(const struct contig_request *request)
{
	unsigned long next;

	scoped_guard(mutex, &contig_reserve_lock) {
		if (!scrub.dirty)
			return;
		next = scrub.begun + 1;
	}
	atomic_inc(&scrub.waiters);
	mod_delayed_work(system_dfl_wq, &scrub.work, 0);
	contig_wait_event_timeout(scrub.settled,
				  READ_ONCE(scrub.done) >= next,
				  contig_request_left(request));
	atomic_dec(&scrub.waiters);
}

/* Return the pages of whole granules that a request takes from an extent. */
static unsigned long contig_return_share(const struct contig_return *run,
					 const struct contig_request *request)
{
	return min(round_up(request->npages, 1UL << run->block->order),
		   run->npages);
}

/* Extents to compare, and most pages to look at, with contig_reserve_lock held. */
#define CONTIG_REUSE_EXTENTS 64
#define CONTIG_REUSE_PAGES ((unsigned long)SZ_1G >> PAGE_SHIFT)

/* Return true if the start of an extent meets a request, whatever its pages are. */
static bool contig_return_suits(const struct contig_return *run,
				const struct contig_request *request)
{
	unsigned int segments = 0;

	return !run->quarantined && run->npages >= request->npages &&
	       contig_block_allowed(run->block, request) &&
	       run->pfn >= request->lowest &&
	       run->pfn + request->npages - 1 <= request->highest &&
	       contig_window_fits(request, run->pfn, request->npages, true,
				  &segments) &&
	       segments <= request->max_segments;
}

/*
 * Return the better one of @best and the extents of a list: of a later block, since
 * that is less scarce, and of those that are not cleaned next.
 */
static struct contig_return *
contig_return_choose(struct contig_return *best, struct list_head *list,
		     const struct contig_request *request)
{
	unsigned int nr = 0;
	struct contig_return *run;

	list_for_each_entry_reverse(run, list, node) {
		if (nr++ == CONTIG_REUSE_EXTENTS)
			break;
		if ((!best || run->block > best->block) &&
		    contig_return_suits(run, request))
			best = run;
	}
	return best;
}

/**
 * contig_scrub_find() - find memory that waits to be cleaned
 * @request: what its start has to meet
 *
 * Others wait for the lock meanwhile, so this does not look at everything: only at
 * the pages of one extent, and at no more than 1 GiB. The caller holds contig_reserve_lock.
 *
 * Return: an extent, for contig_scrub_cut(), or NULL.
 */
struct contig_return *contig_scrub_find(const struct contig_request *request)
{
	struct contig_return *run;
	unsigned long npages;

	lockdep_assert_held(&contig_reserve_lock);
	run = contig_return_choose(NULL, &scrub.returned, request);
	run = contig_return_choose(run, &scrub.pending, request);
	if (!run)
		return NULL;
	npages = contig_return_share(run, request);
	if (npages > CONTIG_REUSE_PAGES ||
	    contig_return_referenced(run, 0, npages) < npages ||
	    contig_pages_first_failed(run->pfn, npages) < npages)
		return NULL;
	return run;
}

/**
 * contig_scrub_cut() - take memory that is not clean off the start of an extent
 * @run: the extent
 * @request: what it was found for
 * @emptied: receives @run if nothing is left of it: the caller passes it to
 *           contig_return_put() when it has dropped the lock
 *
 * The memory is no longer charged to the user whose it was. The caller holds
 * contig_reserve_lock.
 *
 * Return: the first page frame.
 */
unsigned long contig_scrub_cut(struct contig_return *run,
			       const struct contig_request *request,
			       struct contig_return **emptied)
{
	unsigned long npages = contig_return_share(run, request), pfn = run->pfn;
	unsigned long charged;

	lockdep_assert_held(&contig_reserve_lock);
	scrub.dirty -= npages;
	run->block->dirty -= npages;
	run->pfn += npages;
	run->npages -= npages;
	charged = run->npages ? min(npages, run->charged) : run->charged;
	contig_user_uncharge(run->user, charged);
	run->charged -= charged;
	if (!run->npages) {
		list_del(&run->node);
		if (run->holds)
			module_put(THIS_MODULE);
		*emptied = run;
	}
	return pfn;
}

/*
 * Clean an extent in the background. The caller holds contig_reserve_lock.
 *
 * Its pages may have other references. Struct pages of a region do not outlive
 * the module, so the extent keeps the module loaded; until now the buffer does.
 */
void contig_scrub_add(struct contig_return *run)
{
	lockdep_assert_held(&contig_reserve_lock);
	run->quarantined = false;
	run->holds = run->block->region;
	if (run->holds)
		__module_get(THIS_MODULE);
	list_add_tail(&run->node, &scrub.returned);
	scrub.dirty += run->npages;
	run->block->dirty += run->npages;
	mod_delayed_work(system_dfl_wq, &scrub.work, 0);
}

void contig_scrub_init(void)
{
	INIT_DELAYED_WORK(&scrub.work, contig_scrub_work);
}

/* Free the list of memory that is not clean; no more memory is allocated. */
void contig_scrub_exit(void)
{
	struct contig_return *run, *next;

	cancel_delayed_work_sync(&scrub.work);
	list_splice_init(&scrub.quarantine, &scrub.returned);
	list_splice_init(&scrub.pending, &scrub.returned);
	list_for_each_entry_safe(run, next, &scrub.returned, node) {
		scoped_guard(mutex, &contig_reserve_lock)
			contig_return_finish(run);
		contig_return_put(run);
	}
	INIT_LIST_HEAD(&scrub.returned);
}

// SPDX-License-Identifier: GPL-2.0-only
/*
 * Cleaning of memory that comes back to the reserve
 *
 * Memory that comes back is zeroed before it goes into the pool of its block
 * again: in the background, or at once if a request waits for it. A page with a
 * reference that is not contig's keeps the whole extent out of the pool until
 * that reference is gone.
 */
#include <linux/list.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/wait.h>
#include <linux/workqueue.h>

#include <uapi/linux/contig.h>

#include "block.h"
#include "limits.h"
#include "pages.h"
#include "request.h"
#include "scrub.h"
#include "waiting.h"

DEFINE_MUTEX(contig_reserve_lock); /* for blocks and memory that came back */

/**
 * struct contig_scrub - memory that is to be cleaned
 * @returned: extents that wait to be cleaned
 * @quarantine: extents with pages that have references besides contig's
 * @dirty: pages in both
 * @quarantined: pages in the latter
 * @begun: number of times that @work has begun
 * @done: @begun of the last time that it has ended
 * @settled: woken when @done changes
 * @work: cleans the memory that is there when it begins
 *
 * contig_reserve_lock protects all but @settled and @work. Only @work writes
 * @done, without the lock.
 */
static struct contig_scrub {
	struct list_head returned;
	struct list_head quarantine;
	unsigned long dirty;
	unsigned long quarantined;
	unsigned long begun;
	unsigned long done;
	wait_queue_head_t settled;
	struct delayed_work work;
} scrub = {
	.returned = LIST_HEAD_INIT(scrub.returned),
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
	list_del(&run->node);
	contig_block_give(run->block, run->pfn, run->npages);
	contig_user_uncharge(run->user, run->charged);
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

/* Clean an extent and put it back into its pool, or into quarantine. */
static void contig_return_scrub(struct contig_return *run)
{
	bool kept = contig_return_kept(run);

	if (!kept)
		contig_pages_clear(run->pfn, run->npages);
	scoped_guard(mutex, &contig_reserve_lock) {
		contig_return_quarantine(run, kept);
		if (kept) {
			list_move_tail(&run->node, &scrub.quarantine);
			return;
		}
		contig_return_finish(run);
	}
	contig_user_put(run->user);
	kfree(run);
}

/* Clean the memory that has come back by now, so that waits for it end. */
static void contig_scrub_work(struct work_struct *work)
{
	unsigned long begun;
	LIST_HEAD(runs);

	scoped_guard(mutex, &contig_reserve_lock) {
		begun = ++scrub.begun;
		list_splice_init(&scrub.returned, &runs);
		list_splice_tail_init(&scrub.quarantine, &runs);
	}
	while (!list_empty(&runs)) {
		contig_return_scrub(list_first_entry(&runs,
						     struct contig_return,
						     node));
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
	mod_delayed_work(system_dfl_wq, &scrub.work, 0);
	contig_wait_event_timeout(scrub.settled,
				  READ_ONCE(scrub.done) >= next,
				  contig_request_left(request));
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
	list_for_each_entry_safe(run, next, &scrub.returned, node) {
		scoped_guard(mutex, &contig_reserve_lock)
			contig_return_finish(run);
		contig_user_put(run->user);
		kfree(run);
	}
}

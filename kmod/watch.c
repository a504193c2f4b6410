// SPDX-License-Identifier: GPL-2.0-only
/*
 * Records which pages of an address space are touched by changes of mappings
 *
 * Locked memory stays in place, but the process can unmap it or map something
 * else there. The memory manager reports such changes to a notifier of the
 * address space, which sets a bit for each page that the change touched. Before
 * the next use of such a page, stale.c checks whether it still is in place.
 *
 * Nothing in this file waits for the end of a change, and no change waits for
 * contig: other threads can change an address space without a pause, so such a
 * wait might never end.
 */
#include <linux/atomic.h>
#include <linux/bitmap.h>
#include <linux/bits.h>
#include <linux/err.h>
#include <linux/mm.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/wait_bit.h>

#include "gfp.h"
#include "watch.h"

/* Most pages of a mark for which contig_mark_rest() scans the bits (32 KiB). */
#define CONTIG_MARK_SCAN BIT(18)

/* Marks that a change touches before it drops the lock for a moment. */
#define CONTIG_WATCH_BATCH 1024

/* Watches that are not freed yet. */
static atomic_t contig_watches = ATOMIC_INIT(0);

/* Return true if a change of this kind can give the process other pages. */
static bool contig_event_moves(enum mmu_notifier_event event)
{
	switch (event) {
	case MMU_NOTIFY_PROTECTION_VMA:
	case MMU_NOTIFY_PROTECTION_PAGE:
	case MMU_NOTIFY_SOFT_DIRTY:
		return false;
	default:
		return true;
	}
}

static void contig_mark_set(struct contig_mark *mark, unsigned long first,
			    unsigned long last)
{
	first = max(first, mark->it.start);
	last = min(last, mark->it.last);
	bitmap_set(mark->touched, first - mark->it.start, last - first + 1);
	/* Pairs with the acquire in contig_mark_next(). */
	smp_store_release(&mark->any, true);
}

/*
 * Touch marks from @at on, a batch at a time, since other invalidations wait
 * for the lock. Marks that begin at one page are done together, so that @at
 * moves; there is at most one such mark for each client. Return false at the
 * end.
 */
static bool contig_watch_touch_some(struct contig_watch *watch,
				    unsigned long *at, unsigned long first,
				    unsigned long last)
{
	struct interval_tree_node *node;
	unsigned int left = CONTIG_WATCH_BATCH;
	bool more = false;

	spin_lock(&watch->lock);
	for (node = interval_tree_iter_first(&watch->marks, *at, last); node;
	     node = interval_tree_iter_next(node, *at, last)) {
		if (left) {
			left--;
		} else if (node->start > *at) {
			*at = node->start;
			more = true;
			break;
		}
		contig_mark_set(container_of(node, struct contig_mark, it),
				first, last);
	}
	spin_unlock(&watch->lock);
	return more;
}

static void contig_watch_touch(struct contig_watch *watch, unsigned long first,
			       unsigned long last)
{
	unsigned long at = first;

	while (contig_watch_touch_some(watch, &at, first, last))
		cpu_relax();
}

/*
 * It is enough to record a change at its end: a caller that uses pages during
 * the change cannot tell the order of the two, and the process may rely on the
 * change only after its system call has returned.
 */
static void contig_watch_end(struct mmu_notifier *notifier,
			     const struct mmu_notifier_range *range)
{
	if (range->start < range->end && contig_event_moves(range->event))
		contig_watch_touch(container_of(notifier, struct contig_watch,
						notifier),
				   range->start >> PAGE_SHIFT,
				   (range->end - 1) >> PAGE_SHIFT);
}

/* Called when the last task of the address space exits or calls execve(). */
static void contig_watch_release(struct mmu_notifier *notifier,
				 struct mm_struct *mm)
{
	contig_watch_touch(container_of(notifier, struct contig_watch,
					notifier), 0, ULONG_MAX);
}

static struct mmu_notifier *contig_watch_alloc(struct mm_struct *mm)
{
	struct contig_watch *watch = kzalloc(sizeof(*watch), CONTIG_GFP);

	if (!watch)
		return ERR_PTR(-ENOMEM);
	spin_lock_init(&watch->lock);
	watch->marks = RB_ROOT_CACHED;
	atomic_inc(&contig_watches);
	return &watch->notifier;
}

static void contig_watch_free(struct mmu_notifier *notifier)
{
	kfree(container_of(notifier, struct contig_watch, notifier));
	if (atomic_dec_and_test(&contig_watches))
		wake_up_var(&contig_watches);
}

static const struct mmu_notifier_ops contig_watch_ops = {
	.release = contig_watch_release,
	.invalidate_range_end = contig_watch_end,
	.alloc_notifier = contig_watch_alloc,
	.free_notifier = contig_watch_free,
};

/**
 * contig_watch_get() - watch the address space of the calling process
 *
 * Waits for mmap_lock. May sleep.
 *
 * Return: the watch, for contig_watch_put(); or ERR_PTR() of -ENOMEM, -EINTR
 * after a fatal signal, -ERESTARTNOINTR after another one.
 */
struct contig_watch *contig_watch_get(void)
{
	struct mmu_notifier *notifier;

	if (mmap_write_lock_killable(current->mm))
		return ERR_PTR(-EINTR);
	notifier = mmu_notifier_get_locked(&contig_watch_ops, current->mm);
	mmap_write_unlock(current->mm);
	if (!IS_ERR(notifier))
		return container_of(notifier, struct contig_watch, notifier);
	/* mmu_notifier_get_locked() stops at any signal. */
	if (notifier == ERR_PTR(-EINTR) && !fatal_signal_pending(current))
		return ERR_PTR(-ERESTARTNOINTR);
	return ERR_CAST(notifier);
}

/* Drop a watch whose marks are gone. Freed later: does not wait for readers. */
void contig_watch_put(struct contig_watch *watch)
{
	mmu_notifier_put(&watch->notifier);
}

/* Wait until the last watch is freed, a grace period after the last put. */
void contig_watches_exit(void)
{
	wait_var_event(&contig_watches, !atomic_read(&contig_watches));
	/* contig_watch_free() may not have returned yet. */
	mmu_notifier_synchronize();
}

/**
 * contig_mark_init() - record changes of a range of pages from now on
 * @mark: all zero
 * @watch: the address space; must outlive the mark
 * @first: first page
 * @npages: number of pages, not 0
 *
 * No page is suspect at first. May sleep.
 *
 * Return: 0 or -ENOMEM, also for more pages than the kernel's bitmaps can have.
 */
int contig_mark_init(struct contig_mark *mark, struct contig_watch *watch,
		     unsigned long first, unsigned long npages)
{
	unsigned long longs = BITS_TO_LONGS(npages);

	if (npages > INT_MAX)
		return -ENOMEM;
	mark->touched = mark->small;
	if (longs > 1)
		mark->touched = kvcalloc(longs, 2 * sizeof(*mark->touched),
					 CONTIG_GFP);
	if (!mark->touched)
		return -ENOMEM;
	mark->doubted = mark->touched + longs;
	mark->it.start = first;
	mark->it.last = first + npages - 1;
	mark->watch = watch;
	spin_lock(&watch->lock);
	interval_tree_insert(&mark->it, &watch->marks);
	spin_unlock(&watch->lock);
	return 0;
}

void contig_mark_destroy(struct contig_mark *mark)
{
	if (!mark->watch)
		return;
	spin_lock(&mark->watch->lock);
	interval_tree_remove(&mark->it, &mark->watch->marks);
	spin_unlock(&mark->watch->lock);
	if (mark->touched != mark->small)
		kvfree(mark->touched);
}

/* Make all pages of a mark suspect. */
void contig_mark_touch(struct contig_mark *mark)
{
	spin_lock(&mark->watch->lock);
	contig_mark_set(mark, mark->it.start, mark->it.last);
	spin_unlock(&mark->watch->lock);
}

/**
 * contig_mark_next() - find the first page that is suspect
 * @mark: the mark, or one without a watch
 * @first: page of it to begin at
 * @last: last page of interest
 *
 * Context: any, also NMI. Takes no lock.
 *
 * Return: the page; @last + 1 if there is none.
 */
unsigned long contig_mark_next(const struct contig_mark *mark,
			       unsigned long first, unsigned long last)
{
	unsigned long start = mark->it.start, end = last - start + 1;
	unsigned long touched, doubted;

	/* Pairs with the release in contig_mark_set(). */
	if (!smp_load_acquire(&mark->any))
		return last + 1;
	touched = find_next_bit(mark->touched, end, first - start);
	/* Pairs with the barrier in contig_mark_take(). */
	smp_rmb();
	doubted = find_next_bit(mark->doubted, end, first - start);
	return start + min(touched, doubted);
}

/**
 * contig_mark_take() - take suspect pages for a check
 * @mark: the mark; the caller serialises checks of it
 * @first: a suspect page
 * @last: last page of interest
 *
 * The pages stay suspect until contig_mark_clear(). A change that touches them
 * from now on is recorded anew.
 *
 * Return: number of pages from @first on that are suspect.
 */
unsigned long contig_mark_take(struct contig_mark *mark, unsigned long first,
			       unsigned long last)
{
	unsigned long from = first - mark->it.start;
	unsigned long end = last - mark->it.start + 1, to = from;

	spin_lock(&mark->watch->lock);
	while (to < end && (test_bit(to, mark->touched) ||
			    test_bit(to, mark->doubted)))
		to++;
	bitmap_set(mark->doubted, from, to - from);
	/* Pairs with the barrier in contig_mark_next(). */
	smp_wmb();
	bitmap_clear(mark->touched, from, to - from);
	spin_unlock(&mark->watch->lock);
	return to - from;
}

/* Clear the suspicion of pages that were taken and found in place. */
void contig_mark_clear(struct contig_mark *mark, unsigned long first,
		       unsigned long npages)
{
	bitmap_clear(mark->doubted, first - mark->it.start, npages);
}

/*
 * End a check: make later ones cheap if no page is suspect any more. For a
 * large mark, scanning the bits would cost more than it saves.
 */
void contig_mark_rest(struct contig_mark *mark)
{
	unsigned long bits = mark->it.last - mark->it.start + 1;

	if (bits > CONTIG_MARK_SCAN || !READ_ONCE(mark->any))
		return;
	spin_lock(&mark->watch->lock);
	if (bitmap_empty(mark->touched, bits) &&
	    bitmap_empty(mark->doubted, bits))
		WRITE_ONCE(mark->any, false);
	spin_unlock(&mark->watch->lock);
}

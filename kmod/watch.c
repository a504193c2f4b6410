// SPDX-License-Identifier: GPL-2.0-only
/*
 * Which pages of an address space were touched by changes of its mappings
 *
 * Locked memory stays in place, but the process can unmap it or map something
 * else there. The memory manager reports such changes to a notifier of the
 * address space, which sets a bit for each page that the change touched. Whether
 * a change matters is found out before the page is used next (stale.c).
 *
 * Nothing in here waits for a change to be over, and no change waits for contig:
 * other threads can change an address space without a pause, so each such wait
 * could last without end.
 */
#include <linux/atomic.h>
#include <linux/bitmap.h>
#include <linux/bits.h>
#include <linux/err.h>
#include <linux/mm.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/wait_bit.h>

#include "watch.h"

/* Pages of which the bits are looked through in one go: 32 KiB of them. */
#define CONTIG_MARK_SCAN BIT(18)

/* Marks that a change touches before it lets go of the lock for a moment. */
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
 * Touch marks from @at on, some at a time: invalidations of other pages wait for
 * the lock. All marks that begin at one page are done together, so that @at moves;
 * each client has one of a page at most. Return false at the end.
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
 * The end of a change is early enough. A caller that uses pages while a change is
 * under way cannot tell which of both came first, and a change counts from when
 * its system call returns.
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

/* The address space ends, because its last task exits or executes a program. */
static void contig_watch_release(struct mmu_notifier *notifier,
				 struct mm_struct *mm)
{
	contig_watch_touch(container_of(notifier, struct contig_watch,
					notifier), 0, ULONG_MAX);
}

static struct mmu_notifier *contig_watch_alloc(struct mm_struct *mm)
{
	struct contig_watch *watch = kzalloc(sizeof(*watch), GFP_KERNEL_ACCOUNT);

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
 * May sleep, until other threads let go of mmap_lock.
 *
 * Return: the watch, for contig_watch_put(); or ERR_PTR() of -ENOMEM, -EINTR after
 * a fatal signal, -ERESTARTNOINTR after another one.
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
	/* The kernel gives way to any signal. */
	if (notifier == ERR_PTR(-EINTR) && !fatal_signal_pending(current))
		return ERR_PTR(-ERESTARTNOINTR);
	return ERR_CAST(notifier);
}

/* All marks of the caller must be gone. Does not wait for the process. */
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
 * contig_mark_init() - note changes of a range of pages from now on
 * @mark: all zero
 * @watch: the address space; must outlive the mark
 * @first: first page
 * @npages: how many, not 0
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
					 GFP_KERNEL_ACCOUNT | __GFP_NOWARN |
					 __GFP_RETRY_MAYFAIL);
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
 * @mark: the mark, or one that notes nothing
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
 * contig_mark_take() - take suspect pages for a look
 * @mark: the mark; the caller is the only one who takes pages of it
 * @first: a suspect page
 * @last: last page of interest
 *
 * The pages stay suspect until contig_mark_settle(). A change that touches them
 * from now on is noted anew.
 *
 * Return: how many pages from @first on are suspect.
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

/* These pages, which were taken for a look, are in place. */
void contig_mark_settle(struct contig_mark *mark, unsigned long first,
			unsigned long npages)
{
	bitmap_clear(mark->doubted, first - mark->it.start, npages);
}

/*
 * A look is over: make later ones cheap if no page is suspect any more. To find
 * that out for a large mark would cost more than it saves.
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

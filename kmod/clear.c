// SPDX-License-Identifier: GPL-2.0-only
/*
 * Clearing of memory, by several CPUs if it is much
 *
 * Works of an unbound workqueue help the caller. It never waits for them, since a
 * real-time task can keep a work from its CPU for any length of time. Instead a
 * helper has a part of the pages, which it clears one by one with its lock held,
 * and when nothing else is left the caller takes the rest of each helper's part.
 */
#include <linux/cleanup.h>
#include <linux/cpumask.h>
#include <linux/highmem.h>
#include <linux/kref.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/overflow.h>
#include <linux/page-flags.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/sched/isolation.h>
#include <linux/sizes.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/workqueue.h>

#include "clear.h"
#include "gfp.h"

/* Pages in a part. */
#define CONTIG_CLEAR_PART max_t(unsigned long, SZ_1M >> PAGE_SHIFT, 1)

/* There is a helper for this many parts. */
#define CONTIG_CLEAR_SHARE 4

/* More helpers would wait for the memory and not for each other. */
#define CONTIG_CLEAR_HELPERS 7

struct contig_clearing;

/**
 * struct contig_clear_helper - one that helps the caller
 * @work: does the work
 * @clearing: what it helps with, with a reference while @work is queued or runs
 * @lock: protects @at and @end, and is held while the page @at is cleared
 * @at: first page frame of its part that is not clear yet
 * @end: the page frame behind its part
 */
struct contig_clear_helper {
	struct work_struct work;
	struct contig_clearing *clearing;
	raw_spinlock_t lock; /* for at and end; innermost */
	unsigned long at;
	unsigned long end;
};

/**
 * struct contig_clearing - clearing of adjacent pages
 * @kref: the caller has a reference, and each helper
 * @next: first page frame that is in nobody's part; may lie behind @end
 * @end: the page frame behind the last one; constant
 * @nr: number of helpers; constant
 * @helpers: these
 */
struct contig_clearing {
	struct kref kref;
	atomic_long_t next;
	unsigned long end;
	unsigned int nr;
	struct contig_clear_helper helpers[];
};

static struct workqueue_struct *contig_clear_wq;

/* Failed pages are left as they are: a write could cause a machine check. */
static void contig_page_clear(unsigned long pfn)
{
	struct page *page = pfn_to_page(pfn);

	if (!PageHWPoison(page))
		clear_highpage(page);
}

static void contig_clear_alone(unsigned long pfn, unsigned long end)
{
	for (; pfn < end; pfn++) {
		contig_page_clear(pfn);
		if (!(pfn % 256))
			cond_resched();
	}
}

/* Take a part that nobody has. Return false if there is none. */
static bool contig_clear_claim(struct contig_clearing *clearing,
			       unsigned long *at, unsigned long *end)
{
	unsigned long first;

	/* No more than one claim a helper goes beyond the end. */
	if (atomic_long_read(&clearing->next) >= clearing->end)
		return false;
	first = atomic_long_fetch_add(CONTIG_CLEAR_PART, &clearing->next);
	if (first >= clearing->end)
		return false;
	*at = first;
	*end = min(first + CONTIG_CLEAR_PART, clearing->end);
	return true;
}

static void contig_clearing_free(struct kref *kref)
{
	kfree(container_of(kref, struct contig_clearing, kref));
}

/* Clear the next page of a helper. Return false if there is nothing to do. */
static bool contig_clear_next(struct contig_clear_helper *helper)
{
	bool more;

	raw_spin_lock(&helper->lock);
	more = helper->at < helper->end ||
	       contig_clear_claim(helper->clearing, &helper->at, &helper->end);
	if (more)
		contig_page_clear(helper->at++);
	raw_spin_unlock(&helper->lock);
	return more;
}

static void contig_clear_help(struct work_struct *work)
{
	struct contig_clear_helper *helper =
		container_of(work, struct contig_clear_helper, work);

	while (contig_clear_next(helper))
		cond_resched();
	kref_put(&helper->clearing->kref, contig_clearing_free);
}

/* Take the rest of a helper's part. Nobody has a part that it could take next. */
static void contig_clear_rest(struct contig_clear_helper *helper)
{
	unsigned long at, end;

	if (cancel_work(&helper->work))
		kref_put(&helper->clearing->kref, contig_clearing_free);
	scoped_guard(raw_spinlock, &helper->lock) {
		at = helper->at;
		end = helper->end;
		helper->at = end;
	}
	contig_clear_alone(at, end);
}

/*
 * Return true if the caller may run wherever a work may: the kernel's own threads,
 * and tasks that are confined to no CPUs.
 */
static bool contig_clear_unconfined(void)
{
	bool everywhere = true;
	unsigned int cpu;

	if (current->flags & PF_KTHREAD)
		return true;
	/* The mask of others is replaced when a cpuset becomes isolated. */
	rcu_read_lock();
	for_each_cpu_and(cpu, housekeeping_cpumask(HK_TYPE_DOMAIN),
			 cpu_online_mask)
		if (!cpumask_test_cpu(cpu, current->cpus_ptr))
			everywhere = false;
	rcu_read_unlock();
	return everywhere;
}

/* Return how many helpers are worth their while. */
static unsigned int contig_clear_helpers(unsigned long pfn, unsigned long npages)
{
	unsigned long shares = npages / (CONTIG_CLEAR_PART * CONTIG_CLEAR_SHARE);
	unsigned int cpus = min(cpumask_weight(current->cpus_ptr),
				num_online_cpus());

	/* To map high memory can take a lock that must not be taken in a raw one. */
	if (!shares || cpus < 2 || !contig_clear_unconfined() ||
	    PageHighMem(pfn_to_page(pfn)))
		return 0;
	return min3(shares, cpus - 1UL, (unsigned long)CONTIG_CLEAR_HELPERS);
}

/* Return a clearing with @nr helpers at work, or NULL. */
static struct contig_clearing *
contig_clearing_begin(unsigned long pfn, unsigned long npages, unsigned int nr)
{
	struct contig_clearing *clearing;
	unsigned int i;

	clearing = kzalloc(struct_size(clearing, helpers, nr), CONTIG_GFP);
	if (!clearing)
		return NULL;
	kref_init(&clearing->kref);
	atomic_long_set(&clearing->next, pfn);
	clearing->end = pfn + npages;
	clearing->nr = nr;
	for (i = 0; i < nr; i++) {
		struct contig_clear_helper *helper = &clearing->helpers[i];

		INIT_WORK(&helper->work, contig_clear_help);
		raw_spin_lock_init(&helper->lock);
		helper->clearing = clearing;
		kref_get(&clearing->kref);
		queue_work(contig_clear_wq, &helper->work);
	}
	return clearing;
}

/* contig_pages_clear() without helpers, for what nobody waits for. */
void contig_pages_clear_alone(unsigned long pfn, unsigned long npages)
{
	contig_clear_alone(pfn, pfn + npages);
}

/**
 * contig_pages_clear() - zero adjacent pages, but not failed ones
 * @pfn: first page frame
 * @npages: number of pages
 *
 * Works of the workqueue contig_clear help if the pages are many and the calling
 * task is not confined to some of the CPUs. May sleep, but waits for nobody.
 */
void contig_pages_clear(unsigned long pfn, unsigned long npages)
{
	unsigned int nr = contig_clear_helpers(pfn, npages), i;
	struct contig_clearing *clearing =
		nr ? contig_clearing_begin(pfn, npages, nr) : NULL;
	unsigned long at, end;

	if (!clearing) {
		contig_clear_alone(pfn, pfn + npages);
		return;
	}
	while (contig_clear_claim(clearing, &at, &end))
		contig_clear_alone(at, end);
	for (i = 0; i < nr; i++)
		contig_clear_rest(&clearing->helpers[i]);
	kref_put(&clearing->kref, contig_clearing_free);
}

/* Create the workqueue. Return: 0 or -ENOMEM. */
int contig_clear_init(void)
{
	contig_clear_wq = alloc_workqueue("contig_clear",
					  WQ_UNBOUND | WQ_SYSFS, 0);
	return contig_clear_wq ? 0 : -ENOMEM;
}

/* Nobody clears memory any more. */
void contig_clear_exit(void)
{
	destroy_workqueue(contig_clear_wq);
}

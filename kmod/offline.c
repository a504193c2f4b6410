// SPDX-License-Identifier: GPL-2.0-only
/*
 * Keeps contig from emptying memory that the kernel takes offline
 *
 * To take memory offline the kernel isolates its pageblocks, migrates their
 * pages, and tries again until all of them are free. alloc_contig_range()
 * isolates pageblocks as well; where it meets one that is isolated already it
 * fails and, up to Linux 6.12 at least, ends the isolation of the other user.
 * Pages that are freed then go to other users, and offlining never ends.
 *
 * So windows with isolated pageblocks are not emptied. Between that check and
 * alloc_contig_range() the kernel can begin to take memory offline; but it
 * calls the notifier of hotplug.c when it has isolated the memory, and that
 * refuses if a window that overlaps is being emptied or if the isolation is
 * gone.
 */
#include <linux/memory_hotplug.h>
#include <linux/mm.h>
#include <linux/mmzone.h>
#include <linux/pageblock-flags.h>
#include <linux/percpu.h>
#include <linux/rcupdate.h>
#include <linux/spinlock.h>
#include <linux/vmstat.h>

#include "offline.h"
#include "pageblock.h"

/**
 * struct contig_offline - memory that goes offline, and windows being emptied
 * @lock: protects the members below; lock order: client.h
 * @start: first page frame that goes offline
 * @end: page frame behind the last one; equals @start if none goes offline
 * @windows: windows that are being emptied
 */
static struct contig_offline {
	spinlock_t lock; /* for all that follows */
	unsigned long start;
	unsigned long end;
	struct list_head windows;
} offline = {
	.lock = __SPIN_LOCK_UNLOCKED(offline.lock),
	.windows = LIST_HEAD_INIT(offline.windows),
};

/* Return true if all pageblocks are online, and isolated as @isolated says. */
static bool contig_blocks_are(unsigned long pfn, unsigned long end,
			      bool isolated)
{
	bool are = true;

	/* Keeps the struct pages: see contig_hotplug_notify(). */
	rcu_read_lock();
	for (; are && pfn < end; pfn += pageblock_nr_pages) {
		struct page *page = pfn_to_online_page(pfn);

		are = page && contig_block_is_isolated(page_zone(page), pfn) ==
			      isolated;
	}
	rcu_read_unlock();
	return are;
}

/**
 * contig_offline_enter() - begin to empty a window of memory
 * @window: to be filled
 * @pfn: first page frame
 * @npages: number of pages
 *
 * Return: false if the kernel has isolated a part of it, or a part of it is
 * offline; else true, and contig_offline_leave() has to follow.
 */
bool contig_offline_enter(struct contig_offline_window *window,
			  unsigned long pfn, unsigned long npages)
{
	window->start = pageblock_start_pfn(pfn);
	window->end = pageblock_align(pfn + npages);
	scoped_guard(spinlock, &offline.lock) {
		if (window->start < offline.end && offline.start < window->end)
			return false;
		list_add(&window->node, &offline.windows);
	}
	if (contig_blocks_are(window->start, window->end, false))
		return true;
	contig_offline_leave(window);
	return false;
}

void contig_offline_leave(struct contig_offline_window *window)
{
	spin_lock(&offline.lock);
	list_del(&window->node);
	spin_unlock(&offline.lock);
}

/**
 * contig_offline_begin() - let memory that the kernel has isolated go offline
 * @start: first page frame
 * @end: page frame behind the last one
 *
 * Return: true if it may, and then no part of it is emptied before
 * contig_offline_end(); false if a part is being emptied, or is not isolated.
 */
bool contig_offline_begin(unsigned long start, unsigned long end)
{
	struct contig_offline_window *window;

	scoped_guard(spinlock, &offline.lock) {
		list_for_each_entry(window, &offline.windows, node)
			if (window->start < end && start < window->end)
				return false;
		offline.start = start;
		offline.end = end;
	}
	return contig_blocks_are(start, end, true);
}

/* Memory went offline, or stays. */
void contig_offline_end(void)
{
	spin_lock(&offline.lock);
	offline.end = offline.start;
	spin_unlock(&offline.lock);
}

/* Return how many pages of CMA of a zone are not counted as free. */
static unsigned long contig_zone_cma(struct zone *zone)
{
#ifdef CONFIG_CMA
	unsigned long all = READ_ONCE(zone->cma_pages);
	unsigned long free = zone_page_state(zone, NR_FREE_CMA_PAGES);

	return all > free ? all - free : 0;
#else
	return 0;
#endif
}

/**
 * contig_zone_listed() - count free pages on lists of CPUs
 * @zone: the zone
 *
 * The zone's counter of free pages leaves them out. The kernel lets such a list
 * grow to an eighth of the zone. Pages of CMA can be on them, and do not count.
 * Any context that is no interrupt.
 *
 * Return: number of pages outside of CMA that are certain to be there; 0 while
 * memory goes offline, since the kernel frees the lists of a zone that becomes
 * empty.
 */
unsigned long contig_zone_listed(struct zone *zone)
{
	unsigned long nr = 0, cma = contig_zone_cma(zone);
	int cpu;

	spin_lock(&offline.lock);
	if (offline.start >= offline.end)
		for_each_possible_cpu(cpu)
			nr += READ_ONCE(per_cpu_ptr(zone->per_cpu_pageset,
						    cpu)->count);
	spin_unlock(&offline.lock);
	return nr > cma ? nr - cma : 0;
}

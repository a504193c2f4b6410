// SPDX-License-Identifier: GPL-2.0-only
/*
 * Checks of one window of memory that is to be emptied
 *
 * survey.c finds windows. What is found can change at any time, so all answers
 * are guesses, as the classes of pages are.
 */
#include <linux/memory_hotplug.h>
#include <linux/mm.h>
#include <linux/page-flags.h>
#include <linux/pageblock-flags.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>

#include "avoid.h"
#include "page_class.h"
#include "pageblock.h"
#include "window.h"

/*
 * Return true if the pageblock of @pfn lies in a zone and is of a type that can
 * be isolated. The caller holds the RCU read lock: see contig_hotplug_notify().
 */
bool contig_pageblock_usable(struct zone *zone, unsigned long pfn)
{
	struct page *page;

	pfn = pageblock_start_pfn(pfn);
	page = pfn_to_online_page(pfn);
	return page && page_zone(page) == zone &&
	       pageblock_end_pfn(pfn) <= zone_end_pfn(zone) &&
	       contig_block_type_usable(contig_block_type(zone, pfn));
}

/*
 * Return true if the pageblock of @pfn can be isolated. alloc_contig_range()
 * fails if a pageblock has an unmovable page, even outside of the range to
 * empty. The caller holds the RCU read lock: see contig_hotplug_notify().
 */
static bool contig_block_isolates(struct zone *zone, unsigned long pfn)
{
	unsigned long end = pageblock_end_pfn(pfn), n;
	unsigned int looks = 0;
	struct page *page;

	pfn = pageblock_start_pfn(pfn);
	if (!contig_pageblock_usable(zone, pfn))
		return false;
	for (; pfn < end; pfn += n, contig_page_rest(&looks)) {
		page = pfn_to_online_page(pfn);
		if (!page || contig_page_class(page, &n) == CONTIG_CLASS_KERNEL)
			return false;
	}
	return true;
}

/**
 * contig_window_usable() - check a window again
 * @pfn: first page frame
 * @npages: how many
 * @reach: which pages may be in it
 *
 * May sleep.
 *
 * Return: true if it could still be emptied.
 */
bool contig_window_usable(unsigned long pfn, unsigned long npages,
			  enum contig_reach reach)
{
	unsigned long end = pfn + npages, stop, n;
	enum contig_page_class class;
	unsigned int looks = 0;
	bool usable = true;
	struct page *page;

	for (; usable && pfn < end; cond_resched()) {
		stop = min(pageblock_end_pfn(pfn), end);
		rcu_read_lock();
		page = pfn_to_online_page(pfn);
		usable = page && contig_block_isolates(page_zone(page), pfn);
		for (; usable && pfn < stop;
		     pfn += n, contig_page_rest(&looks)) {
			page = pfn_to_online_page(pfn);
			n = 1;
			class = page ? contig_page_class(page, &n) :
				       CONTIG_CLASS_KERNEL;
			usable = contig_class_usable(class, reach);
		}
		rcu_read_unlock();
	}
	return usable;
}

/*
 * Return a page that migration would wait for, ULONG_MAX if there is none. A
 * page can be locked for a moment, or for as long as a server takes to answer.
 */
unsigned long contig_window_busy(unsigned long pfn, unsigned long npages)
{
	unsigned long end = pfn + npages, n, found = ULONG_MAX;
	unsigned int looks = 0;

	rcu_read_lock();
	for (; found == ULONG_MAX && pfn < end;
	     pfn += n, contig_page_rest(&looks)) {
		struct page *page = pfn_to_online_page(pfn);

		n = 1;
		if (!page)
			break;
		if (contig_page_class(page, &n) == CONTIG_CLASS_FREE)
			continue;
		page = compound_head(page);
		if (!PageLRU(page) && !PageHuge(page))
			continue;
		if (PageLocked(page) || PageWriteback(page))
			found = pfn;
	}
	rcu_read_unlock();
	return found;
}

/* Return true if a page of the pageblock of @pfn waits: contig_page_waits(). */
static bool contig_block_waits(unsigned long pfn)
{
	unsigned long end = pageblock_end_pfn(pfn), n;
	enum contig_page_class class;
	unsigned int looks = 0;

	for (pfn = pageblock_start_pfn(pfn); pfn < end;
	     pfn += n, contig_page_rest(&looks)) {
		struct page *page = pfn_to_online_page(pfn);

		if (!page)
			break;
		class = contig_page_class(page, &n);
		if ((class == CONTIG_CLASS_MOVABLE ||
		     class == CONTIG_CLASS_PINNED) &&
		    !PageCompound(page) && !PageLRU(page) &&
		    page_ref_count(page) && contig_page_waits(page))
			return true;
	}
	return false;
}

/*
 * Return a frame from @pfn to @stop, of one pageblock, that is emptied without
 * waiting for its page; @stop if there is none.
 */
static unsigned long contig_block_easy(unsigned long pfn, unsigned long stop)
{
	unsigned int looks = 0;
	unsigned long n;

	for (; pfn < stop; pfn += n, contig_page_rest(&looks)) {
		struct page *page = pfn_to_online_page(pfn);

		if (!page)
			break;
		switch (contig_page_class(page, &n)) {
		case CONTIG_CLASS_FREE:
			return pfn;
		case CONTIG_CLASS_MOVABLE:
			if (!contig_page_has(compound_head(page), PG_locked))
				return pfn;
			break;
		default:
			break;
		}
	}
	return stop;
}

/**
 * contig_window_drain() - find a frame whose emptying helps to isolate a window
 * @pfn: first page frame of the window
 * @npages: how many
 * @waits: receives whether a page waits for getting onto the LRU lists, so that
 *         its pageblock cannot be isolated
 *
 * Return: a page frame of the window in a pageblock that can be isolated, if a
 * page of another one waits; else ULONG_MAX.
 */
unsigned long contig_window_drain(unsigned long pfn, unsigned long npages,
				  bool *waits)
{
	unsigned long end = pfn + npages, found = ULONG_MAX, stop, easy;
	bool online = true;

	*waits = false;
	for (; online && pfn < end; pfn = stop) {
		stop = min(pageblock_end_pfn(pfn), end);
		easy = stop;
		rcu_read_lock();
		online = pfn_to_online_page(pfn);
		if (online && contig_block_waits(pfn))
			*waits = true;
		else if (online && found == ULONG_MAX)
			easy = contig_block_easy(pfn, stop);
		rcu_read_unlock();
		if (easy < stop)
			found = easy;
		cond_resched();
	}
	return *waits ? found : ULONG_MAX;
}

/**
 * contig_window_type() - find the migrate type of pageblocks
 * @pfn: first page frame
 * @npages: in/out: number; reduced to frames in pageblocks of the same type
 * @zone: receives the zone
 *
 * Return: the migrate type, negative if they may not be emptied.
 */
int contig_window_type(unsigned long pfn, unsigned long *npages,
		       struct zone **zone)
{
	unsigned long end = pfn + *npages, next;
	struct page *page;
	int type = -1;

	rcu_read_lock();
	page = pfn_to_online_page(pfn);
	if (page) {
		*zone = page_zone(page);
		type = contig_block_type(*zone, pfn);
	}
	for (next = pageblock_end_pfn(pfn); page && next < end;
	     next += pageblock_nr_pages)
		if (!pfn_to_online_page(next) ||
		    contig_block_type(*zone, next) != type)
			break;
	rcu_read_unlock();
	*npages = min(next, end) - pfn;
	return contig_block_type_usable(type) ? type : -1;
}

/**
 * contig_window_apart() - check that no page can grow out of a window
 * @pfn: first page frame, of a pageblock
 * @npages: how many, of whole pageblocks
 *
 * While pageblocks are isolated, the free pages in them become larger ones, up to
 * the largest that the page allocator has, and can take in those of pageblocks beside
 * them that somebody else has isolated. alloc_contig_range() that makes a compound
 * page warns about that, and loses the memory. CMA isolates its own pageblocks at any
 * time. Other requests of contig's keep away by claims, and memory goes offline in
 * larger pieces, but for virtio-mem: see design.md, "Huge pages".
 *
 * Return: true if no pageblock near is CMA's or isolated.
 */
bool contig_window_apart(unsigned long pfn, unsigned long npages)
{
	unsigned long at = round_down(pfn, MAX_ORDER_NR_PAGES);
	unsigned long end = round_up(pfn + npages, MAX_ORDER_NR_PAGES);
	bool apart = true;

	rcu_read_lock();
	for (; apart && at < end; at += pageblock_nr_pages) {
		struct page *page = pfn_to_online_page(at);

		apart = !page || !contig_block_is_unsteady(page_zone(page), at);
	}
	rcu_read_unlock();
	return apart;
}

/**
 * contig_window_one_huge() - find the part of a window to empty in one step
 * @pfn: first page frame
 * @npages: how many
 *
 * The kernel moves a huge page to a free one of its pool if there is one (until
 * Linux 6.14, wherever that lies), and the page that was emptied is free in the
 * pool then. So the page can move to a free one that comes later in the step, and
 * back again; and of several pages in use, the next one moves to where the one
 * before was. Free huge pages before it are replaced first.
 *
 * Return: number of page frames before the first huge page behind one in use.
 */
unsigned long contig_window_one_huge(unsigned long pfn, unsigned long npages)
{
	unsigned long at, end = pfn + npages, n;
	bool used = false, ends = false;

	for (at = pfn; at < end; at += n) {
		struct page *page;

		n = 1;
		rcu_read_lock();
		page = pfn_to_online_page(at);
		if (page && contig_page_class(page, &n) == CONTIG_CLASS_HUGE) {
			ends = used;
			used |= contig_page_huge_used(page);
		}
		rcu_read_unlock();
		if (ends)
			return max(pageblock_start_pfn(at), pfn + 1) - pfn;
		cond_resched();
	}
	return npages;
}

/* Return how many of these page frames are free. */
unsigned long contig_window_free(unsigned long pfn, unsigned long npages)
{
	unsigned long end = pfn + npages, nr = 0, n;
	unsigned int looks = 0;

	rcu_read_lock();
	for (; pfn < end; pfn += n, contig_page_rest(&looks)) {
		struct page *page = pfn_to_online_page(pfn);

		n = 1;
		if (page && contig_page_class(page, &n) == CONTIG_CLASS_FREE)
			nr += min(n, end - pfn);
	}
	rcu_read_unlock();
	return nr;
}

/*
 * Return how many of these page frames need other memory to migrate to.
 * alloc_contig_range() drops clean page cache instead of migrating it.
 */
unsigned long contig_window_moves(unsigned long pfn, unsigned long npages)
{
	unsigned long end = pfn + npages, nr = 0, n;

	for (; pfn < end; pfn += n) {
		struct page *page;

		n = 1;
		rcu_read_lock();
		page = pfn_to_online_page(pfn);
		if (page && contig_page_class(page, &n) != CONTIG_CLASS_FREE &&
		    !contig_page_drops(page))
			nr += min(n, end - pfn);
		rcu_read_unlock();
		cond_resched();
	}
	return nr;
}

/**
 * contig_window_stuck() - find the pages that kept a window from being emptied
 * @avoid: receives their page frames
 * @pfn: first page frame of the window
 * @npages: number of page frames
 *
 * After a failed attempt, pages that could be migrated are gone, so the pages
 * that are left could not be.
 *
 * Return: true if any was found.
 */
bool contig_window_stuck(struct contig_avoid *avoid, unsigned long pfn,
			 unsigned long npages)
{
	unsigned long end = pfn + npages, n;
	unsigned int looks = 0;
	bool found = false;

	rcu_read_lock();
	for (; pfn < end; pfn += n, contig_page_rest(&looks)) {
		struct page *page = pfn_to_online_page(pfn);

		n = 1;
		if (page && contig_page_class(page, &n) == CONTIG_CLASS_FREE)
			continue;
		n = min(n, end - pfn);
		contig_avoid_add(avoid, pfn, pfn + n - 1);
		found = true;
	}
	rcu_read_unlock();
	return found;
}

// SPDX-License-Identifier: GPL-2.0-only
/*
 * Search for windows of memory that could be emptied
 *
 * A window slides over all page frames that the constraints allow. It restarts
 * behind a pageblock with a kernel page and behind a pinned page. Its cost is
 * the number of pages to migrate; free pages cost nothing. So the search finds
 * the cheapest of all windows that can be isolated, and reads every page twice.
 * The result is a guess, as the classes of pages are.
 */
#include <linux/memory_hotplug.h>
#include <linux/mm.h>
#include <linux/page-flags.h>
#include <linux/pageblock-flags.h>
#include <linux/pfn.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>

#include "avoid.h"
#include "page_class.h"
#include "pageblock.h"
#include "request.h"
#include "slide.h"
#include "window.h"
#include "zones.h"

/* Alignment of large blocks that dma_alloc_attrs() takes from CMA, in pages. */
#ifdef CONFIG_DMA_CMA
#define CONTIG_CMA_ALIGN BIT(CONFIG_CMA_ALIGNMENT)
#else
#define CONTIG_CMA_ALIGN 1UL
#endif

static void contig_scan_count(struct contig_survey *survey,
			      enum contig_page_class class, unsigned long npages)
{
	switch (class) {
	case CONTIG_CLASS_FREE:
		survey->free += npages;
		break;
	case CONTIG_CLASS_MOVABLE:
		survey->movable += npages;
		break;
	case CONTIG_CLASS_REFERENCED:
	case CONTIG_CLASS_PINNED:
		survey->pinned += npages;
		break;
	case CONTIG_CLASS_KERNEL:
		survey->kernel += npages;
		break;
	}
}

/*
 * Return true if the pageblock of @pfn can be isolated. alloc_contig_range()
 * fails if a pageblock has an unmovable page, even outside of the range to
 * empty. The caller holds the RCU read lock: see contig_hotplug_notify().
 */
static bool contig_block_isolates(struct zone *zone, unsigned long pfn)
{
	unsigned long end = pageblock_end_pfn(pfn), n;
	struct page *page;

	pfn = pageblock_start_pfn(pfn);
	page = pfn_to_online_page(pfn);
	if (!page || page_zone(page) != zone || end > zone_end_pfn(zone) ||
	    !contig_block_type_usable(contig_block_type(zone, pfn)))
		return false;
	for (; pfn < end; pfn += n)
		if (contig_page_class(pfn_to_page(pfn), &n) ==
		    CONTIG_CLASS_KERNEL)
			return false;
	return true;
}

/* Update the longest extent of CMA; @usable: CMA can give out these frames. */
static void contig_scan_cma(struct contig_scan *scan, bool usable,
			    unsigned long pfn, unsigned long npages)
{
	unsigned long end = pfn + npages, start;

	if (!usable) {
		scan->cma = end;
		return;
	}
	start = ALIGN(scan->cma, CONTIG_CMA_ALIGN);
	if (start < end)
		scan->survey->largest_cma = max(scan->survey->largest_cma,
						end - start);
}

/* Return true if the page is clean page cache, which need not be migrated. */
static bool contig_page_drops(struct page *page)
{
	page = compound_head(page);
	return contig_page_has(page, PG_lru) &&
	       !contig_page_has(page, PG_swapbacked) &&
	       !contig_page_has(page, PG_dirty);
}

/* Return true if the page is in a free block larger than a pageblock. */
static bool contig_page_in_block(unsigned long pfn)
{
	unsigned int order;

	for (order = pageblock_order + 1; order <= MAX_PAGE_ORDER; order++) {
		struct page *head = pfn_to_page(round_down(pfn, 1UL << order));

		if (PageBuddy(head) && READ_ONCE(head->private) >= order)
			return true;
	}
	return false;
}

/* Count @npages frames of CMA that are like @page, for room.c. */
static void contig_scan_count_cma(struct contig_survey *survey,
				  struct page *page,
				  enum contig_page_class class,
				  unsigned long npages)
{
	if (class == CONTIG_CLASS_FREE)
		survey->cma_free += npages;
	else if (class == CONTIG_CLASS_MOVABLE && contig_page_drops(page))
		survey->cma_cache += npages;
}

/* Return true if a free page lies on a list of a CPU. */
static bool contig_page_listed(struct page *page)
{
	return !PageBuddy(page) && !contig_page_in_block(page_to_pfn(page));
}

/* Scan the frames from @pfn to @last of one pageblock. */
static void contig_scan_block(struct contig_scan *scan, struct zone *zone,
			      unsigned long pfn, unsigned long last)
{
	bool isolates = contig_block_isolates(zone, pfn);
	struct contig_survey *survey = scan->survey;
	enum contig_page_class class;
	unsigned long n;
	bool usable, cma, online;

	online = pfn_to_online_page(pfn);
	if (!online || (!isolates && !scan->complete)) {
		/* There is no window here, and counts may be incomplete. */
		if (online)
			survey->kernel += last + 1 - pfn;
		contig_scan_stop_at(scan, pfn, last + 1);
		contig_scan_cma(scan, false, pfn, last + 1 - pfn);
		contig_scan_loose_end(scan, pfn, last + 1);
		return;
	}
	cma = contig_block_is_cma(zone, pfn);
	for (; pfn <= last; pfn += n) {
		class = contig_page_class(pfn_to_page(pfn), &n);
		if (class == CONTIG_CLASS_FREE)
			survey->largest_free = max(survey->largest_free, n);
		n = min(n, last - pfn + 1);
		contig_scan_count(survey, class, n);
		/* Not isolated, it may be the tail of a kernel page. */
		if (cma)
			contig_scan_count_cma(survey, pfn_to_page(pfn), class, n);
		else if (class == CONTIG_CLASS_FREE && isolates &&
			 contig_page_listed(pfn_to_page(pfn)))
			survey->listed += n;
		usable = contig_class_usable(class, scan->held);
		contig_scan_cma(scan, cma && usable, pfn, n);
		if (!isolates || (!usable && class != CONTIG_CLASS_REFERENCED))
			contig_scan_loose_end(scan, pfn, pfn + n);
		if (isolates && usable)
			contig_scan_slide(scan, pfn, n,
					  class != CONTIG_CLASS_FREE);
		else
			contig_scan_stop_at(scan, pfn, pfn + n);
	}
}

/* Scan the frames from @pfn to @last, of one zone and none to be avoided. */
static int contig_scan_span(struct contig_scan *scan, struct zone *zone,
			    unsigned long pfn, unsigned long last)
{
	unsigned long end;
	int ret;

	contig_scan_begin(scan, pfn);
	scan->cma = pfn;
	scan->loose = pfn;
	for (; pfn <= last; pfn = end + 1) {
		ret = contig_request_expired(scan->request);
		if (ret)
			return ret;
		cond_resched();
		if (contig_scan_done(scan))
			return 0;
		end = min(last, pageblock_end_pfn(pfn) - 1);
		rcu_read_lock();
		contig_scan_block(scan, zone, pfn, end);
		rcu_read_unlock();
	}
	contig_scan_close(scan, last + 1);
	contig_scan_loose_end(scan, last + 1, last + 1);
	return 0;
}

/* Scan a zone without the page frames to avoid. */
static int contig_scan_zone(struct contig_scan *scan, struct zone *zone,
			    const struct contig_avoid *avoid)
{
	unsigned long pfn = max(zone->zone_start_pfn, scan->request->lowest);
	unsigned long last = min(zone_end_pfn(zone) - 1,
				 scan->request->highest);
	unsigned int i;
	int ret;

	for (i = 0; avoid && i < avoid->nr && pfn <= last; i++) {
		if (avoid->ranges[i].last < pfn)
			continue;
		if (avoid->ranges[i].first > last)
			break;
		if (avoid->ranges[i].first > pfn) {
			ret = contig_scan_span(scan, zone, pfn,
					       avoid->ranges[i].first - 1);
			if (ret)
				return ret;
		}
		pfn = avoid->ranges[i].last + 1;
	}
	return pfn <= last ? contig_scan_span(scan, zone, pfn, last) : 0;
}

/**
 * contig_survey_windows() - look for windows that could be emptied
 * @request: constraints and deadline
 * @params: parameters of the survey
 * @avoid: page frames that must not be in a window, or NULL
 * @survey: receives the result
 *
 * May sleep, takes no lock.
 *
 * Return: 0, -EINTR, -ETIME or -ENOMEM.
 */
int contig_survey_windows(const struct contig_request *request,
			  const struct contig_survey_params *params,
			  const struct contig_avoid *avoid,
			  struct contig_survey *survey)
{
	struct contig_scan scan;
	struct zone *zone;
	int nid, i, pass, ret;

	ret = contig_scan_init(&scan, request, params->npages, survey);
	if (ret)
		return ret;
	scan.final = params->final;
	scan.complete = params->complete;
	scan.held = params->held;
	scan.wanted = params->wanted;

	/* The preferred node first, then the others. */
	for (pass = 0; pass < 2 && !ret; pass++) {
		contig_for_each_zone(zone, nid, i) {
			bool preferred = request->node == NUMA_NO_NODE ||
					 request->node == nid;

			if (ret || preferred != !pass ||
			    !contig_request_node_allowed(request, nid) ||
			    contig_scan_done(&scan))
				continue;
			ret = contig_scan_zone(&scan, zone, avoid);
		}
		if (survey->nr && !params->complete)
			break;
	}
	contig_scan_free(&scan);
	return ret;
}

/* contig_survey_windows() for one, without pages with extra references. */
int contig_survey_memory(const struct contig_request *request,
			 unsigned long npages, bool complete,
			 struct contig_survey *survey)
{
	const struct contig_survey_params params = {
		.npages = npages,
		.final = true,
		.complete = complete,
		.wanted = 1,
	};

	return contig_survey_windows(request, &params, NULL, survey);
}

/**
 * contig_window_usable() - check a window again
 * @pfn: first page frame
 * @npages: how many
 * @held: pages with an extra reference may be in it
 *
 * May sleep.
 *
 * Return: true if it could still be emptied.
 */
bool contig_window_usable(unsigned long pfn, unsigned long npages, bool held)
{
	unsigned long end = pfn + npages, stop, n;
	enum contig_page_class class;
	bool usable = true;
	struct page *page;

	for (; usable && pfn < end; cond_resched()) {
		stop = min(pageblock_end_pfn(pfn), end);
		rcu_read_lock();
		page = pfn_to_online_page(pfn);
		usable = page && contig_block_isolates(page_zone(page), pfn);
		for (; usable && pfn < stop; pfn += n) {
			class = contig_page_class(pfn_to_page(pfn), &n);
			usable = contig_class_usable(class, held);
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

	rcu_read_lock();
	for (; found == ULONG_MAX && pfn < end; pfn += n) {
		struct page *page = pfn_to_online_page(pfn);

		n = 1;
		if (!page)
			break;
		if (contig_page_class(page, &n) == CONTIG_CLASS_FREE)
			continue;
		if (!PageLRU(compound_head(page)))
			continue;
		page = compound_head(page);
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

	for (pfn = pageblock_start_pfn(pfn); pfn < end; pfn += n) {
		struct page *page = pfn_to_page(pfn);
		enum contig_page_class class = contig_page_class(page, &n);

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
	unsigned long n;

	for (; pfn < stop; pfn += n) {
		struct page *page = pfn_to_page(pfn);

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

/* Return how many of these page frames are free. */
unsigned long contig_window_free(unsigned long pfn, unsigned long npages)
{
	unsigned long end = pfn + npages, nr = 0, n;

	rcu_read_lock();
	for (; pfn < end; pfn += n) {
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
	bool found = false;

	rcu_read_lock();
	for (; pfn < end; pfn += n) {
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

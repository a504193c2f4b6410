// SPDX-License-Identifier: GPL-2.0-only
/*
 * Looking for windows of memory that could be emptied
 *
 * A window slides over all page frames that the constraints allow. A pageblock
 * with a page of the kernel, and a page that is pinned, restart it behind them;
 * free pages cost nothing; pages to move are what makes one window dearer than
 * another. So the window with the fewest pages to move, among all that can be
 * isolated, is always found, at the price of looking at every page twice.
 *
 * Pages are looked at without locks or references, like the scanners of memory
 * compaction do: what is read can be out of date or torn, so every value is
 * checked before it is used as a length, and the outcome is only a guess that
 * alloc_contig_range() then has to confirm.
 */
#include <linux/hugetlb.h>
#include <linux/memory_hotplug.h>
#include <linux/mm.h>
#include <linux/page-flags.h>
#include <linux/pageblock-flags.h>
#include <linux/pfn.h>
#include <linux/sched.h>

#include "pageblock.h"
#include "request.h"
#include "slide.h"
#include "window.h"
#include "zones.h"

/* What dma_alloc_attrs() makes CMA align large blocks to, in pages. */
#ifdef CONFIG_DMA_CMA
#define CONTIG_CMA_ALIGN BIT(CONFIG_CMA_ALIGNMENT)
#else
#define CONTIG_CMA_ALIGN 1UL
#endif

enum contig_page_class {
	CONTIG_PAGE_FREE,
	CONTIG_PAGE_MOVABLE,
	CONTIG_PAGE_PINNED,
	CONTIG_PAGE_KERNEL,
};

/*
 * A page of a process or a file. Migration would wait for one that is being read
 * in or written back, and who does that may be a file system in user space, or a
 * server, that never answers.
 */
static enum contig_page_class contig_lru_class(struct page *page)
{
	if (PageWriteback(page) || (PageLocked(page) && !PageUptodate(page)))
		return CONTIG_PAGE_PINNED;
	return folio_maybe_dma_pinned((struct folio *)page) ?
		CONTIG_PAGE_PINNED : CONTIG_PAGE_MOVABLE;
}

static enum contig_page_class contig_compound_class(struct page *page,
						    unsigned long *npages)
{
	struct page *head = compound_head(page);
	unsigned int order = compound_order(head);
	unsigned long pfn = page_to_pfn(page);
	unsigned long end;

	if (order && order <= MAX_PAGE_ORDER) {
		end = page_to_pfn(head) + (1UL << order);
		if (end > pfn)
			*npages = min(end - pfn, 1UL << order);
	}
	if (PageHuge(head) || !PageLRU(head))
		return CONTIG_PAGE_KERNEL;
	return contig_lru_class(head);
}

/* What is @page, and how many page frames from it on are like it? */
static enum contig_page_class contig_page_class(struct page *page,
						unsigned long *npages)
{
	*npages = 1;
	if (PageReserved(page))
		return CONTIG_PAGE_KERNEL;
	if (PageCompound(page))
		return contig_compound_class(page, npages);
	/*
	 * The kernel takes it out of use: without a reference it is only in the
	 * way itself, with one the pageblock cannot be isolated.
	 */
	if (PageHWPoison(page))
		return page_ref_count(page) ? CONTIG_PAGE_KERNEL :
					      CONTIG_PAGE_PINNED;
	if (PageBuddy(page)) {
		unsigned long order = READ_ONCE(page->private);

		if (order <= MAX_PAGE_ORDER)
			*npages = 1UL << order;
		return CONTIG_PAGE_FREE;
	}
	/* On a list of one CPU; alloc_contig_range() drains these. */
	if (!page_ref_count(page))
		return CONTIG_PAGE_FREE;
	if (PageLRU(page))
		return contig_lru_class(page);
	if (__PageMovable(page))
		return CONTIG_PAGE_MOVABLE;
	/*
	 * Pages of processes wait on a list of their CPU before they get onto
	 * the LRU lists. They become movable when that list is drained.
	 */
	if (!PageSlab(page) && page_mapped(page) &&
	    folio_test_swapbacked((struct folio *)page))
		return CONTIG_PAGE_MOVABLE;
	return CONTIG_PAGE_KERNEL;
}

static void contig_scan_count(struct contig_survey *survey,
			      enum contig_page_class class, unsigned long npages)
{
	switch (class) {
	case CONTIG_PAGE_FREE:
		survey->free += npages;
		break;
	case CONTIG_PAGE_MOVABLE:
		survey->movable += npages;
		break;
	case CONTIG_PAGE_PINNED:
		survey->pinned += npages;
		break;
	case CONTIG_PAGE_KERNEL:
		survey->kernel += npages;
		break;
	}
}

/*
 * Can the pageblock that @pfn lies in be isolated? alloc_contig_range() takes
 * memory from no pageblock that has an unmovable page anywhere in it, not even
 * outside of what it is asked for, and from CMA's for CMA alone.
 */
static bool contig_block_isolates(struct zone *zone, unsigned long pfn)
{
	unsigned long end = pageblock_end_pfn(pfn), n;
	struct page *page;

	pfn = pageblock_start_pfn(pfn);
	page = pfn_to_online_page(pfn);
	if (!page || page_zone(page) != zone || end > zone_end_pfn(zone) ||
	    contig_block_is_cma(zone, pfn) ||
	    contig_block_is_isolated(zone, pfn))
		return false;
	for (; pfn < end; pfn += n)
		if (contig_page_class(pfn_to_page(pfn), &n) ==
		    CONTIG_PAGE_KERNEL)
			return false;
	return true;
}

/* Can CMA give out @npages frames from @pfn on? Allocations are aligned. */
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

/* Scan the frames from @pfn to @last of one pageblock. */
static void contig_scan_block(struct contig_scan *scan, struct zone *zone,
			      unsigned long pfn, unsigned long last)
{
	bool isolates = contig_block_isolates(zone, pfn);
	struct contig_survey *survey = scan->survey;
	enum contig_page_class class;
	unsigned long n;
	bool usable, cma;

	if (!pfn_to_online_page(pfn)) {
		contig_scan_stop_at(scan, pfn, last + 1);
		contig_scan_cma(scan, false, pfn, last + 1 - pfn);
		return;
	}
	if (!isolates && !scan->complete) {
		/* No window here, and that is all anybody wants to know. */
		survey->kernel += last + 1 - pfn;
		contig_scan_stop_at(scan, pfn, last + 1);
		contig_scan_cma(scan, false, pfn, last + 1 - pfn);
		return;
	}
	cma = contig_block_is_cma(zone, pfn);
	for (; pfn <= last; pfn += n) {
		class = contig_page_class(pfn_to_page(pfn), &n);
		if (class == CONTIG_PAGE_FREE)
			survey->largest_free = max(survey->largest_free, n);
		n = min(n, last - pfn + 1);
		contig_scan_count(survey, class, n);
		usable = class == CONTIG_PAGE_FREE ||
			 class == CONTIG_PAGE_MOVABLE;
		contig_scan_cma(scan, cma && usable, pfn, n);
		if (isolates && usable)
			contig_scan_slide(scan, pfn, n,
					  class == CONTIG_PAGE_MOVABLE);
		else
			contig_scan_stop_at(scan, pfn, pfn + n);
	}
}

/* Scan the frames from @pfn to @last, of one zone and without an avoided one. */
static int contig_scan_span(struct contig_scan *scan, struct zone *zone,
			    unsigned long pfn, unsigned long last)
{
	unsigned long end;
	int ret;

	contig_scan_begin(scan, pfn);
	scan->cma = pfn;
	for (; pfn <= last; pfn = end + 1) {
		ret = contig_request_expired(scan->request);
		if (ret)
			return ret;
		cond_resched();
		if (contig_scan_done(scan))
			return 0;
		end = min(last, pageblock_end_pfn(pfn) - 1);
		contig_scan_block(scan, zone, pfn, end);
	}
	contig_scan_close(scan, last + 1);
	return 0;
}

/* Scan a zone, leaving out what has proved not to move. */
static int contig_scan_zone(struct contig_scan *scan, struct zone *zone,
			    const struct contig_avoid *avoid)
{
	unsigned long pfn = max(zone->zone_start_pfn, scan->request->lowest);
	unsigned long last = min(zone_end_pfn(zone) - 1,
				 scan->request->highest);
	unsigned int i;
	int ret;

	for (i = 0; avoid && i < avoid->nr && pfn <= last; i++) {
		if (avoid->spans[i].last < pfn)
			continue;
		if (avoid->spans[i].first > last)
			break;
		if (avoid->spans[i].first > pfn) {
			ret = contig_scan_span(scan, zone, pfn,
					       avoid->spans[i].first - 1);
			if (ret)
				return ret;
		}
		pfn = avoid->spans[i].last + 1;
	}
	return pfn <= last ? contig_scan_span(scan, zone, pfn, last) : 0;
}

/**
 * contig_survey_memory() - look for windows that could be emptied
 * @request: constraints, and when to give up
 * @npages: length of a window, not 0
 * @final: a window is the last of the request, so its end may be short
 * @complete: count everything, even when a window that costs nothing was found
 * @avoid: page frames that have proved not to move, or NULL
 * @survey: receives what was found
 *
 * May sleep, takes no lock.
 *
 * Return: 0, -EINTR, -ETIME or -ENOMEM.
 */
int contig_survey_memory(const struct contig_request *request,
			 unsigned long npages, bool final, bool complete,
			 const struct contig_avoid *avoid,
			 struct contig_survey *survey)
{
	struct contig_scan scan;
	struct zone *zone;
	int nid, i, pass, ret;

	ret = contig_scan_init(&scan, request, npages, survey);
	if (ret)
		return ret;
	scan.final = final;
	scan.complete = complete;

	/* The preferred node first, then the others. */
	for (pass = 0; pass < 2 && !ret; pass++) {
		contig_for_each_zone(zone, nid, i) {
			bool preferred = request->node == NUMA_NO_NODE ||
					 request->node == nid;

			if (ret || preferred != !pass ||
			    (!preferred && request->node_strict) ||
			    contig_scan_done(&scan))
				continue;
			ret = contig_scan_zone(&scan, zone, avoid);
		}
		if (survey->nr && !complete)
			break;
	}
	contig_scan_free(&scan);
	return ret;
}

/* How many of these page frames are free? */
unsigned long contig_window_free(unsigned long pfn, unsigned long npages)
{
	unsigned long end = pfn + npages, nr = 0, n;

	for (; pfn < end; pfn += n) {
		struct page *page = pfn_to_online_page(pfn);

		n = 1;
		if (page && contig_page_class(page, &n) == CONTIG_PAGE_FREE)
			nr += min(n, end - pfn);
	}
	return nr;
}

/**
 * contig_avoid_stuck() - learn which pages kept a window from being emptied
 * @avoid: receives their page frames
 * @pfn: first page frame of the window
 * @npages: how many
 *
 * After a failed attempt, what could be moved has gone; what is still there is
 * what would not.
 *
 * Return: whether any was found.
 */
bool contig_avoid_stuck(struct contig_avoid *avoid, unsigned long pfn,
			unsigned long npages)
{
	unsigned long end = pfn + npages, n;
	bool found = false;

	for (; pfn < end; pfn += n) {
		struct page *page = pfn_to_online_page(pfn);

		n = 1;
		if (page && contig_page_class(page, &n) == CONTIG_PAGE_FREE)
			continue;
		n = min(n, end - pfn);
		contig_avoid_add(avoid, pfn, pfn + n - 1);
		found = true;
	}
	return found;
}

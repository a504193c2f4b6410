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
#include <linux/bitmap.h>
#include <linux/hugetlb.h>
#include <linux/memory_hotplug.h>
#include <linux/mm.h>
#include <linux/overflow.h>
#include <linux/page-flags.h>
#include <linux/pageblock-flags.h>
#include <linux/pfn.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "pageblock.h"
#include "request.h"
#include "window.h"
#include "zones.h"

/* What dma_alloc_attrs() makes CMA align large blocks to, in pages. */
#ifdef CONFIG_DMA_CMA
#define CONTIG_CMA_ALIGN (1UL << CONFIG_CMA_ALIGNMENT)
#else
#define CONTIG_CMA_ALIGN 1UL
#endif

enum contig_page_class {
	CONTIG_PAGE_FREE,
	CONTIG_PAGE_MOVABLE,
	CONTIG_PAGE_PINNED,
	CONTIG_PAGE_KERNEL,
};

/**
 * struct contig_scan - a window sliding over memory
 * @request: the constraints
 * @npages: length of the window
 * @final: the window is the last of the request, so its end may be short
 * @complete: do not stop at the first window that costs nothing
 * @survey: what was found so far
 * @moves: a ring with a bit for each page frame inside the window, set if the
 *         page has to be moved
 * @slot: where in @moves the next page frame goes
 * @first: first page frame since the last one that cannot be moved
 * @cost: pages to move in the last @npages frames
 * @cma: first page frame since the last one that CMA cannot give out
 */
struct contig_scan {
	const struct contig_request *request;
	unsigned long npages;
	bool final;
	bool complete;
	struct contig_survey *survey;
	unsigned long *moves;
	unsigned long slot;
	unsigned long first;
	unsigned long cost;
	unsigned long cma;
};

/* Make one span of the one at @i and the next one. */
static void contig_avoid_merge(struct contig_avoid *avoid, unsigned int i)
{
	avoid->spans[i].last = max(avoid->spans[i].last,
				   avoid->spans[i + 1].last);
	memmove(&avoid->spans[i + 1], &avoid->spans[i + 2],
		(avoid->nr - i - 2) * sizeof(avoid->spans[0]));
	avoid->nr--;
}

static void contig_avoid_squeeze(struct contig_avoid *avoid)
{
	unsigned int i, best = 0;
	unsigned long gap, least = ULONG_MAX;

	/* Give up the smallest gap: that loses the fewest windows. */
	for (i = 0; i + 1 < avoid->nr; i++) {
		gap = avoid->spans[i + 1].first - avoid->spans[i].last;
		if (gap < least) {
			least = gap;
			best = i;
		}
	}
	contig_avoid_merge(avoid, best);
}

/* Remember that the page frames from @first to @last do not move. */
void contig_avoid_add(struct contig_avoid *avoid, unsigned long first,
		      unsigned long last)
{
	unsigned int i;

	if (avoid->nr == CONTIG_AVOID)
		contig_avoid_squeeze(avoid);
	for (i = 0; i < avoid->nr; i++)
		if (avoid->spans[i].last >= first)
			break;
	if (i < avoid->nr && avoid->spans[i].first <= last) {
		avoid->spans[i].first = min(avoid->spans[i].first, first);
		avoid->spans[i].last = max(avoid->spans[i].last, last);
		while (i + 1 < avoid->nr &&
		       avoid->spans[i + 1].first <= avoid->spans[i].last)
			contig_avoid_merge(avoid, i);
		return;
	}
	memmove(&avoid->spans[i + 1], &avoid->spans[i],
		(avoid->nr - i) * sizeof(avoid->spans[0]));
	avoid->spans[i].first = first;
	avoid->spans[i].last = last;
	avoid->nr++;
}

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
	if (PageBuddy(page)) {
		unsigned long order = READ_ONCE(page->private);

		if (order <= MAX_PAGE_ORDER)
			*npages = 1UL << order;
		return CONTIG_PAGE_FREE;
	}
	/* On a list of one CPU; alloc_contig_range() drains these. */
	if (!page_ref_count(page))
		return CONTIG_PAGE_FREE;
	if (PageHWPoison(page))
		return CONTIG_PAGE_KERNEL;
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

/* Put a window among the best, unless a better one overlaps it. */
static void contig_survey_offer(struct contig_survey *survey,
				unsigned long npages, unsigned long pfn,
				unsigned long cost)
{
	struct contig_window *w = survey->windows;
	unsigned int i;

	for (i = 0; i < survey->nr; i++) {
		unsigned long a = min(w[i].pfn, pfn), b = max(w[i].pfn, pfn);

		if (b - a > npages / 2)
			continue;
		if (w[i].cost <= cost)
			return;
		memmove(&w[i], &w[i + 1], (survey->nr - i - 1) * sizeof(*w));
		survey->nr--;
		i--;
	}
	for (i = 0; i < survey->nr; i++)
		if (w[i].cost > cost)
			break;
	if (i == CONTIG_WINDOWS)
		return;
	if (survey->nr < CONTIG_WINDOWS)
		survey->nr++;
	memmove(&w[i + 1], &w[i], (survey->nr - i - 1) * sizeof(*w));
	w[i].pfn = pfn;
	w[i].cost = cost;
}

/* How many pageblocks more than needed would be isolated for a window? */
static unsigned long contig_blocks_cut(unsigned long pfn, unsigned long end)
{
	unsigned long touched = pageblock_align(end) - pageblock_start_pfn(pfn);

	return touched / pageblock_nr_pages -
	       DIV_ROUND_UP(end - pfn, pageblock_nr_pages);
}

/* The window ends before page frame @end: is it one of the best? */
static void contig_scan_offer(struct contig_scan *scan, unsigned long end)
{
	struct contig_survey *survey = scan->survey;
	unsigned long pfn = end - scan->npages;
	unsigned long cost = scan->cost * 4;
	unsigned int segments = 0;

	if (!IS_ALIGNED(pfn, scan->request->align))
		return;
	cost += contig_blocks_cut(pfn, end);
	if (survey->nr == CONTIG_WINDOWS &&
	    survey->windows[CONTIG_WINDOWS - 1].cost <= cost)
		return;
	if (contig_window_fits(scan->request, pfn, scan->npages, scan->final,
			       &segments) &&
	    segments <= scan->request->max_segments)
		contig_survey_offer(survey, scan->npages, pfn, cost);
}

/* Slide the window over @npages frames from @pfn, all of them free or not. */
static void contig_scan_slide(struct contig_scan *scan, unsigned long pfn,
			      unsigned long npages, bool move)
{
	unsigned long end;

	for (end = pfn + 1; npages--; end++) {
		/* The slot still tells of the frame that drops out. */
		if (end - 1 - scan->first >= scan->npages)
			scan->cost -= test_bit(scan->slot, scan->moves);
		__assign_bit(scan->slot, scan->moves, move);
		if (++scan->slot == scan->npages)
			scan->slot = 0;
		scan->cost += move;
		if (end - scan->first >= scan->npages)
			contig_scan_offer(scan, end);
	}
}

/* Nothing from @first on up to @end is in the way: what could be made of it? */
static void contig_scan_close(struct contig_scan *scan, unsigned long end)
{
	const struct contig_request *request = scan->request;
	unsigned long first = ALIGN(scan->first, request->align);
	unsigned long n, most, cut;

	if (first >= end)
		return;
	n = end - first;
	if (request->max_segments == 1 && request->boundary) {
		/* One segment: whole between two boundaries, or at an end. */
		cut = round_up(first + 1, request->boundary);
		if (end > cut)
			n = max(cut - first, min(end - cut, request->boundary));
	}
	if (!check_mul_overflow(contig_segment_limit(request),
				(unsigned long)request->max_segments, &most))
		n = min(n, most);
	scan->survey->largest = max(scan->survey->largest, n);
}

static void contig_scan_stop_at(struct contig_scan *scan, unsigned long pfn,
				unsigned long next)
{
	contig_scan_close(scan, pfn);
	scan->first = next;
	scan->cost = 0;
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

static bool contig_scan_done(const struct contig_scan *scan)
{
	return !scan->complete && scan->survey->nr &&
	       !scan->survey->windows[0].cost;
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
	    contig_block_is_cma(zone, pfn))
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

	scan->first = pfn;
	scan->cost = 0;
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
	struct contig_scan scan = {
		.request = request,
		.npages = npages,
		.final = final,
		.complete = complete,
		.survey = survey,
	};
	struct zone *zone;
	int nid, i, pass, ret = 0;

	memset(survey, 0, sizeof(*survey));
	scan.moves = kvcalloc(BITS_TO_LONGS(npages), sizeof(long),
			      GFP_KERNEL_ACCOUNT);
	if (!scan.moves)
		return -ENOMEM;

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
	kvfree(scan.moves);
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

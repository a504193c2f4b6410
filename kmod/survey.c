// SPDX-License-Identifier: GPL-2.0-only
/*
 * Search for windows of memory that could be emptied
 *
 * A window slides over the page frames that the constraints allow. It restarts
 * behind a pageblock with a kernel page and behind a pinned page. Its cost is
 * the number of pages to migrate; free pages cost nothing.
 *
 * A search stops when it has cost more than emptying the best window would. It
 * takes the highest zone that has a window, since many devices cannot do without
 * the memory of the lower ones, and begins where the last one found a window, so
 * that what contig takes lies together. A thorough one stops at a window that
 * costs nothing only, and looks at all zones. A complete one looks at all memory.
 * The result is a guess, as the classes of pages are.
 */
#include <linux/jiffies.h>
#include <linux/memory_hotplug.h>
#include <linux/mm.h>
#include <linux/page-flags.h>
#include <linux/pageblock-flags.h>
#include <linux/pfn.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "avoid.h"
#include "gfp.h"
#include "page_class.h"
#include "pageblock.h"
#include "request.h"
#include "slide.h"
#include "survey.h"
#include "window.h"
#include "zones.h"

/* Time after which a search begins at the lowest page frames once more. */
#define CONTIG_SURVEY_LAP (10 * HZ)

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
	case CONTIG_CLASS_HUGE:
		survey->movable += npages;
		survey->huge += npages;
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

/* Return true if a free page lies on a list of a CPU. */
static bool contig_page_listed(struct page *page)
{
	return !PageBuddy(page) && !contig_page_in_block(page_to_pfn(page));
}

/**
 * struct contig_stretch - page frames of the same class
 * @npages: how many; the last one of a pageblock can be longer than that
 * @class: their class
 * @listed: they are free, on a list of a CPU
 * @drops: they are clean page cache
 */
struct contig_stretch {
	u32 npages : 24;
	u32 class : 4;
	u32 listed : 1;
	u32 drops : 1;
};

/**
 * struct contig_look - a look at memory
 * @scan: the window that slides over it
 * @thorough: contig_survey_params.thorough
 * @looked: number of stretches read
 * @block: first page frame of what was read last, of one pageblock
 * @isolates: that pageblock can be isolated
 * @cma: it is one of CMA
 * @free_first: first page frame of the last free block
 * @free_end: the one behind it; the block can span pageblocks
 * @nr: number of @stretches
 * @stretches: what the pageblock consists of
 */
struct contig_look {
	struct contig_scan scan;
	bool thorough;
	unsigned int looked;
	unsigned long block;
	bool isolates;
	bool cma;
	unsigned long free_first;
	unsigned long free_end;
	unsigned int nr;
	struct contig_stretch stretches[];
};

/* Read the class of a frame. The caller holds the RCU read lock. */
static struct contig_stretch contig_look_frame(struct contig_look *look,
					       struct page *page)
{
	struct contig_stretch stretch = { .npages = 1 };
	unsigned long pfn = page_to_pfn(page), n;

	if (pfn >= look->free_first && pfn < look->free_end) {
		stretch.npages = look->free_end - pfn;
		stretch.class = CONTIG_CLASS_FREE;
		return stretch;
	}
	stretch.class = contig_page_class(page, &n);
	stretch.npages = n;
	if (stretch.class == CONTIG_CLASS_FREE) {
		look->free_first = pfn;
		look->free_end = pfn + n;
		stretch.listed = look->scan.complete && contig_page_listed(page);
	} else if (look->cma && stretch.class == CONTIG_CLASS_MOVABLE) {
		stretch.drops = contig_page_drops(page);
	}
	return stretch;
}

/*
 * Read the classes of the frames from @pfn to @last, all in one pageblock, up to
 * the first one of the kernel if that is enough. Return false if they went
 * offline. The caller holds the RCU read lock.
 */
static bool contig_look_read(struct contig_look *look, unsigned long pfn,
			     unsigned long last)
{
	struct contig_stretch stretch;
	struct page *page;

	look->block = pfn;
	look->nr = 0;
	for (; pfn <= last; pfn += stretch.npages) {
		page = pfn_to_online_page(pfn);
		if (!page)
			return false;
		stretch = contig_look_frame(look, page);
		look->stretches[look->nr++] = stretch;
		if (stretch.class == CONTIG_CLASS_KERNEL) {
			look->isolates = false;
			if (!look->scan.complete)
				return true;
		}
		contig_page_rest(&look->looked);
	}
	return true;
}

/*
 * Look at the pageblock of @pfn, of which the frames from @pfn to @last are
 * wanted. It can be isolated if it has no unmovable page, even outside of the
 * range to empty. Return false if the frames are offline.
 */
static bool contig_look_block(struct contig_look *look, struct zone *zone,
			      unsigned long pfn, unsigned long last)
{
	bool online;

	rcu_read_lock();
	look->nr = 0;
	look->isolates = contig_pageblock_usable(zone, pfn);
	online = pfn_to_online_page(pfn);
	look->cma = online && contig_block_is_cma(zone, pfn);
	if (online && look->isolates)
		online = contig_look_read(look, pageblock_start_pfn(pfn),
					  pageblock_end_pfn(pfn) - 1);
	else if (online && look->scan.complete)
		online = contig_look_read(look, pfn, last);
	rcu_read_unlock();
	return online;
}

/* Pass @npages frames of one stretch, of a pageblock that was read. */
static void contig_scan_stretch(struct contig_look *look,
				struct contig_stretch stretch,
				unsigned long pfn, unsigned long npages)
{
	struct contig_scan *scan = &look->scan;
	struct contig_survey *survey = scan->survey;
	bool usable = contig_class_usable(stretch.class, scan->reach);
	bool free = stretch.class == CONTIG_CLASS_FREE;

	contig_scan_count(survey, stretch.class, npages);
	if (look->cma && free)
		survey->cma_free += npages;
	else if (stretch.drops)
		survey->cma_cache += npages;
	else if (stretch.listed && look->isolates)
		survey->listed += npages;
	contig_scan_cma(scan, look->cma && usable, pfn, npages);
	if (!look->isolates ||
	    !contig_class_usable(stretch.class, CONTIG_REACH_HELD))
		contig_scan_loose_end(scan, pfn, pfn + npages);
	if (look->isolates && usable)
		contig_scan_slide(scan, pfn, npages, !free);
	else
		contig_scan_stop_at(scan, pfn, pfn + npages);
}

/* Scan the frames from @pfn to @last of one pageblock. */
static void contig_scan_block(struct contig_look *look, struct zone *zone,
			      unsigned long pfn, unsigned long last)
{
	bool online = contig_look_block(look, zone, pfn, last);
	struct contig_survey *survey = look->scan.survey;
	unsigned long at, next, first;
	unsigned int i;

	if (!online || (!look->isolates && !look->scan.complete)) {
		/* There is no window here, and counts may be incomplete. */
		if (online)
			survey->kernel += last + 1 - pfn;
		contig_scan_stop_at(&look->scan, pfn, last + 1);
		contig_scan_cma(&look->scan, false, pfn, last + 1 - pfn);
		contig_scan_loose_end(&look->scan, pfn, last + 1);
		return;
	}
	at = look->block;
	for (i = 0; i < look->nr && at <= last; i++, at = next) {
		next = at + look->stretches[i].npages;
		if (next <= pfn)
			continue;
		first = max(at, pfn);
		if (look->stretches[i].class == CONTIG_CLASS_FREE)
			survey->largest_free = max(survey->largest_free,
						   next - first);
		contig_scan_stretch(look, look->stretches[i], first,
				    min(next, last + 1) - first);
	}
}

/* Return true if the windows found so far are good enough. */
static bool contig_look_enough(const struct contig_look *look)
{
	if (look->thorough)
		return contig_scan_done(&look->scan);
	return contig_scan_enough(&look->scan, look->looked);
}

/* Scan the frames from @pfn to @last, of one zone and none to be avoided. */
static int contig_scan_span(struct contig_look *look, struct zone *zone,
			    unsigned long pfn, unsigned long last)
{
	struct contig_scan *scan = &look->scan;
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
		if (contig_look_enough(look))
			return 0;
		end = min(last, pageblock_end_pfn(pfn) - 1);
		contig_scan_block(look, zone, pfn, end);
	}
	contig_scan_close(scan, last + 1);
	contig_scan_loose_end(scan, last + 1, last + 1);
	return 0;
}

/* Scan the frames from @pfn to @last, of one zone, without those to avoid. */
static int contig_scan_around(struct contig_look *look, struct zone *zone,
			      const struct contig_avoid *avoid,
			      unsigned long pfn, unsigned long last)
{
	unsigned int i;
	int ret;

	for (i = 0; avoid && i < avoid->nr && pfn <= last; i++) {
		if (avoid->ranges[i].last < pfn)
			continue;
		if (avoid->ranges[i].first > last)
			break;
		if (avoid->ranges[i].first > pfn) {
			ret = contig_scan_span(look, zone, pfn,
					       avoid->ranges[i].first - 1);
			if (ret)
				return ret;
		}
		pfn = avoid->ranges[i].last + 1;
	}
	return pfn <= last ? contig_scan_span(look, zone, pfn, last) : 0;
}

/**
 * struct contig_survey_place - where searches in zones of one kind begin
 * @pfn: first page frame of the pageblock where the last window was found, or of
 *       one before it where memory was given back
 * @since: time at which one began at the lowest, in jiffies
 *
 * Read and written without a lock: a wrong place costs time, and no window is
 * lost.
 */
static struct contig_survey_place {
	unsigned long pfn;
	unsigned long since;
} places[MAX_NR_ZONES];

/* Return the page frame of a zone at which a search begins. */
static unsigned long contig_survey_begin(struct zone *zone)
{
	struct contig_survey_place *place = &places[zone_idx(zone)];

	unsigned long since = READ_ONCE(place->since);

	if (!time_in_range(jiffies, since, since + CONTIG_SURVEY_LAP)) {
		WRITE_ONCE(place->pfn, 0);
		WRITE_ONCE(place->since, jiffies);
	}
	return READ_ONCE(place->pfn);
}

/**
 * contig_survey_taken() - note that a window was taken
 * @pfn: its first page frame
 *
 * The next search begins there. Any context.
 */
void contig_survey_taken(unsigned long pfn)
{
	WRITE_ONCE(places[page_zonenum(pfn_to_page(pfn))].pfn,
		   pageblock_start_pfn(pfn));
}

/**
 * contig_survey_freed() - note that page frames were given back
 * @pfn: the first one
 *
 * The next search does not begin behind them. Any context.
 */
void contig_survey_freed(unsigned long pfn)
{
	struct contig_survey_place *place =
		&places[page_zonenum(pfn_to_page(pfn))];

	if (pfn < READ_ONCE(place->pfn))
		WRITE_ONCE(place->pfn, pageblock_start_pfn(pfn));
}

/* Scan a zone without the page frames to avoid. */
static int contig_scan_zone(struct contig_look *look, struct zone *zone,
			    const struct contig_avoid *avoid)
{
	const struct contig_request *request = look->scan.request;
	unsigned long pfn = max(zone->zone_start_pfn, request->lowest);
	unsigned long last = min(zone_end_pfn(zone) - 1, request->highest);
	unsigned long begin = 0;
	int ret;

	look->free_end = 0;
	if (!look->scan.complete && !look->thorough)
		begin = contig_survey_begin(zone);
	if (begin > pfn && begin <= last) {
		ret = contig_scan_around(look, zone, avoid, begin, last);
		if (ret || contig_look_enough(look))
			return ret;
		/* What begins before that can end behind it. */
		last = min(last, begin + look->scan.npages - 1);
		look->free_end = 0;
	}
	return pfn <= last ?
	       contig_scan_around(look, zone, avoid, pfn, last) : 0;
}

/* Scan the zones of one kind on all nodes that are preferred, or on the others. */
static int contig_scan_zones(struct contig_look *look, int kind, bool preferred,
			     const struct contig_avoid *avoid)
{
	const struct contig_request *request = look->scan.request;
	struct zone *zone;
	int nid, ret = 0;

	for_each_online_node(nid) {
		zone = contig_zone(nid, kind);
		if (!zone || !contig_request_node_allowed(request, nid))
			continue;
		if ((request->node == NUMA_NO_NODE || request->node == nid) !=
		    preferred)
			continue;
		ret = contig_scan_zone(look, zone, avoid);
		if (ret || contig_look_enough(look))
			break;
	}
	return ret;
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
	bool all = params->complete || params->thorough;
	struct contig_look *look;
	int kind, pass, ret;

	/* The number of frames that are alike has to fit in. */
	BUILD_BUG_ON(MAX_PAGE_ORDER >= 23);

	memset(survey, 0, sizeof(*survey));
	look = kvzalloc(struct_size(look, stretches, pageblock_nr_pages),
			CONTIG_GFP);
	if (!look)
		return -ENOMEM;
	ret = contig_scan_init(&look->scan, request, params->npages, survey);
	if (ret)
		goto out;
	look->scan.final = params->final;
	look->scan.complete = params->complete;
	look->scan.reach = params->reach;
	look->scan.wanted = params->wanted;
	look->thorough = params->thorough;

	/* The preferred node first, then the others. */
	for (pass = 0; pass < 2; pass++) {
		if (pass && survey->nr && params->prefer)
			break;
		for (kind = MAX_NR_ZONES - 1; kind >= 0 && !ret; kind--) {
			ret = contig_scan_zones(look, kind, !pass, avoid);
			if (contig_look_enough(look) ||
			    (survey->nr && !all))
				goto out;
		}
	}
out:
	survey->looked = look->looked;
	contig_scan_free(&look->scan);
	kvfree(look);
	return ret;
}

/* contig_survey_windows() for one, without pages that are held. */
int contig_survey_memory(const struct contig_request *request,
			 unsigned long npages, bool complete,
			 struct contig_survey *survey)
{
	const struct contig_survey_params params = {
		.npages = npages,
		.final = true,
		.complete = complete,
		.reach = CONTIG_REACH_HUGE,
		.wanted = 1,
	};

	return contig_survey_windows(request, &params, NULL, survey);
}

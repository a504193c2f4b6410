// SPDX-License-Identifier: GPL-2.0-only
/*
 * Estimates of the memory that can be taken, page cache included
 *
 * On a machine that has been up for a while nearly all memory that no process
 * uses is page cache. The kernel reclaims that when a task allocates pages, and
 * migration allocates pages; isolating free memory does not.
 */
#include <linux/mm.h>
#include <linux/sizes.h>
#include <linux/swap.h>
#include <linux/vmstat.h>

#include "offline.h"
#include "pageblock.h"
#include "reclaim.h"
#include "request.h"
#include "room.h"
#include "survey.h"
#include "window.h"
#include "zones.h"

/* Return how many pages of a zone are page cache. */
static unsigned long contig_zone_cache(struct zone *zone)
{
	return zone_page_state(zone, NR_ZONE_INACTIVE_FILE) +
	       zone_page_state(zone, NR_ZONE_ACTIVE_FILE);
}

static unsigned long contig_dirty(void)
{
	return global_node_page_state(NR_FILE_DIRTY) +
	       global_node_page_state(NR_WRITEBACK);
}

/*
 * Return how many pages of a zone, outside of CMA, must stay free: below that
 * the page allocator starts reclaim.
 */
static unsigned long contig_room_keep(const struct contig_request *request,
				      struct zone *zone)
{
	return contig_zone_keep(zone, request->highest, high_wmark_pages(zone));
}

/**
 * contig_room() - count the pages that could be taken from all zones together
 * @request: constraints on addresses and nodes
 * @survey: of all memory that these allow
 *
 * These are the free pages above the watermarks, and the page cache that need
 * not be written back first, both without those of CMA. Any context.
 *
 * Return: number of pages.
 */
unsigned long contig_room(const struct contig_request *request,
			  const struct contig_survey *survey)
{
	unsigned long spare = survey->listed, cache = 0;
	unsigned long lost = contig_dirty() + survey->cma_cache;
	struct zone *zone;
	int nid, i;

	contig_for_each_zone(zone, nid, i) {
		unsigned long free = contig_zone_free(zone);
		unsigned long keep = contig_room_keep(request, zone);
		unsigned long files = contig_zone_cache(zone);

		if (zone->zone_start_pfn > request->highest ||
		    !contig_request_node_allowed(request, nid))
			continue;
		/* Page cache makes up for missing free pages first. */
		if (free > keep)
			spare += free - keep;
		else
			files -= min(files, keep - free);
		cache += files;
	}
	return spare + (cache > lost ? cache - lost : 0);
}

/*
 * contig_room() for rungs that use the page allocator, which gives out free
 * pages that the range rung must leave. It gives out none of CMA.
 */
unsigned long contig_room_extents(const struct contig_request *request,
				  const struct contig_survey *survey)
{
	return max(survey->free - survey->cma_free,
		   contig_room(request, survey));
}

/*
 * Return how many pages could be migrated into CMA, which cannot be taken
 * itself. The page allocator puts a page there as long as more of CMA is free
 * than of other memory, and the zone keeps some of the latter free.
 */
static unsigned long contig_room_elsewhere(const struct contig_request *request,
					   const struct contig_survey *survey)
{
	unsigned long cma = survey->cma_cache, keep = 0;
	struct zone *zone;
	int nid, i;

	contig_for_each_zone(zone, nid, i) {
		unsigned long free = zone_page_state(zone, NR_FREE_CMA_PAGES);

		cma += free;
		if (free)
			keep += contig_room_keep(request, zone);
	}
	return cma > keep ? cma - keep : 0;
}

/**
 * struct contig_means - pages that emptying a window can use up
 * @take: pages that may be taken from the system
 * @put: pages of CMA to which other pages can be migrated
 */
struct contig_means {
	unsigned long take;
	unsigned long put;
};

/*
 * Return 1 if the window of @npages that the range rung would choose can be
 * emptied with these means, 0 if not, or -errno.
 */
static int contig_room_fits(const struct contig_request *request,
			    unsigned long npages,
			    const struct contig_means *means)
{
	struct contig_survey survey;
	unsigned long moves, takes;
	int ret;

	ret = contig_survey_memory(request, npages, false, &survey);
	if (ret || !survey.nr)
		return ret;
	moves = contig_window_moves(survey.windows[0].pfn, npages);
	takes = npages - moves;
	return takes <= means->take &&
	       moves <= means->take - takes + means->put;
}

/**
 * contig_room_foresee() - find the longest window that the system has room for
 * @request: constraints and deadline
 * @survey: complete survey of memory; @survey->room is filled in
 *
 * Pages of a window migrate to free memory outside of it, or replace page cache
 * there, so without CMA a window cannot be longer than contig_room(). With CMA
 * that depends on the pages in the window, so some lengths are tried. If the
 * deadline ends that, @survey->room is a lower bound. May sleep.
 */
void contig_room_foresee(const struct contig_request *request,
			 struct contig_survey *survey)
{
	struct contig_means means = {
		.take = contig_room(request, survey),
		.put = contig_room_elsewhere(request, survey),
	};
	unsigned long length, most;
	int fits;

	survey->room = means.take;
	if (means.take >= survey->largest || !means.put)
		return;
	most = min(survey->largest, means.take + means.put);
	/* The longest length is tried first. */
	for (length = most;
	     length > survey->room && most - survey->room > most / 32;
	     length = survey->room + (most - survey->room) / 2) {
		fits = contig_room_fits(request, length, &means);
		if (fits < 0)
			return;
		if (fits && length == survey->largest) {
			survey->room = means.take + means.put;
			return;
		}
		if (fits)
			survey->room = length;
		else
			most = length;
	}
}

/* Return true if the kernel can free memory by writing pages out. */
static bool contig_room_can_write(void)
{
	/* A few megabytes are always dirty. */
	return get_nr_swap_pages() > 0 ||
	       contig_dirty() > SZ_16M >> PAGE_SHIFT;
}

/**
 * contig_room_may_grow() - check whether there may be more room than was found
 * @request: constraints
 * @survey: complete survey of memory
 *
 * Return: true if the kernel could swap, write back dirty pages, or migrate
 * pages to CMA.
 */
bool contig_room_may_grow(const struct contig_request *request,
			  const struct contig_survey *survey)
{
	return contig_room_can_write() ||
	       contig_room_elsewhere(request, survey);
}

/* Return how many pages the kernel can write to swap. */
static unsigned long contig_room_swap(void)
{
	unsigned long anon = global_node_page_state(NR_INACTIVE_ANON) +
			     global_node_page_state(NR_ACTIVE_ANON);

	return min_t(unsigned long, max(get_nr_swap_pages(), 0L), anon);
}

/*
 * Return how many pages of a zone can be allocated, without @taken ones: those that
 * are free, and page cache. Neither is below the min watermark.
 */
static unsigned long contig_room_zone(struct zone *zone, unsigned long taken)
{
	unsigned long have = contig_zone_free(zone) + contig_zone_cache(zone) +
			     zone_page_state(zone, NR_FREE_CMA_PAGES);
	unsigned long keep = taken + contig_zone_keep(zone, ULONG_MAX,
						      min_wmark_pages(zone));

	return have > keep ? have - keep : 0;
}

/**
 * contig_room_moves() - check whether there is memory to migrate pages to
 * @window: the zone that the window to empty lies in
 * @moves: pages to migrate
 * @taken: other pages of the window: free ones, and page cache that is dropped
 *
 * Without memory for the new pages, the kernel reclaims for seconds before
 * migration fails. So count all memory that could be allocated: what is free, and
 * what the kernel can drop, write back, or swap. It does not count what other
 * caches would give up, such as that of ZFS. Of ZONE_MOVABLE, to which only large
 * pages migrate, all that is free counts. May sleep.
 *
 * Return: false if migration would fail.
 */
bool contig_room_moves(struct zone *window, unsigned long moves,
		       unsigned long taken)
{
	unsigned long room = contig_room_swap();
	struct zone *zone;
	int nid, i;

	room += global_node_page_state_pages(NR_SLAB_RECLAIMABLE_B) +
		global_node_page_state(NR_KERNEL_MISC_RECLAIMABLE);
	contig_for_each_zone(zone, nid, i)
		room += contig_room_zone(zone, zone == window ? taken : 0);
	for_each_online_node(nid) {
		zone = &NODE_DATA(nid)->node_zones[ZONE_MOVABLE];
		room += zone_page_state(zone, NR_FREE_PAGES);
	}
	if (moves <= room)
		return true;
	/* This takes longer, and is rarely much. */
	contig_for_each_zone(zone, nid, i)
		room += contig_zone_listed(zone);
	return moves <= room;
}

/**
 * contig_room_make() - make the kernel reclaim page cache of a zone
 * @request: deadline
 * @zone: the zone
 * @npages: number of free pages wanted above the watermarks
 *
 * Does not call the OOM killer. May sleep.
 *
 * Return: true if there are enough, though some can be on lists of a CPU now.
 */
bool contig_room_make(const struct contig_request *request, struct zone *zone,
		      unsigned long npages)
{
	unsigned long need = npages + contig_room_keep(request, zone);
	/* Some more: kswapd stops at the high mark, and others take pages. */
	unsigned long want = need + high_wmark_pages(zone) -
			     low_wmark_pages(zone);
	unsigned long free = contig_zone_free(zone) + contig_zone_listed(zone);

	/* Fail if other memory than page cache would have to be reclaimed. */
	if (free < need && contig_zone_cache(zone) < need - free)
		return false;
	return contig_reclaim(request, zone, want, want + npages +
			      zone_page_state(zone, NR_FREE_CMA_PAGES)) >= need;
}

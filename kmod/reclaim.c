// SPDX-License-Identifier: GPL-2.0-only
/*
 * Making the kernel reclaim page cache
 *
 * Modules cannot call reclaim, but can allocate: take pages until reclaim has made up for
 * them, and give them back. No process is charged for these pages, so a worker takes them,
 * which runs even if the caller does not, and only one at a time.
 */
#include <linux/gfp.h>
#include <linux/list.h>
#include <linux/mm.h>
#include <linux/sched.h>
#include <linux/sizes.h>
#include <linux/slab.h>
#include <linux/vmstat.h>

#include "gfp.h"
#include "offline.h"
#include "pageblock.h"
#include "reclaim.h"
#include "request.h"
#include "window.h"
#include "worker.h"
#include "zones.h"

/**
 * struct contig_reclaim - a job that makes the kernel reclaim
 * @job: for the worker
 * @zone: the zone
 * @want: pages that are to be free
 * @most: pages to take at most
 * @have: pages that were free or taken at the end; valid once the job is done
 */
struct contig_reclaim {
	struct contig_job job;
	struct zone *zone;
	unsigned long want;
	unsigned long most;
	unsigned long have;
};

/* Pages after which a worker says that it makes progress. */
#define CONTIG_RECLAIM_PIECE (SZ_64M >> PAGE_SHIFT)

static struct contig_reclaim *to_reclaim(struct contig_job *job)
{
	return container_of(job, struct contig_reclaim, job);
}

/* Return the GFP flags for a page of a zone, or of one below it. */
static gfp_t contig_zone_gfp(struct zone *zone)
{
	gfp_t gfp = GFP_KERNEL | __GFP_MOVABLE | __GFP_NORETRY | __GFP_NOWARN |
		    __GFP_NOMEMALLOC | __GFP_THISNODE;

	/* With both flags the page would come from ZONE_MOVABLE first. */
	if (is_highmem(zone))
		return (zone_idx(zone) == ZONE_MOVABLE ? gfp :
			gfp & ~__GFP_MOVABLE) | __GFP_HIGHMEM;
#ifdef CONFIG_ZONE_DMA
	if (zone_idx(zone) == ZONE_DMA)
		return gfp | __GFP_DMA;
#endif
#ifdef CONFIG_ZONE_DMA32
	if (zone_idx(zone) == ZONE_DMA32)
		return gfp | __GFP_DMA32;
#endif
	return gfp;
}

/* Return true if a taken page, once freed, counts as free memory of a zone. */
static bool contig_reclaim_counts(struct zone *zone, struct page *page)
{
	return page_zone(page) == zone &&
	       !contig_block_is_cma(zone, page_to_pfn(page));
}

/* Return how many pages are free or taken, with @listed on lists of CPUs. */
static unsigned long contig_reclaim_have(const struct contig_reclaim *reclaim,
					 unsigned long listed, unsigned long mine)
{
	/* The pages taken count, since they are given back. */
	return contig_zone_free(reclaim->zone) + listed + mine;
}

/*
 * Take pages until enough are free or taken, and give them back. Pages of CMA do not count,
 * but the page allocator may give these first.
 */
static int contig_reclaim_work(struct contig_job *job)
{
	struct contig_reclaim *reclaim = to_reclaim(job);
	struct zone *zone = reclaim->zone;
	gfp_t gfp = contig_zone_gfp(zone);
	unsigned long n, mine = 0, have = 0, listed = 0;
	struct page *page, *next;
	LIST_HEAD(taken);

	for (n = 0; n < reclaim->most; n++) {
		if (n % 64 == 0)
			listed = contig_zone_listed(zone);
		if (n && n % CONTIG_RECLAIM_PIECE == 0)
			contig_job_progress(job);
		have = contig_reclaim_have(reclaim, listed, mine);
		/* They may have been on a list a moment ago. */
		if (have >= reclaim->want) {
			listed = contig_zone_listed(zone);
			have = contig_reclaim_have(reclaim, listed, mine);
		}
		if (have >= reclaim->want || contig_job_abandoned(job))
			break;
		page = alloc_pages_node(zone_to_nid(zone), gfp, 0);
		if (!page)
			break;
		mine += contig_reclaim_counts(zone, page);
		list_add(&page->lru, &taken);
	}
	list_for_each_entry_safe(page, next, &taken, lru)
		__free_page(page);
	cond_resched();
	reclaim->have = have;
	return 0;
}

/* It has given all pages back. */
static void contig_reclaim_drop(struct contig_job *job)
{
}

static void contig_reclaim_free(struct contig_job *job)
{
	kfree(to_reclaim(job));
}

static const struct contig_job_ops contig_reclaim_ops = {
	.name = "reclaim",
	.single = true,
	.work = contig_reclaim_work,
	.drop = contig_reclaim_drop,
	.free = contig_reclaim_free,
};

/**
 * contig_reclaim() - make the kernel reclaim page cache of a zone
 * @request: deadline
 * @zone: the zone
 * @want: pages of it that are to be free
 * @most: pages to take for that at most
 *
 * Does not call the OOM killer. May sleep until the deadline, but can be killed.
 *
 * Return: how many pages were free or taken at the end; 0 if the worker did not get to
 * that.
 */
unsigned long contig_reclaim(const struct contig_request *request,
			     struct zone *zone, unsigned long want,
			     unsigned long most)
{
	struct contig_reclaim *reclaim = kzalloc(sizeof(*reclaim), CONTIG_GFP);
	unsigned long have = 0;

	if (!reclaim)
		return 0;
	contig_job_init(&reclaim->job, &contig_reclaim_ops, ULONG_MAX, want);
	reclaim->zone = zone;
	reclaim->want = want;
	reclaim->most = most;
	if (!contig_job_run(&reclaim->job, request))
		have = reclaim->have;
	contig_job_put(&reclaim->job);
	return have;
}

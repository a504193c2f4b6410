// SPDX-License-Identifier: GPL-2.0-only
/*
 * Page frames that each have a reference count of their own
 *
 * Memory of this kind can be mapped as struct pages: a reference on a page,
 * taken for direct I/O say, keeps that page only, even when the buffer is gone.
 * To give the memory back, contig drops its own reference on each page. The pages
 * of a huge page (huge.c) have one reference count together.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/gfp.h>
#include <linux/highmem.h>
#include <linux/log2.h>
#include <linux/memcontrol.h>
#include <linux/mm.h>
#include <linux/sched/mm.h>
#include <linux/nodemask.h>
#include <linux/numa.h>
#include <linux/page_ref.h>
#include <linux/pageblock-flags.h>
#include <linux/printk.h>
#include <linux/sched.h>
#include <linux/topology.h>

#include "clear.h"
#include "constraints.h"
#include "extents.h"
#include "huge.h"
#include "pages.h"
#include "request.h"
#include "zones.h"

/* Return true if a zone up to @from has memory above the request's limit. */
static bool contig_pages_above(const struct contig_request *request,
			       enum zone_type from)
{
	struct zone *zone;
	int nid, i;

	contig_for_each_zone(zone, nid, i)
		if (i <= from && zone_end_pfn(zone) - 1 > request->highest)
			return true;
	return false;
}

/* Return the flags that all blocks for a request are allocated with. */
static gfp_t contig_pages_plain(const struct contig_request *request)
{
	return GFP_USER | __GFP_NOWARN | __GFP_ACCOUNT |
	       (request->uninitialized ? 0 : __GFP_ZERO);
}

/**
 * contig_pages_gfp() - find GFP flags for which all pages meet a request
 * @request: constraints
 * @gfp: receives the flags for contig_pages_take()
 *
 * GFP flags choose the highest zone; they can express neither a lowest address
 * nor a limit that is not the end of a zone.
 *
 * Return: true if such flags exist.
 */
bool contig_pages_gfp(const struct contig_request *request, gfp_t *gfp)
{
	*gfp = contig_pages_plain(request);
	if (request->node_strict)
		*gfp |= __GFP_THISNODE;
	if (request->lowest)
		return false;
	if (!contig_pages_above(request, MAX_NR_ZONES - 1)) {
		*gfp |= __GFP_HIGHMEM;
		return true;
	}
#ifdef CONFIG_HIGHMEM
	if (!contig_pages_above(request, ZONE_NORMAL))
		return true;
#endif
#ifdef CONFIG_ZONE_DMA32
	if (!contig_pages_above(request, ZONE_DMA32)) {
		*gfp |= GFP_DMA32;
		return true;
	}
#endif
#ifdef CONFIG_ZONE_DMA
	if (!contig_pages_above(request, ZONE_DMA)) {
		*gfp |= GFP_DMA;
		return true;
	}
#endif
	return false;
}

/* Return flags for an attempt that does not reclaim, nor makes others do so. */
static gfp_t contig_pages_soft(const struct contig_request *request, gfp_t gfp)
{
	gfp |= __GFP_NORETRY | __GFP_NOMEMALLOC;
	/* What kswapd reclaims is for later attempts. */
	return gfp & ~(request->no_wait ? __GFP_RECLAIM : __GFP_DIRECT_RECLAIM);
}

/* Allocate a block of pages from the nodes that the request allows. */
static struct page *contig_pages_plainly(const struct contig_request *request,
					 gfp_t gfp, unsigned int order)
{
	nodemask_t nodes = request->nodes;
	int nid = request->node;

	if (nid == NUMA_NO_NODE)
		nid = numa_mem_id();
	return contig_alloc_pages_nodes(gfp, order, nid,
					request->confined ? &nodes : NULL);
}

/* Likewise, charge the cgroup of the request, and do not reclaim for that. */
static struct page *contig_pages_charged(const struct contig_request *request,
					 gfp_t gfp, unsigned int order)
{
	struct mem_cgroup *old = set_active_memcg(request->memcg);
	struct page *page;

	page = contig_pages_plainly(request, gfp & ~__GFP_DIRECT_RECLAIM, order);
	set_active_memcg(old);
#ifdef CONFIG_MEMCG
	/* Or the kernel would make this thread wait for that cgroup some time. */
	current->memcg_nr_pages_over_high = 0;
#endif
	return page;
}

/*
 * Allocate a block of pages for a request. To reclaim for a memory cgroup can take any time,
 * and a work cannot be killed: it reclaims without charging, and then tries again.
 */
static struct page *contig_pages_alloc(const struct contig_request *request,
				       gfp_t gfp, unsigned int order)
{
	struct page *page;

	if (!request->deferred)
		return contig_pages_plainly(request, gfp, order);
	page = contig_pages_charged(request, gfp, order);
	if (page || !(gfp & __GFP_DIRECT_RECLAIM))
		return page;
	page = contig_pages_plainly(request, gfp & ~(__GFP_ACCOUNT | __GFP_ZERO),
				    order);
	if (!page)
		return NULL;
	__free_pages(page, order);
	return contig_pages_charged(request, gfp, order);
}

/*
 * Return flags for a block of @npages, which is a huge page if the request wants
 * that and the size is right. No memory cgroup is charged for a huge page: advice of
 * a process (MADV_COLD) can make the kernel try to split it, which then uses the
 * cgroup of the page without a reference on it.
 */
static gfp_t contig_pages_huge(const struct contig_request *request, gfp_t gfp,
			       unsigned long npages)
{
	return request->huge && contig_huge_fits(0, npages) ?
	       (gfp & ~__GFP_ACCOUNT) | __GFP_COMP : gfp;
}

/* Take a block without failed pages, and keep its first @npages. */
static int contig_pages_get(const struct contig_request *request, gfp_t gfp,
			    struct contig_extents *extents, unsigned int order,
			    unsigned long npages)
{
	gfp_t flags = gfp;
	struct page *page;
	unsigned long i;
	bool good;
	int ret;

	if (npages == 1UL << order)
		flags = contig_pages_huge(request, gfp, npages);
	for (;;) {
		page = contig_pages_alloc(request, flags, order);
		if (!page)
			return -ENOMEM;
		good = contig_pages_first_failed(page_to_pfn(page),
						 1UL << order) == 1UL << order;
		if (flags & __GFP_COMP && !good) {
			/* It can be taken, and taken apart, as single pages. */
			__free_pages(page, order);
			flags = gfp;
			continue;
		}
		if (order && !(flags & __GFP_COMP))
			split_page(page, order);
		if (good)
			break;
		/* Failed pages do not become free again, so this loop ends. */
		contig_pages_put(page_to_pfn(page), 1UL << order);
	}
	for (i = npages; i < 1UL << order; i++)
		__free_page(page + i);
	ret = contig_extents_append(extents, page_to_pfn(page), npages);
	if (ret)
		contig_pages_put(page_to_pfn(page), npages);
	return ret;
}

/**
 * contig_pages_take() - take adjacent zeroed pages from the page allocator
 * @request: says on which NUMA nodes
 * @gfp: from contig_pages_gfp()
 * @extents: the pages are appended here
 * @order: order of the block, at most MAX_PAGE_ORDER
 * @npages: number of pages of the block to keep, at most 1 << @order
 *
 * Does not try hard: the caller has smaller blocks to fall back on, except for
 * single pages. May sleep.
 *
 * Return: 0 or -ENOMEM.
 */
int contig_pages_take(const struct contig_request *request, gfp_t gfp,
		      struct contig_extents *extents, unsigned int order,
		      unsigned long npages)
{
	if (order || request->no_wait)
		gfp = contig_pages_soft(request, gfp);
	else
		gfp |= __GFP_RETRY_MAYFAIL;
	return contig_pages_get(request, gfp, extents, order, npages);
}

/*
 * The zones at which GFP flags make the page allocator begin, highest first. It
 * falls back to lower zones by itself.
 */
static const struct {
	enum zone_type top;
	gfp_t gfp;
} contig_pages_zones[] = {
	{ MAX_NR_ZONES - 1, __GFP_HIGHMEM },
#ifdef CONFIG_HIGHMEM
	{ ZONE_NORMAL, 0 },
#endif
#ifdef CONFIG_ZONE_DMA32
	{ ZONE_DMA32, GFP_DMA32 },
#endif
#ifdef CONFIG_ZONE_DMA
	{ ZONE_DMA, GFP_DMA },
#endif
};

/* Return true if the highest zone up to @top begins within the limits. */
static bool contig_pages_begin(const struct contig_request *request,
			       enum zone_type top)
{
	struct zone *zone;
	int nid, i, best = -1;
	bool begins = false;

	/* On each node the highest zone comes first. */
	contig_for_each_zone(zone, nid, i) {
		if (i > top || i < best)
			continue;
		if (i > best)
			begins = false;
		best = i;
		if (zone->zone_start_pfn <= request->highest)
			begins = true;
	}
	return begins;
}

/**
 * contig_pages_block() - take one block of zeroed pages for a whole request
 * @request: the request
 * @extents: the pages are appended here
 * @hard: reclaim and compact memory for it, without calling the OOM killer
 *
 * For an address limit that is not the end of a zone this does the same as
 * dma_alloc_attrs(): a block that lies too high is given back, and a lower zone
 * is tried. May sleep.
 *
 * Return: 0; -ENOMEM; -ERANGE if there was a block, but none that fits.
 */
int contig_pages_block(const struct contig_request *request,
		       struct contig_extents *extents, bool hard)
{
	gfp_t gfp = contig_pages_plain(request);
	int order = max(order_base_2(request->npages),
			order_base_2(request->align));
	int i, ret = -ENOMEM, err;

	if (order > MAX_PAGE_ORDER)
		return -ENOMEM;
	if ((order && !hard) || request->no_wait)
		gfp = contig_pages_soft(request, gfp);
	else if (order <= PAGE_ALLOC_COSTLY_ORDER)
		gfp |= __GFP_RETRY_MAYFAIL;
	if (request->node_strict)
		gfp |= __GFP_THISNODE;
	for (i = 0; i < ARRAY_SIZE(contig_pages_zones); i++) {
		enum zone_type top = contig_pages_zones[i].top;

		if (!contig_pages_begin(request, top))
			continue;
		err = contig_pages_get(request,
				       gfp | contig_pages_zones[i].gfp, extents,
				       order, request->npages);
		if (!err && contig_extents_fit(request, extents))
			return 0;
		if (!err) {
			contig_pages_put_extents(extents);
			ret = -ERANGE;
		}
		if (!contig_pages_above(request, top))
			break;
	}
	return ret;
}

/* Return true if a higher zone of the page's node is within the limits, too. */
static bool contig_pages_low(const struct contig_request *request,
			     const struct page *page)
{
	struct zone *zone;
	int i;

	for (i = page_zonenum(page) + 1; i < MAX_NR_ZONES; i++) {
		zone = contig_zone(page_to_nid(page), i);
		if (zone && zone->zone_start_pfn <= request->highest)
			return true;
	}
	return false;
}

/*
 * Return true if the zone of a page keeps as much free memory as the range rung
 * leaves to others: the page allocator would give out more of it.
 */
bool contig_pages_spare(const struct contig_request *request, unsigned long pfn)
{
	return contig_zone_spare(page_zone(pfn_to_page(pfn)), request->highest);
}

/**
 * contig_pages_init() - zero pages that were allocated without __GFP_ZERO
 * @request: says whether it wants that
 * @pfn: first page frame
 * @npages: number of pages
 *
 * With init_on_alloc the kernel has cleared them. May sleep.
 */
void contig_pages_init(const struct contig_request *request, unsigned long pfn,
		       unsigned long npages)
{
	if (!request->uninitialized && !want_init_on_alloc(0))
		contig_pages_clear(pfn, npages);
}

/**
 * contig_pages_ready() - take a block of zeroed pages that is free already
 * @request: the request
 * @extents: the pages are appended here
 *
 * Leaves memory of lower zones and of other nodes than the preferred one: to empty
 * a window of the right zone is better. Leaves zones their high watermark. Does not
 * reclaim.
 *
 * Return: true if it did.
 */
bool contig_pages_ready(const struct contig_request *request,
			struct contig_extents *extents)
{
	gfp_t gfp = GFP_USER | __GFP_NOWARN | __GFP_ACCOUNT | __GFP_NORETRY |
		    __GFP_NOMEMALLOC;
	int order = max(order_base_2(request->npages),
			order_base_2(request->align));
	unsigned long pfn;
	int i = 0;

	if (order > MAX_PAGE_ORDER || request->lowest)
		return false;
	/* A larger block would not be huge pages. */
	if (request->huge && request->npages > CONTIG_HUGE_PAGES &&
	    !request->no_wait)
		return false;
	while (!contig_pages_begin(request, contig_pages_zones[i].top))
		if (++i == ARRAY_SIZE(contig_pages_zones))
			return false;
	if (contig_pages_above(request, contig_pages_zones[i].top))
		return false;
	gfp = (gfp | contig_pages_zones[i].gfp) & ~__GFP_RECLAIM;
	if (request->node != NUMA_NO_NODE &&
	    contig_request_node_allowed(request, request->node))
		gfp |= __GFP_THISNODE;
	if (contig_pages_get(request, gfp, extents, order, request->npages))
		return false;
	pfn = extents->entries[0].pfn;
	if (!contig_extents_fit(request, extents) ||
	    !contig_pages_spare(request, pfn) ||
	    contig_pages_low(request, pfn_to_page(pfn))) {
		contig_pages_put_extents(extents);
		return false;
	}
	contig_pages_init(request, pfn, request->npages);
	return true;
}

/**
 * contig_pages_first_failed() - find a page that the kernel marked as faulty
 * @pfn: first page frame
 * @npages: number of pages
 *
 * The page allocator checks that mark only when it gives or takes back a single
 * page. Failed pages inside a larger block that a driver freed are on the free
 * lists, and the page allocator can give them out again. May sleep.
 *
 * Return: the first failed page, counted from @pfn; @npages if there is none.
 */
unsigned long contig_pages_first_failed(unsigned long pfn, unsigned long npages)
{
	unsigned long i;

	for (i = 0; i < npages; i++) {
		if (PageHWPoison(pfn_to_page(pfn + i)))
			return i;
		if (!((i + 1) % 4096))
			cond_resched();
	}
	return npages;
}

/*
 * Order of the blocks in which pages are given back. They end in the free lists at
 * once: the page allocator keeps blocks of a pageblock on lists of CPUs.
 */
#define CONTIG_PUT_ORDER (pageblock_order - 1)

/*
 * Turn pages into a block of the page allocator, in which only the first one has a
 * reference. Return false, and change nothing, if a page has another reference or
 * has to be given back by itself: the page allocator undoes the charge of a block,
 * and does its accounting for profiles, by what it knows of the first page, and
 * reuses failed pages in it.
 */
static bool contig_pages_join(unsigned long pfn, unsigned long npages)
{
	unsigned long i;

	if (IS_ENABLED(CONFIG_MEM_ALLOC_PROFILING))
		return false;
	for (i = 0; i < npages; i++) {
		struct page *page = pfn_to_page(pfn + i);

		if (PageHWPoison(page) || PageMemcgKmem(page) ||
		    (i && !page_ref_freeze(page, 1)))
			break;
	}
	if (i == npages)
		return true;
	while (i-- > 1)
		page_ref_unfreeze(pfn_to_page(pfn + i), 1);
	return false;
}

/*
 * Drop contig's reference on a huge page. The page allocator would give out a failed
 * page in it again, so a huge page with a failed page is kept for good. May sleep.
 */
static void contig_pages_put_huge(unsigned long pfn)
{
	struct page *page = pfn_to_page(pfn);
	unsigned int order = compound_order(page);

	if (contig_pages_first_failed(pfn, 1UL << order) == 1UL << order)
		__free_pages(page, order);
	else
		pr_warn_ratelimited("a huge page with a failed page is out of use: %lu KiB\n",
				    1UL << (order + PAGE_SHIFT - 10));
}

/*
 * Drop contig's reference on each page, and on each huge page, which must all be
 * there; a page with another reference stays in use. The page allocator does not
 * reuse a failed page that is freed as a single page. May sleep.
 */
void contig_pages_put(unsigned long pfn, unsigned long npages)
{
	const unsigned long block = 1UL << CONTIG_PUT_ORDER;
	unsigned long n;

	for (; npages; pfn += n, npages -= n) {
		n = contig_huge_rest(pfn);
		if (n > 1) {
			contig_pages_put_huge(pfn);
			cond_resched();
			continue;
		}
		if (IS_ALIGNED(pfn, block) && npages >= block &&
		    contig_pages_join(pfn, block))
			n = block;
		__free_pages(pfn_to_page(pfn), order_base_2(n));
		if (!(pfn % block))
			cond_resched();
	}
}

void contig_pages_put_extents(struct contig_extents *extents)
{
	struct contig_cursor cursor;
	unsigned long pfn, n;

	contig_cursor_init(&cursor, extents, 0);
	while ((n = contig_cursor_next(&cursor, extents->npages, &pfn)))
		contig_pages_put(pfn, n);
	contig_extents_free(extents);
}

/*
 * Return true if others use a page. A page fault holds the lock of the page that it has
 * mapped until it has marked it dirty, and has no reference then: that is the mapping's,
 * which another thread can take away meanwhile.
 */
static bool contig_page_shared(struct page *page)
{
	return page_count(page) != 1 || PageLocked(page);
}

/*
 * Return the first page, counted from @pfn, that has a reference besides
 * contig's, or is locked; @npages if there is none.
 */
unsigned long contig_pages_first_shared(unsigned long pfn, unsigned long npages)
{
	unsigned long i;

	for (i = 0; i < npages; i += contig_huge_rest(pfn + i)) {
		if (contig_page_shared(pfn_to_page(pfn + i)))
			return i;
		if (!(i % 4096))
			cond_resched();
	}
	return npages;
}

/*
 * contig_pages_first_shared() without failed pages: these are not used again,
 * and error injection leaves a reference on them for good.
 */
unsigned long contig_pages_first_referenced(unsigned long pfn,
					    unsigned long npages)
{
	unsigned long i, n;

	for (i = 0; i < npages; i += n) {
		n = contig_huge_rest(pfn + i);
		if (contig_page_shared(pfn_to_page(pfn + i)) &&
		    contig_pages_first_failed(pfn + i, n) == n)
			return i;
		if (!(i % 4096))
			cond_resched();
	}
	return npages;
}

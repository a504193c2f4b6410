// SPDX-License-Identifier: GPL-2.0-only
/*
 * Page frames with a reference count of their own each
 *
 * Memory of this kind can be mapped as struct pages: whoever takes a reference
 * on a page of it, for direct I/O say, keeps just that page, however long after
 * the buffer is gone. Giving back means dropping our reference page by page.
 */
#include <linux/gfp.h>
#include <linux/highmem.h>
#include <linux/mm.h>
#include <linux/sched.h>

#include "extents.h"
#include "pages.h"
#include "request.h"
#include "zones.h"

/* Is there memory in any zone from @from on down that lies too high? */
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

/**
 * contig_pages_gfp() - how to ask the page allocator for suitable pages
 * @request: constraints
 * @gfp: receives what to pass to contig_pages_take()
 *
 * The page allocator can be told to stay in a zone, and knows nothing of a
 * lowest address or of limits that are not those of a zone.
 *
 * Return: whether it can be asked in a way that meets the address window.
 */
bool contig_pages_gfp(const struct contig_request *request, gfp_t *gfp)
{
	*gfp = GFP_USER | __GFP_ZERO | __GFP_NOWARN | __GFP_ACCOUNT;
	if (request->node_strict)
		*gfp |= __GFP_THISNODE;
	if (request->lowest)
		return false;
	if (!contig_pages_above(request, MAX_NR_ZONES - 1))
		return true;
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

/**
 * contig_pages_take() - take adjacent zeroed pages from the page allocator
 * @node: NUMA node to prefer
 * @gfp: from contig_pages_gfp()
 * @extents: the pages are appended here
 * @order: as large a block, at most MAX_PAGE_ORDER
 * @npages: how many pages of the block to keep, at most 1 << @order
 *
 * Does not try hard: the caller has smaller blocks to fall back on, except for
 * single pages. May sleep.
 *
 * Return: 0 or -ENOMEM.
 */
int contig_pages_take(int node, gfp_t gfp, struct contig_extents *extents,
		      unsigned int order, unsigned long npages)
{
	struct page *page;
	unsigned long i;
	int ret;

	if (order)
		gfp = (gfp | __GFP_NORETRY) & ~__GFP_DIRECT_RECLAIM;
	else
		gfp |= __GFP_RETRY_MAYFAIL;
	for (;;) {
		page = alloc_pages_node(node, gfp, order);
		if (!page)
			return -ENOMEM;
		if (order)
			split_page(page, order);
		if (contig_pages_first_failed(page_to_pfn(page), 1UL << order) ==
		    1UL << order)
			break;
		/* Failed pages do not return to the free lists: this ends. */
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
 * contig_pages_first_failed() - find a page that the kernel marked as faulty
 * @pfn: first page frame
 * @npages: how many
 *
 * The page allocator looks for that mark only when it gives or takes back a
 * single page. Failed pages inside a larger block that a driver freed are on the
 * free lists, and can be in what the page allocator gives. May sleep.
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

/* Zero pages, except those that have failed: the hardware may not bear it. */
void contig_pages_clear(unsigned long pfn, unsigned long npages)
{
	for (; npages--; pfn++) {
		if (!PageHWPoison(pfn_to_page(pfn)))
			clear_highpage(pfn_to_page(pfn));
		if (!(pfn % 256))
			cond_resched();
	}
}

/*
 * Drop our reference on each page; a holder of another one keeps the page. The
 * page allocator does not reuse a failed page that is freed by itself.
 */
void contig_pages_put(unsigned long pfn, unsigned long npages)
{
	for (; npages--; pfn++) {
		__free_page(pfn_to_page(pfn));
		if (!(pfn % 1024))
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
 * The first of these pages that somebody besides us has a reference on, counted
 * from @pfn; @npages if there is none. Failed pages do not count: they are not
 * used again, and error injection leaves a reference on them for good.
 */
unsigned long contig_pages_first_referenced(unsigned long pfn,
					    unsigned long npages)
{
	unsigned long i;

	for (i = 0; i < npages; i++) {
		struct page *page = pfn_to_page(pfn + i);

		if (page_ref_count(page) != 1 && !PageHWPoison(page))
			return i;
		if (!(i % 4096))
			cond_resched();
	}
	return npages;
}

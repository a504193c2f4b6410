/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Huge pages
 */
#ifndef CONTIG_HUGE_H
#define CONTIG_HUGE_H

#include <linux/align.h>
#include <linux/bits.h>
#include <linux/gfp.h>
#include <linux/huge_mm.h>
#include <linux/kconfig.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/mmzone.h>
#include <linux/pageblock-flags.h>
#include <linux/xarray.h>

struct contig_extents;

#ifdef CONFIG_TRANSPARENT_HUGEPAGE
#define CONTIG_HUGE_ORDER HPAGE_PMD_ORDER
#else
#define CONTIG_HUGE_ORDER 0
#endif
#define CONTIG_HUGE_PAGES BIT(CONTIG_HUGE_ORDER)

/* A file has no larger pages: the kernel warns when it is asked to split one. */
#define CONTIG_HUGE_MAX min(MAX_PAGE_ORDER, 2 * XA_CHUNK_SHIFT - 1)

/*
 * Return true if this kernel maps huge pages and can empty memory for them. A huge
 * page consists of whole pageblocks: alloc_contig_range() would warn about another
 * page that reaches into one of its pageblocks from outside.
 */
static inline bool contig_huge_possible(void)
{
	const unsigned int order = CONTIG_HUGE_ORDER;

	return IS_ENABLED(CONFIG_TRANSPARENT_HUGEPAGE) &&
	       CONTIG_GFP_COMP != 0 &&
	       order >= pageblock_order && order <= CONTIG_HUGE_MAX;
}

/* Return true if @npages pages from @pfn on can be one huge page. */
static inline bool contig_huge_fits(unsigned long pfn, unsigned long npages)
{
	return contig_huge_possible() && npages == CONTIG_HUGE_PAGES &&
	       IS_ALIGNED(pfn, CONTIG_HUGE_PAGES);
}

/*
 * Return how many pages from @pfn on share one reference count: 1, or the rest of a
 * huge page. The caller has a reference.
 */
static inline unsigned long contig_huge_rest(unsigned long pfn)
{
	struct folio *folio = page_folio(pfn_to_page(pfn));

	return folio_pfn(folio) + folio_nr_pages(folio) - pfn;
}

bool contig_huge_all(const struct contig_extents *extents);

#endif /* CONTIG_HUGE_H */

// SPDX-License-Identifier: GPL-2.0-only
/*
 * Huge pages
 *
 * A huge page is a compound page that one entry at the middle level of the page
 * tables (PMD) maps. GUP, direct I/O and drivers handle it as one piece. It has one
 * reference count: who holds a reference on any of its pages keeps all of it.
 *
 * Only the page allocator can make compound pages, so they are taken from it as
 * such, and modules cannot split them.
 */
#include <linux/mm.h>
#include <linux/sched.h>

#include "extents.h"
#include "huge.h"

/**
 * contig_huge_all() - check whether memory consists of huge pages
 * @extents: memory whose pages have reference counts
 *
 * Return: true if each huge page in it lies there as a whole, at a multiple of its
 * size, and there is nothing else.
 */
bool contig_huge_all(const struct contig_extents *extents)
{
	struct contig_cursor cursor;
	unsigned long pfn, n;

	if (!contig_huge_possible() || !extents->npages)
		return false;
	contig_cursor_init(&cursor, extents, 0);
	while ((n = contig_cursor_next(&cursor, extents->npages, &pfn))) {
		if (!IS_ALIGNED(pfn | n, CONTIG_HUGE_PAGES))
			return false;
		for (; n; pfn += CONTIG_HUGE_PAGES, n -= CONTIG_HUGE_PAGES) {
			struct page *page = pfn_to_page(pfn);

			if (!PageHead(page) ||
			    compound_order(page) != CONTIG_HUGE_ORDER)
				return false;
		}
		cond_resched();
	}
	return true;
}

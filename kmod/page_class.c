// SPDX-License-Identifier: GPL-2.0-only
/*
 * Classes of page frames: what would have to happen to empty them
 *
 * Pages are read without locks or references, as the scanners of memory
 * compaction do. The values can be out of date or torn, so each is checked
 * before it is used as a length, and the class is a guess that
 * alloc_contig_range() has to confirm.
 */
#include <linux/hugetlb.h>
#include <linux/mm.h>
#include <linux/moduleparam.h>
#include <linux/page-flags.h>
#include <linux/pageblock-flags.h>

#include "page_class.h"

/*
 * The kernel's sysctl vm.compact_unevictable_allowed says the same for
 * compaction, and has the same default. Modules cannot read it.
 */
static bool contig_move_mlocked = !IS_ENABLED(CONFIG_PREEMPT_RT);
module_param_named(move_mlocked, contig_move_mlocked, bool, 0644);
MODULE_PARM_DESC(move_mlocked,
		 "move memory that processes have locked with mlock(), which makes them wait for it (default: yes, no on real-time kernels)");

/* Who moves no memory that a process has locked leaves huge pages, too. */
static bool contig_move_hugetlb = !IS_ENABLED(CONFIG_PREEMPT_RT);
module_param_named(move_hugetlb, contig_move_hugetlb, bool, 0644);
MODULE_PARM_DESC(move_hugetlb,
		 "move and replace pages of hugetlb pools, which keep their sizes (default: yes, no on real-time kernels)");

static bool contig_page_pinned(struct page *page)
{
	if (contig_page_has(page, PG_head))
		return atomic_read(&((struct folio *)page)->_pincount) > 0;
	/* Each pin adds that much: see folio_maybe_dma_pinned(). */
	return (unsigned int)page_ref_count(page) >= GUP_PIN_COUNTING_BIAS;
}

/*
 * Return true if a page of a process or a file must not move, or would make
 * migration wait: it is read in or written back by a user-space file system or
 * a server that may never answer.
 */
static bool contig_page_fixed(struct page *page)
{
	if (contig_page_has(page, PG_writeback) ||
	    (contig_page_has(page, PG_locked) &&
	     !contig_page_has(page, PG_uptodate)))
		return true;
	if (!READ_ONCE(contig_move_mlocked) &&
	    (contig_page_has(page, PG_mlocked) ||
	     contig_page_has(page, PG_unevictable)))
		return true;
	return contig_page_pinned(page);
}

static enum contig_page_class contig_lru_class(struct page *page)
{
	if (contig_page_fixed(page))
		return CONTIG_CLASS_PINNED;
	/*
	 * Compaction skips a page with more references than mappings, such as
	 * one in a pipe. A list of a CPU holds a reference, too, until it is
	 * drained.
	 */
	if (!contig_page_has(page, PG_head) && PageAnon(page) &&
	    !contig_page_has(page, PG_swapcache) &&
	    page_ref_count(page) > atomic_read(&page->_mapcount) + 1)
		return CONTIG_CLASS_REFERENCED;
	return CONTIG_CLASS_MOVABLE;
}

/**
 * contig_page_waits() - check whether a page is on its way to the LRU lists
 * @page: a page frame that is in use and on no LRU list
 *
 * The page waits on a list of its CPU, and becomes movable when that list is
 * drained. Another task that took the page off its LRU list looks the same.
 *
 * Return: true if the page waits.
 */
bool contig_page_waits(const struct page *page)
{
	unsigned long mapping = (unsigned long)READ_ONCE(page->mapping);
	int mapcount = atomic_read(&page->_mapcount);

	/* Less than -1 is the type of a page that is not for mapping. */
	if (mapping && !(mapping & FOLIO_MAPPING_FLAGS))
		return mapcount >= -1 && (contig_page_has(page, PG_uptodate) ||
					  contig_page_has(page, PG_locked));
	return mapcount >= 0 && contig_page_has(page, PG_swapbacked);
}

/*
 * Classify a page of a hugetlb pool. alloc_contig_range() replaces a free one by a
 * new one, and migrates one in use, so that the pool keeps its size. It does neither
 * for gigantic pages, which the page allocator cannot give. Pages in use that are
 * smaller than a pageblock would have to be emptied one by one: see
 * contig_window_one_huge().
 */
static enum contig_page_class contig_hugetlb_class(struct page *head,
						   unsigned int order)
{
	if (!IS_ENABLED(CONFIG_ARCH_ENABLE_HUGEPAGE_MIGRATION) ||
	    !READ_ONCE(contig_move_hugetlb) || !order ||
	    order > MAX_PAGE_ORDER || PageHWPoison(head))
		return CONTIG_CLASS_KERNEL;
	return page_ref_count(head) && (order < pageblock_order ||
					contig_page_fixed(head)) ?
		       CONTIG_CLASS_PINNED : CONTIG_CLASS_HUGE;
}

/* Return true if a page frame of class CONTIG_CLASS_HUGE is in use. */
bool contig_page_huge_used(struct page *page)
{
	return page_ref_count(compound_head(page));
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
	if (PageHuge(head))
		return contig_hugetlb_class(head, order);
	if (!PageLRU(head))
		return CONTIG_CLASS_KERNEL;
	return contig_lru_class(head);
}

/**
 * contig_page_class() - classify a page frame
 * @page: an online page frame; no reference is needed
 * @npages: receives the number of frames from this one on that are like it
 *
 * The caller holds the RCU read lock: see contig_hotplug_notify().
 *
 * Return: its class.
 */
enum contig_page_class contig_page_class(struct page *page,
					 unsigned long *npages)
{
	*npages = 1;
	if (PageReserved(page))
		return CONTIG_CLASS_KERNEL;
	if (PageCompound(page))
		return contig_compound_class(page, npages);
	/*
	 * A failed page without a reference cannot be in a window; one with a
	 * reference keeps its pageblock from being isolated.
	 */
	if (PageHWPoison(page))
		return page_ref_count(page) ? CONTIG_CLASS_KERNEL :
					      CONTIG_CLASS_PINNED;
	if (PageBuddy(page)) {
		unsigned long order = READ_ONCE(page->private);

		if (order <= MAX_PAGE_ORDER)
			*npages = 1UL << order;
		return CONTIG_CLASS_FREE;
	}
	/*
	 * The slab allocator has a count where others have the mapping. In newer
	 * kernels its pages have no reference: first of all see if it is one.
	 */
	if (PageSlab(page))
		return CONTIG_CLASS_KERNEL;
	/* On a list of one CPU; alloc_contig_range() drains these. */
	if (!page_ref_count(page))
		return CONTIG_CLASS_FREE;
	if (PageLRU(page))
		return contig_lru_class(page);
	if (page_has_movable_ops(page))
		return CONTIG_CLASS_MOVABLE;
	if (!contig_page_waits(page))
		return CONTIG_CLASS_KERNEL;
	return contig_page_fixed(page) ? CONTIG_CLASS_PINNED :
					 CONTIG_CLASS_MOVABLE;
}

/**
 * contig_page_start() - find where the page of a page frame begins
 * @pfn: an online page frame
 *
 * A large page of a process or a file moves as a whole, and migration skips one
 * whose first frame it is not given.
 *
 * Return: the first frame of such a page, or of the pageblock if the page begins
 * before that; @pfn if it is in no such page.
 */
unsigned long contig_page_start(unsigned long pfn)
{
	struct page *page = pfn_to_page(pfn), *head = compound_head(page);
	unsigned long start = page_to_pfn(head);

	if (start >= pfn || !(contig_page_has(head, PG_lru) || PageHuge(head)))
		return pfn;
	return max(start, pageblock_start_pfn(pfn));
}

/* Return true if the page is clean page cache, which need not be migrated. */
bool contig_page_drops(struct page *page)
{
	page = compound_head(page);
	return contig_page_has(page, PG_lru) &&
	       !contig_page_has(page, PG_swapbacked) &&
	       !contig_page_has(page, PG_dirty);
}

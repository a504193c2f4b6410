/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Classes of page frames
 */
#ifndef CONTIG_PAGE_CLASS_H
#define CONTIG_PAGE_CLASS_H

#include <linux/bitops.h>
#include <linux/mm_types.h>
#include <linux/page-flags.h>
#include <linux/rcupdate.h>

/* Frames that are looked at in one RCU read-side section. */
#define CONTIG_LOOKS_AT_ONCE 64

/**
 * enum contig_page_class - what would have to happen to empty a page frame
 * @CONTIG_CLASS_FREE: nothing
 * @CONTIG_CLASS_MOVABLE: the page is migrated, or dropped
 * @CONTIG_CLASS_HUGE: the page of a hugetlb pool is migrated, or replaced, which
 *                     needs a free block of its size
 * @CONTIG_CLASS_REFERENCED: the same, if the extra reference is one of a list of
 *                           a CPU, which is drained
 * @CONTIG_CLASS_PINNED: it cannot be emptied, but its pageblock can be isolated
 * @CONTIG_CLASS_KERNEL: its pageblock cannot be isolated
 */
enum contig_page_class {
	CONTIG_CLASS_FREE,
	CONTIG_CLASS_MOVABLE,
	CONTIG_CLASS_HUGE,
	CONTIG_CLASS_REFERENCED,
	CONTIG_CLASS_PINNED,
	CONTIG_CLASS_KERNEL,
};

/**
 * enum contig_reach - which pages may be in a window
 * @CONTIG_REACH_EASY: free ones, and those that should move
 * @CONTIG_REACH_HUGE: those of hugetlb pools, too
 * @CONTIG_REACH_HELD: those with extra references, too
 */
enum contig_reach {
	CONTIG_REACH_EASY,
	CONTIG_REACH_HUGE,
	CONTIG_REACH_HELD,
};

/* Return true if a frame can be in a window. */
static inline bool contig_class_usable(enum contig_page_class class,
				       enum contig_reach reach)
{
	return class == CONTIG_CLASS_FREE || class == CONTIG_CLASS_MOVABLE ||
	       (class == CONTIG_CLASS_HUGE && reach >= CONTIG_REACH_HUGE) ||
	       (class == CONTIG_CLASS_REFERENCED && reach >= CONTIG_REACH_HELD);
}

/*
 * Without a reference a page can become part of a compound page at any moment,
 * and the kernel's own functions can assert (CONFIG_DEBUG_VM_PGFLAGS) that it
 * does not.
 */
static inline bool contig_page_has(const struct page *page, enum pageflags flag)
{
	return test_bit(flag, contig_page_flags(page));
}

/**
 * contig_page_rest() - end a long RCU read-side section now and then
 * @looks: number of frames that the caller looked at since it began
 *
 * To be called after each frame, with the RCU read lock held. A task can lose
 * its processor for a second within a section, and grace periods wait for it,
 * those of alloc_contig_range() among them; so a section must be short. The
 * caller looks up struct pages once more after that.
 */
static inline void contig_page_rest(unsigned int *looks)
{
	if (++*looks % CONTIG_LOOKS_AT_ONCE)
		return;
	rcu_read_unlock();
	rcu_read_lock();
}

enum contig_page_class contig_page_class(struct page *page,
					 unsigned long *npages);
bool contig_page_waits(const struct page *page);
bool contig_page_drops(struct page *page);
bool contig_page_huge_used(struct page *page);
unsigned long contig_page_start(unsigned long pfn);

#endif /* CONTIG_PAGE_CLASS_H */

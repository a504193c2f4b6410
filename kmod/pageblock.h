/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Migrate types of pageblocks
 */
#ifndef CONTIG_PAGEBLOCK_H
#define CONTIG_PAGEBLOCK_H

#include <linux/mmzone.h>
#include <linux/pageblock-flags.h>
#include <linux/rcupdate.h>

/*
 * Return the migrate type of a pageblock. get_pfnblock_flags_mask() is not
 * exported, but modules can read its bitmap. The section of @pfn must be
 * online, or have been online a moment ago.
 */
static inline int contig_block_type(struct zone *zone, unsigned long pfn)
{
	unsigned long *bitmap, bit, word = 0;
#ifdef CONFIG_SPARSEMEM
	struct mem_section_usage *usage;

	bit = (pfn & (PAGES_PER_SECTION - 1)) >> pageblock_order;
	bit *= NR_PAGEBLOCK_BITS;
	rcu_read_lock();
	usage = READ_ONCE(__pfn_to_section(pfn)->usage);
	if (usage) {
		/* The member is declared as an array of no words. */
		bitmap = usage->pageblock_flags;
		word = READ_ONCE(bitmap[BIT_WORD(bit)]);
	}
	rcu_read_unlock();
#else
	bit = pfn - pageblock_start_pfn(zone->zone_start_pfn);
	bit = (bit >> pageblock_order) * NR_PAGEBLOCK_BITS;
	bitmap = zone->pageblock_flags;
	word = READ_ONCE(bitmap[BIT_WORD(bit)]);
#endif
	return contig_pageblock_type(word >> (bit % BITS_PER_LONG));
}

static inline bool contig_block_is_cma(struct zone *zone, unsigned long pfn)
{
#ifdef CONFIG_CMA
	return is_migrate_cma(contig_block_type(zone, pfn));
#else
	return false;
#endif
}

/* Return true if the pageblock is isolated, as for memory offlining. */
static inline bool contig_block_is_isolated(struct zone *zone,
					    unsigned long pfn)
{
#ifdef CONFIG_MEMORY_ISOLATION
	return contig_block_type(zone, pfn) == MIGRATE_ISOLATE;
#else
	return false;
#endif
}

/* Return true if the pageblock is isolated, or CMA can isolate it at any time. */
static inline bool contig_block_is_unsteady(struct zone *zone,
					    unsigned long pfn)
{
	return contig_block_is_cma(zone, pfn) ||
	       contig_block_is_isolated(zone, pfn);
}

/*
 * Return true if alloc_contig_range() may empty pageblocks of this type. Those
 * of CMA are for CMA alone, isolated ones have another user, and
 * MIGRATE_HIGHATOMIC ones are counted by the kernel, whose count isolation
 * would upset.
 */
static inline bool contig_block_type_usable(int type)
{
	return type < MIGRATE_PCPTYPES;
}

#endif /* CONTIG_PAGEBLOCK_H */

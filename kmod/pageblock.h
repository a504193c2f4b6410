/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a pageblock is for
 */
#ifndef CONTIG_PAGEBLOCK_H
#define CONTIG_PAGEBLOCK_H

#include <linux/mmzone.h>
#include <linux/pageblock-flags.h>
#include <linux/rcupdate.h>

/*
 * The migrate type of a pageblock. The kernel's own get_pfnblock_flags_mask() is
 * not exported, the map that it reads is. The section of @pfn must be online, or
 * have been a moment ago.
 */
static inline int contig_block_type(struct zone *zone, unsigned long pfn)
{
	unsigned long bit, word = 0;
#ifdef CONFIG_SPARSEMEM
	struct mem_section_usage *usage;

	bit = (pfn & (PAGES_PER_SECTION - 1)) >> pageblock_order;
	bit *= NR_PAGEBLOCK_BITS;
	rcu_read_lock();
	usage = READ_ONCE(__pfn_to_section(pfn)->usage);
	if (usage)
		word = READ_ONCE(usage->pageblock_flags[BIT_WORD(bit)]);
	rcu_read_unlock();
#else
	bit = pfn - pageblock_start_pfn(zone->zone_start_pfn);
	bit = (bit >> pageblock_order) * NR_PAGEBLOCK_BITS;
	word = READ_ONCE(zone->pageblock_flags[BIT_WORD(bit)]);
#endif
	word >>= bit % BITS_PER_LONG;
	return word & MIGRATETYPE_MASK;
}

static inline bool contig_block_is_cma(struct zone *zone, unsigned long pfn)
{
#ifdef CONFIG_CMA
	return is_migrate_cma(contig_block_type(zone, pfn));
#else
	return false;
#endif
}

/* Return true if the kernel has isolated the pageblock, as for memory offlining. */
static inline bool contig_block_is_isolated(struct zone *zone,
					    unsigned long pfn)
{
#ifdef CONFIG_MEMORY_ISOLATION
	return contig_block_type(zone, pfn) == MIGRATE_ISOLATE;
#else
	return false;
#endif
}

#endif /* CONTIG_PAGEBLOCK_H */

/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Zones that contig may take memory from
 */
#ifndef CONTIG_ZONES_H
#define CONTIG_ZONES_H

#include <linux/mmzone.h>
#include <linux/vmstat.h>
#include <linux/nodemask.h>

/*
 * Return zone @i of a node, NULL if contig takes no memory from it. Memory of
 * ZONE_MOVABLE must always be movable, which a buffer in use is not;
 * ZONE_DEVICE is not memory of the page allocator.
 */
static inline struct zone *contig_zone(int nid, int i)
{
	struct zone *zone = &NODE_DATA(nid)->node_zones[i];

	return i < ZONE_MOVABLE && populated_zone(zone) ? zone : NULL;
}

/*
 * Iterate over all usable zones, on each node the highest first, so that memory
 * that few devices can reach is spent before memory that all can. The kernel's
 * own iterators need symbols that are not exported. Do not break out of it.
 */
#define contig_for_each_zone(zone, nid, i)                                 \
	for_each_online_node(nid)                                          \
		for ((i) = MAX_NR_ZONES - 1; (i) >= 0; (i)--)              \
			for ((zone) = contig_zone(nid, i); (zone);         \
			     (zone) = NULL)

/*
 * Return how many pages a zone keeps for requests that no higher zone can meet.
 * A request for memory up to page frame @highest must leave them.
 */
static inline unsigned long contig_zone_reserve(struct zone *zone,
						unsigned long highest)
{
	struct zone *zones = zone->zone_pgdat->node_zones;
	int i, last = zone_idx(zone);

	for (i = last + 1; i < ZONE_MOVABLE; i++)
		if (populated_zone(&zones[i]) &&
		    zones[i].zone_start_pfn <= highest)
			last = i;
	return zone->lowmem_reserve[last];
}

/* Return the number of free pages of a zone that lie outside of CMA. */
static inline unsigned long contig_zone_free(struct zone *zone)
{
	unsigned long free = zone_page_state(zone, NR_FREE_PAGES);
	unsigned long cma = zone_page_state(zone, NR_FREE_CMA_PAGES);

	/* The two counters are not read atomically. */
	return free > cma ? free - cma : 0;
}

/*
 * Return how many free pages of a zone a request for memory up to page frame
 * @highest must leave: those up to a watermark, those for atomic allocations,
 * and those of contig_zone_reserve().
 */
static inline unsigned long contig_zone_keep(struct zone *zone,
					     unsigned long highest,
					     unsigned long mark)
{
	return mark + READ_ONCE(zone->nr_reserved_highatomic) +
	       contig_zone_reserve(zone, highest);
}

/*
 * Return how many free pages a zone has above contig_zone_keep(). Free memory
 * of CMA does not count, since only movable pages can use it.
 */
static inline unsigned long contig_zone_above(struct zone *zone,
					      unsigned long highest,
					      unsigned long mark)
{
	unsigned long free = contig_zone_free(zone);
	unsigned long keep = contig_zone_keep(zone, highest, mark);

	return free > keep ? free - keep : 0;
}

/* Return how many pages can be taken before the page allocator reclaims. */
static inline unsigned long contig_zone_spare(struct zone *zone,
					      unsigned long highest)
{
	return contig_zone_above(zone, highest, high_wmark_pages(zone));
}

#endif /* CONTIG_ZONES_H */

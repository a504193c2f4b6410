/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Walking the zones that contig may take memory from
 */
#ifndef CONTIG_ZONES_H
#define CONTIG_ZONES_H

#include <linux/mmzone.h>
#include <linux/vmstat.h>
#include <linux/nodemask.h>

/*
 * Zone @i of a node, NULL if contig takes nothing from it. ZONE_MOVABLE promises
 * that its memory can always be emptied, which a buffer in use cannot be;
 * ZONE_DEVICE is not memory of the page allocator.
 */
static inline struct zone *contig_zone(int nid, int i)
{
	struct zone *zone = &NODE_DATA(nid)->node_zones[i];

	return i < ZONE_MOVABLE && populated_zone(zone) ? zone : NULL;
}

/*
 * All usable zones, on each node the highest first, so that memory that few
 * devices can reach is spent before memory that all can. The kernel's own
 * iterators need symbols that modules do not get. Do not break out of it.
 */
#define contig_for_each_zone(zone, nid, i)                                 \
	for_each_online_node(nid)                                          \
		for ((i) = MAX_NR_ZONES - 1; (i) >= 0; (i)--)              \
			for ((zone) = contig_zone(nid, i); (zone);         \
			     (zone) = NULL)

/*
 * How many free pages may be taken from a zone, for memory that may lie as high
 * as page frame @highest, before the page allocator would call for reclaim. Who
 * could have memory of a higher zone leaves more.
 */
static inline unsigned long contig_zone_spare(struct zone *zone,
					      unsigned long highest)
{
	struct zone *zones = zone->zone_pgdat->node_zones;
	unsigned long free = zone_page_state(zone, NR_FREE_PAGES);
	unsigned long keep = high_wmark_pages(zone);
	int i, last = zone_idx(zone);

	for (i = last + 1; i < ZONE_MOVABLE; i++)
		if (populated_zone(&zones[i]) &&
		    zones[i].zone_start_pfn <= highest)
			last = i;
	keep += zone->lowmem_reserve[last];
	return free > keep ? free - keep : 0;
}

#endif /* CONTIG_ZONES_H */

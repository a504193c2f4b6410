/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Memory that the administrator gives by its address
 */
#ifndef CONTIG_REGION_H
#define CONTIG_REGION_H

struct contig_early;
struct contig_region;

int contig_region_take(const struct contig_early *ask,
		       struct contig_region **region, unsigned long *pfn);
void contig_region_put(struct contig_region *region);

#endif /* CONTIG_REGION_H */

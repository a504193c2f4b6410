/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Memory as a list of segments that a device takes
 */
#ifndef CONTIG_SG_H
#define CONTIG_SG_H

#include <linux/gfp.h>
#include <linux/types.h>

struct contig_extents;
struct device;
struct sg_table;

/**
 * struct contig_sg_limits - a device's limits on segments
 * @longest: pages in the longest segment, not 0
 * @boundary: pages; no segment crosses a multiple of it
 * @translated: an IOMMU translates, so that addresses are counted from the
 *              beginning of the list
 */
struct contig_sg_limits {
	unsigned long longest;
	unsigned long boundary;
	bool translated;
};

bool contig_dma_translated(struct device *dev);
struct contig_sg_limits contig_sg_limits(struct device *dev);
int contig_sg_fill(const struct contig_extents *extents, unsigned long first,
		   unsigned long npages, const struct contig_sg_limits *limits,
		   gfp_t gfp, struct sg_table *sgt);

#endif /* CONTIG_SG_H */

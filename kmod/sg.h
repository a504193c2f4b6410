/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Memory as a list of segments that a device takes
 */
#ifndef CONTIG_SG_H
#define CONTIG_SG_H

#include <linux/gfp.h>

struct contig_extents;
struct device;
struct sg_table;

int contig_sg_fill(const struct contig_extents *extents, unsigned long first,
		   unsigned long npages, struct device *dev, size_t longest,
		   gfp_t gfp, struct sg_table *sgt);

#endif /* CONTIG_SG_H */

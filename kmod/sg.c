// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory as a list of segments that a device takes
 */
#include <linux/dma-mapping.h>
#include <linux/iommu.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/scatterlist.h>

#include "extents.h"
#include "sg.h"

/* Does an IOMMU translate what this device puts on its bus? */
bool contig_dma_translated(struct device *dev)
{
	struct iommu_domain *domain = iommu_get_domain_for_dev(dev);

	return domain && domain->type != IOMMU_DOMAIN_IDENTITY;
}

/* What a device takes as one segment, as the kernel has it at this moment. */
struct contig_sg_limits contig_sg_limits(struct device *dev)
{
	unsigned long longest = dma_get_max_seg_size(dev) >> PAGE_SHIFT;

	return (struct contig_sg_limits){
		/* The length of an entry is 32 bits wide. */
		.longest = clamp(longest, 1UL,
				 (unsigned long)UINT_MAX >> PAGE_SHIFT),
		.boundary = (dma_get_seg_boundary(dev) >> PAGE_SHIFT) + 1,
		.translated = contig_dma_translated(dev),
	};
}

/*
 * Cut memory into segments that a device takes. Returns how many there are, and
 * writes them to a list, unless @sg is NULL.
 *
 * Where an IOMMU translates, the list gets one range of addresses, which begins at
 * a boundary if it is longer than the boundaries are apart. A segment that would
 * cross one the DMA API moves up, by making the segment before it longer; and what
 * lies behind that in memory it maps as well. So none may cross one.
 */
static unsigned long contig_sg_cut(const struct contig_extents *extents,
				   unsigned long first, unsigned long npages,
				   const struct contig_sg_limits *limits,
				   struct scatterlist *sg)
{
	unsigned long pfn, n, len, at, done = 0, entries = 0;
	struct contig_cursor cursor;

	contig_cursor_init(&cursor, extents, first);
	while ((n = contig_cursor_next(&cursor, first + npages, &pfn))) {
		for (; n; n -= len, pfn += len, done += len) {
			at = limits->translated ? done : pfn;
			len = min3(n, limits->longest,
				   limits->boundary -
				   (at & (limits->boundary - 1)));
			entries++;
			if (!sg)
				continue;
			sg_set_page(sg, pfn_to_page(pfn), len << PAGE_SHIFT, 0);
			sg = sg_next(sg);
		}
	}
	return entries;
}

/**
 * contig_sg_fill() - describe memory for a device
 * @extents: where the memory lies
 * @first: page offset in @extents to begin at
 * @npages: how much of it, not 0
 * @limits: of the device
 * @gfp: how to allocate the list
 * @sgt: to be filled; sg_free_table() afterwards
 *
 * May sleep, if @gfp says so.
 *
 * Return: 0, -ENOMEM or, for more segments than a list can have, -EOVERFLOW.
 */
int contig_sg_fill(const struct contig_extents *extents, unsigned long first,
		   unsigned long npages, const struct contig_sg_limits *limits,
		   gfp_t gfp, struct sg_table *sgt)
{
	unsigned long n = contig_sg_cut(extents, first, npages, limits, NULL);
	int ret;

	if (n > UINT_MAX)
		return -EOVERFLOW;
	ret = sg_alloc_table(sgt, n, gfp);
	if (!ret)
		contig_sg_cut(extents, first, npages, limits, sgt->sgl);
	return ret;
}

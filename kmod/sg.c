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

/* Return true if an IOMMU translates the DMA addresses of the device. */
bool contig_dma_translated(struct device *dev)
{
	struct iommu_domain *domain = iommu_get_domain_for_dev(dev);

	return domain && domain->type != IOMMU_DOMAIN_IDENTITY;
}

/* Return the limits on segments that the device has at this moment. */
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
 * Cut memory into segments that a device takes. Return how many there are, and
 * write them to a list, unless @sg is NULL.
 *
 * Where an IOMMU translates, the DMA API maps the list to one extent of DMA
 * addresses, which begins at a boundary if it is longer than the boundary. It
 * moves a segment that would cross a boundary behind it by padding the segment
 * before, and so maps memory that lies behind that one as well. So cut the
 * memory where no segment has to be moved.
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
 * @npages: number of pages, not 0
 * @limits: limits of the device
 * @gfp: flags for the allocation of the list
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
	if (ret)
		return ret;
	contig_sg_cut(extents, first, npages, limits, sgt->sgl);
	return 0;
}

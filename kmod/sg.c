// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory as a list of segments that a device takes
 */
#include <linux/dma-mapping.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/scatterlist.h>

#include "extents.h"
#include "sg.h"

/*
 * Cut memory into segments that a device takes, none longer than it says and
 * none across a boundary of its own. Returns how many there are, and writes them
 * to a list, unless @sg is NULL. Where an IOMMU translates, the boundary is kept
 * by who maps the list, and costs some segments more here.
 */
static unsigned long contig_sg_cut(const struct contig_extents *extents,
				   unsigned long first, unsigned long npages,
				   struct device *dev, size_t max,
				   struct scatterlist *sg)
{
	unsigned long boundary = (dma_get_seg_boundary(dev) >> PAGE_SHIFT) + 1;
	unsigned long longest = min_t(size_t, max, dma_get_max_seg_size(dev)) >>
				PAGE_SHIFT;
	unsigned long pfn, n, len, entries = 0;
	struct contig_cursor cursor;

	/* The length of an entry is 32 bits wide. */
	longest = clamp(longest, 1UL, (unsigned long)UINT_MAX >> PAGE_SHIFT);
	contig_cursor_init(&cursor, extents, first);
	while ((n = contig_cursor_next(&cursor, first + npages, &pfn))) {
		for (; n; n -= len, pfn += len) {
			len = min3(n, longest,
				   boundary - (pfn & (boundary - 1)));
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
 * @dev: the device, whose limits count
 * @longest: no segment may be longer than this either, in bytes
 * @gfp: how to allocate the list
 * @sgt: to be filled; sg_free_table() afterwards
 *
 * May sleep, if @gfp says so.
 *
 * Return: 0, -ENOMEM or, for more segments than a list can have, -EOVERFLOW.
 */
int contig_sg_fill(const struct contig_extents *extents, unsigned long first,
		   unsigned long npages, struct device *dev, size_t longest,
		   gfp_t gfp, struct sg_table *sgt)
{
	unsigned long n = contig_sg_cut(extents, first, npages, dev, longest,
					NULL);
	int ret;

	if (n > UINT_MAX)
		return -EOVERFLOW;
	ret = sg_alloc_table(sgt, n, gfp);
	if (!ret)
		contig_sg_cut(extents, first, npages, dev, longest, sgt->sgl);
	return ret;
}

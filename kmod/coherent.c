// SPDX-License-Identifier: GPL-2.0-only
/*
 * The coherent rung: dma_alloc_attrs() on contig's own platform device
 *
 * Where the kernel has CMA this is CMA, else it is the page allocator. What it
 * returns has no reference count on every page, or lies in CMA memory where
 * long-term pins are not allowed: so it is mapped as bare page frames, by
 * dma_mmap_attrs(), which also knows the right cache attributes.
 */
#include <linux/dma-mapping.h>
#include <linux/log2.h>
#include <linux/mm.h>
#include <linux/mmzone.h>
#include <linux/platform_device.h>
#include <linux/scatterlist.h>

#include "buffer.h"
#include "coherent.h"
#include "extents.h"
#include "request.h"
#include "rung.h"
#include "window.h"

#define CONTIG_ATTRS (DMA_ATTR_FORCE_CONTIGUOUS | DMA_ATTR_NO_WARN)

static struct platform_device *contig_device;

static bool contig_coherent_present(void)
{
	return true;
}

/* Note where the memory lies; more than one run happens behind an IOMMU. */
static int contig_coherent_note(struct contig_buffer *buffer, size_t size)
{
	struct scatterlist *sg;
	struct sg_table sgt;
	int ret, i;

	ret = dma_get_sgtable_attrs(&contig_device->dev, &sgt, buffer->vaddr,
				    buffer->dma, size, CONTIG_ATTRS);
	if (ret)
		return ret;
	for_each_sgtable_sg(&sgt, sg, i) {
		ret = contig_extents_append(&buffer->extents,
					    page_to_pfn(sg_page(sg)),
					    PFN_UP(sg->length));
		if (ret)
			break;
	}
	sg_free_table(&sgt);
	return ret;
}

/*
 * What the page allocator gives is a power of two, and the rest stays unused as
 * long as the buffer lives. CMA would give no more than is wanted, but nobody
 * says which of the two it was: so the rest is charged as well.
 */
static unsigned long contig_coherent_rest(unsigned long npages)
{
	if (npages > 1UL << MAX_PAGE_ORDER)
		return 0;
	return roundup_pow_of_two(npages) - npages;
}

static void contig_coherent_free(struct contig_buffer *buffer)
{
	dma_free_attrs(&contig_device->dev, buffer->extents.npages << PAGE_SHIFT,
		       buffer->vaddr, buffer->dma, CONTIG_ATTRS);
	contig_extents_free(&buffer->extents);
}

static int contig_coherent_alloc(const struct contig_request *request,
				 struct contig_buffer *buffer,
				 struct contig_report *report)
{
	unsigned long rest = contig_coherent_rest(request->npages);
	size_t size = request->npages << PAGE_SHIFT;
	int ret;

	/* A scatterlist, which tells where the memory lies, knows no more. */
	if (size > UINT_MAX) {
		report->blocked = CONTIG_BLOCKED_TOO_LARGE;
		return -ENOMEM;
	}
	ret = contig_buffer_charge(buffer, rest);
	if (ret) {
		report->blocked = CONTIG_BLOCKED_EXHAUSTED;
		return ret;
	}
	report->windows = 1;
	buffer->vaddr = dma_alloc_attrs(&contig_device->dev, size, &buffer->dma,
					GFP_KERNEL | __GFP_NOWARN, CONTIG_ATTRS);
	if (!buffer->vaddr) {
		report->blocked = CONTIG_BLOCKED_EXHAUSTED;
		if (!IS_ENABLED(CONFIG_CMA) &&
		    request->npages > 1UL << MAX_PAGE_ORDER)
			report->blocked = CONTIG_BLOCKED_TOO_LARGE;
		ret = -ENOMEM;
		goto err_uncharge;
	}

	ret = contig_coherent_note(buffer, size);
	if (!ret && !contig_extents_fit(request, &buffer->extents)) {
		report->blocked = CONTIG_BLOCKED_CONSTRAINTS;
		ret = -ENOMEM;
	}
	if (ret)
		goto err_free;
	return 0;

err_free:
	dma_free_attrs(&contig_device->dev, size, buffer->vaddr, buffer->dma,
		       CONTIG_ATTRS);
	contig_extents_free(&buffer->extents);
	buffer->vaddr = NULL;
err_uncharge:
	contig_buffer_uncharge(buffer, rest);
	return ret;
}

/* How much of CMA is free is not told to modules: the page allocator's part. */
static unsigned long contig_coherent_largest(const struct contig_request *request,
					     const struct contig_survey *survey)
{
	return survey->largest_free;
}

/* Map a part of a buffer of this rung; vm_pgoff says which. */
int contig_coherent_mmap(struct contig_buffer *buffer,
			 struct vm_area_struct *vma)
{
	return dma_mmap_attrs(&contig_device->dev, vma, buffer->vaddr,
			      buffer->dma, buffer->extents.npages << PAGE_SHIFT,
			      CONTIG_ATTRS);
}

int contig_coherent_init(void)
{
	struct platform_device_info info = {
		.name = "contig",
		.id = PLATFORM_DEVID_NONE,
		.dma_mask = DMA_BIT_MASK(64),
	};

	contig_device = platform_device_register_full(&info);
	return PTR_ERR_OR_ZERO(contig_device);
}

void contig_coherent_exit(void)
{
	platform_device_unregister(contig_device);
}

const struct contig_rung_ops contig_coherent_ops = {
	.name = "coherent",
	.mapping = CONTIG_MAPPING_PFN,
	.present = contig_coherent_present,
	.alloc = contig_coherent_alloc,
	.free = contig_coherent_free,
	.largest = contig_coherent_largest,
};

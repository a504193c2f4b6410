// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory from dma_alloc_attrs(): its extents, mmap() and its release
 */
#include <linux/dma-mapping.h>
#include <linux/memory_hotplug.h>
#include <linux/mm.h>
#include <linux/pfn.h>
#include <linux/printk.h>
#include <linux/scatterlist.h>

#include "buffer.h"
#include "dma_memory.h"
#include "extents.h"
#include "fault.h"
#include "pageblock.h"
#include "poison.h"

/**
 * contig_dma_memory_record() - record the extents of memory
 * @buffer: @dev, @vaddr and @dma describe memory from dma_alloc_attrs();
 *          receives the extents, more than one behind an IOMMU
 * @size: bytes
 *
 * Return: 0 or -errno.
 */
int contig_dma_memory_record(struct contig_buffer *buffer, size_t size)
{
	struct scatterlist *sg;
	struct sg_table sgt;
	int ret, i;

	ret = dma_get_sgtable_attrs(buffer->dev, &sgt, buffer->vaddr,
				    buffer->dma, size, CONTIG_DMA_MEMORY_ATTRS);
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

static bool contig_dma_memory_in_cma(const struct contig_buffer *buffer)
{
	unsigned long pfn = buffer->extents.entries->pfn;
	struct page *page = pfn_to_online_page(pfn);

	return page && contig_block_is_cma(page_zone(page), pfn);
}

/*
 * Return true if the memory is the page allocator's. CMA isolates a pageblock
 * for a moment, even one with memory in use, so isolated ones count as CMA.
 */
bool contig_dma_memory_in_zone(const struct contig_buffer *buffer)
{
	unsigned long pfn = buffer->extents.entries->pfn;
	struct page *page = pfn_to_online_page(pfn);

	return page && !contig_block_is_cma(page_zone(page), pfn) &&
	       !contig_block_is_isolated(page_zone(page), pfn);
}

/* Return true if a page of the memory has failed. */
bool contig_dma_memory_failed(const struct contig_buffer *buffer)
{
	unsigned long npages = buffer->extents.npages;

	return contig_buffer_first_failed(buffer, 0, npages) < npages;
}

/**
 * contig_dma_memory_free() - free memory from dma_alloc_attrs()
 * @buffer: the memory and its extents
 * @size: bytes
 *
 * No failed page may become available to others. CMA frees page by page, and
 * failed pages stay out. The page allocator and no-map pools free a block as a
 * whole and do not check it: such a block with a failed page is never freed.
 *
 * Return: true if the memory was freed.
 */
bool contig_dma_memory_free(struct contig_buffer *buffer, size_t size)
{
	if (!contig_dma_memory_in_cma(buffer) && contig_dma_memory_failed(buffer)) {
		pr_warn("contig: %zu KiB of coherent memory have a failed page and stay out of use\n",
			size >> 10);
		return false;
	}
	dma_free_attrs(buffer->dev, size, buffer->vaddr, buffer->dma,
		       CONTIG_DMA_MEMORY_ATTRS);
	return true;
}

/* Free memory from dma_alloc_attrs() that was never used. */
void contig_dma_memory_undo(struct contig_buffer *buffer, size_t size)
{
	contig_dma_memory_free(buffer, size);
	contig_extents_free(&buffer->extents);
	buffer->vaddr = NULL;
}

/**
 * contig_dma_memory_discard() - free memory that its caller did not wait for
 * @buffer: @dev, @vaddr and @dma describe memory from dma_alloc_attrs()
 * @size: bytes
 *
 * May sleep.
 */
void contig_dma_memory_discard(struct contig_buffer *buffer, size_t size)
{
	/* Record the extents: the check for failed pages needs them. */
	contig_dma_memory_record(buffer, size);
	contig_dma_memory_undo(buffer, size);
}

/* Map a part of the memory into a process; vm_pgoff selects it. */
int contig_dma_memory_mmap(struct contig_buffer *buffer,
			   struct vm_area_struct *vma)
{
	if (contig_should_fail(CONTIG_FAULT_MAP))
		return -ENOMEM;
	return dma_mmap_attrs(buffer->dev, vma, buffer->vaddr,
			      buffer->dma, buffer->extents.npages << PAGE_SHIFT,
			      CONTIG_DMA_MEMORY_ATTRS);
}

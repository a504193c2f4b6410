// SPDX-License-Identifier: GPL-2.0-only
/*
 * What other drivers can do with a buffer
 */
#include <linux/dma-buf.h>
#include <linux/dma-map-ops.h>
#include <linux/dma-mapping.h>
#include <linux/highmem.h>
#include <linux/iosys-map.h>
#include <linux/mm.h>
#include <linux/scatterlist.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>

#include "buffer.h"
#include "dma_map.h"
#include "fault.h"
#include "poison.h"
#include "pool.h"
#include "rung.h"
#include "sg.h"

/**
 * struct contig_attachment - a device that uses a buffer
 * @node: entry of contig_buffer.attachments
 * @dev: the device
 * @sgt: its view of the memory
 * @direction: how @sgt is mapped for the device, or DMA_NONE if it is not;
 *             protected by contig_buffer.lock
 */
struct contig_attachment {
	struct list_head node;
	struct device *dev;
	struct sg_table sgt;
	enum dma_data_direction direction;
};

/* Has the memory no mapping in the kernel but the buffer's own? */
bool contig_buffer_no_map(const struct contig_buffer *buffer)
{
	return buffer->pool && buffer->pool->no_map;
}

/*
 * Return -EHWPOISON if a page of a buffer has failed: other drivers and DMA_BUF
 * commands know only the whole of it, and would read the page.
 */
static int contig_buffer_check(const struct contig_buffer *buffer)
{
	return contig_buffer_failed(buffer, 0, buffer->extents.npages) ?
	       -EHWPOISON : 0;
}

/*
 * Can a buffer's memory be mapped for a device by the DMA API, given that nobody
 * asks for caches to be maintained where the kernel does not map it?
 */
bool contig_buffer_suits(const struct contig_buffer *buffer, struct device *dev)
{
	/* Nobody's mapping of a no-map pool is cacheable. */
	if (!buffer->vaddr || contig_buffer_no_map(buffer))
		return true;
	/*
	 * The CPU accesses it past its caches then, and nobody cleans those for a
	 * device that looks into them.
	 */
	return dev_is_dma_coherent(buffer->dev) || !dev_is_dma_coherent(dev);
}

static int contig_attach(struct dma_buf *dmabuf,
			 struct dma_buf_attachment *attach)
{
	struct contig_buffer *buffer = dmabuf->priv;
	struct contig_sg_limits limits = contig_sg_limits(attach->dev);
	struct contig_attachment *a;
	int ret;

	/* Others' drivers may look for the kernel's mapping of the memory. */
	if (contig_buffer_no_map(buffer) ||
	    !contig_buffer_suits(buffer, attach->dev))
		return -EOPNOTSUPP;
	ret = contig_buffer_check(buffer);
	if (ret)
		return ret;
	a = kzalloc(sizeof(*a), GFP_KERNEL_ACCOUNT);
	if (!a)
		return -ENOMEM;
	ret = contig_sg_fill(&buffer->extents, 0, buffer->extents.npages,
			     &limits, GFP_KERNEL_ACCOUNT, &a->sgt);
	if (ret) {
		kfree(a);
		return ret;
	}
	a->dev = attach->dev;
	a->direction = DMA_NONE;
	attach->priv = a;
	contig_buffer_expose(buffer);

	guard(mutex)(&buffer->lock);
	list_add(&a->node, &buffer->attachments);
	return 0;
}

static void contig_detach(struct dma_buf *dmabuf,
			  struct dma_buf_attachment *attach)
{
	struct contig_buffer *buffer = dmabuf->priv;
	struct contig_attachment *a = attach->priv;

	scoped_guard(mutex, &buffer->lock)
		list_del(&a->node);
	sg_free_table(&a->sgt);
	kfree(a);
}

/*
 * Several devices may map a buffer at the same time. Between mappings that do
 * their own cache maintenance the DMA API takes that for a mistake; so it is done
 * apart from mapping.
 */
static struct sg_table *contig_map(struct dma_buf_attachment *attach,
				   enum dma_data_direction direction)
{
	struct contig_buffer *buffer = attach->dmabuf->priv;
	struct contig_attachment *a = attach->priv;
	int ret;

	ret = contig_buffer_check(buffer);
	if (ret)
		return ERR_PTR(ret);
	guard(mutex)(&buffer->lock);
	ret = contig_should_fail(CONTIG_FAULT_MAP) ? -ENOMEM :
	      dma_map_sgtable(attach->dev, &a->sgt, direction,
			      DMA_ATTR_SKIP_CPU_SYNC);
	if (ret)
		return ERR_PTR(ret);
	dma_sync_sgtable_for_device(attach->dev, &a->sgt, direction);
	a->direction = direction;
	return &a->sgt;
}

static void contig_unmap(struct dma_buf_attachment *attach,
			 struct sg_table *sgt, enum dma_data_direction direction)
{
	struct contig_buffer *buffer = attach->dmabuf->priv;
	struct contig_attachment *a = attach->priv;

	guard(mutex)(&buffer->lock);
	a->direction = DMA_NONE;
	dma_sync_sgtable_for_cpu(attach->dev, sgt, direction);
	dma_unmap_sgtable(attach->dev, sgt, direction, DMA_ATTR_SKIP_CPU_SYNC);
}

static int contig_begin_cpu_access(struct dma_buf *dmabuf,
				   enum dma_data_direction direction)
{
	struct contig_buffer *buffer = dmabuf->priv;
	struct contig_attachment *a;
	struct contig_dma_map *map;
	int ret;

	ret = contig_buffer_check(buffer);
	if (ret)
		return ret;
	guard(mutex)(&buffer->lock);
	if (buffer->vmaps)
		invalidate_kernel_vmap_range(buffer->vmap,
					     contig_buffer_size(buffer));
	/*
	 * What counts is what the device does, not what the CPU is going to do: a
	 * copy for a device that only reads is never newer than the memory.
	 */
	list_for_each_entry(a, &buffer->attachments, node)
		if (a->direction != DMA_NONE && a->direction != DMA_TO_DEVICE)
			dma_sync_sgtable_for_cpu(a->dev, &a->sgt,
						 a->direction);
	/* Copies are a preparation's, and only that knows which part is newer. */
	list_for_each_entry(map, &buffer->maps, buffer_node)
		if (map->direction != DMA_TO_DEVICE && !map->bounced)
			contig_dma_map_sync_all(map, false);
	return 0;
}

static int contig_end_cpu_access(struct dma_buf *dmabuf,
				 enum dma_data_direction direction)
{
	struct contig_buffer *buffer = dmabuf->priv;
	struct contig_attachment *a;
	struct contig_dma_map *map;
	int ret;

	ret = contig_buffer_check(buffer);
	if (ret)
		return ret;
	guard(mutex)(&buffer->lock);
	if (buffer->vmaps)
		flush_kernel_vmap_range(buffer->vmap,
					contig_buffer_size(buffer));
	list_for_each_entry(a, &buffer->attachments, node)
		if (a->direction != DMA_NONE)
			dma_sync_sgtable_for_device(a->dev, &a->sgt,
						    a->direction);
	list_for_each_entry(map, &buffer->maps, buffer_node)
		if (!map->bounced)
			contig_dma_map_sync_all(map, true);
	return 0;
}

static void *contig_vmap_pages(const struct contig_extents *extents)
{
	struct contig_cursor cursor;
	unsigned long pfn, n, i = 0;
	struct page **pages;
	void *vaddr;

	if (extents->npages > INT_MAX)
		return NULL;
	pages = kvmalloc_array(extents->npages, sizeof(*pages),
			       GFP_KERNEL | __GFP_NOWARN);
	if (!pages)
		return NULL;
	contig_cursor_init(&cursor, extents, 0);
	while ((n = contig_cursor_next(&cursor, extents->npages, &pfn)))
		while (n--)
			pages[i++] = pfn_to_page(pfn++);
	vaddr = contig_should_fail(CONTIG_FAULT_MAP) ? NULL :
		vmap(pages, extents->npages, VM_MAP, PAGE_KERNEL);
	kvfree(pages);
	return vaddr;
}

static int contig_vmap(struct dma_buf *dmabuf, struct iosys_map *map)
{
	struct contig_buffer *buffer = dmabuf->priv;
	int ret;

	ret = contig_buffer_check(buffer);
	if (ret)
		return ret;
	contig_buffer_expose(buffer);
	if (buffer->vaddr) {
		iosys_map_set_vaddr(map, buffer->vaddr);
		return 0;
	}

	guard(mutex)(&buffer->lock);
	if (!buffer->vmaps) {
		buffer->vmap = contig_vmap_pages(&buffer->extents);
		if (!buffer->vmap)
			return -ENOMEM;
	}
	buffer->vmaps++;
	iosys_map_set_vaddr(map, buffer->vmap);
	return 0;
}

static void contig_vunmap(struct dma_buf *dmabuf, struct iosys_map *map)
{
	struct contig_buffer *buffer = dmabuf->priv;

	if (!buffer->vaddr) {
		guard(mutex)(&buffer->lock);
		if (!--buffer->vmaps) {
			vunmap(buffer->vmap);
			buffer->vmap = NULL;
		}
	}
	iosys_map_clear(map);
}

static void contig_release(struct dma_buf *dmabuf)
{
	contig_buffer_destroy(dmabuf->priv);
}

const struct dma_buf_ops contig_dmabuf_ops = {
	.attach = contig_attach,
	.detach = contig_detach,
	.map_dma_buf = contig_map,
	.unmap_dma_buf = contig_unmap,
	.begin_cpu_access = contig_begin_cpu_access,
	.end_cpu_access = contig_end_cpu_access,
	.mmap = contig_mmap,
	.vmap = contig_vmap,
	.vunmap = contig_vunmap,
	.release = contig_release,
};

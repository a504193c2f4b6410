// SPDX-License-Identifier: GPL-2.0-only
/*
 * Buffers as dma-bufs: the operations that other drivers can call
 */
#include <linux/dma-buf.h>
#include <linux/dma-mapping.h>
#include <linux/highmem.h>
#include <linux/iosys-map.h>
#include <linux/mm.h>
#include <linux/scatterlist.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>

#include "buffer.h"
#include "dma_map.h"
#include "dmabuf.h"
#include "fault.h"
#include "gfp.h"
#include "listing.h"
#include "mmap.h"
#include "place.h"
#include "poison.h"
#include "sg.h"
#include "stats.h"

/**
 * struct contig_attachment - a device that uses a buffer
 * @node: entry of contig_buffer.attachments
 * @dev: the device
 * @sgt: the memory as scatterlist for @dev
 * @direction: direction that @sgt is mapped with, DMA_NONE if it is not mapped;
 *             protected by contig_buffer.lock
 */
struct contig_attachment {
	struct list_head node;
	struct device *dev;
	struct sg_table sgt;
	enum dma_data_direction direction;
};

/*
 * Return -EHWPOISON if a page of a buffer has failed: other drivers and DMA_BUF
 * commands use the whole buffer, and would read the page.
 */
static int contig_buffer_check(struct contig_buffer *buffer)
{
	int ret = contig_place_look(buffer);

	if (ret)
		return ret;
	if (contig_buffer_failed(buffer, 0, buffer->extents.npages))
		ret = -EHWPOISON;
	contig_place_looked(buffer);
	return ret;
}

static int contig_dmabuf_attach(struct dma_buf *dmabuf,
				struct dma_buf_attachment *attach)
{
	struct contig_buffer *buffer = dmabuf->priv;
	struct contig_sg_limits limits = contig_sg_limits(attach->dev);
	struct contig_attachment *a;
	int ret;

	/* Other drivers may use the direct map of the memory. */
	if (contig_buffer_no_map(buffer) ||
	    !contig_buffer_suits(buffer, attach->dev))
		return -EOPNOTSUPP;
	ret = contig_buffer_check(buffer);
	if (ret)
		return ret;
	a = kzalloc(sizeof(*a), CONTIG_GFP);
	if (!a)
		return -ENOMEM;
	ret = contig_place_stay(buffer);
	if (ret)
		goto err_free;
	ret = contig_sg_fill(&buffer->extents, 0, buffer->extents.npages,
			     &limits, CONTIG_GFP, &a->sgt);
	if (ret)
		goto err_leave;
	a->dev = attach->dev;
	a->direction = DMA_NONE;
	attach->priv = a;
	contig_buffer_expose(buffer);

	scoped_guard(mutex, &buffer->lock)
		list_add(&a->node, &buffer->attachments);
	return 0;

err_leave:
	contig_place_leave(buffer);
err_free:
	kfree(a);
	return ret;
}

static void contig_dmabuf_detach(struct dma_buf *dmabuf,
				 struct dma_buf_attachment *attach)
{
	struct contig_buffer *buffer = dmabuf->priv;
	struct contig_attachment *a = attach->priv;

	scoped_guard(mutex, &buffer->lock)
		list_del(&a->node);
	contig_place_leave(buffer);
	sg_free_table(&a->sgt);
	kfree(a);
}

/*
 * Several devices may map a buffer at the same time. The DMA API warns if such
 * mappings do cache maintenance, so that is done separately.
 */
static struct sg_table *contig_dmabuf_map(struct dma_buf_attachment *attach,
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

static void contig_dmabuf_unmap(struct dma_buf_attachment *attach,
				struct sg_table *sgt, enum dma_data_direction direction)
{
	struct contig_buffer *buffer = attach->dmabuf->priv;
	struct contig_attachment *a = attach->priv;

	guard(mutex)(&buffer->lock);
	a->direction = DMA_NONE;
	dma_sync_sgtable_for_cpu(attach->dev, sgt, direction);
	dma_unmap_sgtable(attach->dev, sgt, direction, DMA_ATTR_SKIP_CPU_SYNC);
}

static int contig_dmabuf_begin_cpu_access(struct dma_buf *dmabuf,
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
	 * The direction of the device's transfer matters, not that of the CPU's
	 * access: for a device that only reads, caches and bounce buffers are
	 * never newer than the memory.
	 */
	list_for_each_entry(a, &buffer->attachments, node)
		if (a->direction != DMA_NONE && a->direction != DMA_TO_DEVICE)
			dma_sync_sgtable_for_cpu(a->dev, &a->sgt,
						 a->direction);
	/* Bounce buffers belong to preparations, which sync their parts. */
	list_for_each_entry(map, &buffer->maps, buffer_node)
		if (map->direction != DMA_TO_DEVICE && !map->bounced)
			contig_dma_map_sync_all(map, false);
	return 0;
}

static int contig_dmabuf_end_cpu_access(struct dma_buf *dmabuf,
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

static void *contig_dmabuf_vmap_pages(const struct contig_extents *extents)
{
	struct contig_cursor cursor;
	unsigned long pfn, n, i = 0;
	struct page **pages;
	void *vaddr;

	if (extents->npages > INT_MAX)
		return NULL;
	pages = kvmalloc_array(extents->npages, sizeof(*pages), CONTIG_GFP);
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

/* Map a buffer that stays where it is. Return the address, or NULL. */
static void *contig_dmabuf_vmap_shared(struct contig_buffer *buffer)
{
	if (buffer->vaddr)
		return buffer->vaddr;

	guard(mutex)(&buffer->lock);
	if (!buffer->vmaps)
		buffer->vmap = contig_dmabuf_vmap_pages(&buffer->extents);
	if (buffer->vmap)
		buffer->vmaps++;
	return buffer->vmap;
}

static int contig_dmabuf_vmap(struct dma_buf *dmabuf, struct iosys_map *map)
{
	struct contig_buffer *buffer = dmabuf->priv;
	void *vaddr;
	int ret;

	ret = contig_buffer_check(buffer) ?: contig_place_stay(buffer);
	if (ret)
		return ret;
	contig_buffer_expose(buffer);
	vaddr = contig_dmabuf_vmap_shared(buffer);
	if (!vaddr) {
		contig_place_leave(buffer);
		return -ENOMEM;
	}
	iosys_map_set_vaddr(map, vaddr);
	return 0;
}

static void contig_dmabuf_vunmap(struct dma_buf *dmabuf, struct iosys_map *map)
{
	struct contig_buffer *buffer = dmabuf->priv;

	if (!buffer->vaddr) {
		guard(mutex)(&buffer->lock);
		if (!--buffer->vmaps) {
			vunmap(buffer->vmap);
			buffer->vmap = NULL;
		}
	}
	contig_place_leave(buffer);
	iosys_map_clear(map);
}

static void contig_dmabuf_release(struct dma_buf *dmabuf)
{
	contig_buffer_destroy(dmabuf->priv);
}

static const struct dma_buf_ops contig_dmabuf_ops = {
	.attach = contig_dmabuf_attach,
	.detach = contig_dmabuf_detach,
	.map_dma_buf = contig_dmabuf_map,
	.unmap_dma_buf = contig_dmabuf_unmap,
	.begin_cpu_access = contig_dmabuf_begin_cpu_access,
	.end_cpu_access = contig_dmabuf_end_cpu_access,
	.mmap = contig_mmap,
	.vmap = contig_dmabuf_vmap,
	.vunmap = contig_dmabuf_vunmap,
	.release = contig_dmabuf_release,
};

/**
 * contig_buffer_export() - create the dma-buf of a buffer with memory
 * @buffer: the buffer; the dma-buf owns it on success
 * @flags: access mode of the file, and O_CLOEXEC
 *
 * Return: 0 or -errno, after which the buffer is listed, or as before.
 */
int contig_buffer_export(struct contig_buffer *buffer, int flags)
{
	DEFINE_DMA_BUF_EXPORT_INFO(info);
	struct dma_buf *dmabuf;
	char *name;
	int ret;

	ret = contig_buffer_list(buffer);
	if (ret)
		return ret;
	/*
	 * A page may have failed while the rung was allocating others, and the
	 * sweep did not find it because the buffer was not listed.
	 */
	if (contig_poison_ever() &&
	    contig_buffer_first_failed(buffer, 0, buffer->extents.npages) <
	    buffer->extents.npages)
		return -ENOMEM;
	info.ops = &contig_dmabuf_ops;
	info.size = contig_buffer_size(buffer);
	info.flags = flags;
	info.priv = buffer;
	buffer->dmabuf = NULL;
	dmabuf = dma_buf_export(&info);
	/* The caller may destroy the buffer, which unlists it. */
	if (IS_ERR(dmabuf))
		return PTR_ERR(dmabuf);
	/* Pairs with contig_buffer_name(), which reads the dma-buf's name. */
	smp_store_release(&buffer->dmabuf, dmabuf);
	/* The file can be freed before the buffer, so hold its inode. */
	ihold(file_inode(dmabuf->file));
	WRITE_ONCE(buffer->inode, file_inode(dmabuf->file));
	/* Name for fdinfo; left out if its allocation fails. */
	name = kstrdup(buffer->name, CONTIG_GFP);
	spin_lock(&dmabuf->name_lock);
	dmabuf->name = name;
	spin_unlock(&dmabuf->name_lock);
	return 0;
}

/* Return the buffer of a dma-buf, or NULL if another exporter owns it. */
struct contig_buffer *contig_buffer_of(const struct dma_buf *dmabuf)
{
	return dmabuf->ops == &contig_dmabuf_ops ? dmabuf->priv : NULL;
}

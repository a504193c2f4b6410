// SPDX-License-Identifier: GPL-2.0-only
/*
 * Dma-bufs of other exporters, mapped for a client's device
 *
 * A client names a foreign dma-buf by its descriptor, like a buffer of contig.
 * The exporter maps the whole dma-buf for the client's device when the client
 * locks its first page, and unmaps it when the client has unlocked the last
 * one. Contig is a static importer: the memory does not move meanwhile.
 *
 * Exporters may take long to move memory or to take a lock of their own. So no
 * lock of a device is held while they are called. The device counts such calls,
 * and if it leaves, that waits for them, as for any driver that imports.
 *
 * Importers must not use the pages in an exporter's list, which need not exist.
 * The page frames are found by translating the DMA addresses back.
 */
#include <linux/atomic.h>
#include <linux/dma-buf.h>
#include <linux/dma-direct.h>
#include <linux/dma-map-ops.h>
#include <linux/dma-mapping.h>
#include <linux/err.h>
#include <linux/fs.h>
#include <linux/ioport.h>
#include <linux/iommu.h>
#include <linux/mm.h>
#include <linux/mutex.h>
#include <linux/sched/signal.h>
#include <linux/sizes.h>
#include <linux/slab.h>
#include <linux/swiotlb.h>
#include <linux/wait.h>

#include "client.h"
#include "dma_device.h"
#include "fault.h"
#include "foreign.h"
#include "gfp.h"
#include "target.h"

/* System RAM is looked up in steps of this many pages. */
#define CONTIG_FOREIGN_STEP (SZ_1G >> PAGE_SHIFT)

static u64 contig_foreign_npages(const struct dma_buf *dmabuf)
{
	return PAGE_ALIGN((u64)dmabuf->size) >> PAGE_SHIFT;
}

/* Begin a call of an exporter. Return 0, or -ENODEV if the device is gone. */
static int contig_foreign_enter(struct contig_dma_device *device)
{
	guard(mutex)(&device->lock);
	if (device->gone)
		return -ENODEV;
	atomic_inc(&device->foreign_calls);
	return 0;
}

static void contig_foreign_leave(struct contig_dma_device *device)
{
	if (atomic_dec_and_test(&device->foreign_calls))
		wake_up_all(&device->foreign_idle);
}

/* Map an error of an exporter, which can be any, to an errno of the uapi. */
static int contig_foreign_error(int error)
{
	switch (error) {
	case -ERESTARTSYS:
	case -EINTR:
		return -EINTR;
	case -ENOMEM:
		return -ENOMEM;
	default:
		return -EADDRNOTAVAIL;
	}
}

/*
 * Return true if an exporter may be asked to map memory at any address. Without
 * an IOMMU, the DMA API uses bounce buffers for memory that the device does not
 * reach, or warns in the log if it cannot. Bounce buffers can be detected
 * later, but only for devices that snoop caches.
 */
static bool contig_foreign_may_map(const struct contig_dma_device *device)
{
	struct device *dev = device->dev;

	if (device->translated)
		return true;
	/* All maps of this device would use bounce buffers. */
	if (is_swiotlb_force_bounce(dev))
		return false;
	if (!dma_addressing_limited(dev))
		return true;
	return dev_is_dma_coherent(dev) && contig_dma_may_bounce(dev);
}

/* Return true if a DMA address belongs to a bounce buffer. */
static bool contig_foreign_is_copy(const struct contig_dma_device *device,
				   dma_addr_t addr)
{
	/* A device that snoops caches needs syncs only for bounce buffers. */
	return !device->translated && dev_is_dma_coherent(device->dev) &&
	       dma_need_sync(device->dev, addr);
}

/* Record the extents of DMA addresses that the exporter mapped. */
static int contig_foreign_record(struct contig_foreign *foreign)
{
	struct contig_extents *extents = &foreign->map.extents;
	u64 left = contig_foreign_npages(foreign->dmabuf), n;
	struct scatterlist *sg;
	int i, ret;

	for_each_sgtable_dma_sg(foreign->sgt, sg, i) {
		dma_addr_t addr = sg_dma_address(sg);
		unsigned int length = sg_dma_len(sg);

		if (!left)
			break;
		n = min_t(u64, left, DIV_ROUND_UP(length, PAGE_SIZE));
		/* The last one may end with the dma-buf, within a page. */
		if (!PAGE_ALIGNED(addr) || !n ||
		    (!PAGE_ALIGNED(length) && n < left) ||
		    contig_foreign_is_copy(foreign->map.device, addr))
			return -EADDRNOTAVAIL;
		ret = contig_extents_append(extents, addr >> PAGE_SHIFT, n);
		if (ret)
			return ret;
		left -= n;
		cond_resched();
	}
	return left ? -EADDRNOTAVAIL : 0;
}

/* Undo contig_foreign_attach(). */
static void contig_foreign_detach(struct contig_foreign *foreign)
{
	if (foreign->sgt)
		contig_dma_buf_unmap(foreign->attach, foreign->sgt,
				     foreign->map.direction);
	dma_buf_detach(foreign->dmabuf, foreign->attach);
	/*
	 * Most exporters keep the memory as long as the dma-buf exists.
	 * Exporters that free it on detach rely on the kernel's own flush.
	 */
	contig_dma_flush(foreign->map.device);
}

/* Map the dma-buf. Called between contig_foreign_enter() and _leave(). */
static int contig_foreign_attach(struct contig_foreign *foreign)
{
	struct contig_dma_map *map = &foreign->map;
	struct dma_buf_attachment *attach;
	struct sg_table *sgt;
	int ret;

	if (!contig_foreign_may_map(map->device))
		return -EADDRNOTAVAIL;
	attach = contig_should_fail(CONTIG_FAULT_MAP) ? ERR_PTR(-ENOMEM) :
		 dma_buf_attach(foreign->dmabuf, map->device->dev);
	if (IS_ERR(attach))
		return contig_foreign_error(PTR_ERR(attach));
	foreign->attach = attach;
	/* Some exporters map at attach, and let the device write. */
	if (contig_dma_buf_mapped_at_attach(attach) &&
	    !(foreign->dmabuf->file->f_mode & FMODE_WRITE))
		sgt = ERR_PTR(-EACCES);
	else
		sgt = contig_dma_buf_map(attach, map->direction);
	if (IS_ERR(sgt)) {
		ret = contig_foreign_error(PTR_ERR(sgt));
	} else {
		foreign->sgt = sgt;
		ret = contig_foreign_record(foreign);
	}
	if (ret)
		contig_foreign_detach(foreign);
	return ret;
}

/* List the mapping, so that it is revoked when the device leaves. */
static int contig_foreign_add(struct contig_foreign *foreign)
{
	struct contig_dma_device *device = foreign->map.device;

	guard(mutex)(&device->lock);
	if (device->gone)
		return -ENODEV;
	list_add_tail(&foreign->node, &device->foreign);
	device->mapped += (u64)foreign->map.extents.npages << PAGE_SHIFT;
	WRITE_ONCE(foreign->map.mapped, true);
	return 0;
}

/* Unlist the mapping. The caller must detach it afterwards. */
static void contig_foreign_del(struct contig_foreign *foreign)
{
	struct contig_dma_device *device = foreign->map.device;

	lockdep_assert_held(&device->lock);
	WRITE_ONCE(foreign->map.mapped, false);
	list_del_init(&foreign->node);
	device->mapped -= (u64)foreign->map.extents.npages << PAGE_SHIFT;
}

static void contig_foreign_put(struct contig_foreign *foreign)
{
	if (!refcount_dec_and_test(&foreign->refs))
		return;
	dma_buf_put(foreign->dmabuf);
	contig_dma_map_uncharge(&foreign->map);
	contig_extents_free(&foreign->map.extents);
	contig_dma_device_put(foreign->map.device);
	kfree(foreign);
}

/**
 * contig_foreign_new() - map a foreign dma-buf for a device
 * @device: the device
 * @dmabuf: the dma-buf, as a whole
 * @output: the device will only read it
 * @user: user to charge for IOMMU page tables
 *
 * Calls the exporter, so the caller must hold no lock that others wait for
 * unkillably. May sleep.
 *
 * Return: the mapping, for contig_foreign_free(), or ERR_PTR() of -ENODEV if
 * the device is gone, -EADDRNOTAVAIL if it cannot reach the memory or the
 * exporter refuses, -EDQUOT, -EINTR, -ENOMEM.
 */
struct contig_foreign *contig_foreign_new(struct contig_dma_device *device,
					  struct dma_buf *dmabuf, bool output,
					  struct contig_user *user)
{
	struct contig_foreign *foreign = kzalloc(sizeof(*foreign), CONTIG_GFP);
	int ret;

	if (!foreign)
		return ERR_PTR(-ENOMEM);
	refcount_set(&foreign->refs, 1);
	INIT_LIST_HEAD(&foreign->node);
	INIT_LIST_HEAD(&foreign->map.node);
	INIT_LIST_HEAD(&foreign->map.buffer_node);
	contig_extents_init(&foreign->map.extents);
	foreign->map.direction = output ? DMA_TO_DEVICE : DMA_BIDIRECTIONAL;
	contig_dma_device_get(device);
	foreign->map.device = device;
	get_dma_buf(dmabuf);
	foreign->dmabuf = dmabuf;
	ret = contig_dma_map_charge(&foreign->map, user,
				    contig_foreign_npages(dmabuf));
	if (ret)
		goto err_put;
	ret = contig_foreign_enter(device);
	if (ret)
		goto err_put;
	ret = contig_foreign_attach(foreign);
	if (ret)
		goto err_leave;
	ret = contig_foreign_add(foreign);
	if (ret)
		goto err_detach;
	contig_foreign_leave(device);
	return foreign;

err_detach:
	contig_foreign_detach(foreign);
err_leave:
	contig_foreign_leave(device);
err_put:
	contig_foreign_put(foreign);
	return ERR_PTR(ret);
}

/* Undo contig_foreign_new(). Calls the exporter. May sleep. */
void contig_foreign_free(struct contig_foreign *foreign)
{
	struct contig_dma_device *device = foreign->map.device;
	bool mine;

	scoped_guard(mutex, &device->lock) {
		/* An empty node: contig_foreign_revoke() detaches it. */
		mine = !list_empty(&foreign->node);
		if (mine) {
			contig_foreign_del(foreign);
			atomic_inc(&device->foreign_calls);
		}
	}
	if (mine) {
		contig_foreign_detach(foreign);
		contig_foreign_leave(device);
	}
	contig_foreign_put(foreign);
}

/* Unlist a mapping of a device and return it with a reference, or NULL. */
static struct contig_foreign *
contig_foreign_take(struct contig_dma_device *device)
{
	struct contig_foreign *foreign;

	guard(mutex)(&device->lock);
	foreign = list_first_entry_or_null(&device->foreign,
					   struct contig_foreign, node);
	if (foreign) {
		refcount_inc(&foreign->refs);
		contig_foreign_del(foreign);
	}
	return foreign;
}

/**
 * contig_foreign_revoke() - unmap all foreign dma-bufs of a device that leaves
 * @device: the device, which is marked as gone
 *
 * Calls exporters, and waits for calls that other tasks have made. May sleep.
 */
void contig_foreign_revoke(struct contig_dma_device *device)
{
	struct contig_foreign *foreign;

	while ((foreign = contig_foreign_take(device))) {
		contig_foreign_detach(foreign);
		contig_foreign_put(foreign);
		cond_resched();
	}
	wait_event(device->foreign_idle, !atomic_read(&device->foreign_calls));
}

/**
 * contig_foreign_check() - test whether a client may lock a range
 * @client: with its lock held
 * @target: the range
 *
 * Return: 0, or -EUNATCH for a range of a foreign dma-buf if the client has no
 * device to attach it to.
 */
int contig_foreign_check(const struct contig_client *client,
			 const struct contig_target *target)
{
	return contig_target_is_foreign(target) && !client->device ?
	       -EUNATCH : 0;
}

/**
 * contig_foreign_sync() - hand a foreign dma-buf to the device or the CPU
 * @foreign: the mapping
 * @for_device: the device uses it next, not the CPU
 *
 * Acts like DMA_BUF_IOCTL_SYNC on the whole dma-buf: ends an access of the CPU,
 * or begins one, which waits for the dma-buf's fences. May sleep.
 *
 * Return: 0, -ENODEV if the device is gone, -EINTR after any signal, or an
 * errno of the exporter.
 */
int contig_foreign_sync(struct contig_foreign *foreign, bool for_device)
{
	enum dma_data_direction direction = foreign->map.direction;
	int ret = 0;

	if (!READ_ONCE(foreign->map.mapped))
		return -ENODEV;
	if (for_device) {
		ret = dma_buf_end_cpu_access(foreign->dmabuf, direction);
		/* Some exporters return this if no access was begun. */
		if (ret == -EINVAL)
			ret = 0;
	} else if (direction != DMA_TO_DEVICE) {
		ret = dma_buf_begin_cpu_access(foreign->dmabuf, direction);
	}
	return ret == -ERESTARTSYS ? -EINTR : ret;
}

/* Return 0 if all page frames are System RAM, else -ENXIO or -EINTR. */
static int contig_foreign_check_ram(const struct contig_extents *extents)
{
	struct contig_cursor cursor;
	unsigned long pfn, n;

	contig_cursor_init(&cursor, extents, 0);
	while ((n = contig_cursor_next(&cursor,
				       min(cursor.offset + CONTIG_FOREIGN_STEP,
					   extents->npages), &pfn))) {
		if (region_intersects(PFN_PHYS(pfn), n << PAGE_SHIFT,
				      IORESOURCE_SYSTEM_RAM, IORES_DESC_NONE) !=
		    REGION_INTERSECTS)
			return -ENXIO;
		if (fatal_signal_pending(current))
			return -EINTR;
		cond_resched();
	}
	return 0;
}

/* Append the page frames behind adjacent DMA addresses to @extents. */
static int contig_foreign_translate(struct contig_dma_device *device,
				    unsigned long pfn, unsigned long n,
				    struct contig_extents *extents)
{
	struct iommu_domain *domain = iommu_get_domain_for_dev(device->dev);
	dma_addr_t addr = (dma_addr_t)pfn << PAGE_SHIFT;
	int ret = 0;

	if (!device->translated)
		return contig_extents_append(extents,
					     PHYS_PFN(dma_to_phys(device->dev,
								  addr)), n);
	for (; !ret && n--; addr += PAGE_SIZE) {
		ret = contig_extents_append(extents,
					    PHYS_PFN(iommu_iova_to_phys(domain,
									addr)),
					    1);
		if (fatal_signal_pending(current))
			ret = -EINTR;
		cond_resched();
	}
	return ret;
}

/**
 * contig_foreign_physical() - find the page frames of a foreign dma-buf
 * @foreign: the mapping
 * @extents: an empty list, which receives the page frames of the whole dma-buf
 *
 * May sleep.
 *
 * Return: 0, -ENODEV if the device is gone, -ENXIO if not all of it is system
 * memory, -EINTR, -ENOMEM.
 */
int contig_foreign_physical(struct contig_foreign *foreign,
			    struct contig_extents *extents)
{
	const struct contig_extents *dma = &foreign->map.extents;
	struct contig_dma_device *device = foreign->map.device;
	struct contig_cursor cursor;
	unsigned long pfn, n;
	int ret = contig_foreign_enter(device);

	if (ret)
		return ret;
	contig_cursor_init(&cursor, dma, 0);
	while (!ret && (n = contig_cursor_next(&cursor, dma->npages, &pfn)))
		ret = contig_foreign_translate(device, pfn, n, extents);
	/*
	 * The device cannot lose its IOMMU before contig_foreign_leave(). The
	 * addresses are valid if they are still mapped.
	 */
	if (!ret && !READ_ONCE(foreign->map.mapped))
		ret = -ENODEV;
	contig_foreign_leave(device);
	if (ret)
		goto err_free;
	ret = contig_foreign_check_ram(extents);
	if (ret)
		goto err_free;
	return 0;

err_free:
	contig_extents_free(extents);
	return ret;
}

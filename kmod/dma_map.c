// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory that is mapped for a device
 *
 * The DMA API does the mapping, so an IOMMU is programmed where there is one. What
 * a device cannot reach the API would copy to where it can, unseen, each time
 * somebody says that the data changed. A driver in user space that hands out an
 * address expects its data there: so such memory is refused, unless it is prepared for one
 * transfer after the other (prepare.c).
 */
#include <linux/dma-direct.h>
#include <linux/dma-map-ops.h>
#include <linux/dma-mapping.h>
#include <linux/err.h>
#include <linux/iommu.h>
#include <linux/mm.h>
#include <linux/sizes.h>
#include <linux/slab.h>
#include <linux/swiotlb.h>

#include "dma_device.h"
#include "dma_map.h"
#include "fault.h"
#include "limits.h"
#include "sg.h"

/* The list may be mapped several times over: see contig_map() in dmabuf.c. */
#define CONTIG_MAP_ATTRS (DMA_ATTR_SKIP_CPU_SYNC | DMA_ATTR_NO_WARN)

/*
 * Pages of which devices use copies. The pool that copies lie in is one for all
 * devices of the machine, 64 MiB by default, and must not be ours alone.
 */
#define CONTIG_BOUNCED_MOST (SZ_16M >> PAGE_SHIFT)
static atomic_long_t contig_bounced = ATOMIC_LONG_INIT(0);

/*
 * Can the device reach all of this memory by the addresses that the CPU uses? Not if
 * the administrator wants copies of everything, or memory is encrypted.
 */
static bool contig_dma_reaches(struct contig_dma_device *device,
			       const struct contig_extents *extents,
			       unsigned long first, unsigned long npages)
{
	struct contig_cursor cursor;
	struct device *dev = device->dev;
	unsigned long pfn, n;

	if (device->translated)
		return true;
	if (is_swiotlb_force_bounce(dev))
		return false;
	contig_cursor_init(&cursor, extents, first);
	while ((n = contig_cursor_next(&cursor, first + npages, &pfn)))
		if (!dma_capable(dev, phys_to_dma(dev, PFN_PHYS((u64)pfn)),
				 n << PAGE_SHIFT, true))
			return false;
	return true;
}

/*
 * Could it use a copy instead? The pool that copies lie in is below 4 GiB, and the
 * kernel warns of a device that does not reach it.
 */
static bool contig_dma_may_bounce(struct device *dev)
{
	return dma_max_mapping_size(dev) != SIZE_MAX &&
	       min_not_zero(dma_get_mask(dev), dev->bus_dma_limit) >=
	       DMA_BIT_MASK(32);
}

/*
 * Note the runs of DMA addresses. Where nothing translates, the address has to be
 * the memory's own: else it is a copy's.
 */
static int contig_dma_map_note(struct contig_dma_map *map, bool bounce)
{
	struct contig_dma_device *device = map->device;
	struct scatterlist *sg;
	int i, ret;

	for_each_sgtable_dma_sg(&map->sgt, sg, i) {
		dma_addr_t addr = sg_dma_address(sg);
		unsigned int length = sg_dma_len(sg);

		if (!PAGE_ALIGNED(addr) || !PAGE_ALIGNED(length))
			return -EADDRNOTAVAIL;
		if (!device->translated &&
		    addr != phys_to_dma(device->dev,
					page_to_phys(sg_page(sg)))) {
			if (!bounce)
				return -EADDRNOTAVAIL;
			map->bounced += length >> PAGE_SHIFT;
		}
		ret = contig_extents_append(&map->extents, addr >> PAGE_SHIFT,
					    length >> PAGE_SHIFT);
		if (ret)
			return ret;
	}
	return 0;
}

static void contig_dma_unmap(struct contig_dma_map *map)
{
	struct device *dev = map->device->dev;
	struct iommu_domain *domain = iommu_get_domain_for_dev(dev);

	atomic_long_sub(map->bounced, &contig_bounced);

	/*
	 * Nothing is synced: part of the memory may have been unlocked long ago,
	 * and whoever has it now may have written to it. Who wants to see what the
	 * device wrote says so by CONTIG_SYNC or CONTIG_CHECKPOINT.
	 */
	dma_unmap_sgtable(dev, &map->sgt, map->direction, CONTIG_MAP_ATTRS);
	/* An IOMMU may remember for a while, but the memory goes at once. */
	if (domain && domain->type == IOMMU_DOMAIN_DMA_FQ)
		iommu_flush_iotlb_all(domain);
}

static int contig_dma_map(struct contig_dma_map *map, bool bounce)
{
	struct contig_dma_device *device = map->device;
	int ret;

	lockdep_assert_held(&device->lock);
	if (device->gone)
		return -ENODEV;
	ret = contig_should_fail(CONTIG_FAULT_MAP) ? -ENOMEM :
	      dma_map_sgtable(device->dev, &map->sgt, map->direction,
			      CONTIG_MAP_ATTRS);
	if (ret)
		return ret == -ENOMEM ? ret : -EADDRNOTAVAIL;
	ret = contig_dma_map_note(map, bounce);
	if (atomic_long_add_return(map->bounced, &contig_bounced) >
	    CONTIG_BOUNCED_MOST)
		ret = ret ?: -EDQUOT;
	if (ret) {
		contig_dma_unmap(map);
		return ret;
	}
	if (!map->no_map)
		dma_sync_sgtable_for_device(device->dev, &map->sgt,
					    map->direction);
	map->mapped = true;
	return 0;
}

/*
 * An IOMMU's page tables are the kernel's, eight bytes for a page, and the same
 * memory can be mapped by any number of clients.
 */
static int contig_dma_map_charge(struct contig_dma_map *map,
				 struct contig_user *user, unsigned long npages)
{
	int ret;

	if (!user || !map->device->translated)
		return 0;
	map->charged = DIV_ROUND_UP(npages, PAGE_SIZE / sizeof(u64));
	ret = contig_user_charge(user, map->charged);
	if (!ret)
		map->user = contig_user_ref(user);
	return ret;
}

static void contig_dma_map_uncharge(struct contig_dma_map *map)
{
	if (!map->user)
		return;
	contig_user_uncharge(map->user, map->charged);
	contig_user_put(map->user);
}

/**
 * contig_dma_map_new() - map memory for a device
 * @device: the device
 * @extents: where the memory lies
 * @first: page offset in @extents to begin at
 * @npages: how much of it, not 0
 * @output: the device will only read it
 * @bounce: it may use a copy
 * @no_map: the kernel has no mapping of the memory to copy by, or to maintain
 *          caches
 * @user: whom to charge for page tables of an IOMMU, or NULL
 *
 * The memory has to stay in place until contig_dma_map_free(). May sleep.
 *
 * Return: the map, or ERR_PTR() of -ENODEV if the device is gone, -EADDRNOTAVAIL
 * if it cannot reach the memory, -EDQUOT, -EOVERFLOW, -ENOMEM.
 */
struct contig_dma_map *contig_dma_map_new(struct contig_dma_device *device,
					  const struct contig_extents *extents,
					  unsigned long first,
					  unsigned long npages, bool output,
					  bool bounce, bool no_map,
					  struct contig_user *user)
{
	struct contig_sg_limits limits;
	struct contig_dma_map *map;
	size_t most;
	int ret;

	/* The limits are the device's as long as it is not gone. */
	scoped_guard(mutex, &device->lock) {
		if (device->gone)
			return ERR_PTR(-ENODEV);
		limits = contig_sg_limits(device->dev);
		if (no_map && is_swiotlb_force_bounce(device->dev))
			return ERR_PTR(-EADDRNOTAVAIL);
		if (contig_dma_reaches(device, extents, first, npages))
			bounce = false;
		else if (no_map || !bounce || !contig_dma_may_bounce(device->dev))
			return ERR_PTR(-EADDRNOTAVAIL);
		most = dma_max_mapping_size(device->dev) >> PAGE_SHIFT;
	}
	if (bounce)
		limits.longest = clamp_t(size_t, most, 1, limits.longest);
	map = kzalloc(sizeof(*map), GFP_KERNEL_ACCOUNT);
	if (!map)
		return ERR_PTR(-ENOMEM);
	map->no_map = no_map;
	map->direction = output ? DMA_TO_DEVICE : DMA_BIDIRECTIONAL;
	map->device = device;
	contig_extents_init(&map->extents);
	INIT_LIST_HEAD(&map->node);
	INIT_LIST_HEAD(&map->buffer_node);
	ret = contig_dma_map_charge(map, user, npages);
	if (ret) {
		kfree(map);
		return ERR_PTR(ret);
	}
	ret = contig_sg_fill(extents, first, npages, &limits,
			     GFP_KERNEL_ACCOUNT, &map->sgt);
	if (ret)
		goto err_free;

	scoped_guard(mutex, &device->lock) {
		ret = contig_dma_map(map, bounce);
		if (!ret) {
			list_add_tail(&map->node, &device->maps);
			device->mapped += (u64)npages << PAGE_SHIFT;
		}
	}
	if (ret)
		goto err_table;
	contig_dma_device_get(device);
	return map;

err_table:
	sg_free_table(&map->sgt);
err_free:
	contig_dma_map_uncharge(map);
	contig_extents_free(&map->extents);
	kfree(map);
	return ERR_PTR(ret);
}

/* Forget a map. May sleep. */
void contig_dma_map_free(struct contig_dma_map *map)
{
	struct contig_dma_device *device = map->device;

	scoped_guard(mutex, &device->lock) {
		/* Or contig_dma_map_revoke() has done that. */
		if (!list_empty(&map->node)) {
			contig_dma_unmap(map);
			list_del(&map->node);
			device->mapped -= (u64)map->extents.npages
					  << PAGE_SHIFT;
		}
	}
	sg_free_table(&map->sgt);
	contig_dma_map_uncharge(map);
	contig_extents_free(&map->extents);
	contig_dma_device_put(device);
	kfree(map);
}

/* Sync what of one page lies between two offsets. */
static void contig_dma_sync_page(struct device *dev, unsigned long pfn,
				 unsigned int from, unsigned int to,
				 bool for_device,
				 enum dma_data_direction direction)
{
	dma_addr_t addr = ((dma_addr_t)pfn << PAGE_SHIFT) + from;

	if (for_device)
		dma_sync_single_for_device(dev, addr, to - from, direction);
	else
		dma_sync_single_for_cpu(dev, addr, to - from, direction);
}

/**
 * contig_dma_map_sync() - hand memory from the CPU to the device or back
 * @map: the map
 * @offset: byte offset in @map to begin at
 * @length: how much of it, in bytes, not 0
 * @for_device: the device has it next, not the CPU
 * @direction: which way the device moves data
 *
 * To the byte: what lies beside the range may be newer in the caches. Free, where
 * the device looks into these. May sleep.
 *
 * Return: 0, or -ENODEV if the device is gone.
 */
int contig_dma_map_sync(struct contig_dma_map *map, u64 offset, u64 length,
			bool for_device, enum dma_data_direction direction)
{
	struct device *dev = map->device->dev;
	unsigned long page = offset >> PAGE_SHIFT;
	unsigned long last = (offset + length - 1) >> PAGE_SHIFT;
	unsigned int from = offset & ~PAGE_MASK;
	struct contig_cursor cursor;
	unsigned long pfn, n;

	guard(mutex)(&map->device->lock);
	if (!map->mapped)
		return -ENODEV;
	/* Nobody has it in caches. */
	if (map->no_map) {
		/* What was written comes before what follows, as it does else. */
		mb();
		return 0;
	}
	if (dev_is_dma_coherent(dev) && !map->bounced)
		return 0;
	if (map->direction != DMA_BIDIRECTIONAL)
		direction = map->direction;
	/* Page by page, since what is in a row for the device need not be so. */
	contig_cursor_init(&cursor, &map->extents, page);
	while ((n = contig_cursor_next(&cursor, last + 1, &pfn))) {
		for (; n--; pfn++, page++) {
			contig_dma_sync_page(dev, pfn, from, page < last ?
					     PAGE_SIZE :
					     ((offset + length - 1) &
					      ~PAGE_MASK) + 1,
					     for_device, direction);
			from = 0;
		}
		cond_resched();
	}
	return 0;
}

int contig_dma_map_sync_all(struct contig_dma_map *map, bool for_device)
{
	return contig_dma_map_sync(map, 0, (u64)map->extents.npages << PAGE_SHIFT,
				   for_device, map->direction);
}

/* Does the device use a copy of the page at @physical, if it is told @dma? */
bool contig_dma_is_copy(struct contig_dma_device *device, u64 dma, u64 physical)
{
	return !device->translated &&
	       dma != phys_to_dma(device->dev, physical);
}

/* The device goes: its addresses mean nothing from here on. */
void contig_dma_map_revoke(struct contig_dma_map *map)
{
	lockdep_assert_held(&map->device->lock);
	WRITE_ONCE(map->mapped, false);
	contig_dma_unmap(map);
	list_del_init(&map->node);
	map->device->mapped -= (u64)map->extents.npages << PAGE_SHIFT;
}

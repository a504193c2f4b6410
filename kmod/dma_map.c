// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory that is mapped for a device
 *
 * The DMA API maps it, and programs the IOMMU if there is one. For memory that
 * a device cannot reach, the DMA API would silently use bounce buffers, which
 * are copied when the memory is synced. A driver in user space that gives an
 * address to its device expects the data there. So such memory is refused,
 * except in preparations, which are synced for each transfer (prepare.c).
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
#include "gfp.h"
#include "limits.h"
#include "sg.h"

/* Memory may be mapped several times: see contig_dmabuf_map() in dmabuf.c. */
#define CONTIG_MAP_ATTRS (DMA_ATTR_SKIP_CPU_SYNC | DMA_ATTR_NO_WARN)

/*
 * Limit on pages that bounce buffers replace, and their number. The bounce
 * pool, 64 MiB by default, serves all devices of the machine.
 */
#define CONTIG_BOUNCED_MOST (SZ_16M >> PAGE_SHIFT)
static atomic_long_t contig_bounced = ATOMIC_LONG_INIT(0);

/*
 * Return true if the device can address this memory, as dma_capable() does. In
 * newer kernels that needs a symbol that modules cannot use.
 */
static bool contig_dma_addresses(struct device *dev, unsigned long pfn,
				 unsigned long npages)
{
	dma_addr_t start = phys_to_dma(dev, PFN_PHYS((u64)pfn));
	u64 end = start + ((u64)npages << PAGE_SHIFT) - 1;

	return dev->dma_mask && start != DMA_MAPPING_ERROR &&
	       end <= min_not_zero(*dev->dma_mask, dev->bus_dma_limit);
}

/*
 * Return true if the device can reach all of this memory directly. It cannot if
 * bounce buffers are forced, by the administrator or because memory is
 * encrypted.
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
		if (!contig_dma_addresses(dev, pfn, n))
			return false;
	return true;
}

/*
 * Return true if a device that does not reach all memory could use bounce
 * buffers. These lie below 4 GiB, and the kernel warns of a device that does
 * not reach them.
 */
bool contig_dma_may_bounce(struct device *dev)
{
	return dma_max_mapping_size(dev) != SIZE_MAX &&
	       min_not_zero(dma_get_mask(dev), dev->bus_dma_limit) >=
	       DMA_BIT_MASK(32);
}

/*
 * Record the extents of DMA addresses. Without an IOMMU, an address that is not
 * the memory's own belongs to a bounce buffer.
 */
static int contig_dma_map_record(struct contig_dma_map *map, bool bounce)
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

/*
 * Flush the IOTLB of a device whose IOMMU defers that: the unmapped memory is
 * freed at once.
 */
void contig_dma_flush(struct contig_dma_device *device)
{
	struct iommu_domain *domain = iommu_get_domain_for_dev(device->dev);

	if (domain && domain->type == IOMMU_DOMAIN_DMA_FQ)
		iommu_flush_iotlb_all(domain);
}

static void contig_dma_unmap(struct contig_dma_map *map)
{
	atomic_long_sub(map->bounced, &contig_bounced);

	/*
	 * No sync: part of the memory may have been unlocked long ago and have
	 * new contents. Clients get the device's data by CONTIG_SYNC or
	 * CONTIG_CHECKPOINT.
	 */
	dma_unmap_sgtable(map->device->dev, &map->sgt, map->direction,
			  CONTIG_MAP_ATTRS);
	contig_dma_flush(map->device);
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
	ret = contig_dma_map_record(map, bounce);
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

/* Map for the device, and list the map for when the device leaves. */
static int contig_dma_map_enter(struct contig_dma_map *map,
				unsigned long npages, bool bounce)
{
	struct contig_dma_device *device = map->device;
	int ret;

	guard(mutex)(&device->lock);
	ret = contig_dma_map(map, bounce);
	if (ret)
		return ret;
	list_add_tail(&map->node, &device->maps);
	device->mapped += (u64)npages << PAGE_SHIFT;
	return 0;
}

/**
 * contig_dma_map_charge() - charge a user for the IOMMU page tables of a map
 * @map: the map, of which only the device need be set
 * @user: the user, or NULL
 * @npages: pages that it maps
 *
 * An IOMMU's page tables are kernel memory, eight bytes for a page, and any
 * number of clients can map the same memory.
 *
 * Return: 0 or -EDQUOT.
 */
int contig_dma_map_charge(struct contig_dma_map *map, struct contig_user *user,
			  unsigned long npages)
{
	int ret;

	if (!user || !map->device->translated)
		return 0;
	map->charged = DIV_ROUND_UP(npages, PAGE_SIZE / sizeof(u64));
	ret = contig_user_charge(user, map->charged);
	if (ret)
		return ret;
	map->user = contig_user_ref(user);
	return 0;
}

/* Undo contig_dma_map_charge(). Any context. */
void contig_dma_map_uncharge(struct contig_dma_map *map)
{
	if (!map->user)
		return;
	contig_user_uncharge(map->user, map->charged);
	contig_user_put(map->user);
}

/*
 * Check that a device can reach memory. Clear CONTIG_DMA_BOUNCE in @flags if no
 * bounce buffer is needed, and set @limits to those of the device's segments.
 * They are stable until contig_dma_device.gone is set.
 */
static int contig_dma_map_check(struct contig_dma_device *device,
				const struct contig_extents *extents,
				unsigned long first, unsigned long npages,
				u32 *flags, struct contig_sg_limits *limits)
{
	bool no_map = *flags & CONTIG_DMA_NO_MAP;

	guard(mutex)(&device->lock);
	if (device->gone)
		return -ENODEV;
	*limits = contig_sg_limits(device->dev);
	if (no_map && is_swiotlb_force_bounce(device->dev))
		return -EADDRNOTAVAIL;
	if (contig_dma_reaches(device, extents, first, npages)) {
		*flags &= ~CONTIG_DMA_BOUNCE;
		return 0;
	}
	if (no_map || !(*flags & CONTIG_DMA_BOUNCE) ||
	    !contig_dma_may_bounce(device->dev))
		return -EADDRNOTAVAIL;
	limits->longest = clamp_t(size_t, dma_max_mapping_size(device->dev) >>
					  PAGE_SHIFT, 1, limits->longest);
	return 0;
}

/**
 * contig_dma_map_new() - map memory for a device
 * @device: the device
 * @extents: the memory
 * @first: page offset in @extents to begin at
 * @npages: number of pages, not 0
 * @flags: of &enum contig_dma_map_flags
 * @user: user to charge for IOMMU page tables, or NULL
 *
 * The memory has to stay in place until contig_dma_map_free(). May sleep.
 *
 * Return: the map, or ERR_PTR() of -ENODEV if the device is gone,
 * -EADDRNOTAVAIL if it cannot reach the memory, -EDQUOT, -EOVERFLOW, -ENOMEM.
 */
struct contig_dma_map *contig_dma_map_new(struct contig_dma_device *device,
					  const struct contig_extents *extents,
					  unsigned long first,
					  unsigned long npages, u32 flags,
					  struct contig_user *user)
{
	struct contig_sg_limits limits;
	struct contig_dma_map *map;
	int ret;

	ret = contig_dma_map_check(device, extents, first, npages, &flags,
				   &limits);
	if (ret)
		return ERR_PTR(ret);
	map = kzalloc(sizeof(*map), CONTIG_GFP);
	if (!map)
		return ERR_PTR(-ENOMEM);
	map->no_map = flags & CONTIG_DMA_NO_MAP;
	map->direction = flags & CONTIG_DMA_OUTPUT ? DMA_TO_DEVICE :
						     DMA_BIDIRECTIONAL;
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
			     CONTIG_GFP, &map->sgt);
	if (ret)
		goto err_free;
	ret = contig_dma_map_enter(map, npages, flags & CONTIG_DMA_BOUNCE);
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

/* Unmap and free a map. May sleep. */
void contig_dma_map_free(struct contig_dma_map *map)
{
	struct contig_dma_device *device = map->device;

	scoped_guard(mutex, &device->lock) {
		/* An empty node: contig_dma_map_revoke() has unmapped it. */
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

/* Sync the bytes of a page between two offsets. */
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
 * @length: number of bytes, not 0
 * @for_device: the device uses it next, not the CPU
 * @direction: direction of the device's transfer
 *
 * Syncs exactly these bytes, because caches may have newer data beside them.
 * Does nothing if the device snoops caches and uses no bounce buffers. May
 * sleep.
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
	/* No cache holds it. */
	if (map->no_map) {
		/* Order prior writes as the DMA sync calls would. */
		mb();
		return 0;
	}
	if (dev_is_dma_coherent(dev) && !map->bounced)
		return 0;
	if (map->direction != DMA_BIDIRECTIONAL)
		direction = map->direction;
	/* Page by page: adjacent DMA addresses can be scattered memory. */
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

/* Return true if @dma belongs to a bounce buffer for the page at @physical. */
bool contig_dma_is_copy(struct contig_dma_device *device, u64 dma, u64 physical)
{
	return !device->translated &&
	       dma != phys_to_dma(device->dev, physical);
}

/* Unmap memory of a device that leaves: its DMA addresses become invalid. */
void contig_dma_map_revoke(struct contig_dma_map *map)
{
	lockdep_assert_held(&map->device->lock);
	WRITE_ONCE(map->mapped, false);
	contig_dma_unmap(map);
	list_del_init(&map->node);
	map->device->mapped -= (u64)map->extents.npages << PAGE_SHIFT;
}

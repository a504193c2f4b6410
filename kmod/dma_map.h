/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Memory that is mapped for a device
 */
#ifndef CONTIG_DMA_MAP_H
#define CONTIG_DMA_MAP_H

#include <linux/bits.h>
#include <linux/dma-direction.h>
#include <linux/list.h>
#include <linux/scatterlist.h>
#include <linux/types.h>

#include "extents.h"

struct contig_dma_device;
struct contig_user;
struct device;

/**
 * enum contig_dma_map_flags - how to map memory for a device
 * @CONTIG_DMA_OUTPUT: the device will only read it
 * @CONTIG_DMA_BOUNCE: the device may use a copy
 * @CONTIG_DMA_NO_MAP: the kernel has no mapping of the memory to copy by, or to
 *                     maintain caches
 */
enum contig_dma_map_flags {
	CONTIG_DMA_OUTPUT = BIT(0),
	CONTIG_DMA_BOUNCE = BIT(1),
	CONTIG_DMA_NO_MAP = BIT(2),
};

/**
 * struct contig_dma_map - memory that is mapped for a device
 * @device: the device, with a reference
 * @node: entry of contig_dma_device.maps until it is unmapped
 * @buffer_node: entry of contig_buffer.maps, if the memory is a buffer's
 * @sgt: the memory, and its DMA addresses while @mapped
 * @direction: the accesses that the device may make; constant
 * @user: user charged for IOMMU page tables, with a reference, or NULL
 * @charged: pages charged
 * @bounced: pages for which the device uses bounce buffers; constant
 * @no_map: the memory is outside the direct map and in no cache; constant
 * @mapped: it is mapped; protected by contig_dma_device.lock, cleared only when
 *          the device leaves
 * @extents: extents of its DMA addresses, in pages; constant
 */
struct contig_dma_map {
	struct contig_dma_device *device;
	struct list_head node;
	struct list_head buffer_node;
	struct sg_table sgt;
	enum dma_data_direction direction;
	struct contig_user *user;
	unsigned long charged;
	unsigned long bounced;
	bool no_map;
	bool mapped;
	struct contig_extents extents;
};

struct contig_dma_map *contig_dma_map_new(struct contig_dma_device *device,
					  const struct contig_extents *extents,
					  unsigned long first,
					  unsigned long npages, u32 flags,
					  struct contig_user *user);
void contig_dma_map_free(struct contig_dma_map *map);
int contig_dma_map_sync(struct contig_dma_map *map, u64 offset, u64 length,
			bool for_device, enum dma_data_direction direction);
int contig_dma_map_sync_all(struct contig_dma_map *map, bool for_device);
int contig_dma_map_charge(struct contig_dma_map *map, struct contig_user *user,
			  unsigned long npages);
void contig_dma_map_uncharge(struct contig_dma_map *map);
void contig_dma_flush(struct contig_dma_device *device);
bool contig_dma_may_bounce(struct device *dev);
bool contig_dma_is_copy(struct contig_dma_device *device, u64 dma, u64 physical);
void contig_dma_map_revoke(struct contig_dma_map *map);

#endif /* CONTIG_DMA_MAP_H */

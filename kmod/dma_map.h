/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Memory that is mapped for a device
 */
#ifndef CONTIG_DMA_MAP_H
#define CONTIG_DMA_MAP_H

#include <linux/dma-direction.h>
#include <linux/list.h>
#include <linux/scatterlist.h>
#include <linux/types.h>

#include "extents.h"

struct contig_dma_device;
struct contig_user;

/**
 * struct contig_dma_map - memory that is mapped for a device
 * @device: the device, with a reference
 * @node: entry of contig_dma_device.maps until it is unmapped
 * @buffer_node: entry of contig_buffer.maps, if the memory is a buffer's
 * @sgt: the memory, and its DMA addresses while @mapped
 * @direction: what the device may do with it; constant
 * @user: who is charged for what the IOMMU needs for it, with a reference, or NULL
 * @charged: pages that it needs
 * @bounced: pages of which the device uses a copy; constant
 * @no_map: the kernel does not map the memory, and nobody has it in caches; constant
 * @mapped: it is; protected by contig_dma_device.lock, lowered only when the
 *          device goes
 * @extents: its runs of DMA addresses, in pages; constant
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

/* Which way a device moves data: @input is to memory, @output is from there. */
static inline enum dma_data_direction contig_dma_direction(bool input,
							   bool output)
{
	if (input && output)
		return DMA_BIDIRECTIONAL;
	return output ? DMA_TO_DEVICE : DMA_FROM_DEVICE;
}

struct contig_dma_map *contig_dma_map_new(struct contig_dma_device *device,
					  const struct contig_extents *extents,
					  unsigned long first,
					  unsigned long npages, bool output,
					  bool bounce, bool no_map,
					  struct contig_user *user);
void contig_dma_map_free(struct contig_dma_map *map);
int contig_dma_map_sync(struct contig_dma_map *map, u64 offset, u64 length,
			bool for_device, enum dma_data_direction direction);
int contig_dma_map_sync_all(struct contig_dma_map *map, bool for_device);
bool contig_dma_is_copy(struct contig_dma_device *device, u64 dma, u64 physical);
void contig_dma_map_revoke(struct contig_dma_map *map);

#endif /* CONTIG_DMA_MAP_H */

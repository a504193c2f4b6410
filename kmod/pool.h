/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Reserved memory that the Device Tree gives to a device
 */
#ifndef CONTIG_POOL_H
#define CONTIG_POOL_H

#include <linux/atomic.h>
#include <linux/list.h>
#include <linux/types.h>

struct contig_extents;
struct device;
struct device_node;
struct platform_device;

/**
 * struct contig_pool - a shared-dma-pool of the Device Tree
 * @list: entry of the list of all pools
 * @node: its node in the Device Tree, with a reference; constant
 * @stubs: devices of contig's own that memory is allocated for; the second one
 *         is coherent, and a no-map pool has none; constant
 * @pfn: its first page frame; constant
 * @npages: its size, 0 if it cannot be used; constant
 * @no_map: the kernel does not map it; constant
 * @used: pages of it that contig has allocated
 */
struct contig_pool {
	struct list_head list;
	struct device_node *node;
	struct platform_device *stubs[2];
	unsigned long pfn;
	unsigned long npages;
	bool no_map;
	atomic_long_t used;
};

struct contig_pool *contig_pool_of(struct device *dev, bool unclaimed);
struct device *contig_pool_device(const struct contig_pool *pool,
				  bool coherent);
bool contig_pool_owns(const struct contig_pool *pool,
		      const struct contig_extents *extents);
void contig_pools_exit(void);

#endif /* CONTIG_POOL_H */

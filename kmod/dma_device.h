/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Devices that clients have attached
 */
#ifndef CONTIG_DMA_DEVICE_H
#define CONTIG_DMA_DEVICE_H

#include <linux/atomic.h>
#include <linux/completion.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/refcount.h>
#include <linux/types.h>
#include <linux/wait.h>

#include <uapi/linux/contig.h>

struct contig_extents;
struct contig_grant;
struct contig_listing;
struct contig_pool;
struct device;

/**
 * struct contig_dma_limits - the DMA limits of a device
 * @mask: the highest DMA address for streaming mappings
 * @coherent_mask: the highest DMA address for coherent memory
 * @max_segment: bytes in the longest segment
 * @boundary_mask: no segment crosses a multiple of this plus one
 */
struct contig_dma_limits {
	u64 mask;
	u64 coherent_mask;
	unsigned int max_segment;
	unsigned long boundary_mask;
};

/**
 * struct contig_dma_device - a device that clients have attached
 * @node: entry of contig_dma_device_list, in none once maps are revoked;
 *        protected, like @leaving, @clients and @grants, by
 *        contig_dma_devices_mutex
 * @refs: clients, maps of their memory, and running functions. The last put
 *        takes contig_dma_devices_mutex
 * @leaving: a task is revoking the maps; clients cannot attach the device
 * @left: completed when that task has finished
 * @clients: number of clients that have attached it
 * @grants: struct contig_grant, for clients without CAP_SYS_RAWIO
 * @number: its number in contig_dma_devices, while @node is in the list
 * @dev: the device, with a reference; constant
 * @group: number of its IOMMU group, -1 if it has none; constant
 * @name: name as in CONTIG_DEVICE; constant
 * @translated: an IOMMU translates its addresses; constant, because that
 *              changes only with the driver
 * @highest: the highest page frame that it can reach; constant
 * @pool: pool of its coherent memory, NULL for any memory; constant
 * @by_driver: its driver attached it and must detach it before it is unbound;
 *             constant
 * @limited: a client set its DMA limits; constant
 * @old: its limits before that, if @limited; constant
 * @lock: protects the members below
 * @gone: it was unplugged, or its driver changed
 * @maps: maps of memory for it, struct contig_dma_map
 * @foreign: dma-bufs of other exporters that are mapped for it, struct
 *           contig_foreign
 * @mapped: bytes of both, for debugfs
 * @foreign_calls: running calls of such exporters; raised with @lock held
 * @foreign_idle: woken when @foreign_calls drops to 0
 *
 * Lock order: client.h.
 */
struct contig_dma_device {
	struct list_head node;
	refcount_t refs;
	bool leaving;
	struct completion left;
	unsigned int clients;
	struct list_head grants;
	unsigned long number;
	struct device *dev;
	int group;
	char name[CONTIG_DEVICE_NAME_SIZE];
	bool translated;
	unsigned long highest;
	struct contig_pool *pool;
	bool by_driver;
	bool limited;
	struct contig_dma_limits old;
	struct mutex lock; /* protects gone, maps, foreign and mapped */
	bool gone;
	struct list_head maps;
	struct list_head foreign;
	u64 mapped;
	atomic_t foreign_calls;
	wait_queue_head_t foreign_idle;
};

extern struct list_head contig_dma_device_list;
extern struct mutex contig_dma_devices_mutex; /* for contig_dma_device_list */
extern struct contig_listing contig_dma_devices; /* for debugfs */

void contig_dma_device_detach(struct contig_dma_device *device,
			      struct contig_grant *grant);
struct contig_dma_device *contig_dma_device_new(struct device *dev);
int contig_dma_device_list_add(struct contig_dma_device *device);
void contig_dma_device_list_del(struct contig_dma_device *device);
void contig_dma_device_free(struct contig_dma_device *device);
void contig_dma_device_restore(struct contig_dma_device *device);
void contig_dma_device_get(struct contig_dma_device *device);
void contig_dma_device_put(struct contig_dma_device *device);
int contig_dma_device_check(struct contig_dma_device *device);
int contig_dma_device_describe(struct contig_dma_device *device,
			       struct contig_device *cmd);
int contig_dma_device_group(struct device *dev);
void contig_dma_limits_restore(struct device *dev,
			       const struct contig_dma_limits *limits);

#endif /* CONTIG_DMA_DEVICE_H */

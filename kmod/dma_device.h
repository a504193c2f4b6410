/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The devices that clients' memory is for
 */
#ifndef CONTIG_DMA_DEVICE_H
#define CONTIG_DMA_DEVICE_H

#include <linux/completion.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/refcount.h>
#include <linux/types.h>

#include <uapi/linux/contig.h>

struct contig_extents;
struct contig_grant;
struct contig_listing;
struct contig_pool;
struct device;

/**
 * struct contig_dma_limits - what a device can address
 * @mask: the highest DMA address for streaming mappings
 * @coherent_mask: the same for coherent memory
 * @max_segment: bytes in the longest segment
 * @boundary_mask: no segment crosses a multiple of one more than this
 */
struct contig_dma_limits {
	u64 mask;
	u64 coherent_mask;
	unsigned int max_segment;
	unsigned long boundary_mask;
};

/**
 * struct contig_dma_device - a device that clients have attached
 * @node: entry of contig_dma_device_list, in none once maps were taken back;
 *        protected, like @leaving, @clients and @grants, by
 *        contig_dma_devices_mutex
 * @refs: clients, mappings of their memory, and functions at work. The last one
 *        goes with contig_dma_devices_mutex held.
 * @leaving: one thread is taking back the maps; clients cannot attach it
 * @left: that thread has done so; other threads that need this wait for it
 * @clients: how many clients have it attached
 * @grants: struct contig_grant, for clients without CAP_SYS_RAWIO
 * @number: its number in contig_dma_devices, while @node is in the list
 * @dev: the device, with a reference; constant
 * @group: number of its IOMMU group, -1 if it is in none; constant
 * @name: as CONTIG_DEVICE has it; constant
 * @translated: an IOMMU translates its addresses; constant, since that changes
 *              with the driver only
 * @highest: the highest page frame that it can reach; constant
 * @pool: where its coherent memory comes from, NULL for anywhere; constant
 * @by_driver: it was attached by its driver, so it is the driver's to let go of it
 *             before it is unbound; constant
 * @limited: a client said what it can address; constant
 * @old: its limits before that, if @limited; constant
 * @lock: protects the members below. Holds nothing inside but what mapping memory
 *        takes, kernel_param_lock() and the mutex of an IOMMU group.
 * @gone: it was unplugged, or its driver changed
 * @maps: memory that is mapped for it, struct contig_dma_map
 * @mapped: bytes of that, for people
 *
 * Lock order: device_lock(), contig_dma_devices_mutex, kernel_param_lock(), mutex of
 * an IOMMU group. @lock is held for as long as it takes to map memory for this one
 * device, so it is not taken with contig_dma_devices_mutex held, which users of all
 * devices wait for.
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
	struct mutex lock; /* for gone, maps and mapped */
	bool gone;
	struct list_head maps;
	u64 mapped;
};

extern struct list_head contig_dma_device_list;
extern struct mutex contig_dma_devices_mutex; /* for contig_dma_device_list */
extern struct contig_listing contig_dma_devices; /* for debugfs */

struct contig_dma_device *
contig_dma_device_attach(const struct contig_device *cmd,
			 struct contig_grant **grant);
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
bool contig_dma_device_is_confined(struct contig_dma_device *device,
				   const struct contig_grant *grant);

/* dma_unplug.c */
struct contig_dma_device *contig_dma_device_of_driver(struct device *dev);
void contig_dma_device_of_driver_put(struct contig_dma_device *device);
int contig_dma_devices_init(void);
void contig_dma_devices_exit(void);

#endif /* CONTIG_DMA_DEVICE_H */

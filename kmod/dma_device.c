// SPDX-License-Identifier: GPL-2.0-only
/*
 * Devices that clients have attached
 *
 * A device belongs to its driver. Clients only map memory for it, and set its
 * DMA limits if its driver does not know them.
 */
#include <linux/bitops.h>
#include <linux/device.h>
#include <linux/dma-direct.h>
#include <linux/dma-map-ops.h>
#include <linux/dma-mapping.h>
#include <linux/iommu.h>
#include <linux/rcupdate.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "delegate.h"
#include "dma_device.h"
#include "gfp.h"
#include "listing.h"
#include "sg.h"

/* Every attached device that is not gone. */
LIST_HEAD(contig_dma_device_list);
DEFINE_MUTEX(contig_dma_devices_mutex); /* for contig_dma_device_list */

/* Restore the DMA limits that a device had before a client set them. */
void contig_dma_limits_restore(struct device *dev,
			       const struct contig_dma_limits *limits)
{
	/* These cannot fail: the device had the same limits before. */
	dma_set_mask(dev, limits->mask);
	dma_set_coherent_mask(dev, limits->coherent_mask);
	dma_set_max_seg_size(dev, limits->max_segment);
	dma_set_seg_boundary(dev, limits->boundary_mask);
}

/* Return the highest page frame that a device without IOMMU can reach. */
static unsigned long contig_dma_device_highest(struct device *dev)
{
	u64 last = min_not_zero(dma_get_mask(dev), dev->bus_dma_limit);
	u64 addr;

	/* The kernel's addresses can be narrower than those of the device. */
	if (last > (phys_addr_t)-1)
		return ULONG_MAX;
	addr = dma_to_phys(dev, last);
	/* The last page has to be reachable as a whole. */
	return addr == U64_MAX ? ULONG_MAX : ((addr + 1) >> PAGE_SHIFT) - 1;
}

/* Return the number of a device's IOMMU group, or -1 if it has none. */
int contig_dma_device_group(struct device *dev)
{
	struct iommu_group *group = iommu_group_get(dev);
	int id = -1;

	if (group) {
		id = iommu_group_id(group);
		iommu_group_put(group);
	}
	return id;
}

/* Return a device with a reference that is in no list, or NULL. */
struct contig_dma_device *contig_dma_device_new(struct device *dev)
{
	struct contig_dma_device *device;

	device = kzalloc(sizeof(*device), CONTIG_GFP);
	if (!device)
		return NULL;
	INIT_LIST_HEAD(&device->node);
	refcount_set(&device->refs, 1);
	init_completion(&device->left);
	INIT_LIST_HEAD(&device->grants);
	snprintf(device->name, sizeof(device->name), "%s/%s", dev_bus_name(dev),
		 dev_name(dev));
	device->dev = get_device(dev);
	device->group = contig_dma_device_group(dev);
	device->translated = contig_dma_translated(dev);
	device->highest = device->translated ? ULONG_MAX :
					       contig_dma_device_highest(dev);
	mutex_init(&device->lock);
	INIT_LIST_HEAD(&device->maps);
	INIT_LIST_HEAD(&device->foreign);
	init_waitqueue_head(&device->foreign_idle);
	return device;
}

/* Free a device that is in no list and has no references. */
void contig_dma_device_free(struct contig_dma_device *device)
{
	mutex_destroy(&device->lock);
	put_device(device->dev);
	kfree(device);
}

/* Return 0 or -ENOMEM. */
int contig_dma_device_list_add(struct contig_dma_device *device)
{
	lockdep_assert_held(&contig_dma_devices_mutex);
	if (contig_listing_add(&contig_dma_devices, device, &device->number))
		return -ENOMEM;
	list_add_tail(&device->node, &contig_dma_device_list);
	return 0;
}

void contig_dma_device_list_del(struct contig_dma_device *device)
{
	lockdep_assert_held(&contig_dma_devices_mutex);
	contig_listing_remove(&contig_dma_devices, device->number);
	list_del_init(&device->node);
}

/* Undo contig_dma_device_attach(). May sleep. */
void contig_dma_device_detach(struct contig_dma_device *device,
			      struct contig_grant *grant)
{
	scoped_guard(mutex, &contig_dma_devices_mutex) {
		device->clients--;
		if (grant && !--grant->clients) {
			list_del(&grant->node);
			kfree(grant);
		}
	}
	contig_dma_device_put(device);
}

void contig_dma_device_get(struct contig_dma_device *device)
{
	refcount_inc(&device->refs);
}

/* Restore the limits before clients set them. Maps must be gone. */
void contig_dma_device_restore(struct contig_dma_device *device)
{
	if (device->limited)
		contig_dma_limits_restore(device->dev, &device->old);
}

/* Drop a reference; the last put restores the device's limits. May sleep. */
void contig_dma_device_put(struct contig_dma_device *device)
{
	if (!refcount_dec_and_mutex_lock(&device->refs,
					 &contig_dma_devices_mutex))
		return;
	if (!list_empty(&device->node)) {
		contig_dma_device_list_del(device);
		contig_dma_device_restore(device);
	}
	mutex_unlock(&contig_dma_devices_mutex);
	contig_dma_device_free(device);
}

/* Return 0, or -ENODEV if the device is gone. */
int contig_dma_device_check(struct contig_dma_device *device)
{
	return READ_ONCE(device->gone) ? -ENODEV : 0;
}

/* Describe a device to user space. Return 0, or -ENODEV if it is gone. */
int contig_dma_device_describe(struct contig_dma_device *device,
			       struct contig_device *cmd)
{
	struct device *dev = device->dev;
	u64 boundary;

	/* The limits are stable until @gone is set. */
	guard(mutex)(&device->lock);
	if (device->gone)
		return -ENODEV;
	boundary = dma_get_seg_boundary(dev);
	strscpy_pad(cmd->out_name, device->name, sizeof(cmd->out_name));
	cmd->out_address_bits = fls64(dma_get_mask(dev));
	cmd->out_node = dev_to_node(dev);
	/* Segments are whole pages. */
	cmd->out_max_segment = max_t(u64, dma_get_max_seg_size(dev),
				     PAGE_SIZE);
	/*
	 * 0 for none. A 32-bit kernel cannot tell none from a boundary of 4
	 * GiB, which PCI devices have.
	 */
	cmd->out_boundary = boundary + 1;
	cmd->out_highest = device->highest == ULONG_MAX ? U64_MAX :
			   (((u64)device->highest + 1) << PAGE_SHIFT) - 1;
	cmd->out_features = 0;
	if (device->translated)
		cmd->out_features |= CONTIG_DEVICE_IOMMU;
	if (dev_is_dma_coherent(dev))
		cmd->out_features |= CONTIG_DEVICE_COHERENT;
	if (device->pool)
		cmd->out_features |= CONTIG_DEVICE_POOL;
	return 0;
}

/**
 * struct contig_dma_line - what the list in debugfs shows of a device
 * @name: see &struct contig_dma_device
 * @driver: name of its driver
 * @clients: see &struct contig_dma_device
 * @bits: number of its address bits
 * @translated: see &struct contig_dma_device
 * @mapped: see &struct contig_dma_device
 */
struct contig_dma_line {
	char name[CONTIG_DEVICE_NAME_SIZE];
	char driver[CONTIG_DEVICE_NAME_SIZE];
	unsigned int clients;
	unsigned int bits;
	bool translated;
	u64 mapped;
};

static void contig_dma_head(struct seq_file *m)
{
	seq_printf(m, "%-24s %7s %4s %8s %14s %s\n", "device", "clients",
		   "bits", "iommu", "bytes mapped", "driver");
}

static void contig_dma_copy(const void *entry, void *copy)
{
	const struct contig_dma_device *device = entry;
	struct contig_dma_line *line = copy;

	strscpy(line->name, device->name, sizeof(line->name));
	/* An unregistered driver is freed after a grace period. */
	rcu_read_lock();
	strscpy(line->driver, dev_driver_string(device->dev),
		sizeof(line->driver));
	rcu_read_unlock();
	line->clients = READ_ONCE(device->clients);
	line->bits = fls64(dma_get_mask(device->dev));
	line->translated = device->translated;
	line->mapped = READ_ONCE(device->mapped);
}

static void contig_dma_show(struct seq_file *m, const void *copy)
{
	const struct contig_dma_line *line = copy;

	seq_printf(m, "%-24s %7u %4u %8s %14llu %s\n", line->name,
		   line->clients, line->bits, str_yes_no(line->translated),
		   line->mapped, line->driver);
}

struct contig_listing contig_dma_devices = {
	.entries = XARRAY_INIT(contig_dma_devices.entries, 0),
	.size = sizeof(struct contig_dma_line),
	.head = contig_dma_head,
	.copy = contig_dma_copy,
	.show = contig_dma_show,
};

/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Devices that the administrator gave to users
 */
#ifndef CONTIG_DELEGATE_H
#define CONTIG_DELEGATE_H

#include <linux/list.h>
#include <linux/types.h>
#include <linux/uidgid.h>

struct contig_dma_device;
struct device;

/**
 * struct contig_right - by what right a caller attaches a device
 * @privileged: by CAP_SYS_RAWIO; the members below count for other devices of its
 *              IOMMU group
 * @everybody: by an entry of the parameter "devices" that names no user
 * @uid: the caller, if its right is not that of @everybody
 */
struct contig_right {
	bool privileged;
	bool everybody;
	kuid_t uid;
};

/**
 * struct contig_grant - clients that have a device attached by the same right,
 *                       without CAP_SYS_RAWIO
 * @node: entry of contig_dma_device.grants; protected, like @clients and
 *        @confined, by contig_dma_devices_mutex
 * @right: that right; constant
 * @clients: how many clients
 * @confined: the device was confined when one of them attached it
 */
struct contig_grant {
	struct list_head node;
	struct contig_right right;
	unsigned int clients;
	bool confined;
};

bool contig_driver_is_stub(struct device *dev);
int contig_right_get(const char *name, struct contig_right *right);
bool contig_device_confined(struct device *dev,
			    const struct contig_right *right);
bool contig_device_allowed(struct device *dev, const struct contig_right *right,
			   bool *confined);
int contig_device_group(struct device *dev);
bool contig_grants_admit(struct device *dev, const char *name, int group,
			 const struct contig_right *right);
bool contig_grants_endanger(struct contig_dma_device *device,
			    struct device *other);
struct contig_grant *contig_grant_find(struct contig_dma_device *device,
				       const struct contig_right *right);

#endif /* CONTIG_DELEGATE_H */

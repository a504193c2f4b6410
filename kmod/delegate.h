/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Devices that the administrator gives to users
 */
#ifndef CONTIG_DELEGATE_H
#define CONTIG_DELEGATE_H

#include <linux/list.h>
#include <linux/types.h>
#include <linux/uidgid.h>

struct contig_dma_device;
struct device;

/**
 * struct contig_right - the right by which a caller attaches a device
 * @privileged: CAP_SYS_RAWIO; the members below then apply to the other devices
 *              of its IOMMU group
 * @everybody: an entry of the parameter "devices" that names no user
 * @uid: the caller, unless @everybody applies
 */
struct contig_right {
	bool privileged;
	bool everybody;
	kuid_t uid;
};

/**
 * struct contig_grant - clients that share a device by the same right
 * @node: entry of contig_dma_device.grants; protected, like @clients and
 *        @confined, by contig_dma_devices_mutex
 * @right: that right, which is not CAP_SYS_RAWIO; constant
 * @clients: number of clients
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
bool contig_delegate_confined(struct device *dev,
			      const struct contig_right *right);
bool contig_delegate_allowed(struct device *dev, const struct contig_right *right,
			     bool *confined);
bool contig_grants_admit(struct device *dev, const char *name, int group,
			 const struct contig_right *right);
bool contig_grants_endanger(struct contig_dma_device *device,
			    struct device *other);
struct contig_grant *contig_grant_find(struct contig_dma_device *device,
				       const struct contig_right *right);

#endif /* CONTIG_DELEGATE_H */

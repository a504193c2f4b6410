// SPDX-License-Identifier: GPL-2.0-only
/*
 * CONTIG_DEVICE: attach a client to a device
 */
#include <linux/cred.h>
#include <linux/device.h>
#include <linux/dma-mapping.h>
#include <linux/err.h>
#include <linux/mutex.h>
#include <linux/pci.h>
#include <linux/platform_device.h>
#include <linux/slab.h>
#include <linux/string.h>

#include <uapi/linux/contig.h>

#include "client.h"
#include "delegate.h"
#include "dma_device.h"
#include "gfp.h"
#include "name.h"
#include "pool.h"
#include "powers.h"
#include "stats.h"
#include "trace.h"
#include "ucmd.h"

/* Return the device called @name with a reference, or NULL. */
static struct device *contig_device_find(const char *name)
{
	const char *at;

#ifdef CONFIG_PCI
	at = name;
	if (str_has_prefix(name, "pci/"))
		return bus_find_device_by_name(&pci_bus_type, NULL,
					       at + strlen("pci/"));
#endif
	at = name;
	if (str_has_prefix(name, "platform/"))
		return bus_find_device_by_name(&platform_bus_type, NULL,
					       at + strlen("platform/"));
	return NULL;
}

/* Return true if the driver bypasses the kernel's DMA API, as VFIO does. */
static bool contig_driver_manages_dma(struct device *dev)
{
#ifdef CONFIG_PCI
	if (dev_is_pci(dev))
		return to_pci_driver(dev->driver)->driver_managed_dma;
#endif
	return to_platform_driver(dev->driver)->driver_managed_dma;
}

/* Return 0 if memory can be mapped for the device now, or an errno. */
static int contig_device_usable(struct device *dev)
{
	/* The lock keeps the device's driver bound. */
	device_lock_assert(dev);
	if (!dev->driver)
		return -EUNATCH;
	if (contig_driver_manages_dma(dev))
		return -EBUSY;
	return dev->dma_mask && dev->dma_parms ? 0 : -ENODEV;
}

/* Return true if the caller supplied DMA limits. */
static bool contig_limits_given(const struct contig_device *cmd)
{
	return cmd->address_bits || cmd->max_segment || cmd->boundary;
}

/*
 * Return true if the caller may set the DMA limits of the device: no real
 * driver relies on them, and the device does not share mask or parameters with
 * another one, as parts of a larger device do.
 */
static bool contig_limits_open(struct device *dev)
{
	device_lock_assert(dev);
	if (!contig_driver_is_stub(dev))
		return false;
#ifdef CONFIG_PCI
	if (dev_is_pci(dev))
		return dev->dma_mask == &to_pci_dev(dev)->dma_mask &&
		       dev->dma_parms == &to_pci_dev(dev)->dma_parms;
#endif
	return (dev->dma_mask == &to_platform_device(dev)->platform_dma_mask ||
		dev->dma_mask == &dev->coherent_dma_mask) &&
	       dev->dma_parms == &to_platform_device(dev)->dma_parms;
}

static void contig_limits_save(struct device *dev,
			       struct contig_dma_limits *limits)
{
	limits->mask = *dev->dma_mask;
	limits->coherent_mask = dev->coherent_dma_mask;
	limits->max_segment = dev->dma_parms->max_segment_size;
	limits->boundary_mask = dev->dma_parms->segment_boundary_mask;
}

/* Apply the caller's DMA limits to the device. Return: 0 or -ERANGE. */
static int contig_limits_set(struct device *dev,
			     const struct contig_device *cmd)
{
	if (cmd->address_bits &&
	    dma_set_mask_and_coherent(dev, DMA_BIT_MASK(cmd->address_bits)))
		return -ERANGE;
	if (cmd->max_segment)
		dma_set_max_seg_size(dev,
				     min_t(u64, cmd->max_segment, UINT_MAX));
	if (cmd->boundary)
		dma_set_seg_boundary(dev, min_t(u64, cmd->boundary - 1,
						ULONG_MAX));
	return 0;
}

/* Return true if the limits in force equal those that the caller gave. */
static bool contig_limits_agree(struct device *dev,
				const struct contig_device *cmd)
{
	if (cmd->address_bits &&
	    dma_get_mask(dev) !=
	    (dma_addr_t)DMA_BIT_MASK(cmd->address_bits))
		return false;
	if (cmd->max_segment && dma_get_max_seg_size(dev) !=
				min_t(u64, cmd->max_segment, UINT_MAX))
		return false;
	return !cmd->boundary || dma_get_seg_boundary(dev) ==
				 min_t(u64, cmd->boundary - 1, ULONG_MAX);
}

/* Return a new device for its first client, or ERR_PTR(). */
static struct contig_dma_device *
contig_dma_device_first(struct device *dev, const struct contig_device *cmd,
			struct contig_pool *pool)
{
	struct contig_dma_limits old;
	struct contig_dma_device *device;
	bool limited = contig_limits_given(cmd);
	int ret;

	/* Set the limits first: the new device derives its reach from them. */
	if (limited) {
		contig_limits_save(dev, &old);
		ret = contig_limits_set(dev, cmd);
		if (ret)
			goto err_limits;
	}
	device = contig_dma_device_new(dev);
	ret = device ? contig_dma_device_list_add(device) : -ENOMEM;
	if (ret)
		goto err_device;
	device->pool = pool;
	device->limited = limited;
	if (limited)
		device->old = old;
	return device;

err_device:
	if (device)
		contig_dma_device_free(device);
err_limits:
	if (limited)
		contig_dma_limits_restore(dev, &old);
	return ERR_PTR(ret);
}

static struct contig_dma_device *contig_dma_device_find(struct device *dev)
{
	struct contig_dma_device *device;

	lockdep_assert_held(&contig_dma_devices_mutex);
	list_for_each_entry(device, &contig_dma_device_list, node)
		if (device->dev == dev && !device->by_driver)
			return device;
	return NULL;
}

/* Return the existing or a new device with a reference, or ERR_PTR(). */
static struct contig_dma_device *
contig_dma_device_join(struct device *dev, const struct contig_device *cmd,
		       struct contig_pool *pool)
{
	struct contig_dma_device *device = contig_dma_device_find(dev);

	if (!device)
		return contig_dma_device_first(dev, cmd, pool);
	if (device->leaving || !contig_limits_agree(dev, cmd))
		return ERR_PTR(-EBUSY);
	refcount_inc(&device->refs);
	return device;
}

/*
 * Attach a device whose driver is bound; device_lock() keeps it so. *@grant is
 * a new grant, or NULL for CAP_SYS_RAWIO. If the device already has a grant for
 * this right, that replaces the new one.
 */
static struct contig_dma_device *
contig_dma_device_share(struct device *dev, const struct contig_device *cmd,
			const struct contig_right *right,
			struct contig_grant **grant)
{
	struct contig_dma_device *device;
	struct contig_grant *found;
	struct contig_pool *pool;
	int ret = contig_device_usable(dev);
	bool confined;

	if (!ret && contig_limits_given(cmd) && !contig_limits_open(dev))
		ret = -EBUSY;
	if (ret)
		return ERR_PTR(ret);
	/* Creates platform devices, so contig_bus_notify() may be called. */
	pool = contig_pool_of(dev, contig_driver_is_stub(dev));
	if (IS_ERR(pool))
		return ERR_CAST(pool);
	guard(mutex)(&contig_dma_devices_mutex);
	if (!contig_delegate_allowed(dev, right, &confined))
		return ERR_PTR(-EACCES);
	if (!contig_grants_admit(dev, cmd->name, contig_dma_device_group(dev),
				 right))
		return ERR_PTR(-EBUSY);
	device = contig_dma_device_join(dev, cmd, pool);
	if (IS_ERR(device))
		return device;
	device->clients++;
	if (right->privileged)
		return device;
	found = contig_grant_find(device, right);
	if (found) {
		kfree(*grant);
		*grant = found;
	} else {
		(*grant)->right = *right;
		list_add(&(*grant)->node, &device->grants);
	}
	(*grant)->clients++;
	(*grant)->confined |= confined;
	return device;
}

static int contig_device_check(const struct contig_device *cmd)
{
	if (cmd->reserved)
		return -EOPNOTSUPP;
	if (!*cmd->name || contig_name_check(cmd->name, sizeof(cmd->name)))
		return -EINVAL;
	if (cmd->address_bits &&
	    (cmd->address_bits < PAGE_SHIFT || cmd->address_bits > 64))
		return -EINVAL;
	if (cmd->max_segment && cmd->max_segment < PAGE_SIZE)
		return -EINVAL;
	if (cmd->boundary && (!contig_is_power_of_2(cmd->boundary) ||
			      cmd->boundary < PAGE_SIZE))
		return -EINVAL;
	return 0;
}

/**
 * contig_dma_device_attach() - find the device that a client names
 * @cmd: name and limits, from user space
 * @grant: receives the grant that gives the client the device, NULL if it needs
 *         none
 *
 * May sleep.
 *
 * Return: the device, with a reference, or ERR_PTR() of an errno that
 * uapi/linux/contig.h lists for CONTIG_DEVICE.
 */
static struct contig_dma_device *
contig_dma_device_attach(const struct contig_device *cmd,
			 struct contig_grant **grant)
{
	struct contig_grant *mine __free(kfree) = NULL;
	struct contig_dma_device *device;
	struct contig_right right;
	struct device *dev;
	int ret = contig_device_check(cmd);

	if (ret)
		return ERR_PTR(ret);
	/* Callers without a right are not told whether the device exists. */
	ret = contig_right_get(cmd->name, &right);
	if (ret)
		return ERR_PTR(ret);
	if (!right.privileged) {
		mine = kzalloc(sizeof(*mine), CONTIG_GFP);
		if (!mine)
			return ERR_PTR(-ENOMEM);
	}
	dev = contig_device_find(cmd->name);
	if (!dev)
		return ERR_PTR(-ENODEV);
	/* Binding a driver may hold the lock for long. */
	if (device_lock_interruptible(dev)) {
		put_device(dev);
		return ERR_PTR(-ERESTARTNOINTR);
	}
	device = contig_dma_device_share(dev, cmd, &right, &mine);
	device_unlock(dev);
	put_device(dev);
	if (!IS_ERR(device))
		*grant = no_free_ptr(mine);
	return device;
}

/**
 * contig_dma_device_is_confined() - test whether a device is confined now
 * @device: the device
 * @grant: grant of a client that has attached it, or NULL for CAP_SYS_RAWIO
 *
 * Return: true if it is; false if it is not, or is gone.
 */
static bool contig_dma_device_is_confined(struct contig_dma_device *device,
					  const struct contig_grant *grant)
{
	struct contig_right right = { .privileged = true };

	if (grant)
		right = grant->right;
	else
		right.uid = current_euid();
	/* Until it is gone, a device keeps its driver and its IOMMU domain. */
	guard(mutex)(&device->lock);
	return !device->gone && contig_delegate_confined(device->dev, &right);
}

/*
 * Swap device and grant of the client with *@device and *@grant. Fails with
 * -EBUSY while memory is locked, because that is mapped for the old device.
 */
static int contig_client_swap_device(struct contig_client *client,
				     struct contig_dma_device **device,
				     struct contig_grant **grant)
{
	if (mutex_lock_killable(&client->lock))
		return -EINTR;
	if (contig_client_locks_any(client)) {
		mutex_unlock(&client->lock);
		return -EBUSY;
	}
	swap(client->device, *device);
	swap(client->grant, *grant);
	mutex_unlock(&client->lock);
	return 0;
}

static int contig_device_detach(struct contig_client *client)
{
	struct contig_dma_device *device = NULL;
	struct contig_grant *grant = NULL;
	int ret = contig_client_swap_device(client, &device, &grant);

	if (ret)
		return ret;
	if (!device)
		return -EUNATCH;
	contig_dma_device_detach(device, grant);
	return 0;
}

/* Describe a device for a client that has it by @grant. */
static int contig_device_describe(struct contig_dma_device *device,
				  const struct contig_grant *grant,
				  struct contig_device *cmd)
{
	int ret = contig_dma_device_describe(device, cmd);

	if (!ret && contig_dma_device_is_confined(device, grant))
		cmd->out_features |= CONTIG_DEVICE_CONFINED;
	return ret;
}

static int contig_device_query(struct contig_ucmd *ucmd)
{
	struct contig_client *client = ucmd->client;
	struct contig_device *cmd = ucmd->cmd;
	int ret = -EUNATCH;

	if (mutex_lock_killable(&client->lock))
		return -EINTR;
	if (client->device)
		ret = contig_device_describe(client->device, client->grant, cmd);
	mutex_unlock(&client->lock);
	return ret ?: contig_ucmd_respond(ucmd, sizeof(*cmd));
}

/*
 * Describe a device to the caller, and swap it with the client's. All fallible
 * steps precede the swap, so no undo is needed.
 */
static int contig_device_give(struct contig_ucmd *ucmd,
			      struct contig_dma_device **device,
			      struct contig_grant **grant)
{
	struct contig_device *cmd = ucmd->cmd;
	int ret;

	ret = contig_device_describe(*device, *grant, cmd);
	if (ret)
		return ret;
	ret = contig_ucmd_respond(ucmd, sizeof(*cmd));
	if (ret)
		return ret;
	return contig_client_swap_device(ucmd->client, device, grant);
}

static int contig_device_attach(struct contig_ucmd *ucmd)
{
	struct contig_device *cmd = ucmd->cmd;
	struct contig_dma_device *device;
	struct contig_grant *grant;
	int ret;

	device = contig_dma_device_attach(cmd, &grant);
	if (IS_ERR(device))
		return PTR_ERR(device);
	ret = contig_device_give(ucmd, &device, &grant);
	if (device)
		contig_dma_device_detach(device, grant);
	if (!ret)
		contig_stats_count(CONTIG_EVENT_ATTACH);
	return ret;
}

int contig_device_ioctl(struct contig_ucmd *ucmd)
{
	struct contig_device *cmd = ucmd->cmd;
	int ret;

	switch (cmd->flags) {
	case 0:
		ret = contig_device_attach(ucmd);
		trace_contig_device(cmd->name, ret);
		return ret;
	case CONTIG_DEVICE_QUERY:
		return contig_device_query(ucmd);
	case CONTIG_DEVICE_DETACH:
		ret = contig_device_detach(ucmd->client);
		trace_contig_device("", ret);
		return ret;
	case CONTIG_DEVICE_QUERY | CONTIG_DEVICE_DETACH:
		return -EINVAL;
	default:
		return -EOPNOTSUPP;
	}
}

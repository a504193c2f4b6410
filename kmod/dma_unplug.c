// SPDX-License-Identifier: GPL-2.0-only
/*
 * Devices that go while memory is mapped for them
 *
 * A device can be unplugged, or lose its driver, at any time. The kernel tells us
 * first, and all maps are taken back before its IOMMU is. The same happens if a
 * device that was confined would be so no longer.
 *
 * There can be a hundred thousand maps. So they are taken back with the lock of their
 * own device, a few at a time; users of other devices notice nothing.
 */
#include <linux/completion.h>
#include <linux/device.h>
#include <linux/err.h>
#include <linux/notifier.h>
#include <linux/pci.h>
#include <linux/platform_device.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/slab.h>

#include "delegate.h"
#include "dma_device.h"
#include "dma_map.h"
#include "stats.h"

/* So many maps are taken back before others get the device's lock. */
#define CONTIG_REVOKE_BATCH 64

/* Let nothing more be mapped for a device. */
static void contig_dma_device_close(struct contig_dma_device *device)
{
	struct contig_dma_map *map;

	guard(mutex)(&device->lock);
	WRITE_ONCE(device->gone, true);
	if (!device->by_driver || !device->leaving)
		return;
	/* Its driver may still be looking after caches, without a lock. */
	list_for_each_entry(map, &device->maps, node) {
		WRITE_ONCE(map->mapped, false);
		cond_resched();
	}
}

/* Take back some maps. Return true if there are more. */
static bool contig_dma_device_revoke_some(struct contig_dma_device *device)
{
	struct contig_dma_map *map;
	int i;

	guard(mutex)(&device->lock);
	for (i = 0; i < CONTIG_REVOKE_BATCH; i++) {
		map = list_first_entry_or_null(&device->maps,
					       struct contig_dma_map, node);
		if (!map)
			return false;
		contig_dma_map_revoke(map);
	}
	return true;
}

/*
 * The device goes, or gets another driver: nothing may stay mapped for it. The caller
 * has a reference, and has set device->leaving. May sleep.
 */
static void contig_dma_device_revoke(struct contig_dma_device *device)
{
	might_sleep();
	contig_dma_device_close(device);
	if (device->by_driver)
		synchronize_rcu();
	while (contig_dma_device_revoke_some(device))
		cond_resched();
	/* Until here it cannot be attached by others, with limits of their own. */
	scoped_guard(mutex, &contig_dma_devices_mutex) {
		contig_dma_device_restore(device);
		contig_dma_device_list_del(device);
	}
	complete_all(&device->left);
	contig_stats_count(CONTIG_EVENT_DEVICE_GONE);
}

/*
 * Choose a device that has to go, with contig_dma_devices_mutex held. Return a
 * reference for contig_dma_device_leave(), which must be called without the mutex.
 */
static struct contig_dma_device *
contig_dma_device_choose(struct contig_dma_device *device, bool *mine)
{
	lockdep_assert_held(&contig_dma_devices_mutex);
	*mine = !device->leaving;
	device->leaving = true;
	refcount_inc(&device->refs);
	return device;
}

/* Take back all maps, or wait until the thread that is doing so has done it. */
static void contig_dma_device_leave(struct contig_dma_device *device, bool mine)
{
	if (mine)
		contig_dma_device_revoke(device);
	else
		wait_for_completion(&device->left);
}

/*
 * A driver has left a device, and took back nothing itself. The driver core frees
 * its resources then, in the last moment in which an IOMMU still knows the maps.
 */
static void contig_driver_left(struct device *dev, void *res)
{
	struct contig_dma_device *device = *(struct contig_dma_device **)res;
	bool mine;

	scoped_guard(mutex, &contig_dma_devices_mutex)
		contig_dma_device_choose(device, &mine);
	contig_dma_device_leave(device, mine);
	contig_dma_device_put(device);
	/* That of the resource. */
	contig_dma_device_put(device);
}

static int contig_driver_match(struct device *dev, void *res, void *device)
{
	return *(struct contig_dma_device **)res == device;
}

/* The driver has nothing mapped any more. May sleep. */
void contig_dma_device_of_driver_put(struct contig_dma_device *device)
{
	/* Else it has been released, or is about to be. */
	if (!devres_destroy(device->dev, contig_driver_left,
			    contig_driver_match, device))
		contig_dma_device_put(device);
	contig_dma_device_put(device);
}

/* Add the device that a driver attached, and what frees it with the driver. */
static int contig_driver_add(struct contig_dma_device *device,
			     struct contig_dma_device **res)
{
	guard(mutex)(&contig_dma_devices_mutex);
	if (contig_dma_device_list_add(device))
		return -ENOMEM;
	/* One is the caller's, one the resource's. */
	refcount_inc(&device->refs);
	*res = device;
	devres_add(device->dev, res);
	/* Or contig_bus_notify() finds it. */
	return READ_ONCE(device->dev->driver) ? 0 : -ENODEV;
}

/**
 * contig_dma_device_of_driver() - attach a device for its own driver
 * @dev: the device; the caller is its driver, and lets go of it in time by
 *       contig_dma_device_of_driver_put()
 *
 * Its limits are what they are, and no other driver shares it. May sleep.
 *
 * Return: the device, with a reference, or ERR_PTR() of -ENODEV if it cannot do DMA
 * or has no driver, -ENOMEM.
 */
struct contig_dma_device *contig_dma_device_of_driver(struct device *dev)
{
	struct contig_dma_device *device, **res;
	int ret;

	if (!dev->driver || !dev->dma_mask)
		return ERR_PTR(-ENODEV);
	device = contig_dma_device_new(dev);
	if (!device)
		return ERR_PTR(-ENOMEM);
	res = devres_alloc(contig_driver_left, sizeof(*res), GFP_KERNEL);
	if (!res) {
		contig_dma_device_free(device);
		return ERR_PTR(-ENOMEM);
	}
	device->by_driver = true;
	ret = contig_driver_add(device, res);
	if (ret == -ENOMEM) {
		devres_free(res);
		contig_dma_device_free(device);
	} else if (ret) {
		contig_dma_device_of_driver_put(device);
	}
	return ret ? ERR_PTR(ret) : device;
}

/* Choose one of the devices of @dev. Return NULL if none is left. */
static struct contig_dma_device *contig_dma_device_of(struct device *dev,
						      bool by_driver,
						      bool *mine)
{
	struct contig_dma_device *device;

	guard(mutex)(&contig_dma_devices_mutex);
	list_for_each_entry(device, &contig_dma_device_list, node)
		if (device->dev == dev && device->by_driver == by_driver)
			return contig_dma_device_choose(device, mine);
	return NULL;
}

/* The same for a device of the IOMMU group that @dev, with its new driver, is in. */
static struct contig_dma_device *contig_dma_device_beside(struct device *dev,
							  bool *mine)
{
	struct contig_dma_device *device;
	int group = contig_device_group(dev);

	if (group < 0)
		return NULL;
	guard(mutex)(&contig_dma_devices_mutex);
	list_for_each_entry(device, &contig_dma_device_list, node)
		if (device->group == group && device->dev != dev &&
		    contig_grants_endanger(device, dev))
			return contig_dma_device_choose(device, mine);
	return NULL;
}

/* Return one of the devices that the driver of @dev attached and may still use. */
static struct contig_dma_device *contig_dma_device_in_use(struct device *dev)
{
	struct contig_dma_device *device;

	guard(mutex)(&contig_dma_devices_mutex);
	list_for_each_entry(device, &contig_dma_device_list, node) {
		if (device->dev != dev || !device->by_driver ||
		    READ_ONCE(device->gone))
			continue;
		refcount_inc(&device->refs);
		return device;
	}
	return NULL;
}

/* The device is unplugged, loses its driver or gets one. */
static void contig_device_leaves(struct device *dev)
{
	struct contig_dma_device *device;
	bool mine;

	while ((device = contig_dma_device_of(dev, false, &mine))) {
		contig_dma_device_leave(device, mine);
		contig_dma_device_put(device);
	}
	/*
	 * A driver that has memory mapped itself may be in the middle of a transfer,
	 * and stops when it is told to go: so nothing is mapped from now on, and
	 * what is mapped is left to it, and to contig_driver_left().
	 */
	while ((device = contig_dma_device_in_use(dev))) {
		contig_dma_device_close(device);
		contig_dma_device_put(device);
	}
}

/*
 * The device has lost its driver. If that opened a client when its resources had
 * been freed already, the next driver would find what it attached.
 */
static void contig_driver_is_late(struct device *dev)
{
	struct contig_dma_device *device;
	bool mine;

	while ((device = contig_dma_device_of(dev, true, &mine))) {
		contig_dma_device_leave(device, mine);
		/* The caller of contig_dma_device_of_driver() has one as well. */
		if (!devres_destroy(dev, contig_driver_left,
				    contig_driver_match, device))
			contig_dma_device_put(device);
		contig_dma_device_put(device);
	}
}

/*
 * The device gets a driver. Devices of the same IOMMU group, if they are confined to
 * a user's memory, would reach memory that this driver maps. So their maps are taken
 * back, and their clients have to attach them again. This module cannot stop the
 * devices themselves.
 */
static void contig_device_joins(struct device *dev)
{
	struct contig_dma_device *device;
	bool mine;

	while ((device = contig_dma_device_beside(dev, &mine))) {
		dev_warn(device->dev, "contig: taken from its users, since %s gets the driver %s\n",
			 dev_name(dev), dev_driver_string(dev));
		contig_dma_device_leave(device, mine);
		contig_dma_device_put(device);
	}
}

/* Bus notifier, called before the event takes effect, but for UNBOUND. */
static int contig_bus_notify(struct notifier_block *nb, unsigned long event,
			     void *data)
{
	switch (event) {
	case BUS_NOTIFY_BIND_DRIVER:
		contig_device_leaves(data);
		contig_device_joins(data);
		return NOTIFY_OK;
	case BUS_NOTIFY_UNBIND_DRIVER:
	case BUS_NOTIFY_DEL_DEVICE:
		contig_device_leaves(data);
		return NOTIFY_OK;
	case BUS_NOTIFY_UNBOUND_DRIVER:
		contig_driver_is_late(data);
		return NOTIFY_OK;
	default:
		return NOTIFY_DONE;
	}
}

static struct notifier_block contig_pci_nb = {
	.notifier_call = contig_bus_notify,
};

static struct notifier_block contig_platform_nb = {
	.notifier_call = contig_bus_notify,
};

int contig_dma_devices_init(void)
{
	int ret = bus_register_notifier(&platform_bus_type,
					&contig_platform_nb);

#ifdef CONFIG_PCI
	if (ret)
		return ret;
	ret = bus_register_notifier(&pci_bus_type, &contig_pci_nb);
	if (ret)
		bus_unregister_notifier(&platform_bus_type,
					&contig_platform_nb);
#endif
	return ret;
}

void contig_dma_devices_exit(void)
{
#ifdef CONFIG_PCI
	bus_unregister_notifier(&pci_bus_type, &contig_pci_nb);
#endif
	bus_unregister_notifier(&platform_bus_type, &contig_platform_nb);
}

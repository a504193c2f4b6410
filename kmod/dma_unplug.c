// SPDX-License-Identifier: GPL-2.0-only
/*
 * Devices that leave while memory is mapped for them
 *
 * A device can be unplugged, or lose its driver, at any time. The kernel calls
 * a notifier first, which revokes all maps of clients while the IOMMU still has
 * them. The same happens if a device would no longer be confined. A driver that
 * attached its own device frees its maps itself.
 *
 * There can be a hundred thousand maps. So a few at a time are revoked with the
 * device's own lock; users of other devices are not delayed.
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
#include "dma_unplug.h"
#include "foreign.h"
#include "stats.h"

/* Number of maps to revoke before the device's lock is released. */
#define CONTIG_REVOKE_BATCH 64

/* Prevent new maps for a device. */
static void contig_dma_device_close(struct contig_dma_device *device)
{
	struct contig_dma_map *map;

	guard(mutex)(&device->lock);
	WRITE_ONCE(device->gone, true);
	if (!device->by_driver || !device->leaving)
		return;
	/* Its driver may be syncing maps without the lock, under RCU. */
	list_for_each_entry(map, &device->maps, node) {
		WRITE_ONCE(map->mapped, false);
		cond_resched();
	}
}

/* Revoke some maps. Return true if there are more. */
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
 * Revoke all maps of a device that leaves or gets another driver. The caller
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
	contig_foreign_revoke(device);
	/* While listed, others cannot attach it and set their limits. */
	scoped_guard(mutex, &contig_dma_devices_mutex) {
		contig_dma_device_restore(device);
		contig_dma_device_list_del(device);
	}
	complete_all(&device->left);
	contig_stats_count(CONTIG_EVENT_DEVICE_GONE);
}

/*
 * Select a device that has to leave, with contig_dma_devices_mutex held. Return
 * a reference for contig_dma_device_leave(), which must be called without the
 * mutex. @mine receives true if the caller is the task that revokes its maps.
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

/* Revoke all maps, or wait for the task that is doing so. */
static void contig_dma_device_leave(struct contig_dma_device *device, bool mine)
{
	if (mine)
		contig_dma_device_revoke(device);
	else
		wait_for_completion(&device->left);
}

/*
 * Release function of the resource: the driver was unbound and did not close
 * its client. The driver core calls it at the last moment at which an IOMMU
 * still has the maps.
 */
static void contig_driver_left(struct device *dev, void *res)
{
	struct contig_dma_device *device = *(struct contig_dma_device **)res;
	bool mine;

	scoped_guard(mutex, &contig_dma_devices_mutex)
		contig_dma_device_choose(device, &mine);
	contig_dma_device_leave(device, mine);
	contig_dma_device_put(device);
	/* Drop the resource's reference. */
	contig_dma_device_put(device);
}

static int contig_driver_match(struct device *dev, void *res, void *device)
{
	return *(struct contig_dma_device **)res == device;
}

/* Undo contig_dma_device_of_driver() after all maps are freed. May sleep. */
void contig_dma_device_of_driver_put(struct contig_dma_device *device)
{
	/* If this fails, contig_driver_left() drops that reference. */
	if (!devres_destroy(device->dev, contig_driver_left,
			    contig_driver_match, device))
		contig_dma_device_put(device);
	contig_dma_device_put(device);
}

/* List a device of its driver, with a resource that revokes its maps. */
static int contig_driver_add(struct contig_dma_device *device,
			     struct contig_dma_device **res)
{
	guard(mutex)(&contig_dma_devices_mutex);
	if (contig_dma_device_list_add(device))
		return -ENOMEM;
	/* One reference for the caller, one for the resource. */
	refcount_inc(&device->refs);
	*res = device;
	devres_add(device->dev, res);
	/* If the driver is unbound later, contig_bus_notify() finds it. */
	return READ_ONCE(device->dev->driver) ? 0 : -ENODEV;
}

/**
 * contig_dma_device_of_driver() - attach a device for its own driver
 * @dev: the device; the caller is its driver, and calls
 *       contig_dma_device_of_driver_put() before it is unbound
 *
 * The device keeps the limits that its driver set, and is not shared with
 * clients of user space. May sleep.
 *
 * Return: the device, with a reference, or ERR_PTR() of -ENODEV if it cannot do
 * DMA or has no driver, -ENOMEM.
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

/* Select one of the devices of @dev. Return NULL if none is left. */
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

/* Select an endangered device in the IOMMU group of @dev, or return NULL. */
static struct contig_dma_device *contig_dma_device_beside(struct device *dev,
							  bool *mine)
{
	struct contig_dma_device *device;
	int group = contig_dma_device_group(dev);

	if (group < 0)
		return NULL;
	guard(mutex)(&contig_dma_devices_mutex);
	list_for_each_entry(device, &contig_dma_device_list, node)
		if (device->group == group && device->dev != dev &&
		    contig_grants_endanger(device, dev))
			return contig_dma_device_choose(device, mine);
	return NULL;
}

/* Return a device that the driver of @dev attached and may use, or NULL. */
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

/* Handle a device that is unplugged, loses its driver or gets one. */
static void contig_unplug_device(struct device *dev)
{
	struct contig_dma_device *device;
	bool mine;

	while ((device = contig_dma_device_of(dev, false, &mine))) {
		contig_dma_device_leave(device, mine);
		contig_dma_device_put(device);
	}
	/*
	 * A driver that has mapped memory itself may have a transfer running,
	 * and stops when it is unbound. So only new maps are prevented; the
	 * driver or contig_driver_left() frees the existing ones.
	 */
	while ((device = contig_dma_device_in_use(dev))) {
		contig_dma_device_close(device);
		contig_dma_device_put(device);
	}
}

/*
 * Clean up after a driver that opened a client when its resources had been
 * freed already: the next driver would find the device that it attached.
 */
static void contig_driver_is_late(struct device *dev)
{
	struct contig_dma_device *device;
	bool mine;

	while ((device = contig_dma_device_of(dev, true, &mine))) {
		contig_dma_device_leave(device, mine);
		/* The caller of contig_dma_device_of_driver() keeps its own. */
		if (!devres_destroy(dev, contig_driver_left,
				    contig_driver_match, device))
			contig_dma_device_put(device);
		contig_dma_device_put(device);
	}
}

/*
 * Handle a device that gets a driver. Devices of the same IOMMU group that are
 * confined to a user's memory would reach memory that this driver maps. So
 * their maps are revoked, and their clients have to attach them again. This
 * module cannot stop the devices themselves.
 */
static void contig_unplug_beside(struct device *dev)
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

/* Bus notifier, called before the event takes effect, except UNBOUND. */
static int contig_bus_notify(struct notifier_block *nb, unsigned long event,
			     void *data)
{
	switch (event) {
	case BUS_NOTIFY_BIND_DRIVER:
		contig_unplug_device(data);
		contig_unplug_beside(data);
		return NOTIFY_OK;
	case BUS_NOTIFY_UNBIND_DRIVER:
	case BUS_NOTIFY_DEL_DEVICE:
		contig_unplug_device(data);
		return NOTIFY_OK;
	case BUS_NOTIFY_UNBOUND_DRIVER:
		contig_driver_is_late(data);
		return NOTIFY_OK;
	default:
		return NOTIFY_DONE;
	}
}

#ifdef CONFIG_PCI
static struct notifier_block contig_pci_nb = {
	.notifier_call = contig_bus_notify,
};
#endif

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

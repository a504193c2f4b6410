// SPDX-License-Identifier: GPL-2.0-only
/*
 * The devices that clients' memory is for
 *
 * A device belongs to its driver; clients only map memory for it. So a device can
 * be unplugged, or lose its driver, at any time: then the kernel tells us first,
 * and all maps are taken back before its IOMMU is.
 */
#include <linux/capability.h>
#include <linux/device.h>
#include <linux/dma-direct.h>
#include <linux/dma-map-ops.h>
#include <linux/dma-mapping.h>
#include <linux/err.h>
#include <linux/glob.h>
#include <linux/log2.h>
#include <linux/module.h>
#include <linux/notifier.h>
#include <linux/pci.h>
#include <linux/pfn.h>
#include <linux/platform_device.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "dma_device.h"
#include "dma_map.h"
#include "name.h"
#include "pool.h"
#include "sg.h"
#include "stats.h"

static char *contig_devices_param;
module_param_named(devices, contig_devices_param, charp, 0644);
MODULE_PARM_DESC(devices,
		 "devices that everybody who may open /dev/contig may attach, not only CAP_SYS_RAWIO: names as \"pci/0000:00:05.0\" or \"platform/NAME\", * and ? as in file names, separated by commas; without an IOMMU their addresses are physical ones (default: none)");

static char *contig_stubs_param = "uio_pci_generic,uio_pdrv_genirq,uio_dmem_genirq,pci-stub";
module_param_named(stub_drivers, contig_stubs_param, charp, 0644);
MODULE_PARM_DESC(stub_drivers,
		 "drivers that leave a device to user space, so that a client may say what it can address; patterns as for devices (default: uio_pci_generic,uio_pdrv_genirq,uio_dmem_genirq,pci-stub)");

/* Every device that is attached and not gone. */
static LIST_HEAD(contig_dma_devices);
static DEFINE_MUTEX(contig_dma_devices_mutex);

/* Is the name in a list of the administrator's? */
static bool contig_listed(char *const *list, const char *name)
{
	char pattern[CONTIG_DEVICE_NAME_SIZE];
	const char *item, *end;
	bool listed = false;

	kernel_param_lock(THIS_MODULE);
	for (item = *list; item && !listed; item = end) {
		size_t length = strcspn(item, ",\n");

		end = item[length] ? item + length + 1 : NULL;
		if (length >= sizeof(pattern))
			continue;
		memcpy(pattern, item, length);
		pattern[length] = 0;
		listed = glob_match(pattern, name);
	}
	kernel_param_unlock(THIS_MODULE);
	return listed;
}

/* The device of a name, with a reference, NULL if there is none. */
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

/* Does the driver keep the kernel out of the device's DMA, like VFIO does? */
static bool contig_driver_manages_dma(struct device *dev)
{
#ifdef CONFIG_PCI
	if (dev_is_pci(dev))
		return to_pci_driver(dev->driver)->driver_managed_dma;
#endif
	return to_platform_driver(dev->driver)->driver_managed_dma;
}

/* Is the device one that memory can be mapped for now? */
static int contig_device_usable(struct device *dev)
{
	/* Nobody is about to bind or unbind it, who would hold the lock. */
	device_lock_assert(dev);
	if (!dev->driver)
		return -EUNATCH;
	if (contig_driver_manages_dma(dev))
		return -EBUSY;
	return dev->dma_mask && dev->dma_parms ? 0 : -ENODEV;
}

/* Does the caller say more of the device than who it is? */
static bool contig_limits_given(const struct contig_device *cmd)
{
	return cmd->address_bits || cmd->max_segment || cmd->boundary;
}

/*
 * May the caller say what the device can address? Not if a driver in the kernel
 * knows that and relies on it, nor if it would be said of another device as well:
 * some parts of a larger one share what the kernel notes.
 */
static bool contig_limits_open(struct device *dev)
{
	device_lock_assert(dev);
	if (!contig_listed(&contig_stubs_param, dev->driver->name))
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

static void contig_limits_restore(struct device *dev,
				  const struct contig_dma_limits *limits)
{
	/* They were taken before. */
	dma_set_mask(dev, limits->mask);
	dma_set_coherent_mask(dev, limits->coherent_mask);
	dma_set_max_seg_size(dev, limits->max_segment);
	dma_set_seg_boundary(dev, limits->boundary_mask);
}

/* Tell the kernel what the caller knows of the device. */
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

/* Would the limits that are in force be the caller's as well? */
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

/* The highest page frame that a device without an IOMMU can reach. */
static unsigned long contig_device_highest(struct device *dev)
{
	u64 last = min_not_zero(dma_get_mask(dev), dev->bus_dma_limit);
	phys_addr_t addr = dma_to_phys(dev, last);

	/* The last page has to be within reach as a whole. */
	return addr == (phys_addr_t)-1 ? ULONG_MAX :
					 PHYS_PFN(addr + 1) - 1;
}

static void contig_dma_device_init(struct contig_dma_device *device,
				   struct device *dev)
{
	device->refs = 1;
	device->dev = get_device(dev);
	device->translated = contig_dma_translated(dev);
	device->highest = device->translated ? ULONG_MAX :
					       contig_device_highest(dev);
	mutex_init(&device->lock);
	INIT_LIST_HEAD(&device->maps);
}

static struct contig_dma_device *contig_dma_device_new(struct device *dev,
						       const struct contig_device *cmd)
{
	struct contig_dma_device *device;
	int ret;

	device = kzalloc(sizeof(*device), GFP_KERNEL_ACCOUNT);
	if (!device)
		return ERR_PTR(-ENOMEM);
	device->limited = contig_limits_given(cmd);
	if (device->limited) {
		contig_limits_save(dev, &device->old);
		ret = contig_limits_set(dev, cmd);
		if (ret) {
			contig_limits_restore(dev, &device->old);
			kfree(device);
			return ERR_PTR(ret);
		}
	}
	strscpy(device->name, cmd->name, sizeof(device->name));
	contig_dma_device_init(device, dev);
	return device;
}

static struct contig_dma_device *contig_dma_device_find(struct device *dev)
{
	struct contig_dma_device *device;

	lockdep_assert_held(&contig_dma_devices_mutex);
	list_for_each_entry(device, &contig_dma_devices, node)
		if (device->dev == dev && !device->by_driver)
			return device;
	return NULL;
}

/* The same for a device that has a driver, which stays while we look. */
static struct contig_dma_device *contig_dma_device_share(struct device *dev,
							 const struct contig_device *cmd)
{
	struct contig_dma_device *device;
	struct contig_pool *pool;
	int ret = contig_device_usable(dev);

	if (!ret && contig_limits_given(cmd) && !contig_limits_open(dev))
		ret = -EBUSY;
	if (ret)
		return ERR_PTR(ret);
	/* Makes devices, of which the kernel tells contig_bus_notify(). */
	pool = contig_pool_of(dev, contig_listed(&contig_stubs_param,
						 dev->driver->name));
	if (IS_ERR(pool))
		return ERR_CAST(pool);
	guard(mutex)(&contig_dma_devices_mutex);
	device = contig_dma_device_find(dev);
	if (device) {
		if (!contig_limits_agree(dev, cmd))
			return ERR_PTR(-EBUSY);
		device->refs++;
		return device;
	}
	device = contig_dma_device_new(dev, cmd);
	if (IS_ERR(device))
		return device;
	device->pool = pool;
	list_add_tail(&device->node, &contig_dma_devices);
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
	if (cmd->boundary &&
	    (!is_power_of_2(cmd->boundary) || cmd->boundary < PAGE_SIZE))
		return -EINVAL;
	return 0;
}

/**
 * contig_dma_device_attach() - find the device that a client wants
 * @cmd: name and limits, from user space
 *
 * May sleep.
 *
 * Return: the device, with a reference, or ERR_PTR() as uapi/linux/contig.h has
 * it for CONTIG_DEVICE.
 */
struct contig_dma_device *
contig_dma_device_attach(const struct contig_device *cmd)
{
	struct contig_dma_device *device;
	struct device *dev;
	int ret = contig_device_check(cmd);

	if (ret)
		return ERR_PTR(ret);
	if (!contig_listed(&contig_devices_param, cmd->name) && !capable(CAP_SYS_RAWIO))
		return ERR_PTR(-EPERM);
	dev = contig_device_find(cmd->name);
	if (!dev)
		return ERR_PTR(-ENODEV);
	/* A driver may take its time to be bound. */
	if (device_lock_interruptible(dev)) {
		put_device(dev);
		return ERR_PTR(-ERESTARTNOINTR);
	}
	device = contig_dma_device_share(dev, cmd);
	device_unlock(dev);
	put_device(dev);
	return device;
}

void contig_dma_device_get(struct contig_dma_device *device)
{
	guard(mutex)(&contig_dma_devices_mutex);
	device->refs++;
}

/* With the last reference go the limits that clients asked for. May sleep. */
void contig_dma_device_put(struct contig_dma_device *device)
{
	scoped_guard(mutex, &contig_dma_devices_mutex) {
		if (--device->refs)
			return;
		if (!list_empty(&device->node)) {
			list_del(&device->node);
			if (device->limited)
				contig_limits_restore(device->dev,
						      &device->old);
		}
	}
	mutex_destroy(&device->lock);
	put_device(device->dev);
	kfree(device);
}

/* The device goes, or gets another driver: nothing may stay mapped for it. */
static void contig_dma_device_revoke(struct contig_dma_device *device)
{
	struct contig_dma_map *map, *next;

	lockdep_assert_held(&contig_dma_devices_mutex);
	list_del_init(&device->node);
	guard(mutex)(&device->lock);
	WRITE_ONCE(device->gone, true);
	if (device->by_driver) {
		/* It may still be looking after caches, without a lock. */
		list_for_each_entry(map, &device->maps, node)
			WRITE_ONCE(map->mapped, false);
		synchronize_rcu();
	}
	list_for_each_entry_safe(map, next, &device->maps, node)
		contig_dma_map_revoke(map);
	if (device->limited)
		contig_limits_restore(device->dev, &device->old);
	contig_stats_count(CONTIG_EVENT_DEVICE_GONE);
}

/*
 * A driver has left a device, and took back nothing itself. The driver core frees
 * its resources then, in the last moment in which an IOMMU still knows the maps.
 */
static void contig_driver_left(struct device *dev, void *res)
{
	struct contig_dma_device *device = *(struct contig_dma_device **)res;

	scoped_guard(mutex, &contig_dma_devices_mutex)
		contig_dma_device_revoke(device);
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

/**
 * contig_dma_device_of_driver() - attach a device for its own driver
 * @dev: the device; the caller is its driver, and lets go of it in time by
 *       contig_dma_device_of_driver_put()
 *
 * Its limits are what they are, and it is shared with nobody. May sleep.
 *
 * Return: the device, with a reference, or ERR_PTR() of -ENODEV if it cannot do DMA
 * or has no driver, -ENOMEM.
 */
struct contig_dma_device *contig_dma_device_of_driver(struct device *dev)
{
	struct contig_dma_device *device, **res;
	bool late;

	if (!dev->driver || !dev->dma_mask)
		return ERR_PTR(-ENODEV);
	device = kzalloc(sizeof(*device), GFP_KERNEL);
	if (!device)
		return ERR_PTR(-ENOMEM);
	res = devres_alloc(contig_driver_left, sizeof(*res), GFP_KERNEL);
	if (!res) {
		kfree(device);
		return ERR_PTR(-ENOMEM);
	}
	device->by_driver = true;
	snprintf(device->name, sizeof(device->name), "%s/%s", dev_bus_name(dev),
		 dev_name(dev));
	contig_dma_device_init(device, dev);
	/* One is the caller's, one the resource's. */
	device->refs++;
	*res = device;
	scoped_guard(mutex, &contig_dma_devices_mutex) {
		list_add_tail(&device->node, &contig_dma_devices);
		devres_add(dev, res);
		/* Or contig_bus_notify() finds it. */
		late = !READ_ONCE(dev->driver);
	}
	if (late) {
		contig_dma_device_of_driver_put(device);
		return ERR_PTR(-ENODEV);
	}
	return device;
}

/* Return: 0, or -ENODEV if the device is gone. */
int contig_dma_device_check(struct contig_dma_device *device)
{
	return READ_ONCE(device->gone) ? -ENODEV : 0;
}

/* Say what is known of a device. Return: 0, or -ENODEV if it is gone. */
int contig_dma_device_describe(struct contig_dma_device *device,
			       struct contig_device *cmd)
{
	struct device *dev = device->dev;
	u64 boundary;

	/* While it is not gone nobody else changes its limits. */
	guard(mutex)(&device->lock);
	if (device->gone)
		return -ENODEV;
	boundary = dma_get_seg_boundary(dev);
	strscpy_pad(cmd->out_name, device->name, sizeof(cmd->out_name));
	cmd->out_address_bits = fls64(dma_get_mask(dev));
	cmd->out_node = dev_to_node(dev);
	/* Nothing here is shorter than a page. */
	cmd->out_max_segment = max_t(u64, dma_get_max_seg_size(dev),
				     PAGE_SIZE);
	cmd->out_boundary = boundary == ULONG_MAX ? 0 : boundary + 1;
	cmd->out_highest = device->highest == ULONG_MAX ? U64_MAX :
			   PFN_PHYS((u64)device->highest + 1) - 1;
	cmd->out_features = 0;
	if (device->translated)
		cmd->out_features |= CONTIG_DEVICE_IOMMU;
	if (dev_is_dma_coherent(dev))
		cmd->out_features |= CONTIG_DEVICE_COHERENT;
	if (device->pool)
		cmd->out_features |= CONTIG_DEVICE_POOL;
	return 0;
}

/*
 * A driver that has memory mapped itself is told to go. It may be in the middle of a
 * transfer, and stops when it is told to go: so nothing is mapped from now on, and
 * what is mapped is left to it, and to contig_driver_left().
 */
static void contig_driver_leaves(struct contig_dma_device *device)
{
	guard(mutex)(&device->lock);
	WRITE_ONCE(device->gone, true);
}

/*
 * It opened a client when its resources had been freed already. Else the next driver
 * would find this one.
 */
static void contig_driver_is_late(struct contig_dma_device *device)
{
	lockdep_assert_held(&contig_dma_devices_mutex);
	contig_dma_device_revoke(device);
	/* Who opened the client has a reference too. */
	if (!devres_destroy(device->dev, contig_driver_left,
			    contig_driver_match, device))
		device->refs--;
}

/* The kernel calls this before it does what it says. */
static int contig_bus_notify(struct notifier_block *nb, unsigned long event,
			     void *data)
{
	struct contig_dma_device *device, *next;
	bool left = false;

	switch (event) {
	case BUS_NOTIFY_BIND_DRIVER:
	case BUS_NOTIFY_UNBIND_DRIVER:
	case BUS_NOTIFY_DEL_DEVICE:
		break;
	case BUS_NOTIFY_UNBOUND_DRIVER:
		left = true;
		break;
	default:
		return NOTIFY_DONE;
	}
	guard(mutex)(&contig_dma_devices_mutex);
	list_for_each_entry_safe(device, next, &contig_dma_devices, node) {
		if (device->dev != data)
			continue;
		if (device->by_driver && left)
			contig_driver_is_late(device);
		else if (device->by_driver)
			contig_driver_leaves(device);
		else if (!left)
			contig_dma_device_revoke(device);
	}
	return NOTIFY_DONE;
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

int contig_dma_devices_show(struct seq_file *m, void *unused)
{
	struct contig_dma_device *device;

	seq_printf(m, "%-24s %7s %4s %8s %14s %s\n", "device", "clients",
		   "bits", "iommu", "bytes mapped", "driver");
	guard(mutex)(&contig_dma_devices_mutex);
	list_for_each_entry(device, &contig_dma_devices, node) {
		unsigned int maps = 0;
		struct list_head *at;

		guard(mutex)(&device->lock);
		list_for_each(at, &device->maps)
			maps++;
		seq_printf(m, "%-24s %7u %4u %8s %14llu %s\n", device->name,
			   device->refs - maps - device->by_driver,
			   fls64(dma_get_mask(device->dev)),
			   str_yes_no(device->translated), device->mapped,
			   dev_driver_string(device->dev));
	}
	return 0;
}

// SPDX-License-Identifier: GPL-2.0-only
/*
 * The devices that clients' memory is for
 *
 * A device belongs to its driver; clients only map memory for it, and say what the
 * device can address if its driver does not know.
 */
#include <linux/cred.h>
#include <linux/device.h>
#include <linux/dma-direct.h>
#include <linux/dma-map-ops.h>
#include <linux/dma-mapping.h>
#include <linux/err.h>
#include <linux/log2.h>
#include <linux/pci.h>
#include <linux/pfn.h>
#include <linux/platform_device.h>
#include <linux/rcupdate.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "delegate.h"
#include "dma_device.h"
#include "listing.h"
#include "name.h"
#include "pool.h"
#include "sg.h"

/* Every device that is attached and not gone. */
LIST_HEAD(contig_dma_device_list);
DEFINE_MUTEX(contig_dma_devices_mutex); /* for contig_dma_device_list */

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

/* Return a device with a reference that is in no list yet, or NULL. */
struct contig_dma_device *contig_dma_device_new(struct device *dev)
{
	struct contig_dma_device *device;

	device = kzalloc(sizeof(*device), GFP_KERNEL_ACCOUNT);
	if (!device)
		return NULL;
	INIT_LIST_HEAD(&device->node);
	refcount_set(&device->refs, 1);
	init_completion(&device->left);
	INIT_LIST_HEAD(&device->grants);
	snprintf(device->name, sizeof(device->name), "%s/%s", dev_bus_name(dev),
		 dev_name(dev));
	device->dev = get_device(dev);
	device->group = contig_device_group(dev);
	device->translated = contig_dma_translated(dev);
	device->highest = device->translated ? ULONG_MAX :
					       contig_device_highest(dev);
	mutex_init(&device->lock);
	INIT_LIST_HEAD(&device->maps);
	return device;
}

/* Free a device that is in no list and has no reference left. */
void contig_dma_device_free(struct contig_dma_device *device)
{
	mutex_destroy(&device->lock);
	put_device(device->dev);
	kfree(device);
}

/* Return: 0 or -ENOMEM. */
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

/* Make what the first client that attaches a device needs. */
static struct contig_dma_device *
contig_dma_device_first(struct device *dev, const struct contig_device *cmd,
			struct contig_pool *pool)
{
	struct contig_dma_limits old;
	struct contig_dma_device *device;
	bool limited = contig_limits_given(cmd);
	int ret;

	/* What it can reach depends on its limits. */
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
		contig_limits_restore(dev, &old);
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

/* Return the device, with a reference: the one that there is, or a new one. */
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
 * Attach a device that has a driver, which stays meanwhile. *@grant is one to use if
 * there is none by this right, and receives the one that is used.
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
	/* Makes devices, of which the kernel tells contig_bus_notify(). */
	pool = contig_pool_of(dev, contig_driver_is_stub(dev));
	if (IS_ERR(pool))
		return ERR_CAST(pool);
	guard(mutex)(&contig_dma_devices_mutex);
	if (!contig_device_allowed(dev, right, &confined))
		return ERR_PTR(-EACCES);
	if (!contig_grants_admit(dev, cmd->name, contig_device_group(dev),
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
	if (cmd->boundary &&
	    (!is_power_of_2(cmd->boundary) || cmd->boundary < PAGE_SIZE))
		return -EINVAL;
	return 0;
}

/**
 * contig_dma_device_attach() - find the device that a client wants
 * @cmd: name and limits, from user space
 * @grant: receives the grant by which the client has the device, NULL if it needs
 *         none
 *
 * May sleep.
 *
 * Return: the device, with a reference, or ERR_PTR() as uapi/linux/contig.h has
 * it for CONTIG_DEVICE.
 */
struct contig_dma_device *
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
		mine = kzalloc(sizeof(*mine), GFP_KERNEL_ACCOUNT);
		if (!mine)
			return ERR_PTR(-ENOMEM);
	}
	dev = contig_device_find(cmd->name);
	if (!dev)
		return ERR_PTR(-ENODEV);
	/* A driver may take its time to be bound. */
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

/* End contig_dma_device_attach(). May sleep. */
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

/* Undo what clients said of the limits. Maps for these limits must be gone. */
void contig_dma_device_restore(struct contig_dma_device *device)
{
	if (device->limited)
		contig_limits_restore(device->dev, &device->old);
}

/* With the last reference go the limits that clients asked for. May sleep. */
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

/**
 * contig_dma_device_is_confined() - see whether a device is confined now
 * @device: the device
 * @grant: of a client that has attached it, or NULL for CAP_SYS_RAWIO
 *
 * Return: true if it is, false if it is not or is gone.
 */
bool contig_dma_device_is_confined(struct contig_dma_device *device,
				   const struct contig_grant *grant)
{
	struct contig_right right = { .privileged = true };

	if (grant)
		right = grant->right;
	else
		right.uid = current_euid();
	/* A device that is not gone keeps its driver and its IOMMU. */
	guard(mutex)(&device->lock);
	return !device->gone && contig_device_confined(device->dev, &right);
}

/**
 * struct contig_dma_line - what the list in debugfs says of a device
 * @name: see &struct contig_dma_device
 * @driver: name of its driver
 * @clients: see &struct contig_dma_device
 * @bits: how many bits of an address it has
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
	/* The memory of a driver that goes is freed after a grace period. */
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

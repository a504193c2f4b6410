// SPDX-License-Identifier: GPL-2.0-only
/*
 * Devices that the administrator gave to users
 *
 * The parameter "devices" gives devices to users without CAP_SYS_RAWIO. A device
 * can be told by its user to read and write all that it reaches. So such a user may
 * attach it only if the device is confined: it reaches no memory but what is mapped
 * for devices of the same user, and no interrupts but its own.
 */
#include <linux/capability.h>
#include <linux/cred.h>
#include <linux/ctype.h>
#include <linux/device.h>
#include <linux/glob.h>
#include <linux/iommu.h>
#include <linux/module.h>
#include <linux/pci.h>
#include <linux/platform_device.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/user_namespace.h>

#include "delegate.h"
#include "dma_device.h"

static char *contig_devices_param;
module_param_named(devices, contig_devices_param, charp, 0644);
MODULE_PARM_DESC(devices,
		 "devices that users without CAP_SYS_RAWIO may attach, if they are confined by an IOMMU: names as \"pci/0000:00:05.0@UID\" or \"platform/NAME@UID\", * and ? as in file names, separated by commas; without @UID for all users who may open /dev/contig (default: none)");

static char *contig_stubs_param = "uio_pci_generic,uio_pdrv_genirq,uio_dmem_genirq,pci-stub";
module_param_named(stub_drivers, contig_stubs_param, charp, 0644);
MODULE_PARM_DESC(stub_drivers,
		 "drivers that leave a device to user space, so that a client may say what it can address; patterns as for devices (default: uio_pci_generic,uio_pdrv_genirq,uio_dmem_genirq,pci-stub)");

static bool contig_allow_unconfined;
module_param_named(allow_unconfined, contig_allow_unconfined, bool, 0644);
MODULE_PARM_DESC(allow_unconfined,
		 "devices= also gives devices that no IOMMU confines: their users can read and write all memory (default: no)");

/* To which users an entry of the parameter "devices" gives a device. */
#define CONTIG_FOR_UID BIT(0)
#define CONTIG_FOR_EVERYBODY BIT(1)

/*
 * Split "@UID" off an entry of @length bytes. Return the length of the pattern before
 * it. @uid becomes INVALID_UID for a number that is no uid, which matches no caller.
 */
static size_t contig_entry_split(const char *entry, size_t length,
				 unsigned int *who, kuid_t *uid)
{
	size_t at = length, i;
	u64 number = 0;

	*who = CONTIG_FOR_EVERYBODY;
	*uid = INVALID_UID;
	while (at && isdigit(entry[at - 1]))
		at--;
	if (at == length || !at || entry[at - 1] != '@')
		return length;
	for (i = at; i < length; i++)
		number = min_t(u64, number * 10 + (entry[i] - '0'), U32_MAX);
	*who = CONTIG_FOR_UID;
	*uid = make_kuid(&init_user_ns, number);
	return at - 1;
}

/* Return true if the pattern of @length bytes matches @name. */
static bool contig_pattern_matches(const char *text, size_t length,
				   const char *name)
{
	char pattern[CONTIG_DEVICE_NAME_SIZE];

	if (length >= sizeof(pattern))
		return false;
	memcpy(pattern, text, length);
	pattern[length] = 0;
	return glob_match(pattern, name);
}

/* The entry after @entry, or NULL. */
static const char *contig_entry_next(const char *entry, size_t *length)
{
	*length = strcspn(entry, ",\n");
	return entry[*length] ? entry + *length + 1 : NULL;
}

/*
 * Return to which users the parameter "devices" gives @name: CONTIG_FOR_UID for
 * @uid, CONTIG_FOR_EVERYBODY, both or none. The caller holds kernel_param_lock().
 */
static unsigned int contig_device_given(const char *name, kuid_t uid)
{
	const char *entry, *next;
	unsigned int given = 0;
	size_t length;

	for (entry = contig_devices_param; entry; entry = next) {
		unsigned int who;
		kuid_t user;

		next = contig_entry_next(entry, &length);
		length = contig_entry_split(entry, length, &who, &user);
		if (who == CONTIG_FOR_UID && !uid_eq(user, uid))
			continue;
		if (contig_pattern_matches(entry, length, name))
			given |= who;
	}
	return given;
}

/* Return true if the parameter "stub_drivers" has @name; with the same lock. */
static bool contig_stub_listed(const char *name)
{
	const char *entry, *next;
	size_t length;

	for (entry = contig_stubs_param; entry; entry = next) {
		next = contig_entry_next(entry, &length);
		if (contig_pattern_matches(entry, length, name))
			return true;
	}
	return false;
}

/**
 * contig_driver_is_stub() - see whether a driver leaves its device to user space
 * @dev: a device with a driver; the caller holds device_lock()
 *
 * Return: true if the parameter "stub_drivers" has the driver.
 */
bool contig_driver_is_stub(struct device *dev)
{
	bool listed;

	device_lock_assert(dev);
	kernel_param_lock(THIS_MODULE);
	listed = contig_stub_listed(dev->driver->name);
	kernel_param_unlock(THIS_MODULE);
	return listed;
}

static bool contig_right_covers(const struct contig_right *right,
				const char *name)
{
	unsigned int given = contig_device_given(name, right->uid);

	return given & CONTIG_FOR_EVERYBODY ||
	       (!right->everybody && given & CONTIG_FOR_UID);
}

/**
 * contig_right_get() - find the right by which the caller may attach a device
 * @name: the device, which need not exist
 * @right: filled
 *
 * Where a caller has several rights CAP_SYS_RAWIO comes first, then an entry with
 * its uid.
 *
 * Return: 0 or -EPERM.
 */
int contig_right_get(const char *name, struct contig_right *right)
{
	unsigned int given;

	*right = (struct contig_right){ .uid = current_euid() };
	/* A caller that needs no privilege must not cause an audit record. */
	if (ns_capable_noaudit(&init_user_ns, CAP_SYS_RAWIO) &&
	    capable(CAP_SYS_RAWIO)) {
		right->privileged = true;
		return 0;
	}
	kernel_param_lock(THIS_MODULE);
	given = contig_device_given(name, right->uid);
	kernel_param_unlock(THIS_MODULE);
	right->everybody = given == CONTIG_FOR_EVERYBODY;
	return given || capable(CAP_SYS_RAWIO) ? 0 : -EPERM;
}

/*
 * Return true if @dev is a bridge between PCI buses. It is in the group of what
 * lies behind it, and moves no data of its own.
 */
static bool contig_device_is_bridge(struct device *dev)
{
#ifdef CONFIG_PCI
	return dev_is_pci(dev) && pci_is_bridge(to_pci_dev(dev));
#else
	return false;
#endif
}

/*
 * Return true if no driver in the kernel has memory mapped for the device. The
 * device may be losing its driver meanwhile; the memory of a driver that has been
 * unregistered is freed after an RCU grace period. With kernel_param_lock().
 */
static bool contig_device_is_free(struct device *dev)
{
	char name[CONTIG_DEVICE_NAME_SIZE];
	struct device_driver *driver;
	bool managed = false;

	rcu_read_lock();
	driver = READ_ONCE(dev->driver);
	if (driver) {
		strscpy(name, driver->name, sizeof(name));
#ifdef CONFIG_PCI
		managed = contig_device_is_bridge(dev) &&
			  to_pci_driver(driver)->driver_managed_dma;
#endif
	}
	rcu_read_unlock();
	return !driver || managed || contig_stub_listed(name);
}

/*
 * Return true if the list gives the device to the caller, and no driver of the
 * kernel has it. With kernel_param_lock().
 */
static bool contig_right_owns(const struct contig_right *right,
			      struct device *dev)
{
	char name[CONTIG_DEVICE_NAME_SIZE];

	/* contig_bus_notify() hears of drivers on these buses only. */
	if (!dev_is_pci(dev) && dev->bus != &platform_bus_type)
		return false;
	if (snprintf(name, sizeof(name), "%s/%s", dev_bus_name(dev),
		     dev_name(dev)) >= sizeof(name))
		return false;
	return (contig_device_is_bridge(dev) ||
		contig_right_covers(right, name)) && contig_device_is_free(dev);
}

/**
 * struct contig_look - what contig_group_look() needs to know
 * @dev: the device to attach
 * @right: by which right
 */
struct contig_look {
	struct device *dev;
	const struct contig_right *right;
};

/* Return 1 if memory that is not the caller's may be mapped for a device. */
static int contig_group_look(struct device *dev, void *data)
{
	struct contig_look *look = data;

	if (dev == look->dev && look->right->privileged)
		return !contig_device_is_free(dev);
	return !contig_right_owns(look->right, dev);
}

/*
 * Return true if the IOMMU maps memory for a device of the group from boot on,
 * because firmware asks for it, or if that cannot be found out.
 */
static bool contig_group_has_direct(struct iommu_group *group)
{
	struct iommu_resv_region *region, *next;
	LIST_HEAD(regions);
	bool direct = iommu_get_group_resv_regions(group, &regions);

	list_for_each_entry_safe(region, next, &regions, list) {
		if (region->type == IOMMU_RESV_DIRECT ||
		    region->type == IOMMU_RESV_DIRECT_RELAXABLE)
			direct = true;
		kfree(region);
	}
	return direct;
}

/* Return true if the IOMMU maps for the device what the DMA API says, no more. */
static bool contig_domain_confines(struct device *dev)
{
	struct iommu_domain *domain = iommu_get_domain_for_dev(dev);

	return domain && domain->type & __IOMMU_DOMAIN_DMA_API &&
	       domain->pgsize_bitmap &&
	       1UL << __ffs(domain->pgsize_bitmap) <= PAGE_SIZE;
}

/**
 * contig_device_confined() - see whether a device reaches only the caller's memory
 * @dev: the device; it has a driver, and keeps it meanwhile
 * @right: the right of the caller
 *
 * The devices of an IOMMU group share what is mapped, and may reach each other. So
 * each of them has to be the caller's. What counts is the drivers and the parameters
 * of this moment. May sleep.
 *
 * Return: true if the device is confined.
 */
bool contig_device_confined(struct device *dev,
			    const struct contig_right *right)
{
	struct contig_look look = { .dev = dev, .right = right };
	struct iommu_group *group;
	bool confined;

	if (!contig_domain_confines(dev))
		return false;
	group = iommu_group_get(dev);
	if (!group)
		return false;
	confined = iommu_group_has_isolated_msi(group) &&
		   !contig_group_has_direct(group);
	if (confined) {
		kernel_param_lock(THIS_MODULE);
		confined = !iommu_group_for_each_dev(group, &look,
						     contig_group_look);
		kernel_param_unlock(THIS_MODULE);
	}
	iommu_group_put(group);
	return confined;
}

/**
 * contig_device_allowed() - see whether a device may be attached as confined as it is
 * @dev: the device; it has a driver, and keeps it meanwhile
 * @right: the right of the caller
 * @confined: set if the caller relies on the device being confined
 *
 * The caller holds contig_dma_devices_mutex: so a device of the group that gets a
 * driver is either seen here, or contig_bus_notify() sees what the caller attaches.
 *
 * Return: true if it may.
 */
bool contig_device_allowed(struct device *dev, const struct contig_right *right,
			   bool *confined)
{
	lockdep_assert_held(&contig_dma_devices_mutex);
	*confined = false;
	if (right->privileged)
		return true;
	*confined = contig_device_confined(dev, right);
	if (*confined)
		return true;
	if (!READ_ONCE(contig_allow_unconfined))
		return false;
	dev_warn_ratelimited(dev, "contig: attached for uid %u, and not confined to its memory\n",
			     from_kuid_munged(&init_user_ns, current_euid()));
	return true;
}

/* Return the number of the IOMMU group of a device, or -1 if it is in none. */
int contig_device_group(struct device *dev)
{
	struct iommu_group *group = iommu_group_get(dev);
	int id = -1;

	if (group) {
		id = iommu_group_id(group);
		iommu_group_put(group);
	}
	return id;
}

static bool contig_right_same(const struct contig_right *a,
			      const struct contig_right *b)
{
	return a->privileged == b->privileged && a->everybody == b->everybody &&
	       (a->everybody || uid_eq(a->uid, b->uid));
}

/**
 * contig_grants_admit() - see whether users of the group may have the device as well
 * @dev: the device that is to be attached
 * @name: its name
 * @group: its IOMMU group, or -1
 * @right: the right of the caller
 *
 * What the caller has mapped for the device is in reach of all users of the device
 * and of its group. They trust each other if the administrator gave the device to
 * all of them. The list may have changed since they attached theirs. CAP_SYS_RAWIO
 * is no exception: this check protects the caller. Where users need not be
 * confined only those of the same device count.
 *
 * Return: true if they may.
 */
bool contig_grants_admit(struct device *dev, const char *name, int group,
			 const struct contig_right *right)
{
	struct contig_dma_device *device;
	bool unconfined = READ_ONCE(contig_allow_unconfined);
	struct contig_grant *grant;
	unsigned int granted;
	bool admit = true;

	lockdep_assert_held(&contig_dma_devices_mutex);
	kernel_param_lock(THIS_MODULE);
	list_for_each_entry(device, &contig_dma_device_list, node) {
		if (device->dev != dev &&
		    (group < 0 || device->group != group || unconfined))
			continue;
		granted = 0;
		list_for_each_entry(grant, &device->grants, node) {
			granted += grant->clients;
			if (!contig_right_same(&grant->right, right) &&
			    !contig_right_covers(&grant->right, name))
				admit = false;
		}
		/* Clients with CAP_SYS_RAWIO did not agree to share it. */
		if (!right->privileged && device->clients > granted)
			admit = false;
	}
	kernel_param_unlock(THIS_MODULE);
	return admit;
}

/**
 * contig_grants_endanger() - see whether users of a device would reach what is mapped
 *                            for another one
 * @device: the device that they have attached
 * @other: a device of the same IOMMU group, with its new driver
 *
 * Return: true if so, and if they were promised not to.
 */
bool contig_grants_endanger(struct contig_dma_device *device,
			    struct device *other)
{
	struct contig_grant *grant;
	bool endanger = false;

	lockdep_assert_held(&contig_dma_devices_mutex);
	kernel_param_lock(THIS_MODULE);
	list_for_each_entry(grant, &device->grants, node)
		if (grant->confined && !contig_right_owns(&grant->right, other))
			endanger = true;
	kernel_param_unlock(THIS_MODULE);
	return endanger;
}

/* Return the grant of a device by this right, or NULL. */
struct contig_grant *contig_grant_find(struct contig_dma_device *device,
				       const struct contig_right *right)
{
	struct contig_grant *grant;

	lockdep_assert_held(&contig_dma_devices_mutex);
	list_for_each_entry(grant, &device->grants, node)
		if (contig_right_same(&grant->right, right))
			return grant;
	return NULL;
}

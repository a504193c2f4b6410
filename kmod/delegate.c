// SPDX-License-Identifier: GPL-2.0-only
/*
 * Devices that the administrator gives to users
 *
 * The parameter "devices" gives devices to users without CAP_SYS_RAWIO. A user
 * can make a device read and write all memory that it reaches. So such a user
 * may attach only a confined device: one that reaches only memory mapped for
 * devices of the same user, and raises only its own interrupts.
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

/* The users that an entry of the parameter "devices" is for. */
#define CONTIG_FOR_UID BIT(0)
#define CONTIG_FOR_EVERYBODY BIT(1)

/*
 * Split "@UID" off an entry of @length bytes. Return the length of the pattern
 * before it. If the number is no uid, @uid is INVALID_UID, which matches no
 * caller.
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

/* Return the entry after @entry, or NULL. */
static const char *contig_entry_next(const char *entry, size_t *length)
{
	*length = strcspn(entry, ",\n");
	return entry[*length] ? entry + *length + 1 : NULL;
}

/*
 * Return the users that the parameter "devices" gives @name to: CONTIG_FOR_UID
 * for @uid, CONTIG_FOR_EVERYBODY, both or none. The caller holds
 * kernel_param_lock().
 */
static unsigned int contig_delegate_given(const char *name, kuid_t uid)
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

/* Return true if "stub_drivers" has @name. Under kernel_param_lock(). */
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
 * contig_driver_is_stub() - test whether a driver leaves DMA to user space
 * @dev: a device with a driver; the caller holds device_lock()
 *
 * Return: true if the parameter "stub_drivers" lists the driver.
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
	unsigned int given = contig_delegate_given(name, right->uid);

	return given & CONTIG_FOR_EVERYBODY ||
	       (!right->everybody && given & CONTIG_FOR_UID);
}

/**
 * contig_right_get() - get the right by which the caller may attach a device
 * @name: name of the device, which need not exist
 * @right: filled
 *
 * If a caller has several rights, CAP_SYS_RAWIO takes precedence, then an entry
 * with its uid.
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
	given = contig_delegate_given(name, right->uid);
	kernel_param_unlock(THIS_MODULE);
	right->everybody = given == CONTIG_FOR_EVERYBODY;
	return given || capable(CAP_SYS_RAWIO) ? 0 : -EPERM;
}

/*
 * Return true if @dev is a bridge between PCI buses. A bridge is in the IOMMU
 * group of the devices behind it, and does no DMA of its own.
 */
static bool contig_delegate_is_bridge(struct device *dev)
{
#ifdef CONFIG_PCI
	return dev_is_pci(dev) && pci_is_bridge(to_pci_dev(dev));
#else
	return false;
#endif
}

/*
 * Return true if no kernel driver has memory mapped for the device. The device
 * may be losing its driver; a driver that is unregistered is freed after an RCU
 * grace period. The caller holds kernel_param_lock().
 */
static bool contig_delegate_is_free(struct device *dev)
{
	char name[CONTIG_DEVICE_NAME_SIZE];
	struct device_driver *driver;
	bool managed = false;

	rcu_read_lock();
	driver = READ_ONCE(dev->driver);
	if (driver) {
		strscpy(name, driver->name, sizeof(name));
#ifdef CONFIG_PCI
		managed = contig_delegate_is_bridge(dev) &&
			  to_pci_driver(driver)->driver_managed_dma;
#endif
	}
	rcu_read_unlock();
	return !driver || managed || contig_stub_listed(name);
}

/*
 * Return true if the parameter "devices" gives the device to the caller and no
 * kernel driver uses it. The caller holds kernel_param_lock().
 */
static bool contig_right_owns(const struct contig_right *right,
			      struct device *dev)
{
	char name[CONTIG_DEVICE_NAME_SIZE];

	/* contig_bus_notify() is called for drivers on these buses only. */
	if (!dev_is_pci(dev) && dev->bus != &platform_bus_type)
		return false;
	if (snprintf(name, sizeof(name), "%s/%s", dev_bus_name(dev),
		     dev_name(dev)) >= sizeof(name))
		return false;
	return (contig_delegate_is_bridge(dev) ||
		contig_right_covers(right, name)) && contig_delegate_is_free(dev);
}

/**
 * struct contig_group_state - argument of contig_group_check_device()
 * @dev: the device to attach
 * @right: the right of the caller
 */
struct contig_group_state {
	struct device *dev;
	const struct contig_right *right;
};

/* Return 1 if memory of others may be mapped for a device. */
static int contig_group_check_device(struct device *dev, void *data)
{
	struct contig_group_state *look = data;

	if (dev == look->dev && look->right->privileged)
		return !contig_delegate_is_free(dev);
	return !contig_right_owns(look->right, dev);
}

/*
 * Return true if firmware makes the IOMMU map memory for a device of the group
 * from boot on, or if that cannot be determined.
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

/* Return true if the IOMMU maps only the memory that the DMA API maps. */
static bool contig_domain_confines(struct device *dev)
{
	struct iommu_domain *domain = iommu_get_domain_for_dev(dev);

	return domain && domain->type & __IOMMU_DOMAIN_DMA_API &&
	       domain->pgsize_bitmap &&
	       1UL << __ffs(domain->pgsize_bitmap) <= PAGE_SIZE;
}

/**
 * contig_delegate_confined() - test whether a device is confined to the caller
 * @dev: the device, whose driver must stay bound
 * @right: the right of the caller
 *
 * The devices of an IOMMU group share their mappings, and may reach each other.
 * So each of them has to be the caller's. The result holds for the current
 * drivers and parameters. May sleep.
 *
 * Return: true if the device is confined.
 */
bool contig_delegate_confined(struct device *dev,
			      const struct contig_right *right)
{
	struct contig_group_state look = { .dev = dev, .right = right };
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
						     contig_group_check_device);
		kernel_param_unlock(THIS_MODULE);
	}
	iommu_group_put(group);
	return confined;
}

/**
 * contig_delegate_allowed() - test whether the right suffices for the device
 * @dev: the device, whose driver must stay bound
 * @right: the right of the caller
 * @confined: set to true if the caller relies on the device being confined
 *
 * The caller holds contig_dma_devices_mutex. So if a device of the group gets a
 * driver, either this function sees the driver, or contig_bus_notify() sees the
 * caller's device.
 *
 * Return: true if the caller may attach the device.
 */
bool contig_delegate_allowed(struct device *dev, const struct contig_right *right,
			     bool *confined)
{
	lockdep_assert_held(&contig_dma_devices_mutex);
	*confined = false;
	if (right->privileged)
		return true;
	*confined = contig_delegate_confined(dev, right);
	if (*confined)
		return true;
	if (!READ_ONCE(contig_allow_unconfined))
		return false;
	dev_warn_ratelimited(dev, "contig: attached for uid %u, and not confined to its memory\n",
			     from_kuid_munged(&init_user_ns, current_euid()));
	return true;
}

static bool contig_right_same(const struct contig_right *a,
			      const struct contig_right *b)
{
	return a->privileged == b->privileged && a->everybody == b->everybody &&
	       (a->everybody || uid_eq(a->uid, b->uid));
}

/**
 * contig_grants_admit() - test whether users of the group may share a device
 * @dev: the device to attach
 * @name: its name
 * @group: its IOMMU group, or -1
 * @right: the right of the caller
 *
 * All users of the device and of its group reach the memory that the caller
 * maps for it. They trust each other if the parameter gives the device to all
 * of them; it may have changed since they attached theirs. CAP_SYS_RAWIO is no
 * exception: this check protects the caller. If users need not be confined,
 * only users of the same device matter.
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
 * contig_grants_endanger() - test whether a new driver breaks confinement
 * @device: a device that users have attached
 * @other: a device of the same IOMMU group, with its new driver
 *
 * Return: true if a user that was promised a confined device would reach memory
 * that is mapped for @other.
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

/* Return the grant of a device for a right, or NULL. */
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

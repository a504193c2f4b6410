/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef CONTIG_COMPAT_LINUX_IOMMU_H
#define CONTIG_COMPAT_LINUX_IOMMU_H

#include_next <linux/iommu.h>
#include <linux/irqdomain.h>
#include <linux/version.h>

/*
 * Added in 6.3. Before, the IOMMU reports interrupt remapping on x86. Elsewhere
 * the interrupt controllers do, all together; on x86 without such controllers
 * that check would return true, so it is not used there.
 */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 3, 0)
static inline int contig_compat_no_intr_remap(struct device *dev, void *unused)
{
	return !device_iommu_capable(dev, IOMMU_CAP_INTR_REMAP);
}

static inline bool iommu_group_has_isolated_msi(struct iommu_group *group)
{
	if (!iommu_group_for_each_dev(group, NULL, contig_compat_no_intr_remap))
		return true;
	return !IS_ENABLED(CONFIG_X86) && irq_domain_check_msi_remap();
}
#endif

#endif /* CONTIG_COMPAT_LINUX_IOMMU_H */

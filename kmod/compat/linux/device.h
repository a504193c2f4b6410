/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef CONTIG_COMPAT_LINUX_DEVICE_H
#define CONTIG_COMPAT_LINUX_DEVICE_H

#include_next <linux/device.h>

/*
 * Newer kernels have a bit for this, and functions that set it. Without the
 * member all devices snoop the caches.
 */
#ifndef CONTIG_HAS_DMA_COHERENT_FLAG
static inline void dev_assign_dma_coherent(struct device *dev, bool coherent)
{
#if defined(CONFIG_ARCH_HAS_SYNC_DMA_FOR_DEVICE) || \
	defined(CONFIG_ARCH_HAS_SYNC_DMA_FOR_CPU)
	dev->dma_coherent = coherent;
#endif
}
#endif

#endif /* CONTIG_COMPAT_LINUX_DEVICE_H */

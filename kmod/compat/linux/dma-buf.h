/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef CONTIG_COMPAT_LINUX_DMA_BUF_H
#define CONTIG_COMPAT_LINUX_DMA_BUF_H

#include_next <linux/dma-buf.h>
#include <linux/version.h>

/*
 * Since 6.2 exporters are called with the lock of the reservation object held.
 * Before, importers that do not follow moves called them without it, and
 * exporters rely on that, although later versions of 6.1 also have the newer
 * functions.
 */
static inline struct sg_table *
contig_dma_buf_map(struct dma_buf_attachment *attach,
		   enum dma_data_direction direction)
{
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 2, 0)
	return dma_buf_map_attachment(attach, direction);
#else
	return dma_buf_map_attachment_unlocked(attach, direction);
#endif
}

static inline void contig_dma_buf_unmap(struct dma_buf_attachment *attach,
					struct sg_table *sgt,
					enum dma_data_direction direction)
{
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 2, 0)
	dma_buf_unmap_attachment(attach, sgt, direction);
#else
	dma_buf_unmap_attachment_unlocked(attach, sgt, direction);
#endif
}

/*
 * Return true if the exporter has mapped the memory at attach already, for both
 * directions. Newer kernels have no such exporters.
 */
static inline bool
contig_dma_buf_mapped_at_attach(const struct dma_buf_attachment *attach)
{
/* The version as well: were the text not found, memory would be written to. */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 13, 0) || \
	defined(CONTIG_HAS_DMA_BUF_CACHED_SGT)
	return attach->sgt && attach->dir == DMA_BIDIRECTIONAL;
#else
	return false;
#endif
}

#endif /* CONTIG_COMPAT_LINUX_DMA_BUF_H */

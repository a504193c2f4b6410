/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef CONTIG_COMPAT_LINUX_DMA_HEAP_H
#define CONTIG_COMPAT_LINUX_DMA_HEAP_H

#ifdef CONTIG_HAS_DMA_HEAP_ADD
#include_next <linux/dma-heap.h>
#else

/*
 * Kernels without dma-heaps, and those that do not let modules add one, as 6.12.
 */
#include <linux/err.h>
#include <linux/errno.h>
#include <linux/types.h>

struct dma_buf;
struct dma_heap;

struct dma_heap_ops {
	struct dma_buf *(*allocate)(struct dma_heap *heap, unsigned long len,
				    u32 fd_flags, u64 heap_flags);
};

struct dma_heap_export_info {
	const char *name;
	const struct dma_heap_ops *ops;
	void *priv;
};

static inline struct dma_heap *
dma_heap_add(const struct dma_heap_export_info *unused)
{
	return ERR_PTR(-EOPNOTSUPP);
}

#endif

#endif /* CONTIG_COMPAT_LINUX_DMA_HEAP_H */

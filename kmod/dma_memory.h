/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Memory from dma_alloc_attrs()
 */
#ifndef CONTIG_DMA_MEMORY_H
#define CONTIG_DMA_MEMORY_H

#include <linux/dma-mapping.h>
#include <linux/types.h>

/* Attributes for dma_alloc_attrs() and for all calls on its memory. */
#define CONTIG_DMA_MEMORY_ATTRS                                              \
	(DMA_ATTR_FORCE_CONTIGUOUS | DMA_ATTR_NO_WARN)

struct contig_buffer;
struct vm_area_struct;

int contig_dma_memory_record(struct contig_buffer *buffer, size_t size);
bool contig_dma_memory_in_zone(const struct contig_buffer *buffer);
bool contig_dma_memory_failed(const struct contig_buffer *buffer);
bool contig_dma_memory_free(struct contig_buffer *buffer, size_t size);
void contig_dma_memory_undo(struct contig_buffer *buffer, size_t size);
void contig_dma_memory_discard(struct contig_buffer *buffer, size_t size);
int contig_dma_memory_mmap(struct contig_buffer *buffer,
			   struct vm_area_struct *vma);

#endif /* CONTIG_DMA_MEMORY_H */

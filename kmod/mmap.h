/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Buffers in page tables
 */
#ifndef CONTIG_MMAP_H
#define CONTIG_MMAP_H

struct contig_buffer;
struct dma_buf;
struct vm_area_struct;

int contig_mmap(struct dma_buf *dmabuf, struct vm_area_struct *vma);
void contig_mmap_forget(struct contig_buffer *buffer);
struct contig_buffer *contig_mmap_buffer(struct vm_area_struct *vma);

#endif /* CONTIG_MMAP_H */

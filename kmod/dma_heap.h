/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * /dev/dma_heap/contig
 */
#ifndef CONTIG_DMA_HEAP_H
#define CONTIG_DMA_HEAP_H

void contig_dma_heap_init(void);

#endif /* CONTIG_DMA_HEAP_H */

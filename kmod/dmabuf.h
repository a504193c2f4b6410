/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Buffers as dma-bufs
 */
#ifndef CONTIG_DMABUF_H
#define CONTIG_DMABUF_H

struct contig_buffer;
struct dma_buf;

int contig_buffer_export(struct contig_buffer *buffer, int flags);
struct contig_buffer *contig_buffer_of(const struct dma_buf *dmabuf);

#endif /* CONTIG_DMABUF_H */

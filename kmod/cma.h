/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Coherent memory from CMA, by a worker
 */
#ifndef CONTIG_CMA_H
#define CONTIG_CMA_H

#include <linux/types.h>

struct contig_buffer;
struct contig_request;

void contig_cma_init(void);
unsigned long contig_cma_pages(void);
int contig_cma_alloc(const struct contig_request *request,
		     struct contig_buffer *buffer, gfp_t gfp);

#endif /* CONTIG_CMA_H */

/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The NUMA nodes that memory may lie on
 */
#ifndef CONTIG_NODES_H
#define CONTIG_NODES_H

#include <linux/types.h>

struct contig_dma_device;
struct contig_request;

bool contig_nodes_several(void);
bool contig_request_place(struct contig_request *request,
			  const struct contig_dma_device *device);

#endif /* CONTIG_NODES_H */

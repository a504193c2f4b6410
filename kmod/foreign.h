/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Dma-bufs of other exporters, mapped for a client's device
 */
#ifndef CONTIG_FOREIGN_H
#define CONTIG_FOREIGN_H

#include <linux/list.h>
#include <linux/refcount.h>
#include <linux/types.h>

#include "dma_map.h"

struct contig_client;
struct contig_dma_device;
struct contig_extents;
struct contig_target;
struct contig_user;
struct dma_buf;
struct dma_buf_attachment;
struct sg_table;

/**
 * struct contig_foreign - a foreign dma-buf that is mapped for a device
 * @map: the members that commands on locked ranges use: device, direction, DMA
 *       addresses of the whole dma-buf, and whether these are valid. It is in
 *       no list of maps, because contig did not map the memory
 * @refs: the pin that it belongs to, and a task that unmaps it because the
 *        device leaves
 * @node: entry of contig_dma_device.foreign until it is unmapped
 * @dmabuf: the dma-buf, with a reference; constant
 * @attach: the attachment; the task that unlists @node detaches it
 * @sgt: the exporter's mapping, likewise
 */
struct contig_foreign {
	struct contig_dma_map map;
	refcount_t refs;
	struct list_head node;
	struct dma_buf *dmabuf;
	struct dma_buf_attachment *attach;
	struct sg_table *sgt;
};

struct contig_foreign *contig_foreign_new(struct contig_dma_device *device,
					  struct dma_buf *dmabuf, bool output,
					  struct contig_user *user);
void contig_foreign_free(struct contig_foreign *foreign);
void contig_foreign_revoke(struct contig_dma_device *device);
int contig_foreign_check(const struct contig_client *client,
			 const struct contig_target *target);
int contig_foreign_sync(struct contig_foreign *foreign, bool for_device);
int contig_foreign_physical(struct contig_foreign *foreign,
			    struct contig_extents *extents);

#endif /* CONTIG_FOREIGN_H */

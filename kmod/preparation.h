/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Memory that a client has prepared for I/O
 */
#ifndef CONTIG_PREPARATION_H
#define CONTIG_PREPARATION_H

#include <linux/rbtree.h>
#include <linux/types.h>

struct contig_client;
struct dma_buf;

/**
 * struct contig_prepared - the prepared part of one range
 * @addr: first byte, or offset into the buffer
 * @length: bytes
 */
struct contig_prepared {
	u64 addr;
	u64 length;
};

/**
 * struct contig_preparation - memory that was prepared
 * @node: entry of contig_client.preparations
 * @id: its id, from 1 on
 * @dmabuf: the dma-buf that it lies in, with a reference, or NULL
 * @flags: CONTIG_IO_INPUT, CONTIG_IO_OUTPUT: directions of this transfer
 * @writable: the device may write to it
 * @ending: the last transfer is over; some parts may be unlocked already
 * @error: errno for the CHECKPOINT that ends it, if @ending
 * @nr: number of parts that are locked
 * @parts: these parts
 */
struct contig_preparation {
	struct rb_node node;
	u32 id;
	struct dma_buf *dmabuf;
	u32 flags;
	bool writable;
	bool ending;
	int error;
	unsigned int nr;
	struct contig_prepared parts[];
};

int contig_preparation_add(struct contig_client *client,
			   struct contig_preparation *prep);
struct contig_preparation *contig_preparation_find(struct contig_client *client,
						   u32 id);
void contig_preparation_remove(struct contig_client *client,
			       struct contig_preparation *prep);
void contig_preparation_free(struct contig_preparation *prep);
void contig_preparations_forget(struct contig_client *client);

#endif /* CONTIG_PREPARATION_H */

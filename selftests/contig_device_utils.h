/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the tests of memory for devices share, besides contig_utils.h: one
 * function for each command, which returns 0 or a negative errno where nothing
 * else is said.
 */
#ifndef CONTIG_DEVICE_UTILS_H
#define CONTIG_DEVICE_UTILS_H

#include "contig_utils.h"

/* What a client says of its device is in @cmd, and so is the answer. */
int attach(int client, struct contig_device *cmd, const char *name);
int detach(int client);
int query(int client, struct contig_device *cmd);

/* The runs of DMA addresses of a range; how many, or a negative errno. */
int get_dma(int client, int fd, uint64_t addr, uint64_t length,
	    struct contig_extent *extents, uint32_t room);
/* The DMA address of the byte at @offset in these runs. */
uint64_t dma_at(const struct contig_extent *extents, int n, uint64_t offset);

int checkpoint(int client, uint32_t id, uint32_t flags);

#endif /* CONTIG_DEVICE_UTILS_H */

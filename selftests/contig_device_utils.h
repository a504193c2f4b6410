/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Helpers for the tests of memory for devices, besides contig_utils.h: one
 * function for each command, which returns 0 or a negative errno unless its
 * comment says otherwise.
 */
#ifndef CONTIG_DEVICE_UTILS_H
#define CONTIG_DEVICE_UTILS_H

#include "contig_utils.h"

/* @cmd has what the client states about its device, and receives the answer. */
int attach(int client, struct contig_device *cmd, const char *name);
int detach(int client);
int query(int client, struct contig_device *cmd);

/* Get the DMA extents of a range. Return their number or a negative errno. */
int get_dma(int client, int fd, uint64_t addr, uint64_t length,
	    struct contig_extent *extents, uint32_t room);
/* Return the DMA address of the byte at @offset in these extents. */
uint64_t dma_at(const struct contig_extent *extents, int n, uint64_t offset);

int checkpoint(int client, uint32_t id, uint32_t flags);

#define OWN_PAGES 16
/*
 * Map and lock up to OWN_PAGES. Memory of a program lies anywhere: use what the
 * device can reach. Return NULL on failure.
 */
char *own_memory(int client, size_t length);

#endif /* CONTIG_DEVICE_UTILS_H */

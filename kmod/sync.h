/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Hands locked memory from the CPU to the device and back
 */
#ifndef CONTIG_SYNC_H
#define CONTIG_SYNC_H

#include <linux/dma-direction.h>
#include <linux/types.h>

#include <uapi/linux/contig.h>

struct contig_target;

/* Return the DMA direction for CONTIG_IO_INPUT, CONTIG_IO_OUTPUT or both. */
static inline enum dma_data_direction contig_io_direction(u32 flags)
{
	if (!(flags & CONTIG_IO_OUTPUT))
		return DMA_FROM_DEVICE;
	return flags & CONTIG_IO_INPUT ? DMA_BIDIRECTIONAL : DMA_TO_DEVICE;
}

int contig_target_sync(const struct contig_target *target, bool for_device,
		       enum dma_data_direction direction);

#endif /* CONTIG_SYNC_H */

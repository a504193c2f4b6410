/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Hands locked memory from the CPU to the device and back
 */
#ifndef CONTIG_SYNC_H
#define CONTIG_SYNC_H

#include <linux/dma-direction.h>
#include <linux/types.h>

struct contig_target;

int contig_target_sync(const struct contig_target *target, bool for_device,
		       enum dma_data_direction direction);

#endif /* CONTIG_SYNC_H */

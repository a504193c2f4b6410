/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * From locked ranges to physical addresses
 */
#ifndef CONTIG_TRANSLATE_H
#define CONTIG_TRANSLATE_H

#include <linux/dma-direction.h>
#include <linux/types.h>

struct contig_target;

bool contig_target_may_count(const struct contig_target *target);
unsigned long contig_target_extents(const struct contig_target *target,
				    bool dma);
unsigned long contig_target_addrs(const struct contig_target *target,
				  unsigned long *page, u64 *addrs,
				  unsigned long room);
int contig_target_sync(const struct contig_target *target, bool for_device,
		       enum dma_data_direction direction);

#endif /* CONTIG_TRANSLATE_H */

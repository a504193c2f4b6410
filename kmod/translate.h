/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * From locked ranges to physical addresses
 */
#ifndef CONTIG_TRANSLATE_H
#define CONTIG_TRANSLATE_H

#include <linux/types.h>

struct contig_target;

unsigned long contig_target_extents(const struct contig_target *target,
				    bool dma);

#endif /* CONTIG_TRANSLATE_H */

/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * From locked ranges to physical addresses
 */
#ifndef CONTIG_TRANSLATE_H
#define CONTIG_TRANSLATE_H

struct contig_target;

unsigned long contig_target_extents(const struct contig_target *target);

#endif /* CONTIG_TRANSLATE_H */

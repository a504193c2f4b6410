/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Taking the blocks of the reserve when the module is loaded
 */
#ifndef CONTIG_TAKE_H
#define CONTIG_TAKE_H

struct contig_block;
struct contig_orphan;

int contig_blocks_plan(const char *early, struct contig_block **blocks);
unsigned long contig_low_pages(void);
int contig_block_take(struct contig_block *block, unsigned long *low,
		      struct contig_orphan *orphan, unsigned long *pfn);

#endif /* CONTIG_TAKE_H */

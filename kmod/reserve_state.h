/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the reserve has: for its own files only
 */
#ifndef CONTIG_RESERVE_STATE_H
#define CONTIG_RESERVE_STATE_H

#include <linux/types.h>

struct contig_block;
struct contig_request;

/**
 * struct contig_reserve - the blocks of the reserve
 * @blocks: the blocks asked for, in the order of contig_block_compare()
 * @nr: number of blocks
 * @longest: pages in the longest block that was taken and is visible to callers
 *           without and with the right to see physical addresses; see
 *           contig_block_visible(). Constant after loading
 * @total: pages reserved, likewise
 * @checked: state of contig_poison_news() for free memory
 * @missing: pages asked for that could not be taken
 *
 * Protected by contig_reserve_lock, as are the pools.
 */
struct contig_reserve {
	struct contig_block *blocks;
	unsigned int nr;
	unsigned long longest[2];
	unsigned long total[2];
	unsigned int checked;
	unsigned long missing;
};

extern struct contig_reserve contig_reserve;

void contig_reserve_check(void);
unsigned long contig_reserve_clean(const struct contig_request *request);
unsigned long contig_reserve_hole(const struct contig_request *request,
				  bool told, unsigned long *promise);

#endif /* CONTIG_RESERVE_STATE_H */

/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * One block of the reserve
 */
#ifndef CONTIG_BLOCK_H
#define CONTIG_BLOCK_H

struct gen_pool;

/**
 * struct contig_block - one reserved block
 * @pfn: first page frame
 * @npages: its size, a multiple of a granule
 * @order: pages in a granule, as a power of two
 * @pool: what is free and clean of it, NULL if the block could not be had
 * @failed: a bit for each granule that has a failed page and is in use no more; to
 *          the pool it looks allocated
 * @lost: pages in these
 */
struct contig_block {
	unsigned long pfn;
	unsigned long npages;
	unsigned int order;
	struct gen_pool *pool;
	unsigned long *failed;
	unsigned long lost;
};

void contig_block_init(struct contig_block *block, unsigned long npages);
int contig_block_fill(struct contig_block *block, unsigned long pfn);
void contig_block_check(struct contig_block *block, unsigned long pfn,
			unsigned long npages);
void contig_block_give(struct contig_block *block, unsigned long pfn,
		       unsigned long npages);
void contig_block_exit(struct contig_block *block);

#endif /* CONTIG_BLOCK_H */

// SPDX-License-Identifier: GPL-2.0-only
/*
 * One block of the reserve
 *
 * A block is a genalloc pool, whose addresses are page frame numbers and whose
 * granules are a 1024th of the block, or a page: so that the time of an allocation
 * does not depend on its size. A granule with a failed page is taken out of the
 * pool for good, when the page fails or when the run that it is in comes back. So
 * the block is split around it.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/align.h>
#include <linux/bitmap.h>
#include <linux/genalloc.h>
#include <linux/log2.h>
#include <linux/numa.h>
#include <linux/printk.h>

#include "block.h"
#include "pages.h"
#include "poison.h"

#define CONTIG_BLOCK_GRANULES 1024

void contig_block_init(struct contig_block *block, unsigned long npages)
{
	if (npages > CONTIG_BLOCK_GRANULES)
		block->order = ilog2(npages / CONTIG_BLOCK_GRANULES);
	block->npages = round_up(npages, 1UL << block->order);
}

/* Make a pool of page frames that were taken for a block. Return: 0 or -ENOMEM. */
int contig_block_fill(struct contig_block *block, unsigned long pfn)
{
	unsigned int granules = block->npages >> block->order;
	struct gen_pool *pool = gen_pool_create(block->order, NUMA_NO_NODE);
	int ret = -ENOMEM;

	block->failed = bitmap_zalloc(granules, GFP_KERNEL);
	if (pool && block->failed)
		ret = gen_pool_add(pool, pfn, block->npages, NUMA_NO_NODE);
	if (ret) {
		if (pool)
			gen_pool_destroy(pool);
		bitmap_free(block->failed);
		return ret;
	}
	block->pfn = pfn;
	block->pool = pool;
	return 0;
}

/* Note that the granule at @pfn, which is not in the pool, has failed. */
static void contig_granule_fail(struct contig_block *block, unsigned long pfn)
{
	__set_bit((pfn - block->pfn) >> block->order, block->failed);
	block->lost += 1UL << block->order;
	pr_warn_ratelimited("a page of the reserve has failed: %lu KiB less\n",
			    1UL << (block->order + PAGE_SHIFT - 10));
}

/**
 * contig_block_check() - take granules with failed pages out of a pool
 * @block: the block
 * @pfn: first page frame to look at
 * @npages: how many
 *
 * Only what is free is taken out. Callers of this and of the following functions
 * must exclude each other.
 */
void contig_block_check(struct contig_block *block, unsigned long pfn,
			unsigned long npages)
{
	unsigned long granule = 1UL << block->order;
	unsigned long at = pfn - block->pfn, end = at + npages;
	struct genpool_data_fixed data;

	while (at < end) {
		at += contig_pages_first_failed(block->pfn + at, end - at);
		if (at >= end)
			break;
		at = round_down(at, granule);
		data.offset = at;
		/* One that is in use is dealt with when it comes back. */
		if (gen_pool_alloc_algo(block->pool, granule,
					gen_pool_fixed_alloc, &data))
			contig_granule_fail(block, block->pfn + at);
		at += granule;
	}
}

/* Put pages that are clean back into the pool, but not those that have failed. */
void contig_block_give(struct contig_block *block, unsigned long pfn,
		       unsigned long npages)
{
	gen_pool_free(block->pool, pfn, npages);
	if (contig_poison_ever())
		contig_block_check(block, pfn,
				   round_up(npages, 1UL << block->order));
}

/* Give back a block that nothing is allocated from. */
void contig_block_exit(struct contig_block *block)
{
	unsigned int i;

	if (!block->pool)
		return;
	for_each_set_bit(i, block->failed, block->npages >> block->order)
		gen_pool_free(block->pool,
			      block->pfn + ((unsigned long)i << block->order),
			      1UL << block->order);
	gen_pool_destroy(block->pool);
	bitmap_free(block->failed);
	contig_pages_put(block->pfn, block->npages);
}

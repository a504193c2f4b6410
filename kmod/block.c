// SPDX-License-Identifier: GPL-2.0-only
/*
 * One block of the reserve
 *
 * A block is a genalloc pool whose addresses are page frame numbers. A granule
 * is about a 1024th of the block, but at least a page, so that the time of an
 * allocation does not depend on the block's size. A granule with a failed page
 * is allocated for good, when the page fails or when the memory around it is
 * freed.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/align.h>
#include <linux/bitmap.h>
#include <linux/bitops.h>
#include <linux/find.h>
#include <linux/genalloc.h>
#include <linux/log2.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/numa.h>
#include <linux/pfn.h>
#include <linux/printk.h>
#include <linux/seq_file.h>
#include <linux/slab.h>

#include "block.h"
#include "carve.h"
#include "huge.h"
#include "pages.h"
#include "poison.h"
#include "region.h"
#include "request.h"

#define CONTIG_BLOCK_GRANULES 1024

/*
 * Set the length of a block to the requested one, rounded up to granules.
 * Granules are naturally aligned, even at an address that the administrator
 * chose.
 */
void contig_block_init(struct contig_block *block,
		       const struct contig_early *ask)
{
	block->ask = *ask;
	if (ask->npages > CONTIG_BLOCK_GRANULES)
		block->order = ilog2(ask->npages / CONTIG_BLOCK_GRANULES);
	/* Kept contents are given out by the page. */
	if (ask->keep)
		block->order = 0;
	if (ask->address)
		block->order = min_t(unsigned int, block->order,
				     __ffs(PHYS_PFN(ask->address) |
					   ask->npages));
	block->huge = ask->huge && contig_huge_possible();
	if (block->huge)
		block->order = max_t(unsigned int, block->order,
				     CONTIG_HUGE_ORDER);
	block->npages = round_up(ask->npages, 1UL << block->order);
	block->node = NUMA_NO_NODE;
}

/*
 * Mark the whole block as kept: the pool regards it as allocated. Return: 0 or
 * -ENOMEM.
 */
static int contig_block_keep_all(struct contig_block *block,
				 struct gen_pool *pool)
{
	block->spent = kvcalloc(BITS_TO_LONGS(block->npages), sizeof(long),
				GFP_KERNEL);
	if (!block->spent)
		return -ENOMEM;
	gen_pool_alloc(pool, block->npages);
	return 0;
}

/* Create the pool for a block's page frames. Return: 0 or -ENOMEM. */
int contig_block_fill(struct contig_block *block, unsigned long pfn)
{
	unsigned int granules = block->npages >> block->order;
	struct gen_pool *pool = gen_pool_create(block->order, NUMA_NO_NODE);
	int ret = -ENOMEM;

	block->failed = bitmap_zalloc(granules, GFP_KERNEL);
	if (pool && block->failed)
		ret = gen_pool_add(pool, pfn, block->npages, NUMA_NO_NODE);
	if (!ret && block->ask.keep)
		ret = contig_block_keep_all(block, pool);
	if (ret) {
		if (pool)
			gen_pool_destroy(pool);
		bitmap_free(block->failed);
		return ret;
	}
	block->pfn = pfn;
	block->node = page_to_nid(pfn_to_page(pfn));
	block->pool = pool;
	return 0;
}

/*
 * Return true if the block has memory, lies on a node that @request allows, may
 * be revealed to the caller, and has kept contents if @request needs them.
 */
bool contig_block_allowed(const struct contig_block *block,
			  const struct contig_request *request)
{
	return contig_block_visible(block, request->told) &&
	       (block->spent || !request->keep) &&
	       contig_request_node_allowed(request, block->node);
}

/*
 * Return the size in pages of the largest extent for @request that the block
 * would have if it were free except for failed granules.
 */
unsigned long contig_block_potential(const struct contig_block *block,
				     const struct contig_request *request)
{
	if (!contig_block_allowed(block, request))
		return 0;
	return contig_carve_potential(block->failed, block->npages, block->pfn,
				      block->order, request);
}

/* Return true if @request would fit into the block if it were free. */
bool contig_block_suits(const struct contig_block *block,
			const struct contig_request *request)
{
	return contig_block_allowed(block, request) &&
	       block->npages >= request->npages &&
	       contig_carve_suits(block->failed, block->npages, block->pfn,
				  block->order, request);
}

/* Allocate from clean or kept pages. Return: first page frame, or 0. */
unsigned long contig_block_carve(struct contig_block *block,
				 const struct contig_request *request)
{
	unsigned long at;

	if (!request->keep)
		return contig_carve(block->pool, block->order, request);
	at = contig_carve_first(block->spent, block->npages, block->pfn, 0,
				request);
	if (at >= block->npages)
		return 0;
	bitmap_set(block->spent, at, request->npages);
	return block->pfn + at;
}

/*
 * Allocate clean pages at a certain place, in whole granules. Return false if they are
 * not all free.
 */
bool contig_block_claim(struct contig_block *block, unsigned long pfn,
			unsigned long npages)
{
	struct genpool_data_fixed at = { .offset = pfn - block->pfn };

	return gen_pool_alloc_algo(block->pool, npages, gen_pool_fixed_alloc,
				   &at);
}

/* Copy the map of a pool's granules. Return @size, that none is found. */
static unsigned long contig_block_copy(unsigned long *map, unsigned long size,
				       unsigned long start, unsigned int nr,
				       void *data, struct gen_pool *pool,
				       unsigned long start_addr)
{
	bitmap_copy(data, map, size);
	return size;
}

/**
 * contig_block_map() - tell which granules of a block are in use
 * @block: the block
 * @map: receives a bit for each granule, set if it is not free and clean
 */
void contig_block_map(struct contig_block *block, unsigned long *map)
{
	/* A pool without a free granule is not searched. */
	bitmap_fill(map, block->npages >> block->order);
	gen_pool_alloc_algo(block->pool, 1UL << block->order, contig_block_copy,
			    map);
}

/* Return the pages of the largest free extent; @request NULL: unconstrained. */
unsigned long contig_block_largest(const struct contig_block *block,
				   const struct contig_request *request)
{
	if (!request || !request->keep)
		return contig_carve_largest(block->pool, block->order, request);
	return contig_carve_potential(block->spent, block->npages, block->pfn, 0,
				      request);
}

/* Return the number of pages with contents from before the module loaded. */
unsigned long contig_block_kept(const struct contig_block *block)
{
	return block->spent ? block->npages - bitmap_weight(block->spent,
							    block->npages) : 0;
}

/* Account the granule at @pfn, which the pool does not offer, as failed. */
static void contig_granule_fail(struct contig_block *block, unsigned long pfn)
{
	__set_bit((pfn - block->pfn) >> block->order, block->failed);
	block->lost += 1UL << block->order;
	pr_warn_ratelimited("a page of the reserve has failed: %lu KiB less\n",
			    1UL << (block->order + PAGE_SHIFT - 10));
}

/* Return true if the page at @at still has its kept contents. */
static bool contig_block_is_kept(const struct contig_block *block,
				 unsigned long at)
{
	return block->spent && !test_bit(at, block->spent);
}

/**
 * contig_block_check() - take granules with failed pages out of a pool
 * @block: the block
 * @pfn: first page frame to check
 * @npages: number of page frames
 *
 * Takes only free granules. Callers of this and of the following functions must
 * exclude each other.
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
		/* A granule that is in use is checked when it is freed. */
		if (contig_block_is_kept(block, at)) {
			__set_bit(at, block->spent);
			contig_granule_fail(block, block->pfn + at);
		} else if (gen_pool_alloc_algo(block->pool, granule,
					       gen_pool_fixed_alloc, &data)) {
			contig_granule_fail(block, block->pfn + at);
		}
		at += granule;
	}
}

/* Take back kept memory that no user could have changed. */
void contig_block_keep(struct contig_block *block, unsigned long pfn,
		       unsigned long npages)
{
	bitmap_clear(block->spent, pfn - block->pfn, npages);
	if (contig_poison_ever())
		contig_block_check(block, pfn, npages);
}

/* Return clean pages to the pool, except granules with failed pages. */
void contig_block_give(struct contig_block *block, unsigned long pfn,
		       unsigned long npages)
{
	gen_pool_free(block->pool, pfn, npages);
	if (contig_poison_ever())
		contig_block_check(block, pfn,
				   round_up(npages, 1UL << block->order));
}

/* Print a line about the block, with its address if @seen is true. */
void contig_block_show(const struct contig_block *block, struct seq_file *m,
		       bool seen)
{
	u64 bytes = (u64)block->npages << PAGE_SHIFT;
	u64 addr = seen ? (u64)block->pfn << PAGE_SHIFT : 0;

	if (!block->pool) {
		seq_printf(m, "%-18s %12llu missing\n", "-", bytes);
		return;
	}
	seq_printf(m, "0x%016llx %12llu reserved, node %d", addr, bytes,
		   block->node);
	if (block->region)
		seq_puts(m, ", by address");
	if (contig_huge_rest(block->pfn) > 1)
		seq_puts(m, ", huge pages");
	if (block->spent)
		seq_printf(m, ", %llu kept",
			   (u64)contig_block_kept(block) << PAGE_SHIFT);
	seq_putc(m, '\n');
}

/* Free an unused block. The caller does not hold contig_reserve_lock. */
void contig_block_exit(struct contig_block *block)
{
	unsigned long first, end, i;

	if (!block->pool)
		return;
	if (block->spent)
		for_each_clear_bitrange(first, end, block->spent, block->npages)
			gen_pool_free(block->pool, block->pfn + first,
				      end - first);
	kvfree(block->spent);
	for_each_set_bit(i, block->failed, block->npages >> block->order)
		gen_pool_free(block->pool,
			      block->pfn + (i << block->order),
			      1UL << block->order);
	gen_pool_destroy(block->pool);
	bitmap_free(block->failed);
	contig_block_put(block, block->pfn);
}

/* Free the pages of a block; same context as contig_block_exit(). */
void contig_block_put(struct contig_block *block, unsigned long pfn)
{
	if (block->region)
		contig_region_put(block->region);
	else
		contig_pages_put(pfn, block->npages);
	block->region = NULL;
}

// SPDX-License-Identifier: GPL-2.0-only
/*
 * Taking the blocks of the reserve when the module is loaded
 *
 * A block with address bits lies where these reach. Any other block lies below
 * 4 GiB if possible, since most devices reach no more; but such blocks together
 * leave half of the memory there to other users, which need it as well.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/log2.h>
#include <linux/mm.h>
#include <linux/mmzone.h>
#include <linux/numa.h>
#include <linux/printk.h>
#include <linux/sizes.h>
#include <linux/slab.h>
#include <linux/sort.h>

#include "block.h"
#include "range.h"
#include "region.h"
#include "request.h"
#include "take.h"
#include "worker.h"
#include "zones.h"

#define CONTIG_RESERVE_BLOCKS 256
#define CONTIG_LOW_END ((unsigned long)((u64)SZ_4G >> PAGE_SHIFT))

/*
 * Order in which blocks are taken: the narrowest addresses first, since these
 * are the scarcest, then those of huge pages, then the largest, while large windows
 * are easiest to find. Blocks are spent in the reverse order: those with scarce
 * addresses last, and before them those of huge pages.
 */
static int contig_block_compare(const void *a, const void *b)
{
	const struct contig_block *x = a, *y = b;
	unsigned int narrow = x->ask.bits ?: 65, wide = y->ask.bits ?: 65;

	if (narrow != wide)
		return narrow < wide ? -1 : 1;
	if (x->huge != y->huge)
		return y->huge - x->huge;
	return x->npages < y->npages ? 1 : x->npages > y->npages ? -1 : 0;
}

/**
 * contig_blocks_plan() - make the blocks that the parameter asks for
 * @early: the parameter
 * @blocks: receives them, in the order in which to take them
 *
 * Return: number of blocks, -ENOMEM, or -EINVAL for a wrong parameter, and then
 * the log says why.
 */
int contig_blocks_plan(const char *early, struct contig_block **blocks)
{
	struct contig_early *asked __free(kfree) =
		kcalloc(CONTIG_RESERVE_BLOCKS, sizeof(*asked), GFP_KERNEL);
	struct contig_block *all __free(kfree) =
		kcalloc(CONTIG_RESERVE_BLOCKS, sizeof(*all), GFP_KERNEL);
	const char *why;
	int i, nr;

	if (!asked || !all)
		return -ENOMEM;
	nr = contig_early_parse(early, asked, CONTIG_RESERVE_BLOCKS, &why);
	if (nr < 0) {
		pr_err("the parameter early=%s is wrong: %s\n", early, why);
		return nr;
	}
	for (i = 0; i < nr; i++)
		contig_block_init(&all[i], &asked[i]);
	sort(all, nr, sizeof(*all), contig_block_compare, NULL);
	*blocks = no_free_ptr(all);
	return nr;
}

/**
 * contig_low_pages() - limit for blocks below 4 GiB that do not ask for it
 *
 * Return: half of the pages there; 0 where all memory lies below 4 GiB.
 */
unsigned long contig_low_pages(void)
{
	unsigned long pages = 0;
	bool above = false;
	struct zone *zone;
	int nid, i;

	contig_for_each_zone(zone, nid, i) {
		if (zone_end_pfn(zone) > CONTIG_LOW_END)
			above = true;
		if (zone->zone_start_pfn < CONTIG_LOW_END)
			pages += min(zone->present_pages,
				     CONTIG_LOW_END - zone->zone_start_pfn);
	}
	return above ? pages / 2 : 0;
}

/* Take the pages of a block, all of them up to page frame @highest. */
static int contig_take(const struct contig_block *block, unsigned long highest,
		       struct contig_orphan *orphan, unsigned long *pfn)
{
	unsigned long granule = 1UL << block->order;
	struct contig_report report = {};
	struct contig_request request;
	int ret;

	if (block->npages > totalram_pages())
		return -ENOMEM;
	contig_request_init_plain(&request, block->npages);
	request.highest = highest;
	request.orphan = orphan;
	request.huge = block->huge;
	if (block->ask.node != NUMA_NO_NODE)
		contig_request_confine(&request, block->ask.node);
	/*
	 * Align the block to its size if possible, since buffers that are cut
	 * out of it are aligned no better; at least to a granule.
	 */
	request.align = max3(granule, block->ask.align,
			     min(rounddown_pow_of_two(block->npages),
				 1UL << MAX_PAGE_ORDER));
	ret = contig_range_take(&request, block->npages, true, &report, pfn);
	if (ret == -EBUSY) {
		request.align = max(granule, block->ask.align);
		ret = contig_range_take(&request, block->npages, true, &report,
					pfn);
	}
	return ret;
}

/**
 * contig_block_take() - take the pages of a block
 * @block: block that the administrator asked for
 * @low: in/out: pages that blocks without address bits may still take below 4
 *       GiB
 * @orphan: the job that was abandoned with an earlier block; no other begins
 *          before it has ended, so that blocks fail soon
 * @pfn: receives the first page frame
 *
 * May sleep. The caller must not hold contig_reserve_lock.
 *
 * Return: 0, -ENODEV if this kernel or machine has no range rung, or an error
 * of contig_range_take() or contig_region_take().
 */
int contig_block_take(struct contig_block *block, unsigned long *low,
		      struct contig_orphan *orphan, unsigned long *pfn)
{
	unsigned long highest = ULONG_MAX;
	int ret;

	if (block->ask.address)
		return contig_region_take(&block->ask, &block->region, pfn);
	if (!contig_range_present())
		return -ENODEV;
	if (block->ask.bits && block->ask.bits - PAGE_SHIFT < BITS_PER_LONG)
		highest = BIT(block->ask.bits - PAGE_SHIFT) - 1;
	if (!block->ask.bits && block->npages <= *low) {
		ret = contig_take(block, CONTIG_LOW_END - 1, orphan, pfn);
		if (!ret)
			*low -= block->npages;
		if (!ret || ret == -EINTR)
			return ret;
	}
	return contig_take(block, highest, orphan, pfn);
}


// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the reserve has
 */
#include <linux/genalloc.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/mutex.h>
#include <linux/seq_file.h>

#include "block.h"
#include "limits.h"
#include "poison.h"
#include "request.h"
#include "reserve.h"
#include "reserve_state.h"
#include "scrub.h"

struct contig_reserve contig_reserve;

/* Take failed pages out of the pools. Call this before use of the pools. */
void contig_reserve_check(void)
{
	unsigned int i;

	lockdep_assert_held(&contig_reserve_lock);
	if (!contig_poison_news(&contig_reserve.checked))
		return;
	for (i = 0; i < contig_reserve.nr; i++) {
		struct contig_block *block = &contig_reserve.blocks[i];

		if (block->pool)
			contig_block_check(block, block->pfn, block->npages);
	}
}

void contig_reserve_sweep(void)
{
	guard(mutex)(&contig_reserve_lock);
	contig_reserve_check();
}

/* Return true if a block has page frames from @start up to @end. */
bool contig_reserve_overlaps(unsigned long start, unsigned long end)
{
	unsigned int i;

	guard(mutex)(&contig_reserve_lock);
	for (i = 0; i < contig_reserve.nr; i++) {
		const struct contig_block *block = &contig_reserve.blocks[i];

		if (block->pool && block->pfn < end &&
		    start < block->pfn + block->npages)
			return true;
	}
	return false;
}

/* Return how many pages regions have; totalram_pages() does not count them. */
unsigned long contig_reserve_given(void)
{
	return contig_reserve.total[true] - contig_reserve.total[false];
}

/* Return the free and clean pages of the blocks that a request may have. May sleep. */
unsigned long contig_reserve_clean(const struct contig_request *request)
{
	unsigned long npages = 0;
	unsigned int i;

	guard(mutex)(&contig_reserve_lock);
	for (i = 0; i < contig_reserve.nr; i++)
		if (contig_block_allowed(&contig_reserve.blocks[i], request))
			npages += gen_pool_avail(contig_reserve.blocks[i].pool);
	return npages;
}

/*
 * Return the longest free extent, in pages, of the blocks that are visible to
 * callers as @told says; one that meets @request, if that is not NULL. Set
 * @promise, if not NULL, to the most that it can be when all memory is clean.
 */
unsigned long contig_reserve_hole(const struct contig_request *request,
				  bool told, unsigned long *promise)
{
	unsigned long largest = 0;
	unsigned int i;

	lockdep_assert_held(&contig_reserve_lock);
	if (promise)
		*promise = 0;
	for (i = 0; i < contig_reserve.nr; i++) {
		struct contig_block *block = &contig_reserve.blocks[i];

		if (!contig_block_visible(block, told) ||
		    (request && !contig_block_allowed(block, request)))
			continue;
		if (promise && block->dirty && !request->keep)
			*promise = max(*promise,
				       contig_block_potential(block, request));
		if (block->npages > largest)
			largest = max(largest,
				      contig_block_largest(block, request));
	}
	return largest;
}

/**
 * struct contig_reserve_figures - pages of the reserve by state
 * @clean: free and clean
 * @lost: in granules that failed
 * @kept: free, with the contents from before the module was loaded
 * @dirty: came back, and are not clean yet
 * @quarantined: those of @dirty that are in quarantine
 */
struct contig_reserve_figures {
	unsigned long clean;
	unsigned long lost;
	unsigned long kept;
	unsigned long dirty;
	unsigned long quarantined;
};

/* Add up the blocks that are visible to callers as @told says. */
static struct contig_reserve_figures contig_reserve_count(bool told)
{
	struct contig_reserve_figures sum = {};
	unsigned int i;

	lockdep_assert_held(&contig_reserve_lock);
	for (i = 0; i < contig_reserve.nr; i++) {
		const struct contig_block *block = &contig_reserve.blocks[i];

		if (!contig_block_visible(block, told))
			continue;
		sum.clean += gen_pool_avail(block->pool);
		sum.lost += block->lost;
		sum.kept += contig_block_kept(block);
		sum.dirty += block->dirty;
		sum.quarantined += block->quarantined;
	}
	return sum;
}

/* Return the sizes, in bytes, that a caller may know; @told: see request.h. */
void contig_reserve_totals(bool told, u64 *total, u64 *free, u64 *largest)
{
	struct contig_reserve_figures sum;

	*total = *free = *largest = 0;
	if (!contig_reserve.total[told])
		return;

	guard(mutex)(&contig_reserve_lock);
	contig_reserve_check();
	sum = contig_reserve_count(told);
	*total = (u64)(contig_reserve.total[told] - sum.lost) << PAGE_SHIFT;
	*free = (u64)(sum.clean + sum.dirty - sum.quarantined) << PAGE_SHIFT;
	*largest = (u64)contig_reserve_hole(NULL, told, NULL) << PAGE_SHIFT;
}

/* Print a line with a number of bytes. */
static void contig_reserve_show_pages(struct seq_file *m, const char *what,
				      unsigned long npages)
{
	seq_printf(m, "%-18s %12llu\n", what, (u64)npages << PAGE_SHIFT);
}

int contig_reserve_show(struct seq_file *m, void *unused)
{
	bool seen = contig_may_see_physical_noaudit();
	struct contig_reserve_figures sum;
	unsigned int i;

	guard(mutex)(&contig_reserve_lock);
	contig_reserve_check();
	sum = contig_reserve_count(true);
	seq_printf(m, "%-18s %12s %s\n", "address", "bytes", "state");
	for (i = 0; i < contig_reserve.nr; i++)
		contig_block_show(&contig_reserve.blocks[i], m, seen);
	contig_reserve_show_pages(m, "total", contig_reserve.total[true]);
	contig_reserve_show_pages(m, "missing", contig_reserve.missing);
	contig_reserve_show_pages(m, "failed", sum.lost);
	contig_reserve_show_pages(m, "clean", sum.clean);
	contig_reserve_show_pages(m, "kept", sum.kept);
	contig_reserve_show_pages(m, "to scrub", sum.dirty - sum.quarantined);
	contig_reserve_show_pages(m, "quarantined", sum.quarantined);
	contig_reserve_show_pages(m, "largest",
				  contig_reserve_hole(NULL, true, NULL));
	return 0;
}

// SPDX-License-Identifier: GPL-2.0-only
/*
 * The reserve rung: blocks taken when the module was loaded
 *
 * Each block is a genalloc pool, whose addresses are page frame numbers and
 * whose granules are a 1024th of the block, or a page: so that what an
 * allocation costs does not depend on its size. What it hands out is zero.
 * Memory that comes back is zeroed before it goes into the pool again: in the
 * background, unless it never left our hands, or somebody is waiting for it. A
 * page that somebody else still has a reference on keeps its whole run out of
 * the pool until that reference is gone.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/bitmap.h>
#include <linux/genalloc.h>
#include <linux/list.h>
#include <linux/log2.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/sort.h>
#include <linux/string.h>
#include <linux/workqueue.h>

#include "buffer.h"
#include "extents.h"
#include "limits.h"
#include "pages.h"
#include "request.h"
#include "rung.h"

#define CONTIG_RESERVE_BLOCKS 256

static char *early;
module_param(early, charp, 0444);
MODULE_PARM_DESC(early,
		 "blocks to reserve at load: SIZE[*COUNT][,...], for example 64M*2,4M*16");

#define CONTIG_RESERVE_GRANULES 1024

/**
 * struct contig_block - one reserved block
 * @pfn: first page frame
 * @npages: its size, a multiple of a granule
 * @order: pages in a granule, as a power of two
 * @pool: what is free and clean of it, NULL if the block could not be had
 */
struct contig_block {
	unsigned long pfn;
	unsigned long npages;
	unsigned int order;
	struct gen_pool *pool;
};

/**
 * struct contig_return - a run that came back and is not clean yet
 * @node: entry of contig_reserve.returned
 * @block: the block it is part of
 * @pfn: first page frame
 * @npages: how many
 * @user: whose buffer it was, with a reference
 * @charged: @user is charged for it, because it is in quarantine
 */
struct contig_return {
	struct list_head node;
	struct contig_block *block;
	unsigned long pfn;
	unsigned long npages;
	struct contig_user *user;
	bool charged;
};

/**
 * struct contig_reserve - all that was reserved
 * @lock: protects the members below and serialises users of the pools
 * @blocks: what was asked for, largest first
 * @nr: how many blocks
 * @longest: pages in the longest block that was had; constant after loading
 * @total: pages reserved; constant after loading
 * @missing: pages asked for, but not had
 * @returned: runs that wait to be cleaned
 * @dirty: pages in them
 * @quarantined: pages in those of them that somebody still has references on
 * @scrub: cleans @returned
 *
 * Innermost lock of the module but for those of the kernel.
 */
static struct contig_reserve {
	struct mutex lock; /* for all that follows */
	struct contig_block *blocks;
	unsigned int nr;
	unsigned long longest;
	unsigned long total;
	unsigned long missing;
	struct list_head returned;
	unsigned long dirty;
	unsigned long quarantined;
	struct delayed_work scrub;
} reserve = {
	.lock = __MUTEX_INITIALIZER(reserve.lock),
	.returned = LIST_HEAD_INIT(reserve.returned),
};

/* A run leaves the list of those that came back. */
static void contig_return_free(struct contig_return *run)
{
	gen_pool_free(run->block->pool, run->pfn, run->npages);
	if (run->charged)
		contig_user_uncharge(run->user, run->npages);
	contig_user_put(run->user);
	list_del(&run->node);
	kfree(run);
}

/*
 * The next run that nobody has a reference on, taken off the list. The others
 * stay in quarantine, and count as in use by who keeps the references.
 */
static struct contig_return *contig_reserve_next(void)
{
	struct contig_return *run;

	guard(mutex)(&reserve.lock);
	reserve.quarantined = 0;
	list_for_each_entry(run, &reserve.returned, node) {
		if (!contig_pages_referenced(run->pfn, run->npages)) {
			list_del_init(&run->node);
			return run;
		}
		reserve.quarantined += run->npages;
		if (!run->charged)
			contig_user_recharge(run->user, run->npages);
		run->charged = true;
	}
	return NULL;
}

/* Clean what can be cleaned and put it back into the pool. */
static void contig_reserve_work(struct work_struct *work)
{
	struct contig_return *run;

	while ((run = contig_reserve_next())) {
		contig_pages_clear(run->pfn, run->npages);
		guard(mutex)(&reserve.lock);
		reserve.dirty -= run->npages;
		contig_return_free(run);
	}
	/* Nobody tells us when a reference goes: look again. */
	if (READ_ONCE(reserve.quarantined))
		schedule_delayed_work(&reserve.scrub, HZ);
}

/* If anything came back, wait until what can be cleaned is clean. */
static bool contig_reserve_settle(void)
{
	if (!READ_ONCE(reserve.dirty))
		return false;
	mod_delayed_work(system_unbound_wq, &reserve.scrub, 0);
	flush_delayed_work(&reserve.scrub);
	return true;
}

/**
 * struct contig_carve - what a genalloc pool is searched for
 * @request: what was asked for
 * @order: of the pool's granules
 */
struct contig_carve {
	const struct contig_request *request;
	unsigned int order;
};

/* A genpool_algo_t: first fit among what meets the constraints. */
static unsigned long contig_reserve_fit(unsigned long *map, unsigned long size,
					unsigned long start, unsigned int nr,
					void *data, struct gen_pool *pool,
					unsigned long start_addr)
{
	const struct contig_carve *carve = data;
	const struct contig_request *rq = carve->request;
	unsigned int segments;

	if (rq->node_strict &&
	    page_to_nid(pfn_to_page(start_addr)) != rq->node)
		return size;
	for (; start < size; start++) {
		start = bitmap_find_next_zero_area(map, size, start, nr, 0);
		segments = 0;
		if (start < size &&
		    contig_window_fits(rq, start_addr + (start << carve->order),
				       rq->npages, true, &segments) &&
		    segments <= rq->max_segments)
			return start;
	}
	return size;
}

/* Small blocks last: so that small buffers come from them, look there first. */
static unsigned long contig_reserve_carve(const struct contig_request *request,
					  struct contig_block **block)
{
	struct contig_carve carve = { .request = request };
	unsigned int i = reserve.nr;
	unsigned long pfn;

	guard(mutex)(&reserve.lock);
	while (i--) {
		*block = &reserve.blocks[i];
		carve.order = (*block)->order;
		if (!(*block)->pool)
			continue;
		pfn = gen_pool_alloc_algo((*block)->pool, request->npages,
					  contig_reserve_fit, &carve);
		if (pfn)
			return pfn;
	}
	return 0;
}

static bool contig_reserve_present(void)
{
	return reserve.total;
}

static int contig_reserve_alloc(const struct contig_request *request,
				struct contig_buffer *buffer,
				struct contig_report *report)
{
	/* Allocated now, because giving back must not fail. */
	struct contig_return *run __free(kfree) =
		kmalloc(sizeof(*run), GFP_KERNEL_ACCOUNT);
	unsigned long pfn;

	if (!run) {
		report->blocked = CONTIG_BLOCKED_NO_ROOM;
		return -ENOMEM;
	}

	if (request->npages > reserve.longest) {
		report->blocked = CONTIG_BLOCKED_TOO_LARGE;
		return -ENOMEM;
	}

	pfn = contig_reserve_carve(request, &run->block);
	if (!pfn && contig_reserve_settle())
		pfn = contig_reserve_carve(request, &run->block);
	if (!pfn) {
		report->blocked = CONTIG_BLOCKED_EXHAUSTED;
		return -ENOMEM;
	}
	report->windows = 1;
	buffer->rung_data = no_free_ptr(run);
	/* One run needs no memory to be noted. */
	return contig_extents_append(&buffer->extents, pfn, request->npages);
}

static void contig_reserve_free(struct contig_buffer *buffer)
{
	struct contig_piece *piece = buffer->extents.pieces;
	unsigned long npages = buffer->extents.npages;
	struct contig_return *run = buffer->rung_data;

	guard(mutex)(&reserve.lock);
	if (!READ_ONCE(buffer->exposed)) {
		/* Nobody but us could write to it: it is as it was. */
		gen_pool_free(run->block->pool, piece->pfn, npages);
		kfree(run);
	} else {
		run->pfn = piece->pfn;
		run->npages = npages;
		run->user = contig_user_ref(buffer->user);
		run->charged = false;
		list_add_tail(&run->node, &reserve.returned);
		reserve.dirty += npages;
		mod_delayed_work(system_unbound_wq, &reserve.scrub, 0);
	}
	contig_extents_free(&buffer->extents);
}

/**
 * struct contig_hole - the search for the largest free run of the pool
 * @request: constraints, or NULL for none
 * @order: of the granules of the pool that is looked at
 * @largest: pages in the largest run so far
 */
struct contig_hole {
	const struct contig_request *request;
	unsigned int order;
	unsigned long largest;
};

static void contig_hole_measure(struct contig_hole *hole, unsigned long first,
				unsigned long end)
{
	const struct contig_request *rq = hole->request;

	if (rq) {
		unsigned long limit = contig_segment_limit(rq), most;

		first = ALIGN(max(first, rq->lowest), rq->align);
		if (rq->highest < end - 1)
			end = rq->highest + 1;
		if (first >= end)
			return;
		if (!check_mul_overflow(limit, (unsigned long)rq->max_segments,
					&most))
			end = first + min(end - first, most);
	}
	hole->largest = max(hole->largest, end - first);
}

static void contig_hole_chunk(struct gen_pool *pool,
			      struct gen_pool_chunk *chunk, void *data)
{
	unsigned long size = chunk->end_addr - chunk->start_addr + 1;
	struct contig_hole *hole = data;
	unsigned long first, end;

	for_each_clear_bitrange(first, end, chunk->bits, size >> hole->order)
		contig_hole_measure(hole,
				    chunk->start_addr + (first << hole->order),
				    chunk->start_addr + (end << hole->order));
}

/* The largest free run, in pages, that meets @request if there is one. */
static unsigned long contig_reserve_hole(const struct contig_request *request)
{
	struct contig_hole hole = { .request = request };
	unsigned int i;

	lockdep_assert_held(&reserve.lock);
	for (i = 0; i < reserve.nr; i++) {
		struct contig_block *block = &reserve.blocks[i];

		hole.order = block->order;
		if (block->pool && block->npages > hole.largest)
			gen_pool_for_each_chunk(block->pool, contig_hole_chunk,
						&hole);
	}
	return hole.largest;
}

/* Pages that are free and clean. */
static unsigned long contig_reserve_clean(void)
{
	unsigned long clean = 0;
	unsigned int i;

	lockdep_assert_held(&reserve.lock);
	for (i = 0; i < reserve.nr; i++)
		if (reserve.blocks[i].pool)
			clean += gen_pool_avail(reserve.blocks[i].pool);
	return clean;
}

static unsigned long contig_reserve_largest(const struct contig_request *request,
					    const struct contig_survey *survey)
{
	contig_reserve_settle();
	guard(mutex)(&reserve.lock);
	return contig_reserve_hole(request);
}

void contig_reserve_totals(u64 *total, u64 *free, u64 *largest)
{
	*total = *free = *largest = 0;
	if (!reserve.total)
		return;

	guard(mutex)(&reserve.lock);
	*total = (u64)reserve.total << PAGE_SHIFT;
	*free = (u64)(contig_reserve_clean() + reserve.dirty -
		      reserve.quarantined) << PAGE_SHIFT;
	*largest = (u64)contig_reserve_hole(NULL) << PAGE_SHIFT;
}

int contig_reserve_show(struct seq_file *m, void *unused)
{
	bool seen = contig_may_see_physical_noaudit();
	unsigned int i;

	guard(mutex)(&reserve.lock);
	seq_printf(m, "%-18s %12s %s\n", "address", "bytes", "state");
	for (i = 0; i < reserve.nr; i++) {
		struct contig_block *block = &reserve.blocks[i];
		unsigned long bytes = block->npages << PAGE_SHIFT;

		if (block->pool)
			seq_printf(m, "0x%016llx %12lu reserved\n",
				   seen ? PFN_PHYS((u64)block->pfn) : 0, bytes);
		else
			seq_printf(m, "%-18s %12lu missing\n", "-", bytes);
	}
	seq_printf(m, "%-18s %12lu\n", "total", reserve.total << PAGE_SHIFT);
	seq_printf(m, "%-18s %12lu\n", "missing",
		   reserve.missing << PAGE_SHIFT);
	seq_printf(m, "%-18s %12lu\n", "clean",
		   contig_reserve_clean() << PAGE_SHIFT);
	seq_printf(m, "%-18s %12lu\n", "to scrub",
		   (reserve.dirty - reserve.quarantined) << PAGE_SHIFT);
	seq_printf(m, "%-18s %12lu\n", "quarantined",
		   reserve.quarantined << PAGE_SHIFT);
	seq_printf(m, "%-18s %12lu\n", "largest",
		   contig_reserve_hole(NULL) << PAGE_SHIFT);
	return 0;
}

static int contig_block_compare(const void *a, const void *b)
{
	const struct contig_block *x = a, *y = b;

	return x->npages < y->npages ? 1 : x->npages > y->npages ? -1 : 0;
}

static void contig_block_init(struct contig_block *block, unsigned long npages)
{
	if (npages > CONTIG_RESERVE_GRANULES)
		block->order = ilog2(npages / CONTIG_RESERVE_GRANULES);
	block->npages = round_up(npages, 1UL << block->order);
}

/* Read "64M*2,4M*16" into reserve.blocks. */
static int contig_reserve_parse(const char *text)
{
	unsigned long long bytes;
	unsigned long count;
	char *end;

	while (*text) {
		bytes = memparse(text, &end);
		if (end == text || !bytes)
			return -EINVAL;
		count = 1;
		if (*end == '*') {
			text = end + 1;
			count = memparse(text, &end);
			if (end == text || !count)
				return -EINVAL;
		}
		if (*end != ',' && *end != '\0')
			return -EINVAL;
		text = *end ? end + 1 : end;
		if (bytes > (u64)totalram_pages() << PAGE_SHIFT)
			return -EFBIG;
		if (count > CONTIG_RESERVE_BLOCKS - reserve.nr)
			return -E2BIG;
		while (count--)
			contig_block_init(&reserve.blocks[reserve.nr++],
					  PFN_UP(bytes));
	}
	return 0;
}

/* Take one block. A block that cannot be had is no reason not to load. */
static int contig_reserve_take(struct contig_block *block)
{
	struct contig_report report = {};
	struct contig_request request;
	unsigned long pfn;
	int ret;

	contig_request_init_plain(&request, block->npages);
	ret = contig_range_present() ?
	      contig_range_take(&request, block->npages, true, &report, &pfn) :
	      -ENODEV;
	if (ret == -EINTR)
		return ret;
	if (ret) {
		reserve.missing += block->npages;
		pr_warn("could not reserve a block of %lu KiB (error %d)\n",
			block->npages << (PAGE_SHIFT - 10), ret);
		return 0;
	}
	block->pool = gen_pool_create(block->order, NUMA_NO_NODE);
	ret = block->pool ? gen_pool_add(block->pool, pfn, block->npages,
					 NUMA_NO_NODE) : -ENOMEM;
	if (ret) {
		if (block->pool)
			gen_pool_destroy(block->pool);
		block->pool = NULL;
		contig_pages_put(pfn, block->npages);
		return ret;
	}
	block->pfn = pfn;
	reserve.longest = max(reserve.longest, block->npages);
	reserve.total += block->npages;
	return 0;
}

int contig_reserve_init(void)
{
	unsigned int i;
	int ret;

	INIT_DELAYED_WORK(&reserve.scrub, contig_reserve_work);
	if (!early || !*early)
		return 0;

	reserve.blocks = kcalloc(CONTIG_RESERVE_BLOCKS, sizeof(*reserve.blocks),
				 GFP_KERNEL);
	if (!reserve.blocks)
		return -ENOMEM;
	ret = contig_reserve_parse(early);
	if (ret) {
		pr_err("early=%s: want SIZE[*COUNT][,...], no block larger than memory, at most %d blocks\n",
		       early, CONTIG_RESERVE_BLOCKS);
		goto err_free;
	}
	/* The largest first, while it is easiest. */
	sort(reserve.blocks, reserve.nr, sizeof(*reserve.blocks),
	     contig_block_compare, NULL);
	for (i = 0; i < reserve.nr; i++) {
		ret = contig_reserve_take(&reserve.blocks[i]);
		if (ret)
			goto err_free;
	}
	pr_info("reserved %lu KiB in advance, %lu KiB could not be had\n",
		reserve.total << (PAGE_SHIFT - 10),
		reserve.missing << (PAGE_SHIFT - 10));
	return 0;

err_free:
	contig_reserve_exit();
	return ret;
}

/* No buffer is left, or the module could not be unloaded. */
void contig_reserve_exit(void)
{
	struct contig_return *run, *next;
	unsigned int i;

	cancel_delayed_work_sync(&reserve.scrub);
	list_for_each_entry_safe(run, next, &reserve.returned, node)
		contig_return_free(run);
	/* Whoever still has a reference on a page frees it by dropping that. */
	for (i = 0; i < reserve.nr; i++) {
		struct contig_block *block = &reserve.blocks[i];

		if (!block->pool)
			continue;
		gen_pool_destroy(block->pool);
		contig_pages_put(block->pfn, block->npages);
	}
	kfree(reserve.blocks);
}

const struct contig_rung_ops contig_reserve_ops = {
	.name = "reserve",
	.mapping = CONTIG_MAPPING_STRUCT_PAGE,
	.present = contig_reserve_present,
	.alloc = contig_reserve_alloc,
	.free = contig_reserve_free,
	.largest = contig_reserve_largest,
};

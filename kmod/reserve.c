// SPDX-License-Identifier: GPL-2.0-only
/*
 * The reserve rung: blocks taken when the module was loaded
 *
 * Each block has a pool of what is free and zero of it (block.c). Memory that
 * comes back is zeroed before it goes into the pool again: in the background,
 * unless no user could write to it, or at once if a request waits for it. A page
 * with a reference that is not contig's keeps its whole run out of the pool until
 * that reference is gone.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

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
#include <linux/wait.h>
#include <linux/workqueue.h>

#include "block.h"
#include "buffer.h"
#include "carve.h"
#include "early.h"
#include "extents.h"
#include "fault.h"
#include "limits.h"
#include "pages.h"
#include "poison.h"
#include "request.h"
#include "rung.h"

#define CONTIG_RESERVE_BLOCKS 256

static char *early;
module_param(early, charp, 0444);
MODULE_PARM_DESC(early,
		 "blocks to reserve at load: SIZE[*COUNT][,...], for example 64M*2,4M*16");

/**
 * struct contig_return - a run that came back and is not clean yet
 * @node: entry of contig_reserve.returned or of contig_reserve.quarantine
 * @block: the block it is part of
 * @pfn: first page frame
 * @npages: how many
 * @user: whose buffer it was, with a reference
 * @charged: pages that @user is charged for it, until it is clean
 * @kept: the page that was last seen to have another reference
 * @quarantined: it was seen to have one
 */
struct contig_return {
	struct list_head node;
	struct contig_block *block;
	unsigned long pfn;
	unsigned long npages;
	struct contig_user *user;
	unsigned long charged;
	unsigned long kept;
	bool quarantined;
};

/**
 * struct contig_reserve - all that was reserved
 * @lock: protects the members below and serialises users of the pools
 * @blocks: what was asked for, largest first
 * @nr: how many blocks
 * @longest: pages in the longest block that was had; constant after loading
 * @total: pages reserved; constant after loading
 * @checked: see contig_poison_news(); for what is free
 * @missing: pages asked for, but not had
 * @returned: runs that wait to be cleaned
 * @quarantine: runs with pages that somebody still has references on
 * @dirty: pages in both
 * @quarantined: pages in the latter
 * @begun: how often @scrub has begun
 * @done: the last time that it came to its end
 * @settled: waits for that
 * @scrub: cleans what it finds when it begins
 *
 * Innermost lock of the module but for those of the kernel.
 */
static struct contig_reserve {
	struct mutex lock; /* for all that follows */
	struct contig_block *blocks;
	unsigned int nr;
	unsigned long longest;
	unsigned long total;
	unsigned int checked;
	unsigned long missing;
	struct list_head returned;
	struct list_head quarantine;
	unsigned long dirty;
	unsigned long quarantined;
	unsigned long begun;
	unsigned long done;
	wait_queue_head_t settled;
	struct delayed_work scrub;
} reserve = {
	.lock = __MUTEX_INITIALIZER(reserve.lock),
	.returned = LIST_HEAD_INIT(reserve.returned),
	.quarantine = LIST_HEAD_INIT(reserve.quarantine),
	.settled = __WAIT_QUEUE_HEAD_INITIALIZER(reserve.settled),
};

/* Does somebody still have a page? Most often it is the same as last time. */
static bool contig_return_kept(struct contig_return *run)
{
	if (run->quarantined &&
	    !contig_pages_first_referenced(run->pfn + run->kept, 1))
		return true;
	run->kept = contig_pages_first_referenced(run->pfn, run->npages);
	return run->kept < run->npages;
}

/* Take failed pages out of what is free; call this before looking at that. */
static void contig_reserve_check(void)
{
	unsigned int i;

	lockdep_assert_held(&reserve.lock);
	if (!contig_poison_news(&reserve.checked))
		return;
	for (i = 0; i < reserve.nr; i++) {
		struct contig_block *block = &reserve.blocks[i];

		if (block->pool)
			contig_block_check(block, block->pfn, block->npages);
	}
}

void contig_reserve_sweep(void)
{
	guard(mutex)(&reserve.lock);
	contig_reserve_check();
}

/* Return true if a block has page frames from @start up to @end. */
bool contig_reserve_overlaps(unsigned long start, unsigned long end)
{
	unsigned int i;

	guard(mutex)(&reserve.lock);
	for (i = 0; i < reserve.nr; i++) {
		const struct contig_block *block = &reserve.blocks[i];

		if (block->pool && block->pfn < end &&
		    start < block->pfn + block->npages)
			return true;
	}
	return false;
}

/*
 * Uncharge before the run stops counting as dirty; otherwise a waiter that sees
 * no dirty pages concludes that the quota is exhausted.
 */
static void contig_return_finish(struct contig_return *run)
{
	lockdep_assert_held(&reserve.lock);
	list_del(&run->node);
	contig_block_give(run->block, run->pfn, run->npages);
	contig_user_uncharge(run->user, run->charged);
	reserve.dirty -= run->npages;
}

/* Clean a run and put it back into its pool, or into quarantine. */
static void contig_return_scrub(struct contig_return *run)
{
	bool kept = contig_return_kept(run);

	if (!kept)
		contig_pages_clear(run->pfn, run->npages);
	scoped_guard(mutex, &reserve.lock) {
		if (run->quarantined != kept)
			reserve.quarantined += kept ? run->npages :
						      -run->npages;
		run->quarantined = kept;
		if (kept) {
			list_move_tail(&run->node, &reserve.quarantine);
			return;
		}
		contig_return_finish(run);
	}
	contig_user_put(run->user);
	kfree(run);
}

/*
 * Clean what has come back. What comes back meanwhile is for the next time, so
 * that whoever waits for this does not wait for ever.
 */
static void contig_reserve_work(struct work_struct *work)
{
	unsigned long begun;
	LIST_HEAD(runs);

	scoped_guard(mutex, &reserve.lock) {
		begun = ++reserve.begun;
		list_splice_init(&reserve.returned, &runs);
		list_splice_tail_init(&reserve.quarantine, &runs);
	}
	while (!list_empty(&runs)) {
		contig_return_scrub(list_first_entry(&runs,
						     struct contig_return,
						     node));
		cond_resched();
	}
	WRITE_ONCE(reserve.done, begun);
	wake_up_all(&reserve.settled);
	/* Nobody tells us when a reference goes: look again. */
	if (READ_ONCE(reserve.quarantined))
		queue_delayed_work(system_unbound_wq, &reserve.scrub, HZ);
}

/**
 * contig_reserve_settle() - wait until what came back is clean
 * @request: says for how long at most
 *
 * Who did not get something before should try again in any case: it may have
 * become clean between the two.
 */
void contig_reserve_settle(const struct contig_request *request)
{
	unsigned long next;

	scoped_guard(mutex, &reserve.lock) {
		if (!reserve.dirty)
			return;
		next = reserve.begun + 1;
	}
	mod_delayed_work(system_unbound_wq, &reserve.scrub, 0);
	wait_event_killable_timeout(reserve.settled,
				    READ_ONCE(reserve.done) >= next,
				    contig_request_left(request));
}

/*
 * Small blocks come last: so that small buffers come from them, look there
 * first. The user pays for whole granules.
 */
static unsigned long contig_reserve_carve(const struct contig_request *request,
					  struct contig_buffer *buffer,
					  struct contig_block **block)
{
	unsigned int i = reserve.nr;
	unsigned long pfn, rest;

	guard(mutex)(&reserve.lock);
	contig_reserve_check();
	while (i--) {
		*block = &reserve.blocks[i];
		if (!(*block)->pool || (*block)->npages < request->npages ||
		    contig_should_fail(CONTIG_FAULT_RESERVE))
			continue;
		rest = round_up(request->npages, 1UL << (*block)->order) -
		       request->npages;
		if (contig_buffer_charge(buffer, rest))
			continue;
		pfn = contig_carve((*block)->pool, (*block)->order, request);
		if (pfn)
			return pfn;
		contig_buffer_uncharge(buffer, rest);
	}
	return 0;
}

static bool contig_reserve_present(const struct contig_request *unused)
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

	pfn = contig_reserve_carve(request, buffer, &run->block);
	if (!pfn) {
		contig_reserve_settle(request);
		pfn = contig_reserve_carve(request, buffer, &run->block);
	}
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
		contig_block_give(run->block, piece->pfn, npages);
		kfree(run);
	} else {
		run->pfn = piece->pfn;
		run->npages = npages;
		/* It counts until it is clean. */
		run->user = contig_user_ref(buffer->user);
		run->charged = buffer->charged;
		buffer->charged = 0;
		run->quarantined = false;
		list_add_tail(&run->node, &reserve.returned);
		reserve.dirty += npages;
		mod_delayed_work(system_unbound_wq, &reserve.scrub, 0);
	}
	contig_extents_free(&buffer->extents);
}

/* The largest free run, in pages, that meets @request if there is one. */
static unsigned long contig_reserve_hole(const struct contig_request *request)
{
	unsigned long largest = 0;
	unsigned int i;

	lockdep_assert_held(&reserve.lock);
	for (i = 0; i < reserve.nr; i++) {
		struct contig_block *block = &reserve.blocks[i];

		if (block->pool && block->npages > largest)
			largest = max(largest,
				      contig_carve_largest(block->pool,
							   block->order,
							   request));
	}
	return largest;
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

/* Pages of granules that have failed. */
static unsigned long contig_reserve_lost(void)
{
	unsigned long lost = 0;
	unsigned int i;

	lockdep_assert_held(&reserve.lock);
	for (i = 0; i < reserve.nr; i++)
		lost += reserve.blocks[i].lost;
	return lost;
}

static unsigned long contig_reserve_largest(const struct contig_request *request,
					    const struct contig_survey *survey)
{
	contig_reserve_settle(request);
	guard(mutex)(&reserve.lock);
	contig_reserve_check();
	return contig_reserve_hole(request);
}

void contig_reserve_totals(u64 *total, u64 *free, u64 *largest)
{
	*total = *free = *largest = 0;
	if (!reserve.total)
		return;

	guard(mutex)(&reserve.lock);
	contig_reserve_check();
	*total = (u64)(reserve.total - contig_reserve_lost()) << PAGE_SHIFT;
	*free = (u64)(contig_reserve_clean() + reserve.dirty -
		      reserve.quarantined) << PAGE_SHIFT;
	*largest = (u64)contig_reserve_hole(NULL) << PAGE_SHIFT;
}

int contig_reserve_show(struct seq_file *m, void *unused)
{
	bool seen = contig_may_see_physical_noaudit();
	unsigned int i;

	guard(mutex)(&reserve.lock);
	contig_reserve_check();
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
	seq_printf(m, "%-18s %12lu\n", "failed", contig_reserve_lost() << PAGE_SHIFT);
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

/* Fill reserve.blocks with what the parameter asks for. */
static int contig_reserve_plan(void)
{
	unsigned long *npages __free(kfree) =
		kcalloc(CONTIG_RESERVE_BLOCKS, sizeof(*npages), GFP_KERNEL);
	int i, nr;

	reserve.blocks = kcalloc(CONTIG_RESERVE_BLOCKS, sizeof(*reserve.blocks),
				 GFP_KERNEL);
	if (!npages || !reserve.blocks)
		return -ENOMEM;
	nr = contig_early_parse(early, (u64)totalram_pages() << PAGE_SHIFT,
				npages, CONTIG_RESERVE_BLOCKS);
	if (nr < 0) {
		pr_err("early=%s: want SIZE[*COUNT][,...], no block larger than memory, at most %d blocks\n",
		       early, CONTIG_RESERVE_BLOCKS);
		return nr;
	}
	for (i = 0; i < nr; i++)
		contig_block_init(&reserve.blocks[i], npages[i]);
	/* A failure of memory may be noticed from here on. */
	scoped_guard(mutex, &reserve.lock)
		reserve.nr = nr;
	return 0;
}

/* Take one block. A block that cannot be had is no reason not to load. */
static int contig_reserve_take(struct contig_block *block)
{
	struct contig_report report = {};
	struct contig_request request;
	unsigned long pfn;
	int ret;

	/*
	 * Aligned, if it can be had so, since what is cut out of it will be
	 * aligned no better; always to a granule.
	 */
	contig_request_init_plain(&request, block->npages);
	request.align = max(1UL << block->order,
			    min(rounddown_pow_of_two(block->npages),
				1UL << MAX_PAGE_ORDER));
	ret = contig_range_present() ?
	      contig_range_take(&request, block->npages, true, &report, &pfn) :
	      -ENODEV;
	if (ret == -EBUSY) {
		request.align = 1UL << block->order;
		ret = contig_range_take(&request, block->npages, true, &report,
					&pfn);
	}
	if (ret == -EINTR)
		return ret;
	if (ret) {
		reserve.missing += block->npages;
		pr_warn("could not reserve a block of %lu KiB (error %d)\n",
			block->npages << (PAGE_SHIFT - 10), ret);
		return 0;
	}
	guard(mutex)(&reserve.lock);
	ret = contig_block_fill(block, pfn);
	if (ret) {
		contig_pages_put(pfn, block->npages);
		return ret;
	}
	/* A page may have failed since it was taken. */
	if (contig_poison_ever())
		contig_block_check(block, pfn, block->npages);
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

	ret = contig_reserve_plan();
	if (ret)
		goto err_free;
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
	list_splice_init(&reserve.quarantine, &reserve.returned);
	list_for_each_entry_safe(run, next, &reserve.returned, node) {
		scoped_guard(mutex, &reserve.lock)
			contig_return_finish(run);
		contig_user_put(run->user);
		kfree(run);
	}
	/* Whoever still has a reference on a page frees it by dropping that. */
	guard(mutex)(&reserve.lock);
	for (i = 0; i < reserve.nr; i++)
		contig_block_exit(&reserve.blocks[i]);
	/* A failure of memory may still be noticed. */
	reserve.nr = 0;
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

// SPDX-License-Identifier: GPL-2.0-only
/*
 * The reserve rung: blocks taken when the module was loaded
 *
 * Each block has a pool of its free and zeroed granules (block.c). Memory that
 * comes back is cleaned before it goes into the pool again (scrub.c), unless no
 * user could write to it.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/crash_dump.h>
#include <linux/genalloc.h>
#include <linux/log2.h>
#include <linux/math.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/seq_file.h>
#include <linux/slab.h>

#include "block.h"
#include "buffer.h"
#include "extents.h"
#include "fault.h"
#include "gfp.h"
#include "limits.h"
#include "poison.h"
#include "request.h"
#include "reserve.h"
#include "reserve_state.h"
#include "rung.h"
#include "scrub.h"
#include "take.h"
#include "worker.h"

static char *early;
module_param(early, charp, 0444);
MODULE_PARM_DESC(early,
		 "blocks to reserve at load: SIZE[*COUNT][@BITSbit][/align=SIZE][/node=NODE][/huge] or SIZE@ADDRESS[/node=NODE][/keep], with commas between, for example 64M*2,4M*16@32bit");

/* Times that a request tries to lock the blocks if it may not wait. */
#define CONTIG_RESERVE_TRIES 100

/* Lock the blocks. Return false if the request may not wait for that. */
static bool contig_reserve_enter(const struct contig_request *request)
{
	unsigned int i;

	if (!request->no_wait) {
		mutex_lock(&contig_reserve_lock);
		return true;
	}
	/* Most often it is locked for a moment only. */
	for (i = 0; i < CONTIG_RESERVE_TRIES; i++) {
		if (mutex_trylock(&contig_reserve_lock))
			return true;
		cpu_relax();
	}
	return false;
}

/*
 * Return why no block has room for the request. Set @hope if a block may have
 * room when the memory that came back to it is clean.
 */
static enum contig_blocked
contig_reserve_cause(const struct contig_request *request, bool *hope)
{
	enum contig_blocked blocked = CONTIG_BLOCKED_CONSTRAINTS;
	unsigned long longest = contig_reserve.longest[request->told];
	unsigned long most = longest;
	unsigned int i;

	*hope = false;
	/* Not every caller may know the exact length. */
	if (most && !request->told)
		most = roundup_pow_of_two(most);
	if (request->npages > most)
		return CONTIG_BLOCKED_TOO_LARGE;
	/* No hope: memory with kept contents is cleared when it comes back. */
	if (request->keep)
		return CONTIG_BLOCKED_CONTENTS;
	if (request->npages > longest)
		return CONTIG_BLOCKED_EXHAUSTED;
	if (!contig_reserve_enter(request))
		return CONTIG_BLOCKED_WAIT;
	for (i = 0; i < contig_reserve.nr && !*hope; i++) {
		const struct contig_block *block = &contig_reserve.blocks[i];

		if (!contig_block_suits(block, request))
			continue;
		blocked = CONTIG_BLOCKED_EXHAUSTED;
		/* It may have become clean just now. */
		*hope = block->dirty || contig_block_largest(block, request) >=
						request->npages;
	}
	mutex_unlock(&contig_reserve_lock);
	return blocked;
}

/**
 * contig_reserve_blocked() - return why the reserve cannot meet a request
 * @request: the request
 *
 * Return: CONTIG_BLOCKED_TOO_LARGE or CONTIG_BLOCKED_CONSTRAINTS if it never
 * can, CONTIG_BLOCKED_CONTENTS if the request is for kept contents and none are
 * left that fit, CONTIG_BLOCKED_EXHAUSTED if it could with less memory in use.
 */
enum contig_blocked contig_reserve_blocked(const struct contig_request *request)
{
	bool hope;

	return contig_reserve_cause(request, &hope);
}

/* Return true if a block could meet the request if all of it were free. */
bool contig_reserve_possible(const struct contig_request *request)
{
	bool suits = false;
	unsigned int i;

	if (!(request->rungs & CONTIG_RUNGS_RESERVE))
		return false;
	/* If it may not wait, its rung will find out. */
	if (!contig_reserve_enter(request))
		return true;
	for (i = 0; i < contig_reserve.nr && !suits; i++)
		suits = contig_block_suits(&contig_reserve.blocks[i], request);
	mutex_unlock(&contig_reserve_lock);
	return suits;
}

/* Cut a request out of one block. Whole granules are charged. */
static unsigned long contig_block_cut(struct contig_block *block,
				      const struct contig_request *request,
				      struct contig_buffer *buffer)
{
	unsigned long granule = 1UL << block->order, pfn, rest;

	if (!contig_block_allowed(block, request) ||
	    block->npages < request->npages ||
	    contig_should_fail(CONTIG_FAULT_RESERVE))
		return 0;
	rest = round_up(request->npages, granule) - request->npages;
	if (contig_buffer_charge(buffer, rest))
		return 0;
	pfn = contig_block_carve(block, request);
	if (!pfn)
		contig_buffer_uncharge(buffer, rest);
	return pfn;
}

/*
 * Return the pass in which to try a block: the preferred node comes first, and of
 * its blocks those of huge pages if the request wants these.
 */
static int contig_block_pass(const struct contig_block *block,
			     const struct contig_request *request)
{
	return 2 * (block->node != request->node) +
	       (request->huge && !block->huge);
}

/*
 * Take memory from a block: pass by pass, and in each the last blocks first. So
 * small buffers come from small blocks, and memory that all devices can reach is
 * spent last. Return 0, -ENOMEM, or -EAGAIN if the request may not wait for the lock.
 */
static int contig_reserve_carve(const struct contig_request *request,
				struct contig_buffer *buffer,
				struct contig_block **block, unsigned long *pfn)
{
	unsigned int i;
	int pass;

	*pfn = 0;
	if (!contig_reserve_enter(request))
		return -EAGAIN;
	contig_reserve_check();
	for (pass = 0; pass < 4 && !*pfn; pass++) {
		for (i = contig_reserve.nr; i-- && !*pfn;) {
			*block = &contig_reserve.blocks[i];
			if (contig_block_pass(*block, request) != pass)
				continue;
			*pfn = contig_block_cut(*block, request, buffer);
		}
	}
	mutex_unlock(&contig_reserve_lock);
	return *pfn ? 0 : -ENOMEM;
}

/*
 * Take memory that waits to be cleaned, for a request that does not care. Return 0,
 * -ENOMEM, or -EAGAIN as contig_reserve_carve() does.
 */
static int contig_reserve_reuse(const struct contig_request *request,
				struct contig_buffer *buffer,
				struct contig_return *run, unsigned long *pfn)
{
	struct contig_return *from, *emptied = NULL;
	unsigned long rest;

	if (!contig_reserve_enter(request))
		return -EAGAIN;
	from = contig_scrub_find(request);
	if (from) {
		rest = round_up(request->npages, 1UL << from->block->order) -
		       request->npages;
		if (!contig_should_fail(CONTIG_FAULT_RESERVE) &&
		    !contig_buffer_charge(buffer, rest)) {
			run->block = from->block;
			run->dirty = true;
			*pfn = contig_scrub_cut(from, request, &emptied);
		}
	}
	mutex_unlock(&contig_reserve_lock);
	contig_return_put(emptied);
	return *pfn ? 0 : -ENOMEM;
}

static bool contig_reserve_present(const struct contig_request *request)
{
	return contig_reserve.total[request->told];
}

/* Take memory, if @wait is false only what is clean or need not be. */
static int contig_reserve_get(const struct contig_request *request,
			      struct contig_buffer *buffer,
			      struct contig_report *report, bool wait)
{
	/* Allocated here, since to give memory back must not fail. */
	struct contig_return *run __free(kfree) =
		kmalloc(sizeof(*run), CONTIG_GFP);
	unsigned long pfn;
	bool hope = false;
	int ret;

	if (!run) {
		report->blocked = CONTIG_BLOCKED_NO_ROOM;
		return -ENOMEM;
	}
	run->dirty = false;
	ret = contig_reserve_carve(request, buffer, &run->block, &pfn);
	if (ret == -ENOMEM && request->uninitialized)
		ret = contig_reserve_reuse(request, buffer, run, &pfn);
	if (ret == -ENOMEM)
		report->blocked = contig_reserve_cause(request, &hope);
	if (hope && wait) {
		contig_scrub_wait(request);
		ret = contig_reserve_carve(request, buffer, &run->block, &pfn);
	} else if (hope || ret == -EAGAIN) {
		report->blocked = CONTIG_BLOCKED_WAIT;
	}
	if (ret)
		return -ENOMEM;
	report->windows = 1;
	run->contents = request->keep;
	buffer->rung_data = no_free_ptr(run);
	/* Cannot fail: the first extent needs no memory. */
	return contig_extents_append(&buffer->extents, pfn, request->npages);
}

static int contig_reserve_alloc(const struct contig_request *request,
				struct contig_buffer *buffer,
				struct contig_report *report)
{
	return contig_reserve_get(request, buffer, report, !request->no_wait);
}

/* Take memory without waiting until some is clean; like contig_rung_ops.alloc. */
int contig_reserve_take_now(const struct contig_request *request,
			    struct contig_buffer *buffer,
			    struct contig_report *report)
{
	return contig_reserve_get(request, buffer, report, false);
}

static void contig_reserve_free(struct contig_buffer *buffer)
{
	struct contig_extents_entry *piece = buffer->extents.entries;
	unsigned long npages = buffer->extents.npages;
	struct contig_return *run = buffer->rung_data;

	guard(mutex)(&contig_reserve_lock);
	if (!READ_ONCE(buffer->exposed) && !run->dirty) {
		/* No user could write to it, so its contents are as before. */
		if (run->contents)
			contig_block_keep(run->block, piece->pfn, npages);
		else
			contig_block_give(run->block, piece->pfn, npages);
		kfree(run);
	} else {
		run->pfn = piece->pfn;
		run->npages = npages;
		/* The rest of the last granule was not clean, either. */
		if (run->dirty)
			run->npages = round_up(npages,
					       1UL << run->block->order);
		/* It stays charged until it is clean. */
		run->user = contig_user_ref(buffer->user);
		run->charged = buffer->charged;
		buffer->charged = 0;
		contig_scrub_add(run);
	}
	contig_extents_free(&buffer->extents);
}

static unsigned long contig_reserve_largest(const struct contig_request *request,
					    const struct contig_survey *survey)
{
	unsigned long largest, promise;

	scoped_guard(mutex, &contig_reserve_lock) {
		contig_reserve_check();
		largest = contig_reserve_hole(request, request->told, &promise);
	}
	if (promise <= largest)
		return largest;
	contig_scrub_wait(request);
	guard(mutex)(&contig_reserve_lock);
	contig_reserve_check();
	return contig_reserve_hole(request, request->told, NULL);
}

/* Buffers can be moved to make more room. */
static bool contig_reserve_lower_bound(const struct contig_request *request,
				       const struct contig_survey *unused)
{
	return !request->keep && !request->no_wait &&
	       contig_reserve_clean(request) > contig_reserve_largest(request,
								      unused);
}

/* Make the pool of a block that was taken. */
static int contig_reserve_fill(struct contig_block *block, unsigned long pfn)
{
	int ret, told;

	guard(mutex)(&contig_reserve_lock);
	ret = contig_block_fill(block, pfn);
	if (ret)
		return ret;
	/* A page may have failed since it was taken. */
	if (contig_poison_ever())
		contig_block_check(block, pfn, block->npages);
	for (told = 0; told < 2; told++) {
		if (!contig_block_visible(block, told))
			continue;
		contig_reserve.longest[told] =
			max(contig_reserve.longest[told], block->npages);
		contig_reserve.total[told] += block->npages;
	}
	return 0;
}

/*
 * Take one block. Loading goes on if it cannot be taken. It goes on after a
 * signal as well if a worker is stuck: to give up would wait for that worker.
 */
static int contig_reserve_take(struct contig_block *block, unsigned long *low,
			       struct contig_orphan *orphan)
{
	unsigned long pfn;
	int ret;

	ret = contig_block_take(block, low, orphan, &pfn);
	if (ret == -EINTR && contig_orphan_ends(orphan))
		return ret;
	if (ret) {
		contig_reserve.missing += block->npages;
		/* contig_region_take() has logged why. */
		if (block->ask.address)
			return 0;
		pr_warn("could not reserve a block of %lu KiB (error %d)\n",
			block->npages << (PAGE_SHIFT - 10), ret);
		return 0;
	}
	ret = contig_reserve_fill(block, pfn);
	if (!ret)
		return 0;
	contig_block_put(block, pfn);
	if (contig_orphan_ends(orphan))
		return ret;
	contig_reserve.missing += block->npages;
	return 0;
}

int contig_reserve_init(void)
{
	unsigned long low = contig_low_pages();
	struct contig_orphan orphan = {};
	unsigned int i;
	int ret;

	contig_scrub_init();
	if (!early || !*early)
		return 0;
	if (is_kdump_kernel()) {
		pr_info("this kernel saves the dump of a crash: nothing is reserved\n");
		return 0;
	}

	ret = contig_blocks_plan(early, &contig_reserve.blocks);
	if (ret < 0)
		return ret;
	/* From here on contig_reserve_sweep() may look at the blocks. */
	scoped_guard(mutex, &contig_reserve_lock)
		contig_reserve.nr = ret;
	for (ret = 0, i = 0; i < contig_reserve.nr && !ret; i++)
		ret = contig_reserve_take(&contig_reserve.blocks[i], &low,
					  &orphan);
	contig_orphan_put(&orphan);
	if (ret) {
		contig_reserve_exit();
		return ret;
	}
	pr_info("reserved %lu KiB in advance, %lu KiB could not be had\n",
		contig_reserve.total[true] << (PAGE_SHIFT - 10),
		contig_reserve.missing << (PAGE_SHIFT - 10));
	return 0;
}

/* Free the reserve. No buffer is left, since these keep the module loaded. */
void contig_reserve_exit(void)
{
	unsigned int i, nr;

	contig_scrub_exit();
	/* If loading failed, sweeps and hotplug may still use the blocks. */
	scoped_guard(mutex, &contig_reserve_lock) {
		nr = contig_reserve.nr;
		contig_reserve.nr = 0;
	}
	/* Without the lock: unmapping memory takes the lock of hotplug. */
	for (i = 0; i < nr; i++)
		contig_block_exit(&contig_reserve.blocks[i]);
	kfree(contig_reserve.blocks);
}

const struct contig_rung_ops contig_reserve_ops = {
	.mapping = CONTIG_MAPPING_STRUCT_PAGE,
	.present = contig_reserve_present,
	.alloc = contig_reserve_alloc,
	.free = contig_reserve_free,
	.largest = contig_reserve_largest,
	.lower_bound = contig_reserve_lower_bound,
};

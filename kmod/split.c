// SPDX-License-Identifier: GPL-2.0-only
/*
 * The split rung: the fewest, largest extents that can be found
 *
 * A piece that the page allocator can give as one block is asked of it, which is
 * quick. Else a window is emptied, as the range rung does it, as long as windows
 * can be found; each is as long as the last one that could be had, or shorter.
 * What then is still missing comes in blocks of falling size.
 */
#include <linux/kernel.h>
#include <linux/log2.h>
#include <linux/mm.h>
#include <linux/mmzone.h>
#include <linux/pageblock-flags.h>
#include <linux/slab.h>

#include "buffer.h"
#include "extents.h"
#include "fault.h"
#include "pages.h"
#include "request.h"
#include "rung.h"
#include "window.h"

#define CONTIG_MAX_ORDER_PAGES BIT(MAX_PAGE_ORDER)

/* The most pages that a piece of @npages at most may have. */
static unsigned long contig_split_clip(const struct contig_request *request,
				       unsigned long npages)
{
	return min(npages, contig_segment_limit(request));
}

/**
 * struct contig_split - how far a search has come
 * @request: what was asked for
 * @buffer: receives the pieces
 * @report: receives what was tried
 * @limit: no window longer than this can be found
 * @reachable: the page allocator can be asked, with @gfp
 * @gfp: see contig_pages_gfp()
 * @windows: more windows may be found
 */
struct contig_split {
	const struct contig_request *request;
	struct contig_buffer *buffer;
	struct contig_report *report;
	unsigned long limit;
	bool reachable;
	gfp_t gfp;
	bool windows;
};

/* A block of @npages from the page allocator. */
static int contig_split_block(struct contig_split *split, unsigned long npages)
{
	const struct contig_request *request = split->request;
	int order = max(order_base_2(npages), order_base_2(request->align));

	if (order > MAX_PAGE_ORDER || contig_should_fail(CONTIG_FAULT_SPLIT))
		return -ENOMEM;
	split->report->windows++;
	/* What is too much of a block goes back. */
	return contig_pages_take(request->node, split->gfp,
				 &split->buffer->extents, order, npages);
}

/* A piece of @npages, or of half as many, and so on down to @least. */
static int contig_split_blocks(struct contig_split *split, unsigned long npages,
			       unsigned long least)
{
	unsigned long n = min(npages, CONTIG_MAX_ORDER_PAGES);
	int ret;

	for (;;) {
		ret = contig_split_block(split, n);
		if (!ret)
			return 0;
		/* Powers of two from here on: they waste nothing. */
		n = n > 1 ? rounddown_pow_of_two(n - 1) : 0;
		if (n < least || !n)
			break;
	}
	split->report->blocked = CONTIG_BLOCKED_EXHAUSTED;
	return ret;
}

/* A piece by emptying a window, of @npages or less, but not below @least. */
static int contig_split_window(struct contig_split *split, unsigned long npages,
			       unsigned long least, bool last)
{
	unsigned long n = npages, pfn;
	int ret;

	if (contig_should_fail(CONTIG_FAULT_SPLIT)) {
		split->report->blocked = CONTIG_BLOCKED_EXHAUSTED;
		return -ENOMEM;
	}
	for (;;) {
		ret = contig_range_take(split->request, n, last && n == npages,
					split->report, &pfn);
		if (!ret)
			break;
		if (ret != -EBUSY && ret != -ENOMEM)
			return ret;
		n /= 2;
		if (n < least || !n)
			return ret;
	}
	split->limit = n;
	ret = contig_extents_append(&split->buffer->extents, pfn, n);
	if (ret)
		contig_pages_put(pfn, n);
	return ret;
}

static int contig_split_piece(struct contig_split *split)
{
	const struct contig_request *request = split->request;
	unsigned long rest = request->npages - split->buffer->extents.npages;
	unsigned long least = min(max(request->min_segment, 1UL), rest);
	unsigned long npages = contig_split_clip(request, rest), floor;
	int ret;

	if (split->reachable && npages <= CONTIG_MAX_ORDER_PAGES &&
	    !contig_split_block(split, npages))
		return 0;
	if (split->windows) {
		/*
		 * Longer than a segment may be, which is cut by the device: what
		 * is left of a pageblock that a part was taken from cannot be
		 * had any more.
		 */
		npages = min(rest, split->limit);
		/* A pageblock that can be emptied holds every smaller window. */
		floor = split->reachable ?
			min(npages, (unsigned long)pageblock_nr_pages) : 1;
		ret = contig_split_window(split, npages, max(floor, least),
					  npages == rest);
		if (!ret || ret == -ETIME || ret == -EINTR || !split->reachable)
			return ret;
		split->windows = false;
	}
	npages = contig_split_clip(request, npages);
	return split->reachable ? contig_split_blocks(split, npages, least) :
				  -ENOMEM;
}

static int contig_split_alloc(const struct contig_request *request,
			      struct contig_buffer *buffer,
			      struct contig_report *report)
{
	struct contig_split split = {
		.request = request,
		.buffer = buffer,
		.report = report,
		.limit = request->npages,
		.windows = contig_range_present(),
	};
	int ret;

	split.reachable = contig_pages_gfp(request, &split.gfp);
	do {
		ret = contig_rung_expired(request, report);
		if (!ret && buffer->extents.nr > request->max_segments) {
			report->blocked = CONTIG_BLOCKED_SEGMENTS;
			ret = -ENOMEM;
		}
		if (!ret)
			ret = contig_split_piece(&split);
		cond_resched();
	} while (!ret && buffer->extents.npages < request->npages);

	if (!ret && !contig_extents_fit(request, &buffer->extents)) {
		report->blocked = CONTIG_BLOCKED_SEGMENTS;
		ret = -ENOMEM;
	}
	if (ret)
		contig_pages_put_extents(&buffer->extents);
	return ret;
}

static void contig_split_free(struct contig_buffer *buffer)
{
	contig_pages_put_extents(&buffer->extents);
}

static bool contig_split_present(const struct contig_request *unused)
{
	return !contig_memory_encrypted();
}

static unsigned long contig_split_largest(const struct contig_request *request,
					  const struct contig_survey *survey)
{
	unsigned long most;

	if (request->max_segments == UINT_MAX)
		return survey->free;
	if (check_mul_overflow(survey->largest,
			       (unsigned long)request->max_segments, &most))
		return survey->free;
	return min(most, survey->free);
}

const struct contig_rung_ops contig_split_ops = {
	.name = "split",
	.mapping = CONTIG_MAPPING_STRUCT_PAGE,
	.present = contig_split_present,
	.alloc = contig_split_alloc,
	.free = contig_split_free,
	.largest = contig_split_largest,
};

// SPDX-License-Identifier: GPL-2.0-only
/*
 * The split rung: as few and large extents as can be found
 *
 * A piece that fits into one block of the page allocator is taken from that,
 * which is quick. Else a window is emptied, as the range rung does, as long as
 * windows can be found; each is as long as the last one that was taken, or
 * shorter. The rest comes from the page allocator in blocks of decreasing size.
 */
#include <linux/kernel.h>
#include <linux/log2.h>
#include <linux/mm.h>
#include <linux/mmzone.h>
#include <linux/pageblock-flags.h>

#include "buffer.h"
#include "constraints.h"
#include "extents.h"
#include "fault.h"
#include "huge.h"
#include "pages.h"
#include "range.h"
#include "request.h"
#include "room.h"
#include "rung.h"
#include "survey.h"

#define CONTIG_MAX_ORDER_PAGES BIT(MAX_PAGE_ORDER)

/* Return @npages, limited to the length of a segment. */
static unsigned long contig_split_clip(const struct contig_request *request,
				       unsigned long npages)
{
	return min(npages, contig_segment_limit(request));
}

/**
 * struct contig_split - state of an allocation
 * @request: the request
 * @buffer: receives the extents
 * @report: counts attempts and receives the obstacle
 * @limit: no window longer than this can be found
 * @reachable: the page allocator can meet the address limits with @gfp
 * @gfp: see contig_pages_gfp()
 * @windows: more windows may be found
 * @search: search for windows, NULL before the first one
 */
struct contig_split {
	const struct contig_request *request;
	struct contig_buffer *buffer;
	struct contig_report *report;
	unsigned long limit;
	bool reachable;
	gfp_t gfp;
	bool windows;
	struct contig_search *search;
};

/* Take a piece of @npages from the page allocator. */
static int contig_split_block(struct contig_split *split, unsigned long npages)
{
	const struct contig_request *request = split->request;
	int order = max(order_base_2(npages), order_base_2(request->align));

	/* Blocks of other sizes are not huge pages. */
	if (request->huge && npages > CONTIG_HUGE_PAGES)
		return -ENOMEM;
	if (order > MAX_PAGE_ORDER || contig_should_fail(CONTIG_FAULT_SPLIT))
		return -ENOMEM;
	split->report->windows++;
	/* Pages of the block beyond @npages go back. */
	return contig_pages_take(request, split->gfp,
				 &split->buffer->extents, order, npages);
}

/* Take a piece of @npages, or of smaller powers of two down to @least. */
static int contig_split_blocks(struct contig_split *split, unsigned long npages,
			       unsigned long least)
{
	unsigned long n = min(npages, CONTIG_MAX_ORDER_PAGES);
	int ret;

	for (;;) {
		ret = contig_split_block(split, n);
		if (!ret)
			return 0;
		/* A power of two fills a block of the page allocator. */
		n = n > 1 ? rounddown_pow_of_two(n - 1) : 0;
		if (n < least || !n)
			break;
	}
	split->report->blocked = CONTIG_BLOCKED_EXHAUSTED;
	return ret;
}

/* Empty a window of @npages, or of half as many and so on down to @least. */
static int contig_split_window(struct contig_split *split, unsigned long npages,
			       unsigned long least, bool last)
{
	unsigned long n = npages, pfn;
	int ret;

	if (contig_should_fail(CONTIG_FAULT_SPLIT)) {
		split->report->blocked = CONTIG_BLOCKED_EXHAUSTED;
		return -ENOMEM;
	}
	if (!split->search)
		split->search = contig_search_begin(split->request, true);
	if (!split->search) {
		split->report->blocked = CONTIG_BLOCKED_NO_ROOM;
		return -ENOMEM;
	}
	for (;;) {
		ret = contig_search_take(split->search, n, last && n == npages,
					 split->report, &pfn);
		if (!ret)
			break;
		if (ret != -EBUSY && ret != -ENOMEM)
			return ret;
		/* Skip lengths that the last survey rules out. */
		do {
			n /= 2;
		} while (n > contig_search_longest(split->search));
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

	ret = contig_rung_expired(request, split->report);
	if (ret)
		return ret;
	if (split->buffer->extents.nr > request->max_segments) {
		split->report->blocked = CONTIG_BLOCKED_SEGMENTS;
		return -ENOMEM;
	}
	if (split->reachable && npages <= CONTIG_MAX_ORDER_PAGES &&
	    !contig_split_block(split, npages))
		return 0;
	if (split->windows) {
		/*
		 * The window may be longer than a segment, and is cut into
		 * segments later: the rest of a pageblock from which a part was
		 * taken cannot be isolated any more.
		 */
		npages = min(rest, split->limit);
		/* A pageblock that can be emptied has all smaller windows. */
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

static int contig_split_try(const struct contig_request *request,
			    struct contig_buffer *buffer,
			    struct contig_report *report)
{
	struct contig_split split = {
		.request = request,
		.buffer = buffer,
		.report = report,
		.limit = request->npages,
		.windows = contig_range_present() && !request->no_wait,
	};
	int ret;

	split.reachable = contig_pages_gfp(request, &split.gfp);
	do {
		ret = contig_split_piece(&split);
		cond_resched();
	} while (!ret && buffer->extents.npages < request->npages);

	contig_search_end(split.search);
	if (!ret && !contig_extents_fit(request, &buffer->extents)) {
		report->blocked = CONTIG_BLOCKED_SEGMENTS;
		ret = -ENOMEM;
	}
	/* Windows would give more, and reclaim smaller blocks. */
	if (ret == -ENOMEM && request->no_wait &&
	    (contig_range_present() ||
	     report->blocked != CONTIG_BLOCKED_SEGMENTS))
		report->blocked = CONTIG_BLOCKED_WAIT;
	if (ret)
		contig_pages_put_extents(&buffer->extents);
	return ret;
}

/* Of huge pages if possible: where segments must be longer, it is not. */
static int contig_split_alloc(const struct contig_request *request,
			      struct contig_buffer *buffer,
			      struct contig_report *report)
{
	struct contig_request plain = *request;
	int ret = contig_split_try(request, buffer, report);

	if (ret != -ENOMEM || !request->huge)
		return ret;
	plain.huge = false;
	return contig_split_try(&plain, buffer, report);
}

static unsigned long contig_split_largest(const struct contig_request *request,
					  const struct contig_survey *survey)
{
	unsigned long most, all = contig_room_extents(request, survey);

	if (request->max_segments == UINT_MAX)
		return all;
	if (check_mul_overflow(survey->largest,
			       (unsigned long)request->max_segments, &most))
		return all;
	return min(most, all);
}

static bool contig_split_at_least(const struct contig_request *request,
				  const struct contig_survey *survey)
{
	return contig_room_may_grow(request, survey);
}

const struct contig_rung_ops contig_split_ops = {
	.mapping = CONTIG_MAPPING_STRUCT_PAGE,
	.present = contig_rung_takes_pages,
	.alloc = contig_split_alloc,
	.free = contig_rung_put_pages,
	.largest = contig_split_largest,
	.lower_bound = contig_split_at_least,
};

// SPDX-License-Identifier: GPL-2.0-only
/*
 * The split rung: the fewest, largest extents that can be found
 *
 * Large pieces are windows emptied like the range rung does; below the largest
 * order of the page allocator, that is asked, being much quicker. Each piece is
 * as long as the last one that could be had, or shorter.
 */
#include <linux/kernel.h>
#include <linux/log2.h>
#include <linux/mm.h>
#include <linux/mmzone.h>
#include <linux/slab.h>

#include "buffer.h"
#include "extents.h"
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

/* A piece from the page allocator, of @npages or less. */
static int contig_split_block(const struct contig_request *request,
			      gfp_t gfp, struct contig_buffer *buffer,
			      unsigned long npages, unsigned long least,
			      struct contig_report *report)
{
	unsigned long most = contig_split_clip(request, npages), n;
	int order = min(order_base_2(most), MAX_PAGE_ORDER);
	int align = ilog2(request->align);
	int ret = -ENOMEM;

	/* What is too much of a block goes back. */
	for (; ret && order >= 0; order--) {
		n = min(most, 1UL << order);
		if (n < least || max(order, align) > MAX_PAGE_ORDER)
			break;
		report->windows++;
		ret = contig_pages_take(request->node, gfp, &buffer->extents,
					max(order, align), n);
	}
	if (ret)
		report->blocked = CONTIG_BLOCKED_EXHAUSTED;
	return ret;
}

/* A piece by emptying a window, of @npages or less; *npages says how many. */
static int contig_split_window(const struct contig_request *request,
			       struct contig_buffer *buffer,
			       unsigned long *npages, unsigned long least,
			       bool last, struct contig_report *report)
{
	unsigned long n = contig_split_clip(request, *npages), pfn;
	int ret;

	for (;;) {
		bool final = last && n == *npages;

		ret = contig_range_take(request, n, final, report, &pfn);
		if (ret != -EBUSY && ret != -ENOMEM)
			break;
		n = n / 2;
		if (n < least || !n)
			return ret;
	}
	if (ret)
		return ret;
	ret = contig_extents_append(&buffer->extents, pfn, n);
	if (ret)
		contig_pages_put(pfn, n);
	*npages = n;
	return ret;
}

static int contig_split_piece(const struct contig_request *request,
			      struct contig_buffer *buffer,
			      unsigned long *limit,
			      struct contig_report *report)
{
	unsigned long rest = request->npages - buffer->extents.npages;
	unsigned long least = min(max(request->min_segment, 1UL), rest);
	unsigned long npages = min(rest, *limit);
	bool reachable;
	gfp_t gfp;
	int ret;

	reachable = contig_pages_gfp(request, &gfp);

	if (contig_range_present() &&
	    (npages > CONTIG_MAX_ORDER_PAGES || !reachable)) {
		unsigned long floor = reachable ? CONTIG_MAX_ORDER_PAGES + 1 :
						  least;

		ret = contig_split_window(request, buffer, &npages,
					  max(floor, least), npages == rest,
					  report);
		if (!ret) {
			*limit = npages;
			return 0;
		}
		if (ret == -ETIME || ret == -EINTR || !reachable)
			return ret;
		npages = min(rest, CONTIG_MAX_ORDER_PAGES);
		*limit = npages;
	}
	if (!reachable)
		return -ENOMEM;
	return contig_split_block(request, gfp, buffer, npages, least, report);
}

static int contig_split_alloc(const struct contig_request *request,
			      struct contig_buffer *buffer,
			      struct contig_report *report)
{
	unsigned long limit = request->npages;
	int ret;

	do {
		ret = contig_request_expired(request);
		if (ret)
			report->blocked = ret == -ETIME ?
					  CONTIG_BLOCKED_TIME :
					  CONTIG_BLOCKED_SIGNAL;
		if (!ret && buffer->extents.nr > request->max_segments) {
			report->blocked = CONTIG_BLOCKED_SEGMENTS;
			ret = -ENOMEM;
		}
		if (!ret)
			ret = contig_split_piece(request, buffer, &limit,
						 report);
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

static bool contig_split_present(void)
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

// SPDX-License-Identifier: GPL-2.0-only
/*
 * The scatter rung: single pages
 */
#include <linux/log2.h>
#include <linux/mm.h>
#include <linux/mmzone.h>
#include <linux/sched.h>

#include "buffer.h"
#include "constraints.h"
#include "extents.h"
#include "fault.h"
#include "pages.h"
#include "range.h"
#include "request.h"
#include "room.h"
#include "rung.h"
#include "survey.h"

/*
 * Take pages by emptying a window, where GFP flags cannot express the address
 * limits. The windows are as large as possible, since a pageblock from which a
 * page was taken cannot be isolated again. No window of more than @most pages
 * can be found.
 */
static int contig_scatter_window(const struct contig_request *request,
				 struct contig_search *search,
				 struct contig_buffer *buffer,
				 unsigned long *most,
				 struct contig_report *report)
{
	unsigned long rest = request->npages - buffer->extents.npages;
	unsigned long n = min(rest, *most), pfn;
	int ret;

	if (!search) {
		report->blocked = CONTIG_BLOCKED_NO_ROOM;
		return -ENOMEM;
	}
	do {
		ret = contig_search_take(search, n, n == rest, report, &pfn);
		if (!ret) {
			*most = n;
			ret = contig_extents_append(&buffer->extents, pfn, n);
			if (ret)
				contig_pages_put(pfn, n);
			return ret;
		}
		do {
			n /= 2;
		} while (n > contig_search_longest(search));
	} while (n && (ret == -EBUSY || ret == -ENOMEM));
	return ret;
}

static int contig_scatter_page(const struct contig_request *request,
			       gfp_t gfp, struct contig_buffer *buffer,
			       struct contig_report *report)
{
	int order = ilog2(request->align), ret = -ENOMEM;

	if (order <= MAX_PAGE_ORDER && !contig_should_fail(CONTIG_FAULT_SCATTER))
		ret = contig_pages_take(request, gfp, &buffer->extents,
					order, 1);
	if (ret)
		report->blocked = request->no_wait ? CONTIG_BLOCKED_WAIT :
						     CONTIG_BLOCKED_EXHAUSTED;
	return ret;
}

static int contig_scatter_alloc(const struct contig_request *request,
				struct contig_buffer *buffer,
				struct contig_report *report)
{
	unsigned long most = request->npages;
	struct contig_search *search = NULL;
	bool reachable;
	int ret = 0;
	gfp_t gfp;

	reachable = contig_pages_gfp(request, &gfp);
	if (!reachable && (request->no_wait || !contig_range_present())) {
		report->blocked = contig_range_present() ?
				  CONTIG_BLOCKED_WAIT :
				  CONTIG_BLOCKED_CONSTRAINTS;
		return -ENOMEM;
	}
	if (!reachable)
		search = contig_search_begin(request, true);
	while (!ret && buffer->extents.npages < request->npages) {
		ret = contig_rung_expired(request, report);
		if (ret)
			break;
		if (reachable)
			ret = contig_scatter_page(request, gfp, buffer,
						  report);
		else
			ret = contig_scatter_window(request, search, buffer,
						    &most, report);
		cond_resched();
	}
	contig_search_end(search);
	if (!ret && !contig_extents_fit(request, &buffer->extents)) {
		report->blocked = CONTIG_BLOCKED_SEGMENTS;
		ret = -ENOMEM;
	}
	if (ret)
		contig_pages_put_extents(&buffer->extents);
	return ret;
}

static unsigned long contig_scatter_largest(const struct contig_request *request,
					    const struct contig_survey *survey)
{
	unsigned long all = contig_room_extents(request, survey);

	if (request->min_segment > 1 || request->max_segments < all)
		return min_t(unsigned long, request->max_segments, all);
	return all;
}

static bool contig_scatter_at_least(const struct contig_request *request,
				    const struct contig_survey *survey)
{
	return contig_room_may_grow(request, survey);
}

const struct contig_rung_ops contig_scatter_ops = {
	.mapping = CONTIG_MAPPING_STRUCT_PAGE,
	.present = contig_rung_takes_pages,
	.alloc = contig_scatter_alloc,
	.free = contig_rung_put_pages,
	.largest = contig_scatter_largest,
	.lower_bound = contig_scatter_at_least,
};

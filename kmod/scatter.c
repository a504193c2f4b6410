// SPDX-License-Identifier: GPL-2.0-only
/*
 * The scatter rung: single pages
 */
#include <linux/log2.h>
#include <linux/mm.h>
#include <linux/mmzone.h>
#include <linux/sched.h>

#include "buffer.h"
#include "extents.h"
#include "fault.h"
#include "pages.h"
#include "request.h"
#include "rung.h"
#include "window.h"

/*
 * The page allocator knows zones, not address windows. For a window that no
 * zone stands for, pages come from emptied windows of memory, the largest that
 * can be had: a pageblock that a page was taken from yields no other. No window
 * of more than @most pages can be found.
 */
static int contig_scatter_window(const struct contig_request *request,
				 struct contig_buffer *buffer,
				 unsigned long *most,
				 struct contig_report *report)
{
	unsigned long rest = request->npages - buffer->extents.npages;
	unsigned long n = min(rest, *most), pfn;
	int ret;

	do {
		ret = contig_range_take(request, n, n == rest, report, &pfn);
		if (!ret) {
			*most = n;
			ret = contig_extents_append(&buffer->extents, pfn, n);
			if (ret)
				contig_pages_put(pfn, n);
			return ret;
		}
		n /= 2;
	} while (n && (ret == -EBUSY || ret == -ENOMEM));
	return ret;
}

static int contig_scatter_page(const struct contig_request *request,
			       gfp_t gfp, struct contig_buffer *buffer,
			       struct contig_report *report)
{
	int order = ilog2(request->align), ret = -ENOMEM;

	if (order <= MAX_PAGE_ORDER && !contig_should_fail(CONTIG_FAULT_SCATTER))
		ret = contig_pages_take(request->node, gfp, &buffer->extents,
					order, 1);
	if (ret)
		report->blocked = CONTIG_BLOCKED_EXHAUSTED;
	return ret;
}

static int contig_scatter_alloc(const struct contig_request *request,
				struct contig_buffer *buffer,
				struct contig_report *report)
{
	unsigned long most = request->npages;
	bool reachable;
	int ret = 0;
	gfp_t gfp;

	reachable = contig_pages_gfp(request, &gfp);
	while (!ret && buffer->extents.npages < request->npages) {
		ret = contig_rung_expired(request, report);
		if (ret)
			break;
		if (reachable)
			ret = contig_scatter_page(request, gfp, buffer,
						  report);
		else
			ret = contig_scatter_window(request, buffer, &most,
						    report);
		cond_resched();
	}
	if (!ret && !contig_extents_fit(request, &buffer->extents)) {
		report->blocked = CONTIG_BLOCKED_SEGMENTS;
		ret = -ENOMEM;
	}
	if (ret)
		contig_pages_put_extents(&buffer->extents);
	return ret;
}

static void contig_scatter_free(struct contig_buffer *buffer)
{
	contig_pages_put_extents(&buffer->extents);
}

static bool contig_scatter_present(const struct contig_request *unused)
{
	return !contig_memory_encrypted();
}

static unsigned long contig_scatter_largest(const struct contig_request *request,
					    const struct contig_survey *survey)
{
	if (request->min_segment > 1 || request->max_segments < survey->free)
		return min_t(unsigned long, request->max_segments,
			     survey->free);
	return survey->free;
}

const struct contig_rung_ops contig_scatter_ops = {
	.name = "scatter",
	.mapping = CONTIG_MAPPING_STRUCT_PAGE,
	.present = contig_scatter_present,
	.alloc = contig_scatter_alloc,
	.free = contig_scatter_free,
	.largest = contig_scatter_largest,
};

// SPDX-License-Identifier: GPL-2.0-only
/*
 * Check page frames against the constraints of a request
 *
 * Adjacent memory is one extent, whatever rung allocated it. A device that
 * cannot take an extent as one descriptor cuts it: after @max_segment pages,
 * and at every multiple of @boundary. The limits apply to the segments between
 * the cuts.
 */
#include <linux/kernel.h>
#include <linux/math.h>
#include <linux/minmax.h>
#include <linux/mm.h>

#include "constraints.h"
#include "extents.h"
#include "request.h"

/**
 * contig_segment_limit() - the longest segment that can meet the constraints
 * @request: the request
 *
 * The segment after a cut must be aligned too, so the limit is a multiple of
 * the alignment if possible.
 *
 * Return: pages, at least 1; ULONG_MAX or a little less for no limit.
 */
unsigned long contig_segment_limit(const struct contig_request *request)
{
	unsigned long limit = request->max_segment;

	if (request->boundary)
		limit = min(limit, request->boundary);
	if (limit > request->align)
		limit = rounddown(limit, request->align);
	return limit;
}

/*
 * Cut adjacent page frames that cross no boundary into segments. Return the
 * number of segments, or 0 if one of them breaks a limit.
 */
static unsigned long contig_extent_segments(const struct contig_request *rq,
					    unsigned long pfn,
					    unsigned long npages, bool final)
{
	unsigned long limit = min(contig_segment_limit(rq), npages);
	unsigned long n = DIV_ROUND_UP(npages, limit);
	unsigned long rest = npages - (n - 1) * limit;

	if (!IS_ALIGNED(pfn, rq->align))
		return 0;
	if (n > 1 && !IS_ALIGNED(limit, rq->align))
		return 0;
	if (rest < rq->min_segment && !final)
		return 0;
	return n;
}

/**
 * contig_window_fits() - check adjacent page frames against the constraints
 * @rq: the request
 * @pfn: first page frame
 * @npages: number of page frames, not 0
 * @final: no page frames follow, so the last segment may be short
 * @segments: incremented by the number of segments
 *
 * The caller compares the number of segments with its limit.
 *
 * Return: true if every segment meets the limits on one segment.
 */
bool contig_window_fits(const struct contig_request *rq, unsigned long pfn,
			unsigned long npages, bool final,
			unsigned int *segments)
{
	unsigned long last = pfn + npages - 1;
	unsigned long head, whole, tail, n;
	u64 total = *segments;

	if (pfn < rq->lowest || last > rq->highest)
		return false;

	if (!rq->boundary ||
	    round_down(pfn, rq->boundary) == round_down(last, rq->boundary)) {
		n = contig_extent_segments(rq, pfn, npages, final);
		total += n;
		goto out;
	}

	head = round_up(pfn, rq->boundary) - pfn;
	tail = (last + 1) & (rq->boundary - 1);
	whole = npages - head - tail;
	if (head) {
		n = contig_extent_segments(rq, pfn, head, false);
		if (!n)
			return false;
		total += n;
	}
	if (whole) {
		/*
		 * Check one interval between boundaries, since all are alike.
		 * If boundaries are closer than the alignment, the second
		 * interval is misaligned. @final applies only to a single
		 * interval.
		 */
		if (whole > rq->boundary && rq->boundary < rq->align)
			return false;
		n = contig_extent_segments(rq, pfn + head, rq->boundary,
					   final && whole == rq->boundary &&
					   !tail);
		if (!n)
			return false;
		total += (u64)n * (whole / rq->boundary);
	}
	if (tail) {
		n = contig_extent_segments(rq, last + 1 - tail, tail, final);
		total += n;
	}
out:
	*segments = min_t(u64, total, UINT_MAX);
	return n;
}

/* Return true if a page frame lies on a node that the request allows. */
static bool contig_frame_allowed(const struct contig_request *rq,
				 unsigned long pfn)
{
	return contig_request_node_allowed(rq, page_to_nid(pfn_to_page(pfn)));
}

/**
 * contig_extents_fit() - check the memory that a rung allocated
 * @rq: the request
 * @extents: the memory
 *
 * Called on the result of every rung, even one that observes the constraints: a
 * device would write to wrong memory if one were broken.
 *
 * Return: true if the memory meets the constraints.
 */
bool contig_extents_fit(const struct contig_request *rq,
			const struct contig_extents *extents)
{
	unsigned int segments = 0, i;

	if (extents->npages != rq->npages)
		return false;
	for (i = 0; i < extents->nr; i++) {
		unsigned long pfn = extents->entries[i].pfn;
		unsigned long npages = contig_extents_entry_len(extents, i);

		if (!contig_window_fits(rq, pfn, npages, i + 1 == extents->nr,
					&segments))
			return false;
		if (!contig_frame_allowed(rq, pfn) ||
		    !contig_frame_allowed(rq, pfn + npages - 1))
			return false;
	}
	return segments <= rq->max_segments;
}

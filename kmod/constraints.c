// SPDX-License-Identifier: GPL-2.0-only
/*
 * Do these page frames meet the constraints?
 *
 * Adjacent memory is one extent, however it was obtained. A device that cannot
 * take it as one descriptor cuts it: after @max_segment pages, and at every
 * multiple of @boundary. The limits apply to the segments between the cuts.
 */
#include <linux/kernel.h>
#include <linux/math.h>
#include <linux/minmax.h>
#include <linux/mm.h>

#include "extents.h"
#include "request.h"

/**
 * contig_segment_limit() - the longest segment that can meet the constraints
 * @request: what was asked for
 *
 * Where an extent is cut, the next segment has to be aligned too: so the limit
 * is a multiple of the alignment, where it can be.
 *
 * Return: pages, at least 1, ULONG_MAX or a little less for no limit.
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
 * Cut a stretch that crosses no boundary. Return how many segments it makes, 0
 * if one of them breaks a limit.
 */
static unsigned long contig_stretch_segments(const struct contig_request *rq,
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
 * contig_window_fits() - do adjacent page frames meet the constraints?
 * @rq: what was asked for
 * @pfn: first page frame
 * @npages: how many, not 0
 * @final: nothing comes after them, so the last segment may be short
 * @segments: what they add to the number of segments is added here
 *
 * The number of segments is for the caller to compare with the limit.
 *
 * Return: whether every segment meets the limits on one segment.
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
		n = contig_stretch_segments(rq, pfn, npages, final);
		total += n;
		goto out;
	}

	head = round_up(pfn, rq->boundary) - pfn;
	tail = (last + 1) & (rq->boundary - 1);
	whole = npages - head - tail;
	if (head) {
		n = contig_stretch_segments(rq, pfn, head, false);
		if (!n)
			return false;
		total += n;
	}
	if (whole) {
		/*
		 * All stretches between two boundaries are alike, unless
		 * boundaries are closer than what segments are aligned to: then
		 * the second one is not aligned. If there is more than one, not
		 * all of them are the last.
		 */
		if (whole > rq->boundary && rq->boundary < rq->align)
			return false;
		n = contig_stretch_segments(rq, pfn + head, rq->boundary,
					    final && whole == rq->boundary &&
					    !tail);
		if (!n)
			return false;
		total += (u64)n * (whole / rq->boundary);
	}
	if (tail) {
		n = contig_stretch_segments(rq, last + 1 - tail, tail, final);
		total += n;
	}
out:
	*segments = min_t(u64, total, UINT_MAX);
	return n;
}

/**
 * contig_extents_fit() - does what a rung got meet the constraints?
 * @rq: what was asked for
 * @extents: what there is
 *
 * Called on every result, whatever the rung took care of, because a result that
 * breaks a constraint makes a device write where it must not.
 *
 * Return: whether it does.
 */
bool contig_extents_fit(const struct contig_request *rq,
			const struct contig_extents *extents)
{
	unsigned int segments = 0, i;

	if (extents->npages != rq->npages)
		return false;
	for (i = 0; i < extents->nr; i++) {
		unsigned long pfn = extents->pieces[i].pfn;
		unsigned long npages = contig_piece_len(extents, i);

		if (!contig_window_fits(rq, pfn, npages, i + 1 == extents->nr,
					&segments))
			return false;
		if (rq->node_strict &&
		    (page_to_nid(pfn_to_page(pfn)) != rq->node ||
		     page_to_nid(pfn_to_page(pfn + npages - 1)) != rq->node))
			return false;
	}
	return segments <= rq->max_segments;
}

// SPDX-License-Identifier: GPL-2.0-only
/*
 * A window that slides over page frames, and the best places it was at
 *
 * window.c tells what each page frame holds; here is the arithmetic, which
 * looks at no memory.
 */
#include <linux/bitmap.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/overflow.h>
#include <linux/pageblock-flags.h>
#include <linux/pfn.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "request.h"
#include "slide.h"
#include "window.h"

/* Page frames that a window passes in one go, at most. */
#define CONTIG_SCAN_STRIDE BIT(20)

/**
 * contig_scan_init() - prepare to slide a window
 * @scan: to be filled
 * @request: the constraints
 * @npages: length of the window, not 0
 * @survey: receives what is found; emptied
 *
 * Return: 0 or -ENOMEM. contig_scan_free() afterwards.
 */
int contig_scan_init(struct contig_scan *scan,
		     const struct contig_request *request, unsigned long npages,
		     struct contig_survey *survey)
{
	memset(survey, 0, sizeof(*survey));
	*scan = (struct contig_scan){
		.request = request,
		.npages = npages,
		.survey = survey,
	};
	scan->moves = kvcalloc(BITS_TO_LONGS(npages), sizeof(long),
			       GFP_KERNEL_ACCOUNT);
	return scan->moves ? 0 : -ENOMEM;
}

void contig_scan_free(struct contig_scan *scan)
{
	kvfree(scan->moves);
}

/* Nothing before @pfn is part of a window. */
void contig_scan_begin(struct contig_scan *scan, unsigned long pfn)
{
	scan->first = pfn;
	scan->cost = 0;
}

static void contig_avoid_squeeze(struct contig_avoid *avoid)
{
	unsigned int i, best = 0;
	unsigned long gap, least = ULONG_MAX;

	/* Give up the smallest gap: that loses the fewest windows. */
	for (i = 0; i + 1 < avoid->nr; i++) {
		gap = avoid->spans[i + 1].first - avoid->spans[i].last;
		if (gap < least) {
			least = gap;
			best = i;
		}
	}
	avoid->spans[best].last = avoid->spans[best + 1].last;
	memmove(&avoid->spans[best + 1], &avoid->spans[best + 2],
		(avoid->nr - best - 2) * sizeof(avoid->spans[0]));
	avoid->nr--;
}

/* Make @first to @last part of the spans that it touches, if there is one. */
static bool contig_avoid_merge(struct contig_avoid *avoid, unsigned long first,
			       unsigned long last)
{
	unsigned int i, end;

	for (i = 0; i < avoid->nr; i++)
		if (avoid->spans[i].last + 1 >= first)
			break;
	for (end = i; end < avoid->nr; end++)
		if (avoid->spans[end].first > last + 1)
			break;
	if (i == end)
		return false;
	avoid->spans[i].first = min(avoid->spans[i].first, first);
	avoid->spans[i].last = max(avoid->spans[end - 1].last, last);
	memmove(&avoid->spans[i + 1], &avoid->spans[end],
		(avoid->nr - end) * sizeof(avoid->spans[0]));
	avoid->nr -= end - i - 1;
	return true;
}

/* Remember that the page frames from @first to @last do not move. */
void contig_avoid_add(struct contig_avoid *avoid, unsigned long first,
		      unsigned long last)
{
	unsigned int i;

	if (contig_avoid_merge(avoid, first, last))
		return;
	if (avoid->nr == CONTIG_AVOID) {
		contig_avoid_squeeze(avoid);
		if (contig_avoid_merge(avoid, first, last))
			return;
	}
	for (i = avoid->nr; i && avoid->spans[i - 1].first > first; i--)
		avoid->spans[i] = avoid->spans[i - 1];
	avoid->spans[i].first = first;
	avoid->spans[i].last = last;
	avoid->nr++;
}

/* Put a window among the best, unless a better one overlaps it. */
static void contig_survey_offer(struct contig_survey *survey,
				unsigned long npages, unsigned long pfn,
				unsigned long cost)
{
	struct contig_window *w = survey->windows;
	unsigned int i;

	for (i = 0; i < survey->nr; i++) {
		unsigned long a = min(w[i].pfn, pfn), b = max(w[i].pfn, pfn);

		if (b - a > npages / 2)
			continue;
		if (w[i].cost <= cost)
			return;
		memmove(&w[i], &w[i + 1], (survey->nr - i - 1) * sizeof(*w));
		survey->nr--;
		i--;
	}
	for (i = 0; i < survey->nr; i++)
		if (w[i].cost > cost)
			break;
	if (i == CONTIG_WINDOWS)
		return;
	if (survey->nr < CONTIG_WINDOWS)
		survey->nr++;
	memmove(&w[i + 1], &w[i], (survey->nr - i - 1) * sizeof(*w));
	w[i].pfn = pfn;
	w[i].cost = cost;
}

/* How many pageblocks more than needed would be isolated for a window? */
static unsigned long contig_blocks_cut(unsigned long pfn, unsigned long end)
{
	unsigned long touched = pageblock_align(end) - pageblock_start_pfn(pfn);

	return touched / pageblock_nr_pages -
	       DIV_ROUND_UP(end - pfn, pageblock_nr_pages);
}

/* The window ends before page frame @end: is it one of the best? */
static void contig_scan_offer(struct contig_scan *scan, unsigned long end)
{
	struct contig_survey *survey = scan->survey;
	unsigned long pfn = end - scan->npages;
	unsigned long cost = scan->cost * 4;
	unsigned int segments = 0;

	if (!IS_ALIGNED(pfn, scan->request->align))
		return;
	cost += contig_blocks_cut(pfn, end);
	if (survey->nr == CONTIG_WINDOWS &&
	    survey->windows[CONTIG_WINDOWS - 1].cost <= cost)
		return;
	if (contig_window_fits(scan->request, pfn, scan->npages, scan->final,
			       &segments) &&
	    segments <= scan->request->max_segments)
		contig_survey_offer(survey, scan->npages, pfn, cost);
}

/* How far from @pfn on until the window ends where it could be one of the best? */
static unsigned long contig_scan_step(const struct contig_scan *scan,
				      unsigned long pfn)
{
	const struct contig_survey *survey = scan->survey;
	unsigned long end = max(pfn + 1, scan->first + scan->npages);

	if (survey->nr == CONTIG_WINDOWS &&
	    !survey->windows[CONTIG_WINDOWS - 1].cost)
		return ULONG_MAX;
	return ALIGN(end - scan->npages, scan->request->align) + scan->npages -
	       pfn;
}

/* Pass one frame on. Its slot still tells of the frame that drops out. */
static void contig_scan_pass(struct contig_scan *scan, unsigned long pfn,
			     bool move)
{
	if (pfn - scan->first >= scan->npages)
		scan->cost -= test_bit(scan->slot, scan->moves);
	__assign_bit(scan->slot, scan->moves, move);
	if (++scan->slot == scan->npages)
		scan->slot = 0;
	scan->cost += move;
}

/* The same for @npages frames from @pfn, none of which the window may end at. */
static void contig_scan_pass_run(struct contig_scan *scan, unsigned long pfn,
				 unsigned long npages, bool move)
{
	unsigned long full = scan->first + scan->npages;

	while (npages) {
		/* The functions for bitmaps take no unsigned long. */
		unsigned long n = min3(npages, scan->npages - scan->slot,
				       (unsigned long)CONTIG_SCAN_STRIDE);
		unsigned long *moves = scan->moves + BIT_WORD(scan->slot);
		unsigned int start = scan->slot % BITS_PER_LONG, drop;

		if (scan->cost && pfn + n > full) {
			drop = start + (full > pfn ? full - pfn : 0);
			scan->cost -= bitmap_weight(moves, start + n) -
				      bitmap_weight(moves, drop);
		}
		if (move) {
			bitmap_set(moves, start, n);
			scan->cost += n;
		} else {
			bitmap_clear(moves, start, n);
		}
		scan->slot += n;
		if (scan->slot == scan->npages)
			scan->slot = 0;
		pfn += n;
		npages -= n;
	}
}

/* Slide the window over @npages frames from @pfn, all of them free or not. */
void contig_scan_slide(struct contig_scan *scan, unsigned long pfn,
		       unsigned long npages, bool move)
{
	unsigned long end = pfn + npages, n = 1;

	for (; pfn < end; pfn += n) {
		if (npages > 1)
			n = min(end - pfn, contig_scan_step(scan, pfn));
		if (n == 1)
			contig_scan_pass(scan, pfn, move);
		else
			contig_scan_pass_run(scan, pfn, n, move);
		if (pfn + n - scan->first >= scan->npages)
			contig_scan_offer(scan, pfn + n);
	}
}

/* Nothing from @first on up to @end is in the way: what could be made of it? */
void contig_scan_close(struct contig_scan *scan, unsigned long end)
{
	const struct contig_request *request = scan->request;
	unsigned long first = ALIGN(scan->first, request->align);
	unsigned long n, most, cut;

	if (first >= end)
		return;
	n = end - first;
	if (request->max_segments == 1 && request->boundary) {
		/* One segment: whole between two boundaries, or at an end. */
		cut = round_up(first + 1, request->boundary);
		if (end > cut)
			n = max(cut - first, min(end - cut, request->boundary));
	}
	if (!check_mul_overflow(contig_segment_limit(request),
				(unsigned long)request->max_segments, &most))
		n = min(n, most);
	scan->survey->largest = max(scan->survey->largest, n);
}

void contig_scan_stop_at(struct contig_scan *scan, unsigned long pfn,
			 unsigned long next)
{
	contig_scan_close(scan, pfn);
	contig_scan_begin(scan, next);
}

/* Nothing better can follow, and nobody wants to know the rest. */
bool contig_scan_done(const struct contig_scan *scan)
{
	return !scan->complete && scan->survey->nr &&
	       !scan->survey->windows[0].cost;
}

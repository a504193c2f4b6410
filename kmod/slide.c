// SPDX-License-Identifier: GPL-2.0-only
/*
 * A window that slides over page frames, and its best positions
 *
 * survey.c classifies each page frame; this file does the arithmetic and looks
 * at no memory.
 */
#include <linux/bitmap.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/overflow.h>
#include <linux/pageblock-flags.h>
#include <linux/pfn.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "constraints.h"
#include "gfp.h"
#include "request.h"
#include "slide.h"
#include "survey.h"

/*
 * Pages to look at for each page that the best window would migrate. To migrate
 * one takes about a microsecond, to look at one some ten nanoseconds.
 */
#define CONTIG_LOOKS 64

/* Looks that a search may take for even the smallest window. */
#define CONTIG_LOOKS_LEAST 4096

/* Most page frames that a window passes in one go. */
#define CONTIG_SCAN_STRIDE BIT(20)

/**
 * contig_scan_init() - prepare to slide a window
 * @scan: to be filled
 * @request: the constraints
 * @npages: length of the window, not 0
 * @survey: receives the result; emptied
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
	scan->moves = kvcalloc(BITS_TO_LONGS(npages), sizeof(long), CONTIG_GFP);
	return scan->moves ? 0 : -ENOMEM;
}

void contig_scan_free(struct contig_scan *scan)
{
	kvfree(scan->moves);
}

/* Restart at @pfn: no window contains a page frame before it. */
void contig_scan_begin(struct contig_scan *scan, unsigned long pfn)
{
	scan->first = pfn;
	scan->cost = 0;
}

/* Add a window to the best ones, unless a better one overlaps it. */
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

/* Return how many pageblocks more than needed a window isolates. */
static unsigned long contig_blocks_cut(unsigned long pfn, unsigned long end)
{
	unsigned long touched = pageblock_align(end) - pageblock_start_pfn(pfn);

	return touched / pageblock_nr_pages -
	       DIV_ROUND_UP(end - pfn, pageblock_nr_pages);
}

/* Keep the window that ends before page frame @end if it is one of the best. */
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

/* Return how many frames to pass until the window may be one of the best. */
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

/* Advance by one frame; its slot still describes the one that leaves. */
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

/* Advance by @npages frames; no window may end before the last of them. */
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

/* Slide over @npages frames from @pfn: all are free or, if @move, none is. */
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

/**
 * contig_scan_longest() - find the longest window in an extent
 * @request: the constraints
 * @start: first page frame
 * @end: page frame behind the last one
 *
 * Return: length, in pages, of the longest window that meets the constraints.
 */
unsigned long contig_scan_longest(const struct contig_request *request,
				  unsigned long start, unsigned long end)
{
	unsigned long first = ALIGN(start, request->align);
	unsigned long n, most, cut;

	if (first >= end)
		return 0;
	n = end - first;
	if (request->max_segments == 1 && request->boundary) {
		/* One segment ends at the first boundary or begins there. */
		cut = round_up(first + 1, request->boundary);
		if (end > cut)
			n = max(cut - first, min(end - cut, request->boundary));
	}
	if (!check_mul_overflow(contig_segment_limit(request),
				(unsigned long)request->max_segments, &most))
		n = min(n, most);
	return n;
}

/* Update the longest window: all from scan->first up to @end can be emptied. */
void contig_scan_close(struct contig_scan *scan, unsigned long end)
{
	struct contig_survey *survey = scan->survey;

	survey->largest = max(survey->largest,
			      contig_scan_longest(scan->request, scan->first,
						  end));
}

void contig_scan_stop_at(struct contig_scan *scan, unsigned long pfn,
			 unsigned long next)
{
	contig_scan_close(scan, pfn);
	contig_scan_begin(scan, next);
}

/* Note that frames from @pfn to @next cannot be migrated even after a drain. */
void contig_scan_loose_end(struct contig_scan *scan, unsigned long pfn,
			   unsigned long next)
{
	struct contig_survey *survey = scan->survey;

	survey->largest_loose = max(survey->largest_loose,
				    contig_scan_longest(scan->request,
							scan->loose, pfn));
	scan->loose = next;
}

/* Return the cost of the last window that is wanted, ULONG_MAX without it. */
static unsigned long contig_scan_cost(const struct contig_scan *scan)
{
	const struct contig_survey *survey = scan->survey;
	unsigned int wanted = clamp(scan->wanted, 1U, CONTIG_WINDOWS + 0U);

	return survey->nr >= wanted ? survey->windows[wanted - 1].cost :
				      ULONG_MAX;
}

/* Return true if no better window can follow, and counts may be incomplete. */
bool contig_scan_done(const struct contig_scan *scan)
{
	return !scan->complete && !contig_scan_cost(scan);
}

/**
 * contig_scan_enough() - check whether to look further costs more than it saves
 * @scan: the window, which has passed some memory
 * @looked: looks at page frames so far
 *
 * Return: true if the windows found so far are good enough.
 */
bool contig_scan_enough(const struct contig_scan *scan, unsigned int looked)
{
	if (contig_scan_done(scan))
		return true;
	return !scan->complete && looked >= CONTIG_LOOKS_LEAST &&
	       contig_scan_cost(scan) / 4 <= looked / CONTIG_LOOKS;
}

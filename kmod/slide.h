/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A window that slides over page frames, and its best positions
 */
#ifndef CONTIG_SLIDE_H
#define CONTIG_SLIDE_H

#include <linux/types.h>

#include "page_class.h"

struct contig_request;
struct contig_survey;

/**
 * struct contig_scan - a window sliding over memory
 * @request: the constraints
 * @npages: length of the window
 * @final: the window is the last of the request, so its end may be short
 * @complete: do not stop when there are windows that cost nothing
 * @reach: which pages may be in a window
 * @wanted: stop at this number of windows that cost nothing
 * @survey: result so far
 * @moves: a ring with a bit for each page frame inside the window, set if the
 *         page has to be migrated
 * @slot: index in @moves of the next page frame
 * @first: page frame behind the last one that cannot be migrated
 * @cost: pages to migrate in the last @npages frames
 * @cma: page frame behind the last one that CMA cannot give out; for the caller
 * @loose: page frame behind the last one that cannot be migrated even if lists
 *         of CPUs are drained; for the caller
 */
struct contig_scan {
	const struct contig_request *request;
	unsigned long npages;
	bool final;
	bool complete;
	enum contig_reach reach;
	unsigned int wanted;
	struct contig_survey *survey;
	unsigned long *moves;
	unsigned long slot;
	unsigned long first;
	unsigned long cost;
	unsigned long cma;
	unsigned long loose;
};

int contig_scan_init(struct contig_scan *scan,
		     const struct contig_request *request, unsigned long npages,
		     struct contig_survey *survey);
void contig_scan_free(struct contig_scan *scan);
void contig_scan_begin(struct contig_scan *scan, unsigned long pfn);
void contig_scan_slide(struct contig_scan *scan, unsigned long pfn,
		       unsigned long npages, bool move);
void contig_scan_stop_at(struct contig_scan *scan, unsigned long pfn,
			 unsigned long next);
unsigned long contig_scan_longest(const struct contig_request *request,
				  unsigned long start, unsigned long end);
void contig_scan_loose_end(struct contig_scan *scan, unsigned long pfn,
			   unsigned long next);
void contig_scan_close(struct contig_scan *scan, unsigned long end);
bool contig_scan_done(const struct contig_scan *scan);
bool contig_scan_enough(const struct contig_scan *scan, unsigned int looked);

#endif /* CONTIG_SLIDE_H */

/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A window that slides over page frames, and the best places it was at
 */
#ifndef CONTIG_SLIDE_H
#define CONTIG_SLIDE_H

#include <linux/types.h>

struct contig_request;
struct contig_survey;

/**
 * struct contig_scan - a window sliding over memory
 * @request: the constraints
 * @npages: length of the window
 * @final: the window is the last of the request, so its end may be short
 * @complete: do not stop at the first window that costs nothing
 * @survey: what was found so far
 * @moves: a ring with a bit for each page frame inside the window, set if the
 *         page has to be moved
 * @slot: where in @moves the next page frame goes
 * @first: first page frame since the last one that cannot be moved
 * @cost: pages to move in the last @npages frames
 * @cma: first page frame since the last one that CMA cannot give out; for the
 *       caller
 */
struct contig_scan {
	const struct contig_request *request;
	unsigned long npages;
	bool final;
	bool complete;
	struct contig_survey *survey;
	unsigned long *moves;
	unsigned long slot;
	unsigned long first;
	unsigned long cost;
	unsigned long cma;
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
void contig_scan_close(struct contig_scan *scan, unsigned long end);
bool contig_scan_done(const struct contig_scan *scan);

#endif /* CONTIG_SLIDE_H */

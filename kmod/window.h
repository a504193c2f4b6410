/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Looking for windows of memory that could be emptied
 */
#ifndef CONTIG_WINDOW_H
#define CONTIG_WINDOW_H

#include <linux/types.h>

struct contig_request;

#define CONTIG_WINDOWS 8
#define CONTIG_AVOID 64

/**
 * struct contig_window - a run of page frames that could be emptied
 * @pfn: first page frame
 * @cost: what it takes: four for each page to move, and one if it touches a
 *        pageblock more than it has to
 */
struct contig_window {
	unsigned long pfn;
	unsigned long cost;
};

/**
 * struct contig_avoid - page frames that have proved not to move
 * @nr: how many spans
 * @spans: sorted by first page frame, not overlapping
 */
struct contig_avoid {
	unsigned int nr;
	struct {
		unsigned long first;
		unsigned long last;
	} spans[CONTIG_AVOID];
};

/**
 * struct contig_survey - what a scan of memory found
 * @windows: the cheapest windows of the length asked for, cheapest first; they
 *           overlap each other by less than half
 * @nr: how many
 * @free: pages that are free
 * @movable: pages in use that can be moved
 * @kernel: pages in use that cannot, since they are the kernel's
 * @pinned: pages in use that could be moved if they were not pinned
 * @largest: longest run that could be made, in pages
 * @largest_free: largest block of the page allocator that is free, in pages
 * @largest_cma: longest run of CMA's memory that it could empty, in pages
 *
 * Counts are of the pages that the constraints allow. A scan that need not be
 * complete counts all of a pageblock with a page of the kernel's as the kernel's,
 * and leaves the counts incomplete where it stops at a window that costs nothing.
 */
struct contig_survey {
	struct contig_window windows[CONTIG_WINDOWS];
	unsigned int nr;
	unsigned long free;
	unsigned long movable;
	unsigned long kernel;
	unsigned long pinned;
	unsigned long largest;
	unsigned long largest_free;
	unsigned long largest_cma;
};

int contig_survey_memory(const struct contig_request *request,
			 unsigned long npages, bool final, bool complete,
			 const struct contig_avoid *avoid,
			 struct contig_survey *survey);
void contig_avoid_add(struct contig_avoid *avoid, unsigned long first,
		      unsigned long last);
unsigned long contig_window_free(unsigned long pfn, unsigned long npages);
bool contig_avoid_stuck(struct contig_avoid *avoid, unsigned long pfn,
			unsigned long npages);

#endif /* CONTIG_WINDOW_H */

/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Search for windows of memory that could be emptied
 */
#ifndef CONTIG_SURVEY_H
#define CONTIG_SURVEY_H

#include <linux/types.h>

#include "page_class.h"

struct contig_avoid;
struct contig_request;

#define CONTIG_WINDOWS 8

/**
 * struct contig_window - page frames that could be emptied
 * @pfn: first page frame
 * @cost: four for each page to migrate, and one for each pageblock that it
 *        touches more than necessary
 */
struct contig_window {
	unsigned long pfn;
	unsigned long cost;
};

/**
 * struct contig_survey - result of a scan of memory
 * @windows: the cheapest windows found of the length asked for, cheapest first;
 *           they overlap each other by less than half
 * @nr: number of windows
 * @free: pages that are free
 * @movable: pages in use that can be migrated
 * @huge: those of @movable that belong to hugetlb pools
 * @kernel: pages of the kernel, which cannot be migrated
 * @pinned: pages in use that could be migrated if they were not pinned
 * @largest: longest window that could be emptied, in pages
 * @largest_free: largest block of the page allocator that is free, in pages
 * @largest_loose: longest window, in pages, that could be emptied if no page
 *                 had an extra reference, which lists of CPUs can have
 * @largest_cma: longest extent that CMA could give out, in pages
 * @listed: free pages outside of CMA on lists of CPUs, which the counters of
 *          zones leave out; only those in pageblocks that can be isolated
 * @cma_free: free pages of CMA
 * @cma_cache: pages of CMA that are clean page cache
 * @room: length, in pages, of the longest window that leaves the system enough
 *        memory; see contig_room_foresee()
 * @looked: number of looks at page frames, each at one or at several alike
 *
 * Counts are of pages that the constraints allow. A scan that need not be
 * complete counts all of a pageblock with a kernel page as kernel pages, and
 * does not count the memory that it did not look at.
 */
struct contig_survey {
	struct contig_window windows[CONTIG_WINDOWS];
	unsigned int nr;
	unsigned long free;
	unsigned long movable;
	unsigned long huge;
	unsigned long kernel;
	unsigned long pinned;
	unsigned long largest;
	unsigned long largest_free;
	unsigned long largest_loose;
	unsigned long largest_cma;
	unsigned long listed;
	unsigned long cma_free;
	unsigned long cma_cache;
	unsigned long room;
	unsigned int looked;
};

/**
 * struct contig_survey_params - parameters of a survey
 * @npages: length of a window, not 0
 * @final: a window is the last of the request, so its end may be short
 * @complete: count everything, even when windows that cost nothing were found
 * @thorough: look at all memory unless windows cost nothing, and not only until
 *            that costs more than emptying the windows found
 * @prefer: do not look at other nodes if those that are preferred have a window
 * @reach: which pages may be in a window
 * @wanted: number of windows to look for, if not @complete
 */
struct contig_survey_params {
	unsigned long npages;
	bool final;
	bool complete;
	bool thorough;
	bool prefer;
	enum contig_reach reach;
	unsigned int wanted;
};

int contig_survey_windows(const struct contig_request *request,
			  const struct contig_survey_params *params,
			  const struct contig_avoid *avoid,
			  struct contig_survey *survey);
int contig_survey_memory(const struct contig_request *request,
			 unsigned long npages, bool complete,
			 struct contig_survey *survey);
void contig_survey_taken(unsigned long pfn);
void contig_survey_freed(unsigned long pfn);

#endif /* CONTIG_SURVEY_H */

/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Checks of one window of memory that is to be emptied
 */
#ifndef CONTIG_WINDOW_H
#define CONTIG_WINDOW_H

#include <linux/types.h>

#include "page_class.h"

struct contig_avoid;
struct zone;

bool contig_pageblock_usable(struct zone *zone, unsigned long pfn);
bool contig_window_usable(unsigned long pfn, unsigned long npages,
			  enum contig_reach reach);
unsigned long contig_window_one_huge(unsigned long pfn, unsigned long npages);
unsigned long contig_window_drain(unsigned long pfn, unsigned long npages,
				  bool *waits);
unsigned long contig_window_busy(unsigned long pfn, unsigned long npages);
bool contig_window_apart(unsigned long pfn, unsigned long npages);
int contig_window_type(unsigned long pfn, unsigned long *npages,
		       struct zone **zone);
unsigned long contig_window_free(unsigned long pfn, unsigned long npages);
unsigned long contig_window_moves(unsigned long pfn, unsigned long npages);
bool contig_window_stuck(struct contig_avoid *avoid, unsigned long pfn,
			 unsigned long npages);

#endif /* CONTIG_WINDOW_H */

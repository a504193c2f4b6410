/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Page frames that a search skips
 */
#ifndef CONTIG_AVOID_H
#define CONTIG_AVOID_H

#include <linux/types.h>

#define CONTIG_AVOID 64

/**
 * struct contig_avoid - page frames that were found not to move
 * @nr: number of ranges
 * @ranges: sorted by first page frame, not overlapping
 */
struct contig_avoid {
	unsigned int nr;
	struct {
		unsigned long first;
		unsigned long last;
	} ranges[CONTIG_AVOID];
};

void contig_avoid_add(struct contig_avoid *avoid, unsigned long first,
		      unsigned long last);
bool contig_avoid_hits(const struct contig_avoid *avoid, unsigned long first,
		       unsigned long last);

#endif /* CONTIG_AVOID_H */

/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Emptying and allocating page frames, by a worker
 */
#ifndef CONTIG_EMPTY_H
#define CONTIG_EMPTY_H

#include <linux/types.h>

struct contig_request;

/**
 * struct contig_empty_outcome - how an attempt to empty page frames ended
 * @busy: a page that prevented it because it is locked or under writeback, or
 *        lies in a pageblock that must not be emptied; ULONG_MAX for none
 * @drained: lists of CPUs were drained, so that they hold no references
 */
struct contig_empty_outcome {
	unsigned long busy;
	bool drained;
};

int contig_empty(const struct contig_request *request, unsigned long pfn,
		 unsigned long npages, int type,
		 struct contig_empty_outcome *outcome);

#endif /* CONTIG_EMPTY_H */

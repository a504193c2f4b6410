/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Emptying and allocating page frames, by a worker
 */
#ifndef CONTIG_EMPTY_H
#define CONTIG_EMPTY_H

struct contig_request;

int contig_empty(const struct contig_request *request, unsigned long pfn,
		 unsigned long npages, int type, unsigned long *busy);

#endif /* CONTIG_EMPTY_H */

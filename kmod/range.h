/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The range rung, for the rungs that build on it
 */
#ifndef CONTIG_RANGE_H
#define CONTIG_RANGE_H

#include <linux/types.h>

#include <uapi/linux/contig.h>

struct contig_request;
struct contig_search;
struct contig_search *contig_search_begin(const struct contig_request *request,
					  bool many);
int contig_search_take(struct contig_search *search, unsigned long npages,
		       bool final, struct contig_report *report,
		       unsigned long *pfn);
unsigned long contig_search_longest(const struct contig_search *search);
void contig_search_end(struct contig_search *search);
int contig_range_take(const struct contig_request *request,
		      unsigned long npages, bool final,
		      struct contig_report *report, unsigned long *pfn);
bool contig_range_present(void);

#endif /* CONTIG_RANGE_H */

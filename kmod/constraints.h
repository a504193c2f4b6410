/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Check memory against the constraints of a request
 */
#ifndef CONTIG_CONSTRAINTS_H
#define CONTIG_CONSTRAINTS_H

#include <linux/types.h>

struct contig_extents;
struct contig_request;

bool contig_window_fits(const struct contig_request *request, unsigned long pfn,
			unsigned long npages, bool final,
			unsigned int *segments);
bool contig_extents_fit(const struct contig_request *request,
			const struct contig_extents *extents);
unsigned long contig_segment_limit(const struct contig_request *request);

#endif /* CONTIG_CONSTRAINTS_H */

/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Making the kernel reclaim page cache
 */
#ifndef CONTIG_RECLAIM_H
#define CONTIG_RECLAIM_H

struct contig_request;
struct zone;

unsigned long contig_reclaim(const struct contig_request *request,
			     struct zone *zone, unsigned long want,
			     unsigned long most);

#endif /* CONTIG_RECLAIM_H */

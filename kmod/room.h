/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Estimates of the memory that can be taken, page cache included
 */
#ifndef CONTIG_ROOM_H
#define CONTIG_ROOM_H

#include <linux/types.h>

struct contig_request;
struct contig_survey;
struct zone;

unsigned long contig_room(const struct contig_request *request,
			  const struct contig_survey *survey);
unsigned long contig_room_extents(const struct contig_request *request,
				  const struct contig_survey *survey);
void contig_room_foresee(const struct contig_request *request,
			 struct contig_survey *survey);
bool contig_room_may_grow(const struct contig_request *request,
			  const struct contig_survey *survey);
bool contig_room_moves(struct zone *window, unsigned long moves,
		       unsigned long taken);
bool contig_room_make(const struct contig_request *request, struct zone *zone,
		      unsigned long npages);

#endif /* CONTIG_ROOM_H */

/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Page frames that each have a reference count of their own
 */
#ifndef CONTIG_PAGES_H
#define CONTIG_PAGES_H

#include <linux/gfp.h>
#include <linux/types.h>

struct contig_extents;
struct contig_request;

bool contig_pages_gfp(const struct contig_request *request, gfp_t *gfp);
int contig_pages_take(const struct contig_request *request, gfp_t gfp,
		      struct contig_extents *extents, unsigned int order,
		      unsigned long npages);
int contig_pages_block(const struct contig_request *request,
		       struct contig_extents *extents, bool hard);
bool contig_pages_spare(const struct contig_request *request,
			unsigned long pfn);
bool contig_pages_ready(const struct contig_request *request,
			struct contig_extents *extents);
unsigned long contig_pages_first_failed(unsigned long pfn,
					unsigned long npages);
void contig_pages_init(const struct contig_request *request, unsigned long pfn,
		       unsigned long npages);
void contig_pages_put(unsigned long pfn, unsigned long npages);
void contig_pages_put_extents(struct contig_extents *extents);
unsigned long contig_pages_first_referenced(unsigned long pfn, unsigned long npages);
unsigned long contig_pages_first_shared(unsigned long pfn, unsigned long npages);

#endif /* CONTIG_PAGES_H */

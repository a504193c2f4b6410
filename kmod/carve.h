/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef CONTIG_CARVE_H
#define CONTIG_CARVE_H

#include <linux/types.h>

struct contig_request;
struct gen_pool;

unsigned long contig_carve(struct gen_pool *pool, unsigned int order,
			   const struct contig_request *request);
unsigned long contig_carve_largest(struct gen_pool *pool, unsigned int order,
				   const struct contig_request *request);
unsigned long contig_carve_first(unsigned long *taken, unsigned long npages,
				 unsigned long pfn, unsigned int order,
				 const struct contig_request *request);
bool contig_carve_suits(unsigned long *taken, unsigned long npages,
			unsigned long pfn, unsigned int order,
			const struct contig_request *request);
unsigned long contig_carve_potential(const unsigned long *taken,
				     unsigned long npages, unsigned long pfn,
				     unsigned int order,
				     const struct contig_request *request);

#endif

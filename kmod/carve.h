/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef CONTIG_CARVE_H
#define CONTIG_CARVE_H

struct contig_request;
struct gen_pool;

unsigned long contig_carve(struct gen_pool *pool, unsigned int order,
			   const struct contig_request *request);
unsigned long contig_carve_largest(struct gen_pool *pool, unsigned int order,
				   const struct contig_request *request);

#endif

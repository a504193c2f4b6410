// SPDX-License-Identifier: GPL-2.0-only
/*
 * Cutting pieces out of a genalloc pool, as a request wants them
 *
 * The addresses of a pool are page frame numbers. Who calls keeps others from the
 * pool meanwhile.
 */
#include <linux/align.h>
#include <linux/bitmap.h>
#include <linux/genalloc.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/overflow.h>

#include "carve.h"
#include "request.h"

/**
 * struct contig_carver - what a pool is searched for
 * @request: what is asked for, or, if the largest is, NULL for anything
 * @order: pages in a granule of the pool, as a power of two
 * @largest: pages in the largest run so far that meets the constraints
 */
struct contig_carver {
	const struct contig_request *request;
	unsigned int order;
	unsigned long largest;
};

/* A genpool_algo_t: first fit among what meets the constraints. */
static unsigned long contig_carve_fit(unsigned long *map, unsigned long size,
				      unsigned long start, unsigned int nr,
				      void *data, struct gen_pool *pool,
				      unsigned long start_addr)
{
	const struct contig_carver *carver = data;
	const struct contig_request *rq = carver->request;
	unsigned int segments;

	if (rq->node_strict &&
	    page_to_nid(pfn_to_page(start_addr)) != rq->node)
		return size;
	for (; start < size; start++) {
		start = bitmap_find_next_zero_area(map, size, start, nr, 0);
		segments = 0;
		if (start < size &&
		    contig_window_fits(rq, start_addr + (start << carver->order),
				       rq->npages, true, &segments) &&
		    segments <= rq->max_segments)
			return start;
	}
	return size;
}

/**
 * contig_carve() - cut the pages of a request out of a pool
 * @pool: what is free
 * @order: pages in a granule of it, as a power of two
 * @request: how many pages, and what they have to meet
 *
 * Return: the first page frame, or 0 if no free run will do.
 */
unsigned long contig_carve(struct gen_pool *pool, unsigned int order,
			   const struct contig_request *request)
{
	struct contig_carver carver = { .request = request, .order = order };

	return gen_pool_alloc_algo(pool, request->npages, contig_carve_fit,
				   &carver);
}

/* The most pages from @first on, up to @end, that meet the constraints. */
static unsigned long contig_hole_from(const struct contig_request *rq,
				      unsigned long first, unsigned long end)
{
	unsigned long limit = contig_segment_limit(rq), most, head;

	if (first >= end)
		return 0;
	/* A run that begins between two boundaries has a short first segment. */
	head = rq->boundary ? first & (rq->boundary - 1) : 0;
	if (check_mul_overflow(limit, (unsigned long)rq->max_segments, &most))
		return end - first;
	return min(end - first, most - min(head, most));
}

static void contig_hole_measure(struct contig_carver *carver,
				unsigned long first, unsigned long end)
{
	const struct contig_request *rq = carver->request;
	unsigned long step = 1UL << carver->order, n = end - first;

	if (rq) {
		if (rq->node_strict &&
		    page_to_nid(pfn_to_page(first)) != rq->node)
			return;
		if (rq->highest < end - 1)
			end = rq->highest + 1;
		/* Allocations begin with a granule. */
		step = max(step, rq->align);
		first = ALIGN(max(first, rq->lowest), step);
		n = contig_hole_from(rq, first, end);
		if (rq->boundary > step)
			n = max(n, contig_hole_from(rq,
						    round_up(first,
							     rq->boundary),
						    end));
		if (n < rq->min_segment)
			return;
	}
	carver->largest = max(carver->largest, n);
}

static void contig_hole_chunk(struct gen_pool *pool,
			      struct gen_pool_chunk *chunk, void *data)
{
	unsigned long size = chunk->end_addr - chunk->start_addr + 1;
	struct contig_carver *carver = data;
	unsigned long first, end;

	for_each_clear_bitrange(first, end, chunk->bits, size >> carver->order)
		contig_hole_measure(carver,
				    chunk->start_addr + (first << carver->order),
				    chunk->start_addr + (end << carver->order));
}

/**
 * contig_carve_largest() - the largest piece that could be cut out of a pool
 * @pool: what is free
 * @order: pages in a granule of it, as a power of two
 * @request: constraints, or NULL for none
 *
 * Return: pages.
 */
unsigned long contig_carve_largest(struct gen_pool *pool, unsigned int order,
				   const struct contig_request *request)
{
	struct contig_carver carver = { .request = request, .order = order };

	gen_pool_for_each_chunk(pool, contig_hole_chunk, &carver);
	return carver.largest;
}

// SPDX-License-Identifier: GPL-2.0-only
/*
 * Allocate extents of a genalloc pool that satisfy a request
 *
 * The addresses of a pool are page frame numbers. The caller serialises access
 * to the pool, and has checked that the request allows the pool's node.
 */
#include <linux/align.h>
#include <linux/bitmap.h>
#include <linux/genalloc.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/overflow.h>

#include "carve.h"
#include "constraints.h"
#include "request.h"

/**
 * struct contig_carver - argument of a search in a pool
 * @request: the request, or NULL to search for the largest extent of any kind
 * @order: pages in a granule of the pool, as a power of two
 * @largest: pages in the largest extent so far that satisfies the constraints
 */
struct contig_carver {
	const struct contig_request *request;
	unsigned int order;
	unsigned long largest;
};

/*
 * Return the first granule of the free extent from @start up to @end at which
 * @nr granules that satisfy the constraints can begin, or @end. Tries only
 * aligned starts, so that the time does not grow with the extent.
 */
static unsigned long contig_carve_run(const struct contig_carver *carver,
				      unsigned long start_addr,
				      unsigned long start, unsigned long end,
				      unsigned int nr)
{
	const struct contig_request *rq = carver->request;
	unsigned long granule = 1UL << carver->order;
	unsigned long align = max(rq->align, granule);
	unsigned long first = start_addr + (start << carver->order);
	unsigned long at = ALIGN(max(first, rq->lowest), align);
	unsigned long none = end;
	unsigned int segments;

	/* Overflow, or beyond the highest address. */
	if (at < first || rq->highest < at)
		return none;
	end = min(end, start + ((rq->highest - first) >> carver->order) + 1);
	/* Later starts fail too: the constraints repeat with this period. */
	end = min(end, start + ((at - first) >> carver->order) + nr +
		       (max(rq->boundary, align) >> carver->order));
	for (start += (at - first) >> carver->order;
	     start < end && nr <= end - start;
	     start += align >> carver->order) {
		segments = 0;
		if (contig_window_fits(rq, start_addr + (start << carver->order),
				       rq->npages, true, &segments) &&
		    segments <= rq->max_segments)
			return start;
	}
	return none;
}

/* A genpool_algo_t: first fit among starts that satisfy the constraints. */
static unsigned long contig_carve_fit(unsigned long *map, unsigned long size,
				      unsigned long start, unsigned int nr,
				      void *data, struct gen_pool *pool,
				      unsigned long start_addr)
{
	const struct contig_carver *carver = data;
	unsigned long end, at;

	for (start = find_next_zero_bit(map, size, start); start < size;
	     start = find_next_zero_bit(map, size, end)) {
		end = find_next_bit(map, size, start);
		at = contig_carve_run(carver, start_addr, start, end, nr);
		if (at < end)
			return at;
	}
	return size;
}

/**
 * contig_carve() - allocate the pages of a request from a pool
 * @pool: the free pages
 * @order: pages in a granule of it, as a power of two
 * @request: number of pages, and constraints
 *
 * Return: the first page frame, or 0 if no free extent satisfies the request.
 */
unsigned long contig_carve(struct gen_pool *pool, unsigned int order,
			   const struct contig_request *request)
{
	struct contig_carver carver = { .request = request, .order = order };

	return gen_pool_alloc_algo(pool, request->npages, contig_carve_fit,
				   &carver);
}

/* Return how many pages from @first up to @end satisfy the constraints. */
static unsigned long contig_hole_from(const struct contig_request *rq,
				      unsigned long first, unsigned long end)
{
	unsigned long limit = contig_segment_limit(rq), most, head;

	if (first >= end)
		return 0;
	/* A start between boundaries makes the first segment short. */
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

/* Measure the free extents; @taken has a bit for each granule. */
static void contig_hole_search(struct contig_carver *carver,
			       const unsigned long *taken, unsigned long pfn,
			       unsigned long npages)
{
	unsigned long first, end;

	for_each_clear_bitrange(first, end, taken, npages >> carver->order)
		contig_hole_measure(carver, pfn + (first << carver->order),
				    pfn + (end << carver->order));
}

static void contig_hole_chunk(struct gen_pool *pool,
			      struct gen_pool_chunk *chunk, void *data)
{
	contig_hole_search(data, chunk->bits, chunk->start_addr,
			   chunk->end_addr - chunk->start_addr + 1);
}

/**
 * contig_carve_largest() - measure the largest extent that a pool can give
 * @pool: the free pages
 * @order: pages in a granule of it, as a power of two
 * @request: constraints, or NULL for none
 *
 * Return: its size in pages.
 */
unsigned long contig_carve_largest(struct gen_pool *pool, unsigned int order,
				   const struct contig_request *request)
{
	struct contig_carver carver = { .request = request, .order = order };

	gen_pool_for_each_chunk(pool, contig_hole_chunk, &carver);
	return carver.largest;
}

/**
 * contig_carve_first() - find free granules in a bitmap for a request
 * @taken: a bit for each granule; set if it is not available
 * @npages: pages that @taken describes
 * @pfn: first page frame of these
 * @order: pages in a granule, as a power of two
 * @request: number of pages, and constraints
 *
 * Return: index of the first granule; @npages >> @order if there is none.
 */
unsigned long contig_carve_first(unsigned long *taken, unsigned long npages,
				 unsigned long pfn, unsigned int order,
				 const struct contig_request *request)
{
	struct contig_carver carver = { .request = request, .order = order };

	return contig_carve_fit(taken, npages >> order, 0,
				DIV_ROUND_UP(request->npages, 1UL << order),
				&carver, NULL, pfn);
}

/* Return true if contig_carve_first() finds granules. */
bool contig_carve_suits(unsigned long *taken, unsigned long npages,
			unsigned long pfn, unsigned int order,
			const struct contig_request *request)
{
	return contig_carve_first(taken, npages, pfn, order, request) <
	       npages >> order;
}

/* contig_carve_largest() for a bitmap like that of contig_carve_first(). */
unsigned long contig_carve_potential(const unsigned long *taken,
				     unsigned long npages, unsigned long pfn,
				     unsigned int order,
				     const struct contig_request *request)
{
	struct contig_carver carver = { .request = request, .order = order };

	contig_hole_search(&carver, taken, pfn, npages);
	return carver.largest;
}

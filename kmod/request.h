/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a caller asked for, checked and in units of pages
 */
#ifndef CONTIG_REQUEST_H
#define CONTIG_REQUEST_H

#include <linux/ktime.h>
#include <linux/types.h>

#include <uapi/linux/contig.h>

struct contig_dma_device;
struct contig_extents;
struct contig_pool;

/**
 * struct contig_request - what a caller asked for
 * @npages: pages wanted
 * @lowest: first page frame that is allowed
 * @highest: last page frame that is allowed
 * @align: alignment of every segment in pages, a power of two
 * @boundary: pages between two addresses that no segment may cross, a power of
 *            two, 0 for none
 * @min_segment: pages in the shortest segment
 * @max_segment: pages in the longest segment, ULONG_MAX for no limit
 * @max_segments: most segments, UINT_MAX for no limit
 * @node: NUMA node to prefer or to stay on, NUMA_NO_NODE for any
 * @node_strict: stay on @node
 * @coherent: for a device that looks into the CPU's caches
 * @pool: where coherent memory has to come from, because the device has it there;
 *        NULL for what contig has
 * @told: the caller may see physical addresses, and so learn all that is known of
 *        memory
 * @narrowed: some of the memory that contig may take is ruled out by its address or
 *            its node
 * @struct_page: only memory with a reference count of its own on every page
 * @rungs: mask of the rungs to try
 * @start: when it was made
 * @deadline: when to give up
 */
struct contig_request {
	unsigned long npages;
	unsigned long lowest;
	unsigned long highest;
	unsigned long align;
	unsigned long boundary;
	unsigned long min_segment;
	unsigned long max_segment;
	unsigned int max_segments;
	int node;
	bool node_strict;
	bool coherent;
	struct contig_pool *pool;
	bool told;
	bool narrowed;
	bool struct_page;
	u32 rungs;
	ktime_t start;
	ktime_t deadline;
};

int contig_request_init(struct contig_request *request, u64 length, u32 flags,
			u32 rungs, u32 timeout_ms,
			const struct contig_constraints *constraints,
			struct contig_dma_device *device);
void contig_request_init_plain(struct contig_request *request,
			       unsigned long npages);
long contig_request_left(const struct contig_request *request);
int contig_request_expired(const struct contig_request *request);

bool contig_window_fits(const struct contig_request *request, unsigned long pfn,
			unsigned long npages, bool final,
			unsigned int *segments);
bool contig_extents_fit(const struct contig_request *request,
			const struct contig_extents *extents);
unsigned long contig_segment_limit(const struct contig_request *request);

#endif /* CONTIG_REQUEST_H */

// SPDX-License-Identifier: GPL-2.0-only
/*
 * Requests for memory, and how much of their time is left
 */
#include <linux/jiffies.h>
#include <linux/ktime.h>
#include <linux/log2.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/moduleparam.h>
#include <linux/numa.h>
#include <linux/sched/signal.h>

#include "request.h"

static unsigned int contig_timeout_ms = 30000;
module_param_named(timeout_ms, contig_timeout_ms, uint, 0644);
MODULE_PARM_DESC(timeout_ms,
		 "time budget of an allocation that names none (default 30000)");

/* Make a request for @npages anywhere, without limits but the default time. */
void contig_request_init_plain(struct contig_request *request,
			       unsigned long npages)
{
	*request = (struct contig_request){
		.npages = npages,
		.highest = ULONG_MAX,
		.align = 1,
		.max_segment = ULONG_MAX,
		.max_segments = UINT_MAX,
		.node = NUMA_NO_NODE,
		.rungs = CONTIG_RUNGS_ALL,
		.told = true,
		.start = ktime_get(),
	};
	request->deadline = ktime_add_ms(request->start, contig_timeout_ms);
}

/* Make a request for memory that is as good as what was asked for, from now on. */
void contig_request_renew(struct contig_request *request,
			  const struct contig_request *asked)
{
	contig_request_init_plain(request, asked->npages);
	request->lowest = asked->lowest;
	request->highest = asked->highest;
	request->align = asked->align;
	request->boundary = asked->boundary;
	request->min_segment = asked->min_segment;
	request->max_segment = asked->max_segment;
	request->max_segments = asked->max_segments;
	request->node = asked->node;
	request->node_strict = asked->node_strict;
	request->nodes = asked->nodes;
	request->confined = asked->confined;
	request->coherent = asked->coherent;
	request->fewest_moves = asked->fewest_moves;
	request->narrowed = asked->narrowed;
}

/* Return true if the same memory meets two requests, but for its length. */
bool contig_request_alike(const struct contig_request *a,
			  const struct contig_request *b)
{
	return a->lowest == b->lowest && a->highest == b->highest &&
	       a->align == b->align && a->boundary == b->boundary &&
	       a->min_segment == b->min_segment &&
	       a->max_segment == b->max_segment &&
	       a->max_segments == b->max_segments && a->rungs == b->rungs &&
	       a->node == b->node && a->node_strict == b->node_strict &&
	       a->confined == b->confined &&
	       (!a->confined || nodes_equal(a->nodes, b->nodes)) &&
	       a->coherent == b->coherent && a->pool == b->pool &&
	       a->struct_page == b->struct_page &&
	       a->page_frames == b->page_frames && a->keep == b->keep &&
	       a->huge == b->huge && a->uninitialized == b->uninitialized;
}

/* Limit a request to memory of one NUMA node. */
void contig_request_confine(struct contig_request *request, int node)
{
	request->node = node;
	request->node_strict = true;
}

/* Return the most bits with which no address is above the request's limit. */
u32 contig_request_address_bits(const struct contig_request *request)
{
	u64 end = (u64)request->highest + 1;

	if (request->highest == ULONG_MAX || end > U64_MAX >> PAGE_SHIFT)
		return 64;
	return ilog2(end) + PAGE_SHIFT;
}

/* Return a copy of a request that has half of the time left. */
struct contig_request contig_request_half(const struct contig_request *request)
{
	struct contig_request half = *request;
	ktime_t now = ktime_get();

	if (ktime_before(now, request->deadline))
		half.deadline = ktime_add(now, ktime_sub(request->deadline,
							 now) / 2);
	return half;
}

/* Return the time until the deadline in jiffies, at least 1. */
long contig_request_left(const struct contig_request *request)
{
	s64 ms = ktime_ms_delta(request->deadline, ktime_get());

	return msecs_to_jiffies(clamp_t(s64, ms, 1, INT_MAX));
}

/* Return 0 to go on, -EINTR after a fatal signal, -ETIME past the deadline. */
int contig_request_expired(const struct contig_request *request)
{
	if (fatal_signal_pending(current))
		return -EINTR;
	if (ktime_after(ktime_get(), request->deadline))
		return -ETIME;
	return 0;
}

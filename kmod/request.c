// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a caller asked for, checked and in units of pages
 */
#include <linux/log2.h>
#include <linux/math64.h>
#include <linux/mm.h>
#include <linux/moduleparam.h>
#include <linux/numa.h>
#include <linux/nodemask.h>
#include <linux/overflow.h>
#include <linux/pfn.h>
#include <linux/sched/signal.h>
#include <linux/sizes.h>

#include "dma_device.h"
#include "limits.h"
#include "request.h"
#include "zones.h"

/* Others wait meanwhile, so nobody may take for ever. */
#define CONTIG_TIMEOUT_MAX_MS (10U * 60 * MSEC_PER_SEC)

/*
 * How many places for a block there must be where a caller without the right to see
 * physical addresses limits them. Enough that the address stays unknown, and few
 * enough that a device with 24 address bits can have a MiB.
 */
#define CONTIG_PLACES 8

static unsigned int contig_timeout_ms = 30000;
module_param_named(timeout_ms, contig_timeout_ms, uint, 0644);
MODULE_PARM_DESC(timeout_ms,
		 "time budget of an allocation that names none (default 30000)");

/* A request for @npages anywhere, without a limit but the default time. */
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

static int contig_request_set_node(struct contig_request *request,
				   const struct contig_constraints *c)
{
	switch (c->node_policy) {
	case CONTIG_NODE_ANY:
		return c->node ? -EINVAL : 0;
	case CONTIG_NODE_PREFERRED:
	case CONTIG_NODE_STRICT:
		if (c->node >= MAX_NUMNODES || !node_online(c->node))
			return -EINVAL;
		request->node = c->node;
		request->node_strict = c->node_policy == CONTIG_NODE_STRICT;
		return 0;
	default:
		return -EOPNOTSUPP;
	}
}

/* Bytes to pages, rounded up or down; ERANGE if no such address exists. */
static int contig_pages(u64 bytes, bool up, unsigned long *pages)
{
	u64 n = bytes >> PAGE_SHIFT;

	if (up && bytes & ~PAGE_MASK)
		n++;
	*pages = n;
	return *pages == n ? 0 : -ERANGE;
}

static int contig_request_set_limits(struct contig_request *request,
				     const struct contig_constraints *c)
{
	u64 highest = c->highest ?: U64_MAX;
	int ret;

	if (c->reserved)
		return -EOPNOTSUPP;
	if (c->lowest > highest)
		return -EINVAL;
	if (c->align && !is_power_of_2(c->align))
		return -EINVAL;
	if (c->boundary &&
	    (!is_power_of_2(c->boundary) || c->boundary < PAGE_SIZE))
		return -EINVAL;
	if (c->max_segment && c->max_segment < PAGE_SIZE)
		return -EINVAL;
	if (c->max_segment && c->min_segment > c->max_segment)
		return -EINVAL;

	ret = contig_pages(c->lowest, true, &request->lowest) ?:
	      contig_pages(c->align, false, &request->align) ?:
	      contig_pages(c->boundary, false, &request->boundary) ?:
	      contig_pages(c->min_segment, true, &request->min_segment);
	if (ret)
		return ret;
	request->align = max(request->align, 1UL);
	/* The last page that lies inside the window as a whole. */
	if (highest < PAGE_SIZE - 1)
		return -ERANGE;
	if ((highest & ~PAGE_MASK) != ~PAGE_MASK)
		highest -= PAGE_SIZE;
	request->highest = min_t(u64, highest >> PAGE_SHIFT, ULONG_MAX);
	if (c->max_segment)
		request->max_segment = min_t(u64, c->max_segment >> PAGE_SHIFT,
					     ULONG_MAX);
	if (c->max_segments)
		request->max_segments = c->max_segments;
	return contig_request_set_node(request, c);
}

/*
 * Return how many pages the limits on addresses and nodes leave, were all of them
 * free, counting only zones with a start that is aligned. Set @narrowed if they
 * leave less than all.
 */
static unsigned long contig_request_pages(const struct contig_request *request,
					  bool *narrowed)
{
	unsigned long pages = 0;
	struct zone *zone;
	int nid, i;

	*narrowed = false;
	contig_for_each_zone(zone, nid, i) {
		unsigned long first = zone->zone_start_pfn;
		unsigned long last = zone_end_pfn(zone) - 1;
		unsigned long aligned;

		if (first < request->lowest || last > request->highest ||
		    (request->node_strict && nid != request->node))
			*narrowed = true;
		if (request->node_strict && nid != request->node)
			continue;
		first = max(first, request->lowest);
		last = min(last, request->highest);
		aligned = round_up(first, request->align);
		if (first <= last && aligned >= first && aligned <= last)
			pages += min(last - first + 1, zone->present_pages);
	}
	return pages;
}

/*
 * Return true if the constraints reveal a physical address.
 *
 * Requesting a location reveals where the memory lies, and a refusal reveals what
 * is in use there. A caller without the right to see physical addresses may say
 * what a device needs: the width of its addresses, an alignment up to the size of
 * the block, a boundary. These must leave so many places for a block that the
 * caller cannot tell in which of them it is. A boundary adds nothing to that: one
 * of up to the block's size acts like an alignment, and a larger one rules out half
 * of the places at most.
 */
static bool contig_request_tells(const struct contig_request *request,
				 const struct contig_constraints *c)
{
	unsigned long size = roundup_pow_of_two(request->npages);
	unsigned long pages;
	bool narrowed;

	if (c->lowest || request->align > size)
		return true;
	if (c->highest &&
	    (c->highest < SZ_16M - 1 || c->highest & (c->highest + 1)))
		return true;
	pages = contig_request_pages(request, &narrowed);
	return narrowed && pages && pages / CONTIG_PLACES < size;
}

/*
 * Stay within what a device can address. Where an IOMMU translates, nothing of
 * that is about memory.
 */
static int contig_request_limit(struct contig_request *request,
				struct contig_dma_device *device)
{
	struct contig_device limits;
	u64 boundary;
	int ret;

	ret = contig_dma_device_describe(device, &limits);
	if (ret)
		return ret;
	request->coherent = limits.out_features & CONTIG_DEVICE_COHERENT;
	request->pool = device->pool;
	if (device->translated)
		return 0;
	request->highest = min(request->highest, device->highest);
	request->max_segment = min_t(u64, request->max_segment,
				     limits.out_max_segment >> PAGE_SHIFT);
	boundary = limits.out_boundary >> PAGE_SHIFT;
	if (boundary <= ULONG_MAX)
		request->boundary = min_not_zero((u64)request->boundary,
						 boundary);
	return 0;
}

/* Return true if this machine's memory, were it all free, could meet the limits. */
static bool contig_request_possible(struct contig_request *request)
{
	unsigned long longest = contig_segment_limit(request);
	unsigned long limit = min(longest, request->npages);
	/* The last segment may be short, so a single one may. */
	if (request->min_segment > longest && request->npages > longest)
		return false;
	if (request->max_segments < DIV_ROUND_UP(request->npages, limit))
		return false;
	if (request->lowest > request->highest)
		return false;

	return contig_request_pages(request, &request->narrowed) >=
	       request->npages;
}

/**
 * contig_request_init() - check what a caller asked for
 * @request: filled on success
 * @length: bytes, from user space
 * @flags: of &enum contig_alloc_flags
 * @rungs: mask of rungs, 0 for all
 * @timeout_ms: time budget, 0 for the default
 * @constraints: from user space
 * @device: the device that the memory is for, or NULL
 *
 * Return: 0, or the errno that uapi/linux/contig.h documents for what is wrong.
 */
int contig_request_init(struct contig_request *request, u64 length, u32 flags,
			u32 rungs, u32 timeout_ms,
			const struct contig_constraints *constraints,
			struct contig_dma_device *device)
{
	int ret;

	if (flags & ~CONTIG_ALLOC_STRUCT_PAGE || rungs & ~CONTIG_RUNGS_ALL)
		return -EOPNOTSUPP;
	if (!length)
		return -EINVAL;
	if (length > (u64)totalram_pages() << PAGE_SHIFT)
		return -EFBIG;

	contig_request_init_plain(request, PFN_UP(length));
	if (rungs)
		request->rungs = rungs;
	if (timeout_ms)
		request->deadline =
			ktime_add_ms(request->start,
				     min(timeout_ms, CONTIG_TIMEOUT_MAX_MS));
	request->struct_page = flags & CONTIG_ALLOC_STRUCT_PAGE;
	ret = contig_request_set_limits(request, constraints);
	if (ret)
		return ret;
	request->told = contig_may_see_physical_noaudit();
	if (!request->told && contig_request_tells(request, constraints) &&
	    !contig_may_see_physical())
		return -EPERM;
	ret = device ? contig_request_limit(request, device) : 0;
	if (ret)
		return ret;
	return contig_request_possible(request) ? 0 : -ERANGE;
}

/* How long until the deadline, in jiffies, at least one. */
long contig_request_left(const struct contig_request *request)
{
	s64 ms = ktime_ms_delta(request->deadline, ktime_get());

	return msecs_to_jiffies(clamp_t(s64, ms, 1, INT_MAX));
}

/* Return: 0 to go on, -EINTR after a fatal signal, -ETIME past the deadline. */
int contig_request_expired(const struct contig_request *request)
{
	if (fatal_signal_pending(current))
		return -EINTR;
	if (ktime_after(ktime_get(), request->deadline))
		return -ETIME;
	return 0;
}

// SPDX-License-Identifier: GPL-2.0-only
/*
 * Checks of requests: the caller's rights, and the limits of this machine
 */
#include <linux/capability.h>
#include <linux/ioport.h>
#include <linux/log2.h>
#include <linux/mm.h>
#include <linux/nodemask.h>
#include <linux/numa.h>
#include <linux/pfn.h>
#include <linux/security.h>
#include <linux/sizes.h>

#include "client.h"
#include "coherent.h"
#include "constraints.h"
#include "dma_device.h"
#include "huge.h"
#include "limits.h"
#include "nodes.h"
#include "powers.h"
#include "request.h"
#include "request_check.h"
#include "reserve.h"
#include "zones.h"

/* The flags that demand a kind of mapping exclude each other. */
#define CONTIG_ALLOC_MAPPING (CONTIG_ALLOC_STRUCT_PAGE | CONTIG_ALLOC_PAGE_FRAMES)

/* So do those that demand less effort and more. */
#define CONTIG_ALLOC_EFFORT (CONTIG_ALLOC_NO_WAIT | CONTIG_ALLOC_FEWEST_MOVES)

/* Flags for memory that has contents of others. */
#define CONTIG_ALLOC_CONTENTS \
	(CONTIG_ALLOC_KEEP_CONTENTS | CONTIG_ALLOC_UNINITIALIZED)

/* Longest time budget, since other requests wait meanwhile. */
#define CONTIG_TIMEOUT_MAX_MS (10U * 60 * MSEC_PER_SEC)

/*
 * Number of places for a block that the constraints of a caller without the
 * right to see physical addresses must leave. Enough to keep the address
 * unknown, and few enough that a device with 24 address bits can have a MiB.
 */
#define CONTIG_PLACES 8

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

/* Convert bytes to pages, rounded up or down; -ERANGE if that overflows. */
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
	if (c->align && !contig_is_power_of_2(c->align))
		return -EINVAL;
	if (c->boundary && (!contig_is_power_of_2(c->boundary) ||
			    c->boundary < PAGE_SIZE))
		return -EINVAL;
	if (c->max_segment && c->max_segment < PAGE_SIZE)
		return -EINVAL;
	if (c->max_segment && c->min_segment > c->max_segment)
		return -EINVAL;

	ret = contig_pages(c->lowest, true, &request->lowest) ?:
	      contig_pages(c->align, false, &request->align) ?:
	      contig_pages(c->min_segment, true, &request->min_segment);
	if (ret)
		return ret;
	request->align = max(request->align, 1UL);
	/* No page frame lies beyond a boundary that does not fit. */
	if (contig_pages(c->boundary, false, &request->boundary))
		request->boundary = 0;
	/* The last page that lies below the limit as a whole. */
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

/**
 * struct contig_ram_count - argument of contig_count_ram()
 * @align: alignment of a start, in pages
 * @pages: pages of all extents that contain an aligned start
 */
struct contig_ram_count {
	unsigned long align;
	unsigned long pages;
};

/* Add the pages of one extent of RAM, if it contains an aligned start. */
static int contig_count_ram(struct resource *ram, void *data)
{
	unsigned long first = PFN_UP(ram->start), end = PFN_DOWN(ram->end + 1);
	struct contig_ram_count *count = data;
	unsigned long aligned = round_up(first, count->align);

	if (aligned >= first && aligned < end)
		count->pages += end - first;
	return 0;
}

/*
 * Return how many pages of RAM there are from page frame @first up to @last. A
 * zone can have holes: registers, and memory that firmware or memmap= has set
 * aside.
 */
static unsigned long contig_ram_pages(const struct contig_request *request,
				      unsigned long first, unsigned long last)
{
	struct contig_ram_count count = { .align = request->align };

	walk_iomem_res_desc(IORES_DESC_NONE,
			    IORESOURCE_SYSTEM_RAM | IORESOURCE_BUSY,
			    PFN_PHYS((u64)first), PFN_PHYS((u64)last + 1) - 1,
			    &count, contig_count_ram);
	return count.pages;
}

/*
 * Return how many pages, free or not, meet the limits on addresses and nodes
 * and lie in an extent with an aligned start. Set @narrowed if the limits rule
 * out any memory.
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
		bool allowed = contig_request_node_allowed(request, nid);
		bool cut = first < request->lowest || last > request->highest;

		if (cut || !allowed)
			*narrowed = true;
		first = max(first, request->lowest);
		last = min(last, request->highest);
		if (!allowed || first > last)
			continue;
		/* A whole zone has an aligned start, but for huge @align. */
		if (!cut && request->align <= zone->present_pages)
			pages += zone->present_pages;
		else
			pages += min(zone->present_pages,
				     contig_ram_pages(request, first, last));
	}
	return pages;
}

/*
 * Return true if the constraints reveal a physical address.
 *
 * Requesting a location reveals physical addresses, and a refusal reveals what
 * is in use there. A caller without the right to see these may state the needs
 * of a device: the width of its addresses, an alignment up to the size of the
 * block, a boundary. They must leave CONTIG_PLACES places for a block, so that
 * the caller cannot tell in which of them it lies. A boundary reveals nothing
 * more: one of up to the block's size acts like an alignment, and a larger one
 * rules out half of the places at most. A memory policy that rules out nodes
 * (@bound) counts as the caller's choice, like a node that it names; its cpuset
 * does not.
 */
static bool contig_request_reveals(const struct contig_request *request,
				   const struct contig_constraints *c, bool bound)
{
	unsigned long size = roundup_pow_of_two(request->npages);
	unsigned long pages;
	bool narrowed;

	if (c->lowest || request->align > size)
		return true;
	if (c->highest &&
	    (c->highest < SZ_16M - 1 || c->highest & (c->highest + 1)))
		return true;
	if (!c->highest && !request->node_strict && !bound)
		return false;
	pages = contig_request_pages(request, &narrowed);
	return narrowed && pages && pages / CONTIG_PLACES < size;
}

/*
 * Limit a request to memory that a device can address. Where an IOMMU
 * translates, these limits are on DMA addresses, not on memory.
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

/* Return true if the machine's memory could meet the limits if it were free. */
static bool contig_request_possible(struct contig_request *request)
{
	unsigned long longest = contig_segment_limit(request);
	unsigned long limit = min(longest, request->npages);
	/* Only the last segment may be shorter, so a single one may be. */
	if (request->min_segment > longest && request->npages > longest)
		return false;
	if (request->max_segments < DIV_ROUND_UP(request->npages, limit))
		return false;
	if (request->lowest > request->highest)
		return false;

	/* contig_request_pages() does not count regions and pools. */
	return contig_request_pages(request, &request->narrowed) >=
		       request->npages ||
	       contig_reserve_possible(request) ||
	       contig_coherent_possible(request);
}

/*
 * Check the flags of ALLOC. Memory that is not cleared can contain data of any
 * process, so only callers that could read all memory anyway may have it.
 */
static int contig_request_check_flags(u32 flags)
{
	if (flags & ~(CONTIG_ALLOC_MAPPING | CONTIG_ALLOC_KEEP_CONTENTS |
		      CONTIG_ALLOC_EFFORT | CONTIG_ALLOC_HUGE_PAGES |
		      CONTIG_ALLOC_UNINITIALIZED))
		return -EOPNOTSUPP;
	if (flags & CONTIG_ALLOC_HUGE_PAGES &&
	    flags & (CONTIG_ALLOC_PAGE_FRAMES | CONTIG_ALLOC_KEEP_CONTENTS))
		return -EINVAL;
	if ((flags & CONTIG_ALLOC_MAPPING) == CONTIG_ALLOC_MAPPING ||
	    (flags & CONTIG_ALLOC_EFFORT) == CONTIG_ALLOC_EFFORT)
		return -EINVAL;
	if (!(flags & CONTIG_ALLOC_CONTENTS))
		return 0;
	if (flags & CONTIG_ALLOC_KEEP_CONTENTS &&
	    flags & (CONTIG_ALLOC_PAGE_FRAMES | CONTIG_ALLOC_UNINITIALIZED))
		return -EINVAL;
	if (!capable(CAP_SYS_ADMIN) || !contig_may_see_physical())
		return -EPERM;
	if (!(flags & CONTIG_ALLOC_UNINITIALIZED))
		return 0;
	/* Pages that are free can have the kernel's own secrets. */
	return capable(CAP_SYS_RAWIO) ? security_locked_down(LOCKDOWN_KCORE) :
					-EPERM;
}

/**
 * contig_request_init() - make a request of the caller's arguments
 * @request: filled on success
 * @length: bytes, from user space
 * @flags: of &enum contig_alloc_flags
 * @rungs: mask of rungs, 0 for all
 * @timeout_ms: time budget, 0 for the default
 * @constraints: from user space
 * @device: the device that the memory is for, or NULL
 *
 * Return: 0 or -errno as uapi/linux/contig.h documents it for CONTIG_ALLOC.
 */
int contig_request_init(struct contig_request *request, u64 length, u32 flags,
			u32 rungs, u32 timeout_ms,
			const struct contig_constraints *constraints,
			struct contig_dma_device *device)
{
	bool bound;
	int ret;

	if (rungs & ~CONTIG_RUNGS_ALL)
		return -EOPNOTSUPP;
	ret = contig_request_check_flags(flags);
	if (ret)
		return ret;
	if (!length)
		return -EINVAL;
	/* The size of a dma-buf is a size_t. */
	if (length > ((u64)totalram_pages() + contig_reserve_given())
		     << PAGE_SHIFT || length > (SIZE_MAX & PAGE_MASK))
		return -EFBIG;

	contig_request_init_plain(request, PFN_UP(length));
	if (rungs)
		request->rungs = rungs;
	if (timeout_ms)
		request->deadline =
			ktime_add_ms(request->start,
				     min(timeout_ms, CONTIG_TIMEOUT_MAX_MS));
	/* Bare page frames are none. */
	request->struct_page = flags & (CONTIG_ALLOC_STRUCT_PAGE |
					CONTIG_ALLOC_HUGE_PAGES);
	request->huge = flags & CONTIG_ALLOC_HUGE_PAGES &&
			contig_huge_possible() &&
			request->npages >= CONTIG_HUGE_PAGES;
	request->page_frames = flags & CONTIG_ALLOC_PAGE_FRAMES;
	request->keep = flags & CONTIG_ALLOC_KEEP_CONTENTS;
	request->uninitialized = flags & CONTIG_ALLOC_UNINITIALIZED;
	request->no_wait = flags & CONTIG_ALLOC_NO_WAIT;
	request->fewest_moves = flags & CONTIG_ALLOC_FEWEST_MOVES;
	ret = contig_request_set_limits(request, constraints);
	if (ret)
		return ret;
	bound = contig_request_place(request, device);
	request->told = contig_may_see_physical_noaudit();
	if (!request->told && contig_request_reveals(request, constraints, bound) &&
	    !contig_may_see_physical())
		return -EPERM;
	ret = device ? contig_request_limit(request, device) : 0;
	if (ret)
		return ret;
	return contig_request_possible(request) ? 0 : -ERANGE;
}

/*
 * Make a request for a client, limited to memory that its device can address.
 * The request refers to the client's account and must not outlive the client.
 * Return 0 or -errno.
 */
int contig_request_for(struct contig_client *client,
		       struct contig_request *request, u64 length, u32 flags,
		       u32 rungs, u32 timeout_ms,
		       const struct contig_constraints *constraints)
{
	struct contig_dma_device *device;
	int ret;

	ret = contig_client_device(client, &device);
	if (ret)
		return ret;
	ret = contig_request_init(request, length, flags, rungs, timeout_ms,
				  constraints, device);
	request->user = client->user;
	if (device)
		contig_dma_device_put(device);
	return ret;
}

// SPDX-License-Identifier: GPL-2.0-only
/*
 * The coherent rung: memory that dma_alloc_attrs() would return for contig's
 * device, or for one that shares the pool of the client's device
 *
 * It comes from the pool if there is one, else from CMA if the kernel has that,
 * else from the page allocator. Memory from dma_alloc_attrs() has no reference
 * count on every page, or lies in CMA memory, which cannot be pinned long-term.
 * So it is mapped as bare page frames by dma_mmap_attrs(), which also sets the
 * right cache attributes. Many kernel functions refuse such a mapping. So if
 * the memory would come from the page allocator, the rung calls that directly
 * and gives each page a reference count.
 */
#include <linux/dma-map-ops.h>
#include <linux/dma-mapping.h>
#include <linux/log2.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/mmzone.h>
#include <linux/nodemask.h>

#include "buffer.h"
#include "cma.h"
#include "coherent.h"
#include "constraints.h"
#include "dma_memory.h"
#include "extents.h"
#include "fault.h"
#include "gfp.h"
#include "own_device.h"
#include "pages.h"
#include "pool.h"
#include "request.h"
#include "rung.h"
#include "survey.h"

/* Return the pool that memory must come from, or NULL for any memory. */
struct contig_pool *contig_coherent_pool(const struct contig_request *request)
{
	return request->pool ?: contig_own_device_pool();
}

/* Return true if a pool could meet the request if it were all free. */
bool contig_coherent_possible(const struct contig_request *request)
{
	struct contig_pool *pool = contig_coherent_pool(request);
	unsigned long first, last;

	if (!pool || !pool->npages ||
	    !(request->rungs & CONTIG_RUNGS_COHERENT))
		return false;
	first = max(pool->pfn, request->lowest);
	last = min(pool->pfn + pool->npages - 1, request->highest);
	return first <= last && last - first >= request->npages - 1;
}

/* Return false if the pool is unusable: other memory must not replace it. */
static bool contig_coherent_present(const struct contig_request *request)
{
	struct contig_pool *pool = contig_coherent_pool(request);

	return !pool || pool->npages;
}

/* Return why bare page frames are necessary, as far as known in advance. */
static enum contig_frames contig_coherent_frames(const struct contig_request *request)
{
	if (request->page_frames)
		return CONTIG_FRAMES_DEMANDED;
	if (contig_coherent_pool(request))
		return CONTIG_FRAMES_POOL;
	if (contig_memory_encrypted())
		return CONTIG_FRAMES_ENCRYPTED;
	if (!contig_own_device_caches(request->coherent))
		return CONTIG_FRAMES_CACHES;
	return CONTIG_FRAMES_NOT;
}

static bool contig_coherent_pages(const struct contig_request *request)
{
	return contig_coherent_frames(request) == CONTIG_FRAMES_NOT;
}

/*
 * Return the pages allocated beyond @npages, which stay unused. The page
 * allocator and no-map pools allocate powers of two, CMA does not. Without a
 * pool the kernel does not report which of them it used, so the rest is charged
 * in either case.
 */
static unsigned long contig_coherent_rest(const struct contig_pool *pool,
					  unsigned long npages)
{
	if (pool ? !pool->no_map : npages > 1UL << MAX_PAGE_ORDER)
		return 0;
	return roundup_pow_of_two(npages) - npages;
}

/* Return the largest extent of a pool of which @npages pages are free. */
static unsigned long contig_coherent_clip(const struct contig_pool *pool,
					  unsigned long npages)
{
	return pool->no_map && npages ? rounddown_pow_of_two(npages) : npages;
}

static void contig_coherent_free(struct contig_buffer *buffer)
{
	unsigned long npages = buffer->extents.npages;

	if (!buffer->vaddr) {
		contig_pages_put_extents(&buffer->extents);
		return;
	}
	/* Memory that could not be freed stays counted as used. */
	if (contig_dma_memory_free(buffer, npages << PAGE_SHIFT) && buffer->pool)
		atomic_long_sub(npages +
				contig_coherent_rest(buffer->pool, npages),
				&buffer->pool->used);
	contig_extents_free(&buffer->extents);
	buffer->vaddr = NULL;
	buffer->pool = NULL;
	buffer->frames = CONTIG_FRAMES_NOT;
}

/* Return the number of pages that dma_alloc_attrs() can take from CMA at most. */
static unsigned long contig_coherent_cma(void)
{
	return IS_ENABLED(CONFIG_DMA_CMA) ? contig_cma_pages() : 0;
}

/* Return an upper bound, in pages, for one allocation. */
static unsigned long contig_coherent_limit(const struct contig_pool *pool)
{
	if (pool)
		return contig_coherent_clip(pool, pool->npages);
	return max(contig_coherent_cma(), 1UL << MAX_PAGE_ORDER);
}

/*
 * Return the allocation flags for a request. The kernel charges the
 * caller's memory cgroup for memory of the page allocator, not of CMA and
 * pools. Without __GFP_RETRY_MAYFAIL, orders that are not costly would call the
 * OOM killer.
 */
static gfp_t contig_coherent_gfp(const struct contig_request *request)
{
	gfp_t gfp = GFP_KERNEL | __GFP_NOWARN;

	/* A work must not wait for the cgroup of a process. */
	if (!request->deferred)
		gfp |= __GFP_ACCOUNT;
	if (request->npages <= 1UL << PAGE_ALLOC_COSTLY_ORDER)
		gfp |= __GFP_RETRY_MAYFAIL;
	return gfp;
}

/*
 * Return true if memory for the page list of dma_alloc_attrs() seems available.
 * For a device that does not snoop caches, that function remaps the memory, and
 * would call the OOM killer if it could not allocate the list.
 */
static bool contig_coherent_can_map(struct device *dev, unsigned long npages)
{
	void *list;

	if (dev_is_dma_coherent(dev))
		return true;
	list = kvmalloc_array(npages, sizeof(struct page *), CONTIG_GFP);
	kvfree(list);
	return list;
}

/* Return true if the kernel may use CMA, and wait for its pages to move. */
static bool contig_coherent_may_wait(const struct contig_request *request)
{
	struct contig_pool *pool = contig_coherent_pool(request);

	if (!contig_coherent_cma())
		return false;
	/* The kernel takes single pages only from a device's own CMA. */
	return pool ? !pool->no_map : request->npages > 1;
}

/* Return true if memory is taken from a pool by setting bits. */
static bool contig_coherent_is_quick(const struct contig_request *request)
{
	struct contig_pool *pool = contig_coherent_pool(request);

	return pool && pool->no_map;
}

/* Allocate for a device near a node. Return 0 or as contig_cma_alloc(). */
static int contig_coherent_get(const struct contig_request *request,
			       struct contig_buffer *buffer, int node,
			       gfp_t gfp)
{
	size_t size = request->npages << PAGE_SHIFT;

	buffer->dev = request->pool ?
		      contig_pool_device(request->pool, request->coherent) :
		      contig_own_device_for(request->highest, request->coherent,
					    node);
	gfp |= contig_coherent_gfp(request);
	/* A pool that is not mapped needs no list of pages. */
	if (!contig_coherent_is_quick(request) &&
	    !contig_coherent_can_map(buffer->dev, request->npages))
		return -ENOMEM;
	/* Only CMA memory is kept then, which is not charged. */
	if (contig_coherent_pages(request))
		gfp &= ~__GFP_ACCOUNT;
	if (contig_coherent_may_wait(request))
		return contig_cma_alloc(request, buffer, gfp);
	buffer->vaddr = dma_alloc_attrs(buffer->dev, size, &buffer->dma, gfp,
					CONTIG_DMA_MEMORY_ATTRS);
	return buffer->vaddr ? 0 : -ENOMEM;
}

/*
 * Call dma_alloc_attrs(), once for each allowed node if the request excludes
 * some: the DMA API knows only a preferred node, and __GFP_THISNODE binds the
 * page allocator to it. Pools and CMA lie where they are.
 */
static int contig_coherent_ask(const struct contig_request *request,
			       struct contig_buffer *buffer)
{
	int nid, pass, ret = -ENOMEM;

	if (contig_should_fail(CONTIG_FAULT_COHERENT))
		return -ENOMEM;
	if (contig_coherent_pool(request) ||
	    (!request->confined && !request->node_strict))
		return contig_coherent_get(request, buffer, request->node, 0);
	for (pass = 0; pass < 2; pass++) {
		for_each_node_state(nid, N_MEMORY) {
			bool preferred = nid == request->node;

			if (preferred == !!pass ||
			    !contig_request_node_allowed(request, nid))
				continue;
			ret = contig_request_expired(request) ?:
			      contig_coherent_get(request, buffer, nid,
						  __GFP_THISNODE);
			if (ret != -ENOMEM)
				return ret;
		}
	}
	return ret;
}

/* Set the report for @error of dma_alloc_attrs(), and return an errno. */
static int contig_coherent_refused(const struct contig_request *request,
				   int error, struct contig_report *report)
{
	if (error == -EINTR || error == -ETIME)
		return contig_rung_stop(report, error);
	report->blocked = CONTIG_BLOCKED_EXHAUSTED;
	if (request->npages >
	    contig_coherent_limit(contig_coherent_pool(request)))
		report->blocked = CONTIG_BLOCKED_TOO_LARGE;
	else if (error == -EAGAIN)
		report->blocked = CONTIG_BLOCKED_BUSY;
	return error == -EAGAIN ? -EBUSY : -ENOMEM;
}

/* Allocate @size bytes by dma_alloc_attrs() and check the result. */
static int contig_coherent_take(const struct contig_request *request,
				struct contig_buffer *buffer, size_t size,
				struct contig_report *report)
{
	struct contig_pool *pool = contig_coherent_pool(request);
	int ret;

	ret = contig_coherent_ask(request, buffer);
	if (ret)
		return contig_coherent_refused(request, ret, report);

	ret = contig_dma_memory_record(buffer, size);
	if (!ret && pool && !contig_pool_owns(pool, &buffer->extents)) {
		report->blocked = CONTIG_BLOCKED_EXHAUSTED;
		ret = -ENOMEM;
	}
	if (!ret && !contig_extents_fit(request, &buffer->extents)) {
		report->blocked = CONTIG_BLOCKED_CONSTRAINTS;
		ret = -ENOMEM;
	}
	/* The kernel's free lists can contain failed pages: see pages.c. */
	if (!ret && contig_dma_memory_failed(buffer)) {
		report->blocked = CONTIG_BLOCKED_EXHAUSTED;
		ret = -ENOMEM;
	}
	if (ret)
		contig_dma_memory_undo(buffer, size);
	return ret;
}

/* Allocate by dma_alloc_attrs(), with bare page frames because of @why. */
static int contig_coherent_bare(const struct contig_request *request,
				struct contig_buffer *buffer,
				enum contig_frames why,
				struct contig_report *report)
{
	struct contig_pool *pool = contig_coherent_pool(request);
	unsigned long rest = contig_coherent_rest(pool, request->npages);
	size_t size = request->npages << PAGE_SHIFT;
	int ret;

	/* The length of a scatterlist entry is an unsigned int. */
	if (request->npages > UINT_MAX >> PAGE_SHIFT) {
		report->blocked = CONTIG_BLOCKED_TOO_LARGE;
		return -ENOMEM;
	}
	ret = contig_buffer_charge(buffer, rest);
	if (ret) {
		report->blocked = CONTIG_BLOCKED_EXHAUSTED;
		return ret;
	}
	ret = contig_coherent_take(request, buffer, size, report);
	if (!ret && why == CONTIG_FRAMES_CMA &&
	    contig_dma_memory_in_zone(buffer)) {
		/* It came from the page allocator, which has other attempts. */
		contig_dma_memory_undo(buffer, size);
		report->blocked = CONTIG_BLOCKED_EXHAUSTED;
		ret = -ENOMEM;
	}
	if (ret) {
		contig_buffer_uncharge(buffer, rest);
		return ret;
	}
	buffer->pool = pool;
	buffer->frames = why;
	if (pool)
		atomic_long_add(request->npages + rest, &pool->used);
	return 0;
}

/* Allocate a block whose pages each have a reference count. */
static int contig_coherent_block(const struct contig_request *request,
				 struct contig_buffer *buffer, bool hard,
				 struct contig_report *report)
{
	int ret = -ENOMEM;

	if (request->npages > 1UL << MAX_PAGE_ORDER) {
		report->blocked = CONTIG_BLOCKED_TOO_LARGE;
		return -ENOMEM;
	}
	if (!contig_should_fail(CONTIG_FAULT_COHERENT))
		ret = contig_pages_block(request, &buffer->extents, hard);
	report->blocked = ret == -ERANGE ||
			  request->align > 1UL << MAX_PAGE_ORDER ?
			  CONTIG_BLOCKED_CONSTRAINTS : CONTIG_BLOCKED_EXHAUSTED;
	if (ret)
		return -ENOMEM;
	buffer->mapping = CONTIG_MAPPING_STRUCT_PAGE;
	return 0;
}

static int contig_coherent_alloc(const struct contig_request *request,
				 struct contig_buffer *buffer,
				 struct contig_report *report)
{
	enum contig_frames why = contig_coherent_frames(request);
	bool cma = contig_coherent_cma() && request->npages > 1 &&
		   !request->struct_page;
	int ret;

	report->windows = 1;
	if (why && request->no_wait && !contig_coherent_is_quick(request)) {
		report->blocked = CONTIG_BLOCKED_WAIT;
		return -ENOMEM;
	}
	if (why)
		return contig_coherent_bare(request, buffer, why, report);
	/* With CMA, leave reclaim (hard) for the end: both move pages. */
	ret = contig_coherent_block(request, buffer, !cma, report);
	/* Reclaim, compaction or CMA might give it. */
	if (ret && request->no_wait &&
	    request->npages <= contig_coherent_limit(NULL) &&
	    request->align <= 1UL << MAX_PAGE_ORDER)
		report->blocked = CONTIG_BLOCKED_WAIT;
	if (!ret || !cma || request->no_wait)
		return ret;
	ret = contig_coherent_bare(request, buffer, CONTIG_FRAMES_CMA, report);
	if (!ret || ret == -EINTR || ret == -ETIME ||
	    request->npages > 1UL << MAX_PAGE_ORDER)
		return ret;
	return contig_coherent_block(request, buffer, true, report);
}

/*
 * Modules cannot query how much CMA or a pool has free. Others may use the pool
 * as well, so the figure for it is an upper bound.
 */
static unsigned long contig_coherent_largest(const struct contig_request *request,
					     const struct contig_survey *survey)
{
	struct contig_pool *pool = contig_coherent_pool(request);

	if (pool)
		return contig_coherent_clip(pool, pool->npages -
					    min_t(unsigned long, pool->npages,
						  atomic_long_read(&pool->used)));
	return request->struct_page ? survey->largest_free :
				      max(survey->largest_free,
					  survey->largest_cma);
}

/* Return true if compaction may yield more than contig_coherent_largest(). */
static bool contig_coherent_at_least(const struct contig_request *request,
				     const struct contig_survey *survey)
{
	return !contig_coherent_pool(request) &&
	       contig_coherent_largest(request, survey) < 1UL << MAX_PAGE_ORDER;
}

const struct contig_rung_ops contig_coherent_ops = {
	.mapping = CONTIG_MAPPING_PFN,
	.present = contig_coherent_present,
	.pages = contig_coherent_pages,
	.alloc = contig_coherent_alloc,
	.free = contig_coherent_free,
	.mmap = contig_dma_memory_mmap,
	.largest = contig_coherent_largest,
	.lower_bound = contig_coherent_at_least,
};

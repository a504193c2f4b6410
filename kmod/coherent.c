// SPDX-License-Identifier: GPL-2.0-only
/*
 * The coherent rung: dma_alloc_attrs() for contig's device, or for one that shares
 * the pool of the client's
 *
 * Where that has a pool this is the pool, where the kernel has CMA it is
 * CMA, else it is the page allocator. What it returns has no reference count on
 * every page, or lies in CMA memory where long-term pins are not allowed: so it
 * is mapped as bare page frames, by dma_mmap_attrs(), which also knows the right
 * cache attributes.
 */
#include <linux/dma-mapping.h>
#include <linux/log2.h>
#include <linux/memory_hotplug.h>
#include <linux/mm.h>
#include <linux/mmzone.h>
#include <linux/scatterlist.h>

#include "buffer.h"
#include "coherent.h"
#include "device.h"
#include "extents.h"
#include "fault.h"
#include "pageblock.h"
#include "poison.h"
#include "pool.h"
#include "request.h"
#include "rung.h"
#include "window.h"

#define CONTIG_ATTRS (DMA_ATTR_FORCE_CONTIGUOUS | DMA_ATTR_NO_WARN)

/* Where memory has to come from, NULL for anywhere. */
struct contig_pool *contig_coherent_pool(const struct contig_request *request)
{
	return request->pool ?: contig_device_pool();
}

/* Who gave a device a pool would not expect it to use other memory. */
static bool contig_coherent_present(const struct contig_request *request)
{
	struct contig_pool *pool = contig_coherent_pool(request);

	return !pool || pool->npages;
}

/* Note where the memory lies; more than one run happens behind an IOMMU. */
static int contig_coherent_note(struct contig_buffer *buffer, size_t size)
{
	struct scatterlist *sg;
	struct sg_table sgt;
	int ret, i;

	ret = dma_get_sgtable_attrs(buffer->dev, &sgt, buffer->vaddr,
				    buffer->dma, size, CONTIG_ATTRS);
	if (ret)
		return ret;
	for_each_sgtable_sg(&sgt, sg, i) {
		ret = contig_extents_append(&buffer->extents,
					    page_to_pfn(sg_page(sg)),
					    PFN_UP(sg->length));
		if (ret)
			break;
	}
	sg_free_table(&sgt);
	return ret;
}

/*
 * What the page allocator or a no-map pool gives is a power of two, and the rest
 * stays unused as long as the buffer lives. CMA gives no more than is wanted; but
 * where there is no pool nobody says which of the two it was: so the rest is charged
 * as well.
 */
static unsigned long contig_coherent_rest(const struct contig_pool *pool,
					  unsigned long npages)
{
	if (pool ? !pool->no_map : npages > 1UL << MAX_PAGE_ORDER)
		return 0;
	return roundup_pow_of_two(npages) - npages;
}

/* The largest piece that a pool can give, if this much of it is free. */
static unsigned long contig_coherent_piece(const struct contig_pool *pool,
					   unsigned long npages)
{
	return pool->no_map && npages ? rounddown_pow_of_two(npages) : npages;
}

static bool contig_coherent_failed(const struct contig_buffer *buffer)
{
	unsigned long npages = buffer->extents.npages;

	return contig_buffer_first_failed(buffer, 0, npages) < npages;
}

/*
 * Give memory back, unless that would make a failed page available to others.
 * CMA gives back page by page, and a failed page stays out. The page allocator and
 * a no-map pool give back the whole as one block, and do not look into it: such
 * a block is kept for good.
 */
static bool contig_coherent_give(struct contig_buffer *buffer, size_t size)
{
	unsigned long pfn = buffer->extents.pieces->pfn;
	struct page *page = pfn_to_online_page(pfn);
	bool cma = page && contig_block_is_cma(page_zone(page), pfn);

	if (!cma && contig_coherent_failed(buffer)) {
		pr_warn("contig: %zu KiB of coherent memory have a failed page and stay out of use\n",
			size >> 10);
		return false;
	}
	dma_free_attrs(buffer->dev, size, buffer->vaddr, buffer->dma,
		       CONTIG_ATTRS);
	return true;
}

static void contig_coherent_free(struct contig_buffer *buffer)
{
	unsigned long npages = buffer->extents.npages;

	/* What is kept of a pool stays counted as used. */
	if (contig_coherent_give(buffer, npages << PAGE_SHIFT) && buffer->pool)
		atomic_long_sub(npages +
				contig_coherent_rest(buffer->pool, npages),
				&buffer->pool->used);
	contig_extents_free(&buffer->extents);
}

/* The most that one allocation could ever give, in pages. */
static unsigned long contig_coherent_limit(const struct contig_pool *pool)
{
	if (pool)
		return contig_coherent_piece(pool, pool->npages);
	return IS_ENABLED(CONFIG_DMA_CMA) ? ULONG_MAX : 1UL << MAX_PAGE_ORDER;
}

/*
 * How to ask for @npages. The kernel charges the caller's memory cgroup for what
 * the page allocator gives, and not for memory of CMA and of pools. For orders that
 * the page allocator takes to be cheap it would call the OOM killer.
 */
static gfp_t contig_coherent_gfp(unsigned long npages)
{
	gfp_t gfp = GFP_KERNEL_ACCOUNT | __GFP_NOWARN;

	if (npages <= 1UL << PAGE_ALLOC_COSTLY_ORDER)
		gfp |= __GFP_RETRY_MAYFAIL;
	return gfp;
}

static int contig_coherent_alloc(const struct contig_request *request,
				 struct contig_buffer *buffer,
				 struct contig_report *report)
{
	struct contig_pool *pool = contig_coherent_pool(request);
	unsigned long rest = contig_coherent_rest(pool, request->npages);
	size_t size = request->npages << PAGE_SHIFT;
	int ret;

	/* A scatterlist, which tells where the memory lies, knows no more. */
	if (size > UINT_MAX) {
		report->blocked = CONTIG_BLOCKED_TOO_LARGE;
		return -ENOMEM;
	}
	ret = contig_buffer_charge(buffer, rest);
	if (ret) {
		report->blocked = CONTIG_BLOCKED_EXHAUSTED;
		return ret;
	}
	report->windows = 1;
	buffer->pool = pool;
	buffer->dev = request->pool ?
		      contig_pool_device(pool, request->coherent) :
		      contig_device_like(request->highest, request->coherent);
	buffer->vaddr = contig_should_fail(CONTIG_FAULT_COHERENT) ? NULL :
		dma_alloc_attrs(buffer->dev, size, &buffer->dma,
				contig_coherent_gfp(request->npages),
				CONTIG_ATTRS);
	if (!buffer->vaddr) {
		report->blocked = CONTIG_BLOCKED_EXHAUSTED;
		if (request->npages > contig_coherent_limit(pool))
			report->blocked = CONTIG_BLOCKED_TOO_LARGE;
		ret = -ENOMEM;
		goto err_uncharge;
	}

	ret = contig_coherent_note(buffer, size);
	if (!ret && pool && !contig_pool_owns(pool, &buffer->extents)) {
		report->blocked = CONTIG_BLOCKED_EXHAUSTED;
		ret = -ENOMEM;
	}
	if (!ret && !contig_extents_fit(request, &buffer->extents)) {
		report->blocked = CONTIG_BLOCKED_CONSTRAINTS;
		ret = -ENOMEM;
	}
	/* The kernel may have such a page on its free lists: see pages.c. */
	if (!ret && contig_coherent_failed(buffer)) {
		report->blocked = CONTIG_BLOCKED_EXHAUSTED;
		ret = -ENOMEM;
	}
	if (ret)
		goto err_free;
	if (pool)
		atomic_long_add(request->npages + rest, &pool->used);
	return 0;

err_free:
	contig_coherent_give(buffer, size);
	contig_extents_free(&buffer->extents);
	buffer->vaddr = NULL;
err_uncharge:
	buffer->pool = NULL;
	contig_buffer_uncharge(buffer, rest);
	return ret;
}

/*
 * What the kernel's CMA and the pool have left is not told to modules. Others
 * may use the pool as well, so that its figure is the most there can be.
 */
static unsigned long contig_coherent_largest(const struct contig_request *request,
					     const struct contig_survey *survey)
{
	struct contig_pool *pool = contig_coherent_pool(request);

	if (pool)
		return contig_coherent_piece(pool, pool->npages -
					     min_t(unsigned long, pool->npages,
						   atomic_long_read(&pool->used)));
	return max(survey->largest_free, survey->largest_cma);
}

/* Map a part of a buffer of this rung; vm_pgoff says which. */
int contig_coherent_mmap(struct contig_buffer *buffer,
			 struct vm_area_struct *vma)
{
	if (contig_should_fail(CONTIG_FAULT_MAP))
		return -ENOMEM;
	return dma_mmap_attrs(buffer->dev, vma, buffer->vaddr,
			      buffer->dma, buffer->extents.npages << PAGE_SHIFT,
			      CONTIG_ATTRS);
}

const struct contig_rung_ops contig_coherent_ops = {
	.name = "coherent",
	.mapping = CONTIG_MAPPING_PFN,
	.present = contig_coherent_present,
	.alloc = contig_coherent_alloc,
	.free = contig_coherent_free,
	.largest = contig_coherent_largest,
};

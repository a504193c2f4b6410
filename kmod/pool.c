// SPDX-License-Identifier: GPL-2.0-only
/*
 * Reserved memory that the Device Tree gives to a device
 *
 * A device whose node names a shared-dma-pool has its coherent memory there and
 * nowhere else. Its driver may have assigned the pool to the device or not, and
 * the device can be unplugged while a client has memory of the pool. So contig
 * allocates the memory for a device of its own (a stub) that shares the pool.
 * The kernel never frees its description of a pool.
 */
#include <linux/device.h>
#include <linux/dma-map-ops.h>
#include <linux/dma-mapping.h>
#include <linux/err.h>
#include <linux/mm.h>
#include <linux/mutex.h>
#include <linux/of.h>
#include <linux/of_reserved_mem.h>
#include <linux/pfn.h>
#include <linux/platform_device.h>
#include <linux/slab.h>

#include "extents.h"
#include "pool.h"

/* All pools that were looked at; freed when the module is unloaded. */
static LIST_HEAD(contig_pools);
static DEFINE_MUTEX(contig_pools_mutex);

/* Read the description of a pool. Return NULL, or why contig cannot use it. */
static const char *contig_pool_read(struct contig_pool *pool)
{
	struct reserved_mem *region = of_reserved_mem_lookup(pool->node);
	bool reusable = of_property_read_bool(pool->node, "reusable");

	if (!region)
		return "was not reserved";
	if (!region->ops || !region->ops->device_init)
		return "is nothing that the kernel allocates from";
	/* The kernel would round the base down, to memory outside. */
	if (!region->size || !PAGE_ALIGNED(region->base) ||
	    !PAGE_ALIGNED(region->size))
		return "is not made of whole pages";
	/* The kernel's default pool keeps a bitmap of its own for it. */
	if (of_property_read_bool(pool->node, "linux,dma-default"))
		return "is the default for all devices";
	pool->no_map = of_property_read_bool(pool->node, "no-map");
	/* The kernel makes no pool of memory that is mapped, but not reused. */
	if (!pool->no_map && !reusable)
		return "is neither no-map nor reusable";
	/* Buffers are lists of page frames, so each needs a struct page. */
	if (!pfn_valid(PHYS_PFN(region->base)) ||
	    !pfn_valid(PHYS_PFN(region->base + region->size - 1)))
		return "is not in memory";
	pool->pfn = PHYS_PFN(region->base);
	pool->npages = region->size >> PAGE_SHIFT;
	return NULL;
}

/* Make a device that shares the pool of @dev and can address all of it. */
static int contig_stub_make(struct contig_pool *pool, struct device *dev,
			    bool coherent)
{
	struct platform_device_info info = {
		.name = "contig",
		.id = PLATFORM_DEVID_AUTO,
		.dma_mask = DMA_BIT_MASK(64),
	};
	struct platform_device *pdev;
	int ret;

	pdev = platform_device_register_full(&info);
	if (IS_ERR(pdev))
		return PTR_ERR(pdev);
	dev_assign_dma_coherent(&pdev->dev, coherent);
	ret = of_reserved_mem_device_init_by_idx(&pdev->dev, dev->of_node, 0);
	if (ret)
		platform_device_unregister(pdev);
	else
		pool->stubs[coherent] = pdev;
	return ret;
}

/*
 * Return true if memory of the pool may be mapped cacheable. The kernel's own
 * mapping of no-map memory is not, and mappings of one page must not differ in
 * that, so the answer is false for a no-map pool of a coherent device as well.
 */
static bool contig_pool_cacheable(const struct contig_pool *pool, bool coherent)
{
	return coherent && !pool->no_map;
}

static void contig_pool_free(struct contig_pool *pool)
{
	int i;

	for (i = 0; i < ARRAY_SIZE(pool->stubs); i++) {
		if (!pool->stubs[i])
			continue;
		of_reserved_mem_device_release(&pool->stubs[i]->dev);
		platform_device_unregister(pool->stubs[i]);
	}
	of_node_put(pool->node);
	kfree(pool);
}

/* Make and list a pool; one that cannot be used too, to log it only once. */
static struct contig_pool *contig_pool_new(struct device *dev,
					   struct device_node *np)
{
	struct contig_pool *pool;
	const char *why;
	int ret = 0;

	pool = kzalloc(sizeof(*pool), GFP_KERNEL);
	if (!pool)
		return ERR_PTR(-ENOMEM);
	pool->node = of_node_get(np);
	why = contig_pool_read(pool);
	if (!why)
		ret = contig_stub_make(pool, dev, false);
	if (!why && !ret && contig_pool_cacheable(pool, true))
		ret = contig_stub_make(pool, dev, true);
	/* A lack of memory or addresses can pass, so the pool is not listed. */
	if (ret) {
		contig_pool_free(pool);
		return ERR_PTR(-ENOMEM);
	}
	if (why) {
		dev_err(dev, "contig: memory-region %pOF %s\n", np, why);
		pool->npages = 0;
	}
	list_add_tail(&pool->list, &contig_pools);
	return pool;
}

static struct contig_pool *contig_pool_find(struct device_node *np)
{
	struct contig_pool *pool;

	lockdep_assert_held(&contig_pools_mutex);
	list_for_each_entry(pool, &contig_pools, list)
		if (pool->node == np)
			return pool;
	return NULL;
}

/* Return the pool or CMA area that the driver has assigned, or NULL. */
static const void *contig_pool_claimed(const struct device *dev)
{
#ifdef CONFIG_DMA_DECLARE_COHERENT
	if (dev->dma_mem)
		return dev->dma_mem;
#endif
#ifdef CONFIG_DMA_CMA
	if (dev->cma_area)
		return dev->cma_area;
#endif
	return NULL;
}

/**
 * contig_pool_of() - find the pool that the Device Tree gives to a device
 * @dev: the device; the caller keeps it in place
 * @unclaimed: its driver, if it has one, leaves the device to others
 *
 * This is the first entry of memory-region, as for
 * of_reserved_mem_device_init(). A driver that has not assigned the pool to its
 * device may use the memory in its own way, and then contig must not use it.
 * May sleep.
 *
 * Return: the pool, which lives as long as the module; NULL if there is none or
 * the driver uses it; or ERR_PTR(-ENOMEM). A pool that cannot be used has no
 * pages.
 */
struct contig_pool *contig_pool_of(struct device *dev, bool unclaimed)
{
	const void *claimed = contig_pool_claimed(dev);
	struct device_node *np = of_parse_phandle(dev->of_node, "memory-region",
						  0);
	struct contig_pool *pool = NULL;

	if (np && (unclaimed || claimed) && of_device_is_available(np) &&
	    of_device_is_compatible(np, "shared-dma-pool")) {
		guard(mutex)(&contig_pools_mutex);
		pool = contig_pool_find(np) ?: contig_pool_new(dev, np);
	}
	of_node_put(np);
	if (claimed && !IS_ERR_OR_NULL(pool) && pool->npages &&
	    contig_pool_claimed(&pool->stubs[false]->dev) != claimed)
		pool = NULL;
	return pool;
}

/**
 * contig_pool_device() - return the stub for which to allocate memory of a pool
 * @pool: a pool that can be used
 * @coherent: dev_is_dma_coherent() of the device that has the pool
 *
 * Return: the device, which lives as long as the module.
 */
struct device *contig_pool_device(const struct contig_pool *pool, bool coherent)
{
	return &pool->stubs[contig_pool_cacheable(pool, coherent)]->dev;
}

/*
 * Return true if all of @extents lies in the pool. If CMA manages the pool and
 * the pool is exhausted, the kernel falls back to other memory.
 */
bool contig_pool_owns(const struct contig_pool *pool,
		      const struct contig_extents *extents)
{
	struct contig_cursor cursor;
	unsigned long pfn, n;

	contig_cursor_init(&cursor, extents, 0);
	while ((n = contig_cursor_next(&cursor, extents->npages, &pfn)))
		if (pfn < pool->pfn || n > pool->npages ||
		    pfn - pool->pfn > pool->npages - n)
			return false;
	return true;
}

/* Free all pools; no memory of them may be allocated. */
void contig_pools_exit(void)
{
	struct contig_pool *pool, *next;

	list_for_each_entry_safe(pool, next, &contig_pools, list)
		contig_pool_free(pool);
}

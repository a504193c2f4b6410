// SPDX-License-Identifier: GPL-2.0-only
/*
 * The device that coherent memory is allocated for
 *
 * If the Device Tree has a node for contig, it is that node's platform device,
 * and coherent memory comes from the pool that the node refers to and from
 * nowhere else. If not, it is a plain platform device of our own. Which of the
 * two is decided when the module is loaded, and never changes.
 */
#include <linux/dma-map-ops.h>
#include <linux/dma-mapping.h>
#include <linux/kernel.h>
#include <linux/log2.h>
#include <linux/mod_devicetable.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/of.h>
#include <linux/of_reserved_mem.h>
#include <linux/pfn.h>
#include <linux/platform_device.h>

#include "device.h"
#include "extents.h"

/* Constant after contig_device_init(); no pool if @npages is 0. */
static struct {
	struct device *dev;
	unsigned long pfn;
	unsigned long npages;
	bool no_map;
} contig_dev;

struct device *contig_device(void)
{
	return contig_dev.dev;
}

static struct platform_device *contig_device_make(int id, unsigned int bits)
{
	struct platform_device_info info = {
		.name = "contig",
		.id = id,
		.dma_mask = DMA_BIT_MASK(bits),
	};

	return platform_device_register_full(&info);
}

/*
 * The DMA API looks for memory where the device can reach it, and asks no more
 * than how many address bits it has; and it makes memory uncacheable for a device
 * that does not look into caches. So there is a device of each kind that somebody
 * wanted. Some cannot be had: there need not be memory that low.
 */
static struct platform_device *contig_kinds[2][65];
static DEFINE_MUTEX(contig_kinds_mutex);

static void contig_device_set_coherent(struct device *dev)
{
#if defined(CONFIG_ARCH_HAS_SYNC_DMA_FOR_DEVICE) || \
	defined(CONFIG_ARCH_HAS_SYNC_DMA_FOR_CPU)
	dev->dma_coherent = true;
#endif
}

static struct platform_device *contig_kind_make(unsigned int bits,
						bool coherent)
{
	struct platform_device *pdev;

	pdev = contig_device_make(100 * coherent + bits, bits);
	if (IS_ERR(pdev))
		return pdev;
	if (dma_set_mask_and_coherent(&pdev->dev, DMA_BIT_MASK(bits))) {
		platform_device_unregister(pdev);
		return ERR_PTR(-ERANGE);
	}
	if (coherent)
		contig_device_set_coherent(&pdev->dev);
	return pdev;
}

struct device *contig_device_like(unsigned long highest, bool coherent)
{
	struct platform_device *pdev;
	unsigned int bits = 64;

	coherent = coherent && !dev_is_dma_coherent(contig_dev.dev);
	if (highest != ULONG_MAX)
		bits = min_t(unsigned int, bits,
			     ilog2(highest + 1) + PAGE_SHIFT);
	if (contig_dev.npages || (bits == 64 && !coherent))
		return contig_dev.dev;
	guard(mutex)(&contig_kinds_mutex);
	pdev = contig_kinds[coherent][bits];
	if (!pdev) {
		pdev = contig_kind_make(bits, coherent);
		if (pdev != ERR_PTR(-ENOMEM))
			contig_kinds[coherent][bits] = pdev;
	}
	return IS_ERR(pdev) ? contig_dev.dev : &pdev->dev;
}

unsigned long contig_device_pool(void)
{
	return contig_dev.npages;
}

bool contig_device_no_map(void)
{
	return contig_dev.no_map;
}

/*
 * Does all of @extents lie in the pool? Where CMA manages the pool, and it is
 * exhausted, the kernel falls back to memory that is anybody's.
 */
bool contig_device_owns(const struct contig_extents *extents)
{
	struct contig_cursor cursor;
	unsigned long pfn, n;

	contig_cursor_init(&cursor, extents, 0);
	while ((n = contig_cursor_next(&cursor, extents->npages, &pfn)))
		if (pfn < contig_dev.pfn || n > contig_dev.npages ||
		    pfn - contig_dev.pfn > contig_dev.npages - n)
			return false;
	return true;
}

/* Look up the pool, and let it be where memory for @dev comes from. */
static int contig_pool_attach(struct device *dev)
{
	struct device_node *np = of_parse_phandle(dev->of_node, "memory-region",
						  0);
	struct reserved_mem *region = np ? of_reserved_mem_lookup(np) : NULL;
	bool no_map = np && of_property_read_bool(np, "no-map");
	bool reusable = np && of_property_read_bool(np, "reusable");
	int ret;

	of_node_put(np);
	if (!region)
		return dev_err_probe(dev, -EINVAL,
				     "memory-region names no reserved memory\n");
	/* The kernel makes no pool of memory that it maps and does not use. */
	if (!no_map && !reusable)
		return dev_err_probe(dev, -EINVAL,
				     "memory-region is neither no-map nor reusable\n");
	/* Buffers are lists of page frames, so each needs a struct page. */
	if (!pfn_valid(PHYS_PFN(region->base)) ||
	    !pfn_valid(PHYS_PFN(region->base + region->size - 1)))
		return dev_err_probe(dev, -EINVAL,
				     "memory-region is not in memory\n");
	ret = of_reserved_mem_device_init(dev);
	if (ret)
		return dev_err_probe(dev, ret,
				     "memory-region is no shared-dma-pool\n");
	contig_dev.pfn = PHYS_PFN(region->base);
	contig_dev.npages = region->size >> PAGE_SHIFT;
	contig_dev.no_map = no_map;
	return 0;
}

static int contig_pool_probe(struct platform_device *pdev)
{
	struct device *dev = &pdev->dev;
	int ret;

	if (contig_dev.dev)
		return dev_err_probe(dev, -EBUSY, "only one pool is used, %s\n",
				     dev_name(contig_dev.dev));
	ret = dma_set_mask_and_coherent(dev, DMA_BIT_MASK(64));
	if (ret)
		return dev_err_probe(dev, ret, "cannot reach its pool\n");
	ret = contig_pool_attach(dev);
	/* It may be taken out of the tree while we still use the pool. */
	if (!ret)
		contig_dev.dev = get_device(dev);
	return ret;
}

static const struct of_device_id contig_of_match[] = {
	{ .compatible = "contig,dma-pool" },
	{}
};
MODULE_DEVICE_TABLE(of, contig_of_match);

static struct platform_driver contig_pool_driver = {
	.driver = {
		.name = "contig-pool",
		.of_match_table = contig_of_match,
	},
};

static bool contig_pool_described(void)
{
	struct device_node *np;

	for_each_matching_node(np, contig_of_match) {
		if (of_device_is_available(np)) {
			of_node_put(np);
			return true;
		}
	}
	return false;
}

/*
 * A pool that is described and cannot be used fails: who reserved memory for
 * contig would not expect it to take other memory.
 */
int contig_device_init(void)
{
	struct platform_device *pdev;
	int ret;

	if (contig_pool_described()) {
		/* Binds now or never, and cannot be unbound by hand. */
		ret = platform_driver_probe(&contig_pool_driver,
					    contig_pool_probe);
		if (ret)
			pr_err("contig: the pool in the Device Tree cannot be used\n");
		return ret;
	}
	pdev = contig_device_make(PLATFORM_DEVID_NONE, 64);
	if (IS_ERR(pdev))
		return PTR_ERR(pdev);
	contig_dev.dev = &pdev->dev;
	return 0;
}

void contig_device_exit(void)
{
	unsigned int bits;

	/* Which takes no offence at those that could not be had. */
	for (bits = 0; bits < ARRAY_SIZE(contig_kinds[0]); bits++) {
		platform_device_unregister(contig_kinds[false][bits]);
		platform_device_unregister(contig_kinds[true][bits]);
	}
	if (contig_dev.npages) {
		of_reserved_mem_device_release(contig_dev.dev);
		put_device(contig_dev.dev);
		platform_driver_unregister(&contig_pool_driver);
	} else {
		platform_device_unregister(to_platform_device(contig_dev.dev));
	}
}

// SPDX-License-Identifier: GPL-2.0-only
/*
 * The device that coherent memory is allocated for
 *
 * It is a platform device of our own. If the Device Tree has a node for contig,
 * coherent memory comes from the pool that the node refers to and from nowhere
 * else. That is decided when the module is loaded, and never changes. Memory for a
 * client's device that has a pool comes from that one instead: see pool.c.
 */
#include <linux/dma-map-ops.h>
#include <linux/dma-mapping.h>
#include <linux/kernel.h>
#include <linux/log2.h>
#include <linux/mod_devicetable.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/of.h>
#include <linux/platform_device.h>

#include "device.h"
#include "pool.h"

/* Constant after contig_device_init(); @pool is NULL if there is none. */
static struct {
	struct device *dev;
	struct contig_pool *pool;
} contig_dev;

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
	if (contig_dev.pool || (bits == 64 && !coherent))
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

struct contig_pool *contig_device_pool(void)
{
	return contig_dev.pool;
}

static int contig_pool_probe(struct platform_device *pdev)
{
	struct device *dev = &pdev->dev;
	struct contig_pool *pool;

	if (contig_dev.pool)
		return dev_err_probe(dev, -EBUSY, "only one pool is used, %pOF\n",
				     contig_dev.pool->node);
	pool = contig_pool_of(dev, true);
	if (IS_ERR(pool))
		return PTR_ERR(pool);
	if (!pool)
		return dev_err_probe(dev, -EINVAL,
				     "memory-region names no shared-dma-pool\n");
	/* Why has been said. */
	if (!pool->npages)
		return -EINVAL;
	contig_dev.pool = pool;
	contig_dev.dev = contig_pool_device(pool, dev_is_dma_coherent(dev));
	return 0;
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
		if (ret) {
			pr_err("contig: the pool in the Device Tree cannot be used\n");
			contig_pools_exit();
		}
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
	if (contig_dev.pool)
		platform_driver_unregister(&contig_pool_driver);
	else
		platform_device_unregister(to_platform_device(contig_dev.dev));
	contig_pools_exit();
}

// SPDX-License-Identifier: GPL-2.0-only
/*
 * The device that coherent memory is allocated for
 *
 * It is a platform device that contig creates. If the Device Tree has a node
 * for contig, coherent memory comes only from the pool that the node refers to.
 * That is decided when the module is loaded, and never changes. For a client's
 * device with a pool of its own, memory comes from that pool instead: see
 * pool.c.
 */
#include <linux/device.h>
#include <linux/dma-map-ops.h>
#include <linux/dma-mapping.h>
#include <linux/kernel.h>
#include <linux/list.h>
#include <linux/lockdep.h>
#include <linux/log2.h>
#include <linux/mod_devicetable.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/numa.h>
#include <linux/of.h>
#include <linux/platform_device.h>
#include <linux/slab.h>

#include "own_device.h"
#include "pool.h"

/* Constant after contig_own_device_init(); @pool may be NULL. */
static struct {
	struct device *dev;
	struct contig_pool *pool;
} contig_dev;

static struct platform_device *contig_own_device_make(int id, unsigned int bits)
{
	struct platform_device_info info = {
		.name = "contig",
		.id = id,
		.dma_mask = DMA_BIT_MASK(bits),
	};

	return platform_device_register_full(&info);
}

/**
 * struct contig_kind - a platform device with given DMA properties
 * @list: entry of contig_kinds
 * @bits: number of its address bits
 * @node: the NUMA node that it is near, or NUMA_NO_NODE
 * @coherent: it snoops the CPU's caches
 * @pdev: the device, NULL if the kernel refuses @bits
 *
 * The DMA API chooses memory by a device's address bits and node, and makes it
 * uncacheable if the device does not snoop caches. So contig creates a device
 * for each combination that a caller wanted. The kernel refuses address bits
 * below its lowest memory.
 */
struct contig_kind {
	struct list_head list;
	unsigned int bits;
	int node;
	bool coherent;
	struct platform_device *pdev;
};

static LIST_HEAD(contig_kinds);
static DEFINE_MUTEX(contig_kinds_mutex);

static struct platform_device *contig_kind_make(const struct contig_kind *kind)
{
	int id = 1000 * (kind->node + 1) + 100 * kind->coherent + kind->bits;
	struct platform_device *pdev = contig_own_device_make(id, kind->bits);

	if (IS_ERR(pdev))
		return pdev;
	if (dma_set_mask_and_coherent(&pdev->dev, DMA_BIT_MASK(kind->bits))) {
		platform_device_unregister(pdev);
		return NULL;
	}
	set_dev_node(&pdev->dev, kind->node);
	if (kind->coherent)
		dev_assign_dma_coherent(&pdev->dev, true);
	return pdev;
}

/* Find or make the device with these properties. Return it or NULL. */
static struct platform_device *contig_kind_find(unsigned int bits, bool coherent,
						int node)
{
	struct contig_kind *kind;

	lockdep_assert_held(&contig_kinds_mutex);
	list_for_each_entry(kind, &contig_kinds, list)
		if (kind->bits == bits && kind->coherent == coherent &&
		    kind->node == node)
			return kind->pdev;
	kind = kmalloc(sizeof(*kind), GFP_KERNEL);
	if (!kind)
		return NULL;
	kind->bits = bits;
	kind->node = node;
	kind->coherent = coherent;
	kind->pdev = contig_kind_make(kind);
	/* Out of memory: do not list it, a later call may succeed. */
	if (IS_ERR(kind->pdev)) {
		kfree(kind);
		return NULL;
	}
	list_add(&kind->list, &contig_kinds);
	return kind->pdev;
}

/* Return the device with these properties, or NULL, also after a fatal signal. */
static struct platform_device *contig_kind_get(unsigned int bits, bool coherent,
					       int node)
{
	struct platform_device *pdev;

	/* Another task may be making one, and be throttled meanwhile. */
	if (mutex_lock_killable(&contig_kinds_mutex))
		return NULL;
	pdev = contig_kind_find(bits, coherent, node);
	mutex_unlock(&contig_kinds_mutex);
	return pdev;
}

struct device *contig_own_device_for(unsigned long highest, bool coherent, int node)
{
	struct platform_device *pdev;
	unsigned int bits = 64;

	coherent = coherent && !dev_is_dma_coherent(contig_dev.dev);
	if (highest != ULONG_MAX)
		bits = min_t(unsigned int, bits,
			     ilog2(highest + 1) + PAGE_SHIFT);
	if (contig_dev.pool ||
	    (bits == 64 && !coherent && node == NUMA_NO_NODE))
		return contig_dev.dev;
	pdev = contig_kind_get(bits, coherent, node);
	return pdev ? &pdev->dev : contig_dev.dev;
}

/*
 * Return true if coherent memory is cacheable. @coherent is set for a client's
 * device that snoops caches.
 */
bool contig_own_device_caches(bool coherent)
{
	return coherent || dev_is_dma_coherent(contig_dev.dev);
}

struct contig_pool *contig_own_device_pool(void)
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
	/* contig_pool_of() has logged the reason. */
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

/*
 * The aliases that MODULE_DEVICE_TABLE() would make. It needs a modpost that
 * knows the size of the table's entries, and the one that Debian has for
 * building 32-bit modules on a 64-bit machine does not.
 */
MODULE_ALIAS("of:N*T*Ccontig,dma-pool");
MODULE_ALIAS("of:N*T*Ccontig,dma-poolC*");

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
 * Fail if the Device Tree's pool cannot be used: memory was reserved for
 * contig, so it must not use other memory instead.
 */
int contig_own_device_init(void)
{
	struct platform_device *pdev;
	int ret;

	if (contig_pool_described()) {
		/* Binds now or never, and user space cannot unbind it. */
		ret = platform_driver_probe(&contig_pool_driver,
					    contig_pool_probe);
		if (ret) {
			pr_err("contig: the pool in the Device Tree cannot be used\n");
			contig_pools_exit();
		}
		return ret;
	}
	pdev = contig_own_device_make(PLATFORM_DEVID_NONE, 64);
	if (IS_ERR(pdev))
		return PTR_ERR(pdev);
	contig_dev.dev = &pdev->dev;
	return 0;
}

void contig_own_device_exit(void)
{
	struct contig_kind *kind, *next;

	list_for_each_entry_safe(kind, next, &contig_kinds, list) {
		platform_device_unregister(kind->pdev);
		kfree(kind);
	}
	if (contig_dev.pool)
		platform_driver_unregister(&contig_pool_driver);
	else
		platform_device_unregister(to_platform_device(contig_dev.dev));
	contig_pools_exit();
}

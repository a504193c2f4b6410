// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory that the administrator gives by its address
 *
 * The firmware, or memmap=SIZE$ADDRESS on the kernel's command line, has set it
 * aside: the kernel lists it as reserved in /proc/iomem, and has no struct
 * pages for it. memremap_pages() makes these, and maps the memory in the
 * kernel. Each page has one reference, which is contig's and is never dropped.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/align.h>
#include <linux/err.h>
#include <linux/errno.h>
#include <linux/ioport.h>
#include <linux/memremap.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/nodemask.h>
#include <linux/numa.h>
#include <linux/pfn.h>
#include <linux/printk.h>
#include <linux/sched/signal.h>
#include <linux/sizes.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/suspend.h>

#include "clear.h"
#include "early.h"
#include "pages.h"
#include "region.h"
#include "rung.h"

/* Pages that are cleared between two checks for a fatal signal. */
#define CONTIG_REGION_STEP ((unsigned long)SZ_64M >> PAGE_SHIFT)

/**
 * struct contig_region - memory that was given by its address
 * @pgmap: argument of memremap_pages()
 * @ops: for failed pages. A member, since memory that stays mapped outlives the
 *       module
 * @failed: a page has failed
 * @name: for /proc/iomem. A member, since an entry that stays outlives the
 *        module
 */
struct contig_region {
	struct dev_pagemap pgmap;
	struct dev_pagemap_ops ops;
	bool failed;
	char name[16];
};

#ifdef CONFIG_ZONE_DEVICE
/*
 * Mark pages that the hardware has reported, as the kernel marks those of other
 * blocks. The kernel calls the tracepoint of poison.c next. Return -EBUSY,
 * since the page may still be mapped: a task that accessed it must not go on.
 */
static int contig_region_failure(struct dev_pagemap *pgmap, unsigned long pfn,
				 unsigned long npages, int flags)
{
	WRITE_ONCE(container_of(pgmap, struct contig_region, pgmap)->failed,
		   true);
	while (npages--)
		SetPageHWPoison(pfn_to_page(pfn++));
	return -EBUSY;
}

/*
 * Refuse hibernation: it saves neither the contents of buffers in such memory
 * nor the zeros of its free pages.
 */
static int contig_region_pm(struct notifier_block *nb, unsigned long action,
			    void *unused)
{
	return action == PM_HIBERNATION_PREPARE ? notifier_from_errno(-EBUSY) :
						  NOTIFY_OK;
}

static struct notifier_block contig_region_notifier = {
	.notifier_call = contig_region_pm,
};

/* Number of regions; changes only when the module is loaded or unloaded. */
static unsigned int contig_regions;

/* Return NULL, or why the memory cannot be taken. */
static const char *contig_region_refused(const struct contig_early *ask)
{
	u64 size = (u64)ask->npages << PAGE_SHIFT;

	if (contig_memory_encrypted())
		return "memory is encrypted here, and devices cannot use it";
	if (ask->node != NUMA_NO_NODE && !node_online(ask->node))
		return "there is no such node";
	if (!IS_ALIGNED(ask->address | size, memremap_compat_align()))
		return "address and size are not multiples of 2 MiB, or what the kernel maps";
	if (ask->address + size - 1 > iomem_resource.end)
		return "this machine has no addresses so high";
	if (region_intersects(ask->address, size, IORESOURCE_SYSTEM_RAM,
			      IORES_DESC_NONE) != REGION_DISJOINT)
		return "it is memory that the kernel uses";
	return NULL;
}

/*
 * Return NULL, or why contig must not use a range of the resource tree. All of
 * it must lie in one entry for reserved memory, so that it has no hole, and
 * that entry must be in no other: an entry in the window of a bus may be
 * registers.
 */
static const char *contig_region_misplaced(const struct resource *res)
{
	const struct resource *parent = res->parent;

	if (parent == &iomem_resource ||
	    parent->desc != IORES_DESC_RESERVED)
		return "it is not all reserved in /proc/iomem";
	if (parent->parent != &iomem_resource)
		return "it may be registers of a device";
	return NULL;
}

/* Return the node asked for, or the one of the firmware, or NUMA_NO_NODE. */
static int contig_region_node(const struct contig_early *ask)
{
	int node = ask->node;

	if (node == NUMA_NO_NODE)
		node = phys_to_target_node(ask->address);
	return node >= 0 && node < MAX_NUMNODES && node_online(node) ?
	       node : NUMA_NO_NODE;
}

/* Clear pages. Return 0, or -EINTR after a fatal signal. */
static int contig_region_clear(unsigned long pfn, unsigned long npages)
{
	unsigned long n;

	for (; npages; npages -= n, pfn += n) {
		if (fatal_signal_pending(current))
			return -EINTR;
		n = min(npages, CONTIG_REGION_STEP);
		contig_pages_clear(pfn, n);
	}
	return 0;
}

/* Make struct pages for the memory. Return NULL, or why that failed. */
static const char *contig_region_map(struct contig_region *region,
				     const struct contig_early *ask)
{
	unsigned long pfn = PHYS_PFN(ask->address), i;
	void *map;

	region->pgmap.type = MEMORY_DEVICE_GENERIC;
	region->ops.memory_failure = contig_region_failure;
	region->pgmap.ops = &region->ops;
	region->pgmap.range.start = ask->address;
	region->pgmap.range.end = ask->address +
				  ((u64)ask->npages << PAGE_SHIFT) - 1;
	region->pgmap.nr_range = 1;
	map = memremap_pages(&region->pgmap, contig_region_node(ask));
	if (IS_ERR(map))
		return "the kernel cannot map it";
	/*
	 * GUP takes references on these pages as on other memory, but VFIO does
	 * not account for pages that are reserved, and never unpins them.
	 */
	for (i = 0; i < ask->npages; i++)
		ClearPageReserved(pfn_to_page(pfn + i));
	return NULL;
}

/* Reserve the range and map it. Return NULL, or why that is not possible. */
static const char *contig_region_get(struct contig_region *region,
				     const struct contig_early *ask)
{
	u64 size = (u64)ask->npages << PAGE_SHIFT;
	const char *why = contig_region_refused(ask);
	struct resource *res;

	if (why)
		return why;
	strscpy(region->name, "contig", sizeof(region->name));
	res = request_mem_region(ask->address, size, region->name);
	if (!res)
		return "a driver or another block has a part of it, or a page of it has failed";
	why = contig_region_misplaced(res) ?: contig_region_map(region, ask);
	if (why)
		release_mem_region(ask->address, size);
	return why;
}

/**
 * contig_region_take() - take memory that was set aside
 * @ask: address and length
 * @region: receives the region, for contig_region_put()
 * @pfn: receives the first page frame
 *
 * May sleep, and takes the lock of memory hotplug; lock order: client.h. If the
 * memory cannot be taken, the log says why.
 *
 * Return: 0, -EBUSY if the memory cannot be taken, -ENOMEM, or -EINTR.
 */
int contig_region_take(const struct contig_early *ask,
		       struct contig_region **region, unsigned long *pfn)
{
	struct contig_region *new __free(kfree) =
		kzalloc(sizeof(*new), GFP_KERNEL);
	const char *why;
	int ret;

	if (!new)
		return -ENOMEM;
	why = contig_region_get(new, ask);
	if (why) {
		pr_warn("the memory at 0x%llx is not taken: %s\n", ask->address,
			why);
		return -EBUSY;
	}
	*pfn = PHYS_PFN(ask->address);
	if (!contig_regions++)
		register_pm_notifier(&contig_region_notifier);
	ret = ask->keep ? 0 : contig_region_clear(*pfn, ask->npages);
	if (ret)
		contig_region_put(no_free_ptr(new));
	else
		*region = no_free_ptr(new);
	return ret;
}

/* Clear the marks of failed pages, whose struct pages are about to be freed. */
static void contig_region_forget_failed(unsigned long pfn, unsigned long npages)
{
	unsigned long at, end = pfn + npages;

	for (at = pfn; at < end; at++) {
		at += contig_pages_first_failed(at, end - at);
		if (at < end)
			ClearPageHWPoison(pfn_to_page(at));
	}
}

/*
 * Leave memory mapped when the module is unloaded. From here on no failure is
 * reported for it, and all reports have been handled.
 */
static void contig_region_abandon(struct contig_region *region)
{
	unsigned long npages = range_len(&region->pgmap.range) >> PAGE_SHIFT;

	percpu_ref_kill(&region->pgmap.ref);
	/* Each page has a reference, which memunmap_pages() would drop. */
	percpu_ref_put_many(&region->pgmap.ref, npages);
	wait_for_completion(&region->pgmap.done);
	WRITE_ONCE(region->ops.memory_failure, NULL);
}

/**
 * contig_region_put() - give back memory of which no page is allocated
 * @region: from contig_region_take()
 *
 * memunmap_pages() frees the struct pages, even of pages with references. A
 * page with a reference is in quarantine and keeps the module loaded (scrub.c),
 * so there is none, unless unloading was forced. Then the memory stays mapped.
 *
 * Memory with a failed page must not be taken again, since that page would be
 * cleared: its entry in /proc/iomem stays. May sleep, and takes the lock of
 * memory hotplug.
 */
void contig_region_put(struct contig_region *region)
{
	u64 start = region->pgmap.range.start;
	u64 size = range_len(&region->pgmap.range);
	unsigned long pfn = PHYS_PFN(start), npages = size >> PAGE_SHIFT;

	if (!--contig_regions)
		unregister_pm_notifier(&contig_region_notifier);
	if (contig_pages_first_shared(pfn, npages) < npages) {
		pr_warn("the memory at 0x%llx has a page in use and stays mapped\n",
			start);
		contig_region_abandon(region);
		return;
	}
	contig_region_forget_failed(pfn, npages);
	memunmap_pages(&region->pgmap);
	if (region->failed) {
		strscpy(region->name, "contig (failed)", sizeof(region->name));
		return;
	}
	release_mem_region(start, size);
	kfree(region);
}
#else
int contig_region_take(const struct contig_early *ask,
		       struct contig_region **region, unsigned long *pfn)
{
	pr_warn("the memory at 0x%llx is not taken: this kernel cannot make struct pages for it\n",
		ask->address);
	return -EBUSY;
}

void contig_region_put(struct contig_region *region)
{
}
#endif

// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory that the kernel takes offline
 *
 * To take memory offline the kernel isolates its pageblocks, moves out what lies
 * in them, and tries again until all of it is free. alloc_contig_range() isolates
 * pageblocks as well; where it meets one that is isolated already it fails and,
 * up to Linux 6.12 at least, ends that isolation, which is not its own. What is
 * freed then goes to other users, and offlining never ends.
 *
 * So windows are not emptied where pageblocks are isolated. Between that look and
 * alloc_contig_range() the kernel may begin to take memory offline; but it tells
 * of that when it has isolated the memory, and then offlining is refused if a
 * window that overlaps is being emptied or if the isolation is gone.
 *
 * Pages of contig in use are unmovable: isolation fails because of them, and
 * offlining with -EBUSY, at once. But it takes no notice of failed pages, of which
 * the reserve and buffers keep some. So the module refuses for these itself.
 */
#include <linux/memory.h>
#include <linux/memory_hotplug.h>
#include <linux/mm.h>
#include <linux/mmzone.h>
#include <linux/notifier.h>
#include <linux/pageblock-flags.h>
#include <linux/spinlock.h>

#include "buffer.h"
#include "offline.h"
#include "pageblock.h"
#include "poison.h"
#include "rung.h"

/**
 * struct contig_offline - what may not be emptied, and what is
 * @lock: protects the members below; a leaf
 * @start: first page frame that goes offline
 * @end: first page frame behind; the same if none does
 * @window: first page frame of the window that is being emptied, down to a
 *          pageblock's
 * @window_end: first page frame behind, up to a pageblock's; the same if none is.
 *              One is at a time: see range.c
 */
static struct contig_offline {
	spinlock_t lock; /* for all that follows */
	unsigned long start;
	unsigned long end;
	unsigned long window;
	unsigned long window_end;
} offline = {
	.lock = __SPIN_LOCK_UNLOCKED(offline.lock),
};

static bool contig_blocks_isolated(unsigned long pfn, unsigned long end,
				   bool all)
{
	struct page *page;
	bool isolated;

	for (; pfn < end; pfn += pageblock_nr_pages) {
		page = pfn_to_online_page(pfn);
		isolated = page &&
			   contig_block_is_isolated(page_zone(page), pfn);
		if (isolated != all)
			return !all;
	}
	return all;
}

/**
 * contig_offline_enter() - begin to empty a window of memory
 * @pfn: first page frame
 * @npages: how many
 *
 * One window at a time.
 *
 * Return: false if the kernel has isolated a part of it; else true, and
 * contig_offline_leave() has to follow.
 */
bool contig_offline_enter(unsigned long pfn, unsigned long npages)
{
	unsigned long end = pageblock_align(pfn + npages);

	pfn = pageblock_start_pfn(pfn);
	scoped_guard(spinlock, &offline.lock) {
		if (pfn < offline.end && offline.start < end)
			return false;
		offline.window = pfn;
		offline.window_end = end;
	}
	if (!contig_blocks_isolated(pfn, end, false))
		return true;
	contig_offline_leave();
	return false;
}

void contig_offline_leave(void)
{
	spin_lock(&offline.lock);
	offline.window_end = offline.window;
	spin_unlock(&offline.lock);
}

/* Return true if memory that the kernel has isolated may go offline. */
static bool contig_offline_begin(unsigned long start, unsigned long end)
{
	contig_poison_settle();
	if (contig_reserve_overlaps(start, end) ||
	    contig_buffers_failed(start, end))
		return false;
	scoped_guard(spinlock, &offline.lock) {
		if (offline.window < end && start < offline.window_end)
			return false;
		offline.start = start;
		offline.end = end;
	}
	return contig_blocks_isolated(start, end, true);
}

static void contig_offline_end(void)
{
	spin_lock(&offline.lock);
	offline.end = offline.start;
	spin_unlock(&offline.lock);
}

/* Called by the kernel, which takes one piece of memory offline at a time. */
static int contig_offline_notify(struct notifier_block *nb,
				 unsigned long action, void *data)
{
	const struct memory_notify *memory = data;

	switch (action) {
	case MEM_GOING_OFFLINE:
		if (!contig_offline_begin(memory->start_pfn,
					  memory->start_pfn + memory->nr_pages))
			return notifier_from_errno(-EBUSY);
		break;
	case MEM_CANCEL_OFFLINE:
	case MEM_OFFLINE:
		contig_offline_end();
		break;
	}
	return NOTIFY_OK;
}

static struct notifier_block contig_offline_notifier = {
	.notifier_call = contig_offline_notify,
};

int contig_offline_init(void)
{
	return register_memory_notifier(&contig_offline_notifier);
}

void contig_offline_exit(void)
{
	unregister_memory_notifier(&contig_offline_notifier);
}

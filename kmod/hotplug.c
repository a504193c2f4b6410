// SPDX-License-Identifier: GPL-2.0-only
/*
 * Notifier of memory that goes offline
 *
 * Used pages of contig are unmovable, so isolation and offlining fail with
 * -EBUSY at once. But isolation ignores failed pages, and the reserve and
 * buffers may own some. So this notifier refuses for those.
 */
#include <linux/memory.h>
#include <linux/notifier.h>
#include <linux/rcupdate.h>

#include "buffer.h"
#include "hotplug.h"
#include "offline.h"
#include "reserve.h"
#include "sweep.h"

/* Return true if memory that the kernel has isolated may go offline. */
static bool contig_hotplug_allows(unsigned long start, unsigned long end)
{
	contig_sweep_wait();
	return !contig_reserve_overlaps(start, end) &&
	       !contig_buffers_failed(start, end) &&
	       contig_offline_begin(start, end);
}

/* The kernel takes one part of memory offline at a time. */
static int contig_hotplug_notify(struct notifier_block *nb,
				 unsigned long action, void *data)
{
	const struct memory_notify *memory = data;

	switch (action) {
	case MEM_GOING_OFFLINE:
		if (!contig_hotplug_allows(memory->start_pfn,
					   memory->start_pfn +
					   memory->nr_pages))
			return notifier_from_errno(-EBUSY);
		break;
	case MEM_OFFLINE:
		/*
		 * The kernel may free the struct pages next: wait for readers
		 * that found the memory online.
		 */
		synchronize_rcu();
		fallthrough;
	case MEM_CANCEL_OFFLINE:
		contig_offline_end();
		break;
	}
	return NOTIFY_OK;
}

static struct notifier_block contig_hotplug_notifier = {
	.notifier_call = contig_hotplug_notify,
};

/* Return 0 or -errno. */
int contig_hotplug_init(void)
{
	return register_memory_notifier(&contig_hotplug_notifier);
}

/* May sleep. */
void contig_hotplug_exit(void)
{
	unregister_memory_notifier(&contig_hotplug_notifier);
}

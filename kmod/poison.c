// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory that has failed
 *
 * The kernel marks a page that the hardware reports as faulty (PageHWPoison). It
 * takes pages of processes and files out of use by itself. Pages of contig are on
 * no LRU list, and it cannot find where they are mapped: it marks these and
 * leaves them as they are. So the module sees to it that they are not used.
 *
 * Modules have no notifier for this. The kernel's tracepoint for memory failures
 * serves as one: the probe counts the event and starts a work item that looks
 * through all buffers and takes failed pages out of the page tables of processes.
 * A later access faults, and gets the SIGBUS that it would get from memory of the
 * process's own. The reserve compares the count each time before it gives out
 * memory. On a kernel without tracepoints each use of a buffer looks at the pages,
 * the reserve looks at its own once a second, and what is mapped stays mapped; there
 * an access causes another machine check, by which the kernel kills the process.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/atomic.h>
#include <linux/fs.h>
#include <linux/jiffies.h>
#include <linux/memory_hotplug.h>
#include <linux/mm.h>
#include <linux/string.h>
#include <linux/tracepoint.h>
#include <linux/workqueue.h>

#include <ras/ras_event.h>

#include "areas.h"
#include "buffer.h"
#include "pages.h"
#include "pin.h"
#include "poison.h"
#include "rung.h"

/**
 * struct contig_poison - what is known of failures
 * @tracepoint: tells of them; NULL if the kernel has none. Constant after
 *              contig_poison_init()
 * @noticed: counts them
 * @swept: @noticed when the last complete sweep of all buffers began
 * @mmaps: buffers are being mapped by so many threads now
 * @sweep: looks through buffers and the reserve
 */
static struct contig_poison {
	struct tracepoint *tracepoint;
	atomic_t noticed;
	unsigned int swept;
	atomic_t mmaps;
	struct delayed_work sweep;
} poison;

/**
 * contig_poison_news() - tell whether pages may have failed since the last call
 * @seen: state of the caller, which serialises its calls; 0 in the beginning
 *
 * Return: true if the caller has to look at its pages.
 */
bool contig_poison_news(unsigned int *seen)
{
	unsigned int noticed;

	if (!IS_ENABLED(CONFIG_MEMORY_FAILURE))
		return false;
	/* Pages are marked before the event is counted. Else look each second. */
	noticed = poison.tracepoint ? atomic_read_acquire(&poison.noticed) :
				      jiffies / HZ;
	if (*seen == noticed)
		return false;
	*seen = noticed;
	return true;
}

/* Return true if a page of the machine may have failed since the module loaded. */
bool contig_poison_ever(void)
{
	return IS_ENABLED(CONFIG_MEMORY_FAILURE) &&
	       (!poison.tracepoint || atomic_read(&poison.noticed));
}

/**
 * contig_buffer_first_failed() - find a failed page in a buffer
 * @buffer: the buffer
 * @first: page offset in it to begin at
 * @npages: how many pages to look at
 *
 * May sleep.
 *
 * Return: the first failed page, counted from @first; @npages if there is none.
 */
unsigned long contig_buffer_first_failed(const struct contig_buffer *buffer,
					 unsigned long first,
					 unsigned long npages)
{
	unsigned long pfn, n, at, done = 0;
	struct contig_cursor cursor;

	contig_cursor_init(&cursor, &buffer->extents, first);
	while ((n = contig_cursor_next(&cursor, first + npages, &pfn))) {
		/* A pool need not be memory that the kernel manages. */
		at = buffer->vaddr && !pfn_to_online_page(pfn) ?
		     n : contig_pages_first_failed(pfn, n);
		if (at < n)
			return done + at;
		done += n;
	}
	return npages;
}

/**
 * contig_buffer_failed() - tell whether a part of a buffer has a failed page
 * @buffer: the buffer
 * @first: page offset in it
 * @npages: how many pages
 *
 * Free as long as no page of the buffer and, lately, no page of the machine has
 * failed. May sleep.
 *
 * Return: true if there is one.
 */
bool contig_buffer_failed(const struct contig_buffer *buffer,
			  unsigned long first, unsigned long npages)
{
	/* What was counted is in buffer->failed: see contig_poison_work(). */
	unsigned int swept = smp_load_acquire(&poison.swept);

	/* Without news this depends on what the last sweep found. */
	if (!contig_poison_news(&swept) && !READ_ONCE(buffer->failed))
		return false;
	return contig_buffer_first_failed(buffer, first, npages) < npages;
}

/**
 * contig_area_first_failed() - find a failed page among locked ones
 * @area: locked memory
 * @first: first page, in @area
 * @last: last page, in @area
 *
 * May sleep.
 *
 * Return: the first failed page, counted from @first; the number of pages if there
 * is none.
 */
unsigned long contig_area_first_failed(const struct contig_area *area,
				       unsigned long first, unsigned long last)
{
	const struct contig_pin *pin = area->pin;
	unsigned long at = first - pin->first, npages = last - first + 1;

	/* Of other memory than ours the kernel takes care. */
	if (!pin->buffer ||
	    !contig_buffer_failed(pin->buffer, pin->base + at, npages))
		return npages;
	return contig_buffer_first_failed(pin->buffer, pin->base + at, npages);
}

/* Take the failed pages of a buffer out of all page tables. */
static void contig_poison_buffer(struct contig_buffer *buffer)
{
	unsigned long npages = buffer->extents.npages, at, failed = 0;
	struct inode *inode = READ_ONCE(buffer->inode);

	for (at = 0;; at++) {
		at += contig_buffer_first_failed(buffer, at, npages - at);
		if (at >= npages)
			break;
		/* Before it is exported no process can have mapped it. */
		if (inode)
			unmap_mapping_range(inode->i_mapping,
					    (loff_t)at << PAGE_SHIFT,
					    PAGE_SIZE, 1);
		failed++;
	}
	if (failed > buffer->failed)
		pr_warn_ratelimited("%lu pages of buffer %lu have failed\n",
				    failed, buffer->id);
	WRITE_ONCE(buffer->failed, failed);
}

static void contig_poison_work(struct work_struct *work)
{
	unsigned int noticed = atomic_read_acquire(&poison.noticed);
	/*
	 * A mapping cannot be found before mmap() has returned from contig, and
	 * it may have got the page just before that failed. So there is another
	 * sweep when it can.
	 */
	bool again = noticed != poison.swept || atomic_read(&poison.mmaps);

	contig_buffers_sweep(contig_poison_buffer);
	/* Pairs with contig_buffer_failed(), after buffer->failed is written. */
	smp_store_release(&poison.swept, noticed);
	contig_reserve_sweep();
	if (again)
		queue_delayed_work(system_unbound_wq, &poison.sweep, HZ);
}

/* Wait until buffers with pages that have failed by now are known. May sleep. */
void contig_poison_settle(void)
{
	/* Pairs with the release in contig_poison_work(). */
	unsigned int swept = smp_load_acquire(&poison.swept);

	if (contig_poison_news(&swept))
		flush_delayed_work(&poison.sweep);
}

/* A thread begins to map a buffer. */
void contig_poison_mmap_begin(void)
{
	atomic_inc(&poison.mmaps);
}

/* The thread has done so. */
void contig_poison_mmap_end(void)
{
	atomic_dec(&poison.mmaps);
}

#if defined(CONFIG_TRACEPOINTS) && defined(CONFIG_MEMORY_FAILURE)
/* Called by the kernel when it has marked a page, with preemption disabled. */
static void contig_poison_notice(void *data, unsigned long pfn, int type,
				 int result)
{
	/* Pages are marked first: pairs with contig_poison_news(). */
	atomic_inc_return(&poison.noticed);
	mod_delayed_work(system_unbound_wq, &poison.sweep, 0);
}

static void contig_poison_find(struct tracepoint *tracepoint, void *data)
{
	if (!strcmp(tracepoint->name, "memory_failure_event"))
		poison.tracepoint = tracepoint;
}

/* The kernel exports its tracepoints to modules by name only. */
int contig_poison_init(void)
{
	check_trace_callback_type_memory_failure_event(contig_poison_notice);
	INIT_DELAYED_WORK(&poison.sweep, contig_poison_work);
	for_each_kernel_tracepoint(contig_poison_find, NULL);
	return poison.tracepoint ?
	       tracepoint_probe_register(poison.tracepoint,
					 contig_poison_notice, NULL) : 0;
}

void contig_poison_exit(void)
{
	if (poison.tracepoint) {
		tracepoint_probe_unregister(poison.tracepoint,
					    contig_poison_notice, NULL);
		tracepoint_synchronize_unregister();
	}
	cancel_delayed_work_sync(&poison.sweep);
}
#else
int contig_poison_init(void)
{
	INIT_DELAYED_WORK(&poison.sweep, contig_poison_work);
	return 0;
}

void contig_poison_exit(void)
{
	cancel_delayed_work_sync(&poison.sweep);
}
#endif

// SPDX-License-Identifier: GPL-2.0-only
/*
 * Failed pages
 *
 * The kernel marks a page that the hardware reports as faulty (PageHWPoison).
 * It takes pages of processes and files out of use by itself. Pages of contig
 * are on no LRU list, and it cannot find where they are mapped: it only marks
 * these. So the module has to take them out of use.
 *
 * Modules have no notifier for memory failures, so the kernel's tracepoint for
 * them serves as one: the probe counts the event and starts the work item of
 * sweep.c, which takes the failed pages of all buffers out of the page tables
 * of processes. A later access faults, and gets the SIGBUS that it would get
 * from the process's own memory. The reserve compares the count before it gives
 * out memory. On a kernel without tracepoints each use of a buffer checks its
 * pages, the reserve checks its own once a second, and failed pages stay
 * mapped; there an access causes another machine check, by which the kernel
 * kills the process.
 */
#include <linux/atomic.h>
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

/**
 * struct contig_poison - state of failure handling
 * @tracepoint: reports failures; NULL if the kernel has none. Constant after
 *              contig_poison_init()
 * @noticed: number of failures
 * @swept: @noticed when the last complete sweep of all buffers began
 * @mmaps: number of threads that are mapping buffers
 * @sweep: the sweep of buffers and the reserve. Constant after
 *         contig_poison_init()
 */
static struct contig_poison {
	struct tracepoint *tracepoint;
	atomic_t noticed;
	unsigned int swept;
	atomic_t mmaps;
	struct delayed_work *sweep;
} poison;

/**
 * contig_poison_news() - check for failures since the last call
 * @seen: state of the caller, which serialises its calls; 0 in the beginning
 *
 * Return: true if the caller has to check its pages.
 */
bool contig_poison_news(unsigned int *seen)
{
	unsigned int noticed;

	if (!IS_ENABLED(CONFIG_MEMORY_FAILURE))
		return false;
	/* Pages are marked before the event is counted. */
	noticed = poison.tracepoint ? atomic_read_acquire(&poison.noticed) :
				      jiffies / HZ;
	if (*seen == noticed)
		return false;
	*seen = noticed;
	return true;
}

/* Return true if a page may have failed since the module was loaded. */
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
		/* The kernel need not manage the memory of a pool. */
		at = buffer->vaddr && !pfn_to_online_page(pfn) ?
		     n : contig_pages_first_failed(pfn, n);
		if (at < n)
			return done + at;
		done += n;
	}
	return npages;
}

/**
 * contig_buffer_failed() - check whether a part of a buffer has a failed page
 * @buffer: the buffer
 * @first: page offset in it
 * @npages: number of pages
 *
 * Costs little as long as no page of the buffer, and no page of the machine
 * since the last sweep, has failed. May sleep.
 *
 * Return: true if there is one.
 */
bool contig_buffer_failed(const struct contig_buffer *buffer,
			  unsigned long first, unsigned long npages)
{
	/* buffer->failed covers these failures: see contig_poison_swept(). */
	unsigned int swept = smp_load_acquire(&poison.swept);

	/* Without a new failure the result of the last sweep is valid. */
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
 * Return: the first failed page, counted from @first; the number of pages if
 * there is none.
 */
unsigned long contig_area_first_failed(const struct contig_area *area,
				       unsigned long first, unsigned long last)
{
	const struct contig_pin *pin = area->pin;
	unsigned long at = first - pin->first, npages = last - first + 1;

	/* The kernel handles failures of memory that is not contig's. */
	if (!pin->buffer ||
	    !contig_buffer_failed(pin->buffer, pin->base + at, npages))
		return npages;
	return contig_buffer_first_failed(pin->buffer, pin->base + at, npages);
}

/**
 * contig_poison_sweep_begin() - begin to look at all buffers
 * @noticed: receives the value for contig_poison_swept()
 *
 * A sweep cannot find a mapping before mmap() has returned from contig, and
 * that can have mapped the page just before it failed. So another sweep has to
 * follow while buffers are being mapped.
 *
 * Return: true if another sweep has to follow.
 */
bool contig_poison_sweep_begin(unsigned int *noticed)
{
	*noticed = atomic_read_acquire(&poison.noticed);
	return *noticed != poison.swept || atomic_read(&poison.mmaps);
}

/* End a sweep of all buffers. Sweeps do not overlap. */
void contig_poison_swept(unsigned int noticed)
{
	/* After buffer->failed: pairs with contig_buffer_failed(). */
	smp_store_release(&poison.swept, noticed);
}

/* Return true if pages may have failed since the last complete sweep began. */
bool contig_poison_unswept(void)
{
	/* Pairs with the release in contig_poison_swept(). */
	unsigned int swept = smp_load_acquire(&poison.swept);

	return contig_poison_news(&swept);
}

/* Called before a thread maps a buffer. */
void contig_poison_mmap_begin(void)
{
	atomic_inc(&poison.mmaps);
}

/* Called when it has mapped the buffer. */
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
	mod_delayed_work(system_dfl_wq, poison.sweep, 0);
}

static void contig_poison_find(struct tracepoint *tracepoint, void *data)
{
	if (!strcmp(tracepoint->name, "memory_failure_event"))
		poison.tracepoint = tracepoint;
}

/* The kernel exports its tracepoints to modules by name only. */
int contig_poison_init(struct delayed_work *sweep)
{
	check_trace_callback_type_memory_failure_event(contig_poison_notice);
	poison.sweep = sweep;
	for_each_kernel_tracepoint(contig_poison_find, NULL);
	return poison.tracepoint ?
	       tracepoint_probe_register(poison.tracepoint,
					 contig_poison_notice, NULL) : 0;
}

/* Unregister the probe: when this returns nothing starts the sweep any more. */
void contig_poison_exit(void)
{
	if (!poison.tracepoint)
		return;
	tracepoint_probe_unregister(poison.tracepoint, contig_poison_notice,
				    NULL);
	tracepoint_synchronize_unregister();
}
#else
int contig_poison_init(struct delayed_work *sweep)
{
	return 0;
}

void contig_poison_exit(void)
{
}
#endif

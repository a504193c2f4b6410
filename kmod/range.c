// SPDX-License-Identifier: GPL-2.0-only
/*
 * The range rung: choose a window of memory and move out what lies in it
 */
#include <linux/cc_platform.h>
#include <linux/gfp.h>
#include <linux/mm.h>
#include <linux/ktime.h>
#include <linux/pageblock-flags.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/wait.h>

#include "buffer.h"
#include "extents.h"
#include "fault.h"
#include "offline.h"
#include "pages.h"
#include "request.h"
#include "rung.h"
#include "window.h"
#include "zones.h"

/*
 * How much is emptied at a time. Between two steps a fatal signal or the deadline
 * can end it, and a page that will not move costs no more than the step it is
 * in; but each step makes every CPU drain its lists, so it must not be short.
 */
#define CONTIG_STEP max(SZ_16M >> PAGE_SHIFT, pageblock_nr_pages)

/* How often to look for windows anew, each time avoiding what did not move. */
#define CONTIG_ROUNDS 16

/*
 * Two callers that empty overlapping pageblocks would make each other fail, and
 * each would take the pages that the other has just freed. So one window is
 * emptied at a time. Who waits for too long goes on without, as if the window
 * could not be emptied: there are other rungs.
 */
static DECLARE_WAIT_QUEUE_HEAD(contig_range_turn);
static atomic_t contig_range_busy = ATOMIC_INIT(0);

/* Return: 0, -EBUSY after half of the time that is left, -EINTR. */
static int contig_range_enter(const struct contig_request *request)
{
	long left = DIV_ROUND_UP(contig_request_left(request), 2);
	DEFINE_WAIT(wait);
	int ret = 0;

	/* Who comes first is first, or one of many could wait for ever. */
	for (;;) {
		prepare_to_wait_exclusive(&contig_range_turn, &wait,
					  TASK_KILLABLE);
		if (!atomic_xchg(&contig_range_busy, 1))
			break;
		ret = fatal_signal_pending(current) ? -EINTR :
		      left ? 0 : -EBUSY;
		if (ret)
			break;
		left = schedule_timeout(left);
	}
	finish_wait(&contig_range_turn, &wait);
	/* It may have been us who were woken. */
	if (ret)
		wake_up(&contig_range_turn);
	return ret;
}

static void contig_range_leave(void)
{
	atomic_set_release(&contig_range_busy, 0);
	wake_up(&contig_range_turn);
}

bool contig_memory_encrypted(void)
{
	return cc_platform_has(CC_ATTR_GUEST_MEM_ENCRYPT);
}

bool contig_range_present(void)
{
	return IS_ENABLED(CONFIG_CONTIG_ALLOC) && !contig_memory_encrypted();
}

#ifdef CONFIG_CONTIG_ALLOC
static int contig_empty(unsigned long pfn, unsigned long npages)
{
	int ret;

	if (contig_should_fail(CONTIG_FAULT_RANGE))
		return -ENOMEM;
	if (!contig_offline_enter(pfn, npages))
		return -EBUSY;
	ret = alloc_contig_range(pfn, pfn + npages, MIGRATE_MOVABLE,
				 GFP_KERNEL | __GFP_NOWARN |
				 __GFP_RETRY_MAYFAIL);
	contig_offline_leave();
	return ret;
}
#else
static int contig_empty(unsigned long pfn, unsigned long npages)
{
	return -EBUSY;
}
#endif

/*
 * Does the system keep enough, if page frames are taken that way? Isolated
 * memory is out of sight of the page allocator's own limits. What is not free
 * in the window itself is moved, and that does keep to them.
 */
static bool contig_range_room(const struct contig_request *request,
			      unsigned long pfn, unsigned long npages,
			      struct contig_avoid *avoid)
{
	struct zone *zone = page_zone(pfn_to_page(pfn));
	unsigned long taken = contig_window_free(pfn, npages);

	if (!taken || taken <= contig_zone_spare(zone, request->highest))
		return true;
	contig_avoid_add(avoid, zone->zone_start_pfn, zone_end_pfn(zone) - 1);
	return false;
}

/* What may be taken from all zones together. */
static unsigned long contig_zones_spare(const struct contig_request *request)
{
	unsigned long spare = 0;
	struct zone *zone;
	int nid, i;

	contig_for_each_zone(zone, nid, i)
		if (zone->zone_start_pfn <= request->highest &&
		    (!request->node_strict || nid == request->node))
			spare += contig_zone_spare(zone, request->highest);
	return spare;
}

/* What does it mean that a step failed with @error? */
static int contig_range_failed(int error, struct contig_report *report)
{
	switch (error) {
	case -EINTR:
		report->blocked = CONTIG_BLOCKED_SIGNAL;
		return -EINTR;
	case -ENOMEM:
		report->blocked = CONTIG_BLOCKED_NO_ROOM;
		return -ENOMEM;
	default:
		report->blocked = CONTIG_BLOCKED_BUSY;
		return -EBUSY;
	}
}

/*
 * Empty a window step by step. On failure the pages that would not move are
 * added to @avoid, so that no later window contains them.
 */
static int contig_range_try(const struct contig_request *request,
			    unsigned long pfn, unsigned long npages,
			    struct contig_avoid *avoid,
			    struct contig_report *report)
{
	unsigned long done = 0, n;
	int ret = 0;

	report->windows++;
	while (done < npages) {
		ret = contig_rung_expired(request, report);
		if (ret)
			break;
		/* A pageblock must not be taken in two steps: see window.c. */
		n = pageblock_start_pfn(pfn + done + CONTIG_STEP) - pfn - done;
		n = min(npages - done, n);
		if (!contig_range_room(request, pfn + done, n, avoid)) {
			report->blocked = CONTIG_BLOCKED_NO_ROOM;
			ret = -EBUSY;
			break;
		}
		ret = contig_empty(pfn + done, n);
		if (ret == -EBUSY && !fatal_signal_pending(current))
			/* What waited on the lists of a CPU is movable now. */
			ret = contig_empty(pfn + done, n);
		if (!ret && contig_pages_first_failed(pfn + done, n) < n) {
			/* It is not free any more then, and avoided below. */
			contig_pages_put(pfn + done, n);
			ret = -EBUSY;
		}
		if (ret) {
			/* Nothing in sight: not of a type that is given away. */
			if (!contig_avoid_stuck(avoid, pfn + done, n))
				contig_avoid_add(avoid,
						 pageblock_start_pfn(pfn + done),
						 pageblock_align(pfn + done + n) - 1);
			ret = contig_range_failed(ret, report);
			break;
		}
		done += n;
	}
	if (ret)
		contig_pages_put(pfn, done);
	return ret;
}

static int contig_range_search(const struct contig_request *request,
			       unsigned long npages, bool final,
			       struct contig_survey *survey,
			       struct contig_avoid *avoid,
			       struct contig_report *report, unsigned long *pfn)
{
	unsigned int round, i;
	int ret;

	for (round = 0; round < CONTIG_ROUNDS; round++) {
		ret = contig_survey_memory(request, npages, final, false, avoid,
					   survey);
		if (ret == -ENOMEM)
			return contig_range_failed(ret, report);
		if (ret)
			return contig_rung_stop(report, ret);
		if (!survey->nr && !round) {
			report->blocked = survey->pinned > survey->kernel ?
					  CONTIG_BLOCKED_PINNED :
					  CONTIG_BLOCKED_UNMOVABLE;
			return -EBUSY;
		}
		if (!survey->nr)
			return -EBUSY;
		for (i = 0; i < survey->nr; i++) {
			*pfn = survey->windows[i].pfn;
			ret = contig_range_enter(request);
			if (ret) {
				report->blocked = CONTIG_BLOCKED_BUSY;
				return ret == -EINTR ?
				       contig_rung_stop(report, ret) : ret;
			}
			ret = contig_range_try(request, *pfn, npages, avoid,
					       report);
			contig_range_leave();
			if (ret != -EBUSY)
				return ret;
		}
	}
	return -EBUSY;
}

/**
 * contig_range_take() - take adjacent zeroed page frames
 * @request: constraints, and when to give up
 * @npages: how many
 * @final: they are the last of the request, so the last segment may be short
 * @report: windows tried are added, and what was in the way is put here
 * @pfn: receives the first page frame
 *
 * Each page has a reference of its own. May sleep, for as long as the request
 * allows.
 *
 * Return: 0, -EBUSY if no window could be emptied, -ENOMEM if there is no room
 * for what lies in them, -ETIME or -EINTR.
 */
int contig_range_take(const struct contig_request *request,
		      unsigned long npages, bool final,
		      struct contig_report *report, unsigned long *pfn)
{
	struct {
		struct contig_survey survey;
		struct contig_avoid avoid;
	} *work;
	int ret;

	work = kzalloc(sizeof(*work), GFP_KERNEL_ACCOUNT);
	if (work)
		ret = contig_range_search(request, npages, final, &work->survey,
					  &work->avoid, report, pfn);
	else
		ret = contig_range_failed(-ENOMEM, report);
	kfree(work);

	/* Where the page allocator clears what it gives, this is clear. */
	if (!ret && !want_init_on_alloc(0))
		contig_pages_clear(*pfn, npages);
	return ret;
}

static int contig_range_alloc(const struct contig_request *request,
			      struct contig_buffer *buffer,
			      struct contig_report *report)
{
	unsigned long pfn;
	int ret;

	ret = contig_range_take(request, request->npages, true, report, &pfn);
	if (ret)
		return ret;
	/* One run needs no memory to be noted. */
	return contig_extents_append(&buffer->extents, pfn, request->npages);
}

static void contig_range_free(struct contig_buffer *buffer)
{
	contig_pages_put_extents(&buffer->extents);
}

static unsigned long contig_range_largest(const struct contig_request *request,
					  const struct contig_survey *survey)
{
	/*
	 * What is moved out of the window has to go into free memory outside,
	 * so no window can be larger than what may be taken now in all.
	 */
	return min3(survey->largest, survey->free,
		    contig_zones_spare(request));
}

static bool contig_range_rung_present(const struct contig_request *unused)
{
	return contig_range_present();
}

const struct contig_rung_ops contig_range_ops = {
	.name = "range",
	.mapping = CONTIG_MAPPING_STRUCT_PAGE,
	.present = contig_range_rung_present,
	.alloc = contig_range_alloc,
	.free = contig_range_free,
	.largest = contig_range_largest,
};

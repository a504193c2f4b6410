// SPDX-License-Identifier: GPL-2.0-only
/*
 * Emptying and allocating page frames, by a worker
 *
 * alloc_contig_range() migrates the pages out of page frames and allocates
 * these. If the caller has left, the worker frees the page frames, and they
 * stay claimed until then.
 */
#include <linux/delay.h>
#include <linux/gfp.h>
#include <linux/mm.h>
#include <linux/slab.h>

#include "empty.h"
#include "gfp.h"
#include "huge.h"
#include "offline.h"
#include "page_class.h"
#include "pages.h"
#include "request.h"
#include "turn.h"
#include "window.h"
#include "worker.h"
#include "zones.h"

/* Number of checks, 1 ms apart, whether a page is unlocked. */
#define CONTIG_LOCKED_LOOKS 10

/**
 * struct contig_empty - a step of emptying memory
 * @job: for the worker; has the page frames
 * @type: migrate type of the pageblocks; constant
 * @highest: last page frame that the request may have; constant
 * @huge: make the page frames a huge page; constant
 * @window: entry for the notifier of memory that goes offline
 * @claim: keeps others from the page frames once the caller has left
 * @outcome: valid once the job is done
 * @free: number of free pages at the caller's last check
 */
struct contig_empty {
	struct contig_job job;
	int type;
	unsigned long highest;
	bool huge;
	struct contig_offline_window window;
	struct contig_claim claim;
	struct contig_empty_outcome outcome;
	unsigned long free;
};

static struct contig_empty *to_empty(struct contig_job *job)
{
	return container_of(job, struct contig_empty, job);
}

/* Wait briefly for pages to be unlocked. If one is not, set busy to it. */
static bool contig_empty_settled(struct contig_empty *empty)
{
	const struct contig_job *job = &empty->job;
	unsigned int looks;

	for (looks = 0; looks < CONTIG_LOCKED_LOOKS; looks++) {
		empty->outcome.busy = contig_window_busy(job->pfn, job->npages);
		if (empty->outcome.busy == ULONG_MAX)
			return true;
		usleep_range(1000, 2000);
	}
	return false;
}

/*
 * Repeat checks that the request made before it waited for a worker.
 * alloc_contig_range() would overwrite another type of the pageblocks. Before
 * the first try, the zone must keep its min watermark, for which pages on lists
 * of CPUs count: those that contig_room_make() gave back lie there. Does not
 * reclaim.
 */
static int contig_empty_check(struct contig_empty *empty, bool first)
{
	unsigned long pfn = empty->job.pfn, npages = empty->job.npages;
	struct zone *zone;
	int type;

	type = contig_window_type(pfn, &npages, &zone);
	if (type != empty->type || npages != empty->job.npages) {
		empty->outcome.busy = type == empty->type ? pfn + npages : pfn;
		return -EBUSY;
	}
	if (first && contig_window_free(pfn, npages) +
			     contig_zone_keep(zone, empty->highest,
					      min_wmark_pages(zone)) >
		     contig_zone_free(zone) + contig_zone_listed(zone))
		return -ENOSPC;
	return 0;
}

#ifdef CONFIG_CONTIG_ALLOC
/* Take a large page from its first frame on, and free what is before @pfn. */
static int contig_empty_frames(struct contig_empty *empty, unsigned long pfn,
			       unsigned long npages)
{
	gfp_t gfp = GFP_KERNEL | __GFP_NOWARN | __GFP_RETRY_MAYFAIL;
	unsigned long start = contig_page_start(pfn);
	int ret;

	/* A failed page would make all of a huge page useless. */
	if (empty->huge && start == pfn && contig_huge_fits(pfn, npages) &&
	    contig_window_apart(pfn, npages) &&
	    contig_pages_first_failed(pfn, npages) == npages) {
		ret = contig_alloc_compound_range(pfn, pfn + npages,
						  empty->type, gfp);
		return ret == -EINVAL ? -EBUSY : ret;
	}
	ret = contig_alloc_contig_range(start, pfn + npages, empty->type, gfp);
	if (!ret && start < pfn)
		contig_pages_put(start, pfn - start);
	return ret;
}
#else
static int contig_empty_frames(struct contig_empty *empty, unsigned long pfn,
			       unsigned long npages)
{
	return -EBUSY;
}
#endif

static int contig_empty_try(struct contig_empty *empty, bool first)
{
	unsigned long pfn = empty->job.pfn, npages = empty->job.npages;
	int ret;

	if (!contig_empty_settled(empty))
		return -EBUSY;
	if (!contig_offline_enter(&empty->window, pfn, npages)) {
		empty->outcome.busy = pfn;
		return -EBUSY;
	}
	ret = contig_empty_check(empty, first);
	if (!ret)
		ret = contig_empty_frames(empty, pfn, npages);
	contig_offline_leave(&empty->window);
	return ret;
}

/*
 * Let pages that wait on lists of CPUs get onto the LRU lists: a pageblock with
 * such a page is not isolated. alloc_contig_range() drains these lists once it
 * has isolated its pageblocks, whatever these are, and modules cannot call
 * anything else that does. So empty a page frame of another pageblock, and free
 * it again. Return true if the lists are drained now.
 */
static bool contig_empty_drain(struct contig_empty *empty)
{
	unsigned long pfn = empty->job.pfn, npages = empty->job.npages;
	unsigned long easy;
	bool waits;
	int ret;

	easy = contig_window_drain(pfn, npages, &waits);
	/* If no page waits, the first try isolated the pageblocks and drained. */
	if (!waits)
		return true;
	if (easy == ULONG_MAX ||
	    !contig_offline_enter(&empty->window, pfn, npages))
		return false;
	ret = contig_empty_check(empty, false);
	if (!ret)
		ret = contig_empty_frames(empty, easy, 1);
	contig_offline_leave(&empty->window);
	if (ret)
		return false;
	contig_pages_put(easy, 1);
	return true;
}

static int contig_empty_work(struct contig_job *job)
{
	struct contig_empty *empty = to_empty(job);
	int ret;

	ret = contig_empty_try(empty, true);
	empty->outcome.drained = !ret;
	if (ret != -EBUSY || empty->outcome.busy != ULONG_MAX ||
	    contig_job_abandoned(job))
		return ret;
	empty->outcome.drained = contig_empty_drain(empty);
	if (contig_job_abandoned(job))
		return -EINTR;
	/* More pages can move when lists of CPUs are drained. */
	return contig_empty_try(empty, false);
}

static void contig_empty_leave(struct contig_job *job)
{
	struct contig_empty *empty = to_empty(job);

	contig_claim_inherit(&empty->claim, job->pfn, job->npages, empty->huge);
}

static void contig_empty_drop(struct contig_job *job)
{
	if (!job->result)
		contig_pages_put(job->pfn, job->npages);
	contig_claim_drop(&to_empty(job)->claim);
}

/*
 * Return true if the number of free pages is the same as at the last check. It
 * grows while pages migrate, and shrinks when the worker takes free pages.
 */
static bool contig_empty_stuck(struct contig_job *job)
{
	struct contig_empty *empty = to_empty(job);
	unsigned long before = empty->free;

	empty->free = contig_window_free(job->pfn, job->npages);
	return empty->free == before;
}

static void contig_empty_free(struct contig_job *job)
{
	kfree(to_empty(job));
}

static const struct contig_job_ops contig_empty_ops = {
	.name = "range",
	.work = contig_empty_work,
	.leave = contig_empty_leave,
	.drop = contig_empty_drop,
	.stuck = contig_empty_stuck,
	.free = contig_empty_free,
};

/**
 * contig_empty() - empty page frames and allocate them
 * @request: its deadline, its highest page frame, and if it wants huge pages
 * @pfn: first page frame
 * @npages: number of page frames
 * @type: migrate type of all their pageblocks, which is kept
 * @outcome: receives what prevented it, and what else happened
 *
 * The caller has claimed the page frames. If it gives up while a worker is
 * still emptying them, the worker has its own claim.
 *
 * May sleep, for as long as the request allows, but can be killed and frozen.
 *
 * Return: 0, -EBUSY if they could not be emptied, -ENOSPC if the system would
 * keep too little memory, -ENOMEM, -ETIME, -EINTR, or -EAGAIN if this worker is
 * stuck, or all of them are, so that the request should not try again.
 */
int contig_empty(const struct contig_request *request, unsigned long pfn,
		 unsigned long npages, int type,
		 struct contig_empty_outcome *outcome)
{
	struct contig_empty *empty = kzalloc(sizeof(*empty), CONTIG_GFP);
	int ret;

	*outcome = (struct contig_empty_outcome){ .busy = ULONG_MAX };
	if (!empty)
		return -ENOMEM;
	contig_job_init(&empty->job, &contig_empty_ops, pfn, npages);
	empty->type = type;
	empty->highest = request->highest;
	empty->huge = request->huge;
	empty->outcome = *outcome;
	empty->free = contig_window_free(pfn, npages);
	ret = contig_job_run(&empty->job, request);
	if (!ret) {
		ret = empty->job.result;
		*outcome = empty->outcome;
	}
	contig_job_put(&empty->job);
	return ret;
}

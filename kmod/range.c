// SPDX-License-Identifier: GPL-2.0-only
/*
 * The range rung: chooses a window of memory and empties it
 */
#include <linux/jiffies.h>
#include <linux/mm.h>
#include <linux/pageblock-flags.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "avoid.h"
#include "buffer.h"
#include "empty.h"
#include "extents.h"
#include "fault.h"
#include "gfp.h"
#include "huge.h"
#include "limits.h"
#include "pages.h"
#include "range.h"
#include "request.h"
#include "room.h"
#include "rung.h"
#include "stats.h"
#include "survey.h"
#include "turn.h"
#include "window.h"
#include "zones.h"

/*
 * Pages that are emptied in one step. A fatal signal or the deadline can end
 * the work between two steps, and a page that cannot be migrated costs one step
 * only; but each step drains the lists of every CPU, so it must not be short.
 */
#define CONTIG_STEP max(SZ_16M >> PAGE_SHIFT, pageblock_nr_pages)

/*
 * Return where the step at @pfn ends at the latest. The kernel makes one compound
 * page of all that is emptied in one step.
 */
static unsigned long contig_step_end(const struct contig_request *request,
				     unsigned long pfn)
{
	return request->huge ? round_up(pfn + 1, CONTIG_HUGE_PAGES) :
			       pageblock_start_pfn(pfn + CONTIG_STEP);
}

/* Surveys of one search; each avoids the pages that could not be migrated. */
#define CONTIG_ROUNDS 16

/* Windows with pages of hugetlb pools that one request tries. */
#define CONTIG_HUGE_TRIES 4

/* Time for which a search waits for windows that other requests claimed. */
#define CONTIG_CLAIMS_PATIENCE (2 * HZ)

/**
 * struct contig_search - state of one request's search for windows
 * @request: constraints and deadline
 * @turn: its place in the queue
 * @claim: the window that is being emptied
 * @params: parameters of @survey
 * @survey: windows, which can be out of date
 * @next: index of the next window to try
 * @avoid: page frames that could not be migrated
 * @full: zones without room for a window of this length, but maybe for less
 * @around: both, and the claims of other requests
 * @claims: kind of claims that the last survey had to avoid
 * @patience: how long it may still wait for claims to be dropped, in jiffies
 * @huge_tries: windows with pages of hugetlb pools that could not be emptied
 * @began: it had the turn before
 * @drained: a step has drained the lists of all CPUs, so that an extra
 *           reference is one of a user
 * @hopeless: all workers are stuck, or one is because of this request
 */
struct contig_search {
	const struct contig_request *request;
	struct contig_turn turn;
	struct contig_claim claim;
	struct contig_survey_params params;
	struct contig_survey survey;
	unsigned int next;
	struct contig_avoid avoid;
	struct contig_avoid full;
	struct contig_avoid around;
	enum contig_claims claims;
	long patience;
	unsigned int huge_tries;
	bool began;
	bool drained;
	bool hopeless;
};

bool contig_range_present(void)
{
	return IS_ENABLED(CONFIG_CONTIG_ALLOC) && !contig_memory_encrypted();
}

/*
 * Return true if the system keeps enough free memory when the window is
 * emptied. The page allocator's watermarks do not stop isolation of free pages.
 * They do stop migration of the other pages, but only after a long time.
 */
static bool contig_range_room(struct contig_search *search, struct zone *zone,
			      unsigned long pfn, unsigned long npages)
{
	unsigned long taken = contig_window_free(pfn, npages);

	if (taken < npages && !contig_room_moves(zone, npages - taken, taken))
		return false;
	if (!taken || taken <= contig_zone_spare(zone, search->request->highest))
		return true;
	return contig_room_make(search->request, zone, taken);
}

/* Report why a step failed, and return -EINTR, -ETIME, -ENOMEM or -EBUSY. */
static int contig_range_failed(int error, struct contig_report *report)
{
	switch (error) {
	case -EINTR:
	case -ETIME:
		return contig_rung_stop(report, error);
	case -ENOMEM:
		report->blocked = CONTIG_BLOCKED_NO_ROOM;
		return -ENOMEM;
	default:
		report->blocked = CONTIG_BLOCKED_BUSY;
		return -EBUSY;
	}
}

/* Let a worker empty page frames, and avoid the obstacle if it fails. */
static int contig_step_empty(struct contig_search *search, unsigned long pfn,
			     unsigned long npages, int type)
{
	struct contig_empty_outcome outcome;
	int ret;

	if (contig_should_fail(CONTIG_FAULT_RANGE))
		return -ENOMEM;
	ret = contig_empty(search->request, pfn, npages, type, &outcome);
	search->drained |= outcome.drained;
	search->hopeless = ret == -EAGAIN;
	if (!ret && contig_pages_first_failed(pfn, npages) < npages) {
		/* The failed page is not free then, and is avoided below. */
		contig_pages_put(pfn, npages);
		ret = -EBUSY;
	}
	if (ret != -EBUSY && ret != -ENOMEM)
		return ret;
	/* There can be no block for a huge page, and still memory for others. */
	if (search->params.reach != CONTIG_REACH_EASY)
		ret = -EBUSY;
	if (outcome.busy != ULONG_MAX)
		contig_avoid_add(&search->avoid, outcome.busy, outcome.busy);
	else if (!contig_window_stuck(&search->avoid, pfn, npages))
		/* No obstacle found: do not try these pageblocks again. */
		contig_avoid_add(&search->avoid, pageblock_start_pfn(pfn),
				 pageblock_align(pfn + npages) - 1);
	return ret;
}

/*
 * Empty the next step of a window. @npages is the rest of the window, and
 * receives the size of the step. On failure the pages that could not be
 * migrated are avoided from then on.
 */
static int contig_range_step(struct contig_search *search, unsigned long pfn,
			     unsigned long *npages,
			     struct contig_report *report)
{
	struct zone *zone;
	int type, ret;

	ret = contig_rung_expired(search->request, report);
	if (ret)
		return ret;
	/* Until the step ends other requests must not take the free pages. */
	ret = contig_turn_enter(&search->turn, search->request, search->began);
	if (ret)
		return contig_range_failed(ret, report);
	search->began = true;
	/* A pageblock must not be taken in two steps: see survey.c. */
	*npages = min(*npages, contig_step_end(search->request, pfn) - pfn);
	if (search->params.reach != CONTIG_REACH_EASY)
		*npages = contig_window_one_huge(pfn, *npages);
	type = contig_window_type(pfn, npages, &zone);
	if (type < 0) {
		contig_avoid_add(&search->avoid, pageblock_start_pfn(pfn),
				 pageblock_end_pfn(pfn) - 1);
		return contig_range_failed(-EBUSY, report);
	}
	ret = -ENOSPC;
	if (contig_range_room(search, zone, pfn, *npages))
		ret = contig_step_empty(search, pfn, *npages, type);
	if (ret == -ENOSPC) {
		/* No other window of this zone has room either. */
		contig_avoid_add(&search->full, zone->zone_start_pfn,
				 zone_end_pfn(zone) - 1);
		report->blocked = CONTIG_BLOCKED_NO_ROOM;
		return -EBUSY;
	}
	return ret ? contig_range_failed(ret, report) : 0;
}

/* Empty a window that was claimed. */
static int contig_range_empty(struct contig_search *search, unsigned long pfn,
			      struct contig_report *report)
{
	unsigned long done = 0, n;
	int ret = 0;

	report->windows++;
	while (done < search->params.npages) {
		n = search->params.npages - done;
		ret = contig_range_step(search, pfn + done, &n, report);
		if (ret)
			break;
		done += n;
		if (done < search->params.npages)
			contig_turn_pass(&search->turn, false);
	}
	if (ret) {
		contig_pages_put(pfn, done);
		/* Waiting requests come before the next window of this one. */
		contig_turn_pass(&search->turn, true);
		search->began = false;
	}
	return ret;
}

/*
 * Report that there is too little memory to move a window to. One with huge pages
 * is the last resort for want of others, so there is no room for it only.
 */
static int contig_range_full(struct contig_search *search,
			     struct contig_report *report)
{
	int ret = contig_range_failed(-ENOMEM, report);

	return search->params.reach == CONTIG_REACH_EASY ? ret : -EBUSY;
}

/* Try a window, if it still can be emptied when the request has the turn. */
static int contig_range_try(struct contig_search *search, unsigned long pfn,
			    struct contig_report *report)
{
	unsigned long npages = search->params.npages, moves;
	int ret;

	if (contig_avoid_hits(&search->avoid, pfn, pfn + npages - 1) ||
	    contig_avoid_hits(&search->full, pfn, pfn + npages - 1))
		return -EBUSY;
	ret = contig_turn_enter(&search->turn, search->request, search->began);
	if (ret)
		return contig_range_failed(ret, report);
	search->began = true;
	if (!contig_window_usable(pfn, npages, search->params.reach))
		return contig_range_failed(-EBUSY, report);
	/* Find that out before pages are moved in vain. */
	moves = contig_window_moves(pfn, npages);
	if (moves && !contig_room_moves(page_zone(pfn_to_page(pfn)), moves,
					npages - moves))
		return contig_range_full(search, report);
	if (!contig_claim_take(&search->claim, pfn, npages,
			       search->request->huge))
		return contig_range_failed(-EBUSY, report);
	ret = contig_range_empty(search, pfn, report);
	contig_claim_drop(&search->claim);
	return ret;
}

/* Survey memory without the claims of other requests. */
static int contig_search_survey(struct contig_search *search,
				unsigned long *drops)
{
	unsigned int i;
	int ret;

	memcpy(&search->around, &search->avoid, sizeof(search->avoid));
	for (i = 0; i < search->full.nr; i++)
		contig_avoid_add(&search->around, search->full.ranges[i].first,
				 search->full.ranges[i].last);
	search->claims = contig_claims_avoid(search->request, &search->around,
					     drops);
	search->next = 0;
	ret = contig_survey_windows(search->request, &search->params,
				    &search->around, &search->survey);
	contig_stats_add(CONTIG_EVENT_LOOK, search->survey.looked);
	return ret;
}

/* Return true if windows with huge pages come next. */
static bool contig_search_may_huge(const struct contig_search *search)
{
	return search->params.reach == CONTIG_REACH_EASY &&
	       search->survey.huge && search->huge_tries < CONTIG_HUGE_TRIES;
}

/*
 * Look for windows. If there is none, wait for claims of other requests to be
 * dropped, but not for those of workers that were left alone: a claimed window
 * can become free if that request fails. A survey of claimed memory would not
 * show that, since it can be isolated.
 */
static int contig_search_unclaimed(struct contig_search *search)
{
	const struct contig_request *request = search->request;
	unsigned long drops;
	long begun;
	int ret;

	for (;;) {
		begun = jiffies;
		ret = contig_search_survey(search, &drops);
		if (ret || search->survey.nr ||
		    search->claims != CONTIG_CLAIMS_LIVE ||
		    search->patience <= 0 || contig_search_may_huge(search))
			return ret;
		contig_turn_leave(&search->turn);
		search->began = false;
		ret = contig_claims_wait(request, drops,
					 min(search->patience,
					     contig_request_left(request) / 2));
		/* At least one jiffy, so that the loop ends. */
		search->patience -= max(1L, (long)jiffies - begun);
		if (ret)
			return ret;
	}
}

/* Return what is in the way if there is no window at all. */
static enum contig_blocked contig_search_blocked(struct contig_search *search)
{
	if (search->full.nr)
		return CONTIG_BLOCKED_NO_ROOM;
	if (search->claims != CONTIG_CLAIMS_NONE || search->avoid.nr)
		return CONTIG_BLOCKED_BUSY;
	return search->survey.pinned > search->survey.kernel ?
	       CONTIG_BLOCKED_PINNED : CONTIG_BLOCKED_UNMOVABLE;
}

/*
 * Look for windows. If there is none without them, try some with pages of hugetlb
 * pools, each of which needs a free block to move to. Then try one with a page that
 * has an extra reference: the list of a CPU can hold that reference, and emptying
 * the window drains these lists.
 */
static int contig_search_windows(struct contig_search *search, bool first,
				 struct contig_report *report)
{
	struct contig_survey *survey = &search->survey;
	int ret;

	/*
	 * Pages that do not move can be where a short search looks, and on all of a
	 * preferred node.
	 */
	search->params.thorough = !first || search->request->fewest_moves;
	search->params.prefer = first;
	search->params.reach = CONTIG_REACH_EASY;
	ret = contig_search_unclaimed(search);
	if (!ret && !survey->nr && contig_search_may_huge(search)) {
		search->params.reach = CONTIG_REACH_HUGE;
		ret = contig_search_unclaimed(search);
		survey->nr = min(survey->nr,
				 CONTIG_HUGE_TRIES - search->huge_tries);
	}
	if (!ret && !survey->nr && survey->pinned && !search->drained) {
		search->params.reach = CONTIG_REACH_HELD;
		ret = contig_search_unclaimed(search);
		survey->nr = min(survey->nr, 1U);
	}
	if (ret)
		return contig_range_failed(ret, report);
	if (survey->nr)
		return 0;
	if (first)
		report->blocked = contig_search_blocked(search);
	return -EBUSY;
}

/**
 * contig_search_take() - take adjacent zeroed page frames
 * @search: from contig_search_begin()
 * @npages: number of page frames
 * @final: they are the last of the request, so the last segment may be short
 * @report: counts the windows that were tried; receives the obstacle
 * @pfn: receives the first page frame
 *
 * Each page has a reference of its own. May sleep until the deadline of the
 * request.
 *
 * Return: 0, -EBUSY if no window could be emptied, -ENOMEM if there is no
 * memory to migrate pages to, -ETIME or -EINTR.
 */
int contig_search_take(struct contig_search *search, unsigned long npages,
		       bool final, struct contig_report *report,
		       unsigned long *pfn)
{
	struct contig_survey *survey = &search->survey;
	unsigned int round = 0;
	int ret;

	if (search->params.npages != npages || search->params.final != final)
		survey->nr = 0;
	if (search->params.npages > npages)
		search->full.nr = 0;
	search->params.npages = npages;
	search->params.final = final;
	if (search->began)
		contig_turn_pass(&search->turn, false);
	while (!search->hopeless) {
		if (search->next >= survey->nr) {
			if (round == CONTIG_ROUNDS)
				return -EBUSY;
			ret = contig_search_windows(search, !round++, report);
			if (ret)
				return ret;
		}
		*pfn = survey->windows[search->next++].pfn;
		ret = contig_range_try(search, *pfn, report);
		if (!ret)
			break;
		search->huge_tries += search->params.reach != CONTIG_REACH_EASY;
		if (ret != -EBUSY)
			return ret;
	}
	if (search->hopeless)
		return contig_range_failed(-EBUSY, report);
	contig_survey_taken(*pfn);
	contig_pages_init(search->request, *pfn, npages);
	return 0;
}

/**
 * contig_search_begin() - prepare to take memory window by window
 * @request: constraints and deadline
 * @many: more than one piece will be taken
 *
 * Return: a search, for contig_search_end(), or NULL if there is no memory.
 */
struct contig_search *contig_search_begin(const struct contig_request *request,
					  bool many)
{
	struct contig_search *search;

	search = kvzalloc(sizeof(*search), CONTIG_GFP);
	if (!search)
		return NULL;
	search->request = request;
	search->patience = CONTIG_CLAIMS_PATIENCE;
	search->params.wanted = many ? CONTIG_WINDOWS : 1;
	contig_turn_init(&search->turn,
			 request->user ? &request->user->turns : NULL,
			 request->npages <= (request->huge ? CONTIG_HUGE_PAGES :
							     CONTIG_STEP));
	return search;
}

void contig_search_end(struct contig_search *search)
{
	if (search)
		contig_turn_leave(&search->turn);
	kvfree(search);
}

/*
 * Return the length of the longest window, in pages, that the last survey could
 * have found; ULONG_MAX if it found windows, or left out zones without room.
 */
unsigned long contig_search_longest(const struct contig_search *search)
{
	return search->survey.nr || search->full.nr ? ULONG_MAX :
						      search->survey.largest;
}

/* Take one piece, as contig_search_take() does. */
int contig_range_take(const struct contig_request *request,
		      unsigned long npages, bool final,
		      struct contig_report *report, unsigned long *pfn)
{
	struct contig_search *search = contig_search_begin(request, false);
	int ret;

	ret = search ? contig_search_take(search, npages, final, report, pfn) :
		       contig_range_failed(-ENOMEM, report);
	contig_search_end(search);
	return ret;
}

/* Take a free block of any zone or node, since no window follows. */
static int contig_range_at_once(const struct contig_request *request,
				struct contig_buffer *buffer,
				struct contig_report *report)
{
	struct contig_extents *extents = &buffer->extents;

	if (!contig_pages_block(request, extents, false)) {
		if (contig_pages_spare(request, extents->entries[0].pfn))
			return 0;
		contig_pages_put_extents(extents);
	}
	report->blocked = CONTIG_BLOCKED_WAIT;
	return -EBUSY;
}

/* Take a window whose ends are ends of huge pages; if there is none, any window. */
static int contig_range_window(const struct contig_request *request,
			       struct contig_report *report, unsigned long *pfn)
{
	struct contig_request whole = *request;
	int ret;

	if (request->huge && request->align < CONTIG_HUGE_PAGES) {
		whole.align = CONTIG_HUGE_PAGES;
		ret = contig_range_take(&whole, whole.npages, true, report, pfn);
		if (ret != -EBUSY)
			return ret;
	}
	return contig_range_take(request, request->npages, true, report, pfn);
}

/* Take a free block of single pages instead of huge ones. */
static bool contig_range_single(const struct contig_request *request,
				struct contig_extents *extents)
{
	struct contig_request plain = *request;

	plain.huge = false;
	return contig_pages_ready(&plain, extents);
}

static int contig_range_alloc(const struct contig_request *request,
			      struct contig_buffer *buffer,
			      struct contig_report *report)
{
	unsigned long pfn;
	int ret;

	if (contig_should_fail(CONTIG_FAULT_RANGE))
		return contig_range_failed(-ENOMEM, report);
	/* Nothing has to move for a free block. */
	if (contig_pages_ready(request, &buffer->extents))
		return 0;
	if (request->no_wait)
		return contig_range_at_once(request, buffer, report);
	ret = contig_range_window(request, report, &pfn);
	if (ret && request->huge &&
	    contig_range_single(request, &buffer->extents))
		return 0;
	if (ret)
		return ret;
	/* Cannot fail: the first extent needs no memory. */
	return contig_extents_append(&buffer->extents, pfn, request->npages);
}

static unsigned long contig_range_largest(const struct contig_request *unused,
					  const struct contig_survey *survey)
{
	return min(survey->largest, survey->room);
}

static bool contig_range_at_least(const struct contig_request *request,
				  const struct contig_survey *survey)
{
	/* An extra reference can be one of a list, which is drained. */
	if (min(survey->largest_loose, survey->room) > survey->largest)
		return true;
	return survey->largest > survey->room &&
	       contig_room_may_grow(request, survey);
}

static bool contig_range_rung_present(const struct contig_request *unused)
{
	return contig_range_present();
}

const struct contig_rung_ops contig_range_ops = {
	.mapping = CONTIG_MAPPING_STRUCT_PAGE,
	.present = contig_range_rung_present,
	.alloc = contig_range_alloc,
	.free = contig_rung_put_pages,
	.largest = contig_range_largest,
	.lower_bound = contig_range_at_least,
};

// SPDX-License-Identifier: GPL-2.0-only
/*
 * The ladder: tries the rungs of a request in order until one succeeds
 */
#include <linux/bits.h>
#include <linux/ktime.h>
#include <linux/minmax.h>
#include <linux/mm.h>

#include "buffer.h"
#include "compact.h"
#include "constraints.h"
#include "huge.h"
#include "ladder.h"
#include "request.h"
#include "rung.h"
#include "stats.h"
#include "survey.h"
#include "trace.h"
#include "worker.h"

static const struct contig_rung_ops *const contig_rungs[CONTIG_RUNG_MAX] = {
	[CONTIG_RUNG_RESERVE] = &contig_reserve_ops,
	[CONTIG_RUNG_COHERENT] = &contig_coherent_ops,
	[CONTIG_RUNG_RANGE] = &contig_range_ops,
	[CONTIG_RUNG_SPLIT] = &contig_split_ops,
	[CONTIG_RUNG_SCATTER] = &contig_scatter_ops,
};

/* The reserve can have two. */
static_assert(CONTIG_RUNG_MAX <= CONTIG_REPORTS);

/**
 * contig_rung_excluded() - check whether a rung can serve a request at all
 * @request: the request
 * @rung: number of the rung
 * @report: receives the reason if not
 *
 * Return: 0, or -ENODEV or -EOPNOTSUPP, independent of the free memory.
 */
int contig_rung_excluded(const struct contig_request *request,
			 unsigned int rung, struct contig_report *report)
{
	const struct contig_rung_ops *ops = contig_rungs[rung];
	bool pages;

	if (!ops->present(request)) {
		report->blocked = CONTIG_BLOCKED_ABSENT;
		return -ENODEV;
	}
	if (request->keep && rung != CONTIG_RUNG_RESERVE) {
		report->blocked = CONTIG_BLOCKED_CONTENTS;
		return -EOPNOTSUPP;
	}
	pages = ops->pages ? ops->pages(request) :
			     ops->mapping == CONTIG_MAPPING_STRUCT_PAGE;
	if ((request->struct_page && !pages) ||
	    (request->page_frames && ops->mapping != CONTIG_MAPPING_PFN)) {
		report->blocked = CONTIG_BLOCKED_MAPPING;
		return -EOPNOTSUPP;
	}
	return 0;
}

/* Accept the memory that a rung gave. Return 0, or -errno if it does not fit. */
static int contig_rung_answered(const struct contig_request *request,
				struct contig_buffer *buffer, unsigned int rung,
				struct contig_report *report)
{
	const struct contig_rung_ops *ops = contig_rungs[rung];

	if (!contig_extents_fit(request, &buffer->extents)) {
		contig_stats_count(CONTIG_EVENT_MISFIT);
		ops->free(buffer);
		report->blocked = CONTIG_BLOCKED_CONSTRAINTS;
		/* Memory of the reserve can have taken the charge along. */
		return contig_buffer_charge(buffer, request->npages -
						    min(request->npages,
							buffer->charged)) ?:
		       -ENOMEM;
	}
	buffer->ops = ops;
	buffer->rung = rung;
	if (buffer->mapping == CONTIG_MAPPING_STRUCT_PAGE)
		buffer->huge = contig_huge_all(&buffer->extents);
	return 0;
}

static int contig_rung_try(const struct contig_request *request,
			   struct contig_buffer *buffer, unsigned int rung,
			   bool first, struct contig_report *report)
{
	const struct contig_rung_ops *ops = contig_rungs[rung];
	int ret;

	ret = contig_rung_excluded(request, rung, report);
	if (ret)
		return ret;
	if (!first)
		ret = contig_rung_expired(request, report);
	if (ret)
		return ret;
	buffer->mapping = ops->mapping;
	ret = ops->alloc(request, buffer, report);
	return ret ?: contig_rung_answered(request, buffer, rung, report);
}

/* Return true if a rung below @rung can be tried. */
static bool contig_rung_below(const struct contig_request *request,
			      unsigned int rung)
{
	struct contig_report scratch;

	while (++rung < CONTIG_RUNG_MAX)
		if (request->rungs & BIT(rung) &&
		    !contig_rung_excluded(request, rung, &scratch))
			return true;
	return false;
}

/*
 * Return the request with a rung's share of the time: half of the rest, or all
 * of it if no other rung follows.
 */
static struct contig_request
contig_rung_share(const struct contig_request *request, bool below)
{
	return below ? contig_request_half(request) : *request;
}

/*
 * Return the request with the ladder's share of the time. If the request fails,
 * the rest is for the survey of memory that its report needs.
 */
static struct contig_request
contig_ladder_share(const struct contig_request *request)
{
	struct contig_request share = *request;
	ktime_t budget = ktime_sub(request->deadline, request->start);
	ktime_t survey = min_t(ktime_t, budget / 8, CONTIG_SURVEY_TIME);

	share.deadline = ktime_sub(request->deadline, survey);
	return share;
}

/*
 * Compact the reserve, if it had enough for the request but not in one piece: before the
 * request gets several extents, or none. Success is a report of its own. Return 0, or
 * -errno with the reason in the reserve's report.
 */
static int contig_ladder_compact(const struct contig_request *request,
				 struct contig_buffer *buffer,
				 struct contig_report *reports, u32 *nr)
{
	struct contig_request share = contig_rung_share(request, true);
	struct contig_report *report = &reports[*nr];
	ktime_t start = ktime_get();
	u32 i = 0;
	int ret;

	while (i < *nr && (reports[i].rung != CONTIG_RUNG_RESERVE ||
			   reports[i].blocked != CONTIG_BLOCKED_EXHAUSTED))
		i++;
	if (i == *nr)
		return -ENOMEM;
	buffer->mapping = contig_reserve_ops.mapping;
	ret = contig_compact(&share, buffer, &reports[i]);
	if (ret)
		return ret;
	report->rung = CONTIG_RUNG_RESERVE;
	ret = contig_rung_answered(request, buffer, report->rung, report);
	report->error = -ret;
	report->windows = 1;
	report->time_ns = ktime_to_ns(ktime_sub(ktime_get(), start));
	(*nr)++;
	contig_stats_alloc(report->rung, request->npages, ret, report->time_ns);
	trace_contig_alloc_rung(request->npages, report);
	return ret;
}

/*
 * Try the rungs in order. Return 0, or the error that says most. A signal ends
 * this, and so does the deadline of the request, but not that of one rung while
 * others follow. All other errors become -ENOMEM in the end.
 */
static int contig_ladder_descend(const struct contig_request *request,
				 struct contig_buffer *buffer,
				 struct contig_report *reports, u32 *nr)
{
	ktime_t start = request->start, end;
	struct contig_request share;
	bool below, compacted = false;
	unsigned int rung;
	int ret = -ENOMEM;

	/* Reading the clock can be slow: read it once for each rung. */
	for (rung = 1; rung < CONTIG_RUNG_MAX; rung++) {
		struct contig_report *report = &reports[*nr];

		if (!(request->rungs & BIT(rung)))
			continue;
		if (rung >= CONTIG_RUNG_SPLIT && !compacted) {
			compacted = true;
			ret = contig_ladder_compact(request, buffer, reports,
						    nr);
			if (!ret || ret == -EINTR)
				return ret;
			report = &reports[*nr];
			start = ktime_get();
		}
		report->rung = rung;
		below = contig_rung_below(request, rung);
		share = contig_rung_share(request, below);
		ret = contig_rung_try(&share, buffer, rung, !*nr, report);
		report->error = -ret;
		/* Success: drop the reason left by earlier windows. */
		if (!ret)
			report->blocked = CONTIG_BLOCKED_NOT;
		end = ktime_get();
		report->time_ns = ktime_to_ns(ktime_sub(end, start));
		start = end;
		(*nr)++;
		contig_stats_alloc(rung, request->npages, ret, report->time_ns);
		trace_contig_alloc_rung(request->npages, report);
		if (!ret || ret == -EINTR || (ret == -ETIME && !below))
			return ret;
	}
	if (compacted)
		return -ENOMEM;
	ret = contig_ladder_compact(request, buffer, reports, nr);
	return ret == -EINTR || !ret ? ret : -ENOMEM;
}

/**
 * contig_ladder() - allocate memory from the rungs
 * @request: the request
 * @buffer: receives the memory
 * @reports: receives a report of each rung that was tried
 * @nr: receives the number of reports
 *
 * Leaves some of the time of @request for contig_report_largest(). May sleep.
 *
 * Return: 0, -ENOMEM, -ETIME or -EINTR.
 */
int contig_ladder(const struct contig_request *request,
		  struct contig_buffer *buffer, struct contig_report *reports,
		  u32 *nr)
{
	struct contig_request ladder = contig_ladder_share(request);
	struct contig_orphan orphan = {};
	int ret;

	ladder.orphan = &orphan;
	ret = contig_ladder_descend(&ladder, buffer, reports, nr);
	contig_orphan_put(&orphan);
	return ret;
}

/* Return the largest length that a rung can allocate, based on a survey. */
u64 contig_rung_largest(const struct contig_request *request,
			const struct contig_survey *survey, unsigned int rung)
{
	struct contig_report scratch = {};
	unsigned long npages;

	if (contig_rung_excluded(request, rung, &scratch))
		return 0;
	npages = contig_rungs[rung]->largest(request, survey);
	return (u64)npages << PAGE_SHIFT;
}

/* Return true if contig_rung_largest() is a lower bound. */
bool contig_rung_at_least(const struct contig_request *request,
			  const struct contig_survey *survey, unsigned int rung)
{
	const struct contig_rung_ops *ops = contig_rungs[rung];
	struct contig_report scratch = {};

	return ops->lower_bound && ops->lower_bound(request, survey) &&
	       !contig_rung_excluded(request, rung, &scratch);
}

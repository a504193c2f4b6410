// SPDX-License-Identifier: GPL-2.0-only
/*
 * The reports on rungs that a caller gets, and what they must not reveal
 */
#include <linux/bits.h>
#include <linux/ktime.h>
#include <linux/log2.h>
#include <linux/minmax.h>
#include <linux/mm.h>

#include "ladder.h"
#include "limits.h"
#include "report.h"
#include "request.h"
#include "room.h"
#include "survey.h"

/* Time that the survey for reports may take even past the deadline. */
#define CONTIG_SURVEY_LEAST (20 * NSEC_PER_MSEC)

/**
 * contig_reports_at_least() - find the reports that give a lower bound
 * @request: the request
 * @survey: survey of memory
 * @reports: reports of the rungs, before contig_reports_blur()
 * @nr: length of @reports
 *
 * For a caller without the right to see physical addresses lengths are rounded
 * down, so they always are lower bounds.
 *
 * Return: mask of rungs.
 */
u32 contig_reports_at_least(const struct contig_request *request,
			    const struct contig_survey *survey,
			    const struct contig_report *reports, u32 nr)
{
	u32 i, mask = 0;

	for (i = 0; i < nr; i++)
		if (reports[i].largest &&
		    (request->told ?
		     contig_rung_at_least(request, survey, reports[i].rung) :
		     true))
			mask |= BIT(reports[i].rung);
	return mask;
}

/**
 * contig_report_largest() - report the length that each failed rung could give
 * @request: the request
 * @survey: receives a survey of memory
 * @reports: in/out: reports of the rungs
 * @nr: length of @reports
 *
 * The ladder leaves time for that, since callers need these lengths most when
 * it fails for lack of time.
 *
 * Return: 0, -EINTR or -ENOMEM.
 */
int contig_report_largest(const struct contig_request *request,
			  struct contig_survey *survey,
			  struct contig_report *reports, u32 nr)
{
	struct contig_request look = *request;
	ktime_t now = ktime_get();
	u32 i;
	int ret;

	look.deadline = max(ktime_add_ns(now, CONTIG_SURVEY_LEAST),
			    min(ktime_add_ns(now, CONTIG_SURVEY_TIME),
				request->deadline));
	ret = contig_survey_memory(&look, request->npages, true, survey);
	if (ret && ret != -ETIME)
		return ret;
	contig_room_foresee(&look, survey);
	for (i = 0; i < nr; i++)
		if (reports[i].error)
			reports[i].largest =
				contig_rung_largest(request, survey,
						    reports[i].rung);
	return 0;
}

/* Return the length for a caller that may not see physical addresses. */
static u64 contig_report_blurred(const struct contig_request *request,
				 const struct contig_report *report,
				 unsigned long left)
{
	unsigned long npages = request->npages;

	if (!report->largest)
		return 0;
	if (report->error)
		npages = min3((unsigned long)(report->largest >> PAGE_SHIFT),
			      npages - 1, left);
	if (report->error && npages)
		npages = rounddown_pow_of_two(npages);
	return (u64)npages << PAGE_SHIFT;
}

/**
 * contig_reports_blur() - remove from reports what the caller must not learn
 * @request: the request
 * @user: account whose quota counts
 * @reports: in/out: reports of the rungs
 * @nr: length of @reports
 *
 * A report must not reveal more than an allocation would to a caller without
 * the right to see physical addresses. The exact length of the longest extent
 * would reveal how the pages that the caller has pinned lie in memory, so the
 * report has a power of two below the requested length and within the quota.
 * Neither does it say what occupies a part of memory.
 */
void contig_reports_blur(const struct contig_request *request,
			 const struct contig_user *user,
			 struct contig_report *reports, u32 nr)
{
	unsigned long left = contig_user_left(user);
	u32 i;

	if (request->told)
		return;
	for (i = 0; i < nr; i++) {
		struct contig_report *report = &reports[i];

		report->largest = contig_report_blurred(request, report, left);
		/* The number reveals which windows hold the caller's pages. */
		report->windows = min(report->windows, 1U);
		if (report->blocked == CONTIG_BLOCKED_LOCKED)
			report->blocked = CONTIG_BLOCKED_EXHAUSTED;
		if (request->narrowed &&
		    report->blocked == CONTIG_BLOCKED_PINNED)
			report->blocked = CONTIG_BLOCKED_UNMOVABLE;
	}
}

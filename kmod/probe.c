// SPDX-License-Identifier: GPL-2.0-only
/*
 * CONTIG_PROBE: predicts the answer of CONTIG_ALLOC, and says what blocks it
 */
#include <linux/bitops.h>
#include <linux/math.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/sizes.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "client.h"
#include "coherent.h"
#include "gfp.h"
#include "ladder.h"
#include "limits.h"
#include "report.h"
#include "request.h"
#include "request_check.h"
#include "reserve.h"
#include "room.h"
#include "survey.h"
#include "ucmd.h"

/* Return how many pages there is room for, wherever pages in the way lie. */
static unsigned long contig_probe_room(const struct contig_request *request,
				       const struct contig_survey *survey,
				       unsigned int rung)
{
	return rung == CONTIG_RUNG_RANGE ? survey->room :
					   contig_room(request, survey);
}

/* Return why a rung cannot meet the request; lack of room comes first. */
static enum contig_blocked
contig_probe_blocked(const struct contig_request *request,
		     const struct contig_survey *survey, unsigned int rung)
{
	if (rung == CONTIG_RUNG_RESERVE)
		return contig_reserve_blocked(request);
	if (rung == CONTIG_RUNG_COHERENT && contig_coherent_pool(request))
		return CONTIG_BLOCKED_EXHAUSTED;
	if (contig_probe_room(request, survey, rung) < request->npages)
		return CONTIG_BLOCKED_EXHAUSTED;
	return survey->pinned > survey->kernel ? CONTIG_BLOCKED_PINNED :
						 CONTIG_BLOCKED_UNMOVABLE;
}

/*
 * Fill in the report that a rung would give, judging by a survey, except for
 * the error. Return that error, or 0 if the rung can meet the request.
 */
static int contig_probe_rung(const struct contig_request *request,
			     const struct contig_survey *survey,
			     struct contig_report *report)
{
	int ret = contig_rung_excluded(request, report->rung, report);

	if (ret)
		return ret;
	report->largest = contig_rung_largest(request, survey, report->rung);
	if (report->largest >> PAGE_SHIFT >= request->npages &&
	    (report->rung != CONTIG_RUNG_RANGE || survey->nr))
		return 0;
	report->blocked = contig_probe_blocked(request, survey, report->rung);
	return -ENOMEM;
}

static u32 contig_remedy(struct contig_client *client,
			 const struct contig_request *request,
			 const struct contig_survey *survey, u32 rung)
{
	if (request->npages > contig_user_left(client->user))
		return CONTIG_REMEDY_QUOTA;
	if (rung)
		return CONTIG_REMEDY_NONE;
	if (!(request->rungs & (CONTIG_RUNGS_RANGE | CONTIG_RUNGS_SPLIT |
				CONTIG_RUNGS_SCATTER)))
		return CONTIG_REMEDY_RESERVE;
	if (survey->free + survey->movable < request->npages)
		return CONTIG_REMEDY_CONSTRAINTS;
	if (survey->room < request->npages)
		return CONTIG_REMEDY_FREE;
	if (survey->pinned > survey->kernel &&
	    (request->told || !request->narrowed))
		return CONTIG_REMEDY_UNPIN;
	if (request->max_segments > 1 && request->max_segments < UINT_MAX)
		return CONTIG_REMEDY_SEGMENTS;
	return CONTIG_REMEDY_RESERVE;
}

/*
 * Round a count of a part of memory down to three significant bits, for callers
 * without the right to see physical addresses. That is enough to judge a
 * request by; exact counts for one length after the other would be a census.
 */
static unsigned long contig_blur(unsigned long n)
{
	int shift = fls_long(n) - 3;

	return shift > 0 ? n >> shift << shift : n;
}

static void contig_survey_blur(struct contig_survey *survey)
{
	survey->free = contig_blur(survey->free);
	survey->movable = contig_blur(survey->movable);
	survey->kernel = contig_blur(survey->kernel);
	survey->pinned = contig_blur(survey->pinned);
	survey->largest = contig_blur(survey->largest);
	survey->largest_free = contig_blur(survey->largest_free);
	survey->largest_loose = contig_blur(survey->largest_loose);
	survey->largest_cma = contig_blur(survey->largest_cma);
	survey->listed = contig_blur(survey->listed);
	survey->cma_free = contig_blur(survey->cma_free);
	survey->cma_cache = contig_blur(survey->cma_cache);
	survey->room = contig_blur(survey->room);
}

/* Report only that the quota is too low: see contig_reports_blur(). */
static void contig_probe_over_quota(struct contig_probe *cmd,
				    const struct contig_request *request)
{
	unsigned int rung;

	for (rung = 1; rung < CONTIG_RUNG_MAX; rung++) {
		if (!(request->rungs & BIT(rung)))
			continue;
		cmd->out_reports[cmd->out_report_count++] =
			(struct contig_report){
				.rung = rung,
				.error = EDQUOT,
				.blocked = CONTIG_BLOCKED_EXHAUSTED,
			};
	}
	cmd->out_remedy = CONTIG_REMEDY_QUOTA;
}

/* Return a count as far as the caller may know it: all memory, in whole MiB. */
static u64 contig_probe_count(const struct contig_request *request,
			      unsigned long npages)
{
	if (request->told)
		return npages;
	return request->narrowed ? 0 :
	       round_down(npages, (unsigned long)SZ_1M >> PAGE_SHIFT);
}

/* Update the largest length of all rungs, and whether it is a lower bound. */
static void contig_probe_largest(struct contig_probe *cmd,
				 const struct contig_report *report)
{
	if (!(BIT(report->rung) & CONTIG_RUNGS_CONTIGUOUS) ||
	    report->largest <= cmd->out_largest)
		return;
	cmd->out_largest = report->largest;
	cmd->out_at_least &= ~BIT(CONTIG_RUNG_NONE);
	if (cmd->out_at_least & BIT(report->rung))
		cmd->out_at_least |= BIT(CONTIG_RUNG_NONE);
}

/*
 * Survey memory. If the longest extent needs a bitmap of more than a page, do it
 * once more as ALLOC would: that bitmap is a block of the kernel's, which can
 * lie in the extent. Other callers get no length above the one that they asked
 * for, and the time would tell them of it.
 */
static int contig_probe_survey(const struct contig_request *request,
			       struct contig_survey *survey)
{
	struct contig_survey longest;
	unsigned long least;
	int ret;

	ret = contig_survey_memory(request, request->npages, true, survey);
	if (ret || !request->told || survey->largest <= request->npages ||
	    survey->largest <= PAGE_SIZE * BITS_PER_BYTE)
		return ret;
	least = survey->nr ? request->npages : 0;
	ret = contig_survey_memory(request, survey->largest, true, &longest);
	if (ret)
		/* Lack of time or memory: the first answer has to do. */
		return ret == -EINTR ? ret : 0;
	survey->largest = clamp(longest.largest, least, survey->largest);
	survey->largest_loose = max(min(survey->largest_loose,
					longest.largest_loose),
				    survey->largest);
	return 0;
}

static int contig_probe_fill(struct contig_client *client,
			     struct contig_probe *cmd,
			     const struct contig_request *request,
			     struct contig_survey *survey)
{
	unsigned int rung;
	u32 i;
	int ret;

	if (!request->told &&
	    request->npages > contig_user_left(client->user)) {
		contig_probe_over_quota(cmd, request);
		return 0;
	}
	ret = contig_probe_survey(request, survey);
	if (ret)
		return ret;
	contig_room_foresee(request, survey);
	if (!request->told && request->narrowed)
		contig_survey_blur(survey);
	for (rung = 1; rung < CONTIG_RUNG_MAX; rung++) {
		struct contig_report *report =
			&cmd->out_reports[cmd->out_report_count];

		if (!(request->rungs & BIT(rung)))
			continue;
		cmd->out_report_count++;
		report->rung = rung;
		report->error = -contig_probe_rung(request, survey, report);
		if (!report->error && !cmd->out_rung)
			cmd->out_rung = rung;
	}
	cmd->out_at_least = contig_reports_at_least(request, survey,
						    cmd->out_reports,
						    cmd->out_report_count);
	contig_reports_blur(request, client->user, cmd->out_reports,
			    cmd->out_report_count);
	for (i = 0; i < cmd->out_report_count; i++)
		contig_probe_largest(cmd, &cmd->out_reports[i]);
	cmd->out_free_pages = contig_probe_count(request, survey->free);
	cmd->out_movable_pages = contig_probe_count(request, survey->movable);
	cmd->out_kernel_pages = contig_probe_count(request, survey->kernel);
	cmd->out_pinned_pages = contig_probe_count(request, survey->pinned);
	/* Reveals which of the caller's pages lie in the cheapest window. */
	if (survey->nr && request->told)
		cmd->out_moves = survey->windows[0].cost / 4;
	cmd->out_remedy = contig_remedy(client, request, survey, cmd->out_rung);
	return 0;
}

int contig_probe_ioctl(struct contig_ucmd *ucmd)
{
	struct contig_survey *survey __free(kfree) =
		kmalloc(sizeof(*survey), CONTIG_GFP);
	struct contig_probe *cmd = ucmd->cmd;
	struct contig_request request;
	int ret;

	if (!survey)
		return -ENOMEM;
	/* The answer would be out of date. */
	if (cmd->flags & CONTIG_ALLOC_NO_WAIT)
		return -EOPNOTSUPP;
	ret = contig_request_for(ucmd->client, &request, cmd->length, cmd->flags,
				 cmd->rungs, 0, &cmd->constraints);
	if (ret)
		return ret;
	memset_startat(cmd, 0, out_rung);
	cmd->out_address_bits = contig_request_address_bits(&request);
	ret = contig_probe_fill(ucmd->client, cmd, &request, survey);
	return ret ?: contig_ucmd_respond(ucmd, sizeof(*cmd));
}

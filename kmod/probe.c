// SPDX-License-Identifier: GPL-2.0-only
/*
 * CONTIG_PROBE: what CONTIG_ALLOC would answer, and what is in the way
 */
#include <linux/bitops.h>
#include <linux/math.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/sizes.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "alloc.h"
#include "client.h"
#include "coherent.h"
#include "limits.h"
#include "request.h"
#include "rung.h"
#include "ucmd.h"
#include "window.h"

/* Fill in what a rung would answer, judging by a survey. */
static void contig_probe_rung(const struct contig_request *request,
			      const struct contig_survey *survey,
			      struct contig_report *report)
{
	int ret = contig_rung_excluded(request, report->rung, report);

	if (!ret) {
		report->largest = contig_rung_largest(request, survey,
						      report->rung);
		if (report->largest >> PAGE_SHIFT < request->npages ||
		    (report->rung == CONTIG_RUNG_RANGE && !survey->nr)) {
			report->blocked = survey->pinned > survey->kernel ?
					  CONTIG_BLOCKED_PINNED :
					  CONTIG_BLOCKED_UNMOVABLE;
			if (report->rung == CONTIG_RUNG_RESERVE ||
			    (report->rung == CONTIG_RUNG_COHERENT &&
			     contig_coherent_pool(request)) ||
			    survey->free < request->npages)
				report->blocked = CONTIG_BLOCKED_EXHAUSTED;
			ret = -ENOMEM;
		}
	}
	report->error = -ret;
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
	if (survey->free < request->npages)
		return CONTIG_REMEDY_FREE;
	if (survey->pinned > survey->kernel &&
	    (request->told || !request->narrowed))
		return CONTIG_REMEDY_UNPIN;
	if (request->max_segments > 1 && request->max_segments < UINT_MAX)
		return CONTIG_REMEDY_SEGMENTS;
	return CONTIG_REMEDY_RESERVE;
}

/*
 * For callers without the right to see physical addresses, keep three bits of what a
 * survey found in a part of memory: enough to judge by, and too little for a
 * census of it by asking for one length after the other.
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
	survey->largest_cma = contig_blur(survey->largest_cma);
}

/* The caller is not told of memory that it may not have: see contig_reports_blur(). */
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

/* Counts of all memory are public to the MiB, and counts of a part are not. */
static u64 contig_probe_count(const struct contig_request *request,
			      unsigned long npages)
{
	if (request->told)
		return npages;
	return request->narrowed ? 0 :
	       round_down(npages, (unsigned long)SZ_1M >> PAGE_SHIFT);
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
	ret = contig_survey_memory(request, request->npages, true, true, NULL,
				   survey);
	if (ret)
		return ret;
	if (!request->told && request->narrowed)
		contig_survey_blur(survey);
	for (rung = 1; rung < CONTIG_RUNG_MAX; rung++) {
		struct contig_report *report =
			&cmd->out_reports[cmd->out_report_count];

		if (!(request->rungs & BIT(rung)))
			continue;
		cmd->out_report_count++;
		report->rung = rung;
		contig_probe_rung(request, survey, report);
		if (!report->error && !cmd->out_rung)
			cmd->out_rung = rung;
	}
	contig_reports_blur(request, client->user, cmd->out_reports,
			    cmd->out_report_count);
	for (i = 0; i < cmd->out_report_count; i++)
		if (BIT(cmd->out_reports[i].rung) & CONTIG_RUNGS_CONTIGUOUS)
			cmd->out_largest = max(cmd->out_largest,
					       cmd->out_reports[i].largest);
	cmd->out_free_pages = contig_probe_count(request, survey->free);
	cmd->out_movable_pages = contig_probe_count(request, survey->movable);
	cmd->out_kernel_pages = contig_probe_count(request, survey->kernel);
	cmd->out_pinned_pages = contig_probe_count(request, survey->pinned);
	/* Would tell which of its pages lie in the cheapest window. */
	if (survey->nr && request->told)
		cmd->out_moves = survey->windows[0].cost / 4;
	cmd->out_remedy = contig_remedy(client, request, survey, cmd->out_rung);
	return 0;
}

int contig_probe_ioctl(struct contig_ucmd *ucmd)
{
	struct contig_survey *survey __free(kfree) =
		kmalloc(sizeof(*survey), GFP_KERNEL_ACCOUNT);
	struct contig_probe *cmd = ucmd->cmd;
	struct contig_request request;
	int ret;

	if (!survey)
		return -ENOMEM;
	ret = contig_request_for(ucmd->client, &request, cmd->length, cmd->flags,
				 cmd->rungs, 0, &cmd->constraints);
	if (ret)
		return ret;
	memset_startat(cmd, 0, out_rung);
	ret = contig_probe_fill(ucmd->client, cmd, &request, survey);
	return ret ?: contig_ucmd_respond(ucmd, sizeof(*cmd));
}

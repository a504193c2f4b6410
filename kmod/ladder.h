/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The ladder of rungs
 */
#ifndef CONTIG_LADDER_H
#define CONTIG_LADDER_H

#include <linux/time64.h>
#include <linux/types.h>

#include <uapi/linux/contig.h>

struct contig_buffer;
struct contig_request;
struct contig_survey;

/* Time limit of the survey for the report of a failure. */
#define CONTIG_SURVEY_TIME NSEC_PER_SEC

int contig_ladder(const struct contig_request *request,
		  struct contig_buffer *buffer, struct contig_report *reports,
		  u32 *nr);
int contig_rung_excluded(const struct contig_request *request,
			 unsigned int rung, struct contig_report *report);
u64 contig_rung_largest(const struct contig_request *request,
			const struct contig_survey *survey, unsigned int rung);
bool contig_rung_at_least(const struct contig_request *request,
			  const struct contig_survey *survey, unsigned int rung);

#endif /* CONTIG_LADDER_H */

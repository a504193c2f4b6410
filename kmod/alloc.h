/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The ladder: what ALLOC and PROBE share
 */
#ifndef CONTIG_ALLOC_H
#define CONTIG_ALLOC_H

#include <linux/types.h>

#include <uapi/linux/contig.h>

struct contig_client;
struct contig_request;
struct contig_survey;
struct contig_user;

int contig_request_for(struct contig_client *client,
		       struct contig_request *request, u64 length, u32 flags,
		       u32 rungs, u32 timeout_ms,
		       const struct contig_constraints *constraints);
int contig_rung_excluded(const struct contig_request *request,
			 unsigned int rung, struct contig_report *report);
u64 contig_rung_largest(const struct contig_request *request,
			const struct contig_survey *survey, unsigned int rung);
void contig_reports_blur(const struct contig_request *request,
			 const struct contig_user *user,
			 struct contig_report *reports, u32 nr);

#endif /* CONTIG_ALLOC_H */

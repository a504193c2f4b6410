/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The reports on rungs that a caller gets
 */
#ifndef CONTIG_REPORT_H
#define CONTIG_REPORT_H

#include <linux/types.h>

#include <uapi/linux/contig.h>

struct contig_request;
struct contig_survey;
struct contig_user;

int contig_report_largest(const struct contig_request *request,
			  struct contig_survey *survey,
			  struct contig_report *reports, u32 nr);
u32 contig_reports_at_least(const struct contig_request *request,
			    const struct contig_survey *survey,
			    const struct contig_report *reports, u32 nr);
void contig_reports_blur(const struct contig_request *request,
			 const struct contig_user *user,
			 struct contig_report *reports, u32 nr);

#endif /* CONTIG_REPORT_H */

// SPDX-License-Identifier: GPL-2.0-only
/*
 * Functions that the rungs share
 */
#include <linux/cc_platform.h>
#include <linux/sched.h>

#include "buffer.h"
#include "pages.h"
#include "request.h"
#include "rung.h"
#include "survey.h"

static const char *const contig_rung_names[CONTIG_RUNG_MAX] = {
	[CONTIG_RUNG_RESERVE] = "reserve",
	[CONTIG_RUNG_COHERENT] = "coherent",
	[CONTIG_RUNG_RANGE] = "range",
	[CONTIG_RUNG_SPLIT] = "split",
	[CONTIG_RUNG_SCATTER] = "scatter",
};

/* Return the name of a rung as debugfs has it. */
const char *contig_rung_name(unsigned int rung)
{
	return contig_rung_names[rung];
}

/* Return true if memory for devices must be decrypted, as coherent.c does. */
bool contig_memory_encrypted(void)
{
	return cc_platform_has(CC_ATTR_GUEST_MEM_ENCRYPT);
}

/* Report why a rung stops with -ETIME or -EINTR, and return @error. */
int contig_rung_stop(struct contig_report *report, int error)
{
	report->blocked = error == -ETIME ? CONTIG_BLOCKED_TIME :
					    CONTIG_BLOCKED_SIGNAL;
	return error;
}

/* Return 0 to go on; else report the reason, and return -ETIME or -EINTR. */
int contig_rung_expired(const struct contig_request *request,
			struct contig_report *report)
{
	int ret = contig_request_expired(request);

	return ret ? contig_rung_stop(report, ret) : 0;
}

/* contig_rung_ops.free of rungs that take pages with their own references. */
void contig_rung_put_pages(struct contig_buffer *buffer)
{
	const struct contig_extents *extents = &buffer->extents;
	unsigned int i;

	for (i = 0; i < extents->nr; i++) {
		contig_survey_freed(extents->entries[i].pfn);
		if (i % 1024 == 0)
			cond_resched();
	}
	contig_pages_put_extents(&buffer->extents);
}

/* contig_rung_ops.present of rungs that take pages from the page allocator. */
bool contig_rung_takes_pages(const struct contig_request *unused)
{
	return !contig_memory_encrypted();
}

// SPDX-License-Identifier: GPL-2.0-only
/*
 * The ladder: one request walks down the rungs until one can answer
 */
#include <linux/dma-buf.h>
#include <linux/err.h>
#include <linux/file.h>
#include <linux/ktime.h>
#include <linux/log2.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "alloc.h"
#include "buffer.h"
#include "client.h"
#include "dma_device.h"
#include "limits.h"
#include "name.h"
#include "request.h"
#include "rung.h"
#include "stats.h"
#include "trace.h"
#include "ucmd.h"
#include "window.h"

static const struct contig_rung_ops *const contig_rungs[CONTIG_RUNG_MAX] = {
	[CONTIG_RUNG_RESERVE] = &contig_reserve_ops,
	[CONTIG_RUNG_COHERENT] = &contig_coherent_ops,
	[CONTIG_RUNG_RANGE] = &contig_range_ops,
	[CONTIG_RUNG_SPLIT] = &contig_split_ops,
	[CONTIG_RUNG_SCATTER] = &contig_scatter_ops,
};

static_assert(CONTIG_RUNG_MAX - 1 <= CONTIG_REPORTS);

const char *contig_rung_name(unsigned int rung)
{
	return contig_rungs[rung]->name;
}

int contig_rung_stop(struct contig_report *report, int error)
{
	report->blocked = error == -ETIME ? CONTIG_BLOCKED_TIME :
					    CONTIG_BLOCKED_SIGNAL;
	return error;
}

int contig_rung_expired(const struct contig_request *request,
			struct contig_report *report)
{
	int ret = contig_request_expired(request);

	return ret ? contig_rung_stop(report, ret) : 0;
}

/**
 * contig_rung_excluded() - check whether a rung can answer a request at all
 * @request: what was asked for
 * @rung: number of the rung
 * @report: receives why not
 *
 * Return: 0, or -ENODEV or -EOPNOTSUPP, whatever memory there is.
 */
int contig_rung_excluded(const struct contig_request *request,
			 unsigned int rung, struct contig_report *report)
{
	const struct contig_rung_ops *ops = contig_rungs[rung];

	if (!ops->present(request)) {
		report->blocked = CONTIG_BLOCKED_ABSENT;
		return -ENODEV;
	}
	if (request->struct_page && ops->mapping != CONTIG_MAPPING_STRUCT_PAGE) {
		report->blocked = CONTIG_BLOCKED_MAPPING;
		return -EOPNOTSUPP;
	}
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
	ret = ops->alloc(request, buffer, report);
	if (ret)
		return ret;
	if (!contig_extents_fit(request, &buffer->extents)) {
		contig_stats_count(CONTIG_EVENT_MISFIT);
		ops->free(buffer);
		report->blocked = CONTIG_BLOCKED_CONSTRAINTS;
		return -ENOMEM;
	}
	buffer->ops = ops;
	buffer->rung = rung;
	buffer->mapping = ops->mapping;
	return 0;
}

/*
 * Walk down the ladder. Return 0, or the error that says most: out of time and
 * signals end the walk, everything else is no memory in the end.
 */
static int contig_ladder(const struct contig_request *request,
			 struct contig_buffer *buffer,
			 struct contig_report *reports, u32 *nr)
{
	ktime_t start = request->start, end;
	unsigned int rung;
	int ret = -ENOMEM;

	/* The clock can be slow to read: each rung begins when the last ended. */
	for (rung = 1; rung < CONTIG_RUNG_MAX; rung++) {
		struct contig_report *report = &reports[*nr];

		if (!(request->rungs & BIT(rung)))
			continue;
		report->rung = rung;
		ret = contig_rung_try(request, buffer, rung, !*nr, report);
		report->error = -ret;
		/* What was in the way of an earlier window is no matter. */
		if (!ret)
			report->blocked = CONTIG_BLOCKED_NOT;
		end = ktime_get();
		report->time_ns = ktime_to_ns(ktime_sub(end, start));
		start = end;
		(*nr)++;
		contig_stats_alloc(rung, request->npages, ret, report->time_ns);
		trace_contig_alloc_rung(request->npages, report);
		if (!ret || ret == -ETIME || ret == -EINTR)
			return ret;
	}
	return -ENOMEM;
}

/* Return the largest length that a rung could give, judging by a survey. */
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

/*
 * Say of each rung that failed what it could have given. The survey has a time
 * budget of its own: it is needed most when the request's has run out.
 */
static int contig_report_largest(const struct contig_request *request,
				 struct contig_survey *survey,
				 struct contig_report *reports, u32 nr)
{
	struct contig_request look = *request;
	u32 i;
	int ret;

	look.deadline = ktime_add_ms(ktime_get(), MSEC_PER_SEC);
	ret = contig_survey_memory(&look, request->npages, true, true, NULL,
				   survey);
	if (ret && ret != -ETIME)
		return ret;
	for (i = 0; i < nr; i++)
		if (reports[i].error)
			reports[i].largest =
				contig_rung_largest(request, survey,
						    reports[i].rung);
	return 0;
}

/* Return the largest length to report to a caller that is not told all. */
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
 * contig_reports_blur() - leave out of reports what the caller must not learn
 * @request: what was asked for
 * @user: whose quota counts
 * @reports: in/out: what became of the rungs
 * @nr: length of @reports
 *
 * A caller without the right to see physical addresses learns no more from a report
 * than from allocating: not how long the longest run is, which would tell how the
 * pages that it has pinned lie in between, but a power of two below what it asked
 * for and may have. Nor does it learn what lies in a part of memory.
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
		/* How many failed would tell which of its pages lie in them. */
		report->windows = min(report->windows, 1U);
		if (request->narrowed &&
		    report->blocked == CONTIG_BLOCKED_PINNED)
			report->blocked = CONTIG_BLOCKED_UNMOVABLE;
	}
}

static int contig_alloc_publish(struct contig_ucmd *ucmd,
				struct contig_buffer *buffer)
{
	struct contig_alloc *cmd = ucmd->cmd;
	int fd, ret;

	ret = contig_buffer_export(buffer);
	if (ret) {
		contig_buffer_destroy(buffer);
		return ret;
	}
	fd = get_unused_fd_flags(O_CLOEXEC);
	if (fd < 0) {
		contig_buffer_put(buffer);
		return fd;
	}
	cmd->out_fd = fd;
	cmd->out_rung = buffer->rung;
	cmd->out_mapping = buffer->mapping;
	cmd->out_length = contig_buffer_size(buffer);
	cmd->out_extents = buffer->extents.nr;
	ret = contig_ucmd_respond(ucmd, sizeof(*cmd));
	if (ret) {
		put_unused_fd(fd);
		contig_buffer_put(buffer);
		return ret;
	}
	/* Nothing can fail any more: now others may see it. */
	fd_install(fd, buffer->dmabuf->file);
	return 0;
}

static void contig_alloc_clear(struct contig_alloc *cmd)
{
	cmd->out_fd = -1;
	cmd->out_rung = CONTIG_RUNG_NONE;
	cmd->out_mapping = CONTIG_MAPPING_NONE;
	cmd->out_report_count = 0;
	cmd->out_length = 0;
	cmd->out_extents = 0;
	memset(cmd->out_reports, 0, sizeof(cmd->out_reports));
}

static int contig_alloc_failed(struct contig_ucmd *ucmd,
			       const struct contig_request *request, int error)
{
	struct contig_survey *survey __free(kfree) =
		kmalloc(sizeof(*survey), GFP_KERNEL_ACCOUNT);
	struct contig_alloc *cmd = ucmd->cmd;

	if (survey)
		contig_report_largest(request, survey, cmd->out_reports,
				      cmd->out_report_count);
	contig_reports_blur(request, ucmd->client->user, cmd->out_reports,
			    cmd->out_report_count);
	return contig_ucmd_respond(ucmd, sizeof(*cmd)) ?: error;
}

/* Check a request, and limit it to what the client's device can address. */
int contig_request_for(struct contig_client *client,
		       struct contig_request *request, u64 length, u32 flags,
		       u32 rungs, u32 timeout_ms,
		       const struct contig_constraints *constraints)
{
	struct contig_dma_device *device;
	int ret;

	ret = contig_client_device(client, &device);
	if (ret)
		return ret;
	ret = contig_request_init(request, length, flags, rungs, timeout_ms,
				  constraints, device);
	if (device)
		contig_dma_device_put(device);
	return ret;
}

int contig_alloc_ioctl(struct contig_ucmd *ucmd)
{
	struct contig_alloc *cmd = ucmd->cmd;
	struct contig_request request;
	struct contig_buffer *buffer;
	int ret;

	contig_alloc_clear(cmd);
	ret = contig_request_for(ucmd->client, &request, cmd->length, cmd->flags,
				 cmd->rungs, cmd->timeout_ms,
				 &cmd->constraints);
	if (!ret)
		ret = contig_name_check(cmd->name, sizeof(cmd->name));
	if (ret)
		return ret == -ERANGE ?
		       contig_ucmd_respond(ucmd, sizeof(*cmd)) ?: ret : ret;

	trace_contig_alloc_start(request.npages, request.rungs);
	buffer = contig_buffer_new(ucmd->client->user, cmd->name,
				   request.npages);
	/* What came back to the reserve counts until it is clean. */
	if (buffer == ERR_PTR(-EDQUOT)) {
		contig_reserve_settle(&request);
		buffer = contig_buffer_new(ucmd->client->user, cmd->name,
					   request.npages);
	}
	if (IS_ERR(buffer))
		return PTR_ERR(buffer);
	ret = contig_ladder(&request, buffer, cmd->out_reports,
			    &cmd->out_report_count);
	trace_contig_alloc_end(request.npages, buffer->rung, buffer->extents.nr,
			       ret);
	if (ret) {
		contig_buffer_abandon(buffer);
		return contig_alloc_failed(ucmd, &request, ret);
	}
	contig_reports_blur(&request, ucmd->client->user, cmd->out_reports,
			    cmd->out_report_count);
	return contig_alloc_publish(ucmd, buffer);
}

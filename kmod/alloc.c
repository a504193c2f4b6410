// SPDX-License-Identifier: GPL-2.0-only
/*
 * CONTIG_ALLOC: walk down the ladder for a request and publish a buffer
 */
#include <linux/capability.h>
#include <linux/dma-buf.h>
#include <linux/err.h>
#include <linux/fcntl.h>
#include <linux/file.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/user_namespace.h>

#include "alloc.h"
#include "buffer.h"
#include "client.h"
#include "dmabuf.h"
#include "gfp.h"
#include "huge.h"
#include "ladder.h"
#include "linger.h"
#include "name.h"
#include "report.h"
#include "request.h"
#include "request_check.h"
#include "scrub.h"
#include "survey.h"
#include "trace.h"
#include "ucmd.h"

/**
 * contig_alloc_buffer() - charge for a buffer and walk down the ladder for it
 * @request: the request; its account is charged
 * @name: name to display; if empty, the name of the calling thread
 * @reports: receives a report of each rung that was tried
 * @nr: receives the number of reports, 0 if the account cannot be charged
 *
 * Waits once for memory that is charged until it is scrubbed. May sleep, for as
 * long as the request allows, but can be killed.
 *
 * Return: the buffer, which is not exported yet, or ERR_PTR() of -EDQUOT,
 * -ENOMEM, -EAGAIN (instead of -ENOMEM, if it may not wait), -ETIME or -EINTR.
 */
struct contig_buffer *contig_alloc_buffer(const struct contig_request *request,
					  const char *name,
					  struct contig_report *reports, u32 *nr)
{
	struct contig_buffer *buffer;
	struct contig_request half;
	int ret;

	*nr = 0;
	trace_contig_alloc_start(request->npages, request->rungs);
	buffer = contig_buffer_new(request->user, name, request->npages);
	/* Freed reserve memory stays charged until scrubbed: wait for that. */
	if (buffer == ERR_PTR(-EDQUOT) && !request->no_wait) {
		contig_linger_settle();
		half = contig_request_half(request);
		contig_scrub_wait(&half);
		buffer = contig_buffer_new(request->user, name,
					   request->npages);
	}
	if (IS_ERR(buffer))
		return buffer;
	ret = contig_ladder(request, buffer, reports, nr);
	trace_contig_alloc_end(request->npages, buffer->rung, buffer->extents.nr,
			       ret);
	if (!ret) {
		/* Without that it cannot be moved. */
		if (buffer->extents.nr > 1 ||
		    buffer->rung == CONTIG_RUNG_RESERVE)
			buffer->asked = kmemdup(request, sizeof(*request),
						CONTIG_GFP);
		return buffer;
	}
	contig_buffer_abandon(buffer);
	return ERR_PTR(request->no_wait && ret == -ENOMEM ? -EAGAIN : ret);
}

/* Describe a buffer that the caller gets as the descriptor @fd. */
void contig_alloc_describe(struct contig_alloc *cmd,
			   const struct contig_buffer *buffer, int fd)
{
	cmd->out_fd = fd;
	cmd->out_rung = buffer->rung;
	cmd->out_mapping = buffer->mapping;
	cmd->out_length = contig_buffer_size(buffer);
	cmd->out_extents = buffer->extents.nr;
	cmd->out_frames = buffer->frames;
	if (buffer->huge)
		cmd->out_huge_size = CONTIG_HUGE_PAGES << PAGE_SHIFT;
}

static int contig_alloc_publish(struct contig_ucmd *ucmd,
				struct contig_buffer *buffer)
{
	struct contig_alloc *cmd = ucmd->cmd;
	int fd, ret;

	ret = contig_buffer_export(buffer, O_RDWR | O_CLOEXEC);
	if (ret) {
		contig_buffer_destroy(buffer);
		return ret;
	}
	fd = get_unused_fd_flags(O_CLOEXEC);
	if (fd < 0) {
		contig_buffer_put(buffer);
		return fd;
	}
	contig_alloc_describe(cmd, buffer, fd);
	ret = contig_ucmd_respond(ucmd, sizeof(*cmd));
	if (ret) {
		put_unused_fd(fd);
		contig_buffer_put(buffer);
		return ret;
	}
	/* No step can fail any more: publish the descriptor. */
	fd_install(fd, buffer->dmabuf->file);
	return 0;
}

/* Clear what a command tells about a buffer. */
void contig_alloc_clear(struct contig_alloc *cmd)
{
	cmd->out_fd = -1;
	cmd->out_rung = CONTIG_RUNG_NONE;
	cmd->out_mapping = CONTIG_MAPPING_NONE;
	cmd->out_report_count = 0;
	cmd->out_length = 0;
	cmd->out_extents = 0;
	memset_startat(cmd, 0, out_reports);
}

/* Tell which buffer is in the way, as far as the caller may know. */
static void contig_alloc_blame(struct contig_alloc *cmd,
			       const struct contig_request *request)
{
	const struct contig_in_way *in_way = request->in_way;

	if (!request->told)
		return;
	cmd->out_in_way_id = in_way->id;
	/* Processes of a container are not to know those of others. */
	if (ns_capable_noaudit(&init_user_ns, CAP_SYS_RAWIO)) {
		cmd->out_in_way_pid = in_way->pid;
		cmd->out_in_way_uid = in_way->uid;
	}
}

/**
 * contig_alloc_explain() - say why there is no memory for a request
 * @cmd: has the reports of the attempt, and receives the rest
 * @request: the request; looking at memory takes as long as it has left
 *
 * May sleep.
 */
void contig_alloc_explain(struct contig_alloc *cmd,
			  const struct contig_request *request)
{
	struct contig_survey *survey __free(kfree) = NULL;

	/* To look at all memory takes time. */
	if (!request->no_wait)
		survey = kmalloc(sizeof(*survey), CONTIG_GFP);
	if (survey && !contig_report_largest(request, survey, cmd->out_reports,
					     cmd->out_report_count))
		cmd->out_at_least =
			contig_reports_at_least(request, survey,
						cmd->out_reports,
						cmd->out_report_count);
	contig_reports_blur(request, request->user, cmd->out_reports,
			    cmd->out_report_count);
	contig_alloc_blame(cmd, request);
}

int contig_alloc_ioctl(struct contig_ucmd *ucmd)
{
	struct contig_alloc *cmd = ucmd->cmd;
	struct contig_in_way in_way = {};
	struct contig_request request;
	struct contig_buffer *buffer;
	int ret;

	contig_alloc_clear(cmd);
	ret = contig_request_for(ucmd->client, &request, cmd->length, cmd->flags,
				 cmd->rungs, cmd->timeout_ms,
				 &cmd->constraints);
	if (ret)
		return ret == -ERANGE ?
		       contig_ucmd_respond(ucmd, sizeof(*cmd)) ?: ret : ret;
	ret = contig_name_check(cmd->name, sizeof(cmd->name));
	if (ret)
		return ret;

	request.in_way = &in_way;
	cmd->out_address_bits = contig_request_address_bits(&request);
	buffer = contig_alloc_buffer(&request, cmd->name, cmd->out_reports,
				     &cmd->out_report_count);
	if (IS_ERR(buffer)) {
		ret = PTR_ERR(buffer);
		if (cmd->out_report_count)
			contig_alloc_explain(cmd, &request);
		else if (ret != -ENOMEM)
			return ret;
		return contig_ucmd_respond(ucmd, sizeof(*cmd)) ?: ret;
	}
	contig_reports_blur(&request, ucmd->client->user, cmd->out_reports,
			    cmd->out_report_count);
	return contig_alloc_publish(ucmd, buffer);
}

// SPDX-License-Identifier: GPL-2.0-only
/*
 * CONTIG_GET_STATE: which pages of a range are locked and held, and how often
 */
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/sched/signal.h>

#include <uapi/linux/contig.h>

#include "areas.h"
#include "client.h"
#include "pin.h"
#include "poison.h"
#include "stale.h"
#include "target.h"
#include "ucmd.h"

/* Return how many pages from @page on are in one area of @areas, or in none. */
static unsigned long contig_run_area(struct contig_areas *areas,
				     unsigned long page, unsigned long last,
				     struct contig_area **area)
{
	*area = contig_areas_first(areas, page, last);
	if (!*area)
		return last - page + 1;
	if ((*area)->it.start > page) {
		unsigned long n = (*area)->it.start - page;

		*area = NULL;
		return n;
	}
	return min((*area)->it.last, last) - page + 1;
}

/* Describe the run of pages in the same state that begins at @page. */
static int contig_run_fill(struct contig_client *client,
			   const struct contig_target *target,
			   unsigned long page, struct contig_run *run)
{
	unsigned long n = target->last - page + 1;
	struct contig_area *area = NULL;
	int ret;

	*run = (struct contig_run){ .addr = (u64)page << PAGE_SHIFT };
	if (target->areas)
		n = contig_run_area(target->areas, page, target->last, &area);
	if (area) {
		run->locks = area->count;
		run->state |= CONTIG_PAGE_LOCKED | CONTIG_PAGE_HELD;
		if (area->pin->buffer)
			run->state |= CONTIG_PAGE_BUFFER;
		ret = contig_area_check(area, page, page);
		if (ret == -ESTALE)
			run->state |= CONTIG_PAGE_STALE;
		else if (ret == -EHWPOISON)
			run->state |= CONTIG_PAGE_FAILED;
		else if (ret)
			return ret;
		/* The run ends before a page that failed or is suspect. */
		if (ret) {
			n = 1;
		} else {
			/* The check has just found @page in place. */
			n = contig_area_first_failed(area, page, page + n - 1);
			n = max(n, 1UL);
			n = contig_pin_suspect(area->pin, page + 1,
					       page + n - 1) - page;
		}
	}
	if (!target->dmabuf && client->space) {
		guard(mutex)(&client->space->lock);
		n = min(n, contig_run_area(&client->holds, page, target->last,
					   &area));
		if (area) {
			run->holds = area->count;
			run->state |= CONTIG_PAGE_HELD;
		}
	}
	run->length = (u64)n << PAGE_SHIFT;
	return 0;
}

static int contig_runs_fill(struct contig_client *client,
			    const struct contig_target *target, void *data)
{
	struct contig_get_state *cmd = data;
	struct contig_run __user *user = u64_to_user_ptr(cmd->runs);
	unsigned long page = target->first;
	struct contig_run run;
	u64 done = 0;
	u32 nr = 0;
	int ret;

	while (nr < cmd->count && page <= target->last) {
		ret = contig_run_fill(client, target, page, &run);
		if (ret)
			return ret;
		if (fatal_signal_pending(current))
			return -EINTR;
		page += run.length >> PAGE_SHIFT;
		if (contig_copy_to_user(&user[nr], &run, sizeof(run)))
			return -EFAULT;
		done = ((u64)(page - target->first) << PAGE_SHIFT) -
		       target->head;
		nr++;
	}
	done = min(done, cmd->length);
	cmd->count = nr;
	cmd->addr += done;
	cmd->length -= done;
	return 0;
}

int contig_get_state_ioctl(struct contig_ucmd *ucmd)
{
	struct contig_get_state *cmd = ucmd->cmd;
	const struct contig_range range = {
		.flags = cmd->flags,
		.fd = cmd->fd,
		.addr = cmd->addr,
		.length = cmd->length,
	};

	if (cmd->flags & ~CONTIG_RANGE_BUFFER)
		return -EOPNOTSUPP;
	if (!cmd->count)
		return -EINVAL;
	return contig_target_do(ucmd->client, &range, false, contig_runs_fill,
				cmd) ?:
	       contig_ucmd_respond(ucmd, sizeof(*cmd));
}

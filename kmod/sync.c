// SPDX-License-Identifier: GPL-2.0-only
/*
 * CONTIG_SYNC: whose turn it is to touch locked memory
 */
#include <linux/dma-direction.h>
#include <linux/mutex.h>

#include <uapi/linux/contig.h>

#include "client.h"
#include "dma_map.h"
#include "translate.h"
#include "ucmd.h"

static int contig_sync_range(struct contig_client *client,
			     const struct contig_sync *cmd)
{
	bool input = cmd->flags & CONTIG_IO_INPUT;
	bool output = cmd->flags & CONTIG_IO_OUTPUT;
	struct contig_target target;
	int ret;

	ret = contig_target_init(client, cmd->flags, cmd->addr, cmd->length,
				 cmd->fd, false, &target);
	target.dma = true;
	if (!ret && !client->device)
		ret = -EUNATCH;
	if (!ret)
		ret = contig_target_sync(&target,
					 cmd->flags & CONTIG_IO_FOR_DEVICE,
					 contig_dma_direction(input, output));
	contig_target_done(client, &target);
	return ret;
}

int contig_sync_ioctl(struct contig_ucmd *ucmd)
{
	const u32 ways = CONTIG_IO_INPUT | CONTIG_IO_OUTPUT;
	const u32 whose = CONTIG_IO_FOR_CPU | CONTIG_IO_FOR_DEVICE;
	struct contig_client *client = ucmd->client;
	struct contig_sync *cmd = ucmd->cmd;
	int ret;

	if (cmd->flags & ~(ways | whose | CONTIG_RANGE_BUFFER) || cmd->reserved)
		return -EOPNOTSUPP;
	if (!(cmd->flags & ways) || !(cmd->flags & whose) ||
	    (cmd->flags & whose) == whose)
		return -EINVAL;
	if (mutex_lock_killable(&client->lock))
		return -EINTR;
	ret = contig_sync_range(client, cmd);
	mutex_unlock(&client->lock);
	return ret;
}

// SPDX-License-Identifier: GPL-2.0-only
/*
 * CONTIG_DEVICE: the device that a client's memory is for
 */
#include <linux/err.h>
#include <linux/mutex.h>

#include <uapi/linux/contig.h>

#include "client.h"
#include "dma_device.h"
#include "stats.h"
#include "trace.h"
#include "ucmd.h"

/*
 * Let @device and @grant take the place of the client's, which are returned in them.
 * What is locked is mapped for the one there is.
 */
static int contig_client_swap_device(struct contig_client *client,
				     struct contig_dma_device **device,
				     struct contig_grant **grant)
{
	if (mutex_lock_killable(&client->lock))
		return -EINTR;
	if (contig_client_locks_any(client)) {
		mutex_unlock(&client->lock);
		return -EBUSY;
	}
	swap(client->device, *device);
	swap(client->grant, *grant);
	mutex_unlock(&client->lock);
	return 0;
}

static int contig_device_detach(struct contig_client *client)
{
	struct contig_dma_device *device = NULL;
	struct contig_grant *grant = NULL;
	int ret = contig_client_swap_device(client, &device, &grant);

	if (ret)
		return ret;
	if (!device)
		return -EUNATCH;
	contig_dma_device_detach(device, grant);
	return 0;
}

/* Describe a device as a client that has it by @grant sees it. */
static int contig_device_describe(struct contig_dma_device *device,
				  const struct contig_grant *grant,
				  struct contig_device *cmd)
{
	int ret = contig_dma_device_describe(device, cmd);

	if (!ret && contig_dma_device_is_confined(device, grant))
		cmd->out_features |= CONTIG_DEVICE_CONFINED;
	return ret;
}

static int contig_device_query(struct contig_ucmd *ucmd)
{
	struct contig_client *client = ucmd->client;
	struct contig_device *cmd = ucmd->cmd;
	int ret = -EUNATCH;

	if (mutex_lock_killable(&client->lock))
		return -EINTR;
	if (client->device)
		ret = contig_device_describe(client->device, client->grant, cmd);
	mutex_unlock(&client->lock);
	return ret ?: contig_ucmd_respond(ucmd, sizeof(*cmd));
}

static int contig_device_attach(struct contig_ucmd *ucmd)
{
	struct contig_device *cmd = ucmd->cmd;
	struct contig_dma_device *device;
	struct contig_grant *grant;
	int ret;

	device = contig_dma_device_attach(cmd, &grant);
	if (IS_ERR(device))
		return PTR_ERR(device);
	/* All that can fail comes first, so that nothing has to be undone. */
	ret = contig_device_describe(device, grant, cmd);
	if (!ret)
		ret = contig_ucmd_respond(ucmd, sizeof(*cmd));
	if (!ret)
		ret = contig_client_swap_device(ucmd->client, &device, &grant);
	if (device)
		contig_dma_device_detach(device, grant);
	if (!ret)
		contig_stats_count(CONTIG_EVENT_ATTACH);
	return ret;
}

int contig_device_ioctl(struct contig_ucmd *ucmd)
{
	struct contig_device *cmd = ucmd->cmd;
	int ret;

	switch (cmd->flags) {
	case 0:
		ret = contig_device_attach(ucmd);
		trace_contig_device(cmd->name, ret);
		return ret;
	case CONTIG_DEVICE_QUERY:
		return contig_device_query(ucmd);
	case CONTIG_DEVICE_DETACH:
		ret = contig_device_detach(ucmd->client);
		trace_contig_device("", ret);
		return ret;
	case CONTIG_DEVICE_QUERY | CONTIG_DEVICE_DETACH:
		return -EINVAL;
	default:
		return -EOPNOTSUPP;
	}
}

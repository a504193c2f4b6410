// SPDX-License-Identifier: GPL-2.0-only
#include "contig_device_utils.h"

int attach(int client, struct contig_device *cmd, const char *name)
{
	cmd->size = sizeof(*cmd);
	snprintf(cmd->name, sizeof(cmd->name), "%s", name);
	return contig_ioctl(client, CONTIG_DEVICE, cmd);
}

int detach(int client)
{
	struct contig_device cmd = {
		.size = sizeof(cmd),
		.flags = CONTIG_DEVICE_DETACH,
	};

	return contig_ioctl(client, CONTIG_DEVICE, &cmd);
}

int query(int client, struct contig_device *cmd)
{
	*cmd = (struct contig_device) {
		.size = sizeof(*cmd),
		.flags = CONTIG_DEVICE_QUERY,
	};
	return contig_ioctl(client, CONTIG_DEVICE, cmd);
}

int get_dma(int client, int fd, uint64_t addr, uint64_t length,
	    struct contig_extent *extents, uint32_t room)
{
	struct contig_get_physical cmd = {
		.size = sizeof(cmd),
		.flags = CONTIG_GET_DMA | (fd < 0 ? 0 : CONTIG_RANGE_BUFFER),
		.addr = addr,
		.length = length,
		.extents = to_addr(extents),
		.count = room,
		.fd = fd < 0 ? 0 : fd,
	};
	int ret = _test_cmd_get_physical(client, &cmd);

	return ret ?: !room || !cmd.length ? (int)cmd.count : -ENOSPC;
}

uint64_t dma_at(const struct contig_extent *extents, int n, uint64_t offset)
{
	int i;

	for (i = 0; i < n; i++) {
		if (offset < extents[i].length)
			return extents[i].addr + offset;
		offset -= extents[i].length;
	}
	return 0;
}

int checkpoint(int client, uint32_t id, uint32_t flags)
{
	struct contig_checkpoint cmd = {
		.size = sizeof(cmd),
		.flags = flags,
		.id = id,
	};

	return contig_ioctl(client, CONTIG_CHECKPOINT, &cmd);
}

char *own_memory(int client, size_t length)
{
	struct contig_extent extents[OWN_PAGES];
	char *memory = NULL;
	int i, ret, fd;

	/*
	 * In memory that was in use for long low pages come seldom. The kernel gives out
	 * first what was freed last: memory of a buffer that the device reaches.
	 */
	for (i = 0; i < 2000; i++) {
		fd = buffer_alloc(client, length, CONTIG_RUNGS_SCATTER, 0);
		if (fd >= 0)
			close(fd);
		memory = anon_map(length);
		if (!memory)
			break;
		ret = _test_cmd_lock(client, memory, length, 0);
		if (!ret && get_dma(client, -1, to_addr(memory), length,
				    extents, OWN_PAGES) > 0)
			return memory;
		if (ret != -EADDRNOTAVAIL)
			break;
	}
	return NULL;
}

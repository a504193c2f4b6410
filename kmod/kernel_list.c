// SPDX-License-Identifier: GPL-2.0-only
/*
 * The list of kernel clients in debugfs
 */
#include <linux/seq_file.h>
#include <linux/string.h>

#include "dma_device.h"
#include "kernel_client.h"
#include "listing.h"

/**
 * struct contig_kernel_line - what the list in debugfs shows of a client
 * @device: name of its device
 * @pages: number of pages of its umems
 * @prepared: see &struct contig_kernel_client
 * @deferred: number of queued deferred functions
 */
struct contig_kernel_line {
	char device[CONTIG_DEVICE_NAME_SIZE];
	unsigned long pages;
	unsigned int prepared;
	unsigned int deferred;
};

static void contig_kernel_head(struct seq_file *m)
{
	seq_printf(m, "%-24s %14s %12s %8s\n", "device", "bytes kept",
		   "preparations", "deferred");
}

static void contig_kernel_copy(const void *entry, void *copy)
{
	const struct contig_kernel_client *client = entry;
	struct contig_kernel_line *line = copy;

	strscpy(line->device, client->device ? client->device->name : "-",
		sizeof(line->device));
	line->pages = READ_ONCE(client->umems.npages);
	line->prepared = READ_ONCE(client->prepared);
	line->deferred = READ_ONCE(client->deferred.nr);
}

static void contig_kernel_show(struct seq_file *m, const void *copy)
{
	const struct contig_kernel_line *line = copy;

	seq_printf(m, "%-24s %14llu %12u %8u\n", line->device,
		   (u64)line->pages << PAGE_SHIFT, line->prepared,
		   line->deferred);
}

struct contig_listing contig_kernel_clients = {
	.entries = XARRAY_INIT(contig_kernel_clients.entries, 0),
	.size = sizeof(struct contig_kernel_line),
	.head = contig_kernel_head,
	.copy = contig_kernel_copy,
	.show = contig_kernel_show,
};

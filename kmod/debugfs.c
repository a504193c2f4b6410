// SPDX-License-Identifier: GPL-2.0-only
/*
 * /sys/kernel/debug/contig: for people to read, not for programs to parse
 */
#include <linux/debugfs.h>
#include <linux/module.h>
#include <linux/seq_file.h>

#include "backlog.h"
#include "buffer.h"
#include "client.h"
#include "debugfs.h"
#include "dma_device.h"
#include "fault.h"
#include "kernel_client.h"
#include "listing.h"
#include "reserve.h"
#include "stats.h"
#include "worker.h"

DEFINE_SHOW_ATTRIBUTE(contig_backlog);
DEFINE_SHOW_ATTRIBUTE(contig_stats);
DEFINE_SHOW_ATTRIBUTE(contig_reserve);
DEFINE_SHOW_ATTRIBUTE(contig_workers);

static int contig_tickle(void *unused, u64 value)
{
	contig_backlog_tickle_all();
	return 0;
}

DEFINE_DEBUGFS_ATTRIBUTE(contig_tickle_fops, NULL, contig_tickle, "%llu\n");

static struct dentry *contig_debugfs;

void contig_debugfs_init(void)
{
	contig_debugfs = debugfs_create_dir("contig", NULL);
	debugfs_create_file("stats", 0400, contig_debugfs, NULL,
			    &contig_stats_fops);
	debugfs_create_file("buffers", 0400, contig_debugfs, &contig_buffers,
			    &contig_listing_fops);
	debugfs_create_file("clients", 0400, contig_debugfs, &contig_clients,
			    &contig_listing_fops);
	debugfs_create_file("devices", 0400, contig_debugfs,
			    &contig_dma_devices, &contig_listing_fops);
	debugfs_create_file("kernel", 0400, contig_debugfs,
			    &contig_kernel_clients, &contig_listing_fops);
	debugfs_create_file("reserves", 0400, contig_debugfs, NULL,
			    &contig_reserve_fops);
	debugfs_create_file("workers", 0400, contig_debugfs, NULL,
			    &contig_workers_fops);
	debugfs_create_file("deferred", 0400, contig_debugfs, NULL,
			    &contig_backlog_fops);
	debugfs_create_file_unsafe("tickle", 0200, contig_debugfs, NULL,
				   &contig_tickle_fops);
	contig_fault_debugfs_init(contig_debugfs);
}

void contig_debugfs_exit(void)
{
	debugfs_remove_recursive(contig_debugfs);
}

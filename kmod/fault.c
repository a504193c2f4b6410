// SPDX-License-Identifier: GPL-2.0-only
/*
 * Fault injection for tests
 *
 * The kernel can make its own allocations fail. Other steps, which fail seldom
 * or not for lack of memory, have fault attributes here. They are in debugfs,
 * below contig/, and count for /proc/PID/fail-nth.
 */
#include <linux/debugfs.h>
#include <linux/fault-inject.h>

#include "fault.h"

static struct fault_attr contig_faults[CONTIG_FAULT_POINTS] = {
	[0 ... CONTIG_FAULT_POINTS - 1] = FAULT_ATTR_INITIALIZER,
};

static const char *const contig_fault_names[CONTIG_FAULT_POINTS] = {
	[CONTIG_FAULT_RESERVE] = "fail_reserve",
	[CONTIG_FAULT_COHERENT] = "fail_coherent",
	[CONTIG_FAULT_RANGE] = "fail_range",
	[CONTIG_FAULT_SPLIT] = "fail_split",
	[CONTIG_FAULT_SCATTER] = "fail_scatter",
	[CONTIG_FAULT_PIN] = "fail_pin",
	[CONTIG_FAULT_MAP] = "fail_map",
	[CONTIG_FAULT_COPY] = "fail_copy",
	[CONTIG_FAULT_MOVE] = "fail_move",
	[CONTIG_FAULT_MOVE_COPIED] = "fail_move_copied",
};

/* Return true if a test requested that this step fail. */
bool contig_should_fail(enum contig_fault_point point)
{
	return should_fail(&contig_faults[point], 1);
}

/* Removed together with the folder. */
void contig_fault_debugfs_init(struct dentry *parent)
{
	unsigned int i;

	for (i = 0; i < CONTIG_FAULT_POINTS; i++)
		fault_create_debugfs_attr(contig_fault_names[i], parent,
					  &contig_faults[i]);
}

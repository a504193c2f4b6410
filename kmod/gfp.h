/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Flags of allocations on behalf of a user
 */
#ifndef CONTIG_GFP_H
#define CONTIG_GFP_H

#include <linux/gfp.h>

/*
 * For all allocations that a user can cause any number of times. They are
 * charged to the user's memory cgroup, and fail if memory is short: without
 * __GFP_RETRY_MAYFAIL the OOM killer of the machine or of the cgroup would kill
 * a process, most likely an uninvolved one.
 */
#define CONTIG_GFP (GFP_KERNEL_ACCOUNT | __GFP_NOWARN | __GFP_RETRY_MAYFAIL)

#endif /* CONTIG_GFP_H */

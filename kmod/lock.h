/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Locks of a client, counted per page
 */
#ifndef CONTIG_LOCK_H
#define CONTIG_LOCK_H

#include <linux/types.h>

struct contig_client;
struct contig_target;

int contig_lock_target(struct contig_client *client,
		       const struct contig_target *target, u32 flags);
int contig_unlock_target(struct contig_client *client,
			 const struct contig_target *target);

#endif /* CONTIG_LOCK_H */

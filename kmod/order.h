/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Which deferred request memory is moved for next
 */
#ifndef CONTIG_ORDER_H
#define CONTIG_ORDER_H

#include <linux/ktime.h>
#include <linux/types.h>

struct contig_deferral;
struct list_head;

bool contig_order_behind(const struct list_head *list,
			 const struct contig_deferral *deferral);
ktime_t contig_order_due(const struct contig_deferral *deferral, ktime_t rests);
struct contig_deferral *contig_order_choose(const struct list_head *list,
					    ktime_t rests, ktime_t *due);

#endif /* CONTIG_ORDER_H */

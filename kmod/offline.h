/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Keeps contig from emptying memory that the kernel takes offline
 */
#ifndef CONTIG_OFFLINE_H
#define CONTIG_OFFLINE_H

#include <linux/list.h>
#include <linux/types.h>

struct zone;

/**
 * struct contig_offline_window - page frames that are being emptied
 * @node: entry of the list of all of them
 * @start: first page frame, of a pageblock
 * @end: page frame behind the last one, of a pageblock
 */
struct contig_offline_window {
	struct list_head node;
	unsigned long start;
	unsigned long end;
};

bool contig_offline_enter(struct contig_offline_window *window,
			  unsigned long pfn, unsigned long npages);
void contig_offline_leave(struct contig_offline_window *window);
bool contig_offline_begin(unsigned long start, unsigned long end);
void contig_offline_end(void);
unsigned long contig_zone_listed(struct zone *zone);

#endif /* CONTIG_OFFLINE_H */

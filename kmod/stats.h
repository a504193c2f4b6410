/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Counters, per CPU
 */
#ifndef CONTIG_STATS_H
#define CONTIG_STATS_H

#include <linux/types.h>

enum contig_event {
	CONTIG_EVENT_LOCK,
	CONTIG_EVENT_LOCK_FAILED,
	CONTIG_EVENT_UNLOCK,
	CONTIG_EVENT_HOLD,
	CONTIG_EVENT_UNHOLD,
	CONTIG_EVENT_TRANSLATE,
	CONTIG_EVENT_STALE,
	CONTIG_EVENT_MISFIT,
	CONTIG_EVENT_ABANDONED,
	CONTIG_EVENT_ATTACH,
	CONTIG_EVENT_DEVICE_GONE,
	CONTIG_EVENT_LOOK,
	CONTIG_EVENT_MOVE,
	CONTIG_EVENT_MOVE_PAGES,
	CONTIG_EVENT_MOVE_FAILED,
	CONTIG_EVENT_MOVE_IN_USE,
	CONTIG_EVENT_MOVE_POISON,
	CONTIG_EVENT_COMPACT,
	CONTIG_EVENT_COMPACT_FAILED,
	CONTIG_EVENT_DEFERRED,
	CONTIG_EVENT_DEFERRED_TRY,
	CONTIG_EVENT_DEFERRED_GOT,
	CONTIG_EVENT_DEFERRED_MS,
	CONTIG_EVENT_DEFERRED_EXPIRED,
	CONTIG_EVENT_DEFERRED_CANCELLED,
	CONTIG_EVENTS,
};

/* What the longest time is kept of. */
enum contig_time {
	CONTIG_TIME_STALL,
	CONTIG_TIME_DEFERRED,
	CONTIG_TIMES,
};

struct seq_file;

int contig_stats_init(void);
void contig_stats_exit(void);
void contig_stats_alloc(unsigned int rung, unsigned long npages, int error,
			u64 time_ns);
void contig_stats_taken(unsigned int rung, unsigned long npages);
void contig_stats_free(unsigned int rung, unsigned long npages);
void contig_stats_buffer_added(void);
void contig_stats_buffer_removed(void);
u64 contig_stats_in_use(unsigned int rung);
void contig_stats_count(enum contig_event event);
void contig_stats_add(enum contig_event event, unsigned long n);
void contig_stats_time(enum contig_time time, u64 ns);
int contig_stats_show(struct seq_file *m, void *unused);

#endif /* CONTIG_STATS_H */

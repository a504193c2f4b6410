// SPDX-License-Identifier: GPL-2.0-only
/*
 * Counters, per CPU
 */
#include <linux/atomic.h>
#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/log2.h>
#include <linux/math64.h>
#include <linux/mm.h>
#include <linux/percpu.h>
#include <linux/seq_file.h>

#include <uapi/linux/contig.h>

#include "rung.h"
#include "stats.h"

/* Column n of the histogram counts calls that took less than 2^n us. */
#define CONTIG_BUCKETS 24

enum contig_failure {
	CONTIG_FAILED_NOMEM,
	CONTIG_FAILED_BUSY,
	CONTIG_FAILED_TIME,
	CONTIG_FAILED_ABSENT,
	CONTIG_FAILED_OTHER,
	CONTIG_FAILURES,
};

static const char *const contig_failure_names[CONTIG_FAILURES] = {
	[CONTIG_FAILED_NOMEM] = "ENOMEM",
	[CONTIG_FAILED_BUSY] = "EBUSY",
	[CONTIG_FAILED_TIME] = "ETIME",
	[CONTIG_FAILED_ABSENT] = "not possible",
	[CONTIG_FAILED_OTHER] = "other",
};

static const char *const contig_event_names[CONTIG_EVENTS] = {
	[CONTIG_EVENT_LOCK] = "locks",
	[CONTIG_EVENT_LOCK_FAILED] = "locks failed",
	[CONTIG_EVENT_UNLOCK] = "unlocks",
	[CONTIG_EVENT_HOLD] = "holds",
	[CONTIG_EVENT_UNHOLD] = "unholds",
	[CONTIG_EVENT_TRANSLATE] = "translations",
	[CONTIG_EVENT_STALE] = "stale ranges refused",
	[CONTIG_EVENT_MISFIT] = "results that broke a constraint",
	[CONTIG_EVENT_ABANDONED] = "steps left to a worker",
	[CONTIG_EVENT_ATTACH] = "devices attached",
	[CONTIG_EVENT_DEVICE_GONE] = "devices that went away",
	[CONTIG_EVENT_LOOK] = "looks at page frames in searches",
	[CONTIG_EVENT_MOVE] = "buffers moved",
	[CONTIG_EVENT_MOVE_PAGES] = "pages of these",
	[CONTIG_EVENT_MOVE_FAILED] = "buffers that could not be moved",
	[CONTIG_EVENT_MOVE_IN_USE] = "of these, in use",
	[CONTIG_EVENT_MOVE_POISON] = "of these, with failed memory",
	[CONTIG_EVENT_COMPACT] = "requests that compacted the reserve",
	[CONTIG_EVENT_COMPACT_FAILED] = "requests that could not",
	[CONTIG_EVENT_DEFERRED] = "deferred requests",
	[CONTIG_EVENT_DEFERRED_TRY] = "attempts for them",
	[CONTIG_EVENT_DEFERRED_GOT] = "deferred requests that got memory",
	[CONTIG_EVENT_DEFERRED_MS] = "milliseconds that these waited",
	[CONTIG_EVENT_DEFERRED_EXPIRED] = "deferred requests that expired",
	[CONTIG_EVENT_DEFERRED_CANCELLED] = "deferred requests that were cancelled",
};

static const char *const contig_time_names[CONTIG_TIMES] = {
	[CONTIG_TIME_STALL] = "longest stall by a move, us",
	[CONTIG_TIME_DEFERRED] = "longest wait for memory, us",
};

struct contig_rung_stats {
	u64 attempts;
	u64 successes;
	u64 pages;
	u64 freed;
	u64 failures[CONTIG_FAILURES];
	u64 time[CONTIG_BUCKETS];
};

struct contig_stats {
	struct contig_rung_stats rungs[CONTIG_RUNG_MAX];
	u64 events[CONTIG_EVENTS];
};

static struct contig_stats __percpu *contig_stats;
static atomic_long_t contig_stats_buffers = ATOMIC_LONG_INIT(0);
static atomic64_t contig_stats_times[CONTIG_TIMES];

int contig_stats_init(void)
{
	contig_stats = alloc_percpu(struct contig_stats);
	return contig_stats ? 0 : -ENOMEM;
}

void contig_stats_exit(void)
{
	free_percpu(contig_stats);
}

static enum contig_failure contig_failure(int error)
{
	switch (error) {
	case -ENOMEM:
		return CONTIG_FAILED_NOMEM;
	case -EBUSY:
		return CONTIG_FAILED_BUSY;
	case -ETIME:
		return CONTIG_FAILED_TIME;
	case -ENODEV:
	case -EOPNOTSUPP:
		return CONTIG_FAILED_ABSENT;
	default:
		return CONTIG_FAILED_OTHER;
	}
}

/* Count a call of a rung for @npages that ended with @error. */
void contig_stats_alloc(unsigned int rung, unsigned long npages, int error,
			u64 time_ns)
{
	u64 us = div_u64(time_ns, NSEC_PER_USEC);
	unsigned int bucket = min(us ? ilog2(us) + 1 : 0, CONTIG_BUCKETS - 1);

	this_cpu_inc(contig_stats->rungs[rung].attempts);
	this_cpu_inc(contig_stats->rungs[rung].time[bucket]);
	if (error) {
		enum contig_failure failure = contig_failure(error);

		this_cpu_inc(contig_stats->rungs[rung].failures[failure]);
		return;
	}
	this_cpu_inc(contig_stats->rungs[rung].successes);
	this_cpu_add(contig_stats->rungs[rung].pages, npages);
}

/* Count pages of a rung that were taken for a buffer that is moved. */
void contig_stats_taken(unsigned int rung, unsigned long npages)
{
	this_cpu_add(contig_stats->rungs[rung].pages, npages);
}

void contig_stats_free(unsigned int rung, unsigned long npages)
{
	this_cpu_add(contig_stats->rungs[rung].freed, npages);
}

/* Count an exported buffer. */
void contig_stats_buffer_added(void)
{
	atomic_long_inc(&contig_stats_buffers);
}

/* Count an exported buffer no longer. */
void contig_stats_buffer_removed(void)
{
	atomic_long_dec(&contig_stats_buffers);
}

void contig_stats_count(enum contig_event event)
{
	contig_stats_add(event, 1);
}

void contig_stats_add(enum contig_event event, unsigned long n)
{
	this_cpu_add(contig_stats->events[event], n);
}

/* Keep a time if it is the longest. Any context. */
void contig_stats_time(enum contig_time time, u64 ns)
{
	s64 longest = atomic64_read(&contig_stats_times[time]);

	while (longest < (s64)ns &&
	       !atomic64_try_cmpxchg(&contig_stats_times[time], &longest, ns))
		;
}

/* Return the sum over CPUs of a counter, which is a u64 at @offset. */
static u64 contig_stats_sum(size_t offset)
{
	u64 sum = 0;
	int cpu;

	for_each_possible_cpu(cpu)
		sum += *(u64 *)((char *)per_cpu_ptr(contig_stats, cpu) +
				offset);
	return sum;
}

#define contig_sum(member) contig_stats_sum(offsetof(struct contig_stats, member))

/* Return the pages in buffers that a rung gave. Takes no lock. */
u64 contig_stats_in_use(unsigned int rung)
{
	u64 given = contig_sum(rungs[rung].pages);
	u64 freed = contig_sum(rungs[rung].freed);

	/* Without a lock one sum can miss pages that the other includes. */
	return given > freed ? given - freed : 0;
}

int contig_stats_show(struct seq_file *m, void *unused)
{
	unsigned int rung, i;

	seq_printf(m, "%-9s %9s %9s %14s %14s", "rung", "attempts", "successes",
		   "bytes given", "bytes in use");
	for (i = 0; i < CONTIG_FAILURES; i++)
		seq_printf(m, " %13s", contig_failure_names[i]);
	seq_putc(m, '\n');
	for (rung = 1; rung < CONTIG_RUNG_MAX; rung++) {
		u64 pages = contig_sum(rungs[rung].pages);

		seq_printf(m, "%-9s %9llu %9llu %14llu %14llu",
			   contig_rung_name(rung),
			   contig_sum(rungs[rung].attempts),
			   contig_sum(rungs[rung].successes),
			   pages << PAGE_SHIFT,
			   contig_stats_in_use(rung) << PAGE_SHIFT);
		for (i = 0; i < CONTIG_FAILURES; i++)
			seq_printf(m, " %13llu",
				   contig_sum(rungs[rung].failures[i]));
		seq_putc(m, '\n');
	}

	seq_puts(m, "\nhow many took less than so many microseconds:\n");
	seq_printf(m, "%-9s", "rung");
	for (i = 0; i < CONTIG_BUCKETS - 1; i++)
		seq_printf(m, " %7lu", 1UL << i);
	seq_printf(m, " %7s\n", "longer");
	for (rung = 1; rung < CONTIG_RUNG_MAX; rung++) {
		seq_printf(m, "%-9s", contig_rung_name(rung));
		for (i = 0; i < CONTIG_BUCKETS; i++)
			seq_printf(m, " %7llu", contig_sum(rungs[rung].time[i]));
		seq_putc(m, '\n');
	}

	seq_puts(m, "\n");
	for (i = 0; i < CONTIG_EVENTS; i++)
		seq_printf(m, "%-40s %12llu\n", contig_event_names[i],
			   contig_sum(events[i]));
	for (i = 0; i < CONTIG_TIMES; i++)
		seq_printf(m, "%-40s %12lld\n", contig_time_names[i],
			   div_s64(atomic64_read(&contig_stats_times[i]),
				   NSEC_PER_USEC));
	seq_printf(m, "%-40s %12ld\n", "buffers",
		   atomic_long_read(&contig_stats_buffers));
	return 0;
}

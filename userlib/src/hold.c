// SPDX-License-Identifier: LGPL-2.1-or-later OR MIT
/*
 * Holding: the kernel counts, mlock2() keeps the pages resident.
 *
 * MLOCK_ONFAULT marks the pages that the library locks, and an mlock() by the
 * program removes the mark. This distinguishes pages that the program itself
 * locked, before the hold or after it, from pages that were locked for a hold.
 */
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "internal.h"

#define STACK_SPANS 256

/*
 * Whether a page must be munlock()ed depends on the holds of all clients of the
 * process. Between the kernel's answer and the munlock() that follows from it
 * no thread may hold or unhold, so this mutex is held over both. CONTIG_HOLD,
 * which waits for pages, is called without it: see contig_hold().
 */
static struct ctg_mutex hold_mutex;

/* Counts calls that munlock()ed pages; written with hold_mutex held. */
static atomic_uint munlocks;

/* Reset the mutex in the child, which inherits neither holds nor mlock()s. */
void ctg_hold_after_fork(void)
{
	ctg_mutex_after_fork(&hold_mutex);
}

/*
 * Return the error for a failed mlock(). The kernel has just found the pages
 * present, so ENOMEM means that the limit is exceeded, if there is one.
 */
static int mlock_error(int error)
{
	struct rlimit limit;

	if (error == EPERM)
		return -EDQUOT;
	if (error == ENOMEM && !getrlimit(RLIMIT_MEMLOCK, &limit) &&
	    limit.rlim_cur != RLIM_INFINITY)
		return -EDQUOT;
	return -ENOMEM;
}

/*
 * munlock() a range in halves until each half works: memory may have been
 * unmapped while it was held, and munlock() stops at the first gap.
 */
static void munlock_around_gaps(uintptr_t addr, size_t length, size_t page_size)
{
	size_t half = length / page_size / 2 * page_size;

	if (!munlock((void *)addr, length) || !half)
		return;
	munlock_around_gaps(addr, half, page_size);
	munlock_around_gaps(addr + half, length - half, page_size);
}

static int unhold_with(struct contig *client, uintptr_t addr, size_t length,
		       struct contig_span *spans, uint32_t *count)
{
	size_t page_size = sysconf(_SC_PAGESIZE);
	struct contig_unhold arg = {
		.size = sizeof(arg),
		.flags = CONTIG_UNHOLD_ON_FAULT,
		.addr = addr,
		.length = length,
		.spans = (uintptr_t)spans,
		.count = *count,
	};
	int error = ctg_ioctl(client->fd, CONTIG_UNHOLD, &arg);
	uint32_t i;

	/* An older module cannot distinguish mlock()s of the program. */
	if (error == -EOPNOTSUPP) {
		arg.flags = 0;
		arg.count = *count;
		error = ctg_ioctl(client->fd, CONTIG_UNHOLD, &arg);
	}
	*count = arg.count;
	if (error)
		return error;
	for (i = 0; i < arg.count; i++)
		munlock_around_gaps(spans[i].addr, spans[i].length, page_size);
	return 0;
}

/*
 * Let the kernel count one hold less, and munlock() the pages that it returns.
 * Called with hold_mutex held.
 */
static int unhold_pages(struct contig *client, uintptr_t addr, size_t length)
{
	struct contig_span few[STACK_SPANS];
	struct contig_span *spans;
	uint32_t count = STACK_SPANS;
	int error = unhold_with(client, addr, length, few, &count);

	while (error == -EMSGSIZE) {
		spans = calloc(count, sizeof(*spans));
		if (!spans)
			return -ENOMEM;
		error = unhold_with(client, addr, length, spans, &count);
		free(spans);
	}
	/*
	 * Last, so that a thread that reads the new value sees the pages
	 * unlocked.
	 */
	if (!error)
		atomic_fetch_add(&munlocks, 1);
	return error;
}

/* Let the kernel read the pages in and count one hold more. */
static int count_hold(struct contig *client, uintptr_t addr, size_t length,
		      bool *unlocked)
{
	struct contig_hold arg = {
		.size = sizeof(arg),
		.addr = addr,
		.length = length,
	};
	int error = ctg_ioctl(client->fd, CONTIG_HOLD, &arg);

	if (!error)
		*unlocked = arg.out_unlocked;
	return error;
}

/*
 * Take the hold back and hold again, because pages were munlock()ed meanwhile:
 * the kernel may have found a page locked that no longer is. The pages are
 * present now, so this is quick. Called with hold_mutex held.
 */
static int count_hold_again(struct contig *client, uintptr_t addr,
			    size_t length, bool *unlocked)
{
	if (!unhold_pages(client, addr, length))
		return count_hold(client, addr, length, unlocked);
	/* Unknown; locking too much does less harm than locking too little. */
	*unlocked = true;
	return 0;
}

static int lock_pages(struct contig *client, uintptr_t addr, size_t length)
{
	int error;

	if (!mlock2((void *)addr, length, MLOCK_ONFAULT))
		return 0;
	error = mlock_error(errno);
	/* Also munlock()s the part that mlock2() locked before it failed. */
	unhold_pages(client, addr, length);
	return error;
}

/* Widen the range that ctg_hold_close() looks at. */
static void widen_held(struct contig *client, uintptr_t addr, size_t length)
{
	if (client->held_start == client->held_end) {
		client->held_start = addr;
		client->held_end = addr + length;
		return;
	}
	if (addr < client->held_start)
		client->held_start = addr;
	if (addr + length > client->held_end)
		client->held_end = addr + length;
}

/* Called with hold_mutex held; unlocks it. */
static int finish_hold(struct contig *client, uintptr_t addr, size_t length,
		       unsigned int before, bool *unlocked)
{
	int error = 0;

	if (atomic_load(&munlocks) != before)
		error = count_hold_again(client, addr, length, unlocked);
	if (!error && *unlocked)
		error = lock_pages(client, addr, length);
	if (!error)
		widen_held(client, addr, length);
	ctg_mutex_unlock(&hold_mutex);
	return error;
}

static int hold_pages(struct contig *client, uintptr_t addr, size_t length)
{
	unsigned int before = atomic_load(&munlocks);
	bool unlocked;
	int error;

	/*
	 * A signal handler would wait for the thread that it interrupted, which
	 * waits for the handler.
	 */
	if (ctg_mutex_is_mine(&hold_mutex))
		return -EDEADLK;
	error = count_hold(client, addr, length, &unlocked);
	if (error)
		return error;
	ctg_mutex_lock(&hold_mutex);
	error = finish_hold(client, addr, length, before, &unlocked);
	/*
	 * Read pages in again that were paged out before they were locked. This
	 * fails only if the range was unmapped or replaced meanwhile.
	 */
	if (!error && unlocked)
		madvise((void *)(addr & -sysconf(_SC_PAGESIZE)),
			length + (addr & (sysconf(_SC_PAGESIZE) - 1)),
			MADV_POPULATE_READ);
	return error;
}

CONTIG_EXPORT int contig_hold(struct contig *client, const void *addr,
			      size_t length)
{
	CTG_PAGING;

	return ctg_result(hold_pages(client, (uintptr_t)addr, length));
}

CONTIG_EXPORT int contig_unhold(struct contig *client, const void *addr,
				size_t length)
{
	CTG_PAGING;
	int error;

	if (!ctg_mutex_lock(&hold_mutex))
		return ctg_result(-EDEADLK);
	error = unhold_pages(client, (uintptr_t)addr, length);
	ctg_mutex_unlock(&hold_mutex);
	return ctg_result(error);
}

/* Undo the holds of as many runs as the table has room for. */
static int unhold_runs(struct contig *client, struct ctg_range *range)
{
	struct contig_run runs[64];
	uint32_t count = ARRAY_SIZE(runs);
	uint32_t holds;
	uint32_t i;
	int error;

	error = ctg_range_state(client, range, runs, &count);
	for (i = 0; !error && i < count; i++)
		for (holds = runs[i].holds; !error && holds; holds--)
			error = unhold_pages(client, runs[i].addr,
					     runs[i].length);
	return error;
}

/**
 * ctg_hold_close() - undo all holds of a client that is being closed
 * @client: handle
 *
 * The kernel knows the held pages, but only the process itself can munlock()
 * them. In the child of a fork the kernel refuses the commands, and no page is
 * mlock()ed there.
 */
void ctg_hold_close(struct contig *client)
{
	CTG_PAGING;
	struct ctg_range range = {
		.addr = client->held_start,
		.length = client->held_end - client->held_start,
	};
	int error = 0;

	if (!range.length || !ctg_mutex_lock(&hold_mutex))
		return;
	while (!error && range.length)
		error = unhold_runs(client, &range);
	ctg_mutex_unlock(&hold_mutex);
}

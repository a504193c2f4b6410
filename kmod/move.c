// SPDX-License-Identifier: GPL-2.0-only
/*
 * Moving a buffer to other memory
 *
 * A buffer of which nobody knows the addresses can lie anywhere. It is taken out of
 * all page tables, copied, and given the other memory; who accesses it meanwhile
 * waits in a page fault. A page that somebody else refers to, for direct I/O say,
 * would not follow, so such a buffer stays where it is.
 *
 * A work does all that, so that others do not wait for a caller that a cgroup
 * throttles or that is stopped.
 */
#include <linux/atomic.h>
#include <linux/bitops.h>
#include <linux/cacheflush.h>
#include <linux/completion.h>
#include <linux/delay.h>
#include <linux/err.h>
#include <linux/highmem.h>
#include <linux/jiffies.h>
#include <linux/kref.h>
#include <linux/ktime.h>
#include <linux/mm.h>
#include <linux/rwsem.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/wait.h>
#include <linux/workqueue.h>

#include <uapi/linux/contig.h>

#include "alloc.h"
#include "buffer.h"
#include "extents.h"
#include "fault.h"
#include "gfp.h"
#include "limits.h"
#include "move.h"
#include "pages.h"
#include "place.h"
#include "poison.h"
#include "request.h"
#include "stats.h"
#include "sweep.h"
#include "trace.h"

/* Times, a millisecond apart, that a work tries to exclude page faults. */
#define CONTIG_MOVE_TRIES 200

/*
 * Times that it tries to move the buffer, with a pause that doubles each time: a thread
 * that lost its CPU at the end of a page fault has a reference until it runs again.
 */
#define CONTIG_MOVE_ROUNDS 6

/* Milliseconds for allocating memory to move to. */
#define CONTIG_MOVE_BUDGET 5000

/* Time after a move, or an attempt, in which no other begins. */
#define CONTIG_MOVE_PAUSE (HZ / 10)

/**
 * struct contig_move - the exchange of the memory of a buffer
 * @work: does it
 * @kref: the caller has a reference, and @work has one
 * @done: @ret is set
 * @buffer: to be moved, with a reference of the work's
 * @spare: has the new memory, and then the old one; owned by the work
 * @request: what @spare was allocated for
 * @reports: of the rungs that were tried
 * @ret: 0 or -errno
 */
struct contig_move {
	struct work_struct work;
	struct kref kref;
	struct completion done;
	struct contig_buffer *buffer;
	struct contig_buffer *spare;
	struct contig_request request;
	struct contig_report reports[CONTIG_REPORTS];
	int ret;
};

static struct workqueue_struct *contig_move_wq;

/* Woken when a buffer is no longer being moved. */
static DECLARE_WAIT_QUEUE_HEAD(contig_move_ended);

static void contig_move_free(struct kref *kref)
{
	kfree(container_of(kref, struct contig_move, kref));
}

/*
 * Exclude all who look up where the buffer lies. Not by waiting in line, since those
 * who come later would wait as well, for one that a cgroup throttles, say.
 */
static bool contig_move_close(struct contig_buffer *buffer)
{
	unsigned int i;

	for (i = 0; i < CONTIG_MOVE_TRIES; i++) {
		if (down_write_trylock(&buffer->place))
			return true;
		usleep_range(500, 1000);
	}
	return false;
}

/* Return true if nobody but contig refers to a page, and none has failed. */
static bool contig_move_alone(const struct contig_buffer *buffer)
{
	unsigned long npages = buffer->extents.npages, pfn, n;
	struct contig_cursor cursor;

	contig_cursor_init(&cursor, &buffer->extents, 0);
	while ((n = contig_cursor_next(&cursor, npages, &pfn)))
		if (contig_pages_first_referenced(pfn, n) < n ||
		    contig_pages_first_failed(pfn, n) < n)
			return false;
	return true;
}

/*
 * Return true if somebody seems to refer to a page beside the processes that map it:
 * a guess, before these are bothered.
 */
static bool contig_move_in_use(const struct contig_buffer *buffer)
{
	unsigned long npages = buffer->extents.npages, pfn, n;
	struct contig_cursor cursor;

	contig_cursor_init(&cursor, &buffer->extents, 0);
	while ((n = contig_cursor_next(&cursor, npages, &pfn))) {
		for (; n--; pfn++) {
			struct page *page = pfn_to_page(pfn);

			/* Contig has a reference, and each mapping has one. */
			if (!PageCompound(page) &&
			    page_count(page) >
				    atomic_read(&page->_mapcount) + 2)
				return true;
		}
		cond_resched();
	}
	return false;
}

static void contig_move_copy(const struct contig_buffer *buffer,
			     const struct contig_buffer *spare)
{
	unsigned long npages = buffer->extents.npages, from, to, n;
	struct contig_cursor cursor;

	contig_cursor_init(&cursor, &buffer->extents, 0);
	while ((n = contig_cursor_next(&cursor, npages, &from))) {
		to = contig_extents_pfn(&spare->extents, cursor.offset - n);
		for (; n--; from++, to++) {
			copy_highpage(pfn_to_page(to), pfn_to_page(from));
			flush_dcache_page(pfn_to_page(to));
			if (!(from % 256))
				cond_resched();
		}
	}
}

/*
 * Move a buffer of which contig_buffer.place is held for writing. Return 0, -EBUSY, or
 * -EHWPOISON if a page has failed meanwhile.
 */
static int contig_move_closed(struct contig_buffer *buffer,
			      struct contig_buffer *spare)
{
	if (!contig_place_free(buffer))
		return -EBUSY;
	unmap_mapping_range(buffer->inode->i_mapping, 0, 0, 1);
	/*
	 * Nobody can find a page any more who has no reference on it, so that no
	 * reference is added. GUP can take one for a moment, and drops it when it sees
	 * that the page is no longer mapped.
	 */
	if (!contig_move_alone(buffer) || contig_should_fail(CONTIG_FAULT_MOVE))
		return -EBUSY;
	contig_move_copy(buffer, spare);
	if (!contig_move_alone(buffer) || !contig_move_alone(spare))
		return -EHWPOISON;
	contig_buffer_swap(buffer, spare);
	/* The sweep did not know the new pages. */
	if (contig_poison_ever())
		contig_sweep_soon();
	return 0;
}

/*
 * Try to move a buffer once. Without its place held its pages are unmapped first, since
 * that can take long: locks of mappings, and drivers that have to be told.
 */
static int contig_move_try(struct contig_buffer *buffer,
			   struct contig_buffer *spare)
{
	int ret;

	if (!contig_place_free(buffer) || contig_move_in_use(buffer))
		return -EBUSY;
	unmap_mapping_range(buffer->inode->i_mapping, 0, 0, 1);
	if (!contig_move_close(buffer))
		return -EBUSY;
	ret = contig_move_closed(buffer, spare);
	up_write(&buffer->place);
	return ret;
}

/* Let others move the buffer. */
static void contig_move_end(struct contig_buffer *buffer)
{
	clear_bit_unlock(0, &buffer->moving);
	wake_up_all(&contig_move_ended);
}

static void contig_move_work(struct work_struct *work)
{
	struct contig_move *move = container_of(work, struct contig_move, work);
	struct contig_buffer *buffer = move->buffer;
	ktime_t start = ktime_get();
	unsigned int round;
	int ret = -EBUSY;

	for (round = 0; round < CONTIG_MOVE_ROUNDS && ret == -EBUSY; round++) {
		if (round)
			msleep(1 << round);
		ret = contig_move_try(buffer, move->spare);
	}
	trace_contig_move(buffer->id, buffer->extents.npages, ret,
			  ktime_to_ns(ktime_sub(ktime_get(), start)));
	contig_stats_count(ret ? CONTIG_EVENT_MOVE_FAILED : CONTIG_EVENT_MOVE);
	contig_buffer_destroy(move->spare);
	WRITE_ONCE(buffer->moved, jiffies);
	contig_move_end(buffer);
	contig_buffer_put(buffer);
	move->ret = ret;
	complete(&move->done);
	kref_put(&move->kref, contig_move_free);
}

/* Return true if a buffer can be moved at all, and nobody relies on its place. */
static bool contig_move_possible(const struct contig_buffer *buffer)
{
	return buffer->asked && !buffer->huge &&
	       buffer->mapping == CONTIG_MAPPING_STRUCT_PAGE &&
	       contig_place_free(buffer) && !READ_ONCE(buffer->failed) &&
	       !contig_move_in_use(buffer);
}

/* Allocate one extent that meets what the buffer was asked for. */
static int contig_move_alloc(struct contig_move *move)
{
	struct contig_buffer *buffer = move->buffer;
	struct contig_request *request = &move->request;
	u32 nr;

	contig_request_renew(request, buffer->asked);
	request->deadline = ktime_add_ms(request->start, CONTIG_MOVE_BUDGET);
	request->user = buffer->user;
	request->rungs = CONTIG_RUNGS_CONTIGUOUS;
	request->struct_page = true;
	/* All of it is copied to. */
	request->uninitialized = true;
	request->told = contig_may_see_physical_noaudit();
	move->spare = contig_alloc_buffer(request, buffer->name, move->reports,
					  &nr);
	return PTR_ERR_OR_ZERO(move->spare);
}

/* Move a buffer to one extent; nobody else does. Return 0 or -errno. */
static int contig_move_start(struct contig_buffer *buffer)
{
	struct contig_move *move = kzalloc(sizeof(*move), CONTIG_GFP);
	int ret;

	if (!move) {
		contig_move_end(buffer);
		return -ENOMEM;
	}
	kref_init(&move->kref);
	init_completion(&move->done);
	INIT_WORK(&move->work, contig_move_work);
	move->buffer = buffer;
	ret = contig_move_alloc(move);
	if (ret) {
		contig_move_end(buffer);
	} else {
		contig_buffer_get(buffer);
		kref_get(&move->kref);
		queue_work(contig_move_wq, &move->work);
		ret = wait_for_completion_killable(&move->done) ? -EINTR :
								  move->ret;
	}
	kref_put(&move->kref, contig_move_free);
	return ret;
}

/*
 * Become the one who moves a buffer. Return 0, -EBUSY if another did in the meantime,
 * or a moment ago, or -EINTR.
 */
static int contig_move_begin(struct contig_buffer *buffer)
{
	unsigned long moved;
	long left;

	if (test_and_set_bit_lock(0, &buffer->moving)) {
		left = wait_event_killable_timeout(contig_move_ended,
						   !test_bit(0, &buffer->moving),
						   2 * CONTIG_MOVE_BUDGET * HZ /
							   MSEC_PER_SEC);
		return left < 0 ? -EINTR : -EBUSY;
	}
	moved = READ_ONCE(buffer->moved);
	if (moved && time_in_range(jiffies, moved, moved + CONTIG_MOVE_PAUSE)) {
		clear_bit_unlock(0, &buffer->moving);
		return -EBUSY;
	}
	return 0;
}

/* Find out whether a part is in one extent, and whether the buffer can be moved. */
static int contig_move_look(struct contig_buffer *buffer, unsigned long first,
			    unsigned long last, bool *gathered, bool *possible)
{
	int ret = contig_place_look(buffer);

	if (ret)
		return ret;
	*gathered = contig_extents_count(&buffer->extents, first, last) == 1;
	*possible = !*gathered && contig_move_possible(buffer);
	contig_place_looked(buffer);
	return 0;
}

/**
 * contig_move_gather() - make a part of a buffer physically contiguous
 * @buffer: an exported buffer
 * @user: the account of who asks
 * @first: first page of the part
 * @last: last page
 *
 * Moves all of the buffer to one extent if the part is not in one, but only for who it
 * is charged to: the owner pays for it, and for both places meanwhile. Mappings,
 * contents and descriptors stay. May sleep.
 *
 * Return: 0 if the part was contiguous or is now, which can be over at once;
 * -EOPNOTSUPP if the buffer cannot move, -EBUSY if somebody relies on its place or
 * refers to a page of it, -EHWPOISON, -EINTR, or an error of contig_alloc_buffer().
 */
int contig_move_gather(struct contig_buffer *buffer,
		       const struct contig_user *user, unsigned long first,
		       unsigned long last)
{
	bool gathered, possible;
	int ret;

	ret = contig_move_look(buffer, first, last, &gathered, &possible);
	if (ret || gathered)
		return ret;
	if (!possible || buffer->user != user)
		return -EOPNOTSUPP;
	ret = contig_move_begin(buffer);
	return ret ?: contig_move_start(buffer);
}

/* Create the workqueue. Return: 0 or -ENOMEM. */
int contig_move_init(void)
{
	contig_move_wq = alloc_workqueue("contig_move", WQ_UNBOUND, 0);
	return contig_move_wq ? 0 : -ENOMEM;
}

/* Wait for works that have dropped their last reference on the module. */
void contig_move_exit(void)
{
	destroy_workqueue(contig_move_wq);
}

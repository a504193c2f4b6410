// SPDX-License-Identifier: GPL-2.0-only
/*
 * Moving a buffer to other memory
 *
 * A buffer whose addresses are not in use can lie anywhere. It is taken out of all page
 * tables, copied, and given the other memory; an access to it meanwhile waits in a page
 * fault. A page with another reference, for direct I/O say, would not follow, so such a
 * buffer stays where it is.
 *
 * A work does all that, so that others do not wait for a caller that a cgroup
 * throttles or that is stopped.
 */
#include <linux/atomic.h>
#include <linux/bitops.h>
#include <linux/cacheflush.h>
#include <linux/completion.h>
#include <linux/delay.h>
#include <linux/highmem.h>
#include <linux/jiffies.h>
#include <linux/kref.h>
#include <linux/ktime.h>
#include <linux/mm.h>
#include <linux/rwsem.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <linux/workqueue.h>

#include <uapi/linux/contig.h>

#include "buffer.h"
#include "extents.h"
#include "fault.h"
#include "gfp.h"
#include "pages.h"
#include "place.h"
#include "poison.h"
#include "relocate.h"
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

/*
 * Time after a move in which no other begins, and times that it doubles when moves fail:
 * each has taken the buffer out of all page tables.
 */
#define CONTIG_MOVE_PAUSE (HZ / 10)
#define CONTIG_MOVE_DOUBLES 7

/*
 * Milliseconds that unmapping may take with page faults excluded: as long as it took
 * before. A process with a descriptor can make it long, by mapping the buffer many times.
 */
#define CONTIG_MOVE_UNMAP 100

/**
 * struct contig_move - the exchange of the memory of a buffer
 * @work: does it
 * @kref: the caller has a reference, and @work has one
 * @done: @ret is set, and @work no longer uses @spare
 * @buffer: to be moved, with a reference of the work's
 * @spare: has the new memory, and then the old one; freed with this, unless the
 *         caller has taken it
 * @paid: each is charged for its memory, so that charges change hands as well
 * @ret: 0 or -errno
 */
struct contig_move {
	struct work_struct work;
	struct kref kref;
	struct completion done;
	struct contig_buffer *buffer;
	struct contig_buffer *spare;
	bool paid;
	int ret;
};

static struct workqueue_struct *contig_move_wq;

static void contig_move_free(struct kref *kref)
{
	struct contig_move *move = container_of(kref, struct contig_move, kref);

	if (move->spare)
		contig_buffer_destroy(move->spare);
	kfree(move);
}

/*
 * Exclude all that look up where the buffer lies. Not by waiting in line, since those that
 * come later would wait as well, for one that a cgroup throttles, say.
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

/* Return -EHWPOISON if a page has failed, else 0. */
static int contig_move_failed(const struct contig_buffer *buffer)
{
	unsigned long npages = buffer->extents.npages;

	return contig_buffer_first_failed(buffer, 0, npages) < npages ?
	       -EHWPOISON : 0;
}

/*
 * Return 0 if no page has a reference but contig's, and none has failed; else -EBUSY or
 * -EHWPOISON. May sleep.
 */
int contig_move_alone(const struct contig_buffer *buffer)
{
	unsigned long npages = buffer->extents.npages, pfn, n;
	struct contig_cursor cursor;

	contig_cursor_init(&cursor, &buffer->extents, 0);
	while ((n = contig_cursor_next(&cursor, npages, &pfn)))
		if (contig_pages_first_referenced(pfn, n) < n)
			return -EBUSY;
	return contig_move_failed(buffer);
}

/*
 * Return true if a page seems to have a reference beside those of its mappings: a guess,
 * before processes are bothered.
 */
bool contig_move_in_use(const struct contig_buffer *buffer)
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
			if (!(pfn % 4096))
				cond_resched();
		}
	}
	return false;
}

/* Copy a page. Return 0, or -EHWPOISON if the hardware cannot read it. */
static int contig_move_copy_page(unsigned long to, unsigned long from)
{
	void *target = kmap_local_page(pfn_to_page(to));
	void *source = kmap_local_page(pfn_to_page(from));
	unsigned long left = copy_mc_to_kernel(target, source, PAGE_SIZE);

	kunmap_local(source);
	kunmap_local(target);
	flush_dcache_page(pfn_to_page(to));
	if (!left)
		return 0;
	memory_failure_queue(from, 0);
	return -EHWPOISON;
}

static int contig_move_copy(const struct contig_buffer *buffer,
			    const struct contig_buffer *spare)
{
	unsigned long npages = buffer->extents.npages, from, to, n;
	struct contig_cursor cursor;
	int ret;

	contig_cursor_init(&cursor, &buffer->extents, 0);
	while ((n = contig_cursor_next(&cursor, npages, &from))) {
		to = contig_extents_pfn(&spare->extents, cursor.offset - n);
		for (; n--; from++, to++) {
			ret = contig_move_copy_page(to, from);
			if (ret)
				return ret;
			if (!(from % 256))
				cond_resched();
		}
	}
	/* A page can have failed meanwhile that is not read again. */
	return contig_move_failed(buffer) ?: contig_move_failed(spare);
}

/*
 * Take the buffer out of the page tables that it is in again since it was taken out, if
 * that took @ms. Return 0 if no page can be found any more.
 */
static int contig_move_unmap_rest(struct contig_buffer *buffer, s64 ms)
{
	int ret = contig_move_alone(buffer);

	if (ret != -EBUSY || ms > CONTIG_MOVE_UNMAP)
		return ret;
	unmap_mapping_range(buffer->inode->i_mapping, 0, 0, 1);
	return contig_move_alone(buffer);
}

/*
 * Move a buffer of which contig_buffer.place is held for writing, after it was taken out
 * of page tables in @ms. Return 0, -EBUSY or -EHWPOISON.
 */
static int contig_move_closed(struct contig_move *move, s64 ms)
{
	struct contig_buffer *buffer = move->buffer, *spare = move->spare;
	int ret;

	if (!contig_place_free(buffer) || contig_should_fail(CONTIG_FAULT_MOVE))
		return -EBUSY;
	/*
	 * Without a reference a page can no longer be found, so that no reference is
	 * added. GUP can take one for a moment, and drops it when it sees
	 * that the page is no longer mapped.
	 */
	ret = contig_move_unmap_rest(buffer, ms);
	if (ret)
		return ret;
	/* From here on it must be cleared, even if it is not used. */
	contig_buffer_expose(spare);
	ret = contig_move_copy(buffer, spare);
	if (!ret && contig_should_fail(CONTIG_FAULT_MOVE_COPIED))
		ret = -EHWPOISON;
	if (ret)
		return ret;
	contig_buffer_swap(buffer, spare);
	if (move->paid)
		swap(buffer->charged, spare->charged);
	/* The sweep did not know the new pages. */
	if (contig_poison_ever())
		contig_sweep_soon();
	return 0;
}

/*
 * Try to move a buffer once. Without its place held its pages are unmapped first, since
 * that can take long: locks of mappings, and drivers that have to be told.
 */
static int contig_move_try(struct contig_move *move)
{
	struct contig_buffer *buffer = move->buffer;
	ktime_t start;
	s64 ms;
	int ret;

	if (!contig_place_free(buffer) || contig_move_in_use(buffer))
		return -EBUSY;
	start = ktime_get();
	unmap_mapping_range(buffer->inode->i_mapping, 0, 0, 1);
	ms = ktime_ms_delta(ktime_get(), start);
	if (!contig_move_close(buffer))
		return -EBUSY;
	ret = contig_move_closed(move, ms);
	up_write(&buffer->place);
	return ret;
}

/* Set the time before which the buffer is not moved again. */
static void contig_move_pause(struct contig_buffer *buffer, int error)
{
	if (!error)
		buffer->move_failures = 0;
	else if (buffer->move_failures < CONTIG_MOVE_DOUBLES)
		buffer->move_failures++;
	WRITE_ONCE(buffer->move_again,
		   jiffies + (CONTIG_MOVE_PAUSE << buffer->move_failures));
}

/* Let others move the buffer. Any context. */
void contig_move_end(struct contig_buffer *buffer)
{
	clear_bit_unlock(0, &buffer->moving);
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
		ret = contig_move_try(move);
	}
	trace_contig_move(buffer->id, buffer->extents.npages, ret,
			  ktime_to_ns(ktime_sub(ktime_get(), start)));
	contig_stats_count(ret ? CONTIG_EVENT_MOVE_FAILED : CONTIG_EVENT_MOVE);
	contig_move_pause(buffer, ret);
	contig_move_end(buffer);
	contig_buffer_put(buffer);
	move->ret = ret;
	complete(&move->done);
	kref_put(&move->kref, contig_move_free);
}

/*
 * Return true if nothing that is known at once keeps a buffer where it is. Any context;
 * the caller has a reference, or the list of buffers locked.
 */
bool contig_move_possible(const struct contig_buffer *buffer)
{
	return buffer->asked && !buffer->huge &&
	       buffer->mapping == CONTIG_MAPPING_STRUCT_PAGE &&
	       contig_place_free(buffer) && !READ_ONCE(buffer->failed);
}

/*
 * Become the only one that moves a buffer, until contig_relocate() or contig_move_end(). Return
 * 0, or -EBUSY if another does, or if one of the last attempts is too short ago.
 */
int contig_move_begin(struct contig_buffer *buffer)
{
	unsigned long again;

	if (test_and_set_bit_lock(0, &buffer->moving))
		return -EBUSY;
	again = READ_ONCE(buffer->move_again);
	if (!again || time_after_eq(jiffies, again))
		return 0;
	contig_move_end(buffer);
	return -EBUSY;
}

/**
 * contig_relocate() - give a buffer other memory
 * @buffer: an exported buffer, after contig_move_begin()
 * @spare: has the other memory, as much, in pages with reference counts; it is consumed
 * @old: receives a buffer with the memory that @buffer had, to be freed by the caller,
 *       and with the charge of @spare. NULL: it is freed with the charge of @buffer,
 *       and @buffer is charged for what it has then
 *
 * Mappings, contents and descriptors stay. May sleep for as long as copying takes, but
 * can be killed. Others can move the buffer afterwards.
 *
 * Return: 0; -EBUSY if its addresses are in use or a page has another reference,
 * -EHWPOISON if a page has failed, -ENOMEM, or -EINTR, after which it may move or not.
 */
int contig_relocate(struct contig_buffer *buffer, struct contig_buffer *spare,
		    struct contig_buffer **old)
{
	struct contig_move *move = kzalloc(sizeof(*move), CONTIG_GFP);
	int ret;

	if (!move) {
		contig_buffer_destroy(spare);
		contig_move_end(buffer);
		return -ENOMEM;
	}
	kref_init(&move->kref);
	kref_get(&move->kref);
	init_completion(&move->done);
	INIT_WORK(&move->work, contig_move_work);
	contig_buffer_get(buffer);
	move->buffer = buffer;
	move->spare = spare;
	move->paid = !old;
	queue_work(contig_move_wq, &move->work);
	if (wait_for_completion_killable(&move->done)) {
		ret = -EINTR;
	} else {
		ret = move->ret;
		if (!ret && old) {
			*old = move->spare;
			move->spare = NULL;
		}
	}
	kref_put(&move->kref, contig_move_free);
	return ret;
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

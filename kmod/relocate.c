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
#include <linux/kref.h>
#include <linux/ktime.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/rwsem.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <linux/workqueue.h>

#include <uapi/linux/contig.h>

#include "buffer.h"
#include "extents.h"
#include "fault.h"
#include "mmap.h"
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
 * Time after a move in which no other begins: so long, and so many times as long as the
 * move took. It doubles when moves fail, so many times, since each has taken the buffer
 * out of all page tables.
 */
#define CONTIG_MOVE_PAUSE_NS (100 * NSEC_PER_MSEC)
#define CONTIG_MOVE_REST 16
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
 * @done: @ret is set, and @spare is freed
 * @buffer: to be moved, with a reference of the work's
 * @spare: has the new memory, and then the old one; freed by @work
 * @ret: 0 or -errno
 */
struct contig_move {
	struct work_struct work;
	struct kref kref;
	struct completion done;
	struct contig_buffer *buffer;
	struct contig_buffer *spare;
	int ret;
};

static struct workqueue_struct *contig_move_wq;

static void contig_move_free(struct kref *kref)
{
	kfree(container_of(kref, struct contig_move, kref));
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

	if (ret != -EBUSY)
		return ret;
	/* Another round would take as long. */
	if (ms > CONTIG_MOVE_UNMAP)
		return -ETIMEDOUT;
	unmap_mapping_range(buffer->inode->i_mapping, 0, 0, 1);
	return contig_move_alone(buffer);
}

/* Exchange what two buffers are charged, as they have exchanged their memory. */
static void contig_move_charge(struct contig_buffer *buffer,
			       struct contig_buffer *spare, bool paid)
{
	unsigned long npages = paid ? 0 : buffer->extents.npages;

	swap(buffer->charged, spare->charged);
	buffer->charged += npages;
	spare->charged -= npages;
}

/*
 * Move a buffer of which contig_buffer.place is held for writing, after it was taken out
 * of page tables in @ms. Return 0, -EBUSY, -ETIMEDOUT or -EHWPOISON.
 */
static int contig_move_closed(struct contig_buffer *buffer,
			      struct contig_buffer *spare, bool paid, s64 ms)
{
	int ret;

	if (!contig_place_free(buffer) || contig_should_fail(CONTIG_FAULT_MOVE))
		return -EBUSY;
	/*
	 * Without a reference a page can no longer be found, so that no reference is
	 * added, and no lock is taken. GUP can take a reference for a moment, and drops
	 * it when it sees that the page is no longer mapped.
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
	contig_move_charge(buffer, spare, paid);
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
			   struct contig_buffer *spare, bool paid)
{
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
	start = ktime_get();
	ret = contig_move_closed(buffer, spare, paid, ms);
	up_write(&buffer->place);
	contig_stats_time(CONTIG_TIME_STALL,
			  ktime_to_ns(ktime_sub(ktime_get(), start)));
	return ret;
}

/* Set the time before which the buffer is not moved again; this move took @ns. */
static void contig_move_pause(struct contig_buffer *buffer, int error, u64 ns)
{
	u64 pause = CONTIG_MOVE_PAUSE_NS;

	if (!error)
		buffer->move_failures = 0;
	else if (buffer->move_failures < CONTIG_MOVE_DOUBLES)
		buffer->move_failures++;
	pause = max(pause, ns * CONTIG_MOVE_REST) << buffer->move_failures;
	/* Only what moves it reads that. */
	buffer->move_again = ktime_add_ns(ktime_get(), pause);
}

static void contig_move_count(int error, unsigned long npages)
{
	if (!error) {
		contig_stats_count(CONTIG_EVENT_MOVE);
		contig_stats_add(CONTIG_EVENT_MOVE_PAGES, npages);
		return;
	}
	contig_stats_count(CONTIG_EVENT_MOVE_FAILED);
	contig_stats_count(error == -EHWPOISON ? CONTIG_EVENT_MOVE_POISON :
						 CONTIG_EVENT_MOVE_IN_USE);
}

/* Let others move the buffer. Any context. */
void contig_move_end(struct contig_buffer *buffer)
{
	clear_bit_unlock(0, &buffer->moving);
}

/**
 * contig_relocate_now() - give a buffer other memory
 * @buffer: a buffer that was exported, with a reference, after contig_move_begin()
 * @spare: has the other memory, as much, in pages with reference counts, charged to the
 *         same account; on success it has what @buffer had, else it is as before
 * @paid: @spare is charged for all of its memory, and not only for what it has beyond
 *        the length of @buffer
 *
 * Mappings, contents and descriptors stay, and @buffer is charged for what it has then.
 * Others can move the buffer afterwards. Takes as long as unmapping and copying, and
 * cannot be killed: for works. May sleep.
 *
 * Return: 0; -EBUSY if its addresses are in use or a page has another reference, or
 * -EHWPOISON if a page has failed.
 */
int contig_relocate_now(struct contig_buffer *buffer,
			struct contig_buffer *spare, bool paid)
{
	ktime_t start = ktime_get();
	unsigned int round;
	int ret = -EBUSY;
	u64 ns;

	for (round = 0; round < CONTIG_MOVE_ROUNDS && ret == -EBUSY; round++) {
		if (round)
			msleep(1 << round);
		ret = contig_move_try(buffer, spare, paid);
	}
	if (ret == -ETIMEDOUT)
		ret = -EBUSY;
	/* The inode that its pages name lives as long as @buffer. */
	contig_mmap_forget(spare);
	ns = ktime_to_ns(ktime_sub(ktime_get(), start));
	trace_contig_move(buffer->id, buffer->extents.npages, ret, ns);
	contig_move_count(ret, buffer->extents.npages);
	contig_move_pause(buffer, ret, ns);
	contig_move_end(buffer);
	return ret;
}

static void contig_move_work(struct work_struct *work)
{
	struct contig_move *move = container_of(work, struct contig_move, work);

	move->ret = contig_relocate_now(move->buffer, move->spare, true);
	/* The caller finds the charge as it will be. */
	contig_buffer_destroy(move->spare);
	contig_buffer_unref(move->buffer);
	complete(&move->done);
	kref_put(&move->kref, contig_move_free);
	/* contig_move_exit() waits for what follows. */
	module_put(THIS_MODULE);
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
 * Become the only one that moves a buffer, until contig_relocate(), the like, or
 * contig_move_end(). Return 0, or -EBUSY if another does, or if the last attempt is too
 * short ago.
 */
int contig_move_begin(struct contig_buffer *buffer)
{
	if (test_and_set_bit_lock(0, &buffer->moving))
		return -EBUSY;
	if (!ktime_before(ktime_get(), buffer->move_again))
		return 0;
	contig_move_end(buffer);
	return -EBUSY;
}

/**
 * contig_relocate() - give a buffer other memory
 * @buffer: an exported buffer, after contig_move_begin()
 * @spare: has the other memory, as for contig_relocate_now(), and is charged for it; it is
 *         freed with what @buffer had, or as it is
 *
 * May sleep as long as contig_relocate_now(), but can be killed.
 *
 * Return: as contig_relocate_now(), -ENOMEM, or -EINTR, after which it may move or not.
 */
int contig_relocate(struct contig_buffer *buffer, struct contig_buffer *spare)
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
	kref_get(&buffer->kref);
	__module_get(THIS_MODULE);
	move->buffer = buffer;
	move->spare = spare;
	queue_work(contig_move_wq, &move->work);
	ret = wait_for_completion_killable(&move->done) ? -EINTR : move->ret;
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

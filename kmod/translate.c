// SPDX-License-Identifier: GPL-2.0-only
/*
 * CONTIG_GET_PHYSICAL and CONTIG_GET_STATE: what is known of a range
 */
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/uaccess.h>

#include <uapi/linux/contig.h>

#include "areas.h"
#include "buffer.h"
#include "client.h"
#include "dma_map.h"
#include "fault.h"
#include "limits.h"
#include "pages.h"
#include "pin.h"
#include "poison.h"
#include "stale.h"
#include "stats.h"
#include "trace.h"
#include "translate.h"
#include "ucmd.h"

/* So many extents are written before others may have the processor. */
#define CONTIG_TABLE_TURN 1024U

/**
 * struct contig_table - an array in user space that is being filled
 * @user: where the next entry goes
 * @room: entries that still fit, @last not counted
 * @done: entries that were written
 * @last: the entry after those, which can still grow; none if it has no length
 * @rest: bytes of the range that are not in the table yet
 */
struct contig_table {
	struct contig_extent __user *user;
	u32 room;
	u32 done;
	struct contig_extent last;
	u64 rest;
};

/* Where a pin's memory lies, for the CPU or for the device it is mapped for. */
static const struct contig_extents *contig_area_extents(const struct contig_area *area,
							bool dma)
{
	return dma ? &area->pin->map->extents : contig_pin_extents(area->pin);
}

/* Where in these the pages from @page on lie, which @area contains. */
static unsigned long contig_area_offset(const struct contig_area *area,
					unsigned long page, bool dma)
{
	return (dma ? 0 : area->pin->base) + area->offset +
	       (page - area->it.start);
}

/*
 * How many extents a range, which is locked as a whole, consists of, in memory or
 * in DMA addresses.
 */
unsigned long contig_target_extents(const struct contig_target *target,
				    bool dma)
{
	unsigned long next = 0, count = 0;
	struct contig_area *area;

	contig_for_each_area(area, target->areas, target->first, target->last) {
		const struct contig_extents *extents =
			contig_area_extents(area, dma);
		unsigned long first = max(area->it.start, target->first);
		unsigned long last = min(area->it.last, target->last);
		unsigned long from = contig_area_offset(area, first, dma);
		unsigned long to = contig_area_offset(area, last, dma);

		count += contig_extents_count(extents, from, to);
		if (next && contig_extents_pfn(extents, from) == next)
			count--;
		next = contig_extents_pfn(extents, to) + 1;
	}
	return count;
}

/* Return 0 if a range is locked as a whole, otherwise -ENOLCK. */
static int contig_target_locked(const struct contig_target *target)
{
	return target->areas &&
	       contig_areas_cover(target->areas, target->first, target->last) ?
	       0 : -ENOLCK;
}

/*
 * Return true if the caller may learn which pages of a range adjoin. Without the
 * right to see physical addresses it may for a single page and for one buffer of
 * contig, of which out_extents told it already.
 */
bool contig_target_may_count(const struct contig_target *target)
{
	struct contig_buffer *buffer = NULL;
	struct contig_area *area;

	if (target->first == target->last)
		return true;
	contig_for_each_area(area, target->areas, target->first, target->last) {
		if (!area->pin->buffer ||
		    (buffer && area->pin->buffer != buffer))
			return contig_may_see_physical();
		buffer = area->pin->buffer;
	}
	return true;
}

/* Is a range locked as a whole, and still in place? */
static int contig_target_check(const struct contig_target *target)
{
	struct contig_area *area;
	int ret = contig_target_locked(target);

	if (ret)
		return ret;
	contig_for_each_area(area, target->areas, target->first, target->last) {
		ret = contig_area_check(area,
					max(area->it.start, target->first),
					min(area->it.last, target->last));
		if (!ret && target->dma &&
		    !READ_ONCE(area->pin->map->mapped))
			ret = -ENODEV;
		if (ret)
			return ret;
		cond_resched();
	}
	return 0;
}

/**
 * contig_target_addrs() - the addresses of single pages
 * @target: a range that is locked as a whole
 * @page: in/out: the page to begin at; on return the first that is not done
 * @addrs: receives them, where the CPU or the device has the pages
 * @room: the most to tell
 *
 * Return: how many.
 */
unsigned long contig_target_addrs(const struct contig_target *target,
				  unsigned long *page, u64 *addrs,
				  unsigned long room)
{
	unsigned long count = 0, pfn, n;
	struct contig_cursor cursor;
	struct contig_area *area;

	contig_for_each_area(area, target->areas, *page, target->last) {
		unsigned long last = min(area->it.last, target->last);

		contig_cursor_init(&cursor,
				   contig_area_extents(area, target->dma),
				   contig_area_offset(area, *page, target->dma));
		while (count < room && *page <= last) {
			n = min(last - *page + 1, room - count);
			n = contig_cursor_next(&cursor, cursor.offset + n,
					       &pfn);
			for (*page += n; n--; pfn++)
				addrs[count++] = PFN_PHYS((u64)pfn);
		}
		if (count == room)
			break;
	}
	return count;
}

/*
 * Return true if a page of these has failed: the kernel would not survive it to
 * copy one, or to write back what caches have of it.
 */
static bool contig_area_failed(const struct contig_area *area,
			       unsigned long first, unsigned long last)
{
	const struct contig_pin *pin = area->pin;
	struct contig_cursor cursor;
	unsigned long pfn, n;

	if (!contig_poison_ever())
		return false;
	contig_cursor_init(&cursor, contig_pin_extents(pin),
			   contig_area_offset(area, first, false));
	while ((n = contig_cursor_next(&cursor, contig_area_offset(area, last,
								   false) + 1,
				       &pfn)))
		if (contig_pages_first_failed(pfn, n) < n)
			return true;
	return false;
}

/**
 * contig_target_sync() - hand memory from the CPU to the client's device or back
 * @target: a range for the client's device
 * @for_device: the device has it next, not the CPU
 * @direction: which way the device moves data
 *
 * The data that a device wrote is in the pages that are locked, or in a copy of
 * them. So the pages are synced first, and the mapping is looked at afterwards: it
 * may be unreadable for the process at the moment, or gone. May sleep.
 *
 * Return: 0, -ENOLCK if the range is not locked as a whole, -ENODEV if the device is
 * gone; -EHWPOISON if pages have failed, and all was synced but these and what is
 * locked together with them; -ESTALE if all was synced, but the process has other
 * pages there.
 */
int contig_target_sync(const struct contig_target *target, bool for_device,
		       enum dma_data_direction direction)
{
	u64 at, n, left = target->length;
	int ret = contig_target_locked(target), failed = 0;
	struct contig_area *area;

	if (ret)
		return ret;
	contig_for_each_area(area, target->areas, target->first, target->last) {
		unsigned long first = max(area->it.start, target->first);
		unsigned long last = min(area->it.last, target->last);

		at = (u64)contig_area_offset(area, first, true) << PAGE_SHIFT;
		n = (u64)(area->it.last - first + 1) << PAGE_SHIFT;
		if (first == target->first) {
			at += target->head;
			n -= target->head;
		}
		n = min(n, left);
		left -= n;
		if (contig_area_failed(area, first, last)) {
			failed = -EHWPOISON;
			continue;
		}
		ret = contig_dma_map_sync(area->pin->map, at, n, for_device,
					  direction);
		if (ret)
			return ret;
	}
	ret = failed ?: contig_target_check(target);
	/* That a look was not possible changes nothing: all was synced. */
	return ret == -ENOMEM || ret == -EINTR ? 0 : ret;
}

/* Write the last entry, which will not grow any more. */
static int contig_table_flush(struct contig_table *table)
{
	if (!table->last.length)
		return 0;
	if (contig_copy_to_user(table->user, &table->last, sizeof(table->last)))
		return -EFAULT;
	table->last.length = 0;
	table->user++;
	table->done++;
	return 0;
}

/*
 * Add a run of memory. Return: 1 if it was taken, 0 if the table is full, or
 * -EFAULT.
 */
static int contig_table_add(struct contig_table *table, u64 addr, u64 length)
{
	struct contig_extent *last = &table->last;

	length = min(length, table->rest);
	if (last->length && last->addr + last->length == addr) {
		last->length += length;
	} else {
		if (!table->room)
			return 0;
		if (contig_table_flush(table))
			return -EFAULT;
		*last = (struct contig_extent){ addr, length };
		table->room--;
	}
	table->rest -= length;
	return 1;
}

/*
 * Write @nr runs, none of which continues the one before. Where pages are
 * scattered this is where the time goes: nothing but loads and stores, since for
 * so little copy_to_user() is slow.
 */
static int contig_table_write(struct contig_table *table,
			      const struct contig_piece *piece, u32 nr)
{
	struct contig_extent __user *user = table->user;

	if (contig_should_fail(CONTIG_FAULT_COPY) ||
	    !user_write_access_begin(user, nr * sizeof(*user)))
		return -EFAULT;
	table->user += nr;
	table->done += nr;
	table->room -= nr;
	for (; nr--; piece++, user++) {
		unsafe_put_user(PFN_PHYS((u64)piece->pfn), &user->addr, fault);
		unsafe_put_user((u64)(piece[1].first - piece->first)
				<< PAGE_SHIFT, &user->length, fault);
	}
	user_write_access_end();
	return 0;

fault:
	user_write_access_end();
	return -EFAULT;
}

/*
 * Add the runs from the cursor on that end before page offset @end. The cursor
 * must be at the beginning of a run other than the first that was added, so that
 * none can continue what is in the table.
 */
static int contig_table_whole(struct contig_table *table,
			      struct contig_cursor *cursor, unsigned long end)
{
	const struct contig_piece *pieces = cursor->extents->pieces;
	unsigned int last = contig_extents_find(cursor->extents, end - 1);
	unsigned int nr;

	if (cursor->index >= last || !table->room)
		return 0;
	if (contig_table_flush(table))
		return -EFAULT;
	while (cursor->index < last && table->room) {
		nr = min3(last - cursor->index, table->room, CONTIG_TABLE_TURN);
		if (contig_table_write(table, &pieces[cursor->index], nr))
			return -EFAULT;
		cursor->index += nr;
		table->rest -= (u64)(pieces[cursor->index].first -
				     cursor->offset) << PAGE_SHIFT;
		cursor->offset = pieces[cursor->index].first;
		cond_resched();
	}
	return 0;
}

/* Fill the table from one area. Return as contig_table_add() does. */
static int contig_table_area(struct contig_table *table,
			     const struct contig_target *target,
			     const struct contig_area *area)
{
	unsigned long first = max(area->it.start, target->first);
	unsigned long last = min(area->it.last, target->last);
	unsigned long skip = first == target->first ? target->head : 0;
	unsigned long end = contig_area_offset(area, last, target->dma) + 1;
	unsigned long pfn, n;
	struct contig_cursor cursor;
	int ret = 1;

	contig_cursor_init(&cursor, contig_area_extents(area, target->dma),
			   contig_area_offset(area, first, target->dma));
	/* The first run by itself, then those that are whole, then the last. */
	while (ret > 0 && (n = contig_cursor_next(&cursor, end, &pfn))) {
		ret = contig_table_add(table, PFN_PHYS((u64)pfn) + skip,
				       ((u64)n << PAGE_SHIFT) - skip);
		skip = 0;
		if (ret > 0 && contig_table_whole(table, &cursor, end))
			ret = -EFAULT;
	}
	return ret;
}

static int contig_table_fill(struct contig_table *table,
			     const struct contig_target *target)
{
	struct contig_area *area;
	int ret;

	contig_for_each_area(area, target->areas, target->first, target->last) {
		ret = contig_table_area(table, target, area);
		if (ret < 0)
			return ret;
		if (!ret)
			break;
		cond_resched();
	}
	return contig_table_flush(table);
}

static int contig_translate(const struct contig_target *target,
			    struct contig_get_physical *cmd)
{
	struct contig_table table = {
		.user = u64_to_user_ptr(cmd->extents),
		.room = cmd->count,
		.rest = cmd->length,
	};
	int ret;

	ret = contig_target_check(target);
	if (ret)
		return ret;
	if (!cmd->count && !target->dma && !contig_target_may_count(target))
		return -EPERM;
	if (!cmd->count) {
		unsigned long count = contig_target_extents(target,
							    target->dma);

		if (count > U32_MAX)
			return -EOVERFLOW;
		cmd->count = count;
		return 0;
	}

	ret = contig_table_fill(&table, target);
	if (!ret) {
		cmd->count = table.done;
		cmd->addr += cmd->length - table.rest;
		cmd->length = table.rest;
	}
	return ret;
}

int contig_get_physical_ioctl(struct contig_ucmd *ucmd)
{
	struct contig_client *client = ucmd->client;
	struct contig_get_physical *cmd = ucmd->cmd;
	struct contig_target target;
	u64 addr = cmd->addr, length = cmd->length;
	int ret;

	if (cmd->flags & ~(CONTIG_RANGE_BUFFER | CONTIG_GET_DMA))
		return -EOPNOTSUPP;
	if (cmd->count && !(cmd->flags & CONTIG_GET_DMA) &&
	    !contig_may_see_physical())
		return -EPERM;
	if (mutex_lock_killable(&client->lock))
		return -EINTR;
	ret = contig_target_init(client, cmd->flags, addr, length, cmd->fd,
				 false, &target);
	target.dma = cmd->flags & CONTIG_GET_DMA;
	if (!ret && target.dma && !client->device)
		ret = -EUNATCH;
	if (!ret)
		ret = contig_translate(&target, cmd);
	contig_target_done(client, &target);
	mutex_unlock(&client->lock);

	contig_stats_count(CONTIG_EVENT_TRANSLATE);
	trace_contig_translate(addr, length, cmd->flags, ret);
	return ret ?: contig_ucmd_respond(ucmd, sizeof(*cmd));
}

/* How many pages from @page on are in the same area of @areas, or in none. */
static unsigned long contig_run_area(struct contig_areas *areas,
				     unsigned long page, unsigned long last,
				     struct contig_area **area)
{
	*area = contig_areas_first(areas, page, last);
	if (!*area)
		return last - page + 1;
	if ((*area)->it.start > page) {
		unsigned long n = (*area)->it.start - page;

		*area = NULL;
		return n;
	}
	return min((*area)->it.last, last) - page + 1;
}

/* Describe the pages from @page on that are in the same state. */
static int contig_run_fill(struct contig_client *client,
			   const struct contig_target *target,
			   unsigned long page, struct contig_run *run)
{
	unsigned long n = target->last - page + 1;
	struct contig_area *area = NULL;
	int ret;

	*run = (struct contig_run){ .addr = (u64)page << PAGE_SHIFT };
	if (target->areas)
		n = contig_run_area(target->areas, page, target->last, &area);
	if (area) {
		run->locks = area->count;
		run->state |= CONTIG_PAGE_LOCKED | CONTIG_PAGE_HELD;
		if (area->pin->buffer)
			run->state |= CONTIG_PAGE_BUFFER;
		ret = contig_area_check(area, page, page);
		if (ret == -ESTALE)
			run->state |= CONTIG_PAGE_STALE;
		else if (ret == -EHWPOISON)
			run->state |= CONTIG_PAGE_FAILED;
		else if (ret)
			return ret;
		/* Up to the next page that failed or may be gone, or this one. */
		if (ret) {
			n = 1;
		} else {
			/* This one was in place a moment ago. */
			n = contig_area_first_failed(area, page, page + n - 1);
			n = max(n, 1UL);
			n = contig_pin_suspect(area->pin, page + 1,
					       page + n - 1) - page;
		}
	}
	if (!target->buffer && client->space) {
		guard(mutex)(&client->space->lock);
		n = min(n, contig_run_area(&client->holds, page, target->last,
					   &area));
		if (area) {
			run->holds = area->count;
			run->state |= CONTIG_PAGE_HELD;
		}
	}
	run->length = (u64)n << PAGE_SHIFT;
	return 0;
}

static int contig_runs_fill(struct contig_client *client,
			    const struct contig_target *target,
			    struct contig_get_state *cmd)
{
	struct contig_run __user *user = u64_to_user_ptr(cmd->runs);
	unsigned long page = target->first;
	struct contig_run run;
	u64 done = 0;
	u32 nr = 0;
	int ret;

	while (nr < cmd->count && page <= target->last) {
		ret = contig_run_fill(client, target, page, &run);
		if (ret)
			return ret;
		if (fatal_signal_pending(current))
			return -EINTR;
		page += run.length >> PAGE_SHIFT;
		if (contig_copy_to_user(&user[nr], &run, sizeof(run)))
			return -EFAULT;
		done = ((u64)(page - target->first) << PAGE_SHIFT) -
		       target->head;
		nr++;
	}
	done = min(done, cmd->length);
	cmd->count = nr;
	cmd->addr += done;
	cmd->length -= done;
	return 0;
}

int contig_get_state_ioctl(struct contig_ucmd *ucmd)
{
	struct contig_client *client = ucmd->client;
	struct contig_get_state *cmd = ucmd->cmd;
	struct contig_target target;
	int ret;

	if (cmd->flags & ~CONTIG_RANGE_BUFFER)
		return -EOPNOTSUPP;
	if (!cmd->count)
		return -EINVAL;
	if (mutex_lock_killable(&client->lock))
		return -EINTR;
	ret = contig_target_init(client, cmd->flags, cmd->addr, cmd->length,
				 cmd->fd, false, &target);
	if (!ret)
		ret = contig_runs_fill(client, &target, cmd);
	contig_target_done(client, &target);
	mutex_unlock(&client->lock);
	return ret ?: contig_ucmd_respond(ucmd, sizeof(*cmd));
}

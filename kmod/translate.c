// SPDX-License-Identifier: GPL-2.0-only
/*
 * CONTIG_GET_PHYSICAL: translates a range into extents
 */
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/sched.h>
#include <linux/uaccess.h>

#include <uapi/linux/contig.h>

#include "areas.h"
#include "client.h"
#include "extents.h"
#include "fault.h"
#include "limits.h"
#include "stats.h"
#include "target.h"
#include "trace.h"
#include "ucmd.h"

/* Extents that are written between two calls of cond_resched(). */
#define CONTIG_TABLE_TURN 1024U

/**
 * struct contig_table - an array in user space that is being filled
 * @user: the next entry
 * @room: entries that still fit, @last not counted
 * @done: entries that were written
 * @last: the entry after those, which can still grow; unused if its length is 0
 * @rest: bytes of the range that are not in the table yet
 */
struct contig_table {
	struct contig_extent __user *user;
	u32 room;
	u32 done;
	struct contig_extent last;
	u64 rest;
};

/* Write the last entry, which is complete. */
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
 * Add an extent, or make the last one longer. Return 1, or 0 if the table is
 * full, or -EFAULT.
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
 * Write @nr extents, none of which continues the one before. Most of the time
 * of a translation of scattered pages is spent here, so it avoids
 * copy_to_user(), which is slow for short copies.
 */
static int contig_table_write(struct contig_table *table,
			      const struct contig_extents_entry *piece, u32 nr)
{
	struct contig_extent __user *user = table->user;

	if (contig_should_fail(CONTIG_FAULT_COPY) ||
	    !user_write_access_begin(user, nr * sizeof(*user)))
		return -EFAULT;
	table->user += nr;
	table->done += nr;
	table->room -= nr;
	for (; nr--; piece++, user++) {
		unsafe_put_user((u64)piece->pfn << PAGE_SHIFT, &user->addr,
				fault);
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
 * Add the extents from the cursor on that end before page offset @end. The
 * cursor must be at the beginning of an extent other than the first one, so
 * that none can continue the last entry of the table.
 */
static int contig_table_add_extents(struct contig_table *table,
				    struct contig_cursor *cursor, unsigned long end)
{
	const struct contig_extents_entry *entries = cursor->extents->entries;
	unsigned int last = contig_extents_find(cursor->extents, end - 1);
	unsigned int nr;

	if (cursor->index >= last || !table->room)
		return 0;
	if (contig_table_flush(table))
		return -EFAULT;
	while (cursor->index < last && table->room) {
		nr = min3(last - cursor->index, table->room, CONTIG_TABLE_TURN);
		if (contig_table_write(table, &entries[cursor->index], nr))
			return -EFAULT;
		cursor->index += nr;
		table->rest -= (u64)(entries[cursor->index].first -
				     cursor->offset) << PAGE_SHIFT;
		cursor->offset = entries[cursor->index].first;
		cond_resched();
	}
	return 0;
}

/* Fill the table from one area. Return as contig_table_add() does. */
static int contig_table_area(struct contig_table *table,
			     const struct contig_target *target,
			     enum contig_side side,
			     const struct contig_area *area)
{
	unsigned long first = max(area->it.start, target->first);
	unsigned long last = min(area->it.last, target->last);
	unsigned long skip = first == target->first ? target->head : 0;
	unsigned long end = contig_area_offset(area, last, side) + 1;
	unsigned long pfn, n;
	struct contig_cursor cursor;
	int ret = 1;

	contig_cursor_init(&cursor, contig_area_extents(area, side),
			   contig_area_offset(area, first, side));
	/* The first extent can be cut, then come whole ones, then the last. */
	while (ret > 0 && (n = contig_cursor_next(&cursor, end, &pfn))) {
		ret = contig_table_add(table, ((u64)pfn << PAGE_SHIFT) + skip,
				       ((u64)n << PAGE_SHIFT) - skip);
		skip = 0;
		if (ret > 0 && contig_table_add_extents(table, &cursor, end))
			ret = -EFAULT;
	}
	return ret;
}

static int contig_table_fill(struct contig_table *table,
			     const struct contig_target *target,
			     enum contig_side side)
{
	struct contig_area *area;
	int ret;

	contig_for_each_area(area, target->areas, target->first, target->last) {
		ret = contig_table_area(table, target, side, area);
		if (ret < 0)
			return ret;
		if (!ret)
			break;
		cond_resched();
	}
	return contig_table_flush(table);
}

static int contig_translate(struct contig_client *client,
			    const struct contig_target *target, void *data)
{
	struct contig_get_physical *cmd = data;
	struct contig_table table = {
		.user = u64_to_user_ptr(cmd->extents),
		.room = cmd->count,
		.rest = cmd->length,
	};
	enum contig_side side = cmd->flags & CONTIG_GET_DMA ?
				CONTIG_SIDE_DEVICE : CONTIG_SIDE_CPU;
	unsigned long count;
	int ret;

	if (side == CONTIG_SIDE_DEVICE && !client->device)
		return -EUNATCH;
	ret = contig_target_check(target, side);
	if (ret)
		return ret;
	if (side == CONTIG_SIDE_CPU) {
		if (!cmd->count && !contig_target_may_count(target))
			return -EPERM;
		ret = contig_target_physical(target);
		if (ret)
			return ret;
	}
	if (!cmd->count) {
		count = contig_target_extents(target, side);
		if (count > U32_MAX)
			return -EOVERFLOW;
		cmd->count = count;
		return 0;
	}

	ret = contig_table_fill(&table, target, side);
	if (ret)
		return ret;
	cmd->count = table.done;
	cmd->addr += cmd->length - table.rest;
	cmd->length = table.rest;
	return 0;
}

int contig_get_physical_ioctl(struct contig_ucmd *ucmd)
{
	struct contig_get_physical *cmd = ucmd->cmd;
	const struct contig_range range = {
		.flags = cmd->flags,
		.fd = cmd->fd,
		.addr = cmd->addr,
		.length = cmd->length,
	};
	int ret;

	if (cmd->flags & ~(CONTIG_RANGE_BUFFER | CONTIG_GET_DMA))
		return -EOPNOTSUPP;
	if (cmd->count && !(cmd->flags & CONTIG_GET_DMA) &&
	    !contig_may_see_physical())
		return -EPERM;
	ret = contig_target_do(ucmd->client, &range, false, contig_translate,
			       cmd);
	contig_stats_count(CONTIG_EVENT_TRANSLATE);
	trace_contig_translate(range.addr, range.length, cmd->flags, ret);
	return ret ?: contig_ucmd_respond(ucmd, sizeof(*cmd));
}

// SPDX-License-Identifier: GPL-2.0-only
/*
 * CONTIG_LOCK and CONTIG_UNLOCK: classic counts, per page
 */
#include <linux/mm.h>
#include <linux/slab.h>

#include <uapi/linux/contig.h>

#include "areas.h"
#include "buffer.h"
#include "client.h"
#include "dma_device.h"
#include "dma_map.h"
#include "lock.h"
#include "pin.h"
#include "stale.h"
#include "stats.h"
#include "trace.h"
#include "translate.h"
#include "ucmd.h"

/* Map for the client's device what was just pinned. */
static int contig_lock_map(struct contig_client *client, u32 flags,
			   struct contig_areas *added)
{
	struct contig_area *area;
	int ret = 0;

	contig_for_each_area(area, added, 0, ULONG_MAX) {
		ret = contig_pin_map(area->pin, client->device,
				     flags & CONTIG_LOCK_OUTPUT,
				     flags & CONTIG_IO_BOUNCE, client->user);
		if (ret)
			break;
		cond_resched();
	}
	return ret;
}

/* Pin what is not locked yet of a range. All or nothing. */
static int contig_lock_gaps(struct contig_client *client,
			    const struct contig_target *target, u32 flags,
			    struct contig_areas *added)
{
	unsigned long first = target->first, start, end;
	bool output = flags & CONTIG_LOCK_OUTPUT;
	struct contig_areas gap;
	int ret = 0;

	contig_areas_init(added);
	if (!target->buffer)
		ret = contig_client_watch(client);
	while (!ret && first <= target->last &&
	       contig_areas_gap(target->areas, first, target->last, &start,
				&end)) {
		contig_areas_init(&gap);
		if (target->buffer)
			ret = contig_pin_buffer(target->buffer, start, end,
						&gap);
		else
			ret = contig_pin_range(client->space->watch, start,
					       end, output, true, &gap);
		contig_areas_take(added, &gap);
		first = end + 1;
	}
	if (!ret && client->device)
		ret = contig_lock_map(client, flags, added);
	if (ret)
		contig_areas_release(added);
	return ret;
}

/* May what is locked already of a range be locked once more? */
static int contig_lock_again(const struct contig_target *target, u32 flags)
{
	bool output = flags & CONTIG_LOCK_OUTPUT;
	struct contig_area *area;
	int ret;

	contig_for_each_area(area, target->areas, target->first, target->last) {
		unsigned long first = max(area->it.start, target->first);
		unsigned long last = min(area->it.last, target->last);

		if (area->count == UINT_MAX)
			return -EOVERFLOW;
		ret = contig_area_check(area, first, last);
		/* A device would have to be told another address. */
		if (!ret && !output && area->pin->map &&
		    area->pin->map->direction == DMA_TO_DEVICE)
			ret = -EACCES;
		if (!ret && area->pin->map && area->pin->map->bounced &&
		    !(flags & CONTIG_IO_BOUNCE))
			ret = -EADDRNOTAVAIL;
		if (!ret && !output && !area->write)
			ret = contig_area_check_write(area, first, last);
		if (ret)
			return ret;
		cond_resched();
	}
	return 0;
}

/* Count one more lock on every page; cannot fail. */
static void contig_lock_commit(struct contig_client *client,
			       const struct contig_target *target,
			       struct contig_areas *added,
			       struct contig_spares *spares)
{
	struct contig_area *area;

	contig_areas_cut(target->areas, target->first, target->last, spares);
	contig_for_each_area(area, target->areas, target->first, target->last)
		area->count++;
	contig_for_each_area(area, added, target->first, target->last)
		atomic_long_add(contig_area_npages(area), &client->locked);
	contig_areas_take(target->areas, added);
}

/* Count one lock less on every page; areas must have been cut at the ends. */
static void contig_unlock_commit(struct contig_client *client,
				 const struct contig_target *target)
{
	struct contig_area *area, *next;

	area = contig_areas_first(target->areas, target->first, target->last);
	for (; area; area = next) {
		next = contig_areas_next(area, target->first, target->last);
		cond_resched();
		if (--area->count)
			continue;
		atomic_long_sub(contig_area_npages(area), &client->locked);
		contig_area_release(target->areas, area);
	}
	contig_areas_join(target->areas, target->first, target->last);
}

/* Check that locked pages are in the sequence that was asked for. */
static int contig_lock_sequence(const struct contig_target *target, u32 flags)
{
	if (flags & CONTIG_LOCK_CONTIGUOUS) {
		if (!contig_target_may_count(target))
			return -EPERM;
		if (contig_target_extents(target, false) != 1)
			return -EILSEQ;
	}
	if (flags & CONTIG_LOCK_DEVICE_CONTIGUOUS &&
	    contig_target_extents(target, true) != 1)
		return -EILSEQ;
	return 0;
}

/**
 * contig_lock_target() - count one more lock on every page of a range
 * @client: with its lock held
 * @target: the range
 * @flags: of &enum contig_range_flags; CONTIG_IO_BOUNCE if the client's device may
 *         use a copy
 *
 * All or nothing. May sleep.
 *
 * Return: 0 or -errno as uapi/linux/contig.h has it for CONTIG_LOCK.
 */
int contig_lock_target(struct contig_client *client,
		       const struct contig_target *target, u32 flags)
{
	bool output = flags & CONTIG_LOCK_OUTPUT;
	struct contig_spares spares;
	struct contig_areas added;
	struct contig_area *area;
	int ret = 0;

	if (client->device)
		ret = contig_dma_device_check(client->device);
	else if (flags & CONTIG_LOCK_DEVICE_CONTIGUOUS)
		ret = -EUNATCH;
	if (!ret)
		ret = contig_lock_again(target, flags);
	if (ret)
		return ret;
	ret = contig_spares_alloc(&spares);
	if (ret)
		return ret;
	ret = contig_lock_gaps(client, target, flags, &added);
	if (ret)
		goto out;
	contig_lock_commit(client, target, &added, &spares);
	ret = contig_lock_sequence(target, flags);
	if (ret) {
		/* The areas are cut where they have to be: this cannot fail. */
		contig_unlock_commit(client, target);
	} else {
		contig_for_each_area(area, target->areas, target->first,
				     target->last)
			area->write |= !output;
		contig_areas_join(target->areas, target->first, target->last);
	}
out:
	contig_spares_free(&spares);
	return ret;
}

int contig_lock_ioctl(struct contig_ucmd *ucmd)
{
	const u32 known = CONTIG_RANGE_BUFFER | CONTIG_LOCK_OUTPUT |
			  CONTIG_LOCK_CONTIGUOUS | CONTIG_LOCK_DEVICE_CONTIGUOUS;
	struct contig_client *client = ucmd->client;
	struct contig_lock *cmd = ucmd->cmd;
	struct contig_target target;
	int ret;

	if (cmd->flags & ~known || cmd->reserved)
		return -EOPNOTSUPP;
	if (mutex_lock_killable(&client->lock))
		return -EINTR;
	ret = contig_target_init(client, cmd->flags, cmd->addr, cmd->length,
				 cmd->fd, true, &target);
	if (!ret)
		ret = contig_lock_target(client, &target, cmd->flags);
	contig_target_done(client, &target);
	mutex_unlock(&client->lock);

	contig_stats_count(ret ? CONTIG_EVENT_LOCK_FAILED : CONTIG_EVENT_LOCK);
	trace_contig_lock(cmd->addr, cmd->length, cmd->flags, ret);
	return ret;
}

/**
 * contig_unlock_target() - count one lock less on every page of a range
 * @client: with its lock held
 * @target: the range
 *
 * All or nothing. May sleep.
 *
 * Return: 0 or -ENOLCK.
 */
int contig_unlock_target(struct contig_client *client,
			 const struct contig_target *target)
{
	struct contig_spares spares;

	if (!target->areas ||
	    !contig_areas_cover(target->areas, target->first, target->last))
		return -ENOLCK;
	/* Who is done with memory cannot help it if there is none. */
	contig_spares_alloc_nofail(&spares);
	contig_areas_cut(target->areas, target->first, target->last, &spares);
	contig_unlock_commit(client, target);
	contig_spares_free(&spares);
	return 0;
}

int contig_unlock_ioctl(struct contig_ucmd *ucmd)
{
	struct contig_client *client = ucmd->client;
	struct contig_unlock *cmd = ucmd->cmd;
	struct contig_target target;
	int ret;

	if (cmd->flags & ~CONTIG_RANGE_BUFFER || cmd->reserved)
		return -EOPNOTSUPP;
	if (mutex_lock_killable(&client->lock))
		return -EINTR;
	ret = contig_target_init(client, cmd->flags, cmd->addr, cmd->length,
				 cmd->fd, false, &target);
	if (!ret)
		ret = contig_unlock_target(client, &target);
	contig_target_done(client, &target);
	mutex_unlock(&client->lock);

	if (!ret)
		contig_stats_count(CONTIG_EVENT_UNLOCK);
	trace_contig_unlock(cmd->addr, cmd->length, cmd->flags, ret);
	return ret;
}

// SPDX-License-Identifier: GPL-2.0-only
/*
 * CONTIG_LOCK and CONTIG_UNLOCK: lock counts per page
 */
#include <linux/dma-buf.h>
#include <linux/fs.h>
#include <linux/mm.h>

#include <uapi/linux/contig.h>

#include "areas.h"
#include "client.h"
#include "dma_device.h"
#include "dma_map.h"
#include "foreign.h"
#include "gather.h"
#include "lock.h"
#include "pin.h"
#include "stale.h"
#include "stats.h"
#include "target.h"
#include "trace.h"
#include "ucmd.h"

/* Map the pins in @added for the client's device; if that fails, release them. */
static int contig_lock_map(struct contig_client *client, u32 flags,
			   struct contig_areas *added)
{
	struct contig_area *area;
	u32 map_flags = 0;
	int ret = 0;

	if (!client->device)
		return 0;
	if (flags & CONTIG_LOCK_OUTPUT)
		map_flags |= CONTIG_DMA_OUTPUT;
	if (flags & CONTIG_IO_BOUNCE)
		map_flags |= CONTIG_DMA_BOUNCE;
	contig_for_each_area(area, added, 0, ULONG_MAX) {
		/* contig_pin_foreign() has mapped it. */
		if (area->pin->foreign)
			continue;
		ret = contig_pin_map(area->pin, client->device, map_flags,
				     client->user);
		if (ret)
			break;
		cond_resched();
	}
	if (ret)
		contig_pin_release_areas(added);
	return ret;
}

/*
 * Return true if no locked page is in a range or beside it. Then there is nothing
 * to cut or to merge, as for most transfers.
 */
static bool contig_lock_is_apart(const struct contig_target *target)
{
	unsigned long first = target->first - (target->first > 0);
	unsigned long last = target->last + (target->last < ULONG_MAX);

	return !contig_areas_first(target->areas, first, last);
}

/* Pin pages that are not locked yet. All or nothing. */
static int contig_lock_gap(struct contig_client *client,
			   const struct contig_target *target, u32 flags,
			   unsigned long first, unsigned long last,
			   struct contig_areas *gap)
{
	bool output = flags & CONTIG_LOCK_OUTPUT;
	u32 pin_flags = CONTIG_PIN_CHARGE | (output ? CONTIG_PIN_OUTPUT : 0);

	contig_areas_init(gap);
	if (target->buffer)
		return contig_pin_buffer(target->buffer, first, last, gap);
	if (target->dmabuf)
		return contig_pin_foreign(client, target, first, last, output,
					  gap);
	return contig_client_watch(client) ?:
	       contig_pin_range(client->space->watch, first, last, pin_flags,
				gap);
}

/* Pin all pages of a range that are not locked yet. All or nothing. */
static int contig_lock_gaps(struct contig_client *client,
			    const struct contig_target *target, u32 flags,
			    struct contig_areas *added)
{
	unsigned long first = target->first, start, end;
	struct contig_areas gap;
	int ret = 0;

	contig_areas_init(added);
	while (!ret && first <= target->last &&
	       contig_areas_gap(target->areas, first, target->last, &start,
				&end)) {
		ret = contig_lock_gap(client, target, flags, start, end, &gap);
		contig_areas_take(added, &gap);
		first = end + 1;
	}
	if (ret)
		contig_pin_release_areas(added);
	return ret;
}

/* Return 0 if all locked pages of a range can be locked again, else -errno. */
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
		if (ret)
			return ret;
		/* To map it for input would change its DMA addresses. */
		if (!output && area->pin->map &&
		    area->pin->map->direction == DMA_TO_DEVICE)
			return -EACCES;
		if (area->pin->map && area->pin->map->bounced &&
		    !(flags & CONTIG_IO_BOUNCE))
			return -EADDRNOTAVAIL;
		if (!output && !area->write) {
			ret = contig_area_check_write(area, first, last);
			if (ret)
				return ret;
		}
		cond_resched();
	}
	return 0;
}

/* Add one to the count of every page that is locked; cannot fail. */
static void contig_lock_count(const struct contig_target *target,
			      struct contig_spares *spares)
{
	struct contig_area *area;

	contig_areas_cut(target->areas, target->first, target->last, spares);
	contig_for_each_area(area, target->areas, target->first, target->last)
		area->count++;
}

/* Take over areas of pages that were not locked; cannot fail. */
static void contig_lock_add(struct contig_client *client,
			    const struct contig_target *target,
			    struct contig_areas *added)
{
	struct contig_area *area;

	contig_for_each_area(area, added, target->first, target->last)
		atomic_long_add(contig_area_npages(area), &client->locked);
	contig_areas_take(target->areas, added);
}

static void contig_unlock_area(struct contig_client *client,
			       const struct contig_target *target,
			       struct contig_area *area)
{
	atomic_long_sub(contig_area_npages(area), &client->locked);
	contig_pin_release_area(target->areas, area);
}

/* Subtract one from the count of every page. Areas must be cut at the ends. */
static void contig_unlock_commit(struct contig_client *client,
				 const struct contig_target *target)
{
	struct contig_area *area, *next;

	area = contig_areas_first(target->areas, target->first, target->last);
	for (; area; area = next) {
		next = contig_areas_next(area, target->first, target->last);
		cond_resched();
		if (!--area->count)
			contig_unlock_area(client, target, area);
	}
	contig_areas_join(target->areas, target->first, target->last);
}

/* Check that locked pages are contiguous where @flags demand it. */
static int contig_lock_sequence(const struct contig_target *target, u32 flags)
{
	int ret;

	if (flags & CONTIG_LOCK_CONTIGUOUS) {
		if (!contig_target_may_count(target))
			return -EPERM;
		ret = contig_target_physical(target);
		if (ret)
			return ret;
		if (contig_target_extents(target, CONTIG_SIDE_CPU) != 1)
			return -EILSEQ;
	}
	if (flags & CONTIG_LOCK_DEVICE_CONTIGUOUS &&
	    contig_target_extents(target, CONTIG_SIDE_DEVICE) != 1)
		return -EILSEQ;
	return 0;
}

/* contig_lock_target() for a range that is apart from all locked pages. */
static int contig_lock_apart(struct contig_client *client,
			     const struct contig_target *target, u32 flags)
{
	struct contig_areas added;
	int ret;

	ret = contig_lock_gap(client, target, flags, target->first,
			      target->last, &added) ?:
	      contig_lock_map(client, flags, &added);
	if (ret)
		return ret;
	contig_lock_add(client, target, &added);
	ret = contig_lock_sequence(target, flags);
	if (ret)
		contig_unlock_commit(client, target);
	return ret;
}

/* contig_lock_target() for a range of which pages, or neighbours, are locked. */
static int contig_lock_among(struct contig_client *client,
			     const struct contig_target *target, u32 flags)
{
	bool output = flags & CONTIG_LOCK_OUTPUT;
	struct contig_spares spares;
	struct contig_areas added;
	struct contig_area *area;
	int ret;

	ret = contig_lock_again(target, flags);
	if (ret)
		return ret;
	ret = contig_spares_need(target->areas, target->first, target->last,
				 &spares);
	if (ret)
		return ret;
	ret = contig_lock_gaps(client, target, flags, &added) ?:
	      contig_lock_map(client, flags, &added);
	if (ret)
		goto out;
	contig_lock_count(target, &spares);
	contig_lock_add(client, target, &added);
	ret = contig_lock_sequence(target, flags);
	if (ret) {
		/* Cannot fail: contig_lock_count() has cut the areas. */
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

/**
 * contig_lock_target() - add one to the lock count of every page of a range
 * @client: with its lock held
 * @target: the range
 * @flags: of &enum contig_range_flags; CONTIG_IO_BOUNCE if the client's device
 *         may use a copy
 *
 * All or nothing. May sleep.
 *
 * Return: 0 or -errno as uapi/linux/contig.h documents it for CONTIG_LOCK.
 */
int contig_lock_target(struct contig_client *client,
		       const struct contig_target *target, u32 flags)
{
	bool output = flags & CONTIG_LOCK_OUTPUT;
	int ret;

	if (!client->device && flags & CONTIG_LOCK_DEVICE_CONTIGUOUS)
		return -EUNATCH;
	if (client->device) {
		ret = contig_dma_device_check(client->device);
		if (ret)
			return ret;
	}
	if (target->dmabuf) {
		ret = contig_foreign_check(client, target);
		if (ret)
			return ret;
		/* The device may do no more than the descriptor allows. */
		if (!(target->dmabuf->file->f_mode &
		      (output ? FMODE_READ : FMODE_WRITE)))
			return -EACCES;
	}
	return contig_lock_is_apart(target) ?
	       contig_lock_apart(client, target, flags) :
	       contig_lock_among(client, target, flags);
}

static int contig_lock_range(struct contig_client *client,
			     const struct contig_target *target, void *data)
{
	const struct contig_lock *cmd = data;

	return contig_lock_target(client, target, cmd->flags);
}

int contig_lock_ioctl(struct contig_ucmd *ucmd)
{
	const u32 known = CONTIG_RANGE_BUFFER | CONTIG_LOCK_OUTPUT |
			  CONTIG_LOCK_CONTIGUOUS | CONTIG_LOCK_DEVICE_CONTIGUOUS;
	struct contig_lock *cmd = ucmd->cmd;
	const struct contig_range range = {
		.flags = cmd->flags,
		.fd = cmd->fd,
		.addr = cmd->addr,
		.length = cmd->length,
	};
	int ret;

	if (cmd->flags & ~known || cmd->reserved)
		return -EOPNOTSUPP;
	/* What cannot be moved will turn out not to be contiguous. */
	if (cmd->flags & CONTIG_LOCK_CONTIGUOUS &&
	    contig_gather_range(ucmd->client, &range) == -EINTR)
		return -EINTR;
	ret = contig_target_do(ucmd->client, &range, true, contig_lock_range,
			       cmd);
	contig_stats_count(ret ? CONTIG_EVENT_LOCK_FAILED : CONTIG_EVENT_LOCK);
	trace_contig_lock(cmd->addr, cmd->length, cmd->flags, ret);
	return ret;
}

/**
 * contig_unlock_target() - subtract one from the lock count of every page
 * @client: with its lock held
 * @target: the range
 *
 * All or nothing. May sleep.
 *
 * Return: 0, -ENOLCK, or -ENOMEM: see contig_spares_insist().
 */
int contig_unlock_target(struct contig_client *client,
			 const struct contig_target *target)
{
	struct contig_spares spares;
	struct contig_area *area;
	int ret;

	if (!target->areas)
		return -ENOLCK;
	area = contig_areas_first(target->areas, target->first, target->last);
	if (!area)
		return -ENOLCK;
	/* What was locked in one go, as most transfers are, and nothing else. */
	if (area->it.start == target->first && area->it.last == target->last &&
	    area->count == 1) {
		contig_unlock_area(client, target, area);
		return 0;
	}
	if (!contig_areas_cover(target->areas, target->first, target->last))
		return -ENOLCK;
	ret = contig_spares_insist(target->areas, target->first, target->last,
				   &spares);
	if (ret)
		return ret;
	contig_areas_cut(target->areas, target->first, target->last, &spares);
	contig_unlock_commit(client, target);
	contig_spares_free(&spares);
	return 0;
}

static int contig_unlock_range(struct contig_client *client,
			       const struct contig_target *target, void *unused)
{
	return contig_unlock_target(client, target);
}

int contig_unlock_ioctl(struct contig_ucmd *ucmd)
{
	struct contig_unlock *cmd = ucmd->cmd;
	const struct contig_range range = {
		.flags = cmd->flags,
		.fd = cmd->fd,
		.addr = cmd->addr,
		.length = cmd->length,
	};
	int ret;

	if (cmd->flags & ~CONTIG_RANGE_BUFFER || cmd->reserved)
		return -EOPNOTSUPP;
	ret = contig_target_do(ucmd->client, &range, false, contig_unlock_range,
			       NULL);
	if (!ret)
		contig_stats_count(CONTIG_EVENT_UNLOCK);
	trace_contig_unlock(cmd->addr, cmd->length, cmd->flags, ret);
	return ret;
}

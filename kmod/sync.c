// SPDX-License-Identifier: GPL-2.0-only
/*
 * CONTIG_SYNC: hands locked memory from the CPU to the device and back
 */
#include <linux/dma-direction.h>
#include <linux/minmax.h>
#include <linux/mm.h>

#include <uapi/linux/contig.h>

#include "areas.h"
#include "client.h"
#include "dma_map.h"
#include "extents.h"
#include "foreign.h"
#include "pages.h"
#include "pin.h"
#include "poison.h"
#include "sync.h"
#include "target.h"
#include "ucmd.h"

/*
 * Return true if one of these pages has failed. To copy such a page, or to
 * write back its cache lines, can crash the kernel.
 */
static bool contig_area_failed(const struct contig_area *area,
			       unsigned long first, unsigned long last)
{
	const struct contig_pin *pin = area->pin;
	struct contig_cursor cursor;
	unsigned long end, pfn, n;

	if (!contig_poison_ever())
		return false;
	contig_cursor_init(&cursor, contig_pin_extents(pin),
			   contig_area_offset(area, first, CONTIG_SIDE_CPU));
	end = contig_area_offset(area, last, CONTIG_SIDE_CPU) + 1;
	while ((n = contig_cursor_next(&cursor, end, &pfn)))
		if (contig_pages_first_failed(pfn, n) < n)
			return true;
	return false;
}

/**
 * contig_target_sync() - hand memory to the client's device or to the CPU
 * @target: a range for the client's device
 * @for_device: the device accesses it next, not the CPU
 * @direction: direction in which the device moves data
 *
 * The data of a device is in the locked pages, or in a copy of them, even if
 * the process has unmapped the pages or cannot read them. So the pages are
 * synced first, and their mapping is checked afterwards. May sleep.
 *
 * Return: 0; -ENOLCK if the range is not locked as a whole; -ENODEV if the
 * device is gone; -EHWPOISON if pages have failed: all is synced but the areas
 * that contain them; -ESTALE if all is synced, but the process has other pages
 * there.
 */
int contig_target_sync(const struct contig_target *target, bool for_device,
		       enum dma_data_direction direction)
{
	u64 at, n, left = target->length;
	int ret = contig_target_locked(target), failed = 0;
	struct contig_area *area;

	if (ret)
		return ret;
	/* All areas of a foreign dma-buf have the same pin. */
	area = contig_areas_first(target->areas, target->first, target->last);
	if (area->pin->foreign)
		return contig_foreign_sync(area->pin->foreign, for_device);
	contig_for_each_area(area, target->areas, target->first, target->last) {
		unsigned long first = max(area->it.start, target->first);
		unsigned long last = min(area->it.last, target->last);

		at = contig_area_offset(area, first, CONTIG_SIDE_DEVICE);
		at <<= PAGE_SHIFT;
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
	ret = failed ?: contig_target_check(target, CONTIG_SIDE_DEVICE);
	/* All is synced, even if the check was not possible. */
	return ret == -ENOMEM || ret == -EINTR ? 0 : ret;
}

static int contig_sync_range(struct contig_client *client,
			     const struct contig_target *target, void *data)
{
	const struct contig_sync *cmd = data;

	if (!client->device)
		return -EUNATCH;
	return contig_target_sync(target, cmd->flags & CONTIG_IO_FOR_DEVICE,
				  contig_io_direction(cmd->flags));
}

int contig_sync_ioctl(struct contig_ucmd *ucmd)
{
	const u32 ways = CONTIG_IO_INPUT | CONTIG_IO_OUTPUT;
	const u32 whose = CONTIG_IO_FOR_CPU | CONTIG_IO_FOR_DEVICE;
	struct contig_sync *cmd = ucmd->cmd;
	const struct contig_range range = {
		.flags = cmd->flags,
		.fd = cmd->fd,
		.addr = cmd->addr,
		.length = cmd->length,
	};

	if (cmd->flags & ~(ways | whose | CONTIG_RANGE_BUFFER) || cmd->reserved)
		return -EOPNOTSUPP;
	if (!(cmd->flags & ways) || !(cmd->flags & whose) ||
	    (cmd->flags & whose) == whose)
		return -EINVAL;
	return contig_target_do(ucmd->client, &range, false, contig_sync_range,
				cmd);
}

// SPDX-License-Identifier: GPL-2.0-only
/*
 * Another module of the kernel as a client: where locked memory lies
 */
#include <linux/export.h>
#include <linux/mm.h>
#include <linux/pfn.h>
#include <linux/sched.h>

#include "extents.h"
#include "kernel_client.h"

/* Add a run of memory. Return: whether it was taken. */
static bool contig_physical_add(struct contig_kernel_physical *table, u32 room,
				u64 addr, u64 length)
{
	struct contig_extent *last;

	if (table->count) {
		last = &table->extents[table->count - 1];
		if (last->addr + last->length == addr) {
			last->length += length;
			goto taken;
		}
	}
	if (table->count == room)
		return false;
	table->extents[table->count++] = (struct contig_extent){ addr, length };
taken:
	table->addr += length;
	table->length -= length;
	return true;
}

/* Add @n pages from @page on of one keep. Return: whether all were taken. */
static bool contig_physical_keep(struct contig_kernel_physical *table, u32 room,
				 const struct contig_keep *keep,
				 unsigned long page, unsigned long n)
{
	bool dma = table->flags & CONTIG_GET_DMA;
	unsigned long from = contig_keep_offset(keep, page, dma), run, pfn;
	struct contig_cursor cursor;
	u64 skip;

	contig_cursor_init(&cursor, contig_keep_extents(keep, dma), from);
	while ((run = contig_cursor_next(&cursor, from + n, &pfn))) {
		/* Not 0 in the first page only. */
		skip = table->addr & ~PAGE_MASK;
		if (!contig_physical_add(table, room, PFN_PHYS((u64)pfn) + skip,
					 min(((u64)run << PAGE_SHIFT) - skip,
					     table->length)))
			return false;
	}
	return true;
}

/* Fill a table from the beginning of a range, which is locked and in place. */
static void contig_physical_fill(struct contig_keeps *keeps,
				 const struct contig_part *part,
				 struct contig_kernel_physical *table)
{
	u32 room = table->count;
	struct contig_walk walk;

	table->count = 0;
	contig_for_each_run(keeps, part, &walk)
		if (!contig_physical_keep(table, room, walk.keep, walk.page,
					  walk.n))
			return;
}

static int contig_kernel_translate(struct contig_kernel_client *client,
				   const struct contig_part *part,
				   struct contig_kernel_physical *table)
{
	bool dma = table->flags & CONTIG_GET_DMA;
	struct contig_keeps *keeps = &client->keeps;
	unsigned long irq;
	int ret;

	raw_spin_lock_irqsave(&keeps->lock, irq);
	ret = contig_keeps_in_place(keeps, part, dma);
	if (!ret && table->count)
		contig_physical_fill(keeps, part, table);
	else if (!ret)
		table->count = contig_keeps_extents(keeps, part, dma);
	raw_spin_unlock_irqrestore(&keeps->lock, irq);
	return ret;
}

/**
 * contig_kernel_get_physical() - where does locked memory lie?
 * @client: the client
 * @table: what to translate, and into what
 *
 * Runs are as long as can be, and exact to the byte: the first begins where the range
 * does. If there are more than fit, the rest can be had by another call. With a
 * count of 0 it only says how many there are.
 *
 * Context: any but NMI. In task context it sleeps if the mapping has changed, to find
 * out whether that matters. Interrupts are off for some nanoseconds a page and an
 * entry: see Documentation/kernel.md.
 *
 * Semantics: GetPhysical (Inside Macintosh: Memory, page 166, and "Using the Virtual
 * Memory Manager").
 *
 * Return: 0; -ENOLCK if a page is not locked (classic notLockedErr); -ESTALE if one
 * was unmapped or replaced since it was locked, or, where nobody may sleep or by
 * another process, could have been; -EUNATCH if the client has no device, -ENODEV if
 * it went, and these only with CONTIG_GET_DMA; -EINVAL, -EOVERFLOW, -E2BIG, -EOPNOTSUPP;
 * -ENOMEM, -EINTR if it could not be found out. After an error nothing is changed.
 */
int contig_kernel_get_physical(struct contig_kernel_client *client,
			       struct contig_kernel_physical *table)
{
	struct contig_span span = { table->addr, table->length };
	struct contig_part part;
	int ret, looks = 0;

	if (table->flags & ~(CONTIG_GET_DMA | CONTIG_KERNEL_NOSLEEP))
		return -EOPNOTSUPP;
	if (table->flags & CONTIG_GET_DMA && !client->device)
		return -EUNATCH;
	ret = contig_kernel_whole(&span, &part);
	if (!ret)
		ret = contig_kernel_translate(client, &part, table);
	while (ret == -ESTALE && looks++ < CONTIG_KERNEL_LOOKS &&
	       contig_kernel_may_sleep(table->flags) &&
	       current->mm == READ_ONCE(client->mm)) {
		if (mutex_lock_killable(&client->mutex))
			return -EINTR;
		ret = contig_keeps_look(&client->keeps, &part);
		mutex_unlock(&client->mutex);
		contig_kernel_release(client);
		if (!ret)
			ret = contig_kernel_translate(client, &part, table);
	}
	return ret;
}
EXPORT_SYMBOL_GPL(contig_kernel_get_physical);

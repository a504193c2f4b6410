// SPDX-License-Identifier: GPL-2.0-only
/*
 * Other kernel modules as clients: translation of locked memory
 */
#include <linux/export.h>
#include <linux/mm.h>
#include <linux/sched.h>

#include "extents.h"
#include "kernel_client.h"

/* Add an extent to the table. Return false if the table is full. */
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

/* Add @n pages of a umem from @page on. Return false if the table is full. */
static bool contig_physical_umem(struct contig_kernel_physical *table, u32 room,
				 const struct contig_umem *umem,
				 unsigned long page, unsigned long n)
{
	bool dma = table->flags & CONTIG_GET_DMA;
	unsigned long from = contig_umem_offset(umem, page, dma), run, pfn;
	struct contig_cursor cursor;
	u64 skip;

	contig_cursor_init(&cursor, contig_umem_extents(umem, dma), from);
	while ((run = contig_cursor_next(&cursor, from + n, &pfn))) {
		/* Not 0 in the first page only. */
		skip = table->addr & ~PAGE_MASK;
		if (!contig_physical_add(table, room, ((u64)pfn << PAGE_SHIFT) + skip,
					 min(((u64)run << PAGE_SHIFT) - skip,
					     table->length)))
			return false;
	}
	return true;
}

/* Fill a table from the start of a range, which is locked and in place. */
static void contig_physical_fill(struct contig_umems *umems,
				 const struct contig_part *part,
				 struct contig_kernel_physical *table)
{
	u32 room = table->count;
	struct contig_walk walk;

	table->count = 0;
	contig_for_each_run(umems, part, &walk)
		if (!contig_physical_umem(table, room, walk.umem, walk.page,
					  walk.n))
			return;
}

static int contig_kernel_translate(struct contig_kernel_client *client,
				   const struct contig_part *part,
				   struct contig_kernel_physical *table)
{
	bool dma = table->flags & CONTIG_GET_DMA;
	struct contig_umems *umems = &client->umems;
	int ret;

	scoped_guard(raw_spinlock_irqsave, &umems->lock) {
		ret = contig_umems_in_place(umems, part, dma);
		if (ret)
			return ret;
		if (table->count)
			contig_physical_fill(umems, part, table);
		else
			table->count = contig_umems_extents(umems, part, dma);
	}
	return 0;
}

/**
 * contig_kernel_get_physical() - get the addresses of locked memory
 * @client: the client
 * @table: the range, the kind of addresses, and the table to fill
 *
 * Extents are maximal, and exact to the byte: the first begins where the range
 * does. If there are more than fit, another call returns the rest. With a count
 * of 0 it only returns the number of extents.
 *
 * Context: any but NMI. In task context it sleeps if the mapping has changed,
 * to verify the pages. Interrupts are off for some nanoseconds for each page
 * and entry: see Documentation/kernel.md.
 *
 * Semantics: GetPhysical (Inside Macintosh: Memory, page 166, and "Using the
 * Virtual Memory Manager").
 *
 * Return: 0; -ENOLCK if a page is not locked (classic notLockedErr); -ESTALE if
 * a page was unmapped or replaced since it was locked, or might have been and
 * the caller must not sleep or is another process; with CONTIG_GET_DMA -EUNATCH
 * if the client has no device and -ENODEV if the device left; -EINVAL,
 * -EOVERFLOW, -E2BIG, -EOPNOTSUPP; -ENOMEM or -EINTR if pages could not be
 * verified. After an error nothing is changed.
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
	if (ret)
		return ret;
	ret = contig_kernel_translate(client, &part, table);
	while (ret == -ESTALE && looks++ < CONTIG_KERNEL_LOOKS &&
	       contig_kernel_may_sleep(table->flags) &&
	       current->mm == READ_ONCE(client->mm)) {
		if (mutex_lock_killable(&client->mutex))
			return -EINTR;
		ret = contig_umems_revalidate(&client->umems, &part);
		mutex_unlock(&client->mutex);
		contig_kernel_release(client);
		if (ret)
			return ret;
		ret = contig_kernel_translate(client, &part, table);
	}
	return ret;
}
EXPORT_SYMBOL_GPL(contig_kernel_get_physical);

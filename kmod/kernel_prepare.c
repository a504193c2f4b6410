// SPDX-License-Identifier: GPL-2.0-only
/*
 * Other kernel modules as clients: memory prepared for transfers, part by part.
 * Classic PrepareMemoryForIO and CheckpointIO.
 */
#include <linux/dma-map-ops.h>
#include <linux/dma-mapping.h>
#include <linux/export.h>
#include <linux/math.h>
#include <linux/math64.h>
#include <linux/mm.h>
#include <linux/rcupdate.h>

#include "dma_device.h"
#include "dma_map.h"
#include "extents.h"
#include "kernel_client.h"
#include "pin.h"

#define CONTIG_KERNEL_BOTH (CONTIG_KERNEL_INPUT | CONTIG_KERNEL_OUTPUT)

/* Number of pages whose addresses are looked up at a time, to sync them. */
#define CONTIG_SYNC_BATCH 16UL

/* Return the bytes that can be prepared by one call, and in these tables. */
static u64 contig_prepare_length(const struct contig_kernel_preparation *p,
				 u64 total)
{
	struct contig_part rest = {
		.ranges = p->ranges,
		.nr = p->nr,
		.first = p->first,
		.length = total - p->first,
	};
	unsigned long room = contig_kernel_most();
	u64 length = 0, over;
	struct contig_part_at at;

	if (p->dma || p->physical)
		room = min_t(unsigned long, room, p->entries);
	contig_for_each_range(&rest, &at) {
		if (at.last - at.first >= room) {
			if (room)
				length += ((u64)room << PAGE_SHIFT) -
					  (at.addr & ~PAGE_MASK);
			break;
		}
		length += at.length;
		room -= at.last - at.first + 1;
	}
	if (!p->granularity || length == rest.length)
		return length;
	if (p->granularity > length)
		return 0;
	div64_u64_rem(length, round_up(p->granularity, (u64)PAGE_SIZE), &over);
	return length - over;
}

/* Write the address of each page, exact for the first of each range. */
static void contig_prepare_fill(struct contig_umems *umems,
				struct contig_kernel_preparation *p)
{
	struct contig_walk walk;
	u64 head;

	contig_for_each_run(umems, &p->part, &walk) {
		/* A caller unlocked a page that it had not locked. */
		if (!walk.umem)
			return;
		head = walk.page == walk.at.first ? walk.at.addr & ~PAGE_MASK :
						    0;
		if (p->dma) {
			contig_umem_addrs(walk.umem, walk.page, walk.n, true,
					  p->dma + p->out_entries);
			p->dma[p->out_entries] += head;
		}
		if (p->physical) {
			contig_umem_addrs(walk.umem, walk.page, walk.n, false,
					  p->physical + p->out_entries);
			p->physical[p->out_entries] += head;
		}
		p->out_entries += walk.n;
	}
}

/**
 * struct contig_sync_batch - pages of one umem to be synced
 * @umem: the umem; NULL if the pages belong to none
 * @npages: number of pages, with a umem or without
 * @dma: DMA address of each page
 */
struct contig_sync_batch {
	struct contig_umem *umem;
	unsigned long npages;
	u64 dma[CONTIG_SYNC_BATCH];
};

static void contig_sync_batch_get(struct contig_umems *umems,
				  struct contig_sync_batch *batch,
				  unsigned long first, unsigned long last)
{
	struct contig_umem_run *hint = NULL;

	last = min(last, first + CONTIG_SYNC_BATCH - 1);
	batch->umem = contig_umems_run(umems, &hint, first, last,
				       &batch->npages);
	if (!batch->umem)
		return;
	contig_umem_get(batch->umem);
	contig_umem_addrs(batch->umem, first, batch->npages, true, batch->dma);
}

/* Sync the first bytes of a batch for the device or for the CPU. */
static void contig_sync_batch_do(const struct contig_sync_batch *batch,
				 u64 addr, u64 length,
				 enum dma_data_direction dir, bool for_device)
{
	struct contig_dma_map *map = batch->umem->pin->map;
	unsigned long i;
	dma_addr_t dma;
	u64 bytes;

	/* No cache holds it. */
	if (map->no_map) {
		/* Order prior writes as the DMA sync calls would. */
		mb();
		return;
	}
	/* contig_dma_device_revoke() waits for RCU readers. */
	rcu_read_lock();
	/* Page by page: adjacent DMA addresses may be of several maps. */
	for (i = 0; length; i++, addr += bytes, length -= bytes) {
		bytes = min(length, PAGE_SIZE - (addr & ~PAGE_MASK));
		dma = batch->dma[i] + (addr & ~PAGE_MASK);
		if (!READ_ONCE(map->mapped))
			break;
		if (for_device)
			dma_sync_single_for_device(map->device->dev, dma, bytes,
						   dir);
		else
			dma_sync_single_for_cpu(map->device->dev, dma, bytes,
						dir);
	}
	rcu_read_unlock();
}

/* Return the DMA direction for CONTIG_KERNEL_INPUT, _OUTPUT or both. */
static enum dma_data_direction contig_kernel_direction(u32 options)
{
	if (!(options & CONTIG_KERNEL_OUTPUT))
		return DMA_FROM_DEVICE;
	return options & CONTIG_KERNEL_INPUT ? DMA_BIDIRECTIONAL :
					       DMA_TO_DEVICE;
}

/*
 * Sync exactly the bytes of a part, because others may own the bytes beside it.
 * Called without contig_umems.lock: the DMA API may take locks that are not
 * raw.
 */
static void contig_prepare_sync(struct contig_kernel_client *client,
				const struct contig_part *part, u32 direction,
				bool for_device)
{
	enum dma_data_direction dir = contig_kernel_direction(direction);
	struct contig_umems *umems = &client->umems;
	struct contig_sync_batch batch;
	struct contig_part_at at;
	unsigned long irq;
	u64 bytes;

	if (!client->device || !direction ||
	    dev_is_dma_coherent(client->device->dev))
		return;
	contig_for_each_range(part, &at) {
		for (; at.length; at.addr += bytes, at.length -= bytes) {
			raw_spin_lock_irqsave(&umems->lock, irq);
			contig_sync_batch_get(umems, &batch,
					      at.addr >> PAGE_SHIFT, at.last);
			raw_spin_unlock_irqrestore(&umems->lock, irq);
			bytes = min(at.length,
				    ((u64)batch.npages << PAGE_SHIFT) -
				    (at.addr & ~PAGE_MASK));
			if (!batch.umem)
				continue;
			contig_sync_batch_do(&batch, at.addr, bytes, dir,
					     for_device);
			raw_spin_lock_irqsave(&umems->lock, irq);
			contig_umem_put(umems, batch.umem);
			raw_spin_unlock_irqrestore(&umems->lock, irq);
		}
	}
	/* If a caller unlocked the pages meanwhile, the umem is dead now. */
	contig_kernel_release(client);
}

/**
 * contig_kernel_prepare() - prepare memory for a transfer
 * @client: the client
 * @preparation: the ranges, the options, and the tables for addresses
 *
 * Locks the pages from byte @first on, and returns the address of each page.
 * There is one entry for each page, even if pages are adjacent, and each range
 * begins a new entry. The first entry of a range, or of the rest of it, is
 * exact; an entry ends with its page or its range. If the tables are too short,
 * or there are more pages than the parameter kernel_pages allows in one call,
 * only a part is prepared: then @out_done is false, and @out_length is the
 * length of the part. After its transfer, and after contig_kernel_checkpoint()
 * has ended this preparation, the caller adds @out_length to @first and
 * prepares the next part with the same structure.
 *
 * If the device does not snoop caches, they are synced so that it sees the
 * CPU's writes. Without a direction they are not; a checkpoint can do it.
 *
 * A page can be in several ranges and several preparations. Each counts as a
 * lock.
 *
 * Context: any but NMI for memory that is held or locked already. Else task,
 * and may sleep. Interrupts are off for some nanoseconds for each page, table
 * and range: see Documentation/kernel.md.
 *
 * Semantics: PrepareMemoryForIO (Designing PCI Cards and Drivers, page 14a on).
 * That interrupt level may call it for held memory is from Technical Q&A
 * "PrepareMemoryForIO and Execution Levels".
 *
 * Return: 0; -EBUSY if the structure is in use; -EMSGSIZE if the tables are too
 * short for any byte, or for the granularity; -EINVAL if there are no bytes to
 * prepare; -EUNATCH if DMA addresses are wanted and the client has no device;
 * else as contig_kernel_lock(). After an error nothing is prepared, and
 * @out_length is 0 unless it was -EBUSY.
 */
int contig_kernel_prepare(struct contig_kernel_client *client,
			  struct contig_kernel_preparation *preparation)
{
	struct contig_kernel_preparation *p = preparation;
	u32 direction = p->options & CONTIG_KERNEL_BOTH;
	u32 flags = p->options & CONTIG_KERNEL_NOSLEEP;
	struct contig_part part;
	unsigned long irq;
	u64 total;
	int ret;

	if (READ_ONCE(p->client))
		return -EBUSY;
	p->out_done = false;
	p->out_length = 0;
	p->out_entries = 0;
	if (p->options & ~(CONTIG_KERNEL_BOTH | CONTIG_KERNEL_NOSLEEP))
		return -EOPNOTSUPP;
	if (p->dma && !client->device)
		return -EUNATCH;
	ret = contig_kernel_ranges(p->ranges, p->nr, &total);
	if (ret)
		return ret;
	if (p->first >= total)
		return -EINVAL;
	part = (struct contig_part){
		.ranges = p->ranges,
		.nr = p->nr,
		.first = p->first,
		.length = contig_prepare_length(p, total),
	};
	if (!part.length)
		return -EMSGSIZE;
	if (direction == CONTIG_KERNEL_OUTPUT)
		flags |= CONTIG_LOCK_OUTPUT;
	ret = contig_kernel_add(client, &part, CONTIG_UMEM_LOCKS, flags);
	if (ret)
		return ret;

	p->part = part;
	p->direction = direction;
	raw_spin_lock_irqsave(&client->umems.lock, irq);
	p->client = client;
	list_add(&p->node, &client->preparations);
	WRITE_ONCE(client->prepared, client->prepared + 1);
	if (p->dma || p->physical)
		contig_prepare_fill(&client->umems, p);
	raw_spin_unlock_irqrestore(&client->umems.lock, irq);
	contig_prepare_sync(client, &p->part, direction, true);
	p->out_length = part.length;
	p->out_done = part.first + part.length == total;
	return 0;
}
EXPORT_SYMBOL_GPL(contig_kernel_prepare);

/* End a preparation. Return 0 or -ENOLCK. */
static int contig_prepare_end(struct contig_kernel_preparation *p)
{
	struct contig_kernel_client *client = p->client;
	struct contig_umems *umems = &client->umems;
	unsigned long irq;
	bool all;

	raw_spin_lock_irqsave(&umems->lock, irq);
	list_del(&p->node);
	WRITE_ONCE(client->prepared, client->prepared - 1);
	p->client = NULL;
	/* A caller may have unlocked some pages; unlock the others. */
	all = contig_umems_count(umems, &p->part, CONTIG_UMEM_LOCKS);
	contig_umems_remove(umems, &p->part, CONTIG_UMEM_LOCKS);
	raw_spin_unlock_irqrestore(&umems->lock, irq);
	contig_kernel_release(client);
	return all ? 0 : -ENOLCK;
}

/**
 * contig_kernel_checkpoint() - end a transfer
 * @preparation: the preparation for it
 * @options: CONTIG_KERNEL_MORE: another transfer follows, and the memory stays
 *           prepared, with the same addresses; together with the direction of
 *           that transfer, CONTIG_KERNEL_INPUT, CONTIG_KERNEL_OUTPUT, both or
 *           neither. 0: this was the last transfer, and the pages are unlocked
 *
 * If the device does not snoop caches, they are synced so that the CPU sees the
 * device's writes, and with CONTIG_KERNEL_MORE the device the CPU's. Must also
 * be called after a transfer that was aborted.
 *
 * Context: any but NMI. Never sleeps.
 *
 * Semantics: CheckpointIO (Designing PCI Cards and Drivers, page 157), which
 * was not for hardware interrupts.
 *
 * Return: 0; -EINVAL if nothing is prepared, or @options has a direction
 * without CONTIG_KERNEL_MORE; -EACCES if the next transfer would write to
 * memory that was prepared for reading only; -EOPNOTSUPP. After these nothing
 * is changed. -ENOLCK if a prepared page was unlocked by other calls; the
 * preparation ends nevertheless.
 */
int contig_kernel_checkpoint(struct contig_kernel_preparation *preparation,
			     u32 options)
{
	struct contig_kernel_preparation *p = preparation;
	u32 direction = options & CONTIG_KERNEL_BOTH;

	if (options & ~(CONTIG_KERNEL_BOTH | CONTIG_KERNEL_MORE))
		return -EOPNOTSUPP;
	if (!READ_ONCE(p->client) ||
	    (direction && !(options & CONTIG_KERNEL_MORE)))
		return -EINVAL;
	if (direction & CONTIG_KERNEL_INPUT &&
	    (p->options & CONTIG_KERNEL_BOTH) == CONTIG_KERNEL_OUTPUT)
		return -EACCES;
	if (p->direction & CONTIG_KERNEL_INPUT)
		contig_prepare_sync(p->client, &p->part, p->direction, false);
	if (!(options & CONTIG_KERNEL_MORE))
		return contig_prepare_end(p);
	p->direction = direction;
	contig_prepare_sync(p->client, &p->part, direction, true);
	return 0;
}
EXPORT_SYMBOL_GPL(contig_kernel_checkpoint);

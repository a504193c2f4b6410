// SPDX-License-Identifier: GPL-2.0-only
/*
 * Measures for how long contig keeps interrupts off
 *
 * Each function is called with interrupts off, so that none interrupts it: its
 * run time is an upper bound for the time that it keeps them off by itself.
 */
#include <linux/err.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/timekeeping.h>

#include "internal.h"

/* The functions to measure, in an order in which each can succeed. */
static const enum irq_test_function turns[] = {
	IRQ_TEST_HOLD, IRQ_TEST_LOCK, IRQ_TEST_GET_PHYSICAL, IRQ_TEST_PREPARE,
	IRQ_TEST_CHECKPOINT, IRQ_TEST_UNLOCK, IRQ_TEST_UNHOLD,
};

/**
 * struct irq_test_tables - arguments and tables of the functions
 * @range: the memory
 * @preparation: a preparation of it
 * @extents: table of its extents
 * @npages: number of pages, and length of each table
 */
struct irq_test_tables {
	struct contig_span range;
	struct contig_kernel_preparation preparation;
	struct contig_extent *extents;
	unsigned int npages;
};

static int irq_test_turn(struct contig_kernel_client *client,
			 struct irq_test_tables *tables,
			 enum irq_test_function function)
{
	const struct contig_span *range = &tables->range;
	struct contig_kernel_physical table = {
		.addr = range->addr,
		.length = range->length,
		.extents = tables->extents,
		.count = tables->npages,
	};

	switch (function) {
	case IRQ_TEST_HOLD:
		return contig_kernel_hold(client, range->addr, range->length, 0);
	case IRQ_TEST_UNHOLD:
		return contig_kernel_unhold(client, range->addr, range->length);
	case IRQ_TEST_LOCK:
		return contig_kernel_lock(client, range->addr, range->length, 0);
	case IRQ_TEST_UNLOCK:
		return contig_kernel_unlock(client, range->addr, range->length);
	case IRQ_TEST_GET_PHYSICAL:
		return contig_kernel_get_physical(client, &table);
	case IRQ_TEST_PREPARE:
		return contig_kernel_prepare(client, &tables->preparation);
	case IRQ_TEST_CHECKPOINT:
		return contig_kernel_checkpoint(&tables->preparation, 0);
	default:
		return -EINVAL;
	}
}

static void irq_test_rounds(struct contig_kernel_client *client,
			    struct irq_test_tables *tables,
			    struct irq_test_measure *cmd)
{
	enum irq_test_function f;
	u32 round;
	u64 ns;
	int i;

	for (round = 0; round < cmd->rounds; round++) {
		for (i = 0; i < ARRAY_SIZE(turns); i++) {
			f = turns[i];
			local_irq_disable();
			ns = ktime_get_mono_fast_ns();
			cmd->result = irq_test_turn(client, tables, f);
			ns = ktime_get_mono_fast_ns() - ns;
			local_irq_enable();
			if (cmd->result) {
				cmd->failed = f;
				return;
			}
			cmd->longest_ns[f] = max(ns, cmd->longest_ns[f]);
			cmd->shortest_ns[f] = min(ns, cmd->shortest_ns[f]);
			cond_resched();
		}
	}
}

int irq_test_measure(struct irq_test_file *file, struct irq_test_measure *cmd)
{
	struct irq_test_tables tables = {
		.range = { cmd->addr, cmd->length },
		.npages = PAGE_ALIGN(cmd->length) >> PAGE_SHIFT,
	};
	struct contig_kernel_preparation *p = &tables.preparation;
	int ret = -ENOMEM;

	if (!cmd->length || cmd->length > IRQ_TEST_MEASURE_MAX)
		return -EINVAL;
	p->nr = 1;
	p->ranges = &tables.range;
	p->entries = tables.npages;
	memset(cmd->longest_ns, 0, sizeof(cmd->longest_ns));
	memset(cmd->shortest_ns, 0xff, sizeof(cmd->shortest_ns));
	cmd->result = 0;
	tables.extents = kvmalloc_array(tables.npages, sizeof(*tables.extents),
					GFP_KERNEL);
	p->physical = kvmalloc_array(tables.npages, sizeof(u64), GFP_KERNEL);
	p->dma = kvmalloc_array(tables.npages, sizeof(u64), GFP_KERNEL);
	if (tables.extents && p->physical && p->dma) {
		irq_test_rounds(file->client, &tables, cmd);
		ret = 0;
		/* A checkpoint after return would use memory that is freed. */
		if (p->client)
			contig_kernel_checkpoint(p, 0);
	}
	kvfree(p->dma);
	kvfree(p->physical);
	kvfree(tables.extents);
	return ret;
}

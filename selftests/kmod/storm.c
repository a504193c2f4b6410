// SPDX-License-Identifier: GPL-2.0-only
/*
 * Many calls of contig's interface for modules, in many interrupts
 */
#include <linux/ktime.h>
#include <linux/string.h>

#include "internal.h"

/* Rounds of a storm in one interrupt. */
#define IRQ_TEST_BATCH 16

struct irq_test_storm_arg {
	struct irq_test_file *file;
	struct irq_test_storm *cmd;
	struct irq_test_slot *slot;
};

static int irq_test_storm_call(struct irq_test_storm_arg *arg,
			       enum irq_test_function function)
{
	struct irq_test_storm *cmd = arg->cmd;
	struct irq_test_file *file = arg->file;
	struct contig_kernel_physical table = {
		.addr = cmd->addr,
		.length = cmd->length,
		.extents = file->extents,
		.count = IRQ_TEST_ENTRIES,
	};
	int ret;

	switch (function) {
	case IRQ_TEST_HOLD:
		return contig_kernel_hold(file->client, cmd->addr, cmd->length,
					  0);
	case IRQ_TEST_UNHOLD:
		return contig_kernel_unhold(file->client, cmd->addr,
					    cmd->length);
	case IRQ_TEST_LOCK:
		return contig_kernel_lock(file->client, cmd->addr, cmd->length,
					  0);
	case IRQ_TEST_UNLOCK:
		return contig_kernel_unlock(file->client, cmd->addr,
					    cmd->length);
	case IRQ_TEST_GET_PHYSICAL:
		ret = contig_kernel_get_physical(file->client, &table);
		return ret ?: table.length ? -EMSGSIZE : 0;
	case IRQ_TEST_PREPARE:
		ret = contig_kernel_prepare(file->client,
					    &arg->slot->preparation);
		return ret ?: arg->slot->preparation.out_done ? 0 : -EMSGSIZE;
	case IRQ_TEST_CHECKPOINT:
		return contig_kernel_checkpoint(&arg->slot->preparation, 0);
	case IRQ_TEST_DEFER:
		ret = contig_kernel_defer(file->client, irq_test_deferred,
					  &file->notes[0], 0);
		cmd->deferred += !ret;
		cmd->refused += ret == -EXFULL;
		return ret == -EXFULL ? 0 : ret;
	default:
		return -EINVAL;
	}
}

static bool irq_test_storm_step(void *data)
{
	/* The order puts each call where its counterpart allows it. */
	static const enum irq_test_function turns[] = {
		IRQ_TEST_HOLD, IRQ_TEST_LOCK, IRQ_TEST_GET_PHYSICAL,
		IRQ_TEST_PREPARE, IRQ_TEST_UNHOLD, IRQ_TEST_CHECKPOINT,
		IRQ_TEST_UNLOCK, IRQ_TEST_DEFER,
	};
	struct irq_test_storm_arg *arg = data;
	struct irq_test_storm *cmd = arg->cmd;
	unsigned int i, batch;
	u64 start, ns;
	int ret = 0;

	for (batch = 0; batch < IRQ_TEST_BATCH && cmd->rounds; batch++) {
		for (i = 0; i < ARRAY_SIZE(turns); i++) {
			start = ktime_get_mono_fast_ns();
			ret = irq_test_storm_call(arg, turns[i]);
			ns = ktime_get_mono_fast_ns() - start;
			cmd->calls++;
			cmd->total_ns += ns;
			cmd->slow += ns >= 100 * NSEC_PER_USEC;
			cmd->longest_ns[turns[i]] =
				max(ns, cmd->longest_ns[turns[i]]);
			if (ret == -EWOULDBLOCK && !i && cmd->not_held) {
				cmd->ended++;
				break;
			}
			if (ret) {
				cmd->result = ret;
				cmd->failed = turns[i];
				return false;
			}
		}
		cmd->rounds -= !ret;
	}
	return cmd->rounds;
}

int irq_test_storm(struct irq_test_file *file, struct irq_test_storm *cmd)
{
	struct irq_test_storm_arg arg = { file, cmd, &file->slots[0] };
	struct contig_kernel_preparation *p = &arg.slot->preparation;
	int ret;

	if (p->client)
		return -EBUSY;
	arg.slot->ranges[0] = (struct contig_span){ cmd->addr, cmd->length };
	*p = (struct contig_kernel_preparation){
		.options = CONTIG_KERNEL_INPUT | CONTIG_KERNEL_OUTPUT,
		.nr = 1,
		.ranges = arg.slot->ranges,
		.physical = arg.slot->physical,
		.entries = IRQ_TEST_ENTRIES,
	};
	cmd->result = 0;
	cmd->ended = 0;
	cmd->calls = 0;
	cmd->total_ns = 0;
	cmd->slow = 0;
	cmd->deferred = 0;
	cmd->refused = 0;
	memset(cmd->longest_ns, 0, sizeof(cmd->longest_ns));
	irq_test_forget_notes(file);
	ret = irq_test_at(file, cmd->level, irq_test_storm_step, &arg);
	cmd->ran = irq_test_wait_for_notes(file, cmd->deferred);
	return ret;
}

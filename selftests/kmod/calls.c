// SPDX-License-Identifier: GPL-2.0-only
/*
 * One call of contig's interface for modules, at any level of execution
 */
#include <linux/mutex.h>
#include <linux/string.h>

#include "internal.h"

struct irq_test_call_arg {
	struct irq_test_file *file;
	struct irq_test_call *cmd;
};

static int irq_test_get_physical(struct irq_test_file *file,
				 struct irq_test_call *cmd)
{
	struct contig_kernel_physical table = {
		.addr = cmd->addr,
		.length = cmd->length,
		.extents = cmd->extents,
		.count = cmd->count,
		.flags = cmd->flags | irq_test_flags(cmd->level),
	};
	int ret = contig_kernel_get_physical(file->client, &table);

	cmd->count = table.count;
	cmd->next_addr = table.addr;
	cmd->next_length = table.length;
	return ret;
}

static bool irq_test_call_step(void *data)
{
	struct irq_test_call_arg *arg = data;
	struct contig_kernel_client *client = arg->file->client;
	struct irq_test_call *cmd = arg->cmd;
	u32 flags = cmd->flags | irq_test_flags(cmd->level);

	switch (cmd->function) {
	case IRQ_TEST_HOLD:
		cmd->result = contig_kernel_hold(client, cmd->addr,
						 cmd->length, flags);
		break;
	case IRQ_TEST_UNHOLD:
		cmd->result = contig_kernel_unhold(client, cmd->addr,
						   cmd->length);
		break;
	case IRQ_TEST_LOCK:
		cmd->result = contig_kernel_lock(client, cmd->addr,
						 cmd->length, flags);
		break;
	case IRQ_TEST_UNLOCK:
		cmd->result = contig_kernel_unlock(client, cmd->addr,
						   cmd->length);
		break;
	case IRQ_TEST_GET_PHYSICAL:
		cmd->result = irq_test_get_physical(arg->file, cmd);
		break;
	default:
		cmd->result = -EINVAL;
	}
	return false;
}

int irq_test_call(struct irq_test_file *file, struct irq_test_call *cmd)
{
	struct irq_test_call_arg arg = { file, cmd };

	if (cmd->count > IRQ_TEST_ENTRIES)
		return -EINVAL;
	/* Without the mutex, so that tasks call while interrupts do. */
	if (cmd->level == IRQ_TEST_TASK) {
		irq_test_call_step(&arg);
		return 0;
	}
	guard(mutex)(&file->mutex);
	return irq_test_at(file, cmd->level, irq_test_call_step, &arg);
}

/*
 * A preparation or a checkpoint
 */
struct irq_test_prepare_arg {
	struct irq_test_file *file;
	struct irq_test_slot *slot;
	struct irq_test_prepare *cmd;
};

static bool irq_test_prepare_step(void *data)
{
	struct irq_test_prepare_arg *arg = data;
	struct irq_test_prepare *cmd = arg->cmd;
	struct contig_kernel_preparation *p = &arg->slot->preparation;

	if (cmd->checkpoint) {
		cmd->result = contig_kernel_checkpoint(p, cmd->options);
		return false;
	}
	cmd->result = contig_kernel_prepare(arg->file->client, p);
	cmd->out_done = p->out_done;
	cmd->out_length = p->out_length;
	cmd->out_entries = p->out_entries;
	return false;
}

int irq_test_prepare(struct irq_test_file *file,
		     struct irq_test_prepare *cmd)
{
	struct irq_test_prepare_arg arg = { .file = file, .cmd = cmd };
	struct contig_kernel_preparation *p;
	unsigned int i;
	int ret;

	if (cmd->slot >= IRQ_TEST_SLOTS || cmd->nr > IRQ_TEST_RANGES ||
	    cmd->entries > IRQ_TEST_ENTRIES)
		return -EINVAL;
	arg.slot = &file->slots[cmd->slot];
	p = &arg.slot->preparation;
	/* Contig uses the structure while it is prepared. */
	if (!cmd->checkpoint && !p->client) {
		for (i = 0; i < cmd->nr; i++) {
			arg.slot->ranges[i].addr = cmd->ranges[i].addr;
			arg.slot->ranges[i].length = cmd->ranges[i].length;
		}
		p->options = cmd->options | irq_test_flags(cmd->level);
		p->nr = cmd->nr;
		p->ranges = arg.slot->ranges;
		p->granularity = cmd->granularity;
		p->first = cmd->first;
		p->dma = cmd->want_dma ? arg.slot->dma : NULL;
		p->physical = cmd->want_physical ? arg.slot->physical : NULL;
		p->entries = cmd->entries;
	}
	ret = irq_test_at(file, cmd->level, irq_test_prepare_step, &arg);
	memcpy(cmd->dma, arg.slot->dma, sizeof(cmd->dma));
	memcpy(cmd->physical, arg.slot->physical, sizeof(cmd->physical));
	return ret;
}

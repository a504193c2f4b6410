// SPDX-License-Identifier: GPL-2.0-only
/*
 * Functions that are deferred, and when they ran
 */
#include <linux/jiffies.h>
#include <linux/kernel.h>
#include <linux/sched.h>
#include <linux/spinlock.h>

#include "internal.h"

void irq_test_deferred(void *data)
{
	struct irq_test_note *note = data;
	struct irq_test_file *file = note->file;
	unsigned long flags;

	raw_spin_lock_irqsave(&file->lock, flags);
	if (file->ran < IRQ_TEST_ENTRIES)
		file->order[file->ran] = note->number;
	file->ran++;
	raw_spin_unlock_irqrestore(&file->lock, flags);
	if (irq_test_may_sleep())
		file->could_sleep++;
	might_sleep();
}

void irq_test_forget_notes(struct irq_test_file *file)
{
	unsigned int i;

	file->ran = 0;
	file->could_sleep = 0;
	for (i = 0; i < IRQ_TEST_ENTRIES; i++)
		file->notes[i] = (struct irq_test_note){ file, i };
}

/* Wait up to ten seconds until @nr functions ran; return how many did. */
unsigned int irq_test_wait_for_notes(struct irq_test_file *file,
				     unsigned int nr)
{
	int tries;

	for (tries = 0; tries < 1000 && READ_ONCE(file->ran) < nr; tries++)
		schedule_timeout_uninterruptible(msecs_to_jiffies(10));
	/* Give a function time to run twice, which would be an error. */
	schedule_timeout_uninterruptible(msecs_to_jiffies(50));
	return READ_ONCE(file->ran);
}

struct irq_test_defer_arg {
	struct irq_test_file *file;
	struct irq_test_defer *cmd;
};

static bool irq_test_defer_step(void *data)
{
	struct irq_test_defer_arg *arg = data;
	struct irq_test_defer *cmd = arg->cmd;
	unsigned int i;

	for (i = 0; i < cmd->nr; i++) {
		cmd->result = contig_kernel_defer(arg->file->client,
						  cmd->null ? NULL :
						  irq_test_deferred,
						  &arg->file->notes[i],
						  irq_test_flags(cmd->level));
		if (!cmd->result)
			cmd->accepted++;
	}
	cmd->ran_at_once = READ_ONCE(arg->file->ran);
	return false;
}

int irq_test_defer(struct irq_test_file *file, struct irq_test_defer *cmd)
{
	struct irq_test_defer_arg arg = { file, cmd };
	unsigned int i;
	int ret;

	if (cmd->nr > IRQ_TEST_ENTRIES)
		return -EINVAL;
	cmd->accepted = 0;
	irq_test_forget_notes(file);
	ret = irq_test_at(file, cmd->level, irq_test_defer_step, &arg);
	cmd->ran = irq_test_wait_for_notes(file, cmd->accepted);
	cmd->could_sleep = file->could_sleep == cmd->ran;
	cmd->in_order = 1;
	for (i = 0; i < cmd->ran && i < IRQ_TEST_ENTRIES; i++)
		if (file->order[i] != i)
			cmd->in_order = 0;
	return ret;
}

// SPDX-License-Identifier: GPL-2.0-only
/*
 * How to run a function at any level of execution
 */
#include <linux/err.h>
#include <linux/irqflags.h>
#include <linux/kthread.h>
#include <linux/preempt.h>
#include <linux/sched.h>

#include "internal.h"

/* The time until the next interrupt, if a function is called again. */
#define IRQ_TEST_PAUSE_NS 50000

#define COUNTED IS_ENABLED(CONFIG_PREEMPT_COUNT)

bool irq_test_may_sleep(void)
{
	return in_task() && !irqs_disabled() && !(COUNTED && preempt_count());
}

/* Return the flag for a level that contig cannot detect. */
u32 irq_test_flags(enum irq_test_level level)
{
	return level == IRQ_TEST_NO_PREEMPTION && !COUNTED ?
	       CONTIG_KERNEL_NOSLEEP : 0;
}

static bool irq_test_is_at(enum irq_test_level level)
{
	switch (level) {
	case IRQ_TEST_TASK:
	case IRQ_TEST_KTHREAD:
		return irq_test_may_sleep();
	case IRQ_TEST_SOFTIRQ:
		return in_serving_softirq() && !in_hardirq();
	case IRQ_TEST_HARDIRQ:
		return in_hardirq();
	case IRQ_TEST_NO_PREEMPTION:
		return in_task() && (!COUNTED || preempt_count());
	default:
		return in_task() && irqs_disabled();
	}
}

static bool irq_test_step(struct irq_test_file *file)
{
	if (!irq_test_is_at(file->level))
		file->wrong_level = true;
	return file->step(file->arg);
}

static enum hrtimer_restart irq_test_timer(struct hrtimer *timer)
{
	struct irq_test_file *file = container_of(timer, struct irq_test_file,
						  timer);

	if (irq_test_step(file)) {
		hrtimer_forward_now(timer, ns_to_ktime(IRQ_TEST_PAUSE_NS));
		return HRTIMER_RESTART;
	}
	complete(&file->done);
	return HRTIMER_NORESTART;
}

static int irq_test_thread(void *data)
{
	struct irq_test_file *file = data;

	while (irq_test_step(file))
		cond_resched();
	complete(&file->done);
	return 0;
}

/* Call a function at @level until it returns false. */
int irq_test_at(struct irq_test_file *file, enum irq_test_level level,
		bool (*step)(void *arg), void *arg)
{
	struct task_struct *thread;
	enum hrtimer_mode mode;
	bool more;

	file->level = level;
	file->step = step;
	file->arg = arg;
	file->wrong_level = false;
	reinit_completion(&file->done);
	switch (level) {
	case IRQ_TEST_TASK:
		while (irq_test_step(file))
			cond_resched();
		break;
	case IRQ_TEST_SOFTIRQ:
	case IRQ_TEST_HARDIRQ:
		mode = level == IRQ_TEST_HARDIRQ ? HRTIMER_MODE_REL_HARD :
						   HRTIMER_MODE_REL_SOFT;
		hrtimer_setup(&file->timer, irq_test_timer, CLOCK_MONOTONIC,
			      mode);
		hrtimer_start(&file->timer, ns_to_ktime(IRQ_TEST_PAUSE_NS),
			      mode);
		wait_for_completion(&file->done);
		hrtimer_cancel(&file->timer);
		break;
	case IRQ_TEST_NO_PREEMPTION:
		do {
			preempt_disable();
			more = irq_test_step(file);
			preempt_enable();
		} while (more);
		break;
	case IRQ_TEST_IRQS_OFF:
		do {
			local_irq_disable();
			more = irq_test_step(file);
			local_irq_enable();
		} while (more);
		break;
	case IRQ_TEST_KTHREAD:
		thread = kthread_run(irq_test_thread, file, "contig_irq_test");
		if (IS_ERR(thread))
			return PTR_ERR(thread);
		wait_for_completion(&file->done);
		break;
	default:
		return -EINVAL;
	}
	return file->wrong_level ? -EPROTO : 0;
}

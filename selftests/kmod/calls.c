// SPDX-License-Identifier: GPL-2.0-only
/*
 * Calls of contig's interface for modules, at any level of execution
 */
#include <linux/dma-mapping.h>
#include <linux/err.h>
#include <linux/fs.h>
#include <linux/kthread.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/of_reserved_mem.h>
#include <linux/platform_device.h>
#include <linux/slab.h>
#include <linux/timekeeping.h>
#include <linux/uaccess.h>

#include "internal.h"

/* Rounds of a storm in one interrupt, and the time until the next interrupt. */
#define IRQ_TEST_BATCH 16
#define IRQ_TEST_PAUSE_NS 50000

/* All open files. */
LIST_HEAD(irq_test_files);
/* Protects that list and the pointer to the edu device. */
DEFINE_MUTEX(irq_test_files_mutex);

static struct platform_device *irq_test_platform;

#define COUNTED IS_ENABLED(CONFIG_PREEMPT_COUNT)

static bool irq_test_may_sleep(void)
{
	return in_task() && !irqs_disabled() && !(COUNTED && preempt_count());
}

/* Return the flag for a level that contig cannot detect. */
static u32 irq_test_flags(enum irq_test_level level)
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
static int irq_test_at(struct irq_test_file *file, enum irq_test_level level,
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
		hrtimer_init(&file->timer, CLOCK_MONOTONIC, mode);
		file->timer.function = irq_test_timer;
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

/*
 * One call
 */
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

static int irq_test_call(struct irq_test_file *file, struct irq_test_call *cmd)
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

static int irq_test_prepare(struct irq_test_file *file,
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

/*
 * Deferred functions
 */
static void irq_test_deferred(void *data)
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

static void irq_test_forget_notes(struct irq_test_file *file)
{
	unsigned int i;

	file->ran = 0;
	file->could_sleep = 0;
	for (i = 0; i < IRQ_TEST_ENTRIES; i++)
		file->notes[i] = (struct irq_test_note){ file, i };
}

/* Wait up to ten seconds until @nr functions ran; return how many did. */
static unsigned int irq_test_wait_for_notes(struct irq_test_file *file,
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

static int irq_test_defer(struct irq_test_file *file,
			  struct irq_test_defer *cmd)
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

/*
 * Many calls
 */
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

static int irq_test_storm(struct irq_test_file *file,
			  struct irq_test_storm *cmd)
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

/*
 * The file
 */
int irq_test_open_for(struct irq_test_file *file, struct device *dev)
{
	struct contig_kernel_client *client = contig_kernel_open(dev);

	if (IS_ERR(client))
		return PTR_ERR(client);
	file->client = client;
	return 0;
}

static int irq_test_open_client(struct irq_test_file *file,
				unsigned long what_for)
{
	guard(mutex)(&irq_test_files_mutex);
	guard(rwsem_write)(&file->alive);
	if (file->client)
		return -EBUSY;
	switch (what_for) {
	case IRQ_TEST_FOR_NONE:
		return irq_test_open_for(file, NULL);
	case IRQ_TEST_FOR_EDU:
		return irq_test_open_for_edu(file);
	case IRQ_TEST_FOR_PLATFORM:
		return irq_test_open_for(file, &irq_test_platform->dev);
	default:
		return -EINVAL;
	}
}

static int irq_test_close_client(struct irq_test_file *file)
{
	guard(rwsem_write)(&file->alive);
	if (file->client)
		contig_kernel_close(file->client);
	file->client = NULL;
	file->edu = NULL;
	return 0;
}

union irq_test_cmd {
	struct irq_test_call call;
	struct irq_test_prepare prepare;
	struct irq_test_storm storm;
	struct irq_test_defer defer;
	struct irq_test_chain chain;
	struct irq_test_measure measure;
};

static long irq_test_do(struct irq_test_file *file, unsigned int cmd,
			union irq_test_cmd *arg)
{
	guard(rwsem_read)(&file->alive);
	if (!file->client)
		return -EBADFD;
	if (cmd == IRQ_TEST_CALL)
		return irq_test_call(file, &arg->call);
	guard(mutex)(&file->mutex);
	switch (cmd) {
	case IRQ_TEST_DO_PREPARE:
		return irq_test_prepare(file, &arg->prepare);
	case IRQ_TEST_STORM:
		return irq_test_storm(file, &arg->storm);
	case IRQ_TEST_DO_DEFER:
		return irq_test_defer(file, &arg->defer);
	case IRQ_TEST_CHAIN:
		return irq_test_chain(file, &arg->chain);
	case IRQ_TEST_MEASURE:
		return irq_test_measure(file, &arg->measure);
	default:
		return -ENOTTY;
	}
}

static long irq_test_ioctl(struct file *opened, unsigned int cmd,
			   unsigned long uarg)
{
	struct irq_test_file *file = opened->private_data;
	union irq_test_cmd *arg;
	long ret;

	switch (cmd) {
	case IRQ_TEST_OPEN:
		return irq_test_open_client(file, uarg);
	case IRQ_TEST_CLOSE:
		return irq_test_close_client(file);
	}
	if (_IOC_SIZE(cmd) > sizeof(*arg))
		return -ENOTTY;
	arg = memdup_user((void __user *)uarg, _IOC_SIZE(cmd));
	if (IS_ERR(arg))
		return PTR_ERR(arg);
	ret = irq_test_do(file, cmd, arg);
	if (!ret && copy_to_user((void __user *)uarg, arg, _IOC_SIZE(cmd)))
		ret = -EFAULT;
	kfree(arg);
	return ret;
}

static int irq_test_open(struct inode *inode, struct file *opened)
{
	struct irq_test_file *file = kzalloc(sizeof(*file), GFP_KERNEL);

	if (!file)
		return -ENOMEM;
	init_rwsem(&file->alive);
	mutex_init(&file->mutex);
	raw_spin_lock_init(&file->lock);
	init_completion(&file->done);
	opened->private_data = file;
	guard(mutex)(&irq_test_files_mutex);
	list_add(&file->node, &irq_test_files);
	return 0;
}

static int irq_test_release(struct inode *inode, struct file *opened)
{
	struct irq_test_file *file = opened->private_data;

	scoped_guard(mutex, &irq_test_files_mutex) {
		list_del(&file->node);
		irq_test_close_client(file);
	}
	kfree(file);
	return 0;
}

static const struct file_operations irq_test_fops = {
	.owner = THIS_MODULE,
	.open = irq_test_open,
	.release = irq_test_release,
	.unlocked_ioctl = irq_test_ioctl,
};

static struct miscdevice irq_test_misc = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "contig_irq_test",
	.fops = &irq_test_fops,
	.mode = 0600,
};

static void irq_test_pool_release(void *dev)
{
	of_reserved_mem_device_release(dev);
}

/* With a Device Tree the driver can be bound to a device that has a pool. */
static int irq_test_probe(struct platform_device *pdev)
{
	struct device *dev = &pdev->dev;
	int ret;

	if (!dev->of_node)
		return 0;
	ret = of_reserved_mem_device_init(dev);
	return ret ?: devm_add_action_or_reset(dev, irq_test_pool_release, dev);
}

/* Has no remove() on purpose: clients stay open, as in a buggy driver. */
static struct platform_driver irq_test_platform_driver = {
	.probe = irq_test_probe,
	.driver.name = "contig_irq_test",
};

static int __init irq_test_platform_init(void)
{
	const struct platform_device_info info = {
		.name = "contig_irq_test",
		.id = PLATFORM_DEVID_NONE,
		.dma_mask = DMA_BIT_MASK(64),
	};
	int ret = platform_driver_register(&irq_test_platform_driver);

	if (ret)
		return ret;
	irq_test_platform = platform_device_register_full(&info);
	if (IS_ERR(irq_test_platform)) {
		platform_driver_unregister(&irq_test_platform_driver);
		return PTR_ERR(irq_test_platform);
	}
	return 0;
}

static void irq_test_platform_exit(void)
{
	platform_device_unregister(irq_test_platform);
	platform_driver_unregister(&irq_test_platform_driver);
}

static int __init irq_test_init(void)
{
	int ret = irq_test_platform_init();

	if (ret)
		return ret;
	ret = irq_test_chain_init();
	if (ret)
		goto err_platform;
	ret = misc_register(&irq_test_misc);
	if (ret)
		goto err_chain;
	return 0;

err_chain:
	irq_test_chain_exit();
err_platform:
	irq_test_platform_exit();
	return ret;
}

static void __exit irq_test_exit(void)
{
	misc_deregister(&irq_test_misc);
	irq_test_chain_exit();
	irq_test_platform_exit();
}

module_init(irq_test_init);
module_exit(irq_test_exit);

MODULE_AUTHOR("The contig authors");
MODULE_DESCRIPTION("Tests of contig's interface for other modules");
MODULE_LICENSE("GPL");
MODULE_INFO(test, "Y");

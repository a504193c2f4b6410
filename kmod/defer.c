// SPDX-License-Identifier: GPL-2.0-only
/*
 * Functions deferred until they may sleep: classic DeferUserFn
 */
#include <linux/errno.h>
#include <linux/export.h>
#include <linux/irqflags.h>
#include <linux/preempt.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/uaccess.h>

#include "defer.h"
#include "kernel_client.h"

static struct workqueue_struct *contig_defer_wq;

/*
 * Return true if the caller may sleep. A kernel that does not count preemption
 * cannot tell that a spinlock is held; its callers must set
 * CONTIG_KERNEL_NOSLEEP.
 */
bool contig_kernel_may_sleep(u32 flags)
{
	if (flags & CONTIG_KERNEL_NOSLEEP || !in_task() || irqs_disabled())
		return false;
	if (preempt_count())
		return false;
	/* On PREEMPT_RT, spinlocks count as RCU read sections. */
	return !rcu_preempt_depth() && !pagefault_disabled();
}

static bool contig_deferred_take(struct contig_deferred *deferred,
				 struct contig_deferred_fn *next)
{
	bool any;

	raw_spin_lock_irq(&deferred->lock);
	any = deferred->nr;
	if (any) {
		*next = deferred->ring[deferred->first];
		deferred->first = (deferred->first + 1) %
				  CONTIG_KERNEL_DEFERRED;
		deferred->nr--;
	}
	raw_spin_unlock_irq(&deferred->lock);
	return any;
}

static void contig_deferred_work(struct work_struct *work)
{
	struct contig_deferred *deferred =
		container_of(work, struct contig_deferred, work);
	struct contig_deferred_fn next;

	while (contig_deferred_take(deferred, &next)) {
		next.fn(next.arg);
		cond_resched();
	}
}

void contig_deferred_init(struct contig_deferred *deferred)
{
	raw_spin_lock_init(&deferred->lock);
	deferred->first = 0;
	deferred->nr = 0;
	INIT_WORK(&deferred->work, contig_deferred_work);
}

/* Run all queued functions and wait for them. May sleep. */
void contig_deferred_flush(struct contig_deferred *deferred)
{
	/* Functions may have queued others behind the flushed work. */
	while (flush_work(&deferred->work))
		;
}

static int contig_deferred_put(struct contig_deferred *deferred,
			       void (*fn)(void *arg), void *arg)
{
	unsigned long flags;
	unsigned int at;
	int ret = 0;

	raw_spin_lock_irqsave(&deferred->lock, flags);
	if (deferred->nr < CONTIG_KERNEL_DEFERRED) {
		at = (deferred->first + deferred->nr) % CONTIG_KERNEL_DEFERRED;
		deferred->ring[at] = (struct contig_deferred_fn){ fn, arg };
		deferred->nr++;
	} else {
		ret = -EXFULL;
	}
	raw_spin_unlock_irqrestore(&deferred->lock, flags);
	return ret;
}

/**
 * contig_kernel_defer() - call a function in a context that may sleep
 * @client: client that the function belongs to
 * @fn: the function
 * @arg: its argument
 * @flags: CONTIG_KERNEL_NOSLEEP or 0
 *
 * If the caller may sleep, the function is called before this returns. Else it
 * is queued, and called once from a kernel thread, after the functions that the
 * same client queued earlier; at most CONTIG_KERNEL_DEFERRED can be queued.
 * Close waits for all of them, so a function must not close its client. It may
 * call any other function of contig, also this one.
 *
 * Context: any but NMI. Sleeps if @fn is called at once and sleeps.
 *
 * Semantics: DeferUserFn (Inside Macintosh: Memory, page 167). The order, and
 * that each function runs exactly once, are additions.
 *
 * Return: 0 if the function was called or is queued, -EXFULL if too many are
 * queued (classic cannotDeferErr) and it is never called, -EINVAL if @fn is
 * NULL, -EOPNOTSUPP for other flags.
 */
int contig_kernel_defer(struct contig_kernel_client *client,
			void (*fn)(void *arg), void *arg, u32 flags)
{
	struct contig_deferred *deferred = &client->deferred;
	int ret;

	if (!fn)
		return -EINVAL;
	if (flags & ~CONTIG_KERNEL_NOSLEEP)
		return -EOPNOTSUPP;
	if (contig_kernel_may_sleep(flags)) {
		fn(arg);
		return 0;
	}
	ret = contig_deferred_put(deferred, fn, arg);
	if (ret)
		return ret;
	queue_work(contig_defer_wq, &deferred->work);
	return 0;
}
EXPORT_SYMBOL_GPL(contig_kernel_defer);

int contig_defer_init(void)
{
	/* The device may be one that memory is paged out to. */
	contig_defer_wq = alloc_workqueue("contig_defer",
					  WQ_UNBOUND | WQ_MEM_RECLAIM, 0);
	return contig_defer_wq ? 0 : -ENOMEM;
}

void contig_defer_exit(void)
{
	destroy_workqueue(contig_defer_wq);
}

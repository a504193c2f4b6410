/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Waits of a system call that allocates memory
 */
#ifndef CONTIG_WAITING_H
#define CONTIG_WAITING_H

#include <linux/sched.h>
#include <linux/wait.h>

/*
 * Like wait_event_killable_timeout(), but a task that waits counts as frozen
 * when the machine suspends: suspending would fail while it waits for minutes.
 * The caller must not hold a lock.
 *
 * Return: -ERESTARTSYS after a fatal signal, 0 after @timeout jiffies, else a
 * positive number.
 */
#define contig_wait_event_timeout(wq, condition, timeout)                     \
({                                                                            \
	long __timeout = (timeout), __ret = __timeout;                        \
	might_sleep();                                                        \
	if (!___wait_cond_timeout(condition))                                 \
		__ret = ___wait_event(wq, ___wait_cond_timeout(condition),    \
				      (TASK_KILLABLE | TASK_FREEZABLE), 0,    \
				      __timeout,                              \
				      __ret = schedule_timeout(__ret));       \
	__ret;                                                                \
})

#endif /* CONTIG_WAITING_H */

/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Functions deferred until they may sleep
 */
#ifndef CONTIG_DEFER_H
#define CONTIG_DEFER_H

#include <linux/spinlock.h>
#include <linux/types.h>
#include <linux/workqueue.h>

#include "contig_kernel.h"

/**
 * struct contig_deferred_fn - a deferred function
 * @fn: the function
 * @arg: its argument
 */
struct contig_deferred_fn {
	void (*fn)(void *arg);
	void *arg;
};

/**
 * struct contig_deferred - deferred functions of a client, in a ring
 * @lock: protects @first, @nr and @ring. Lock order: client.h
 * @first: index of the next function
 * @nr: number of queued functions
 * @ring: the functions
 * @work: calls them
 */
struct contig_deferred {
	raw_spinlock_t lock; /* for first, nr and ring */
	unsigned int first;
	unsigned int nr;
	struct contig_deferred_fn ring[CONTIG_KERNEL_DEFERRED];
	struct work_struct work;
};

bool contig_kernel_may_sleep(u32 flags);
void contig_deferred_init(struct contig_deferred *deferred);
void contig_deferred_flush(struct contig_deferred *deferred);
int contig_defer_init(void);
void contig_defer_exit(void);

#endif /* CONTIG_DEFER_H */

/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef CONTIG_IRQ_TEST_INTERNAL_H
#define CONTIG_IRQ_TEST_INTERNAL_H

#include <linux/completion.h>
#include <linux/hrtimer.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/rwsem.h>
#include <linux/spinlock.h>

#include "contig_kernel.h"
#include "contig_irq_test.h"

struct irq_test_edu;
struct irq_test_file;

/**
 * struct irq_test_note - argument of a deferred function
 * @file: the file that deferred it
 * @number: index of the function
 */
struct irq_test_note {
	struct irq_test_file *file;
	unsigned int number;
};

/**
 * struct irq_test_slot - a preparation with its tables
 * @preparation: the preparation
 * @ranges: its ranges
 * @dma: its table of DMA addresses
 * @physical: its table of physical addresses
 */
struct irq_test_slot {
	struct contig_kernel_preparation preparation;
	struct contig_span ranges[IRQ_TEST_RANGES];
	u64 dma[IRQ_TEST_ENTRIES];
	u64 physical[IRQ_TEST_ENTRIES];
};

/**
 * struct irq_test_file - an open file
 * @node: entry of the list of all of them
 * @alive: protects @client and @edu; taken for reading while they are used
 * @client: contig's, if there is one
 * @edu: device of the client, if it is edu
 * @mutex: serialises requests; those made by the task itself need not take it
 * @slots: preparations
 * @extents: room for a translation
 * @level: level at which @step is called
 * @step: function to call; returns true to be called again
 * @arg: its argument
 * @wrong_level: it was called at another level
 * @timer: calls it from an interrupt
 * @done: completed when it returns false
 * @lock: protects the notes
 * @notes: arguments of deferred functions
 * @ran: number of functions that ran
 * @order: their numbers, in the order in which they ran
 * @could_sleep: number of functions that ran where they may sleep
 */
struct irq_test_file {
	struct list_head node;
	struct rw_semaphore alive;
	struct contig_kernel_client *client;
	struct irq_test_edu *edu;
	struct mutex mutex; /* serialises requests */
	struct irq_test_slot slots[IRQ_TEST_SLOTS];
	struct contig_extent extents[IRQ_TEST_ENTRIES];

	enum irq_test_level level;
	bool (*step)(void *arg);
	void *arg;
	bool wrong_level;
	struct hrtimer timer;
	struct completion done;

	raw_spinlock_t lock; /* for the notes */
	struct irq_test_note notes[IRQ_TEST_ENTRIES];
	unsigned int ran;
	unsigned int order[IRQ_TEST_ENTRIES];
	unsigned int could_sleep;
};

/* main.c */
extern struct list_head irq_test_files;
extern struct mutex irq_test_files_mutex;

int irq_test_open_for(struct irq_test_file *file, struct device *dev);

/* level.c */
bool irq_test_may_sleep(void);
u32 irq_test_flags(enum irq_test_level level);
int irq_test_at(struct irq_test_file *file, enum irq_test_level level,
		bool (*step)(void *arg), void *arg);

/* calls.c */
int irq_test_call(struct irq_test_file *file, struct irq_test_call *cmd);
int irq_test_prepare(struct irq_test_file *file,
		     struct irq_test_prepare *cmd);

/* defer.c */
void irq_test_deferred(void *data);
void irq_test_forget_notes(struct irq_test_file *file);
unsigned int irq_test_wait_for_notes(struct irq_test_file *file,
				     unsigned int nr);
int irq_test_defer(struct irq_test_file *file, struct irq_test_defer *cmd);

/* storm.c */
int irq_test_storm(struct irq_test_file *file, struct irq_test_storm *cmd);

/* measure.c */
int irq_test_measure(struct irq_test_file *file, struct irq_test_measure *cmd);

/* chain.c */
int irq_test_open_for_edu(struct irq_test_file *file);
int irq_test_chain(struct irq_test_file *file, struct irq_test_chain *cmd);
int irq_test_chain_init(void);
void irq_test_chain_exit(void);

#endif /* CONTIG_IRQ_TEST_INTERNAL_H */

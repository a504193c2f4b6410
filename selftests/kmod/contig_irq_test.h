/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * /dev/contig_irq_test: contig's interface for modules, called on request at
 * any level of execution. Each open file is a client.
 */
#ifndef CONTIG_IRQ_TEST_H
#define CONTIG_IRQ_TEST_H

#include <linux/ioctl.h>
#include <linux/types.h>

/* Include linux/contig.h first. */

#define IRQ_TEST_ENTRIES 64
#define IRQ_TEST_RANGES 4
#define IRQ_TEST_SLOTS 4

/* Where a call is made. */
enum irq_test_level {
	IRQ_TEST_TASK,
	IRQ_TEST_SOFTIRQ,	/* a timer */
	IRQ_TEST_HARDIRQ,	/* a hard timer, with PREEMPT_RT as well */
	IRQ_TEST_NO_PREEMPTION,	/* a task with preemption off */
	IRQ_TEST_IRQS_OFF,	/* a task with interrupts off */
	IRQ_TEST_KTHREAD,	/* a thread of the kernel */
	IRQ_TEST_LEVELS
};

enum irq_test_function {
	IRQ_TEST_HOLD,
	IRQ_TEST_UNHOLD,
	IRQ_TEST_LOCK,
	IRQ_TEST_UNLOCK,
	IRQ_TEST_GET_PHYSICAL,
	IRQ_TEST_PREPARE,
	IRQ_TEST_CHECKPOINT,
	IRQ_TEST_DEFER,
	IRQ_TEST_FUNCTIONS
};

/*
 * IRQ_TEST_OPEN: the device of the client. The platform device reaches all
 * memory, and on arm64 it is not coherent.
 */
#define IRQ_TEST_FOR_NONE 0
#define IRQ_TEST_FOR_EDU 1
#define IRQ_TEST_FOR_PLATFORM 2

struct irq_test_call {
	__u32 function;
	__u32 level;
	__u64 addr;
	__u64 length;
	__u32 flags;
	__u32 count;		/* in/out: get_physical */
	struct contig_extent extents[IRQ_TEST_ENTRIES];
	__u64 next_addr;	/* out: get_physical */
	__u64 next_length;
	__s32 result;		/* out */
};

struct irq_test_prepare {
	__u32 level;
	__u32 slot;
	__u32 options;
	__u32 checkpoint;	/* 1: a checkpoint with these options */
	struct contig_span ranges[IRQ_TEST_RANGES];
	__u32 nr;
	__u32 entries;
	__u64 granularity;
	__u64 first;
	__u32 want_dma;
	__u32 want_physical;
	__u64 dma[IRQ_TEST_ENTRIES];
	__u64 physical[IRQ_TEST_ENTRIES];
	__u32 out_entries;
	__u32 out_done;
	__u64 out_length;
	__s32 result;
};

/* Many calls: all functions one after the other, each with the whole range. */
struct irq_test_storm {
	__u32 level;
	__u32 rounds;		/* of one call of each function */
	__u32 not_held;		/* in: 1: a HOLD that would block is no round */
	__u32 ended;		/* out: number of such HOLDs */
	__u64 addr;
	__u64 length;
	__s32 result;		/* out: of the first call that failed */
	__u32 failed;		/* out: the function of that call */
	__u64 calls;		/* out */
	__u64 longest_ns[IRQ_TEST_FUNCTIONS];
	__u64 total_ns;
	__u64 slow;		/* out: calls that took 100 us and more */
	__u32 deferred;		/* out: functions that were accepted */
	__u32 refused;		/* out: refused, since too many waited */
	__u32 ran;		/* out: functions that ran in the end */
};

/* Defer functions, which record that they ran. */
struct irq_test_defer {
	__u32 level;
	__u32 nr;		/* up to IRQ_TEST_ENTRIES */
	__u32 null;		/* 1: no function at all */
	__u32 accepted;		/* out */
	__s32 result;		/* out: of the last one */
	__u32 ran_at_once;	/* out: when the last call had returned */
	__u32 ran;		/* out: in the end */
	__u32 in_order;		/* out: 1: each ran once, in order */
	__u32 could_sleep;	/* out: 1: all ran where they may sleep */
};

/*
 * Make edu copy one range to another through its own memory: each interrupt
 * starts the next transfer, and prepares the next part when one is used up.
 */
struct irq_test_chain {
	__u64 from;
	__u64 to;
	__u64 length;
	__u32 entries;		/* of the tables: pages in a part */
	__u32 off_by;		/* error to add to the target's addresses */
	__s32 result;		/* out */
	__u32 interrupts;	/* out */
	__u32 prepared;		/* out: parts that interrupts prepared */
	__u64 moved;		/* out: bytes */
	__u64 longest_ns;	/* out: the longest interrupt */
};

/*
 * Call each function whose time grows with the pages, with interrupts off. The
 * memory must be held or locked, and the client must have a device.
 */
struct irq_test_measure {
	__u64 addr;
	__u64 length;
	__u32 rounds;
	__u32 failed;		/* out: the first function that failed */
	__s32 result;		/* out: result of that one */
	__u32 reserved;
	__u64 longest_ns[IRQ_TEST_FUNCTIONS];	/* out */
	__u64 shortest_ns[IRQ_TEST_FUNCTIONS];	/* out */
};

#define IRQ_TEST_MEASURE_MAX 0x40000000ull

#define IRQ_TEST_TYPE 0xBD
#define IRQ_TEST_OPEN _IO(IRQ_TEST_TYPE, 0)
#define IRQ_TEST_CLOSE _IO(IRQ_TEST_TYPE, 1)
#define IRQ_TEST_CALL _IOWR(IRQ_TEST_TYPE, 2, struct irq_test_call)
#define IRQ_TEST_DO_PREPARE _IOWR(IRQ_TEST_TYPE, 3, struct irq_test_prepare)
#define IRQ_TEST_STORM _IOWR(IRQ_TEST_TYPE, 4, struct irq_test_storm)
#define IRQ_TEST_DO_DEFER _IOWR(IRQ_TEST_TYPE, 5, struct irq_test_defer)
#define IRQ_TEST_CHAIN _IOWR(IRQ_TEST_TYPE, 6, struct irq_test_chain)
#define IRQ_TEST_MEASURE _IOWR(IRQ_TEST_TYPE, 7, struct irq_test_measure)

#endif /* CONTIG_IRQ_TEST_H */

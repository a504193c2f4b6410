// SPDX-License-Identifier: GPL-2.0-only
/*
 * The interface for other modules of the kernel around an I/O, in every context:
 * memory is prepared for it, and functions are deferred that may have to sleep
 */
#include <sched.h>

#include "kselftest_harness.h"
#include "interrupts_calls.h"

#define DEFERRED 32

/* Statements 47 to 51, in every context: one entry for each page, in parts. */
TEST_F(calls, prepare_in_parts)
{
	struct irq_test_prepare cmd;
	uint64_t first, length = pages(PAGES) - 700, i;
	char *start = self->memory + 300;
	uint32_t level;

	ASSERT_EQ(0, hold(self->fd, IRQ_TEST_TASK, self->memory,
			  pages(PAGES)));
	for (level = 0; level < IRQ_TEST_LEVELS; level++) {
		for (first = 0; first < length; first += cmd.out_length) {
			cmd = prepare_of(level, start, length, INPUT | OUTPUT);
			cmd.first = first;
			cmd.entries = 3;
			ASSERT_EQ(0, prepare(self->fd, &cmd));
			ASSERT_LT(0, cmd.out_length);
			ASSERT_GE(3, cmd.out_entries);
			EXPECT_TRUE(is_at(cmd.physical[0], start + first));
			for (i = 1; i < cmd.out_entries; i++)
				EXPECT_TRUE(is_at(cmd.physical[i],
						  self->memory +
						  (300 + first) / page_size *
						  page_size + pages(i)));
			EXPECT_EQ(first + cmd.out_length == length,
				  !!cmd.out_done);
			EXPECT_EQ(1, kernel_stat(2));
			EXPECT_EQ(0, checkpoint(self->fd, level, 0, 0));
			EXPECT_EQ(-EINVAL, checkpoint(self->fd, level, 0, 0));
		}
		EXPECT_EQ(length, first);
	}
	EXPECT_EQ(-ENOLCK, unlock(self->fd, IRQ_TEST_TASK, self->memory, 1));
}

/* Statements 53, 54, 56, 57, 59 and 60. */
TEST_F(calls, prepare_with_everything)
{
	char *memory = self->memory;
	struct irq_test_prepare cmd;
	int fd = self->fd;
	uint32_t level;

	ASSERT_EQ(0, hold(fd, IRQ_TEST_TASK, memory, pages(PAGES)));
	for (level = 0; level < IRQ_TEST_LEVELS; level++) {
		/* Ranges in sequence; overlapping; empty. */
		cmd = prepare_of(level, memory + pages(2) + 5, pages(1), INPUT);
		cmd.ranges[1].addr = to_addr(memory + 9);
		cmd.ranges[2].addr = to_addr(memory + pages(3));
		cmd.ranges[2].length = 10;
		cmd.ranges[3].addr = to_addr(memory + pages(3) + 2);
		cmd.ranges[3].length = 100;
		cmd.nr = 4;
		ASSERT_EQ(0, prepare(fd, &cmd));
		EXPECT_EQ(4, cmd.out_entries);
		EXPECT_EQ(pages(1) + 110, cmd.out_length);
		EXPECT_TRUE(cmd.out_done);
		EXPECT_TRUE(is_at(cmd.physical[0], memory + pages(2) + 5));
		EXPECT_TRUE(is_at(cmd.physical[1], memory + pages(3)));
		EXPECT_TRUE(is_at(cmd.physical[2], memory + pages(3)));
		EXPECT_TRUE(is_at(cmd.physical[3], memory + pages(3) + 2));
		EXPECT_EQ(0, checkpoint(fd, level, 0, MORE | INPUT));
		EXPECT_EQ(0, checkpoint(fd, level, 0, MORE | OUTPUT));
		EXPECT_EQ(0, checkpoint(fd, level, 0, MORE));
		EXPECT_EQ(-EBUSY, prepare(fd, &cmd));
		/* A second preparation that includes one of the pages. */
		cmd = prepare_of(level, memory + pages(3), 1, OUTPUT);
		cmd.slot = 1;
		ASSERT_EQ(0, prepare(fd, &cmd));
		EXPECT_EQ(0, checkpoint(fd, level, 0, 0));
		EXPECT_TRUE(physical_is_true(fd, level, memory + pages(3), 1,
					     1));
		EXPECT_EQ(0, checkpoint(fd, level, 1, 0));
		EXPECT_EQ(-ENOLCK, unlock(fd, level, memory + pages(3), 1));

		cmd = prepare_of(level, memory, pages(PAGES), 0);
		cmd.granularity = pages(2);
		cmd.entries = 3;
		ASSERT_EQ(0, prepare(fd, &cmd));
		EXPECT_EQ(pages(2), cmd.out_length);
		EXPECT_EQ(2, cmd.out_entries);
		EXPECT_FALSE(cmd.out_done);
		EXPECT_EQ(0, checkpoint(fd, level, 0, 0));
		cmd.granularity = pages(4);
		EXPECT_EQ(-EMSGSIZE, prepare(fd, &cmd));
		EXPECT_EQ(0, cmd.out_length);
		cmd.granularity = 0;
		cmd.entries = 0;
		EXPECT_EQ(-EMSGSIZE, prepare(fd, &cmd));
		cmd.granularity = -1;
		cmd.entries = 3;
		EXPECT_EQ(-EMSGSIZE, prepare(fd, &cmd));
		/* The end need not be a multiple. */
		cmd.granularity = pages(2);
		cmd.first = pages(PAGES - 1) + 1;
		EXPECT_EQ(0, prepare(fd, &cmd));
		EXPECT_EQ(pages(1) - 1, cmd.out_length);
		EXPECT_TRUE(cmd.out_done);
		EXPECT_EQ(0, checkpoint(fd, level, 0, 0));
		/* Without tables the memory is only locked. */
		cmd = prepare_of(level, memory, pages(PAGES), INPUT);
		cmd.want_physical = 0;
		cmd.entries = 0;
		EXPECT_EQ(0, prepare(fd, &cmd));
		EXPECT_EQ(pages(PAGES), cmd.out_length);
		EXPECT_EQ(0, checkpoint(fd, level, 0, 0));
	}
	/* PREPARE pins pages that are not held. */
	cmd = prepare_of(IRQ_TEST_TASK, memory, pages(PAGES), INPUT);
	ASSERT_EQ(0, unhold(fd, IRQ_TEST_TASK, memory, pages(PAGES)));
	ASSERT_EQ(0, prepare(fd, &cmd));
	EXPECT_EQ(pages(PAGES), kernel_stat(1));
	/*
	 * A page is unlocked by mistake: checkpoint reports it and unlocks the
	 * rest.
	 */
	EXPECT_EQ(0, unlock(fd, IRQ_TEST_HARDIRQ, memory, 1));
	EXPECT_EQ(-ENOLCK, checkpoint(fd, IRQ_TEST_HARDIRQ, 0, 0));
	EXPECT_TRUE(poll_until(nothing_is_kept, NULL));
}

/* Statements 35 to 37. */
TEST_F(calls, are_deferred)
{
	struct irq_test_defer cmd;
	uint32_t level;

	for (level = 0; level < IRQ_TEST_LEVELS; level++) {
		bool safe = level == IRQ_TEST_TASK || level == IRQ_TEST_KTHREAD;

		TH_LOG("%s", level_names[level]);
		cmd = (struct irq_test_defer){ .level = level, .nr = 20 };
		ASSERT_EQ(0, contig_ioctl(self->fd, IRQ_TEST_DO_DEFER, &cmd));
		EXPECT_EQ(0, cmd.result);
		EXPECT_EQ(20, cmd.accepted);
		EXPECT_EQ(20, cmd.ran);
		EXPECT_TRUE(cmd.in_order);
		EXPECT_TRUE(cmd.could_sleep);
		if (safe)
			EXPECT_EQ(20, cmd.ran_at_once);
		cmd = (struct irq_test_defer){
			.level = level,
			.nr = 1,
			.null = 1,
		};
		ASSERT_EQ(0, contig_ioctl(self->fd, IRQ_TEST_DO_DEFER, &cmd));
		EXPECT_EQ(-EINVAL, cmd.result);
	}
}

/*
 * Make the workers of unbound workqueues run on these processors, a mask in
 * hex, and this thread on the first one. Store the previous mask in @old.
 */
static int workers_on(const char *mask, char *old, size_t size)
{
	const char *path = "/sys/devices/virtual/workqueue/cpumask";
	char *text = read_text(path);
	cpu_set_t set;

	if (!text)
		return -ENOENT;
	if (old)
		snprintf(old, size, "%s", text);
	free(text);
	CPU_ZERO(&set);
	CPU_SET(0, &set);
	if (old && sched_setaffinity(0, sizeof(set), &set))
		return -errno;
	return write_text(path, mask);
}

/*
 * On a single processor no worker can run before the interrupt returns. The
 * other processors stay online: to take them offline the kernel patches its
 * scheduler; see trace_events().
 */
TEST_F(calls, are_deferred_up_to_a_limit)
{
	struct irq_test_defer cmd = {
		.level = IRQ_TEST_HARDIRQ,
		.nr = 40,
	};
	char workers[128];
	bool alone;

	alone = !workers_on("1", workers, sizeof(workers));
	ASSERT_EQ(0, contig_ioctl(self->fd, IRQ_TEST_DO_DEFER, &cmd));
	if (alone) {
		EXPECT_EQ(0, cmd.ran_at_once);
		EXPECT_EQ(DEFERRED, cmd.accepted);
		EXPECT_EQ(-EXFULL, cmd.result);
		ASSERT_EQ(0, workers_on(workers, NULL, 0));
	}
	EXPECT_EQ(cmd.accepted, cmd.ran);
	EXPECT_TRUE(cmd.in_order);
}

TEST_HARNESS_MAIN

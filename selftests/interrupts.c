// SPDX-License-Identifier: GPL-2.0-only
/*
 * The interface for other modules of the kernel, called in every context
 */
#include <pthread.h>
#include <sched.h>
#include <sys/resource.h>

#include "kselftest_harness.h"
#include "contig_utils.h"
#include "faults.h"
#include "interrupts.h"

#define PAGES 16
/* The limit of one call: selftests/run loads the module with this. */
#define MOST 65537
#define DEFERRED 32

FIXTURE(calls) {
	int fd;
	char *memory;
};

FIXTURE_SETUP(calls) {
	setup_kernel_client(self, IRQ_TEST_FOR_NONE);
	self->memory = anon_map(pages(PAGES));
	ASSERT_NE(NULL, self->memory);
	no_huge_pages(self->memory, pages(PAGES));
}

FIXTURE_TEARDOWN(calls) {
	close(self->fd);
	munmap(self->memory, pages(PAGES));
}

/* Statement 64, and the guarantees of lock and hold. */
TEST_F(calls, refuse_what_is_not_held_where_they_may_not_sleep)
{
	char *held = self->memory, *not_held = self->memory + pages(4);
	struct irq_test_prepare cmd;
	uint32_t level;

	ASSERT_EQ(0, hold(self->fd, IRQ_TEST_TASK, held, pages(4)));
	for_each_atomic(level) {
		TH_LOG("%s", level_names[level]);
		EXPECT_EQ(-EWOULDBLOCK, lock(self->fd, level, not_held, 1));
		EXPECT_EQ(-EWOULDBLOCK, hold(self->fd, level, not_held, 1));
		/* One page that is not held suffices. */
		EXPECT_EQ(-EWOULDBLOCK, lock(self->fd, level, held, pages(5)));
		cmd = prepare_of(level, held, pages(5), INPUT);
		EXPECT_EQ(-EWOULDBLOCK, prepare(self->fd, &cmd));
		EXPECT_EQ(0, cmd.out_length);
		EXPECT_EQ(-ENOLCK, unlock(self->fd, level, held, 1));

		EXPECT_EQ(0, lock(self->fd, level, held, pages(4)));
		EXPECT_TRUE(physical_is_true(self->fd, level, held + 7,
					     pages(4) - 9, 64));
		EXPECT_EQ(0, unlock(self->fd, level, held, pages(4)));
		EXPECT_EQ(0, hold(self->fd, level, held, pages(4)));
		EXPECT_EQ(0, unhold(self->fd, level, held, pages(4)));
		cmd = prepare_of(level, held, pages(4), INPUT);
		EXPECT_EQ(0, prepare(self->fd, &cmd));
		EXPECT_EQ(pages(4), cmd.out_length);
		EXPECT_EQ(0, checkpoint(self->fd, level, 0, 0));
	}
	/* The same if the caller forbids sleeping by a flag. */
	EXPECT_EQ(-EWOULDBLOCK, call_flags(self->fd, IRQ_TEST_LOCK,
					   IRQ_TEST_TASK, not_held, 1,
					   NOSLEEP));
	EXPECT_EQ(0, call_flags(self->fd, IRQ_TEST_LOCK, IRQ_TEST_TASK, held, 1,
				NOSLEEP));
	/* A kernel thread may sleep, but has no user memory. */
	EXPECT_EQ(-EXDEV, lock(self->fd, IRQ_TEST_KTHREAD, not_held, 1));
	EXPECT_EQ(0, lock(self->fd, IRQ_TEST_KTHREAD, held, 1));
	EXPECT_EQ(0, lock(self->fd, IRQ_TEST_TASK, not_held, 1));
}

TEST_F(calls, give_back_at_any_level)
{
	uint32_t level;

	for (level = 0; level < IRQ_TEST_LEVELS; level++) {
		TH_LOG("%s", level_names[level]);
		ASSERT_EQ(0, hold(self->fd, IRQ_TEST_TASK, self->memory,
				  pages(PAGES)));
		EXPECT_EQ(pages(PAGES), kernel_stat(1));
		EXPECT_EQ(pages(PAGES) / 1024, charged_kib());
		ASSERT_EQ(0, unhold(self->fd, level, self->memory,
				    pages(PAGES)));
		EXPECT_TRUE(poll_until(nothing_is_kept, NULL));
		ASSERT_EQ(0, lock(self->fd, IRQ_TEST_TASK, self->memory,
				  pages(PAGES)));
		ASSERT_EQ(0, unlock(self->fd, level, self->memory,
				    pages(PAGES)));
		EXPECT_TRUE(poll_until(nothing_is_kept, NULL));
	}
	/* The memory is unpinned a little later. */
	ASSERT_EQ(0, hold(self->fd, IRQ_TEST_TASK, self->memory, 1));
	EXPECT_EQ(page_size / 1024, charged_kib());
}

/* Counts are per page and separate; each call must be undone once. */
TEST_F(calls, count)
{
	const char *memory = self->memory;
	int fd = self->fd;
	uint32_t level = IRQ_TEST_HARDIRQ;

	EXPECT_EQ(-ENODATA, unhold(fd, level, memory, 1));
	EXPECT_EQ(-ENOLCK, unlock(fd, level, memory, 1));
	ASSERT_EQ(0, hold(fd, IRQ_TEST_TASK, memory, pages(4)));
	/* A hold is not a lock, and a lock is not a hold. */
	EXPECT_EQ(-ENOLCK, unlock(fd, level, memory, 1));
	ASSERT_EQ(0, lock(fd, IRQ_TEST_TASK, memory + pages(8), 1));
	EXPECT_EQ(-ENODATA, unhold(fd, level, memory + pages(8), 1));
	EXPECT_EQ(0, unlock(fd, level, memory + pages(8), 1));

	/* Pages that two locks have in common stay locked. */
	EXPECT_EQ(0, lock(fd, level, memory, pages(3)));
	EXPECT_EQ(0, lock(fd, level, memory + pages(2), pages(2)));
	EXPECT_EQ(0, unlock(fd, level, memory, pages(3)));
	EXPECT_EQ(-ENOLCK, unlock(fd, level, memory, pages(3)));
	EXPECT_EQ(-ENOLCK, unlock(fd, level, memory + pages(1), pages(3)));
	EXPECT_TRUE(physical_is_true(fd, level, memory + pages(2), pages(2),
				     4));
	EXPECT_EQ(0, unlock(fd, level, memory + pages(2), pages(2)));
	EXPECT_EQ(-ENOLCK, unlock(fd, level, memory + pages(2), 1));

	/*
	 * Locked memory stays when its hold ends, and held memory when its lock
	 * ends.
	 */
	EXPECT_EQ(0, lock(fd, level, memory, pages(4)));
	EXPECT_EQ(0, unhold(fd, level, memory, pages(4)));
	EXPECT_EQ(-ENODATA, unhold(fd, level, memory, 1));
	EXPECT_EQ(0, lock(fd, level, memory, pages(4)));
	EXPECT_EQ(0, unlock(fd, level, memory, pages(4)));
	EXPECT_EQ(0, unlock(fd, level, memory, pages(3)));
	EXPECT_EQ(-EWOULDBLOCK, lock(fd, level, memory, 1));
	EXPECT_EQ(0, hold(fd, level, memory + pages(3), 1));
	EXPECT_EQ(0, unlock(fd, level, memory + pages(3), 1));
	EXPECT_EQ(0, lock(fd, level, memory + pages(3), 1));
	EXPECT_EQ(0, unlock(fd, level, memory + pages(3), 1));
	EXPECT_EQ(0, unhold(fd, level, memory + pages(3), 1));
	EXPECT_EQ(-EWOULDBLOCK, lock(fd, level, memory + pages(3), 1));

	/* Pages whose hold ended while others stayed held can be held again. */
	ASSERT_EQ(0, hold(fd, IRQ_TEST_TASK, memory, pages(4)));
	ASSERT_EQ(0, unhold(fd, level, memory + pages(1), pages(2)));
	ASSERT_EQ(0, hold(fd, IRQ_TEST_TASK, memory, pages(6)));
	EXPECT_EQ(0, lock(fd, level, memory, pages(6)));
	EXPECT_TRUE(physical_is_true(fd, level, memory + 1, pages(6) - 1, 2));
	EXPECT_EQ(0, unlock(fd, level, memory, pages(6)));
	EXPECT_EQ(0, unhold(fd, level, memory, pages(6)));
	EXPECT_EQ(0, unhold(fd, level, memory, 1));
	EXPECT_EQ(0, unhold(fd, level, memory + pages(3), 1));
	EXPECT_EQ(-ENODATA, unhold(fd, level, memory, 1));
	EXPECT_TRUE(poll_until(nothing_is_kept, NULL));
}

TEST_F(calls, with_wrong_arguments)
{
	const char *memory = self->memory;
	char *constant = mmap(NULL, pages(1), PROT_READ,
			      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	char *hole = mmap(NULL, pages(2), PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct irq_test_prepare cmd;
	struct irq_test_call table;
	uint32_t level;
	int fd = self->fd;

	munmap(hole + pages(1), pages(1));
	for (level = 0; level < IRQ_TEST_KTHREAD; level++) {
		EXPECT_EQ(-EINVAL, hold(fd, level, memory, 0));
		EXPECT_EQ(-EINVAL, unhold(fd, level, memory, 0));
		EXPECT_EQ(-EINVAL, lock(fd, level, memory, 0));
		EXPECT_EQ(-EINVAL, unlock(fd, level, memory, 0));
		EXPECT_EQ(-EINVAL, get_physical(fd, level, memory, 0, &table, 1,
						0));
		EXPECT_EQ(-EOVERFLOW, lock(fd, level, memory, -1));
		EXPECT_EQ(-EOVERFLOW, unlock(fd, level, memory, -1));
		EXPECT_EQ(-EOPNOTSUPP, call_flags(fd, IRQ_TEST_HOLD, level,
						  memory, 1,
						  CONTIG_LOCK_CONTIGUOUS));
		EXPECT_EQ(-EOPNOTSUPP, call_flags(fd, IRQ_TEST_LOCK, level,
						  memory, 1, 1u << 20));
		EXPECT_EQ(-EUNATCH, call_flags(fd, IRQ_TEST_LOCK, level, memory,
					       1,
					       CONTIG_LOCK_DEVICE_CONTIGUOUS));
		EXPECT_EQ(-EOPNOTSUPP, get_physical(fd, level, memory, 1,
						    &table, 1, 1u << 20));
		EXPECT_EQ(-EUNATCH, get_physical(fd, level, memory, 1, &table,
						 1, CONTIG_GET_DMA));
		EXPECT_EQ(-ENOLCK, get_physical(fd, level, memory, 1, &table, 1,
						0));
		cmd = prepare_of(level, memory, 0, INPUT);
		EXPECT_EQ(-EINVAL, prepare(fd, &cmd));
		cmd = prepare_of(level, memory, 1, 1u << 20);
		EXPECT_EQ(-EOPNOTSUPP, prepare(fd, &cmd));
		cmd = prepare_of(level, memory, 1, INPUT);
		cmd.first = 1;
		EXPECT_EQ(-EINVAL, prepare(fd, &cmd));
		cmd = prepare_of(level, memory, 1, INPUT);
		cmd.want_dma = 1;
		EXPECT_EQ(-EUNATCH, prepare(fd, &cmd));
		EXPECT_EQ(-EINVAL, checkpoint(fd, level, 1, 0));
		EXPECT_EQ(-EOPNOTSUPP, checkpoint(fd, level, 1, 1u << 20));
	}
	EXPECT_EQ(-EFAULT, hold(fd, IRQ_TEST_TASK, hole, pages(2)));
	EXPECT_EQ(-EFAULT, lock(fd, IRQ_TEST_TASK, hole, pages(2)));
	EXPECT_EQ(-EACCES, hold(fd, IRQ_TEST_TASK, constant, 1));
	EXPECT_TRUE(poll_until(nothing_is_kept, NULL));
	/* Memory held for output only cannot be used for input. */
	EXPECT_EQ(0, call_flags(fd, IRQ_TEST_HOLD, IRQ_TEST_TASK, constant, 1,
				CONTIG_LOCK_OUTPUT));
	EXPECT_EQ(-EACCES, lock(fd, IRQ_TEST_HARDIRQ, constant, 1));
	EXPECT_EQ(0, call_flags(fd, IRQ_TEST_LOCK, IRQ_TEST_HARDIRQ, constant,
				1, CONTIG_LOCK_OUTPUT));
	cmd = prepare_of(IRQ_TEST_HARDIRQ, constant, 1, INPUT);
	EXPECT_EQ(-EACCES, prepare(fd, &cmd));
	cmd = prepare_of(IRQ_TEST_HARDIRQ, constant, 1, OUTPUT);
	EXPECT_EQ(0, prepare(fd, &cmd));
	EXPECT_EQ(-EBUSY, prepare(fd, &cmd));
	EXPECT_EQ(-EINVAL, checkpoint(fd, IRQ_TEST_HARDIRQ, 0, INPUT));
	EXPECT_EQ(-EACCES, checkpoint(fd, IRQ_TEST_HARDIRQ, 0, MORE | INPUT));
	EXPECT_EQ(0, checkpoint(fd, IRQ_TEST_HARDIRQ, 0, MORE | OUTPUT));
	EXPECT_EQ(0, checkpoint(fd, IRQ_TEST_HARDIRQ, 0, 0));
}

/* One call takes at most so many pages, since interrupts are off meanwhile. */
TEST_F(calls, take_so_many_pages)
{
	char *memory = anon_map(pages(MOST + 1));
	struct irq_test_prepare cmd;
	struct irq_test_call table;
	int fd = self->fd;
	uint32_t level;

	ASSERT_NE(NULL, memory);
	ASSERT_EQ(0, hold(fd, IRQ_TEST_TASK, memory, pages(MOST)));
	ASSERT_EQ(0, hold(fd, IRQ_TEST_TASK, memory + pages(MOST), 1));
	for (level = 0; level < IRQ_TEST_LEVELS; level++) {
		EXPECT_EQ(-E2BIG, hold(fd, level, memory, pages(MOST) + 1));
		EXPECT_EQ(-E2BIG, unhold(fd, level, memory, pages(MOST) + 1));
		EXPECT_EQ(-E2BIG, lock(fd, level, memory + 1, pages(MOST)));
		EXPECT_EQ(0, lock(fd, level, memory, pages(MOST)));
		EXPECT_EQ(-E2BIG, unlock(fd, level, memory, pages(MOST) + 1));
		EXPECT_EQ(-E2BIG, get_physical(fd, level, memory + 1,
					       pages(MOST), &table, 1, 0));
		EXPECT_LT(0, get_physical(fd, level, memory, pages(MOST),
					  &table, 0, 0));
		EXPECT_EQ(0, unlock(fd, level, memory, pages(MOST)));

		/* Two parts, although no table is too short. */
		cmd = prepare_of(level, memory + 1, pages(MOST), INPUT);
		cmd.want_physical = 0;
		ASSERT_EQ(0, prepare(fd, &cmd));
		EXPECT_EQ(pages(MOST) - 1, cmd.out_length);
		EXPECT_FALSE(cmd.out_done);
		EXPECT_EQ(0, checkpoint(fd, level, 0, 0));
		cmd.first = cmd.out_length;
		ASSERT_EQ(0, prepare(fd, &cmd));
		EXPECT_EQ(1, cmd.out_length);
		EXPECT_TRUE(cmd.out_done);
		EXPECT_EQ(0, checkpoint(fd, level, 0, 0));
	}
	munmap(memory, pages(MOST + 1));
}

/* RLIMIT_MEMLOCK applies, and unpinned memory can be charged again at once. */
TEST_F(calls, are_limited)
{
	struct rlimit limit = { pages(PAGES), pages(PAGES) };
	int i;

	ASSERT_EQ(0, drop_cap(CAP_IPC_LOCK_NR));
	ASSERT_EQ(0, setrlimit(RLIMIT_MEMLOCK, &limit));
	for (i = 0; i < 100; i++) {
		ASSERT_EQ(0, hold(self->fd, IRQ_TEST_TASK, self->memory,
				  pages(PAGES)));
		ASSERT_EQ(0, unhold(self->fd, IRQ_TEST_HARDIRQ, self->memory,
				    pages(PAGES)));
	}
	ASSERT_EQ(0, hold(self->fd, IRQ_TEST_TASK, self->memory, pages(8)));
	limit.rlim_cur = pages(PAGES - 1);
	ASSERT_EQ(0, setrlimit(RLIMIT_MEMLOCK, &limit));
	EXPECT_EQ(-EDQUOT, hold(self->fd, IRQ_TEST_TASK, self->memory,
				pages(PAGES)));
	EXPECT_EQ(pages(8), kernel_stat(1));
}

TEST_F(calls, translate_to_the_byte)
{
	uint32_t level, entries;
	struct irq_test_call cmd;
	int n;

	ASSERT_EQ(0, hold(self->fd, IRQ_TEST_TASK, self->memory,
			  pages(PAGES)));
	for (level = 0; level < IRQ_TEST_LEVELS; level++) {
		ASSERT_EQ(0, lock(self->fd, level, self->memory, pages(PAGES)));
		for (entries = 1; entries <= 64; entries *= 4)
			EXPECT_TRUE(physical_is_true(self->fd, level,
						     self->memory + 1234,
						     pages(PAGES) - 2345,
						     entries));
		n = get_physical(self->fd, level, self->memory, pages(PAGES),
				 &cmd, 0, 0);
		EXPECT_EQ(to_addr(self->memory), cmd.next_addr);
		EXPECT_EQ(pages(PAGES), cmd.next_length);
		EXPECT_EQ(n, get_physical(self->fd, level, self->memory,
					  pages(PAGES), &cmd, 64, 0));
		ASSERT_EQ(0, unlock(self->fd, level, self->memory,
				    pages(PAGES)));
	}
}

/* Succeeds only if the memory is one extent. */
TEST_F(calls, lock_contiguous)
{
	int client = client_open(), fd, n;
	struct irq_test_call cmd;
	char *map;

	ASSERT_LE(0, client);
	fd = buffer_alloc(client, pages(8), CONTIG_RUNGS_RANGE, 0);
	if (fd < 0)
		fd = buffer_alloc(client, pages(8), 0, 0);
	ASSERT_LE(0, fd);
	map = buffer_map(fd, pages(8));
	ASSERT_NE(NULL, map);
	/* A mapped buffer of contig itself. */
	ASSERT_EQ(0, hold(self->fd, IRQ_TEST_TASK, map, pages(8)));
	EXPECT_EQ(0, call_flags(self->fd, IRQ_TEST_LOCK, IRQ_TEST_HARDIRQ,
				map + 5, pages(8) - 5,
				CONTIG_LOCK_CONTIGUOUS));
	EXPECT_EQ(1, get_physical(self->fd, IRQ_TEST_HARDIRQ, map, pages(8),
				  &cmd, 64, 0));
	EXPECT_EQ(0, unlock(self->fd, IRQ_TEST_HARDIRQ, map, pages(8)));
	EXPECT_EQ(0, unhold(self->fd, IRQ_TEST_HARDIRQ, map, pages(8)));
	munmap(map, pages(8));
	close(fd);
	close(client);

	ASSERT_EQ(0, lock(self->fd, IRQ_TEST_TASK, self->memory,
			  pages(PAGES)));
	n = get_physical(self->fd, IRQ_TEST_TASK, self->memory, pages(PAGES),
			 &cmd, 0, 0);
	EXPECT_EQ(n == 1 ? 0 : -EILSEQ,
		  call_flags(self->fd, IRQ_TEST_LOCK, IRQ_TEST_HARDIRQ,
			     self->memory, pages(PAGES),
			     CONTIG_LOCK_CONTIGUOUS));
	/* A single page is always contiguous. */
	EXPECT_EQ(0, call_flags(self->fd, IRQ_TEST_LOCK, IRQ_TEST_HARDIRQ,
				self->memory, pages(1),
				CONTIG_LOCK_CONTIGUOUS));
}

/*
 * Pages that were unmapped do not translate, also in a context that cannot
 * check.
 */
TEST_F(calls, notice_what_is_gone)
{
	struct irq_test_call cmd;
	struct irq_test_prepare p;
	char *memory = self->memory;
	int fd = self->fd;

	ASSERT_EQ(0, hold(fd, IRQ_TEST_TASK, memory, pages(PAGES)));
	ASSERT_EQ(0, lock(fd, IRQ_TEST_HARDIRQ, memory, pages(PAGES)));
	ASSERT_EQ(memory + pages(4),
		  mmap(memory + pages(4), pages(1), PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0));
	memset(memory + pages(4), 1, pages(1));
	/* The other pages were not touched. */
	EXPECT_EQ(1, get_physical(fd, IRQ_TEST_HARDIRQ, memory, 1, &cmd, 1,
				  0));
	/* No task has checked the changed page yet. */
	EXPECT_EQ(-ESTALE, get_physical(fd, IRQ_TEST_HARDIRQ,
					memory + pages(4), 1, &cmd, 1, 0));
	EXPECT_EQ(-ESTALE, lock(fd, IRQ_TEST_HARDIRQ, memory + pages(4), 1));
	EXPECT_EQ(-ESTALE, get_physical(fd, IRQ_TEST_KTHREAD,
					memory + pages(4), 1, &cmd, 1, 0));
	p = prepare_of(IRQ_TEST_HARDIRQ, memory + pages(3), pages(2), INPUT);
	EXPECT_EQ(-ESTALE, prepare(fd, &p));
	/* Now a task checks it: the page is gone. */
	EXPECT_EQ(-ESTALE, get_physical(fd, IRQ_TEST_TASK, memory,
					pages(PAGES), &cmd, 64, 0));
	EXPECT_TRUE(physical_is_true(fd, IRQ_TEST_HARDIRQ, memory, pages(4),
				     64));
	EXPECT_TRUE(physical_is_true(fd, IRQ_TEST_HARDIRQ, memory + pages(5),
				     pages(PAGES - 5), 64));
	EXPECT_EQ(-ESTALE, get_physical(fd, IRQ_TEST_HARDIRQ,
					memory + pages(4), 1, &cmd, 1, 0));
	EXPECT_EQ(-ESTALE, lock(fd, IRQ_TEST_TASK, memory, pages(PAGES)));
	EXPECT_EQ(0, lock(fd, IRQ_TEST_HARDIRQ, memory, pages(4)));
	EXPECT_EQ(0, unlock(fd, IRQ_TEST_HARDIRQ, memory, pages(4)));
	/*
	 * Unlock and unhold work all the same, and a new hold takes the new
	 * page.
	 */
	EXPECT_EQ(0, unlock(fd, IRQ_TEST_HARDIRQ, memory, pages(PAGES)));
	EXPECT_EQ(0, unhold(fd, IRQ_TEST_HARDIRQ, memory + pages(4), 1));
	EXPECT_EQ(0, hold(fd, IRQ_TEST_TASK, memory + pages(4), 1));
	EXPECT_EQ(0, lock(fd, IRQ_TEST_HARDIRQ, memory, pages(PAGES)));
	EXPECT_TRUE(physical_is_true(fd, IRQ_TEST_HARDIRQ, memory,
				     pages(PAGES), 64));
}

/*
 * A change that replaces no page is forgotten once a task has checked the
 * pages.
 */
TEST_F(calls, get_over_a_false_alarm)
{
	struct irq_test_call cmd;
	char *other;

	ASSERT_EQ(0, lock(self->fd, IRQ_TEST_TASK, self->memory,
			  pages(PAGES)));
	other = mremap(self->memory, pages(PAGES), pages(PAGES),
		       MREMAP_MAYMOVE | MREMAP_FIXED,
		       (char *)self->memory + MIB(64));
	ASSERT_NE(MAP_FAILED, other);
	ASSERT_EQ(self->memory, mremap(other, pages(PAGES), pages(PAGES),
				       MREMAP_MAYMOVE | MREMAP_FIXED,
				       self->memory));
	EXPECT_EQ(-ESTALE, get_physical(self->fd, IRQ_TEST_HARDIRQ,
					self->memory, 1, &cmd, 1, 0));
	EXPECT_LT(0, get_physical(self->fd, IRQ_TEST_TASK, self->memory,
				  pages(PAGES), &cmd, 64, 0));
	EXPECT_TRUE(physical_is_true(self->fd, IRQ_TEST_HARDIRQ, self->memory,
				     pages(PAGES), 64));
}

/* Pins outlive the process; a client belongs to one process. */
TEST_F(calls, outlive_a_process)
{
	int ready[2], go[2];
	struct irq_test_call cmd;
	uint64_t pfn = 0;
	char c;
	pid_t pid;

	ASSERT_EQ(0, pipe(ready));
	ASSERT_EQ(0, pipe(go));
	pid = fork();
	ASSERT_LE(0, pid);
	if (!pid) {
		int ret = lock(self->fd, IRQ_TEST_TASK, self->memory,
			       pages(PAGES));

		memset(self->memory, 0x5a, pages(PAGES));
		pfn = pfn_of(self->memory);
		if (ret || write(ready[1], &pfn, sizeof(pfn)) < 0 ||
		    read(go[0], &c, 1) != 1)
			_exit(1);
		_exit(0);
	}
	ASSERT_EQ(sizeof(pfn), read(ready[0], &pfn, sizeof(pfn)));
	ASSERT_NE(0, pfn);
	/* The same address is other memory in this process. */
	EXPECT_EQ(-EXDEV, lock(self->fd, IRQ_TEST_TASK,
			       self->memory - MIB(1), 1));
	EXPECT_EQ(1, get_physical(self->fd, IRQ_TEST_HARDIRQ, self->memory, 1,
				  &cmd, 1, 0));
	EXPECT_EQ(pfn * page_size, cmd.extents[0].addr);
	ASSERT_EQ(1, write(go[1], "x", 1));
	ASSERT_EQ(0, child_wait(pid));
	EXPECT_EQ(pages(PAGES), kernel_stat(1));
	EXPECT_EQ(0, page_flags(pfn) & (1 << KPF_BUDDY));
	EXPECT_EQ(-ESTALE, get_physical(self->fd, IRQ_TEST_TASK, self->memory,
					1, &cmd, 1, 0));
	EXPECT_EQ(0, unlock(self->fd, IRQ_TEST_HARDIRQ, self->memory,
			    pages(PAGES)));
	EXPECT_TRUE(poll_until(nothing_is_kept, NULL));
}

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

/* Statement 61: only memory that a device may have written becomes dirty. */
TEST_F(calls, dirty_what_may_be_written)
{
	int file = memfd_create("contig", MFD_CLOEXEC), fd = self->fd;
	uint32_t level = IRQ_TEST_HARDIRQ;
	volatile char *map;
	void *page;

	ASSERT_LE(0, file);
	ASSERT_EQ(0, ftruncate(file, page_size));
	map = mmap(NULL, page_size, PROT_READ | PROT_WRITE, MAP_SHARED, file,
		   0);
	ASSERT_NE(MAP_FAILED, map);
	page = (void *)map;
	(void)*map;	/* present, and clean */
	ASSERT_EQ(0, call_flags(fd, IRQ_TEST_HOLD, IRQ_TEST_TASK, page, 1,
				CONTIG_LOCK_OUTPUT));
	EXPECT_EQ(0, call_flags(fd, IRQ_TEST_LOCK, level, page, 1,
				CONTIG_LOCK_OUTPUT));
	EXPECT_EQ(0, unlock(fd, level, page, 1));
	EXPECT_EQ(0, unhold(fd, level, page, 1));
	ASSERT_EQ(0, contig_ioctl(fd, IRQ_TEST_CLOSE, NULL));
	EXPECT_FALSE(page_flag(map, KPF_DIRTY));
	ASSERT_EQ(0, ioctl(fd, IRQ_TEST_OPEN, IRQ_TEST_FOR_NONE));
	ASSERT_EQ(0, hold(fd, IRQ_TEST_TASK, page, 1));
	EXPECT_EQ(0, lock(fd, level, page, 1));
	EXPECT_EQ(0, unlock(fd, level, page, 1));
	EXPECT_EQ(0, unhold(fd, level, page, 1));
	ASSERT_EQ(0, contig_ioctl(fd, IRQ_TEST_CLOSE, NULL));
	EXPECT_TRUE(page_flag(map, KPF_DIRTY));
	close(file);
}

/* Closing releases everything, in any order. */
TEST_F(calls, close_with_everything_held)
{
	struct irq_test_prepare cmd;
	struct irq_test_defer defer = {
		.level = IRQ_TEST_HARDIRQ,
		.nr = 8,
	};

	ASSERT_EQ(0, hold(self->fd, IRQ_TEST_TASK, self->memory,
			  pages(PAGES)));
	ASSERT_EQ(0, lock(self->fd, IRQ_TEST_HARDIRQ, self->memory, pages(8)));
	cmd = prepare_of(IRQ_TEST_HARDIRQ, self->memory, pages(4), INPUT);
	ASSERT_EQ(0, prepare(self->fd, &cmd));
	ASSERT_EQ(0, contig_ioctl(self->fd, IRQ_TEST_DO_DEFER, &defer));
	ASSERT_EQ(0, contig_ioctl(self->fd, IRQ_TEST_CLOSE, NULL));
	EXPECT_EQ(0, charged_kib());
	EXPECT_EQ(-1, kernel_stat(1));
	/* The preparation has ended with the client. */
	ASSERT_EQ(0, ioctl(self->fd, IRQ_TEST_OPEN, IRQ_TEST_FOR_NONE));
	EXPECT_EQ(-EINVAL, checkpoint(self->fd, IRQ_TEST_TASK, 0, 0));
	EXPECT_EQ(-ENODATA, unhold(self->fd, IRQ_TEST_TASK, self->memory, 1));
	EXPECT_EQ(-EWOULDBLOCK, prepare(self->fd, &cmd));
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

/* 10,000 calls in each context, or 100,000, and the duration of the longest. */
TEST_F(calls, ten_thousand_times)
{
	static const uint32_t levels[] = {
		IRQ_TEST_TASK, IRQ_TEST_SOFTIRQ, IRQ_TEST_HARDIRQ,
	};
	const unsigned int calls = is_soak() ? 100000 : 10000;
	unsigned int i, f, worst;

	ASSERT_EQ(0, hold(self->fd, IRQ_TEST_TASK, self->memory,
			  pages(PAGES)));
	for (i = 0; i < ARRAY_SIZE(levels); i++) {
		struct irq_test_storm cmd = {
			.level = levels[i],
			.rounds = calls / IRQ_TEST_FUNCTIONS,
			.addr = to_addr(self->memory) + 100,
			.length = pages(PAGES) - 200,
		};

		ASSERT_EQ(0, contig_ioctl(self->fd, IRQ_TEST_STORM, &cmd));
		EXPECT_EQ(0, cmd.result)
			TH_LOG("%s: %s", level_names[levels[i]],
			       function_names[cmd.failed]);
		EXPECT_EQ(calls, cmd.calls);
		EXPECT_LT(0, cmd.deferred);
		EXPECT_EQ(calls / IRQ_TEST_FUNCTIONS,
			  cmd.deferred + cmd.refused);
		EXPECT_EQ(cmd.deferred, cmd.ran);
		for (worst = f = 0; f < IRQ_TEST_FUNCTIONS; f++)
			if (cmd.longest_ns[f] > cmd.longest_ns[worst])
				worst = f;
		printf("# %s: %llu calls on %d pages, %llu ns each, %llu of them 100 us and more, the longest %llu ns (%s)\n",
		       level_names[levels[i]], (unsigned long long)cmd.calls,
		       PAGES, (unsigned long long)(cmd.total_ns / cmd.calls),
		       (unsigned long long)cmd.slow,
		       (unsigned long long)cmd.longest_ns[worst],
		       function_names[worst]);
	}
	EXPECT_EQ(pages(PAGES), kernel_stat(1));
	EXPECT_EQ(0, unhold(self->fd, IRQ_TEST_TASK, self->memory,
			    pages(PAGES)));
	EXPECT_EQ(-ENODATA, unhold(self->fd, IRQ_TEST_TASK, self->memory, 1));
}

/* Map scattered memory: adjacent pages are touched at different times. */
static char *scattered_map(unsigned int n)
{
	char *memory = anon_map(pages(n));
	unsigned int i, at = 0;

	if (!memory)
		return NULL;
	/*
	 * This fails only on kernels without huge pages, where it is not
	 * needed.
	 */
	madvise(memory, pages(n), MADV_NOHUGEPAGE);
	/* A prime number: each page is touched once, whatever @n is. */
	for (i = 0; i < n; i++, at = (at + 7919) % n)
		memory[pages(at)] = 1;
	return memory;
}

/* Time of each function per page in the fastest round, in ps. */
struct times_off {
	uint64_t ps[IRQ_TEST_FUNCTIONS];
	uint64_t dearest;
};

/*
 * Call each function on held memory with interrupts off, and print how long the
 * longest call took.
 */
static int time_off(int fd, const char *what, const char *memory,
		    unsigned int n, struct times_off *times)
{
	struct irq_test_measure cmd = {
		.rounds = 9,
		.addr = to_addr(memory),
		.length = pages(n),
	};
	unsigned int f, longest = 0;
	int ret = contig_ioctl(fd, IRQ_TEST_MEASURE, &cmd);

	times->dearest = 0;
	ret = ret ?: cmd.result;
	for (f = 0; !ret && f < IRQ_TEST_DEFER; f++) {
		if (cmd.longest_ns[f] > cmd.longest_ns[longest])
			longest = f;
		times->ps[f] = cmd.shortest_ns[f] * 1000 / n;
		if (times->ps[f] > times->dearest)
			times->dearest = times->ps[f];
	}
	if (!ret)
		printf("# interrupts off: %u pages, %s: at most %llu us (%s); %llu ns a page to lock, %llu to prepare\n",
		       n, what,
		       (unsigned long long)cmd.longest_ns[longest] / 1000,
		       function_names[longest],
		       (unsigned long long)times->ps[IRQ_TEST_LOCK] / 1000,
		       (unsigned long long)times->ps[IRQ_TEST_PREPARE] / 1000);
	return ret;
}

/*
 * A page takes as long in the longest scattered range that one call takes as in
 * a short one; in memory that was held in many pieces before, it takes about as
 * long as in one small run. Filling in an address in two tables takes about as
 * long as changing a count. The factors lie between the cost with a search for
 * each page and the cost without one.
 */
TEST_F_TIMEOUT(calls, take_as_long_for_every_page, 400)
{
	unsigned int n = times(65536), few = 1024, i;
	/* DMA_API_DEBUG warns about more than seven mappings of one page. */
	unsigned int turns = is_slow_kernel() ? 6 : 256;
	char *scattered = scattered_map(n), *pieces = scattered_map(few), *run;
	int fd = kernel_client(IRQ_TEST_FOR_PLATFORM), client = client_open();
	struct times_off best, large, small, history;
	int buffer;

	ASSERT_LE(0, fd);
	ASSERT_NE(NULL, scattered);
	ASSERT_NE(NULL, pieces);
	need_reserve(client, pages(few));
	buffer = buffer_get(client, pages(few), CONTIG_RUNGS_RESERVE);
	ASSERT_LE(0, buffer);
	run = buffer_map(buffer, pages(few));
	ASSERT_NE(NULL, run);
	ASSERT_EQ(0, hold(fd, IRQ_TEST_TASK, run, pages(few)));
	ASSERT_EQ(0, time_off(fd, "one run", run, few, &best));
	ASSERT_EQ(0, unhold(fd, IRQ_TEST_TASK, run, pages(few)));

	ASSERT_EQ(0, hold(fd, IRQ_TEST_TASK, scattered, pages(n)));
	ASSERT_EQ(0, time_off(fd, "scattered", scattered, few, &small));
	ASSERT_EQ(0, time_off(fd, "scattered", scattered, n, &large));
	EXPECT_GT(4 * small.ps[IRQ_TEST_LOCK], small.ps[IRQ_TEST_PREPARE]);
	/* The host interrupts long calls in every round. */
	EXPECT_GT(8 * small.dearest, large.dearest);
	ASSERT_EQ(0, unhold(fd, IRQ_TEST_TASK, scattered, pages(n)));

	/* Each turn leaves one page held of those that it held. */
	for (i = 0; i < turns; i++) {
		ASSERT_EQ(0, hold(fd, IRQ_TEST_TASK, pieces + pages(i),
				  pages(few - i)));
		ASSERT_EQ(0, unhold(fd, IRQ_TEST_TASK, pieces + pages(i + 1),
				    pages(few - i - 1)));
	}
	/* Then every other page gets a hold of its own. */
	for (i = turns; i < few; i += 2)
		ASSERT_EQ(0, hold(fd, IRQ_TEST_TASK, pieces + pages(i), 1));
	ASSERT_EQ(0, lock(fd, IRQ_TEST_TASK, pieces, pages(few)));
	ASSERT_EQ(0, time_off(fd, "each held apart", pieces, few, &history));
	EXPECT_GT(100 * best.dearest, history.dearest);
	EXPECT_EQ(0, unlock(fd, IRQ_TEST_TASK, pieces, pages(few)));
	close(fd);
	munmap(run, pages(few));
	close(buffer);
	close(client);
	munmap(pieces, pages(few));
	munmap(scattered, pages(n));
}

struct stormy {
	int fd;
	struct irq_test_storm cmd;
	int ret;
	volatile bool over;
};

static void *storm(void *arg)
{
	struct stormy *stormy = arg;

	stormy->ret = contig_ioctl(stormy->fd, IRQ_TEST_STORM, &stormy->cmd);
	stormy->over = true;
	return NULL;
}

/*
 * Interrupts hold, lock, unlock and unhold memory while a task holds, locks,
 * unlocks, unholds and unmaps the same memory and memory beside it: the last
 * user releases the memory.
 */
TEST_F_TIMEOUT(calls, from_interrupts_and_tasks_at_once, 600)
{
	struct stormy stormy = {
		.fd = self->fd,
		.cmd = {
			.level = IRQ_TEST_HARDIRQ,
			.rounds = times(10000),
			.not_held = 1,
			.addr = to_addr(self->memory),
			.length = pages(4),
		},
	};
	unsigned long turns = 0, refused = 0;
	char *beside = self->memory + pages(8);
	struct irq_test_call table;
	pthread_t thread;
	int fd = self->fd, ret, i;

	ASSERT_EQ(0, pthread_create(&thread, NULL, storm, &stormy));
	while (!stormy.over) {
		/*
		 * More pages than the interrupts use, and held for half of the
		 * time.
		 */
		ASSERT_EQ(0, hold(fd, IRQ_TEST_TASK, self->memory, pages(6)));
		ASSERT_EQ(0, lock(fd, IRQ_TEST_TASK, self->memory + pages(1),
				  pages(8)));
		ASSERT_EQ(0, unhold(fd, IRQ_TEST_TASK, self->memory, pages(6)));
		for (i = 0; i < 50; i++) {
			ret = get_physical(fd, IRQ_TEST_TASK,
					   self->memory + pages(1), pages(8),
					   &table, 64, 0);
			ASSERT_LT(0, ret);
		}
		ASSERT_EQ(0, unlock(fd, IRQ_TEST_TASK, self->memory + pages(1),
				    pages(8)));
		ASSERT_EQ(0, lock(fd, IRQ_TEST_TASK, beside, pages(2)));
		ASSERT_EQ(beside, mmap(beside, pages(1), PROT_READ | PROT_WRITE,
				       MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED,
				       -1, 0));
		ret = get_physical(fd, IRQ_TEST_TASK, beside, pages(2), &table,
				   64, 0);
		ASSERT_EQ(-ESTALE, ret);
		ASSERT_EQ(0, unlock(fd, IRQ_TEST_TASK, beside, pages(2)));
		/*
		 * Without sleeping: it succeeds if an interrupt holds the
		 * memory meanwhile.
		 */
		ret = call_flags(fd, IRQ_TEST_LOCK, IRQ_TEST_TASK, self->memory,
				 pages(4), NOSLEEP);
		if (!ret)
			ret = unlock(fd, IRQ_TEST_TASK, self->memory, pages(4));
		refused += ret == -EWOULDBLOCK;
		ASSERT_TRUE(!ret || ret == -EWOULDBLOCK);
		turns++;
	}
	pthread_join(thread, NULL);
	ASSERT_EQ(0, stormy.ret);
	EXPECT_EQ(0, stormy.cmd.result)
		TH_LOG("%s", function_names[stormy.cmd.failed]);
	printf("# %lu turns beside %llu calls; %u rounds and %lu locks met nothing held\n",
	       turns, (unsigned long long)stormy.cmd.calls, stormy.cmd.ended,
	       refused);
	EXPECT_LT(0, stormy.cmd.ended);
	EXPECT_EQ(-ENODATA, unhold(fd, IRQ_TEST_TASK, self->memory, 1));
	EXPECT_EQ(-ENOLCK, unlock(fd, IRQ_TEST_TASK, self->memory, 1));
	EXPECT_TRUE(poll_until(nothing_is_kept, NULL));
}

/* contig cannot be unloaded as long as another module uses it. */
TEST_F(calls, keep_the_module)
{
	EXPECT_NE(0, system("rmmod contig 2>/dev/null"));
	EXPECT_NE(0, system("rmmod contig_irq_test 2>/dev/null"));
	ASSERT_EQ(0, hold(self->fd, IRQ_TEST_TASK, self->memory, 1));
	close(self->fd);
	EXPECT_EQ(0, system("rmmod contig_irq_test"));
	self->fd = kernel_client(IRQ_TEST_FOR_NONE);
	EXPECT_LE(0, self->fd);
}

/* Calls at task level with the nth failure; nothing may be left. */
static int try_hold(int fd, char *memory)
{
	return hold(fd, IRQ_TEST_TASK, memory, pages(PAGES));
}

static int try_lock(int fd, char *memory)
{
	return lock(fd, IRQ_TEST_TASK, memory, pages(PAGES));
}

static int try_prepare(int fd, char *memory)
{
	struct irq_test_prepare cmd = prepare_of(IRQ_TEST_TASK, memory,
						 pages(PAGES), INPUT);

	return prepare(fd, &cmd);
}

/* Memory that is locked, of which one page has changed. */
static int try_look(int fd, char *memory)
{
	struct irq_test_call cmd;

	return get_physical(fd, IRQ_TEST_TASK, memory + pages(1),
			    pages(PAGES - 1), &cmd, 64, 0);
}

static int try_open(int fd, char *memory)
{
	int ret = contig_ioctl(fd, IRQ_TEST_CLOSE, NULL);

	return ret ?: contig_ioctl(fd, IRQ_TEST_OPEN, NULL);
}

/*
 * Without a device: DMA API debugging disables itself for good when it gets no
 * memory.
 */
TEST_F_TIMEOUT(calls, survive_every_failure, 600)
{
	int (*const tries[])(int fd, char *memory) = {
		try_hold, try_lock, try_prepare, try_look, try_open,
	};
	unsigned int i, n, left;
	int ret, fault, failed;

	if (access(FAIL_NTH, W_OK))
		SKIP(return, "no fault injection in this kernel: CONFIG_FAULT_INJECTION");
	faults_setup();
	for (i = 0; i < ARRAY_SIZE(tries); i++) {
		left = 0;
		failed = 0;
		for (n = 1; !left && n < FAULTS_MAX; n++) {
			if (tries[i] == try_look) {
				ASSERT_EQ(0, lock(self->fd, IRQ_TEST_TASK,
						  self->memory, pages(PAGES)));
				madvise(self->memory, page_size, MADV_DONTNEED);
			}
			fault = fault_arm(n);
			ret = tries[i](self->fd, self->memory);
			left = fault_disarm(fault);
			failed += ret < 0;
			if (left)
				EXPECT_LE(0, ret)
					TH_LOG("number %u: %d", i, ret);
			/*
			 * If the answer was lost the call may have succeeded.
			 */
			if (ret < 0 && ret != -EFAULT && tries[i] != try_look)
				EXPECT_GE(0, kernel_stat(1))
					TH_LOG("number %u, point %u: %d", i, n,
					       ret);
			ASSERT_EQ(0, contig_ioctl(self->fd, IRQ_TEST_CLOSE,
						  NULL));
			EXPECT_EQ(0, charged_kib());
			ASSERT_EQ(0, contig_ioctl(self->fd, IRQ_TEST_OPEN,
						  NULL));
		}
		EXPECT_LT(0, failed);
		EXPECT_LT(0, left);
		printf("# number %u: %d failures in %u points\n", i, failed,
		       n - 1);
	}
}

TEST_HARNESS_MAIN

// SPDX-License-Identifier: GPL-2.0-only
/*
 * The interface for other modules of the kernel, called in every context: hold,
 * lock, their opposites, and translation. interrupts_io.c prepares memory and
 * defers functions, interrupts_load.c makes many calls.
 */
#include <sys/resource.h>

#include "kselftest_harness.h"
#include "interrupts_calls.h"

/* The limit of one call: selftests/run loads the module with this. */
#define MOST 65537

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

TEST_HARNESS_MAIN

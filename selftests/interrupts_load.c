// SPDX-License-Identifier: GPL-2.0-only
/*
 * Many calls of the interface for other modules of the kernel: how long each
 * takes, from interrupts and tasks at once, and with a failure at every point
 */
#include <pthread.h>

#include "kselftest_harness.h"
#include "faults.h"
#include "interrupts_calls.h"

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
	uint32_t rung = CONTIG_RUNG_RESERVE;
	int buffer;

	ASSERT_LE(0, fd);
	ASSERT_NE(NULL, scattered);
	ASSERT_NE(NULL, pieces);
	/* The reserve is too small for so many large pages. */
	if (!reserve_promises(pages(few)))
		rung = CONTIG_RUNG_RANGE;
	need_rung(client, rung, pages(few));
	buffer = buffer_get(client, pages(few), 1u << rung);
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

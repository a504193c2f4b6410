// SPDX-License-Identifier: GPL-2.0-only
/*
 * The testable statements about DeferUserFn, checked in signal handlers that
 * interrupt a call of libcontig's classic interface. Each test carries the
 * number of its statement.
 */
#include <contig/macvm.h>
#include <pthread.h>
#include <signal.h>
#include <sys/time.h>

#include "kselftest_harness.h"
#include "classic.h"
#include "slow_memory.h"

#define PAGES 8
#define MOST 4096

static intptr_t ran[MOST];
static int run_count;

/* What the handler did. */
static int to_defer;
static int deferred, refused, safe;
static bool ran_on_return;
static pthread_t interrupted;
/* When the timer sends the next signal, once the last one has been handled. */
static struct itimerval next_alarm;

static void note(void *argument)
{
	if (run_count < MOST)
		ran[run_count] = (intptr_t)argument;
	run_count++;
}

static void handler(int signal)
{
	int before, i;
	OSErr err;

	if (!pthread_equal(pthread_self(), interrupted))
		return;
	for (i = 0; i < to_defer; i++) {
		before = run_count;
		err = DeferUserFn(note, (void *)(intptr_t)(deferred + safe));
		if (err == cannotDeferErr)
			refused++;
		else if (run_count == before)
			deferred++;
		else
			safe++;
		if (err == noErr && run_count != before)
			ran_on_return = true;
	}
	if (signal == SIGALRM)
		setitimer(ITIMER_REAL, &next_alarm, NULL);
}

/* On 6.1 a call that locks fails at once where mlock() waits for the page. */
static bool nobody_waits(const struct slow_memory *slow, OSErr err)
{
	return err == paramErr && errno == EFAULT && !slow->waited;
}

static void interrupt_it(struct slow_memory *slow)
{
	pthread_kill(interrupted, SIGUSR1);
}

FIXTURE(defer) {
	char *memory;
	struct slow_memory slow;
};

FIXTURE_SETUP(defer) {
	struct sigaction action = { .sa_handler = handler };

	if (access(CONTIG_PATH, F_OK))
		SKIP(return, "no " CONTIG_PATH ": load the module");
	self->memory = anon_map(pages(PAGES));
	ASSERT_NE(NULL, self->memory);
	ASSERT_EQ(0, sigaction(SIGUSR1, &action, NULL));
	ASSERT_EQ(0, sigaction(SIGALRM, &action, NULL));
	interrupted = pthread_self();
	run_count = deferred = refused = safe = 0;
	ran_on_return = false;
	to_defer = 1;
}

FIXTURE_TEARDOWN(defer) {
	munmap(self->memory, pages(PAGES));
}

#define start_slow(how) do { \
	int _error; \
	_error = slow_start(&self->slow, PAGES, (how)); \
	if (_error == -ENOSYS) \
		SKIP(return, "this kernel has no userfaultfd"); \
	ASSERT_EQ(0, _error); \
} while (0)

TEST_F(defer, s35_what_is_safe_is_done_at_once)
{
	ASSERT_EQ(noErr, DeferUserFn(note, (void *)0x77));
	EXPECT_EQ(1, run_count);
	EXPECT_EQ(0x77, ran[0]);
	/* In a signal handler as well. */
	raise(SIGUSR1);
	EXPECT_TRUE(ran_on_return);
	EXPECT_EQ(2, run_count);
	/* Also when a call has returned. */
	ASSERT_EQ(noErr, LockMemory(self->memory, pages(2)));
	ASSERT_EQ(noErr, UnlockMemory(self->memory, pages(2)));
	raise(SIGUSR1);
	EXPECT_EQ(3, run_count);
	EXPECT_EQ(0, deferred);
	EXPECT_EQ(paramErr, DeferUserFn(NULL, self->memory));
}

/* Each of these calls waits in the kernel for a page. */
TEST_F(defer, s36_what_is_not_safe_is_done_later)
{
	struct {
		OSErr (*call)(void *address, unsigned long count);
		OSErr (*undo)(void *address, unsigned long count);
	} calls[] = {
		{ LockMemory, UnlockMemory },
		{ LockMemoryForOutput, UnlockMemory },
		{ HoldMemory, UnholdMemory },
	};
	unsigned int i;
	OSErr err;
	int j;

	for (i = 0; i < ARRAY_SIZE(calls); i++) {
		run_count = deferred = safe = 0;
		to_defer = 3;
		start_slow(interrupt_it);
		err = calls[i].call(self->slow.memory, pages(PAGES));
		if (nobody_waits(&self->slow, err)) {
			ASSERT_TRUE(calls[i].call != HoldMemory);
			slow_end(&self->slow);
			continue;
		}
		ASSERT_EQ(noErr, err);
		EXPECT_TRUE(self->slow.waited);
		EXPECT_EQ(3, deferred);
		EXPECT_FALSE(ran_on_return);
		/* Each function ran once, with its argument, and in order. */
		ASSERT_EQ(3, run_count);
		for (j = 0; j < 3; j++)
			EXPECT_EQ(j, ran[j]);
		ASSERT_EQ(noErr, calls[i].undo(self->slow.memory,
					       pages(PAGES)));
		EXPECT_EQ(3, run_count);
		slow_end(&self->slow);
	}
}

TEST_F(defer, s36_preparing_is_not_safe)
{
	IOPreparationTable table = {
		.options = kIOLogicalRanges | kIOIsInput,
		.addressSpace = kCurrentAddressSpaceID,
	};
	OSErr err;

	start_slow(interrupt_it);
	table.rangeInfo.range.base = self->slow.memory;
	table.rangeInfo.range.length = pages(PAGES);
	err = PrepareMemoryForIO(&table);
	if (nobody_waits(&self->slow, err)) {
		slow_end(&self->slow);
		SKIP(return, "no lock waits for userfaultfd on this kernel");
	}
	ASSERT_EQ(noErr, err);
	EXPECT_EQ(1, deferred);
	EXPECT_EQ(1, run_count);
	EXPECT_EQ(noErr, CheckpointIO(table.preparationID, 0));
	slow_end(&self->slow);
}

static char *scratch;
static OSErr scratch_result;

/*
 * The handler itself cannot hold: its thread has the library's mutex for holds.
 */
static void hold_scratch(void *argument)
{
	scratch_result = HoldMemory(scratch, page_size) ?:
			 LockMemory(scratch, page_size);
	note(argument);
}

static void hold_and_unhold(void *argument)
{
	if (scratch_result == noErr)
		scratch_result = HoldMemory(scratch, page_size) ?:
				 UnholdMemory(scratch, page_size);
	note(argument);
}

static void hold_and_unhold_scratch(int signal)
{
	int saved = errno;

	if (pthread_equal(pthread_self(), interrupted))
		DeferUserFn(hold_and_unhold, NULL);
	errno = saved;
}

/* Wait for a child; signals interrupt this. */
static int child_status(pid_t child)
{
	int status;

	while (waitpid(child, &status, 0) != child)
		if (errno != EINTR)
			return -1;
	return status;
}

static void defer_hold(int signal)
{
	if (!pthread_equal(pthread_self(), interrupted))
		return;
	if (DeferUserFn(hold_scratch, NULL) == noErr && !run_count)
		deferred++;
}

TEST_F(defer, s36_what_was_deferred_may_hold_and_lock)
{
	scratch = self->memory;
	scratch_result = 1;
	ASSERT_NE(SIG_ERR, signal(SIGUSR1, defer_hold));
	start_slow(interrupt_it);
	ASSERT_EQ(noErr, HoldMemory(self->slow.memory, pages(PAGES)));
	EXPECT_EQ(1, deferred);
	EXPECT_EQ(1, run_count);
	EXPECT_EQ(noErr, scratch_result);
	EXPECT_EQ(1, state_of(scratch).holds);
	EXPECT_EQ(1, state_of(scratch).locks);
	EXPECT_EQ(noErr, UnholdMemory(self->slow.memory, pages(PAGES)));
	EXPECT_EQ(noErr, UnholdMemory(scratch, page_size));
	EXPECT_EQ(noErr, UnlockMemory(scratch, page_size));
	slow_end(&self->slow);
}

/* Runs in another thread while HoldMemory waits for a page. */
static void go_on(struct slow_memory *slow)
{
	pid_t child;

	scratch_result = HoldMemory(scratch, page_size) ?:
			 LockMemory(scratch, page_size) ?:
			 UnlockMemory(scratch, page_size) ?:
			 UnholdMemory(scratch, page_size);
	child = fork();
	if (!child)
		_exit(HoldMemory(scratch, page_size) ||
		      UnholdMemory(scratch, page_size));
	if (!child_status(child))
		run_count++;
}

TEST_F(defer, a_hold_that_waits_keeps_no_thread_waiting)
{
	scratch = self->memory;
	scratch_result = 1;
	start_slow(go_on);
	ASSERT_EQ(noErr, HoldMemory(self->slow.memory, pages(PAGES)));
	EXPECT_TRUE(self->slow.waited);
	EXPECT_EQ(noErr, scratch_result);
	EXPECT_EQ(1, run_count);
	EXPECT_EQ(1, state_of(self->slow.memory).holds);
	EXPECT_EQ(noErr, UnholdMemory(self->slow.memory, pages(PAGES)));
	slow_end(&self->slow);
}

/* fork() holds mutexes, so no deferred function may run before it is over. */
TEST_F_TIMEOUT(defer, signals_amid_forks, 120)
{
	/* A fork() that takes longer than this is restarted by each signal. */
	const long us = is_slow_kernel() ? 30000 : 3000;
	struct itimerval often = { { 0, us }, { 0, us } };
	char *much = anon_map(MIB(8));
	pid_t child;
	int i;

	ASSERT_NE(NULL, much);
	scratch = self->memory;
	scratch_result = noErr;
	ASSERT_NE(SIG_ERR, signal(SIGALRM, hold_and_unhold_scratch));
	ASSERT_EQ(0, setitimer(ITIMER_REAL, &often, NULL));
	for (i = 0; i < times(100) || (i < 1000 && run_count < 50); i++) {
		child = fork();
		if (!child)
			_exit(HoldMemory(scratch, page_size) ||
			      UnholdMemory(scratch, page_size));
		ASSERT_LT(0, child);
		ASSERT_EQ(0, child_status(child));
	}
	memset(&often, 0, sizeof(often));
	setitimer(ITIMER_REAL, &often, NULL);
	EXPECT_EQ(noErr, scratch_result);
	EXPECT_LT(0, run_count);
	EXPECT_EQ(0, state_of(scratch).holds);
	TH_LOG("%d signals amid %d forks", run_count, i);
}

TEST_F(defer, s37_the_table_is_bounded)
{
	int i;

	to_defer = maxDeferredUserFns + 5;
	start_slow(interrupt_it);
	ASSERT_EQ(noErr, HoldMemory(self->slow.memory, pages(PAGES)));
	EXPECT_EQ(maxDeferredUserFns, deferred);
	EXPECT_EQ(5, refused);
	EXPECT_EQ(-625, cannotDeferErr);
	/* Functions that were refused never run. */
	ASSERT_EQ(maxDeferredUserFns, run_count);
	for (i = 0; i < run_count; i++)
		EXPECT_EQ(i, ran[i]);
	ASSERT_EQ(noErr, UnholdMemory(self->slow.memory, pages(PAGES)));
	EXPECT_EQ(maxDeferredUserFns, run_count);
	slow_end(&self->slow);
	/* The table has room again. */
	to_defer = 1;
	raise(SIGUSR1);
	EXPECT_EQ(maxDeferredUserFns + 1, run_count);
}

/*
 * Whenever a signal comes, the function that it defers runs once, and in order.
 * A few signals come during each call, with pauses between them: if they came
 * faster than a slow kernel can deliver them, the table would be full most of
 * the time.
 */
TEST_F_TIMEOUT(defer, s36_signals_at_any_time, 300)
{
	size_t length = MIB(1);
	uint64_t start = now_ns(), enough = 3000000000ull, usec;
	char *much;
	int i;

	much = mmap(NULL, length, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, much);
	ASSERT_EQ(noErr, LockMemory(much, length));
	ASSERT_EQ(noErr, UnlockMemory(much, length));
	madvise(much, length, MADV_DONTNEED);
	usec = (now_ns() - start) / 1000 / 4;
	next_alarm.it_value.tv_usec = usec < 500 ? 500 :
				      usec < 500000 ? usec : 500000;
	ASSERT_EQ(0, setitimer(ITIMER_REAL, &next_alarm, NULL));
	/* Run for longer until a signal has interrupted a call. */
	while (now_ns() - start < (deferred ? enough : 20 * enough) &&
	       run_count < MOST - 100) {
		ASSERT_EQ(noErr, LockMemory(much, length));
		ASSERT_EQ(noErr, UnlockMemory(much, length));
		madvise(much, length, MADV_DONTNEED);
	}
	next_alarm.it_value.tv_usec = 0;
	setitimer(ITIMER_REAL, &next_alarm, NULL);
	EXPECT_LT(0, deferred);
	EXPECT_EQ(run_count, deferred + safe);
	EXPECT_EQ(0, refused);
	ASSERT_GE(MOST, run_count);
	for (i = 0; i < run_count; i++)
		ASSERT_EQ(i, ran[i]);
	TH_LOG("%d deferred, %d at once", deferred, safe);
	munmap(much, length);
}

TEST_HARNESS_MAIN

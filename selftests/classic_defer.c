// SPDX-License-Identifier: GPL-2.0-only
/*
 * The testable statements about DeferUserFn, by way of signal handlers that
 * interrupt a call of libcontig's classic face. Each test carries the number of
 * its statement.
 */
#include <contig/macvm.h>
#include <linux/userfaultfd.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/time.h>

#include "kselftest_harness.h"
#include "classic.h"

#define PAGES 8
#define MOST 4096

static intptr_t ran[MOST];
static int run_count;

/* What happened in the handler. */
static int to_defer;
static int deferred, refused, safe;
static bool ran_on_return;
static pthread_t interrupted;
/* When the next signal comes that nobody sends, after the last one is through. */
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

/* Memory whose first access waits for a thread of ours. */
struct slow_memory {
	char *memory;
	int fd;
	int wake[2];
	void (*meanwhile)(struct slow_memory *slow);
	bool waited;
	pthread_t thread;
};

static bool slow_fill(struct slow_memory *slow)
{
	struct uffdio_zeropage zero = {
		.range = { to_addr(slow->memory), pages(PAGES) },
	};

	return !ioctl(slow->fd, UFFDIO_ZEROPAGE, &zero);
}

static void *slow_serve(void *arg)
{
	struct slow_memory *slow = arg;
	struct pollfd poll_fds[] = {
		{ slow->fd, POLLIN }, { slow->wake[0], POLLIN },
	};
	struct uffd_msg message;

	if (poll(poll_fds, 2, -1) < 1 || !(poll_fds[0].revents & POLLIN) ||
	    read(slow->fd, &message, sizeof(message)) != sizeof(message))
		return NULL;
	/* Here the call is in the middle of it, and stays there. */
	slow->waited = true;
	slow->meanwhile(slow);
	slow_fill(slow);
	return NULL;
}

static int slow_start(struct slow_memory *slow)
{
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_register reg = {
		.mode = UFFDIO_REGISTER_MODE_MISSING,
	};

	slow->fd = syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK);
	if (slow->fd < 0)
		return -errno;
	if (ioctl(slow->fd, UFFDIO_API, &api))
		return -errno;
	slow->memory = mmap(NULL, pages(PAGES), PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	reg.range.start = to_addr(slow->memory);
	reg.range.len = pages(PAGES);
	if (ioctl(slow->fd, UFFDIO_REGISTER, &reg) || pipe(slow->wake))
		return -errno;
	return -pthread_create(&slow->thread, NULL, slow_serve, slow);
}

static void slow_end(struct slow_memory *slow)
{
	close(slow->wake[1]);
	pthread_join(slow->thread, NULL);
	close(slow->wake[0]);
	close(slow->fd);
	munmap(slow->memory, pages(PAGES));
}

/* In 6.1 what locks gives up at once, where mlock() waits. */
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
	self->slow = (struct slow_memory) { .fd = -1, .meanwhile = (how) }; \
	_error = slow_start(&self->slow); \
	if (_error == -ENOSYS) \
		SKIP(return, "this kernel has no userfaultfd"); \
	ASSERT_EQ(0, _error); \
} while (0)

TEST_F(defer, s35_what_is_safe_is_done_at_once)
{
	ASSERT_EQ(noErr, DeferUserFn(note, (void *)0x77));
	EXPECT_EQ(1, run_count);
	EXPECT_EQ(0x77, ran[0]);
	/* In a handler as well. */
	raise(SIGUSR1);
	EXPECT_TRUE(ran_on_return);
	EXPECT_EQ(2, run_count);
	/* And when a call is over. */
	ASSERT_EQ(noErr, LockMemory(self->memory, pages(2)));
	ASSERT_EQ(noErr, UnlockMemory(self->memory, pages(2)));
	raise(SIGUSR1);
	EXPECT_EQ(3, run_count);
	EXPECT_EQ(0, deferred);
	EXPECT_EQ(paramErr, DeferUserFn(NULL, self->memory));
}

/* All of them wait in the kernel for a page. */
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
		/* Each once, with its argument, in their order. */
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

/* What could not be done in the handler: the thread has the mutex for holds. */
static void hold_scratch(void *argument)
{
	scratch_result = HoldMemory(scratch, page_size) ?:
			 LockMemory(scratch, page_size);
	note(argument);
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

TEST_F(defer, s37_the_table_is_bounded)
{
	int i;

	to_defer = maxDeferredUserFns + 5;
	start_slow(interrupt_it);
	ASSERT_EQ(noErr, HoldMemory(self->slow.memory, pages(PAGES)));
	EXPECT_EQ(maxDeferredUserFns, deferred);
	EXPECT_EQ(5, refused);
	EXPECT_EQ(-625, cannotDeferErr);
	/* Those that were refused never run. */
	ASSERT_EQ(maxDeferredUserFns, run_count);
	for (i = 0; i < run_count; i++)
		EXPECT_EQ(i, ran[i]);
	ASSERT_EQ(noErr, UnholdMemory(self->slow.memory, pages(PAGES)));
	EXPECT_EQ(maxDeferredUserFns, run_count);
	slow_end(&self->slow);
	/* There is room again. */
	to_defer = 1;
	raise(SIGUSR1);
	EXPECT_EQ(maxDeferredUserFns + 1, run_count);
}

/*
 * Wherever a signal comes, what it defers is done once, and in order. A few signals
 * for each call, and time between them: were they quicker than a slow kernel can
 * deliver them, the table would be full most of the time.
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
	/* Longer where no signal has come in the middle yet. */
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

// SPDX-License-Identifier: LGPL-2.1-or-later OR MIT
/*
 * The numbers are those of the statements in the description of the classic
 * semantics. Signals come while a call is in the kernel.
 */
#include <contig.h>
#include <contig/macvm.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "fake.h"

#define PAGES 4
#define MOST (3 * maxDeferredUserFns)

static char *memory;
static intptr_t ran[MOST];
static unsigned int run_count;
static unsigned int run_count_in_handler;
static OSErr results[MOST];
static unsigned int to_defer;
static unsigned int interrupted_command;

static int setup(void **state)
{
	fake_reset(state);
	memory = fake_memory(PAGES);
	run_count = 0;
	run_count_in_handler = -1u;
	to_defer = 1;
	interrupted_command = -1u;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	return munmap(memory, PAGES * PAGE);
}

static void note(void *argument)
{
	ran[run_count++] = (intptr_t)argument;
}

static void defer_some(int signal)
{
	unsigned int i;

	(void)signal;
	for (i = 0; i < to_defer; i++)
		results[i] = DeferUserFn(note, (void *)(intptr_t)(100 + i));
	run_count_in_handler = run_count;
}

/* Raise a signal while a command is executed. */
static void interrupt(unsigned int cmd)
{
	if (cmd == interrupted_command) {
		interrupted_command = -1u;
		raise(SIGUSR1);
	}
}

static void interrupt_next(unsigned int cmd, void (*handler)(int))
{
	signal(SIGUSR1, handler);
	fake.during = interrupt;
	interrupted_command = cmd;
	run_count = 0;
	run_count_in_handler = -1u;
}

/* Statement 35 */
static void what_is_safe_is_done_at_once(void **state)
{
	(void)state;
	assert_int_equal(DeferUserFn(note, (void *)7), noErr);
	assert_int_equal(run_count, 1);
	assert_int_equal(ran[0], 7);
	signal(SIGUSR1, defer_some);
	raise(SIGUSR1);
	assert_int_equal(run_count_in_handler, 2);
	assert_int_equal(ran[1], 100);
	assert_int_equal(DeferUserFn(NULL, NULL), paramErr);
	assert_int_equal(MacVMLastError(), paramErr);
	assert_int_equal(run_count, 2);
}

/* Statement 36 */
static void what_is_not_safe_is_done_later(void **state)
{
	(void)state;
	to_defer = 3;
	interrupt_next(CONTIG_CMD_LOCK, defer_some);
	assert_int_equal(LockMemory(memory, PAGE), noErr);
	assert_int_equal(run_count_in_handler, 0);
	assert_int_equal(run_count, 3);
	assert_int_equal(ran[0], 100);
	assert_int_equal(ran[1], 101);
	assert_int_equal(ran[2], 102);
	assert_int_equal(UnlockMemory(memory, PAGE), noErr);
	assert_int_equal(LockMemory(memory, PAGE), noErr);
	assert_int_equal(UnlockMemory(memory, PAGE), noErr);
	assert_int_equal(run_count, 3);
}

/* Statement 37 */
static void the_table_is_bounded(void **state)
{
	unsigned int i;
	unsigned int round;

	(void)state;
	to_defer = maxDeferredUserFns + 3;
	/* Several times, since places are used again. */
	for (round = 0; round < 5; round++) {
		interrupt_next(CONTIG_CMD_LOCK, defer_some);
		assert_int_equal(LockMemory(memory, PAGE), noErr);
		for (i = 0; i < to_defer; i++)
			assert_int_equal(results[i], i < maxDeferredUserFns
							     ? noErr
							     : cannotDeferErr);
		assert_int_equal(cannotDeferErr, -625);
		assert_int_equal(run_count, maxDeferredUserFns);
		for (i = 0; i < run_count; i++)
			assert_int_equal(ran[i], 100 + i);
		assert_int_equal(UnlockMemory(memory, PAGE), noErr);
		/* The next function is at another place in the table. */
		to_defer = maxDeferredUserFns - 1;
		interrupt_next(CONTIG_CMD_LOCK, defer_some);
		assert_int_equal(LockMemory(memory, PAGE), noErr);
		assert_int_equal(run_count, maxDeferredUserFns - 1);
		assert_int_equal(UnlockMemory(memory, PAGE), noErr);
		to_defer = maxDeferredUserFns + 3;
	}
}

static void defer_in_safety(int signal)
{
	(void)signal;
	/* An interrupted call that ends with the handler's call. */
	UnlockMemory(memory, PAGE);
	LockMemory(memory + PAGE, PAGE);
	UnlockMemory(memory + PAGE, PAGE);
	defer_some(signal);
}

/* Calls of the handler nest in the call that it interrupted. */
static void calls_nest(void **state)
{
	(void)state;
	assert_int_equal(LockMemory(memory, PAGE), noErr);
	interrupt_next(CONTIG_CMD_LOCK, defer_in_safety);
	assert_int_equal(LockMemory(memory, PAGE), noErr);
	assert_int_equal(run_count_in_handler, 0);
	assert_int_equal(run_count, 1);
	assert_int_equal(UnlockMemory(memory, PAGE), noErr);
	assert_int_equal(fake_busy_pages(), 0);
}

static void hold_and_fail(void *argument)
{
	unsigned int before;

	note(argument);
	/* The mutex for holds is free again. */
	assert_int_equal(HoldMemory(memory, PAGE), noErr);
	assert_int_equal(UnholdMemory(memory, PAGE), noErr);
	assert_int_equal(UnlockMemory(memory + PAGE, PAGE), notLockedErr);
	/*
	 * The function deferred here runs last, and not within this function.
	 */
	before = run_count;
	if (run_count < 5)
		assert_int_equal(DeferUserFn(hold_and_fail, (void *)55), noErr);
	assert_int_equal(run_count, before);
}

static void defer_hold(int signal)
{
	(void)signal;
	DeferUserFn(hold_and_fail, (void *)1);
	DeferUserFn(note, (void *)2);
	run_count_in_handler = run_count;
}

static void deferred_functions_may_use_the_library(void **state)
{
	static const unsigned int commands[] = {CONTIG_CMD_HOLD,
						CONTIG_CMD_UNHOLD};
	size_t i;

	(void)state;
	for (i = 0; i < 2; i++) {
		interrupt_next(commands[i], defer_hold);
		assert_int_equal(HoldMemory(memory, PAGE), noErr);
		errno = 0;
		assert_int_equal(UnholdMemory(memory, PAGE), noErr);
		assert_int_equal(run_count_in_handler, 0);
		assert_int_equal(run_count, 5);
		assert_int_equal(ran[0], 1);
		assert_int_equal(ran[1], 2);
		assert_int_equal(ran[2], 55);
		assert_int_equal(fake_busy_pages(), 0);
		/*
		 * The failures of deferred calls are not visible to the caller.
		 */
		assert_int_equal(MacVMLastError(), noErr);
		assert_int_equal(errno, 0);
	}
}

static void failures_are_kept(void **state)
{
	(void)state;
	interrupt_next(CONTIG_CMD_LOCK, defer_hold);
	fake_fail(CONTIG_CMD_LOCK, 0, EDQUOT);
	assert_int_equal(LockMemory(memory, PAGE), notEnoughMemoryErr);
	assert_int_equal(run_count, 5);
	assert_int_equal(errno, EDQUOT);
	assert_int_equal(MacVMLastError(), notEnoughMemoryErr);
}

/* All calls that lock, hold or allocate, of both faces. */
static void every_such_call_is_unsafe(void **state)
{
	LogicalToPhysicalTable physical = {.logical = {memory, PAGE}};
	IOPreparationTable table = {
		.options = kIOLogicalRanges,
		.addressSpace = kCurrentAddressSpaceID,
		.rangeInfo.range = {memory, PAGE},
	};
	const struct contig_span span = {(uintptr_t)memory, PAGE};
	struct contig_prepare prepared = {.size = sizeof(prepared)};
	struct contig_buffer *buffer;
	unsigned long count = 8;
	struct contig *client;
	void *block = NULL;
	unsigned int n;

	(void)state;
	assert_int_equal(contig_open(&client, NULL), 0);
	for (n = 0; n < 12; n++) {
		static const unsigned int commands[] = {
			CONTIG_CMD_LOCK,	 CONTIG_CMD_LOCK,
			CONTIG_CMD_HOLD,	 CONTIG_CMD_UNHOLD,
			CONTIG_CMD_GET_PHYSICAL, CONTIG_CMD_ALLOC,
			CONTIG_CMD_UNLOCK,	 CONTIG_CMD_PREPARE,
			CONTIG_CMD_LOCK,	 CONTIG_CMD_HOLD,
			CONTIG_CMD_PREPARE,	 CONTIG_CMD_ALLOC,
		};

		interrupt_next(commands[n], defer_some);
		switch (n) {
		case 0:
			LockMemoryContiguous(memory, PAGE);
			break;
		case 1:
			LockMemoryForOutput(memory, PAGE);
			break;
		case 2:
			HoldMemory(memory, PAGE);
			break;
		case 3:
			UnholdMemory(memory, PAGE);
			break;
		case 4:
			GetPhysical(&physical, &count);
			break;
		case 5:
			block = MemAllocatePhysicallyContiguous(PAGE, true);
			break;
		case 6:
			MemDeallocatePhysicallyContiguous(block);
			break;
		case 7:
			PrepareMemoryForIO(&table);
			CheckpointIO(table.preparationID, 0);
			break;
		case 8:
			contig_lock(client, memory, PAGE, 0);
			break;
		case 9:
			contig_hold(client, memory, PAGE);
			break;
		case 10:
			contig_prepare(client, &span, 1, NULL, &prepared);
			contig_checkpoint(client, prepared.out_id, 0);
			break;
		default:
			contig_alloc(client, PAGE, NULL, &buffer);
			contig_buffer_free(buffer);
			break;
		}
		assert_int_equal(run_count_in_handler, 0);
		assert_int_equal(run_count, 1);
	}
	UnlockMemory(memory, PAGE);
	UnlockMemory(memory, PAGE);
	contig_close(client);
	assert_int_equal(DeferUserFn(note, NULL), noErr);
	assert_int_equal(run_count, 2);
}

/*
 * The text is write-protected at first, so a signal comes in the middle of the
 * call.
 */
static void defer_and_unprotect(int signal)
{
	defer_some(signal);
	mprotect(memory, PAGE, PROT_READ | PROT_WRITE);
}

static void explain(unsigned int n, const struct contig_buffer *buffer)
{
	const struct contig_alloc answer = {.size = sizeof(answer)};
	const struct contig_probe probe = {.size = sizeof(probe)};

	switch (n) {
	case 0:
		contig_explain(&answer, ENOMEM, memory, PAGE);
		break;
	case 1:
		contig_explain_probe(&probe, memory, PAGE);
		break;
	default:
		contig_buffer_explain(buffer, memory, PAGE);
		break;
	}
}

/* These use snprintf(), which may use malloc(). */
static void explaining_is_unsafe_too(void **state)
{
	const struct sigaction action = {.sa_handler = defer_and_unprotect};
	struct contig_buffer *buffer;
	struct sigaction before;
	struct contig *client;
	unsigned int n;

	(void)state;
	assert_int_equal(contig_open(&client, NULL), 0);
	assert_int_equal(contig_alloc(client, PAGE, NULL, &buffer), 0);
	assert_int_equal(sigaction(SIGSEGV, &action, &before), 0);
	for (n = 0; n < 3; n++) {
		run_count = 0;
		run_count_in_handler = -1u;
		assert_int_equal(mprotect(memory, PAGE, PROT_READ), 0);
		explain(n, buffer);
		assert_int_equal(run_count_in_handler, 0);
		assert_int_equal(run_count, 1);
		assert_true(strlen(memory) > 0);
	}
	sigaction(SIGSEGV, &before, NULL);
	contig_buffer_free(buffer);
	contig_close(client);
}

static void fork_in_handler(int signal)
{
	defer_some(signal);
	*(volatile pid_t *)memory = fork();
}

/* A function runs once, in the process that deferred it. */
static void a_child_has_nothing_to_do(void **state)
{
	int status = -1;
	OSErr result;
	pid_t child;

	(void)state;
	interrupt_next(CONTIG_CMD_LOCK, fork_in_handler);
	/* In the child it fails, since the client is the parent's. */
	result = LockMemory(memory, PAGE);
	child = *(volatile pid_t *)memory;
	if (!child) {
		int failures = run_count;

		failures += DeferUserFn(note, NULL) != noErr;
		failures += run_count != 1;
		_exit(failures);
	}
	assert_int_equal(result, noErr);
	assert_int_equal(run_count, 1);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	assert_int_equal(UnlockMemory(memory, PAGE), noErr);
}

static void *defer_in_thread(void *argument)
{
	DeferUserFn(note, argument);
	return NULL;
}

static void defer_from_elsewhere(int signal)
{
	pthread_t thread;

	(void)signal;
	pthread_create(&thread, NULL, defer_in_thread, (void *)9);
	pthread_join(thread, NULL);
	run_count_in_handler = run_count;
}

static void other_threads_are_safe(void **state)
{
	(void)state;
	interrupt_next(CONTIG_CMD_LOCK, defer_from_elsewhere);
	assert_int_equal(LockMemory(memory, PAGE), noErr);
	assert_int_equal(run_count_in_handler, 1);
	assert_int_equal(run_count, 1);
	assert_int_equal(UnlockMemory(memory, PAGE), noErr);
}

#define DEFER_TEST(function)                                                   \
	cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		DEFER_TEST(what_is_safe_is_done_at_once),
		DEFER_TEST(what_is_not_safe_is_done_later),
		DEFER_TEST(the_table_is_bounded),
		DEFER_TEST(calls_nest),
		DEFER_TEST(deferred_functions_may_use_the_library),
		DEFER_TEST(failures_are_kept),
		DEFER_TEST(every_such_call_is_unsafe),
		DEFER_TEST(explaining_is_unsafe_too),
		DEFER_TEST(a_child_has_nothing_to_do),
		DEFER_TEST(other_threads_are_safe),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

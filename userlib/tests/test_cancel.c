// SPDX-License-Identifier: LGPL-2.1-or-later OR MIT
/*
 * A thread that is cancelled in a call, at each point where it could be, leaves
 * no mutex locked that other threads wait for.
 */
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "disturb.h"

static int cancel_type;
static unsigned int cancelled_command;
static bool returned;
static struct contig *client;

/* Called within a command of the kernel. */
static void cancel_me(unsigned int cmd)
{
	if (cmd != cancelled_command)
		return;
	cancelled_command = -1u;
	pthread_cancel(pthread_self());
	/* Act as if the system call were a cancellation point. */
	pthread_testcancel();
}

static void *first_classic_call(void *argument)
{
	/* Opening a file is a cancellation point. */
	if (cancelled_command == -1u)
		pthread_cancel(pthread_self());
	HoldMemory(known_memory, 1);
	returned = true;
	pthread_testcancel();
	return argument;
}

static void *hold_and_unhold(void *argument)
{
	contig_hold(client, known_memory, 1);
	contig_unhold(client, known_memory, 1);
	returned = true;
	pthread_testcancel();
	return argument;
}

static void *allocate(void *argument)
{
	MemDeallocatePhysicallyContiguous(
		MemAllocatePhysicallyContiguous(1, true));
	returned = true;
	pthread_testcancel();
	return argument;
}

static void *open_and_close(void *argument)
{
	struct contig *other;

	if (!contig_open(&other, NULL)) {
		contig_hold(other, known_memory, 1);
		contig_close(other);
	}
	returned = true;
	pthread_testcancel();
	return argument;
}

struct call {
	void *(*call)(void *);
	unsigned int command;
};

static struct call call;

static void *with_type(void *argument)
{
	pthread_setcanceltype(cancel_type, NULL);
	return call.call(argument);
}

static int cancel_in_call(void)
{
	pthread_t thread;
	void *result;
	int failures;

	failures = contig_open(&client, NULL) != 0;
	returned = false;
	cancelled_command = call.command;
	fake.during = cancel_me;
	failures += pthread_create(&thread, NULL, with_type, known_memory);
	failures += pthread_join(thread, &result);
	/* Some C libraries do not return PTHREAD_CANCELED. */
	failures += result == known_memory;
	/* No call is a cancellation point, so the call was completed. */
	if (cancel_type == PTHREAD_CANCEL_DEFERRED)
		failures += !returned;
	fake.during = NULL;
	return failures;
}

static void try_all(int type)
{
	static const struct call calls[] = {
		{first_classic_call, -1u},
		{first_classic_call, CONTIG_CMD_INFO},
		{first_classic_call, CONTIG_CMD_HOLD},
		{hold_and_unhold, CONTIG_CMD_HOLD},
		{hold_and_unhold, CONTIG_CMD_UNHOLD},
		{allocate, CONTIG_CMD_INFO},
		{allocate, CONTIG_CMD_ALLOC},
		{allocate, CONTIG_CMD_LOCK},
		{allocate, CONTIG_CMD_UNLOCK},
		{open_and_close, CONTIG_CMD_INFO},
		{open_and_close, CONTIG_CMD_GET_STATE},
		{open_and_close, CONTIG_CMD_UNHOLD},
	};
	size_t i;

	cancel_type = type;
	for (i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
		call = calls[i];
		assert_works_afresh(cancel_in_call);
	}
}

static void deferred_cancellation_leaves_no_mutex_locked(void **state)
{
	(void)state;
	try_all(PTHREAD_CANCEL_DEFERRED);
}

static void asynchronous_cancellation_leaves_no_mutex_locked(void **state)
{
	(void)state;
	try_all(PTHREAD_CANCEL_ASYNCHRONOUS);
}

/*
 * The text is write-protected at first, so the signal comes in the middle of
 * the call.
 */
static void cancel_and_unprotect(int signal)
{
	(void)signal;
	mprotect(known_memory, PAGE, PROT_READ | PROT_WRITE);
	pthread_cancel(pthread_self());
	pthread_testcancel();
}

static void *explain(void *argument)
{
	const struct contig_alloc answer = {.size = sizeof(answer)};

	pthread_setcanceltype(cancel_type, NULL);
	contig_explain(&answer, ENOMEM, known_memory, PAGE);
	returned = true;
	pthread_testcancel();
	return argument;
}

static int cancel_in_explanation(void)
{
	const struct sigaction action = {.sa_handler = cancel_and_unprotect};
	struct sigaction before;
	pthread_t thread;
	int failures;

	returned = false;
	failures = sigaction(SIGSEGV, &action, &before) != 0;
	failures += mprotect(known_memory, PAGE, PROT_READ);
	failures += pthread_create(&thread, NULL, explain, NULL);
	failures += pthread_join(thread, NULL);
	failures += sigaction(SIGSEGV, &before, NULL);
	/* snprintf(), which may use malloc(), has returned. */
	failures += !*known_memory;
	if (cancel_type == PTHREAD_CANCEL_DEFERRED)
		failures += !returned;
	return failures;
}

static void an_explanation_is_finished(void **state)
{
	(void)state;
	cancel_type = PTHREAD_CANCEL_DEFERRED;
	assert_works_afresh(cancel_in_explanation);
	cancel_type = PTHREAD_CANCEL_ASYNCHRONOUS;
	assert_works_afresh(cancel_in_explanation);
}

static atomic_bool began;

static void *hold_for_ever(void *argument)
{
	pthread_setcanceltype(PTHREAD_CANCEL_ASYNCHRONOUS, NULL);
	for (;;) {
		contig_hold(client, known_memory, 1);
		contig_unhold(client, known_memory, 1);
		atomic_store(&began, true);
		/*
		 * A cancellation that came in a call may not have been acted on
		 * yet.
		 */
		pthread_testcancel();
	}
	return argument;
}

static int cancel_at_any_time(void)
{
	unsigned int seed = 1;
	int failures = contig_open(&client, NULL) != 0;
	pthread_t thread;
	int i;

	for (i = 0; i < 300 && !failures; i++) {
		atomic_store(&began, false);
		failures += pthread_create(&thread, NULL, hold_for_ever, NULL);
		while (!atomic_load(&began))
			sched_yield();
		usleep(rand_r(&seed) % 100);
		failures += pthread_cancel(thread);
		failures += pthread_join(thread, NULL);
		failures += contig_hold(client, known_memory + PAGE, 1) != 0;
		failures += contig_unhold(client, known_memory + PAGE, 1) != 0;
	}
	return failures;
}

static void cancellation_at_any_time_leaves_no_mutex_locked(void **state)
{
	(void)state;
	assert_works_afresh(cancel_at_any_time);
}

static int state_after_call(void)
{
	int old = -1;
	int failures = failures_of_all_calls();

	pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, &old);
	return failures + (old != PTHREAD_CANCEL_DISABLE);
}

static void the_state_is_left_as_it_was(void **state)
{
	int old = -1;

	(void)state;
	assert_int_equal(failures_of_all_calls(), 0);
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &old);
	assert_int_equal(old, PTHREAD_CANCEL_ENABLE);
	assert_works_afresh(state_after_call);
	pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, &old);
	assert_int_equal(old, PTHREAD_CANCEL_DISABLE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		DISTURB_TEST(deferred_cancellation_leaves_no_mutex_locked),
		DISTURB_TEST(asynchronous_cancellation_leaves_no_mutex_locked),
		DISTURB_TEST(an_explanation_is_finished),
		DISTURB_TEST(cancellation_at_any_time_leaves_no_mutex_locked),
		DISTURB_TEST(the_state_is_left_as_it_was),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

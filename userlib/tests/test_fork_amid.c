// SPDX-License-Identifier: LGPL-2.1-or-later OR MIT
/*
 * A fork at each point of a call, calls at each point of a fork, and signals in
 * between: fork() waits for no call, and no call waits without end.
 */
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/time.h>
#include <time.h>

#include "disturb.h"

static void (*hook_before)(void);
static void (*hook_after)(void);
static void (*hook_in_child)(void);

static void before(void)
{
	if (hook_before)
		hook_before();
}

static void after(void)
{
	if (hook_after)
		hook_after();
}

static void in_child(void)
{
	if (hook_in_child)
		hook_in_child();
}

/*
 * Registered before the handlers of the library, so that the hooks run between
 * those.
 */
__attribute__((constructor(101))) static void watch_forks(void)
{
	pthread_atfork(before, after, in_child);
}

static int run_count;
static int run_count_meanwhile;
static int function_failures;

static void use_everything(void *unused)
{
	(void)unused;
	run_count++;
	function_failures += failures_of_all_calls();
}

static void defer(void)
{
	DeferUserFn(use_everything, NULL);
	run_count_meanwhile += run_count;
}

static void defer_in_handler(int signal)
{
	(void)signal;
	defer();
}

static void raise_it(void)
{
	raise(SIGUSR1);
	/* The signal is not handled before the fork is over. */
	run_count_meanwhile += run_count;
}

static int fork_with_hooks(void)
{
	int failures = 0;
	pid_t child;

	signal(SIGUSR1, defer_in_handler);
	child = fork();
	if (!child) {
		alarm(SECONDS);
		hook_before = hook_after = hook_in_child = NULL;
		/*
		 * The parent runs the functions that it deferred, not the
		 * child.
		 */
		failures += run_count != 0;
		failures += function_failures;
		_exit(failures + failures_of_all_calls());
	}
	hook_before = hook_after = hook_in_child = NULL;
	failures += status_of(child);
	failures += run_count != 1;
	failures += run_count_meanwhile;
	return failures + function_failures;
}

static int defer_before(void)
{
	hook_before = defer;
	return fork_with_hooks();
}

static int defer_after(void)
{
	hook_after = defer;
	return fork_with_hooks();
}

static int raise_before(void)
{
	hook_before = raise_it;
	/* The handler runs when the fork is over, and so does the function. */
	return fork_with_hooks() - 1 + (run_count_meanwhile != 1);
}

static int raise_after(void)
{
	hook_after = raise_it;
	return fork_with_hooks() - 1 + (run_count_meanwhile != 1);
}

static int with_a_client(int (*scenario)(void))
{
	return (HoldMemory(known_memory, 1) != noErr) + scenario() +
	       (UnholdMemory(known_memory, 1) != noErr);
}

static int defer_before_with_client(void)
{
	return with_a_client(defer_before);
}

static int defer_after_with_client(void)
{
	return with_a_client(defer_after);
}

static int raise_before_with_client(void)
{
	return with_a_client(raise_before);
}

static int raise_after_with_client(void)
{
	return with_a_client(raise_after);
}

static void functions_wait_for_the_fork(void **state)
{
	(void)state;
	assert_works_afresh(defer_before);
	assert_works_afresh(defer_after);
	assert_works_afresh(defer_before_with_client);
	assert_works_afresh(defer_after_with_client);
}

static void signals_wait_for_the_fork(void **state)
{
	(void)state;
	assert_works_afresh(raise_before);
	assert_works_afresh(raise_after);
	assert_works_afresh(raise_before_with_client);
	assert_works_afresh(raise_after_with_client);
}

/* In the child a signal comes before the library knows that it is one. */
static int raise_in_child(void)
{
	int failures;
	pid_t child;

	failures = HoldMemory(known_memory, 1) != noErr;
	signal(SIGUSR1, defer_in_handler);
	hook_in_child = raise_it;
	child = fork();
	hook_in_child = NULL;
	if (!child) {
		alarm(SECONDS);
		_exit((run_count != 1) + function_failures);
	}
	failures += status_of(child);
	failures += run_count != 0;
	return failures + (UnholdMemory(known_memory, 1) != noErr);
}

static void signals_wait_in_the_child(void **state)
{
	(void)state;
	assert_works_afresh(raise_in_child);
}

/* Handlers of other libraries use the library while the process forks. */
static void use_classic_calls(void)
{
	void *block = MemAllocatePhysicallyContiguous(1, true);

	function_failures += !block;
	function_failures += MemDeallocatePhysicallyContiguous(block) != noErr;
	function_failures += HoldMemory(known_memory, 1) != noErr;
	function_failures += UnholdMemory(known_memory, 1) != noErr;
}

static int call_before_and_after(void)
{
	hook_before = hook_after = use_classic_calls;
	return status_of_a_fork() + function_failures;
}

static void handlers_of_forks_may_call(void **state)
{
	(void)state;
	assert_works_afresh(call_before_and_after);
}

static unsigned int interrupted_command;
static int fork_status;

static void *fork_in_thread(void *unused)
{
	hook_before = hook_after = hook_in_child = NULL;
	fork_status = status_of_a_fork();
	return unused;
}

/*
 * The call waits here until a fork is over, for 5 seconds at most: a fork that
 * waits for the call fails the test.
 */
static void fork_meanwhile(unsigned int cmd)
{
	struct timespec limit;
	pthread_t thread;

	if (cmd != interrupted_command)
		return;
	fake.during = NULL;
	fork_status = -1;
	pthread_create(&thread, NULL, fork_in_thread, NULL);
	clock_gettime(CLOCK_REALTIME, &limit);
	limit.tv_sec += 5;
	if (pthread_timedjoin_np(thread, NULL, &limit))
		pthread_detach(thread);
}

static int fork_amid(unsigned int cmd)
{
	interrupted_command = cmd;
	fake.during = fork_meanwhile;
	return failures_of_all_calls() + (fork_status != 0) +
	       (fake.during != NULL);
}

static int fork_amid_info(void)
{
	return fork_amid(CONTIG_CMD_INFO);
}

static int fork_amid_hold(void)
{
	return fork_amid(CONTIG_CMD_HOLD);
}

static int fork_amid_unhold(void)
{
	return fork_amid(CONTIG_CMD_UNHOLD);
}

static int fork_amid_alloc(void)
{
	return fork_amid(CONTIG_CMD_ALLOC);
}

/* The first classic call: a client that a child has inherited is not used. */
static int fork_amid_first_call(void)
{
	unsigned int files = fake_open_files();
	int failures;

	interrupted_command = CONTIG_CMD_INFO;
	fake.during = fork_meanwhile;
	failures = HoldMemory(known_memory, 1) != noErr;
	failures += fork_status != 0;
	failures += fake.opens != 2;
	failures += fake_open_files() != files + 1;
	return failures + (UnholdMemory(known_memory, 1) != noErr);
}

static void fork_waits_for_no_call(void **state)
{
	(void)state;
	assert_works_afresh(fork_amid_info);
	assert_works_afresh(fork_amid_first_call);
	assert_works_afresh(fork_amid_hold);
	assert_works_afresh(fork_amid_unhold);
	assert_works_afresh(fork_amid_alloc);
}

static void raise_meanwhile(unsigned int cmd)
{
	if (cmd != interrupted_command)
		return;
	fake.during = NULL;
	raise(SIGUSR1);
}

static volatile pid_t handlers_child;

static void fork_in_handler(int signal)
{
	(void)signal;
	handlers_child = fork();
}

/* Both processes come back from the handler, into the middle of a call. */
static int fork_in_handler_amid(unsigned int cmd)
{
	struct contig *client;
	int failures;
	int error;

	failures = contig_open(&client, NULL) != 0;
	signal(SIGUSR1, fork_in_handler);
	interrupted_command = cmd;
	fake.during = raise_meanwhile;
	error = contig_hold(client, known_memory, 1)
			?: contig_unhold(client, known_memory, 1);
	if (!handlers_child) {
		alarm(SECONDS);
		_exit((error != -EXDEV) + failures_of_all_calls());
	}
	failures += error != 0;
	contig_close(client);
	return failures + status_of(handlers_child);
}

static int fork_in_handler_amid_hold(void)
{
	return fork_in_handler_amid(CONTIG_CMD_HOLD);
}

static int fork_in_handler_amid_unhold(void)
{
	return fork_in_handler_amid(CONTIG_CMD_UNHOLD);
}

static void handlers_may_fork(void **state)
{
	(void)state;
	assert_works_afresh(fork_in_handler_amid_hold);
	assert_works_afresh(fork_in_handler_amid_unhold);
}

static struct contig *handlers_client;
static int handlers_errors[2];

static void hold_in_handler(int signal)
{
	(void)signal;
	handlers_errors[0] = contig_hold(handlers_client, known_memory, 1);
	handlers_errors[1] = contig_unhold(handlers_client, known_memory, 1);
}

/* A handler must not do this; it gets an error and does not hang. */
static int hold_in_handler_amid_unhold(void)
{
	int failures = contig_open(&handlers_client, NULL) != 0;

	signal(SIGUSR1, hold_in_handler);
	failures += contig_hold(handlers_client, known_memory, 1) != 0;
	interrupted_command = CONTIG_CMD_UNHOLD;
	fake.during = raise_meanwhile;
	failures += contig_unhold(handlers_client, known_memory, 1) != 0;
	failures += handlers_errors[0] != -EDEADLK;
	failures += handlers_errors[1] != -EDEADLK;
	contig_close(handlers_client);
	return failures;
}

static void holds_in_handlers_do_not_hang(void **state)
{
	(void)state;
	assert_works_afresh(hold_in_handler_amid_unhold);
}

static atomic_bool stop;

static void *keep_holding(void *client)
{
	sigset_t all;

	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, NULL);
	while (!atomic_load(&stop)) {
		contig_hold(client, known_memory + 2 * PAGE, 1);
		contig_unhold(client, known_memory + 2 * PAGE, 1);
	}
	return NULL;
}

static void hold_a_page(void *unused)
{
	(void)unused;
	run_count++;
	function_failures += HoldMemory(known_memory + PAGE, 1) != noErr ||
			     UnholdMemory(known_memory + PAGE, 1) != noErr;
}

static void defer_hold(int signal)
{
	int saved = errno;

	(void)signal;
	DeferUserFn(hold_a_page, NULL);
	errno = saved;
}

/* Many forks, with signals all the time and a thread that holds. */
static int storm(void)
{
	struct itimerval timer = {{0, 500}, {0, 500}};
	struct contig *client;
	pthread_t thread;
	int failures;
	int i;

	failures = contig_open(&client, NULL) != 0;
	failures += HoldMemory(known_memory + PAGE, 1) != noErr;
	failures += UnholdMemory(known_memory + PAGE, 1) != noErr;
	failures += contig_hold(client, known_memory + 2 * PAGE, 1) != 0;
	failures += contig_unhold(client, known_memory + 2 * PAGE, 1) != 0;
	failures += pthread_create(&thread, NULL, keep_holding, client);
	signal(SIGUSR1, defer_hold);
	signal(SIGPROF, defer_hold);
	setitimer(ITIMER_PROF, &timer, NULL);
	for (i = 0; i < 300; i++) {
		pid_t child = fork();

		if (!child) {
			alarm(SECONDS);
			_exit(HoldMemory(known_memory + PAGE, 1) != noErr);
		}
		failures += status_of(child) != 0;
	}
	timer = (struct itimerval){0};
	setitimer(ITIMER_PROF, &timer, NULL);
	atomic_store(&stop, true);
	failures += pthread_join(thread, NULL);
	contig_close(client);
	return failures + function_failures + !run_count;
}

static void signals_amid_forks_do_no_harm(void **state)
{
	(void)state;
	assert_works_afresh(storm);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		DISTURB_TEST(functions_wait_for_the_fork),
		DISTURB_TEST(signals_wait_for_the_fork),
		DISTURB_TEST(signals_wait_in_the_child),
		DISTURB_TEST(handlers_of_forks_may_call),
		DISTURB_TEST(fork_waits_for_no_call),
		DISTURB_TEST(handlers_may_fork),
		DISTURB_TEST(holds_in_handlers_do_not_hang),
		DISTURB_TEST(signals_amid_forks_do_no_harm),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: LGPL-2.1-or-later OR MIT */
/*
 * Helpers for tests of forks, signals and cancellation: a child with a time
 * limit, in which a mutex that stays locked is a failure.
 */
#ifndef CONTIG_TESTS_DISTURB_H
#define CONTIG_TESTS_DISTURB_H

#include <contig.h>
#include <contig/macvm.h>
#include <sys/wait.h>

#include "fake.h"

#define SECONDS 20

/*
 * Memory that the stand-in knows already, so that it takes no lock to add it to
 * its tables.
 */
static char *known_memory;

static inline int start(void **state)
{
	unsigned int i;

	fake_reset(state);
	known_memory = fake_memory(4);
	for (i = 0; i < 4; i++)
		fake_mlocked(known_memory + i * PAGE);
	return 0;
}

static inline int end(void **state)
{
	(void)state;
	return munmap(known_memory, 4 * PAGE);
}

#define DISTURB_TEST(function)                                                 \
	cmocka_unit_test_setup_teardown(function, start, end)

/* Make calls that need each mutex; return how many of them failed. */
static inline int failures_of_all_calls(void)
{
	struct contig *client;
	void *block;
	int failures = 0;

	failures += contig_open(&client, NULL) != 0;
	failures += contig_hold(client, known_memory, 1) != 0;
	failures += contig_unhold(client, known_memory, 1) != 0;
	contig_close(client);
	failures += HoldMemory(known_memory + PAGE, 1) != noErr;
	failures += UnholdMemory(known_memory + PAGE, 1) != noErr;
	block = MemAllocatePhysicallyContiguous(1, true);
	failures += !block;
	failures += MemDeallocatePhysicallyContiguous(block) != noErr;
	return failures;
}

/* Return the exit status of a child, or -1 if it did not exit by itself. */
static inline int status_of(pid_t child)
{
	int status;

	while (waitpid(child, &status, 0) != child)
		if (errno != EINTR)
			return -1;
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static inline int status_of_a_fork(void)
{
	pid_t child = fork();

	if (!child) {
		alarm(SECONDS);
		_exit(failures_of_all_calls());
	}
	return status_of(child);
}

/* Run @scenario in a process that has made no classic call yet. */
static inline void assert_works_afresh(int (*scenario)(void))
{
	pid_t child = fork();

	if (!child) {
		alarm(SECONDS);
		_exit(scenario() + failures_of_all_calls() +
		      status_of_a_fork());
	}
	assert_int_equal(status_of(child), 0);
}

#endif /* CONTIG_TESTS_DISTURB_H */

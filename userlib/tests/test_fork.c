// SPDX-License-Identifier: LGPL-2.1-or-later OR MIT
#include <contig.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/wait.h>

#include "fake.h"

static void wait_for(pid_t child)
{
	int status;

	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
}

static void an_inherited_client_is_refused(void **state)
{
	char *memory = fake_memory(1);
	struct contig *client;
	pid_t child;

	(void)state;
	assert_int_equal(contig_open(&client, NULL), 0);
	assert_int_equal(contig_hold(client, memory, 1), 0);
	child = fork();
	if (!child) {
		struct contig_buffer *buffer;
		struct contig *own;
		int failures = 0;

		failures += contig_lock(client, memory, 1, 0) != -EXDEV;
		failures += contig_hold(client, memory, 1) != -EXDEV;
		failures += contig_unhold(client, memory, 1) != -EXDEV;
		/* Calls that concern no memory of a process still work. */
		failures += contig_alloc(client, 1, NULL, &buffer) != 0;
		contig_buffer_free(buffer);
		contig_close(client);

		failures += contig_open(&own, NULL) != 0;
		failures += contig_lock(own, memory, 1, 0) != 0;
		failures += contig_hold(own, memory, 1) != 0;
		contig_close(own);
		_exit(failures);
	}
	wait_for(child);
	/* The child did not change the holds of the parent. */
	assert_true(fake_mlocked(memory));
	assert_int_equal(contig_unhold(client, memory, 1), 0);
	contig_close(client);
	assert_int_equal(fake_busy_pages(), 0);
	munmap(memory, PAGE);
}

static struct contig *busy_client;
static char *busy_memory;
static atomic_bool stop;

static void *keep_holding(void *arg)
{
	(void)arg;
	while (!atomic_load(&stop)) {
		contig_hold(busy_client, busy_memory, 1);
		contig_unhold(busy_client, busy_memory, 1);
	}
	return NULL;
}

/* If the mutex were inherited locked, the child would hang. */
static void a_fork_amid_holds_leaves_the_child_able_to_hold(void **state)
{
	pthread_t thread;
	int i;

	(void)state;
	busy_memory = fake_memory(2);
	assert_int_equal(contig_open(&busy_client, NULL), 0);
	/*
	 * This adds the pages to the tables of the stand-in, which takes no
	 * lock of its own for that.
	 */
	assert_int_equal(contig_hold(busy_client, busy_memory, 1), 0);
	assert_int_equal(contig_unhold(busy_client, busy_memory, 1), 0);
	pthread_create(&thread, NULL, keep_holding, NULL);
	for (i = 0; i < 100; i++) {
		pid_t child = fork();

		if (!child) {
			struct contig *own;
			int failures;

			alarm(20);
			failures = contig_open(&own, NULL) != 0;
			failures +=
				contig_hold(own, busy_memory + PAGE, 1) != 0;
			contig_close(own);
			_exit(failures);
		}
		wait_for(child);
	}
	atomic_store(&stop, true);
	pthread_join(thread, NULL);
	contig_close(busy_client);
	munmap(busy_memory, 2 * PAGE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(an_inherited_client_is_refused),
		TEST(a_fork_amid_holds_leaves_the_child_able_to_hold),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

// SPDX-License-Identifier: LGPL-2.1-or-later OR MIT
#include <contig.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/ioctl.h>

#include "fake.h"

#define PAGES 700

static struct contig *client;
static char *memory;

static int setup(void **state)
{
	fake_reset(state);
	memory = fake_memory(PAGES);
	return contig_open(&client, NULL);
}

static int teardown(void **state)
{
	(void)state;
	contig_close(client);
	return munmap(memory, PAGES * PAGE);
}

static void hold_mlocks_and_unhold_munlocks(void **state)
{
	(void)state;
	assert_int_equal(contig_hold(client, memory + 1, PAGE), 0);
	assert_int_equal(fake.last.hold.size, sizeof(struct contig_hold));
	assert_int_equal(fake_holds(memory), 1);
	assert_int_equal(fake_holds(memory + PAGE), 1);
	assert_true(fake_mlocked(memory));
	assert_true(fake_mlocked(memory + PAGE));
	assert_false(fake_mlocked(memory + 2 * PAGE));
	assert_int_equal(contig_unhold(client, memory + 1, PAGE), 0);
	assert_int_equal(fake.last.unhold.size, sizeof(struct contig_unhold));
	assert_int_equal(fake_busy_pages(), 0);
}

static void holds_nest(void **state)
{
	(void)state;
	assert_int_equal(contig_hold(client, memory, 3 * PAGE), 0);
	assert_int_equal(contig_hold(client, memory + PAGE, 1), 0);
	assert_int_equal(contig_unhold(client, memory, 3 * PAGE), 0);
	assert_false(fake_mlocked(memory));
	assert_true(fake_mlocked(memory + PAGE));
	assert_false(fake_mlocked(memory + 2 * PAGE));
	assert_int_equal(contig_unhold(client, memory + PAGE, 1), 0);
	assert_int_equal(fake_busy_pages(), 0);
	assert_error(contig_unhold(client, memory + PAGE, 1), ENODATA);
}

static void what_was_mlocked_before_stays_so(void **state)
{
	(void)state;
	mlock(memory + PAGE, PAGE);
	assert_int_equal(contig_hold(client, memory, 3 * PAGE), 0);
	assert_int_equal(contig_unhold(client, memory, 3 * PAGE), 0);
	assert_false(fake_mlocked(memory));
	assert_true(fake_mlocked(memory + PAGE));
	assert_false(fake_mlocked(memory + 2 * PAGE));
	munlock(memory + PAGE, PAGE);
}

static void what_is_mlocked_after_a_hold_stays_so(void **state)
{
	(void)state;
	assert_int_equal(contig_hold(client, memory, 4 * PAGE), 0);
	mlock(memory + PAGE, 2 * PAGE);
	assert_int_equal(contig_unhold(client, memory, 4 * PAGE), 0);
	assert_false(fake_mlocked(memory));
	assert_true(fake_mlocked(memory + PAGE));
	assert_true(fake_mlocked(memory + 2 * PAGE));
	assert_false(fake_mlocked(memory + 3 * PAGE));
	/* The program's mlock() does not end with a later hold, either. */
	assert_int_equal(contig_hold(client, memory, 4 * PAGE), 0);
	assert_int_equal(contig_unhold(client, memory, 4 * PAGE), 0);
	assert_true(fake_mlocked(memory + PAGE));
	munlock(memory + PAGE, 2 * PAGE);
	assert_int_equal(fake_busy_pages(), 0);
}

static void what_is_mlocked_in_a_hold_outlives_the_client(void **state)
{
	struct contig *other;

	(void)state;
	assert_int_equal(contig_open(&other, NULL), 0);
	assert_int_equal(contig_hold(other, memory, 2 * PAGE), 0);
	mlock(memory, PAGE);
	contig_close(other);
	assert_true(fake_mlocked(memory));
	assert_false(fake_mlocked(memory + PAGE));
	munlock(memory, PAGE);
}

/*
 * An old module cannot distinguish mlock()s of the program, but all holds end.
 */
static void an_old_module_is_good_enough_to_hold(void **state)
{
	size_t page;

	(void)state;
	fake.knows_no_on_fault = true;
	for (page = 0; page < PAGES; page += 2)
		mlock(memory + page * PAGE, PAGE);
	assert_int_equal(contig_hold(client, memory, PAGES * PAGE), 0);
	assert_int_equal(contig_unhold(client, memory, PAGES * PAGE), 0);
	for (page = 0; page < PAGES; page++)
		assert_int_equal(fake_mlocked(memory + page * PAGE),
				 !(page % 2));
}

static void two_clients_share_a_page(void **state)
{
	struct contig *other;

	(void)state;
	assert_int_equal(contig_open(&other, NULL), 0);
	assert_int_equal(contig_hold(client, memory, 1), 0);
	assert_int_equal(contig_hold(other, memory, 1), 0);
	assert_int_equal(contig_unhold(client, memory, 1), 0);
	assert_true(fake_mlocked(memory));
	assert_error(contig_unhold(client, memory, 1), ENODATA);
	contig_close(other);
	assert_int_equal(fake_busy_pages(), 0);
}

static void too_much_to_mlock_changes_nothing(void **state)
{
	(void)state;
	assert_int_equal(contig_hold(client, memory + PAGE, 1), 0);
	fake.mlock_pages = 3;
	errno = 0;
	assert_true(contig_hold(client, memory, 5 * PAGE) < 0);
	assert_true(errno == EDQUOT || errno == ENOMEM);
	assert_int_equal(fake_holds(memory), 0);
	assert_int_equal(fake_holds(memory + PAGE), 1);
	assert_false(fake_mlocked(memory));
	assert_true(fake_mlocked(memory + PAGE));
	assert_false(fake_mlocked(memory + 2 * PAGE));
	assert_int_equal(contig_unhold(client, memory + PAGE, 1), 0);
	assert_int_equal(fake_busy_pages(), 0);
}

static void errors_come_as_they_are(void **state)
{
	static const int errors[] = {ENOMEM, EDQUOT, ENXIO, EINTR, EXDEV};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
		fake_fail(CONTIG_CMD_HOLD, 0, errors[i]);
		assert_error(contig_hold(client, memory, 1), errors[i]);
	}
	assert_error(contig_hold(client, memory, 0), EINVAL);
	assert_error(contig_unhold(client, memory, 0), EINVAL);
	assert_error(contig_hold(client, NULL, 1), EFAULT);
	assert_error(contig_hold(client, memory, SIZE_MAX), EOVERFLOW);
	assert_error(contig_hold(client, (void *)UINTPTR_MAX, 1), EOVERFLOW);
	assert_error(contig_unhold(client, memory, SIZE_MAX), EOVERFLOW);
	assert_int_equal(fake_busy_pages(), 0);
}

static void gaps_do_not_hinder_unhold(void **state)
{
	(void)state;
	assert_int_equal(contig_hold(client, memory, 9 * PAGE), 0);
	munmap(memory + PAGE, PAGE);
	munmap(memory + 6 * PAGE, 2 * PAGE);
	assert_int_equal(contig_unhold(client, memory, 9 * PAGE), 0);
	assert_int_equal(fake_busy_pages(), 0);
}

static void many_spans_come_in_a_second_try(void **state)
{
	size_t page;

	(void)state;
	/* Every other page is mlocked already: as many spans as possible. */
	for (page = 0; page < PAGES; page += 2)
		mlock(memory + page * PAGE, PAGE);
	assert_int_equal(contig_hold(client, memory, PAGES * PAGE), 0);
	assert_int_equal(contig_unhold(client, memory, PAGES * PAGE), 0);
	assert_int_equal(fake.calls[CONTIG_CMD_UNHOLD], 2);
	for (page = 0; page < PAGES; page++)
		assert_int_equal(fake_mlocked(memory + page * PAGE),
				 !(page % 2));
}

static void close_takes_all_holds_back(void **state)
{
	struct contig *other;

	(void)state;
	assert_int_equal(contig_open(&other, NULL), 0);
	assert_int_equal(contig_hold(other, memory, 9 * PAGE), 0);
	assert_int_equal(contig_hold(other, memory + 2 * PAGE, 3 * PAGE), 0);
	assert_int_equal(contig_hold(other, memory + 4 * PAGE, 9 * PAGE), 0);
	assert_int_equal(contig_unhold(other, memory + 5 * PAGE, 2 * PAGE), 0);
	assert_int_equal(contig_hold(other, memory + 100 * PAGE, 1), 0);
	contig_close(other);
	assert_int_equal(fake_busy_pages(), 0);
}

static void close_copes_with_what_the_kernel_dropped(void **state)
{
	struct contig_unhold behind = {.size = sizeof(behind)};
	struct contig *other;

	(void)state;
	assert_int_equal(contig_open(&other, NULL), 0);
	assert_int_equal(contig_hold(other, memory, 4 * PAGE), 0);
	/* As if the second page had been unmapped. */
	behind.addr = (uintptr_t)memory + PAGE;
	behind.length = 1;
	munlock(memory + PAGE, PAGE);
	assert_int_equal(ioctl(contig_fd(other), CONTIG_UNHOLD, &behind), 0);
	contig_close(other);
	assert_int_equal(fake_busy_pages(), 0);
}

/*
 * Two threads hold and unhold overlapping ranges. If one thread could run
 * between the other's unhold and its munlock(), a held page would end up not
 * mlocked.
 */
static void *hold_and_unhold(void *arg)
{
	char *start = memory + *(int *)arg * PAGE;
	long failures = 0;
	int i;

	for (i = 0; i < 2000; i++) {
		failures += contig_hold(client, start, 2 * PAGE) != 0;
		failures += !fake_mlocked(start);
		failures += !fake_mlocked(start + PAGE);
		failures += contig_unhold(client, start, 2 * PAGE) != 0;
	}
	return (void *)failures;
}

static pthread_t second_thread;
static struct contig *second;

static void *hold_second(void *arg)
{
	(void)arg;
	return (void *)(long)contig_hold(second, memory, PAGE);
}

/* Another thread's hold is counted while the page is mlock()ed still. */
static void hold_meanwhile(void)
{
	fake.before_munlock = NULL;
	pthread_create(&second_thread, NULL, hold_second, NULL);
	while (!fake_holds(memory))
		sched_yield();
}

static void a_hold_amid_an_unhold_is_good(void **state)
{
	void *error;

	(void)state;
	assert_int_equal(contig_open(&second, NULL), 0);
	assert_int_equal(contig_hold(client, memory, PAGE), 0);
	fake.before_munlock = hold_meanwhile;
	assert_int_equal(contig_unhold(client, memory, PAGE), 0);
	pthread_join(second_thread, &error);
	assert_null(error);
	assert_int_equal(fake_holds(memory), 1);
	assert_true(fake_mlocked(memory));
	assert_int_equal(contig_unhold(second, memory, PAGE), 0);
	contig_close(second);
	assert_int_equal(fake_busy_pages(), 0);
}

static void threads_do_not_disturb_each_other(void **state)
{
	int first[] = {0, 1};
	pthread_t threads[2];
	void *failures;
	int i;

	(void)state;
	/*
	 * This adds the pages to the tables of the stand-in, which takes no
	 * lock of its own for that.
	 */
	assert_int_equal(contig_hold(client, memory, 3 * PAGE), 0);
	assert_int_equal(contig_unhold(client, memory, 3 * PAGE), 0);
	for (i = 0; i < 2; i++)
		pthread_create(&threads[i], NULL, hold_and_unhold, &first[i]);
	for (i = 0; i < 2; i++) {
		pthread_join(threads[i], &failures);
		assert_null(failures);
	}
	assert_int_equal(fake_busy_pages(), 0);
}

/* Random holds and unholds, compared with counts kept for each page. */
static void counts_stay_right(void **state)
{
	unsigned int counts[64] = {0};
	unsigned int seed = 1;
	int i;

	(void)state;
	for (i = 0; i < 5000; i++) {
		size_t first = rand_r(&seed) % 64;
		size_t count = 1 + rand_r(&seed) % (64 - first);
		bool hold = rand_r(&seed) % 2;
		bool held = true;
		size_t page;
		int error;

		for (page = first; page < first + count; page++)
			held = held && counts[page];
		error = hold ? contig_hold(client, memory + first * PAGE,
					   count * PAGE)
			     : contig_unhold(client, memory + first * PAGE,
					     count * PAGE);
		assert_int_equal(error, hold || held ? 0 : -ENODATA);
		for (page = first; page < first + count && !error; page++)
			counts[page] += hold ? 1 : -1;
		for (page = 0; page < 64; page++) {
			assert_int_equal(fake_holds(memory + page * PAGE),
					 counts[page]);
			assert_int_equal(fake_mlocked(memory + page * PAGE),
					 !!counts[page]);
		}
	}
}

static void after_random_holds_close_leaves_nothing(void **state)
{
	struct contig *other;
	unsigned int seed = 2;
	int i;

	(void)state;
	assert_int_equal(contig_open(&other, NULL), 0);
	for (i = 0; i < 200; i++) {
		size_t first = rand_r(&seed) % 64;
		size_t count = 1 + rand_r(&seed) % (64 - first);

		contig_hold(other, memory + first * PAGE, count * PAGE);
		first = rand_r(&seed) % 64;
		contig_unhold(other, memory + first * PAGE, PAGE);
	}
	assert_true(fake_busy_pages());
	contig_close(other);
	assert_int_equal(fake_busy_pages(), 0);
}

#define HOLD_TEST(function)                                                    \
	cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		HOLD_TEST(hold_mlocks_and_unhold_munlocks),
		HOLD_TEST(holds_nest),
		HOLD_TEST(what_was_mlocked_before_stays_so),
		HOLD_TEST(what_is_mlocked_after_a_hold_stays_so),
		HOLD_TEST(what_is_mlocked_in_a_hold_outlives_the_client),
		HOLD_TEST(an_old_module_is_good_enough_to_hold),
		HOLD_TEST(two_clients_share_a_page),
		HOLD_TEST(too_much_to_mlock_changes_nothing),
		HOLD_TEST(errors_come_as_they_are),
		HOLD_TEST(gaps_do_not_hinder_unhold),
		HOLD_TEST(many_spans_come_in_a_second_try),
		HOLD_TEST(close_takes_all_holds_back),
		HOLD_TEST(close_copes_with_what_the_kernel_dropped),
		HOLD_TEST(a_hold_amid_an_unhold_is_good),
		HOLD_TEST(threads_do_not_disturb_each_other),
		HOLD_TEST(counts_stay_right),
		HOLD_TEST(after_random_holds_close_leaves_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

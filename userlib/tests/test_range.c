// SPDX-License-Identifier: LGPL-2.1-or-later OR MIT
#include <contig.h>
#include <stdlib.h>

#include "fake.h"

#define PAGES 32

static struct contig *client;
static struct contig_buffer *buffer;
static char *memory;

static int setup(void **state)
{
	fake_reset(state);
	memory = fake_memory(PAGES);
	if (contig_open(&client, NULL))
		return -1;
	return contig_alloc(client, PAGES * PAGE, NULL, &buffer);
}

static int teardown(void **state)
{
	(void)state;
	contig_buffer_free(buffer);
	contig_close(client);
	return munmap(memory, PAGES * PAGE);
}

static void lock_passes_the_range_and_flags_on(void **state)
{
	(void)state;
	assert_int_equal(contig_lock(client, memory + 5, 100,
				     CONTIG_LOCK_OUTPUT |
					     CONTIG_LOCK_CONTIGUOUS),
			 0);
	assert_int_equal(fake.last.lock.size, sizeof(struct contig_lock));
	assert_int_equal(fake.last.lock.flags,
			 CONTIG_LOCK_OUTPUT | CONTIG_LOCK_CONTIGUOUS);
	assert_int_equal(fake.last.lock.addr, (uintptr_t)memory + 5);
	assert_int_equal(fake.last.lock.length, 100);
	assert_int_equal(fake.last.lock.fd, 0);
	assert_int_equal(fake.last.lock.reserved, 0);
	assert_int_equal(contig_unlock(client, memory + 5, 100), 0);
	assert_int_equal(fake.last.unlock.size, sizeof(struct contig_unlock));
	assert_int_equal(fake.last.unlock.flags, 0);
	assert_int_equal(fake_busy_pages(), 0);
}

static void lock_errors_come_as_they_are(void **state)
{
	static const int errors[] = {EDQUOT, ENOMEM, EILSEQ, EACCES,
				     ESTALE, EINTR,  ENXIO};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
		fake_fail(CONTIG_CMD_LOCK, 0, errors[i]);
		assert_error(contig_lock(client, memory, 1, 0), errors[i]);
	}
	assert_error(contig_lock(client, memory, 0, 0), EINVAL);
	assert_error(contig_lock(client, NULL, 1, 0), EFAULT);
	assert_error(contig_lock(client, memory, SIZE_MAX, 0), EOVERFLOW);
	assert_error(contig_lock(client, memory, 1, 1 << 7), EOPNOTSUPP);
	assert_error(contig_lock(client, memory, 1, CONTIG_RANGE_BUFFER),
		     EOPNOTSUPP);
	assert_error(contig_unlock(client, memory, 1), ENOLCK);
	assert_int_equal(fake_busy_pages(), 0);
}

static void buffers_are_locked_by_offset(void **state)
{
	(void)state;
	assert_int_equal(contig_buffer_lock(client, buffer, PAGE, 2, 0), 0);
	assert_int_equal(fake.last.lock.flags, CONTIG_RANGE_BUFFER);
	assert_int_equal(fake.last.lock.fd, contig_buffer_fd(buffer));
	assert_int_equal(fake.last.lock.addr, PAGE);
	assert_error(contig_buffer_unlock(client, buffer, 0, 1), ENOLCK);
	assert_int_equal(contig_buffer_unlock(client, buffer, PAGE, 2), 0);
	assert_int_equal(fake.last.unlock.flags, CONTIG_RANGE_BUFFER);
	assert_error(contig_buffer_lock(client, buffer, 0, PAGES * PAGE + 1, 0),
		     EOVERFLOW);
	assert_int_equal(fake_busy_pages(), 0);
}

static void translation_counts_without_changing(void **state)
{
	const void *addr = memory + 10;
	size_t length = 3 * PAGE;
	uint32_t count = 0;

	(void)state;
	fake.run_pages = 1;
	fake.deny_physical = true;
	assert_int_equal(contig_lock(client, memory, 4 * PAGE, 0), 0);
	assert_int_equal(
		contig_get_physical(client, &addr, &length, NULL, &count), 0);
	assert_int_equal(count, 4);
	assert_ptr_equal(addr, memory + 10);
	assert_int_equal(length, 3 * PAGE);
	assert_int_equal(contig_unlock(client, memory, 4 * PAGE), 0);
}

static void translation_advances(void **state)
{
	struct contig_extent extents[3];
	const char *expected = memory + 10;
	const void *addr = expected;
	size_t length = 10 * PAGE;
	uint64_t sum = 0;
	uint32_t count;
	uint32_t i;

	(void)state;
	fake.run_pages = 1;
	assert_int_equal(contig_lock(client, addr, length, 0), 0);
	while (length) {
		count = 3;
		assert_int_equal(contig_get_physical(client, &addr, &length,
						     extents, &count),
				 0);
		assert_in_range(count, 1, 3);
		for (i = 0; i < count; i++) {
			assert_int_equal(extents[i].addr,
					 fake_physical(expected));
			expected += extents[i].length;
			sum += extents[i].length;
		}
		assert_ptr_equal(addr, expected);
	}
	assert_int_equal(sum, 10 * PAGE);
	assert_int_equal(contig_unlock(client, memory + 10, 10 * PAGE), 0);
}

static void failed_translation_changes_nothing(void **state)
{
	struct contig_extent extents[2];
	const void *addr = memory;
	size_t length = 2 * PAGE;
	uint32_t count = 2;

	(void)state;
	assert_error(contig_get_physical(client, &addr, &length, extents,
					 &count),
		     ENOLCK);
	assert_int_equal(contig_lock(client, memory, 2 * PAGE, 0), 0);
	fake.stale = memory + PAGE;
	assert_error(contig_get_physical(client, &addr, &length, extents,
					 &count),
		     ESTALE);
	fake.stale = NULL;
	fake.deny_physical = true;
	assert_error(contig_get_physical(client, &addr, &length, extents,
					 &count),
		     EPERM);
	assert_ptr_equal(addr, memory);
	assert_int_equal(length, 2 * PAGE);
	assert_int_equal(count, 2);
	assert_int_equal(contig_unlock(client, memory, 2 * PAGE), 0);
}

static void buffers_are_translated_by_offset(void **state)
{
	struct contig_extent extent;
	uint64_t offset = 100;
	uint64_t length = PAGE;
	uint32_t count = 1;

	(void)state;
	fake.run_pages = 1;
	assert_int_equal(contig_buffer_lock(client, buffer, 0, 4 * PAGE, 0), 0);
	assert_int_equal(contig_buffer_get_physical(client, buffer, &offset,
						    &length, &extent, &count),
			 0);
	assert_int_equal(fake.last.get_physical.size,
			 sizeof(struct contig_get_physical));
	assert_int_equal(fake.last.get_physical.flags, CONTIG_RANGE_BUFFER);
	assert_int_equal(offset, PAGE);
	assert_int_equal(length, 100);
	assert_int_equal(count, 1);
	assert_int_equal(extent.addr % PAGE, 100);
	assert_int_equal(extent.length, PAGE - 100);
	assert_int_equal(contig_buffer_unlock(client, buffer, 0, 4 * PAGE), 0);
}

static void whole_tables_are_allocated(void **state)
{
	struct contig_extent *extents;
	uint32_t count;

	(void)state;
	fake.run_pages = 1;
	assert_int_equal(contig_lock(client, memory, PAGES * PAGE, 0), 0);
	assert_int_equal(contig_get_extents(client, memory + 1, 20 * PAGE,
					    &extents, &count),
			 0);
	assert_int_equal(count, 21);
	assert_int_equal(extents[0].addr, fake_physical(memory + 1));
	assert_int_equal(extents[20].length, 1);
	free(extents);
	assert_int_equal(contig_unlock(client, memory, PAGES * PAGE), 0);

	fake.run_pages = FAKE_RUNS_FOREVER;
	assert_int_equal(contig_buffer_lock(client, buffer, 0, 8 * PAGE, 0), 0);
	assert_int_equal(contig_buffer_get_extents(client, buffer, 0, 8 * PAGE,
						   &extents, &count),
			 0);
	assert_int_equal(count, 1);
	assert_int_equal(extents[0].length, 8 * PAGE);
	free(extents);
	assert_int_equal(contig_buffer_unlock(client, buffer, 0, 8 * PAGE), 0);
}

/* As if the extents had become more after they were counted. */
static void whole_tables_grow(void **state)
{
	struct contig_extent *extents;
	uint32_t count;
	uint32_t i;

	(void)state;
	fake.run_pages = 1;
	fake.most_extents = 3;
	assert_int_equal(contig_lock(client, memory, PAGES * PAGE, 0), 0);
	assert_int_equal(contig_get_extents(client, memory, 8 * PAGE, &extents,
					    &count),
			 0);
	assert_int_equal(count, 8);
	for (i = 0; i < count; i++)
		assert_int_equal(extents[i].addr,
				 fake_physical(memory + i * PAGE));
	free(extents);
	assert_int_equal(contig_unlock(client, memory, PAGES * PAGE), 0);
}

static void whole_tables_fail_cleanly(void **state)
{
	struct contig_extent *extents = (void *)1;
	uint32_t count = 9;

	(void)state;
	assert_error(contig_get_extents(client, memory, PAGE, &extents, &count),
		     ENOLCK);
	assert_null(extents);
	assert_int_equal(count, 0);
	assert_int_equal(contig_lock(client, memory, PAGE, 0), 0);
	/* The count is allowed, the addresses are not. */
	fake.deny_physical = true;
	assert_error(contig_get_extents(client, memory, PAGE, &extents, &count),
		     EPERM);
	assert_null(extents);
	assert_int_equal(contig_unlock(client, memory, PAGE), 0);
}

static void state_tells_counts(void **state)
{
	struct contig_run runs[2];
	const void *addr = memory + PAGE - 1;
	size_t length = 2 * PAGE;
	uint32_t count = 2;

	(void)state;
	assert_int_equal(contig_lock(client, memory + PAGE, 1, 0), 0);
	assert_int_equal(contig_lock(client, memory + PAGE, 1, 0), 0);
	assert_int_equal(contig_get_state(client, &addr, &length, runs, &count),
			 0);
	assert_int_equal(fake.last.get_state.size,
			 sizeof(struct contig_get_state));
	assert_int_equal(count, 2);
	assert_int_equal(runs[0].locks, 0);
	assert_int_equal(runs[1].locks, 2);
	assert_ptr_equal(addr, memory + 2 * PAGE);
	assert_int_equal(length, PAGE - 1);
	count = 0;
	assert_error(contig_get_state(client, &addr, &length, runs, &count),
		     EINVAL);
	assert_int_equal(contig_unlock(client, memory + PAGE, 1), 0);
	assert_int_equal(contig_unlock(client, memory + PAGE, 1), 0);
}

static void state_of_buffers_goes_by_offset(void **state)
{
	struct contig_run run;
	uint64_t offset = 0;
	uint64_t length = 2 * PAGE;
	uint32_t count = 1;

	(void)state;
	assert_int_equal(contig_buffer_lock(client, buffer, 0, 1, 0), 0);
	assert_int_equal(contig_buffer_get_state(client, buffer, &offset,
						 &length, &run, &count),
			 0);
	assert_int_equal(offset, PAGE);
	assert_int_equal(length, PAGE);
	assert_int_equal(run.locks, 1);
	assert_int_equal(contig_buffer_unlock(client, buffer, 0, 1), 0);
}

#define RANGE_TEST(function)                                                   \
	cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		RANGE_TEST(lock_passes_the_range_and_flags_on),
		RANGE_TEST(lock_errors_come_as_they_are),
		RANGE_TEST(buffers_are_locked_by_offset),
		RANGE_TEST(translation_counts_without_changing),
		RANGE_TEST(translation_advances),
		RANGE_TEST(failed_translation_changes_nothing),
		RANGE_TEST(buffers_are_translated_by_offset),
		RANGE_TEST(whole_tables_are_allocated),
		RANGE_TEST(whole_tables_grow),
		RANGE_TEST(whole_tables_fail_cleanly),
		RANGE_TEST(state_tells_counts),
		RANGE_TEST(state_of_buffers_goes_by_offset),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

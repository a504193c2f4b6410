// SPDX-License-Identifier: LGPL-2.1-or-later OR MIT
#include "ranges.h"

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
	(void)state;
	assert_passes_errors(CONTIG_CMD_LOCK, contig_lock(client, memory, 1, 0),
			     EDQUOT, ENOMEM, EILSEQ, EACCES, ESTALE, EINTR,
			     ENXIO);
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

static void one_run_for_the_device_can_be_asked_for(void **state)
{
	const uint32_t flags = CONTIG_LOCK_DEVICE_CONTIGUOUS;

	(void)state;
	fake.run_pages = 1;
	assert_error(contig_lock(client, memory, 4 * PAGE, flags), EUNATCH);
	assert_int_equal(contig_attach_device(client, DEVICE, NULL), 0);
	assert_int_equal(contig_lock(client, memory, 4 * PAGE, flags), 0);
	assert_int_equal(fake.last.lock.flags, flags);
	assert_error(contig_lock(client, memory, 4 * PAGE,
				 flags | CONTIG_LOCK_CONTIGUOUS),
		     EILSEQ);
	fake.dma_run_pages = 1;
	assert_error(contig_buffer_lock(client, buffer, 0, 4 * PAGE, flags),
		     EILSEQ);
	assert_int_equal(contig_unlock(client, memory, 4 * PAGE), 0);
	assert_int_equal(fake_busy_pages(), 0);
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

static void sync_passes_the_range_and_flags_on(void **state)
{
	const uint32_t flags = CONTIG_IO_FOR_DEVICE | CONTIG_IO_OUTPUT;
	const struct contig_sync *last = &fake.last.sync;

	(void)state;
	assert_int_equal(contig_attach_device(client, DEVICE, NULL), 0);
	assert_int_equal(contig_lock(client, memory, 2 * PAGE, 0), 0);
	assert_int_equal(contig_sync(client, memory + 7, PAGE, flags), 0);
	assert_int_equal(last->size, sizeof(*last));
	assert_int_equal(last->flags, flags);
	assert_int_equal(last->addr, (uintptr_t)memory + 7);
	assert_int_equal(last->length, PAGE);
	assert_int_equal(last->fd, 0);
	assert_int_equal(last->reserved, 0);
	assert_int_equal(contig_unlock(client, memory, 2 * PAGE), 0);

	assert_int_equal(contig_buffer_lock(client, buffer, PAGE, 1, 0), 0);
	assert_int_equal(
		contig_buffer_sync(client, buffer, PAGE + 9, 10, flags), 0);
	assert_int_equal(last->flags, flags | CONTIG_RANGE_BUFFER);
	assert_int_equal(last->addr, PAGE + 9);
	assert_int_equal(last->length, 10);
	assert_int_equal(last->fd, contig_buffer_fd(buffer));
	assert_error(contig_buffer_sync(client, buffer, 0, 2 * PAGE, flags),
		     ENOLCK);
	assert_int_equal(contig_buffer_unlock(client, buffer, PAGE, 1), 0);
}

static void sync_errors_come_as_they_are(void **state)
{
	const uint32_t flags = CONTIG_IO_FOR_CPU | CONTIG_IO_INPUT;

	(void)state;
	assert_error(contig_sync(client, memory, 1, flags), EUNATCH);
	assert_int_equal(contig_attach_device(client, DEVICE, NULL), 0);
	assert_error(contig_sync(client, memory, 1, flags), ENOLCK);
	assert_error(contig_sync(client, memory, 1, CONTIG_IO_INPUT), EINVAL);
	assert_error(contig_sync(client, memory, 1, CONTIG_IO_FOR_CPU), EINVAL);
	assert_error(contig_sync(client, memory, 1,
				 flags | CONTIG_IO_FOR_DEVICE),
		     EINVAL);
	assert_error(contig_sync(client, memory, 0, flags), EINVAL);
	assert_error(contig_sync(client, memory, 1, flags | CONTIG_IO_MORE),
		     EOPNOTSUPP);
	assert_error(contig_sync(client, memory, 1,
				 flags | CONTIG_RANGE_BUFFER),
		     EOPNOTSUPP);
	assert_error(contig_buffer_sync(client, buffer, 0, 1,
					flags | CONTIG_RANGE_BUFFER),
		     EOPNOTSUPP);
	assert_error(contig_buffer_sync(client, buffer, PAGES * PAGE, 1, flags),
		     EOVERFLOW);
	assert_passes_errors(CONTIG_CMD_SYNC,
			     contig_sync(client, memory, 1, flags), ENODEV,
			     ESTALE, EINTR, EXDEV);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		RANGE_TEST(lock_passes_the_range_and_flags_on),
		RANGE_TEST(lock_errors_come_as_they_are),
		RANGE_TEST(buffers_are_locked_by_offset),
		RANGE_TEST(one_run_for_the_device_can_be_asked_for),
		RANGE_TEST(sync_passes_the_range_and_flags_on),
		RANGE_TEST(sync_errors_come_as_they_are),
		RANGE_TEST(state_tells_counts),
		RANGE_TEST(state_of_buffers_goes_by_offset),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

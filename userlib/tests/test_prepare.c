// SPDX-License-Identifier: LGPL-2.1-or-later OR MIT
#include "ranges.h"

#define BOTH (CONTIG_IO_INPUT | CONTIG_IO_OUTPUT)
#define UNTOUCHED 0x5a5a5a5a5a5a5a5aull

static struct contig_prepare_opts opts;
static struct contig_prepare prepared;
static struct contig_span ranges[3];
static uint64_t addrs[PAGES];

static int setup(void **state)
{
	opts = (struct contig_prepare_opts)CONTIG_PREPARE_OPTS_INIT;
	opts.flags = BOTH;
	opts.max_pages = PAGES;
	opts.addrs = addrs;
	memset(addrs, 0x5a, sizeof(addrs));
	memset(&prepared, 0xa5, sizeof(prepared));
	prepared.size = sizeof(prepared);
	memset(ranges, 0, sizeof(ranges));
	if (ranges_setup(state))
		return -1;
	/* Make addresses differ from the program's. */
	fake.run_pages = 3;
	ranges[0].addr = (uintptr_t)memory;
	ranges[0].length = PAGE;
	return 0;
}

static int prepare(uint32_t count)
{
	return contig_prepare(client, ranges, count, &opts, &prepared);
}

static void end(void)
{
	assert_int_equal(contig_checkpoint(client, prepared.out_id, 0), 0);
	assert_int_equal(fake_preparations(), 0);
	assert_int_equal(fake_busy_pages(), 0);
}

static void options_come_to_the_kernel(void **state)
{
	const struct contig_prepare *last = &fake.last.prepare;

	(void)state;
	assert_int_equal(contig_attach_device(client, DEVICE, NULL), 0);
	ranges[0].length = 9 * PAGE;
	opts.flags = CONTIG_IO_OUTPUT | CONTIG_IO_BOUNCE | CONTIG_GET_DMA;
	opts.first = PAGE + 7;
	opts.granularity = 2 * PAGE;
	opts.max_pages = 5;
	assert_int_equal(prepare(1), 0);
	assert_int_equal(last->size, sizeof(*last));
	assert_int_equal(last->flags, opts.flags);
	assert_int_equal(last->ranges, (uintptr_t)ranges);
	assert_int_equal(last->range_count, 1);
	assert_int_equal(last->fd, 0);
	assert_int_equal(last->first, PAGE + 7);
	assert_int_equal(last->granularity, 2 * PAGE);
	assert_int_equal(last->addrs, (uintptr_t)addrs);
	assert_int_equal(last->count, 5);
	assert_int_equal(addrs[0], fake_dma(memory + PAGE + 7));
	end();
}

static void without_options_all_of_it_is_prepared(void **state)
{
	const struct contig_prepare *last = &fake.last.prepare;

	(void)state;
	ranges[0].length = PAGES * PAGE;
	assert_int_equal(contig_prepare(client, ranges, 1, NULL, &prepared), 0);
	assert_int_equal(last->flags, 0);
	assert_int_equal(last->first, 0);
	assert_int_equal(last->granularity, 0);
	assert_int_equal(last->addrs, 0);
	assert_int_equal(last->count, 0);
	assert_int_equal(prepared.count, PAGES);
	assert_int_equal(prepared.out_length, PAGES * PAGE);
	assert_int_equal(prepared.out_done, 1);
	assert_int_equal(fake_busy_pages(), PAGES);
	end();
}

static void several_ranges_are_told_page_by_page(void **state)
{
	(void)state;
	ranges[0] = (struct contig_span){(uintptr_t)memory + 100, PAGE};
	ranges[1] = (struct contig_span){(uintptr_t)memory + 5 * PAGE + 1, 1};
	ranges[2] = (struct contig_span){(uintptr_t)memory + 101, 3};
	assert_int_equal(prepare(3), 0);
	assert_int_equal(prepared.count, 4);
	assert_int_equal(prepared.out_length, PAGE + 4);
	assert_int_equal(prepared.out_done, 1);
	assert_int_equal(prepared.out_bounced, 0);
	assert_int_equal(addrs[0], fake_physical(memory + 100));
	assert_int_equal(addrs[1], fake_physical(memory + PAGE));
	assert_int_equal(addrs[2], fake_physical(memory + 5 * PAGE + 1));
	assert_int_equal(addrs[3], fake_physical(memory + 101));
	assert_int_equal(addrs[4], UNTOUCHED);
	assert_int_equal(fake_locks(memory), 2);
	assert_int_equal(fake_locks(memory + PAGE), 1);
	end();
}

/* Prepare in parts, as a program with a short table must. */
static void parts_add_up(void **state)
{
	uint64_t total = 7 * PAGE + 55;
	unsigned int parts = 0;

	(void)state;
	ranges[0] = (struct contig_span){(uintptr_t)memory + 9, 4 * PAGE};
	ranges[1] = (struct contig_span){(uintptr_t)memory + 20 * PAGE,
					 3 * PAGE + 55};
	opts.max_pages = 3;
	do {
		assert_int_equal(prepare(2), 0);
		assert_in_range(prepared.count, 1, 3);
		opts.first += prepared.out_length;
		assert_int_equal(prepared.out_done, opts.first == total);
		parts++;
		end();
	} while (!prepared.out_done);
	assert_int_equal(opts.first, total);
	/* 5 and 4 pages; every part except the last is as long as possible. */
	assert_int_equal(parts, 3);
	assert_error(prepare(2), EINVAL);
}

static void buffers_are_prepared_by_offset(void **state)
{
	const struct contig_prepare *last = &fake.last.prepare;

	(void)state;
	ranges[0] = (struct contig_span){2 * PAGE + 5, 2 * PAGE};
	ranges[1] = (struct contig_span){0, 1};
	assert_int_equal(contig_buffer_prepare(client, buffer, ranges, 2, &opts,
					       &prepared),
			 0);
	assert_int_equal(last->flags, BOTH | CONTIG_RANGE_BUFFER);
	assert_int_equal(last->fd, contig_buffer_fd(buffer));
	assert_int_equal(prepared.count, 4);
	assert_int_equal(addrs[0] % PAGE, 5);
	assert_int_equal(fake_busy_pages(), 4);
	end();

	ranges[1].addr = PAGES * PAGE;
	assert_error(contig_buffer_prepare(client, buffer, ranges, 2, &opts,
					   &prepared),
		     EOVERFLOW);
}

static void copies_are_told(void **state)
{
	(void)state;
	fake.bounced = 1;
	opts.flags |= CONTIG_IO_BOUNCE;
	assert_error(prepare(1), EUNATCH);
	assert_int_equal(contig_attach_device(client, DEVICE, NULL), 0);
	assert_int_equal(prepare(1), 0);
	assert_int_equal(prepared.out_bounced, 1);
	end();
}

/* Members that the library does not know are zero. */
static void a_newer_program_gets_what_is_known(void **state)
{
	struct {
		struct contig_prepare known;
		uint64_t later;
	} longer;

	(void)state;
	memset(&longer, 0xa5, sizeof(longer));
	longer.known.size = sizeof(longer);
	assert_int_equal(
		contig_prepare(client, ranges, 1, &opts, &longer.known), 0);
	assert_int_equal(longer.known.size, sizeof(longer));
	assert_int_equal(longer.later, 0);
	assert_int_equal(longer.known.count, 1);
	prepared.out_id = longer.known.out_id;
	end();

	/* A caller that cannot be given the id gets no preparation. */
	prepared.size = sizeof(prepared) - 1;
	assert_error(prepare(1), EINVAL);
	assert_int_equal(fake.calls[CONTIG_CMD_PREPARE], 1);
}

static void unknown_options_are_refused(void **state)
{
	struct {
		struct contig_prepare_opts opts;
		long tail;
	} longer = {CONTIG_PREPARE_OPTS_INIT, 0};

	(void)state;
	longer.opts.sz = sizeof(longer);
	longer.tail = 1;
	assert_error(contig_prepare(client, ranges, 1, &longer.opts, &prepared),
		     E2BIG);
	longer.opts.sz = sizeof(longer.opts) - 1;
	assert_error(contig_prepare(client, ranges, 1, &longer.opts, &prepared),
		     EINVAL);
	opts.flags = CONTIG_RANGE_BUFFER;
	assert_error(prepare(1), EOPNOTSUPP);
	assert_error(contig_buffer_prepare(client, buffer, ranges, 1, &opts,
					   &prepared),
		     EOPNOTSUPP);
	assert_int_equal(fake.calls[CONTIG_CMD_PREPARE], 0);
	opts.flags = CONTIG_IO_MORE;
	assert_error(prepare(1), EOPNOTSUPP);
}

static void errors_leave_nothing_prepared(void **state)
{
	const struct contig_prepare before = prepared;

	(void)state;
	assert_passes_errors(CONTIG_CMD_PREPARE, prepare(1), EDQUOT, ENOMEM,
			     EADDRNOTAVAIL, ENODEV, EFAULT, ENXIO, EACCES,
			     ESTALE, EINTR, EXDEV);
	fake.deny_physical = true;
	assert_error(prepare(1), EPERM);
	fake.deny_physical = false;
	assert_error(prepare(0), EINVAL);
	ranges[0].length = 2 * PAGE;
	opts.max_pages = 1;
	opts.granularity = 2 * PAGE;
	assert_error(prepare(1), EMSGSIZE);
	assert_memory_equal(&before, &prepared, sizeof(before));
	assert_int_equal(fake_preparations(), 0);
	assert_int_equal(fake_busy_pages(), 0);
}

static void a_checkpoint_may_go_on(void **state)
{
	const struct contig_checkpoint *last = &fake.last.checkpoint;
	const uint32_t more = CONTIG_IO_MORE | CONTIG_IO_OUTPUT;

	(void)state;
	opts.flags = CONTIG_IO_OUTPUT;
	assert_int_equal(prepare(1), 0);
	assert_int_equal(contig_checkpoint(client, prepared.out_id, more), 0);
	assert_int_equal(last->size, sizeof(*last));
	assert_int_equal(last->flags, more);
	assert_int_equal(last->id, prepared.out_id);
	assert_int_equal(last->reserved, 0);
	assert_int_equal(fake_preparations(), 1);
	assert_error(contig_checkpoint(client, prepared.out_id,
				       CONTIG_IO_MORE | CONTIG_IO_INPUT),
		     EACCES);
	assert_error(contig_checkpoint(client, prepared.out_id,
				       CONTIG_IO_INPUT),
		     EINVAL);
	assert_error(contig_checkpoint(client, prepared.out_id, 1), EOPNOTSUPP);
	assert_passes_errors(CONTIG_CMD_CHECKPOINT,
			     contig_checkpoint(client, prepared.out_id, 0),
			     ENODEV, ESTALE, ENOLCK, EINTR, EXDEV);
	end();
	assert_error(contig_checkpoint(client, prepared.out_id, 0), ENOENT);
}

#define PREPARE_TEST(function)                                                 \
	cmocka_unit_test_setup_teardown(function, setup, ranges_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		PREPARE_TEST(options_come_to_the_kernel),
		PREPARE_TEST(without_options_all_of_it_is_prepared),
		PREPARE_TEST(several_ranges_are_told_page_by_page),
		PREPARE_TEST(parts_add_up),
		PREPARE_TEST(buffers_are_prepared_by_offset),
		PREPARE_TEST(copies_are_told),
		PREPARE_TEST(a_newer_program_gets_what_is_known),
		PREPARE_TEST(unknown_options_are_refused),
		PREPARE_TEST(errors_leave_nothing_prepared),
		PREPARE_TEST(a_checkpoint_may_go_on),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

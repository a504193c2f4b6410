// SPDX-License-Identifier: LGPL-2.1-or-later OR MIT
/*
 * Each test runs twice: with physical addresses, and with addresses for a
 * device.
 */
#include <stdlib.h>

#include "ranges.h"

/**
 * struct face - the functions for one kind of address
 * @flag: flag that selects this kind of address
 * @run_pages: tests set it to make a gap in these addresses, and none in the
 *             other kind, after so many pages
 * @addr: returns the expected address
 * @memory: translates memory
 * @buffer: translates a buffer
 * @all_memory: translates memory into a table
 * @all_buffer: translates a buffer into a table
 */
struct face {
	uint32_t flag;
	unsigned int *run_pages;
	uint64_t (*addr)(const void *addr);
	int (*memory)(struct contig *client, const void **addr, size_t *length,
		      struct contig_extent *extents, uint32_t *count);
	int (*buffer)(struct contig *client, const struct contig_buffer *buffer,
		      uint64_t *offset, uint64_t *length,
		      struct contig_extent *extents, uint32_t *count);
	int (*all_memory)(struct contig *client, const void *addr,
			  size_t length, struct contig_extent **extents,
			  uint32_t *count);
	int (*all_buffer)(struct contig *client,
			  const struct contig_buffer *buffer, uint64_t offset,
			  uint64_t length, struct contig_extent **extents,
			  uint32_t *count);
};

static struct face physical = {
	.run_pages = &fake.run_pages,
	.addr = fake_physical,
	.memory = contig_get_physical,
	.buffer = contig_buffer_get_physical,
	.all_memory = contig_get_extents,
	.all_buffer = contig_buffer_get_extents,
};

static struct face dma = {
	.flag = CONTIG_GET_DMA,
	.run_pages = &fake.dma_run_pages,
	.addr = fake_dma,
	.memory = contig_get_dma,
	.buffer = contig_buffer_get_dma,
	.all_memory = contig_get_dma_extents,
	.all_buffer = contig_buffer_get_dma_extents,
};

static const struct face *face;

static int setup(void **state)
{
	face = *state;
	if (ranges_setup(state))
		return -1;
	*face->run_pages = 1;
	return face->flag ? contig_attach_device(client, DEVICE, NULL) : 0;
}

static void lock_memory(size_t pages)
{
	assert_int_equal(contig_lock(client, memory, pages * PAGE, 0), 0);
}

static void unlock_memory(size_t pages)
{
	assert_int_equal(contig_unlock(client, memory, pages * PAGE), 0);
}

static void translation_counts_without_changing(void **state)
{
	const void *addr = memory + 10;
	size_t length = 3 * PAGE;
	uint32_t count = 0;

	(void)state;
	fake.deny_physical = true;
	lock_memory(4);
	assert_int_equal(face->memory(client, &addr, &length, NULL, &count), 0);
	assert_int_equal(fake.last.get_physical.flags, face->flag);
	assert_int_equal(count, 4);
	assert_ptr_equal(addr, memory + 10);
	assert_int_equal(length, 3 * PAGE);
	unlock_memory(4);
}

static void translation_advances(void **state)
{
	struct contig_extent extents[3];
	const char *expected = memory + 10;
	const void *addr = expected;
	size_t length = 10 * PAGE;
	size_t left = length;
	uint32_t count;
	uint32_t i;

	(void)state;
	lock_memory(11);
	while (length) {
		count = 3;
		assert_int_equal(face->memory(client, &addr, &length, extents,
					      &count),
				 0);
		assert_in_range(count, 1, 3);
		for (i = 0; i < count; i++) {
			assert_int_equal(extents[i].addr, face->addr(expected));
			expected += extents[i].length;
			left -= extents[i].length;
		}
		assert_ptr_equal(addr, expected);
		assert_int_equal(length, left);
	}
	unlock_memory(11);
}

static void failed_translation_changes_nothing(void **state)
{
	struct contig_extent extents[2];
	const void *addr = memory;
	size_t length = 2 * PAGE;
	uint32_t count = 2;

	(void)state;
	assert_error(face->memory(client, &addr, &length, extents, &count),
		     ENOLCK);
	lock_memory(2);
	fake.stale = memory + PAGE;
	assert_error(face->memory(client, &addr, &length, extents, &count),
		     ESTALE);
	fake.stale = NULL;
	assert_passes_errors(CONTIG_CMD_GET_PHYSICAL,
			     face->memory(client, &addr, &length, extents,
					  &count),
			     EPERM, EUNATCH, ENODEV, EFAULT);
	assert_ptr_equal(addr, memory);
	assert_int_equal(length, 2 * PAGE);
	assert_int_equal(count, 2);
	unlock_memory(2);
}

static void buffers_are_translated_by_offset(void **state)
{
	struct contig_extent extent;
	uint64_t offset = 100;
	uint64_t length = PAGE;
	uint32_t count = 1;

	(void)state;
	assert_int_equal(contig_buffer_lock(client, buffer, 0, 4 * PAGE, 0), 0);
	assert_int_equal(face->buffer(client, buffer, &offset, &length, &extent,
				      &count),
			 0);
	assert_int_equal(fake.last.get_physical.size,
			 sizeof(struct contig_get_physical));
	assert_int_equal(fake.last.get_physical.flags,
			 CONTIG_RANGE_BUFFER | face->flag);
	assert_int_equal(fake.last.get_physical.fd, contig_buffer_fd(buffer));
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
	lock_memory(PAGES);
	assert_int_equal(face->all_memory(client, memory + 1, 20 * PAGE,
					  &extents, &count),
			 0);
	assert_int_equal(count, 21);
	assert_int_equal(extents[0].addr, face->addr(memory + 1));
	assert_int_equal(extents[20].length, 1);
	free(extents);
	unlock_memory(PAGES);

	*face->run_pages = FAKE_RUNS_FOREVER;
	assert_int_equal(contig_buffer_lock(client, buffer, 0, 8 * PAGE, 0), 0);
	assert_int_equal(face->all_buffer(client, buffer, 0, 8 * PAGE, &extents,
					  &count),
			 0);
	assert_int_equal(count, 1);
	assert_int_equal(extents[0].length, 8 * PAGE);
	free(extents);
	assert_int_equal(contig_buffer_unlock(client, buffer, 0, 8 * PAGE), 0);
}

/* Act as if there were more extents after they were counted. */
static void whole_tables_grow(void **state)
{
	struct contig_extent *extents;
	uint32_t count;
	uint32_t i;

	(void)state;
	fake.most_extents = 3;
	lock_memory(8);
	assert_int_equal(face->all_memory(client, memory, 8 * PAGE, &extents,
					  &count),
			 0);
	assert_int_equal(count, 8);
	for (i = 0; i < count; i++)
		assert_int_equal(extents[i].addr,
				 face->addr(memory + i * PAGE));
	free(extents);
	unlock_memory(8);
}

static void whole_tables_fail_cleanly(void **state)
{
	struct contig_extent *extents = (void *)1;
	uint32_t count = 9;

	(void)state;
	assert_error(face->all_memory(client, memory, PAGE, &extents, &count),
		     ENOLCK);
	assert_null(extents);
	assert_int_equal(count, 0);
	lock_memory(1);
	/* They can be counted, but not read. */
	fake_fail(CONTIG_CMD_GET_PHYSICAL, 1, EPERM);
	assert_error(face->all_memory(client, memory, PAGE, &extents, &count),
		     EPERM);
	assert_null(extents);
	unlock_memory(1);
}

/* A caller that may not see physical addresses can see those for a device. */
static void each_kind_has_its_own_condition(void **state)
{
	const void *addr = memory;
	struct contig_extent extent;
	size_t length = PAGE;
	uint32_t count = 1;

	(void)state;
	lock_memory(1);
	fake.deny_physical = true;
	if (!face->flag) {
		assert_error(face->memory(client, &addr, &length, &extent,
					  &count),
			     EPERM);
	} else {
		assert_int_equal(face->memory(client, &addr, &length, &extent,
					      &count),
				 0);
		assert_int_equal(contig_detach_device(client), 0);
		addr = memory;
		length = PAGE;
		assert_error(face->memory(client, &addr, &length, &extent,
					  &count),
			     EUNATCH);
	}
	unlock_memory(1);
}

#define FACE_TEST(function, kind)                                              \
	{                                                                      \
#function " (" #kind ")", function, setup, ranges_teardown,    \
			&(kind)                                                \
	}
#define EACH_TEST(function)                                                    \
	FACE_TEST(function, physical), FACE_TEST(function, dma)

int main(void)
{
	const struct CMUnitTest tests[] = {
		EACH_TEST(translation_counts_without_changing),
		EACH_TEST(translation_advances),
		EACH_TEST(failed_translation_changes_nothing),
		EACH_TEST(buffers_are_translated_by_offset),
		EACH_TEST(whole_tables_are_allocated),
		EACH_TEST(whole_tables_grow),
		EACH_TEST(whole_tables_fail_cleanly),
		EACH_TEST(each_kind_has_its_own_condition),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

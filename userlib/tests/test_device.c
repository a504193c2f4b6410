// SPDX-License-Identifier: LGPL-2.1-or-later OR MIT
#include <contig.h>
#include <stdlib.h>

#include "fake.h"

#define PAGES 16
#define NAME "pci/0000:00:04.0"

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

static void attach_passes_the_name_and_limits_on(void **state)
{
	struct contig_device_opts opts = CONTIG_DEVICE_OPTS_INIT;
	const struct contig_device *last = &fake.last.device;

	(void)state;
	opts.address_bits = 28;
	opts.max_segment = 8192;
	opts.boundary = 1 << 16;
	assert_int_equal(contig_attach_device(client, NAME, &opts), 0);
	assert_int_equal(last->size, sizeof(*last));
	assert_int_equal(last->flags, 0);
	assert_string_equal(last->name, NAME);
	assert_int_equal(last->address_bits, 28);
	assert_int_equal(last->reserved, 0);
	assert_int_equal(last->max_segment, 8192);
	assert_int_equal(last->boundary, 1 << 16);

	assert_int_equal(contig_attach_device(client, NAME, NULL), 0);
	assert_int_equal(last->address_bits, 0);
	assert_int_equal(last->max_segment, 0);
	assert_int_equal(last->boundary, 0);
}

static void attach_refuses_what_it_does_not_know(void **state)
{
	struct {
		struct contig_device_opts opts;
		long tail;
	} longer = {CONTIG_DEVICE_OPTS_INIT, 0};
	char name[CONTIG_DEVICE_NAME_SIZE + 1];
	unsigned int calls = fake.calls[CONTIG_CMD_DEVICE];

	(void)state;
	longer.opts.sz = sizeof(longer);
	longer.tail = 1;
	assert_error(contig_attach_device(client, NAME, &longer.opts), E2BIG);
	longer.opts.sz = sizeof(longer.opts) - 1;
	assert_error(contig_attach_device(client, NAME, &longer.opts), EINVAL);
	memset(name, 'x', CONTIG_DEVICE_NAME_SIZE);
	name[CONTIG_DEVICE_NAME_SIZE] = '\0';
	assert_error(contig_attach_device(client, name, NULL), EINVAL);
	assert_int_equal(fake.calls[CONTIG_CMD_DEVICE], calls);

	longer.opts.sz = sizeof(longer);
	longer.tail = 0;
	assert_int_equal(contig_attach_device(client, NAME, &longer.opts), 0);
}

/* The kernel is to be asked what the longest name of all means. */
static void the_longest_name_fits(void **state)
{
	char name[CONTIG_DEVICE_NAME_SIZE] = "pci/";

	(void)state;
	memset(name + 4, '0', sizeof(name) - 5);
	assert_int_equal(contig_attach_device(client, name, NULL), 0);
	assert_string_equal(fake.last.device.name, name);
	assert_error(contig_attach_device(client, "", NULL), EINVAL);
	assert_error(contig_attach_device(client, "usb/1-1", NULL), ENODEV);
}

static void errors_come_as_they_are(void **state)
{
	static const int errors[] = {EPERM, ENODEV, EUNATCH, EBUSY, EOPNOTSUPP};
	struct contig_device info = {.size = sizeof(info)};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
		fake_fail(CONTIG_CMD_DEVICE, 0, errors[i]);
		assert_error(contig_attach_device(client, NAME, NULL),
			     errors[i]);
		fake_fail(CONTIG_CMD_DEVICE, 0, errors[i]);
		assert_error(contig_detach_device(client), errors[i]);
		fake_fail(CONTIG_CMD_DEVICE, 0, errors[i]);
		assert_error(contig_get_device(client, &info), errors[i]);
	}
}

static void the_device_is_described(void **state)
{
	struct contig_device info = {.size = sizeof(info)};

	(void)state;
	assert_error(contig_get_device(client, &info), EUNATCH);
	assert_int_equal(contig_attach_device(client, NAME, NULL), 0);
	memset(&info, 0xa5, sizeof(info));
	info.size = sizeof(info);
	assert_int_equal(contig_get_device(client, &info), 0);
	assert_int_equal(fake.last.device.flags, CONTIG_DEVICE_QUERY);
	assert_int_equal(info.size, sizeof(info));
	assert_int_equal(info.flags, 0);
	assert_string_equal(info.name, "");
	assert_string_equal(info.out_name, NAME);
	assert_int_equal(info.out_address_bits, 28);
	assert_int_equal(info.out_node, -1);
	assert_int_equal(info.out_features, CONTIG_DEVICE_IOMMU);

	info.size = sizeof(info) - 1;
	assert_error(contig_get_device(client, &info), EINVAL);

	assert_int_equal(contig_detach_device(client), 0);
	assert_int_equal(fake.last.device.flags, CONTIG_DEVICE_DETACH);
	assert_error(contig_detach_device(client), EUNATCH);
	info.size = sizeof(info);
	assert_error(contig_get_device(client, &info), EUNATCH);
}

static void one_run_for_the_device_can_be_asked_for(void **state)
{
	const uint32_t flags = CONTIG_LOCK_DEVICE_CONTIGUOUS;

	(void)state;
	fake.run_pages = 1;
	assert_error(contig_lock(client, memory, 4 * PAGE, flags), EUNATCH);
	assert_int_equal(contig_attach_device(client, NAME, NULL), 0);
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

static void memory_is_translated_for_the_device(void **state)
{
	struct contig_extent extents[3];
	const char *expected = memory + 10;
	const void *addr = expected;
	size_t length = 8 * PAGE;
	uint32_t count = 3;

	(void)state;
	fake.dma_run_pages = 1;
	assert_int_equal(contig_lock(client, addr, length, 0), 0);
	assert_error(contig_get_dma(client, &addr, &length, extents, &count),
		     EUNATCH);
	assert_ptr_equal(addr, expected);
	assert_int_equal(length, 8 * PAGE);
	assert_int_equal(count, 3);

	assert_int_equal(contig_attach_device(client, NAME, NULL), 0);
	/* It is no matter whether physical addresses may be seen. */
	fake.deny_physical = true;
	count = 0;
	assert_int_equal(contig_get_dma(client, &addr, &length, NULL, &count),
			 0);
	assert_int_equal(count, 9);
	count = 3;
	assert_int_equal(
		contig_get_dma(client, &addr, &length, extents, &count), 0);
	assert_int_equal(fake.last.get_physical.flags, CONTIG_GET_DMA);
	assert_int_equal(count, 3);
	assert_int_equal(extents[0].addr, fake_dma(expected));
	assert_int_equal(extents[0].length, PAGE - 10);
	assert_int_equal(extents[1].addr, fake_dma(memory + PAGE));
	assert_ptr_equal(addr, memory + 3 * PAGE);
	assert_int_equal(length, 5 * PAGE + 10);
	assert_int_equal(contig_unlock(client, expected, 8 * PAGE), 0);
}

static void buffers_are_translated_for_the_device(void **state)
{
	struct contig_extent extent;
	uint64_t offset = 100;
	uint64_t length = PAGE;
	uint32_t count = 1;

	(void)state;
	fake.run_pages = 1;
	assert_int_equal(contig_attach_device(client, NAME, NULL), 0);
	assert_int_equal(contig_buffer_lock(client, buffer, 0, 4 * PAGE, 0), 0);
	assert_int_equal(contig_buffer_get_dma(client, buffer, &offset, &length,
					       &extent, &count),
			 0);
	assert_int_equal(fake.last.get_physical.flags,
			 CONTIG_RANGE_BUFFER | CONTIG_GET_DMA);
	assert_int_equal(fake.last.get_physical.fd, contig_buffer_fd(buffer));
	assert_int_equal(offset, 100 + PAGE);
	assert_int_equal(length, 0);
	assert_int_equal(count, 1);
	assert_int_equal(extent.addr % PAGE, 100);
	assert_int_equal(extent.length, PAGE);
	assert_int_equal(contig_buffer_unlock(client, buffer, 0, 4 * PAGE), 0);
}

/* Where the CPU sees single pages, the device sees one run. */
static void whole_tables_are_the_devices(void **state)
{
	struct contig_extent *extents;
	uint32_t count;

	(void)state;
	fake.run_pages = 1;
	assert_int_equal(contig_lock(client, memory, PAGES * PAGE, 0), 0);
	assert_error(contig_get_dma_extents(client, memory, PAGE, &extents,
					    &count),
		     EUNATCH);
	assert_null(extents);
	assert_int_equal(contig_attach_device(client, NAME, NULL), 0);
	assert_int_equal(contig_get_dma_extents(client, memory, PAGES * PAGE,
						&extents, &count),
			 0);
	assert_int_equal(count, 1);
	assert_int_equal(extents[0].addr, fake_dma(memory));
	assert_int_equal(extents[0].length, PAGES * PAGE);
	free(extents);
	assert_int_equal(contig_get_extents(client, memory, PAGES * PAGE,
					    &extents, &count),
			 0);
	assert_int_equal(count, PAGES);
	assert_int_equal(extents[0].addr, fake_physical(memory));
	free(extents);
	assert_int_equal(contig_unlock(client, memory, PAGES * PAGE), 0);

	fake.dma_run_pages = 2;
	assert_int_equal(contig_buffer_lock(client, buffer, 0, 8 * PAGE, 0), 0);
	assert_int_equal(contig_buffer_get_dma_extents(
				 client, buffer, 0, 8 * PAGE, &extents, &count),
			 0);
	assert_int_equal(count, 4);
	free(extents);
	assert_int_equal(contig_buffer_unlock(client, buffer, 0, 8 * PAGE), 0);
}

#define DEVICE_TEST(function)                                                  \
	cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		DEVICE_TEST(attach_passes_the_name_and_limits_on),
		DEVICE_TEST(attach_refuses_what_it_does_not_know),
		DEVICE_TEST(the_longest_name_fits),
		DEVICE_TEST(errors_come_as_they_are),
		DEVICE_TEST(the_device_is_described),
		DEVICE_TEST(one_run_for_the_device_can_be_asked_for),
		DEVICE_TEST(memory_is_translated_for_the_device),
		DEVICE_TEST(buffers_are_translated_for_the_device),
		DEVICE_TEST(whole_tables_are_the_devices),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

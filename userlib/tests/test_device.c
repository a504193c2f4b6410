// SPDX-License-Identifier: LGPL-2.1-or-later OR MIT
#include "ranges.h"

static void attach_passes_the_name_and_limits_on(void **state)
{
	struct contig_device_opts opts = CONTIG_DEVICE_OPTS_INIT;
	const struct contig_device *last = &fake.last.device;

	(void)state;
	opts.address_bits = 28;
	opts.max_segment = 8192;
	opts.boundary = 1 << 16;
	assert_int_equal(contig_attach_device(client, DEVICE, &opts), 0);
	assert_int_equal(last->size, sizeof(*last));
	assert_int_equal(last->flags, 0);
	assert_string_equal(last->name, DEVICE);
	assert_int_equal(last->address_bits, 28);
	assert_int_equal(last->reserved, 0);
	assert_int_equal(last->max_segment, 8192);
	assert_int_equal(last->boundary, 1 << 16);

	assert_int_equal(contig_attach_device(client, DEVICE, NULL), 0);
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
	assert_error(contig_attach_device(client, DEVICE, &longer.opts), E2BIG);
	longer.opts.sz = sizeof(longer.opts) - 1;
	assert_error(contig_attach_device(client, DEVICE, &longer.opts),
		     EINVAL);
	memset(name, 'x', CONTIG_DEVICE_NAME_SIZE);
	name[CONTIG_DEVICE_NAME_SIZE] = '\0';
	assert_error(contig_attach_device(client, name, NULL), EINVAL);
	assert_int_equal(fake.calls[CONTIG_CMD_DEVICE], calls);

	longer.opts.sz = sizeof(longer);
	longer.tail = 0;
	assert_int_equal(contig_attach_device(client, DEVICE, &longer.opts), 0);
}

/* The kernel decides about the longest name, not the library. */
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
	struct contig_device info = {.size = sizeof(info)};

	(void)state;
	assert_passes_errors(CONTIG_CMD_DEVICE,
			     contig_attach_device(client, DEVICE, NULL), EPERM,
			     ENODEV, EUNATCH, EBUSY, EOPNOTSUPP);
	assert_passes_errors(CONTIG_CMD_DEVICE, contig_detach_device(client),
			     EUNATCH, EBUSY);
	assert_passes_errors(CONTIG_CMD_DEVICE,
			     contig_get_device(client, &info), EUNATCH, ENODEV);
}

static void the_device_is_described(void **state)
{
	struct contig_device info = {.size = sizeof(info)};

	(void)state;
	assert_error(contig_get_device(client, &info), EUNATCH);
	assert_int_equal(contig_attach_device(client, DEVICE, NULL), 0);
	memset(&info, 0xa5, sizeof(info));
	info.size = sizeof(info);
	assert_int_equal(contig_get_device(client, &info), 0);
	assert_int_equal(fake.last.device.flags, CONTIG_DEVICE_QUERY);
	assert_int_equal(info.size, sizeof(info));
	assert_int_equal(info.flags, 0);
	assert_string_equal(info.name, "");
	assert_string_equal(info.out_name, DEVICE);
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		RANGE_TEST(attach_passes_the_name_and_limits_on),
		RANGE_TEST(attach_refuses_what_it_does_not_know),
		RANGE_TEST(the_longest_name_fits),
		RANGE_TEST(errors_come_as_they_are),
		RANGE_TEST(the_device_is_described),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

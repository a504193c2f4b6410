// SPDX-License-Identifier: LGPL-2.1-or-later OR MIT
#include <contig.h>

#include "fake.h"

static void open_uses_the_default_device(void **state)
{
	struct contig *client;

	(void)state;
	assert_int_equal(contig_open(&client, NULL), 0);
	assert_string_equal(fake.open_path, "/dev/contig");
	assert_true(contig_fd(client) >= 0);
	contig_close(client);
}

static void open_uses_the_path_of_its_options(void **state)
{
	struct contig_open_opts opts = CONTIG_OPEN_OPTS_INIT;
	struct contig *client;

	(void)state;
	opts.path = "/dev/contig-other";
	assert_int_equal(contig_open(&client, &opts), 0);
	assert_string_equal(fake.open_path, "/dev/contig-other");
	contig_close(client);
}

static void open_fails_without_the_device(void **state)
{
	struct contig *client = (void *)1;

	(void)state;
	fake.open_error = ENOENT;
	assert_error(contig_open(&client, NULL), ENOENT);
	assert_null(client);
}

static void open_refuses_what_is_not_contig(void **state)
{
	struct contig_open_opts opts = CONTIG_OPEN_OPTS_INIT;
	unsigned int files = fake_open_files();
	struct contig *client = (void *)1;

	(void)state;
	opts.path = "/dev/null";
	assert_error(contig_open(&client, &opts), ENOTTY);
	assert_null(client);
	assert_int_equal(fake_open_files(), files);
}

static void open_checks_the_size_of_its_options(void **state)
{
	struct {
		struct contig_open_opts opts;
		long tail;
	} longer = {{sizeof(longer), NULL}, 0};
	struct contig_open_opts shorter = {sizeof(shorter) - 1, NULL};
	struct contig *client;

	(void)state;
	assert_error(contig_open(&client, &shorter), EINVAL);
	assert_int_equal(contig_open(&client, &longer.opts), 0);
	contig_close(client);
	longer.tail = 1;
	assert_error(contig_open(&client, &longer.opts), E2BIG);
	assert_null(client);
}

/* Check that a function initializes a structure as the macro does. */
#define assert_initializes(name, macro)                                        \
	do {                                                                   \
		struct contig_##name##_opts by_macro = macro;                  \
		struct {                                                       \
			struct contig_##name##_opts opts;                      \
			uint64_t tail[2];                                      \
		} longer;                                                      \
                                                                               \
		memset(&longer, 0x5a, sizeof(longer));                         \
		assert_error(contig_##name##_opts_init(                        \
				     &longer.opts, sizeof(longer.opts) - 1),   \
			     EINVAL);                                          \
		assert_int_equal(*(unsigned char *)&longer.opts, 0x5a);        \
		assert_int_equal(contig_##name##_opts_init(                    \
					 &longer.opts, sizeof(longer.opts)),   \
				 0);                                           \
		assert_memory_equal(&longer.opts, &by_macro,                   \
				    sizeof(by_macro));                         \
		assert_int_equal(longer.tail[0] & 0xff, 0x5a);                 \
		assert_int_equal(                                              \
			contig_##name##_opts_init(&longer.opts,                \
						  sizeof(longer.opts) +        \
							  sizeof(uint64_t)),   \
			0);                                                    \
		assert_int_equal(longer.opts.sz,                               \
				 sizeof(longer.opts) + sizeof(uint64_t));      \
		assert_int_equal(longer.tail[0], 0);                           \
		assert_int_equal(longer.tail[1] & 0xff, 0x5a);                 \
	} while (0)

static void functions_initialize_options(void **state)
{
	(void)state;
	assert_initializes(open, CONTIG_OPEN_OPTS_INIT);
	assert_initializes(device, CONTIG_DEVICE_OPTS_INIT);
	assert_initializes(alloc, CONTIG_ALLOC_OPTS_INIT);
	assert_initializes(prepare, CONTIG_PREPARE_OPTS_INIT);
}

static void close_keeps_errno_and_takes_null(void **state)
{
	unsigned int files = fake_open_files();
	struct contig *client;

	(void)state;
	assert_int_equal(contig_open(&client, NULL), 0);
	assert_int_equal(fake_open_files(), files + 1);
	errno = ENFILE;
	contig_close(client);
	contig_close(NULL);
	assert_int_equal(errno, ENFILE);
	assert_int_equal(fake_open_files(), files);
}

static void clients_are_independent(void **state)
{
	char *memory = fake_memory(1);
	struct contig *one;
	struct contig *two;

	(void)state;
	assert_int_equal(contig_open(&one, NULL), 0);
	assert_int_equal(contig_open(&two, NULL), 0);
	assert_int_equal(contig_lock(one, memory, 1, 0), 0);
	assert_error(contig_unlock(two, memory, 1), ENOLCK);
	assert_int_equal(contig_unlock(one, memory, 1), 0);
	contig_close(two);
	contig_close(one);
	munmap(memory, PAGE);
}

static void info_goes_through_as_it_is(void **state)
{
	struct contig_info info = {.size = sizeof(info)};
	struct contig *client;

	(void)state;
	assert_int_equal(contig_open(&client, NULL), 0);
	assert_int_equal(contig_get_info(client, &info), 0);
	assert_int_equal(fake.last.info.size, sizeof(info));
	assert_int_equal(info.out_abi_version, CONTIG_ABI_VERSION);
	assert_int_equal(info.out_page_size, PAGE);
	info.size = 4;
	assert_error(contig_get_info(client, &info), EINVAL);
	info.size = sizeof(info);
	info.flags = 1;
	assert_error(contig_get_info(client, &info), EOPNOTSUPP);
	contig_close(client);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(open_uses_the_default_device),
		TEST(open_uses_the_path_of_its_options),
		TEST(open_fails_without_the_device),
		TEST(open_refuses_what_is_not_contig),
		TEST(open_checks_the_size_of_its_options),
		TEST(functions_initialize_options),
		TEST(close_keeps_errno_and_takes_null),
		TEST(clients_are_independent),
		TEST(info_goes_through_as_it_is),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

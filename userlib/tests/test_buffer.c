// SPDX-License-Identifier: LGPL-2.1-or-later OR MIT
#include <contig.h>
#include <fcntl.h>
#include <linux/dma-buf.h>

#include "fake.h"

static struct contig *client;

static int open_client(void **state)
{
	fake_reset(state);
	return contig_open(&client, NULL);
}

static int close_client(void **state)
{
	(void)state;
	contig_close(client);
	return 0;
}

static struct contig_buffer *make_buffer(size_t pages)
{
	struct contig_buffer *buffer;

	assert_int_equal(contig_alloc(client, pages * PAGE, NULL, &buffer), 0);
	return buffer;
}

static void alloc_without_options_asks_for_anything(void **state)
{
	const struct contig_alloc *last = &fake.last.alloc;
	struct contig_buffer *buffer;

	(void)state;
	assert_int_equal(contig_alloc(client, 5000, NULL, &buffer), 0);
	assert_int_equal(last->size, sizeof(struct contig_alloc));
	assert_int_equal(last->length, 5000);
	assert_int_equal(last->rungs, 0);
	assert_int_equal(last->flags, 0);
	assert_int_equal(last->name[0], 0);
	assert_int_equal(contig_buffer_length(buffer), 2 * PAGE);
	assert_int_equal(contig_buffer_rung(buffer), CONTIG_RUNG_RESERVE);
	assert_int_equal(contig_buffer_mapping(buffer),
			 CONTIG_MAPPING_STRUCT_PAGE);
	assert_int_equal(contig_buffer_extents(buffer), 1);
	assert_true(fcntl(contig_buffer_fd(buffer), F_GETFD) & FD_CLOEXEC);
	contig_buffer_free(buffer);
}

static void alloc_passes_all_options_on(void **state)
{
	const struct contig_alloc *last = &fake.last.alloc;
	struct contig_alloc_opts opts = CONTIG_ALLOC_OPTS_INIT;
	struct contig_buffer *buffer;

	(void)state;
	opts.constraints = (struct contig_constraints){
		.lowest = 1 << 20,
		.highest = 0xffffffff,
		.align = 1 << 16,
		.boundary = 1 << 24,
		.min_segment = 8192,
		.max_segment = 65536,
		.max_segments = 17,
		.node_policy = CONTIG_NODE_STRICT,
		.node = 3,
	};
	opts.rungs = CONTIG_RUNGS_SPLIT;
	opts.flags = CONTIG_ALLOC_STRUCT_PAGE;
	opts.timeout_ms = 250;
	opts.name = "thirty-one characters at most..";
	assert_int_equal(contig_alloc(client, PAGE, &opts, &buffer), 0);
	assert_memory_equal(&last->constraints, &opts.constraints,
			    sizeof(opts.constraints));
	assert_int_equal(last->rungs, CONTIG_RUNGS_SPLIT);
	assert_int_equal(last->flags, CONTIG_ALLOC_STRUCT_PAGE);
	assert_int_equal(last->timeout_ms, 250);
	assert_string_equal(last->name, opts.name);
	contig_buffer_free(buffer);
}

static void alloc_checks_its_options(void **state)
{
	struct {
		struct contig_alloc_opts opts;
		long tail;
	} longer = {.opts = CONTIG_ALLOC_OPTS_INIT};
	struct contig_alloc_opts opts = CONTIG_ALLOC_OPTS_INIT;
	struct contig_alloc answer = {.size = 8};
	struct contig_buffer *buffer = (void *)1;

	(void)state;
	opts.sz--;
	assert_error(contig_alloc(client, PAGE, &opts, &buffer), EINVAL);
	assert_null(buffer);
	opts.sz++;
	opts.reserved = 1;
	assert_error(contig_alloc(client, PAGE, &opts, &buffer), EOPNOTSUPP);
	opts.reserved = 0;
	opts.name = "thirty-two characters are too many";
	assert_error(contig_alloc(client, PAGE, &opts, &buffer), EINVAL);
	opts.name = NULL;
	opts.answer = &answer;
	assert_error(contig_alloc(client, PAGE, &opts, &buffer), EINVAL);

	longer.opts.sz = sizeof(longer);
	longer.tail = 1;
	assert_error(contig_alloc(client, PAGE, &longer.opts, &buffer), E2BIG);
	assert_int_equal(fake.calls[CONTIG_CMD_ALLOC], 0);
	longer.tail = 0;
	assert_int_equal(contig_alloc(client, PAGE, &longer.opts, &buffer), 0);
	contig_buffer_free(buffer);
}

static int refuse(struct contig_alloc *arg)
{
	arg->out_report_count = 2;
	arg->out_reports[0].rung = CONTIG_RUNG_COHERENT;
	arg->out_reports[0].error = ENOMEM;
	arg->out_reports[1].rung = CONTIG_RUNG_RANGE;
	arg->out_reports[1].error = EBUSY;
	return ENOMEM;
}

static void alloc_answers_on_failure_too(void **state)
{
	struct contig_alloc answer = {.size = sizeof(answer)};
	struct contig_alloc_opts opts = CONTIG_ALLOC_OPTS_INIT;
	unsigned int files = fake_open_files();
	struct contig_buffer *buffer = (void *)1;

	(void)state;
	fake.alloc = refuse;
	opts.answer = &answer;
	assert_error(contig_alloc(client, PAGE, &opts, &buffer), ENOMEM);
	assert_null(buffer);
	assert_int_equal(answer.size, sizeof(answer));
	assert_int_equal(answer.length, PAGE);
	assert_int_equal(answer.out_fd, -1);
	assert_int_equal(answer.out_report_count, 2);
	assert_int_equal(answer.out_reports[1].error, EBUSY);
	assert_int_equal(fake_open_files(), files);
}

static void alloc_answers_a_longer_structure(void **state)
{
	struct {
		struct contig_alloc answer;
		uint64_t tail;
	} longer = {.answer = {.size = sizeof(longer)}, .tail = ~0ull};
	struct contig_alloc_opts opts = CONTIG_ALLOC_OPTS_INIT;
	struct contig_buffer *buffer;

	(void)state;
	opts.answer = &longer.answer;
	assert_int_equal(contig_alloc(client, PAGE, &opts, &buffer), 0);
	assert_int_equal(longer.answer.size, sizeof(longer));
	assert_int_equal(longer.answer.out_rung, CONTIG_RUNG_RESERVE);
	assert_int_equal(longer.tail, 0);
	contig_buffer_free(buffer);
}

static void alloc_leaves_each_errno_alone(void **state)
{
	static const int errors[] = {ENOMEM, ETIME,  EINTR,	 ERANGE,
				     EFBIG,  EDQUOT, EOPNOTSUPP, E2BIG};
	struct contig_buffer *buffer;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
		fake_fail(CONTIG_CMD_ALLOC, 0, errors[i]);
		assert_error(contig_alloc(client, PAGE, NULL, &buffer),
			     errors[i]);
	}
	assert_error(contig_alloc(client, 0, NULL, &buffer), EINVAL);
}

static int try_three_rungs(struct contig_alloc *arg)
{
	unsigned int i;

	for (i = 0; i < 3; i++)
		arg->out_reports[i] = (struct contig_report){
			.rung = CONTIG_RUNG_RESERVE + i,
			.largest = ~0ull,
		};
	arg->out_report_count = 3;
	return 0;
}

static void reports_come_as_they_are(void **state)
{
	struct contig_report reports[CONTIG_REPORTS] = {{0}};
	struct contig_buffer *buffer;
	unsigned int count = CONTIG_REPORTS;

	(void)state;
	fake.alloc = try_three_rungs;
	buffer = make_buffer(1);
	assert_int_equal(contig_buffer_get_reports(buffer, reports,
						   sizeof(*reports), &count),
			 0);
	assert_int_equal(count, 3);
	assert_int_equal(reports[0].rung, CONTIG_RUNG_RESERVE);
	assert_int_equal(reports[2].rung, CONTIG_RUNG_RANGE);
	assert_true(reports[2].largest == ~0ull);
	assert_int_equal(reports[3].rung, 0);

	/*
	 * A short table gets the first reports, and nothing is written behind
	 * it.
	 */
	memset(reports, 0, sizeof(reports));
	count = 2;
	assert_int_equal(contig_buffer_get_reports(buffer, reports,
						   sizeof(*reports), &count),
			 0);
	assert_int_equal(count, 3);
	assert_int_equal(reports[1].rung, CONTIG_RUNG_COHERENT);
	assert_int_equal(reports[2].rung, 0);
	count = 0;
	assert_int_equal(contig_buffer_get_reports(buffer, NULL,
						   sizeof(*reports), &count),
			 0);
	assert_int_equal(count, 3);
	contig_buffer_free(buffer);
}

static void reports_have_the_size_of_the_program(void **state)
{
	struct {
		struct contig_report report;
		uint64_t added;
	} longer[2];
	struct contig_buffer *buffer;
	unsigned int count = 2;

	(void)state;
	fake.alloc = try_three_rungs;
	buffer = make_buffer(1);
	memset(longer, 0xff, sizeof(longer));
	assert_int_equal(contig_buffer_get_reports(buffer, &longer[0].report,
						   sizeof(*longer), &count),
			 0);
	assert_int_equal(longer[0].report.rung, CONTIG_RUNG_RESERVE);
	assert_int_equal(longer[1].report.rung, CONTIG_RUNG_COHERENT);
	assert_int_equal(longer[0].added, 0);
	assert_int_equal(longer[1].added, 0);

	count = 2;
	assert_error(contig_buffer_get_reports(buffer, &longer[0].report, 24,
					       &count),
		     EINVAL);
	assert_int_equal(count, 2);
	contig_buffer_free(buffer);
}

static int foretell(struct contig_probe *arg)
{
	arg->out_rung = CONTIG_RUNG_RANGE;
	arg->out_largest = 12345;
	return 0;
}

static void probe_asks_like_alloc(void **state)
{
	struct contig_probe probe = {.size = sizeof(probe)};
	struct contig_alloc_opts opts = CONTIG_ALLOC_OPTS_INIT;

	(void)state;
	fake.probe = foretell;
	opts.constraints.align = 1 << 20;
	opts.rungs = CONTIG_RUNGS_RANGE;
	opts.flags = CONTIG_ALLOC_STRUCT_PAGE;
	assert_int_equal(contig_probe(client, 777, &opts, &probe), 0);
	assert_int_equal(fake.last.probe.size, sizeof(probe));
	assert_int_equal(fake.last.probe.length, 777);
	assert_int_equal(fake.last.probe.constraints.align, 1 << 20);
	assert_int_equal(fake.last.probe.rungs, CONTIG_RUNGS_RANGE);
	assert_int_equal(fake.last.probe.flags, CONTIG_ALLOC_STRUCT_PAGE);
	assert_int_equal(probe.size, sizeof(probe));
	assert_int_equal(probe.out_rung, CONTIG_RUNG_RANGE);
	assert_int_equal(probe.out_largest, 12345);

	probe.size = 8;
	assert_error(contig_probe(client, 777, &opts, &probe), EINVAL);
}

static void import_duplicates_the_descriptor(void **state)
{
	struct contig_buffer *buffer = make_buffer(3);
	struct contig_buffer *other;
	unsigned int files = fake_open_files();
	unsigned int count = 0;

	(void)state;
	assert_int_equal(contig_buffer_import(client, contig_buffer_fd(buffer),
					      &other),
			 0);
	assert_int_not_equal(contig_buffer_fd(other), contig_buffer_fd(buffer));
	assert_int_equal(contig_buffer_length(other), 3 * PAGE);
	assert_int_equal(contig_buffer_rung(other), CONTIG_RUNG_NONE);
	assert_int_equal(contig_buffer_mapping(other), CONTIG_MAPPING_NONE);
	assert_int_equal(contig_buffer_extents(other), 0);
	assert_int_equal(contig_buffer_get_reports(other, NULL,
						   sizeof(struct contig_report),
						   &count),
			 0);
	assert_int_equal(count, 0);
	contig_buffer_free(other);
	assert_int_equal(fake_open_files(), files);
	contig_buffer_free(buffer);
}

static void import_refuses_other_files(void **state)
{
	unsigned int files = fake_open_files();
	struct contig_buffer *buffer = (void *)1;

	(void)state;
	assert_error(contig_buffer_import(client, 0, &buffer), EBADFD);
	assert_null(buffer);
	assert_error(contig_buffer_import(client, 12345, &buffer), EBADF);
	assert_int_equal(fake_open_files(), files);
}

static void map_gives_the_byte_at_the_offset(void **state)
{
	struct contig_buffer *buffer = make_buffer(4);
	void *whole;
	void *part;

	(void)state;
	assert_int_equal(contig_buffer_map(buffer, 0, 4 * PAGE,
					   PROT_READ | PROT_WRITE, &whole),
			 0);
	strcpy((char *)whole + PAGE + 100, "here");
	assert_int_equal(
		contig_buffer_map(buffer, PAGE + 100, 5, PROT_READ, &part), 0);
	assert_int_equal((uintptr_t)part % PAGE, 100);
	assert_string_equal(part, "here");
	assert_int_equal(contig_buffer_unmap(part, 5), 0);
	/* Few bytes, but on two pages. */
	strcpy((char *)whole + 2 * PAGE - 2, "two");
	assert_int_equal(contig_buffer_map(buffer, 2 * PAGE - 2, 4, PROT_READ,
					   &part),
			 0);
	assert_string_equal(part, "two");
	assert_int_equal(contig_buffer_unmap(part, 4), 0);
	/* To the very end. */
	assert_int_equal(contig_buffer_map(buffer, 3 * PAGE - 1, PAGE + 1,
					   PROT_READ, &part),
			 0);
	assert_int_equal(*((char *)part + PAGE), 0);
	assert_int_equal(contig_buffer_unmap(part, PAGE + 1), 0);
	contig_buffer_free(buffer);
	/* The mapping outlives the handle. */
	assert_string_equal((char *)whole + PAGE + 100, "here");
	assert_int_equal(contig_buffer_unmap(whole, 4 * PAGE), 0);
}

static void map_checks_its_range(void **state)
{
	struct contig_buffer *buffer = make_buffer(2);
	void *addr;

	(void)state;
	assert_error(contig_buffer_map(buffer, 0, 0, PROT_READ, &addr), EINVAL);
	assert_error(contig_buffer_map(buffer, 0, 2 * PAGE + 1, PROT_READ,
				       &addr),
		     EOVERFLOW);
	assert_error(contig_buffer_map(buffer, 2 * PAGE, 1, PROT_READ, &addr),
		     EOVERFLOW);
	assert_error(contig_buffer_map(buffer, UINT64_MAX, 2, PROT_READ, &addr),
		     EOVERFLOW);
	assert_error(contig_buffer_map(buffer, 1, SIZE_MAX, PROT_READ, &addr),
		     EOVERFLOW);
	assert_error(contig_buffer_unmap(&addr, 0), EINVAL);
	contig_buffer_free(buffer);
}

static void access_is_announced_to_the_dma_buf(void **state)
{
	struct contig_buffer *buffer = make_buffer(1);

	(void)state;
	assert_int_equal(contig_buffer_begin_access(buffer, CONTIG_ACCESS_READ),
			 0);
	assert_int_equal(fake.last_sync,
			 DMA_BUF_SYNC_START | DMA_BUF_SYNC_READ);
	assert_int_equal(contig_buffer_end_access(buffer,
						  CONTIG_ACCESS_READ |
							  CONTIG_ACCESS_WRITE),
			 0);
	assert_int_equal(fake.last_sync, DMA_BUF_SYNC_END | DMA_BUF_SYNC_RW);
	/* Each call was interrupted once and repeated. */
	assert_int_equal(fake.syncs, 4);
	assert_error(contig_buffer_begin_access(buffer, 0), EINVAL);
	assert_error(contig_buffer_end_access(buffer, 4), EOPNOTSUPP);
	assert_int_equal(fake.syncs, 4);
	contig_buffer_free(buffer);
}

static void free_closes_the_descriptor(void **state)
{
	unsigned int files = fake_open_files();

	(void)state;
	contig_buffer_free(make_buffer(1));
	contig_buffer_free(NULL);
	assert_int_equal(fake_open_files(), files);
}

#define BUFFER_TEST(function)                                                  \
	cmocka_unit_test_setup_teardown(function, open_client, close_client)

int main(void)
{
	const struct CMUnitTest tests[] = {
		BUFFER_TEST(alloc_without_options_asks_for_anything),
		BUFFER_TEST(alloc_passes_all_options_on),
		BUFFER_TEST(alloc_checks_its_options),
		BUFFER_TEST(alloc_answers_on_failure_too),
		BUFFER_TEST(alloc_answers_a_longer_structure),
		BUFFER_TEST(alloc_leaves_each_errno_alone),
		BUFFER_TEST(reports_come_as_they_are),
		BUFFER_TEST(reports_have_the_size_of_the_program),
		BUFFER_TEST(probe_asks_like_alloc),
		BUFFER_TEST(import_duplicates_the_descriptor),
		BUFFER_TEST(import_refuses_other_files),
		BUFFER_TEST(map_gives_the_byte_at_the_offset),
		BUFFER_TEST(map_checks_its_range),
		BUFFER_TEST(access_is_announced_to_the_dma_buf),
		BUFFER_TEST(free_closes_the_descriptor),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

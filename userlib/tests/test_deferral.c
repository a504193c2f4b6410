// SPDX-License-Identifier: LGPL-2.1-or-later OR MIT
#include <contig.h>
#include <fcntl.h>
#include <poll.h>

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

static struct contig_deferral *make_deferral(void)
{
	struct contig_deferral *deferral;

	assert_int_equal(contig_defer(client, PAGE, NULL, NULL, &deferral), 0);
	return deferral;
}

static void defer_passes_all_options_on(void **state)
{
	const struct contig_defer *last = &fake.last.defer;
	struct contig_alloc_opts alloc_opts = CONTIG_ALLOC_OPTS_INIT;
	struct contig_defer_opts opts = CONTIG_DEFER_OPTS_INIT;
	struct contig_deferral *deferral;

	(void)state;
	alloc_opts.constraints.align = 1 << 16;
	alloc_opts.rungs = CONTIG_RUNGS_RANGE;
	alloc_opts.timeout_ms = 250;
	alloc_opts.name = "later";
	opts.flags = CONTIG_DEFER_EVENTFD;
	opts.eventfd = 5;
	opts.priority = -3;
	opts.deadline_ms = 1000;
	assert_int_equal(
		contig_defer(client, 5000, &alloc_opts, &opts, &deferral), 0);
	assert_int_equal(last->size, sizeof(struct contig_defer));
	assert_int_equal(last->flags, CONTIG_DEFER_EVENTFD);
	assert_int_equal(last->eventfd, 5);
	assert_int_equal(last->priority, -3);
	assert_int_equal(last->deadline_ms, 1000);
	assert_int_equal(last->alloc.length, 5000);
	assert_int_equal(last->alloc.constraints.align, 1 << 16);
	assert_int_equal(last->alloc.rungs, CONTIG_RUNGS_RANGE);
	assert_int_equal(last->alloc.timeout_ms, 250);
	assert_string_equal(last->alloc.name, "later");
	contig_deferral_free(deferral);
}

static void defer_checks_its_options(void **state)
{
	struct {
		struct contig_defer_opts opts;
		long tail;
	} longer = {.opts = CONTIG_DEFER_OPTS_INIT};
	struct contig_alloc_opts alloc_opts = CONTIG_ALLOC_OPTS_INIT;
	struct contig_defer_opts opts = CONTIG_DEFER_OPTS_INIT;
	struct contig_deferral *deferral = (void *)1;

	(void)state;
	opts.sz--;
	assert_error(contig_defer(client, PAGE, NULL, &opts, &deferral),
		     EINVAL);
	assert_null(deferral);
	opts.sz++;
	opts.reserved = 1;
	assert_error(contig_defer(client, PAGE, NULL, &opts, &deferral),
		     EOPNOTSUPP);
	alloc_opts.name = "thirty-two characters are too many";
	assert_error(contig_defer(client, PAGE, &alloc_opts, NULL, &deferral),
		     EINVAL);
	longer.opts.sz = sizeof(longer);
	longer.tail = 1;
	assert_error(contig_defer(client, PAGE, NULL, &longer.opts, &deferral),
		     E2BIG);
	assert_int_equal(fake.calls[CONTIG_CMD_DEFER], 0);
	assert_int_equal(contig_defer_opts_init(&opts, sizeof(opts)), 0);
	assert_int_equal(opts.reserved, 0);
	assert_error(contig_defer_opts_init(&opts, 8), EINVAL);
}

static void defer_passes_errors_on(void **state)
{
	struct contig_deferral *deferral;

	(void)state;
	assert_passes_errors(CONTIG_CMD_DEFER,
			     contig_defer(client, PAGE, NULL, NULL, &deferral),
			     ENOSPC, EDQUOT, EPERM, EBADFD, ERANGE);
	assert_null(deferral);
}

static void collect_gives_the_buffer(void **state)
{
	struct contig_deferral *deferral = make_deferral();
	struct contig_alloc answer = {.size = sizeof(answer)};
	struct contig_buffer *buffer;

	(void)state;
	assert_true(fcntl(contig_deferral_fd(deferral), F_GETFD) & FD_CLOEXEC);
	assert_int_equal(contig_deferral_collect(deferral,
						 CONTIG_COLLECT_TICKLE, &answer,
						 &buffer),
			 0);
	assert_int_equal(fake.last.collect.fd, contig_deferral_fd(deferral));
	assert_int_equal(fake.last.collect.flags, CONTIG_COLLECT_TICKLE);
	assert_int_equal(contig_buffer_length(buffer), PAGE);
	assert_int_equal(contig_buffer_rung(buffer), CONTIG_RUNG_RESERVE);
	assert_int_equal(answer.size, sizeof(answer));
	assert_int_equal(answer.out_rung, CONTIG_RUNG_RESERVE);
	contig_deferral_free(deferral);
	/* It outlives the request. */
	assert_int_not_equal(fcntl(contig_buffer_fd(buffer), F_GETFD), -1);
	contig_buffer_free(buffer);
}

static void collect_says_why_not(void **state)
{
	static const int errors[] = {EAGAIN, ETIME, ECANCELED, ENODATA};
	struct contig_deferral *deferral = make_deferral();
	struct contig_alloc answer = {.size = 8};
	struct contig_buffer *buffer = (void *)1;
	size_t i;

	(void)state;
	assert_error(contig_deferral_collect(deferral, 0, &answer, &buffer),
		     EINVAL);
	assert_null(buffer);
	assert_int_equal(fake.calls[CONTIG_CMD_COLLECT], 0);
	for (i = 0; i < sizeof(errors) / sizeof(*errors); i++) {
		fake.collect = errors[i];
		answer.size = sizeof(answer);
		assert_error(contig_deferral_collect(deferral, 0, &answer,
						     &buffer),
			     errors[i]);
		assert_null(buffer);
		assert_int_equal(answer.out_fd, -1);
	}
	contig_deferral_free(deferral);
	contig_deferral_free(NULL);
}

static void nothing_stays_open(void **state)
{
	unsigned int before = fake_open_files();
	struct contig_buffer *buffer;
	struct contig_deferral *deferral = make_deferral();

	(void)state;
	assert_int_equal(contig_deferral_collect(deferral, 0, NULL, &buffer),
			 0);
	contig_buffer_free(buffer);
	errno = 77;
	contig_deferral_free(deferral);
	assert_int_equal(errno, 77);
	assert_int_equal(fake_open_files(), before);
}

#define CLIENT_TEST(function)                                                  \
	cmocka_unit_test_setup_teardown(function, open_client, close_client)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CLIENT_TEST(defer_passes_all_options_on),
		CLIENT_TEST(defer_checks_its_options),
		CLIENT_TEST(defer_passes_errors_on),
		CLIENT_TEST(collect_gives_the_buffer),
		CLIENT_TEST(collect_says_why_not),
		CLIENT_TEST(nothing_stays_open),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

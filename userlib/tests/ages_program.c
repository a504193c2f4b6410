// SPDX-License-Identifier: LGPL-2.1-or-later OR MIT
/*
 * For the test "ages": a program that calls every function that takes or fills
 * a structure which may grow. Its arguments say how old the library and the
 * module are.
 */
#include <contig.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

static bool library_is_later;
static bool module_is_later;
static int failures;

static void check(bool good, const char *what, int line)
{
	if (good)
		return;
	printf("line %d: %s\n", line, what);
	failures++;
}

#define CHECK(condition) check((condition), #condition, __LINE__)

/*
 * Each returned value is the module's or zero, whatever the member contained.
 */
#ifdef AGE_later
#define CHECK_ADDED(arg)                                                       \
	CHECK((arg).out_added == (library_is_later && module_is_later ? 42 : 0))
/* A member that is zero does not disturb sides that do not know it. */
#define CHECK_OPTION(call)                                                     \
	do {                                                                   \
		CHECK((call) == 0);                                            \
		opts.added = 1;                                                \
		CHECK((call) == (library_is_later ? 0 : -E2BIG));              \
	} while (0)
#else
#define CHECK_ADDED(arg) ((void)(arg))
#define CHECK_OPTION(call) CHECK((call) == 0)
#endif

/*
 * Fill a structure as a failed call, or a call of another library, may leave
 * it.
 */
#define DIRTY(arg)                                                             \
	do {                                                                   \
		memset(&(arg), 0xa5, sizeof(arg));                             \
		(arg).size = sizeof(arg);                                      \
	} while (0)

static int open_and_close(const struct contig_open_opts *opts)
{
	struct contig *client;
	int error = contig_open(&client, opts);

	contig_close(client);
	return error;
}

static int allocate(struct contig *client, const struct contig_alloc_opts *opts)
{
	struct contig_buffer *buffer;
	int error = contig_alloc(client, 4096, opts, &buffer);

	contig_buffer_free(buffer);
	return error;
}

static void open_options(void)
{
	struct contig_open_opts opts = CONTIG_OPEN_OPTS_INIT;

	CHECK_OPTION(open_and_close(&opts));
}

static void info(struct contig *client)
{
	struct contig_info answer;
	int i;

	DIRTY(answer);
	answer.flags = 0;
	/* The second time with the values that the first call left there. */
	for (i = 0; i < 2; i++) {
		CHECK(contig_get_info(client, &answer) == 0);
		CHECK(answer.size == sizeof(answer));
		CHECK(answer.out_quota_used == 7);
		CHECK_ADDED(answer);
	}
}

static void alloc(struct contig *client)
{
	struct contig_alloc_opts opts = CONTIG_ALLOC_OPTS_INIT;
	struct contig_alloc answer;
	struct contig_probe probe;
	char text[1000];

	DIRTY(answer);
	opts.answer = &answer;
	CHECK(allocate(client, &opts) == 0);
	CHECK(answer.size == sizeof(answer));
	CHECK(answer.out_reports[1].largest == ~0ull);
	CHECK_ADDED(answer);
	CHECK(contig_explain(&answer, 0, text, sizeof(text)) > 0);
	CHECK_OPTION(allocate(client, &opts));

	opts = (struct contig_alloc_opts)CONTIG_ALLOC_OPTS_INIT;
	DIRTY(probe);
	CHECK(contig_probe(client, 4096, &opts, &probe) == 0);
	CHECK(probe.out_reports[CONTIG_REPORTS - 1].largest == 7);
	CHECK_ADDED(probe);
	CHECK(contig_explain_probe(&probe, text, sizeof(text)) > 0);
	CHECK_OPTION(contig_probe(client, 4096, &opts, &probe));
}

static void device(struct contig *client)
{
	struct contig_device_opts opts = CONTIG_DEVICE_OPTS_INIT;
	struct contig_device answer;

	CHECK_OPTION(contig_attach_device(client, "pci/0000:00:00.0", &opts));
	DIRTY(answer);
	CHECK(contig_get_device(client, &answer) == 0);
	CHECK(answer.size == sizeof(answer));
	CHECK(answer.out_features == 7);
	CHECK_ADDED(answer);
}

static void prepare(struct contig *client)
{
	struct contig_prepare_opts opts = CONTIG_PREPARE_OPTS_INIT;
	const struct contig_span range = {(uintptr_t)&opts, 1};
	struct contig_prepare answer;

	DIRTY(answer);
	CHECK(contig_prepare(client, &range, 1, &opts, &answer) == 0);
	CHECK(answer.size == sizeof(answer));
	CHECK(answer.out_bounced == 7);
	CHECK_ADDED(answer);
	CHECK_OPTION(contig_prepare(client, &range, 1, &opts, &answer));
}

static void hold(struct contig *client)
{
	CHECK(contig_hold(client, &failures, 1) == 0);
	CHECK(contig_unhold(client, &failures, 1) == 0);
}

/* A length and an offset that do not fit in a long of 32 bits. */
static void long_buffer(struct contig *client)
{
	const uint64_t length = 3ull << 30;
	struct contig_report reports[2];
	struct contig_buffer *buffer;
	struct contig_buffer *twin;
	unsigned int count = 2;
	void *last;
	void *same;

	CHECK(contig_alloc(client, length, NULL, &buffer) == 0);
	if (!buffer)
		return;
	CHECK(contig_buffer_length(buffer) == length);
	CHECK(contig_buffer_get_reports(buffer, reports, sizeof(*reports),
					&count) == 0);
	CHECK(count == 2 && reports[1].largest == ~0ull);
	CHECK(contig_buffer_import(client, contig_buffer_fd(buffer), &twin) ==
	      0);
	CHECK(twin && contig_buffer_length(twin) == length);
	if (!contig_buffer_map(buffer, length - 100, 100,
			       PROT_READ | PROT_WRITE, &last) &&
	    !contig_buffer_map(twin, length - 100, 100, PROT_READ, &same)) {
		memset(last, 7, 100);
		CHECK(!memcmp(last, same, 100));
	} else {
		CHECK(!"mapped");
	}
	contig_buffer_free(twin);
	contig_buffer_free(buffer);
}

int main(int argc, char **argv)
{
	struct contig *client;

	if (argc != 3)
		return 2;
	library_is_later = !strcmp(argv[1], "later");
	module_is_later = !strcmp(argv[2], "later");
	CHECK(contig_open(&client, NULL) == 0);
	if (!client)
		return 1;
	open_options();
	info(client);
	alloc(client);
	device(client);
	prepare(client);
	hold(client);
	long_buffer(client);
	contig_close(client);
	return failures != 0;
}

// SPDX-License-Identifier: LGPL-2.1-or-later OR MIT
#include <contig.h>
#include <stdio.h>

#include "fake.h"

#define MIB (1ull << 20)

/* What a rung says when it fails. */
#define BLOCKED(name, number, why, size)                                       \
	{                                                                      \
		.rung = CONTIG_RUNG_##name, .error = ENOMEM,                   \
		.blocked = CONTIG_BLOCKED_##why, .windows = number,            \
		.largest = size,                                               \
	}
#define ANSWERED(name)                                                         \
	{                                                                      \
		.rung = CONTIG_RUNG_##name                                     \
	}

static struct contig_alloc failed(uint64_t length, uint32_t rungs)
{
	return (struct contig_alloc){
		.size = sizeof(struct contig_alloc),
		.length = length,
		.rungs = rungs,
		.out_fd = -1,
	};
}

static struct contig_alloc succeeded(uint64_t length, uint32_t rung,
				     uint64_t extents)
{
	return (struct contig_alloc){
		.size = sizeof(struct contig_alloc),
		.length = length,
		.out_rung = rung,
		.out_mapping = CONTIG_MAPPING_STRUCT_PAGE,
		.out_length = length,
		.out_extents = extents,
	};
}

static void report(struct contig_alloc *answer, struct contig_report report)
{
	answer->out_reports[answer->out_report_count++] = report;
}

static void expect(const struct contig_alloc *answer, int error,
		   const char *expected)
{
	char text[2048];
	size_t length = contig_explain(answer, error, text, sizeof(text));

	assert_string_equal(text, expected);
	assert_int_equal(length, strlen(expected));
}

static void first_rung(void **state)
{
	struct contig_alloc answer =
		succeeded(64 * MIB, CONTIG_RUNG_RESERVE, 1);

	(void)state;
	report(&answer, (struct contig_report)ANSWERED(RESERVE));
	expect(&answer, 0,
	       "64 MiB came from the reserve in one extent, mapped as "
	       "ordinary pages.");
}

static void lower_rung(void **state)
{
	struct contig_alloc answer = succeeded(64 * MIB, CONTIG_RUNG_RANGE, 1);

	(void)state;
	answer.out_mapping = CONTIG_MAPPING_PFN;
	report(&answer,
	       (struct contig_report)BLOCKED(RESERVE, 0, EXHAUSTED, 16 * MIB));
	report(&answer,
	       (struct contig_report)BLOCKED(COHERENT, 0, TOO_LARGE, 4 * MIB));
	report(&answer, (struct contig_report)ANSWERED(RANGE));
	expect(&answer, 0,
	       "64 MiB came from the range rung in one extent, mapped as bare "
	       "page frames, which O_DIRECT and io_uring refuse. The rungs "
	       "above could not answer: the reserve has too little left (at "
	       "most 16 MiB now); the coherent rung can never give so much (at "
	       "most 4 MiB now).");
}

static void several_extents(void **state)
{
	struct contig_alloc answer = succeeded(64 * MIB, CONTIG_RUNG_SPLIT, 3);

	(void)state;
	report(&answer, (struct contig_report)BLOCKED(RESERVE, 0, ABSENT, 0));
	report(&answer,
	       (struct contig_report)BLOCKED(COHERENT, 0, TOO_LARGE, 4 * MIB));
	report(&answer,
	       (struct contig_report)BLOCKED(RANGE, 212, UNMOVABLE, 32 * MIB));
	report(&answer, (struct contig_report)ANSWERED(SPLIT));
	expect(&answer, 0,
	       "64 MiB came from the split rung in 3 extents, mapped as "
	       "ordinary pages. The rungs above could not answer: there is no "
	       "reserve; the coherent rung can never give so much (at most 4 "
	       "MiB now); the range rung found memory of the kernel in each of "
	       "212 windows (at most 32 MiB now). For a single extent: load "
	       "the module early with a reserve (modprobe contig early=64M); "
	       "ask for 32 MiB or less.");
}

static void no_rung(void **state)
{
	struct contig_alloc answer = failed(256 * MIB, CONTIG_RUNGS_CONTIGUOUS);

	(void)state;
	report(&answer,
	       (struct contig_report)BLOCKED(RESERVE, 0, EXHAUSTED, 0));
	report(&answer,
	       (struct contig_report)BLOCKED(COHERENT, 0, TOO_LARGE, 4 * MIB));
	report(&answer, (struct contig_report)BLOCKED(RANGE, 1, PINNED,
						      200 * MIB + MIB / 2));
	expect(&answer, -ENOMEM,
	       "No rung could give 256 MiB. Rung by rung: the reserve has too "
	       "little left; the coherent rung can never give so much (at most "
	       "4 MiB now); the range rung found pinned pages in the only "
	       "window (at most 200.5 MiB now). The largest block that would "
	       "have succeeded is 200.5 MiB, from the range rung. What helps: "
	       "let the owners of pinned pages release them; load the module "
	       "early with a reserve (modprobe contig early=256M); ask for "
	       "200.5 MiB or less; allow the split and scatter rungs, if the "
	       "device can gather.");
}

static void nothing_left(void **state)
{
	struct contig_alloc answer = failed(5000, CONTIG_RUNGS_SCATTER);

	(void)state;
	report(&answer,
	       (struct contig_report)BLOCKED(SCATTER, 0, EXHAUSTED, 0));
	expect(&answer, ENOMEM,
	       "No rung could give 5000 bytes. Rung by rung: the scatter rung "
	       "has "
	       "too little left. No length at all would have succeeded.");
}

static void constraints_not_met(void **state)
{
	struct contig_alloc answer = failed(MIB, CONTIG_RUNGS_ALL);

	(void)state;
	answer.constraints.lowest = 1ull << 50;
	report(&answer,
	       (struct contig_report)BLOCKED(RESERVE, 0, CONSTRAINTS, 0));
	report(&answer,
	       (struct contig_report)BLOCKED(SCATTER, 0, CONSTRAINTS, 0));
	expect(&answer, ERANGE,
	       "No memory of this machine, free or not, could give 1 MiB under "
	       "these constraints. Rung by rung: what the reserve has does not "
	       "meet the constraints; what the scatter rung has does not meet "
	       "the constraints. No length at all would have succeeded. What "
	       "helps: widen the constraints.");
}

static void time_and_signals(void **state)
{
	struct contig_alloc answer = failed(MIB, CONTIG_RUNGS_RANGE);

	(void)state;
	report(&answer, (struct contig_report)BLOCKED(RANGE, 9, TIME, 2 * MIB));
	expect(&answer, ETIME,
	       "The time ran out before a rung could give 1 MiB. Rung by rung: "
	       "the range rung ran out of time. Yet a "
	       "block of 2 MiB seems to be there, in the range rung. What "
	       "helps: allow more time (timeout_ms); allow the split and "
	       "scatter rungs, if the device can gather.");
	answer.out_report_count = 0;
	report(&answer, (struct contig_report)BLOCKED(RANGE, 9, SIGNAL, 0));
	expect(&answer, EINTR,
	       "A signal came before a rung could give 1 MiB. Rung by rung: "
	       "the range rung was interrupted by a signal. No length at all "
	       "would have succeeded. What helps: call again; allow the split "
	       "and scatter rungs, if the device can gather.");
}

static void all_other_reasons(void **state)
{
	struct contig_alloc answer = failed(MIB, 0);

	(void)state;
	answer.constraints.max_segments = 2;
	report(&answer, (struct contig_report)BLOCKED(RESERVE, 0, MAPPING, 0));
	report(&answer, (struct contig_report)BLOCKED(COHERENT, 0, ABSENT, 0));
	report(&answer, (struct contig_report)BLOCKED(RANGE, 2, BUSY, 0));
	report(&answer, (struct contig_report)BLOCKED(RANGE, 0, NO_ROOM, 0));
	report(&answer,
	       (struct contig_report)BLOCKED(SPLIT, 0, SEGMENTS, MIB / 2));
	report(&answer, (struct contig_report)BLOCKED(SCATTER, 0, ABSENT, 0));
	answer.out_reports[answer.out_report_count++] =
		(struct contig_report){.rung = 77, .blocked = 99};
	expect(&answer, ENOMEM,
	       "No rung could give 1 MiB under these constraints. Rung by "
	       "rung: the reserve was passed over because it cannot give "
	       "memory with struct pages; the pool of the device cannot be "
	       "used; the range rung found memory that refused to move in each "
	       "of 2 windows; the range rung found too little free memory to "
	       "move the rest to; the split rung would have needed more "
	       "extents than allowed (at most 512 KiB now); the scatter rung "
	       "does not exist on this machine; the unknown rung could not "
	       "answer. The largest block that would have "
	       "succeeded is 512 KiB, from the split rung. What helps: do "
	       "without CONTIG_ALLOC_STRUCT_PAGE; accept more extents "
	       "(max_segments); free memory; try again later; ask for 512 KiB "
	       "or less.");
}

static void errors_without_reports(void **state)
{
	struct contig_alloc answer = failed(3ull << 40, 0);

	(void)state;
	expect(&answer, EDQUOT,
	       "3 TiB more would exceed the quota of this user. What helps: "
	       "free other buffers; have the quota raised.");
	expect(&answer, EFBIG, "3 TiB is more than this machine has memory.");
	expect(&answer, ERANGE,
	       "No memory of this machine, free or not, could give 3 TiB. What "
	       "helps: widen the constraints.");
	expect(&answer, EOPNOTSUPP,
	       "The request for 3 TiB was refused: a flag or a value is "
	       "unknown to this version.");
	answer.length = 1;
	expect(&answer, EFBIG, "1 byte is more than this machine has memory.");
	answer.length = 10000;
	expect(&answer, EFBIG,
	       "10000 bytes is more than this machine has memory.");
	answer.length = 11000;
	expect(&answer, EFBIG,
	       "10.7 KiB is more than this machine has memory.");
	answer.length = 1200 * MIB;
	expect(&answer, EFBIG,
	       "1200 MiB is more than this machine has memory.");
	answer.length = 0;
	expect(&answer, EFBIG, "0 bytes is more than this machine has memory.");
	answer.length = ~0ull;
	expect(&answer, EFBIG,
	       "15.9 EiB is more than this machine has memory.");
}

static void a_short_room_cuts_the_text(void **state)
{
	struct contig_alloc answer = failed(MIB, 0);
	const char whole[] = "1 MiB is more than this machine has memory.";
	char text[8] = "xxxxxxx";

	(void)state;
	assert_int_equal(contig_explain(&answer, EFBIG, NULL, 0),
			 strlen(whole));
	assert_int_equal(contig_explain(&answer, EFBIG, text, 0),
			 strlen(whole));
	assert_string_equal(text, "xxxxxxx");
	assert_int_equal(contig_explain(&answer, EFBIG, text, 6),
			 strlen(whole));
	assert_string_equal(text, "1 MiB");
	assert_int_equal(text[7], 0);
}

static void a_wild_count_is_no_harm(void **state)
{
	struct contig_alloc answer = failed(MIB, 0);

	(void)state;
	answer.out_report_count = 1000;
	assert_true(contig_explain(&answer, ENOMEM, NULL, 0) > 0);
}

static int answer_from_split(struct contig_alloc *arg)
{
	arg->out_rung = CONTIG_RUNG_SPLIT;
	arg->out_extents = 2;
	arg->out_reports[0].rung = CONTIG_RUNG_SPLIT;
	return 0;
}

static void a_buffer_explains_itself(void **state)
{
	struct contig_buffer *buffer;
	struct contig *client;
	char text[256];
	size_t length;

	(void)state;
	fake.alloc = answer_from_split;
	assert_int_equal(contig_open(&client, NULL), 0);
	assert_int_equal(contig_alloc(client, 8192, NULL, &buffer), 0);
	length = contig_buffer_explain(buffer, text, sizeof(text));
	assert_int_equal(length, strlen(text));
	assert_string_equal(text,
			    "8 KiB came from the split rung in 2 extents, "
			    "mapped as ordinary pages.");
	contig_buffer_free(buffer);
	contig_close(client);
}

static void expect_probe(const struct contig_probe *probe, const char *expected)
{
	char text[2048];
	size_t length = contig_explain_probe(probe, text, sizeof(text));

	assert_string_equal(text, expected);
	assert_int_equal(length, strlen(expected));
}

static void probes(void **state)
{
	struct contig_probe probe = {
		.size = sizeof(probe),
		.length = 64 * MIB,
		.out_rung = CONTIG_RUNG_RANGE,
		.out_report_count = 2,
		.out_largest = 128 * MIB,
		.out_moves = 1,
		.out_free_pages = 100 * MIB / PAGE,
		.out_movable_pages = 200 * MIB / PAGE,
		.out_kernel_pages = 50 * MIB / PAGE,
		.out_reports = {BLOCKED(RESERVE, 0, ABSENT, 0),
				ANSWERED(RANGE)},
	};

	(void)state;
	expect_probe(&probe,
		     "64 MiB would come from the range rung, after moving 1 "
		     "page. These could not answer: there is no reserve. The "
		     "largest single extent to be had is 128 MiB. Of the "
		     "memory in question 100 MiB is free, 200 MiB can be "
		     "moved, 50 MiB is the kernel's and 0 bytes is pinned.");
	probe.length = 200 * MIB;
	probe.out_rung = CONTIG_RUNG_NONE;
	probe.out_remedy = CONTIG_REMEDY_RESERVE;
	probe.out_reports[1] =
		(struct contig_report)BLOCKED(RANGE, 3, UNMOVABLE, 128 * MIB);
	expect_probe(&probe,
		     "No rung could give 200 MiB now. Rung by rung: there is "
		     "no reserve; the range rung found memory of the kernel in "
		     "each of 3 windows (at most 128 MiB now). The largest "
		     "single extent to be had is 128 MiB. Of the memory in "
		     "question 100 MiB is free, 200 MiB can be moved, 50 MiB "
		     "is the kernel's and 0 bytes is pinned. What helps: load "
		     "the module early with a reserve (modprobe contig "
		     "early=200M).");
}

static void a_probe_of_what_is_free_moves_nothing(void **state)
{
	struct contig_probe probe = {
		.size = sizeof(probe),
		.length = 8192,
		.out_rung = CONTIG_RUNG_RANGE,
		.out_largest = 8192,
		.out_free_pages = 2,
	};

	(void)state;
	expect_probe(&probe, "8 KiB would come from the range rung. The "
			     "largest single extent to be had is 8 KiB. Of the "
			     "memory in question 8 KiB is free, 0 bytes can "
			     "be moved, 0 bytes is the kernel's and 0 bytes is "
			     "pinned.");
	/* A caller that may not see physical addresses. */
	probe.out_free_pages = 0;
	expect_probe(&probe, "8 KiB would come from the range rung. The "
			     "largest single extent to be had is 8 KiB.");
}

static void a_probe_over_the_quota_names_no_rung(void **state)
{
	struct contig_probe probe = {
		.size = sizeof(probe),
		.length = 64 * MIB,
		.out_remedy = CONTIG_REMEDY_QUOTA,
		.out_report_count = 2,
		.out_reports = {BLOCKED(RESERVE, 0, EXHAUSTED, 0),
				BLOCKED(RANGE, 0, EXHAUSTED, 0)},
	};

	(void)state;
	probe.out_reports[0].error = EDQUOT;
	probe.out_reports[1].error = EDQUOT;
	expect_probe(&probe,
		     "64 MiB more would exceed the quota of this user. What "
		     "helps: free other buffers; have the quota raised.");
	/* The quota is not what blocked the other rung. */
	probe.out_reports[0].error = ENOMEM;
	expect_probe(&probe,
		     "No rung could give 64 MiB now. Rung by rung: the reserve "
		     "has too little left; the range rung has too little left. "
		     "The largest single extent to be had is 0 bytes. What "
		     "helps: have the quota raised.");
}

static void every_remedy_has_its_advice(void **state)
{
	static const char *const advice[] = {
		[CONTIG_REMEDY_FREE] = "free memory.",
		[CONTIG_REMEDY_UNPIN] = "let the owners of pinned pages "
					"release them.",
		[CONTIG_REMEDY_SEGMENTS] = "accept more extents.",
		[CONTIG_REMEDY_CONSTRAINTS] = "widen the constraints.",
		[CONTIG_REMEDY_QUOTA] = "have the quota raised.",
	};
	struct contig_probe probe = {.size = sizeof(probe)};
	char text[512];
	uint32_t i;

	(void)state;
	for (i = CONTIG_REMEDY_FREE; i <= CONTIG_REMEDY_QUOTA; i++) {
		probe.out_remedy = i;
		contig_explain_probe(&probe, text, sizeof(text));
		assert_non_null(strstr(text, " What helps: "));
		assert_non_null(strstr(text, advice[i]));
	}
}

static void names(void **state)
{
	(void)state;
	assert_string_equal(contig_rung_name(CONTIG_RUNG_NONE), "none");
	assert_string_equal(contig_rung_name(CONTIG_RUNG_RESERVE), "reserve");
	assert_string_equal(contig_rung_name(CONTIG_RUNG_SCATTER), "scatter");
	assert_string_equal(contig_rung_name(CONTIG_RUNG_MAX), "unknown");
	assert_string_equal(contig_rung_name(UINT32_MAX), "unknown");
	assert_string_equal(contig_mapping_name(CONTIG_MAPPING_PFN), "pfn");
	assert_string_equal(contig_mapping_name(CONTIG_MAPPING_PFN + 1),
			    "unknown");
	assert_string_equal(contig_blocked_name(CONTIG_BLOCKED_SEGMENTS),
			    "segments");
	assert_string_equal(contig_blocked_name(CONTIG_BLOCKED_SEGMENTS + 1),
			    "unknown");
	assert_string_equal(contig_remedy_name(CONTIG_REMEDY_QUOTA), "quota");
	assert_string_equal(contig_remedy_name(CONTIG_REMEDY_QUOTA + 1),
			    "unknown");
}

/* Each errno of the contract has a phrase of its own. */
static void phrases(void **state)
{
	static const int errors[] = {
		0,	   ENOTTY,	  E2BIG,     EOPNOTSUPP, EINVAL,
		EOVERFLOW, EFBIG,	  ERANGE,    EFAULT,	 ENXIO,
		EACCES,	   EPERM,	  EBADF,     EBADFD,	 EXDEV,
		ENODATA,   ENOLCK,	  EILSEQ,    ESTALE,	 EMSGSIZE,
		EDEADLK,   EDQUOT,	  ENOMEM,    ETIME,	 EINTR,
		ENODEV,	   EBUSY,	  ENOENT,    EMFILE,	 ENFILE,
		EUNATCH,   EADDRNOTAVAIL, EHWPOISON,
	};
	const size_t count = sizeof(errors) / sizeof(errors[0]);
	size_t i;
	size_t j;

	(void)state;
	for (i = 0; i < count; i++) {
		assert_ptr_equal(contig_strerror(errors[i]),
				 contig_strerror(-errors[i]));
		for (j = 0; j < i; j++)
			assert_string_not_equal(contig_strerror(errors[i]),
						contig_strerror(errors[j]));
	}
	assert_string_equal(contig_strerror(ENOLCK), "the range is not locked");
	assert_string_equal(contig_strerror(EDOM),
			    "an error that contig does not give");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(first_rung),
		TEST(lower_rung),
		TEST(several_extents),
		TEST(no_rung),
		TEST(nothing_left),
		TEST(constraints_not_met),
		TEST(time_and_signals),
		TEST(all_other_reasons),
		TEST(errors_without_reports),
		TEST(a_short_room_cuts_the_text),
		TEST(a_wild_count_is_no_harm),
		TEST(a_buffer_explains_itself),
		TEST(probes),
		TEST(a_probe_of_what_is_free_moves_nothing),
		TEST(a_probe_over_the_quota_names_no_rung),
		TEST(every_remedy_has_its_advice),
		TEST(names),
		TEST(phrases),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

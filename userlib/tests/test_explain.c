// SPDX-License-Identifier: LGPL-2.1-or-later OR MIT
#include <contig.h>
#include <stdio.h>

#include "fake.h"
#include "reports.h"

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

/* The buffer in the way is named as far as the kernel tells. */
static void locked_buffer(void **state)
{
	struct contig_alloc answer = failed(4 * MIB, CONTIG_RUNGS_RESERVE);

	(void)state;
	report(&answer,
	       (struct contig_report)BLOCKED(RESERVE, 0, LOCKED, 2 * MIB));
	answer.out_in_way_id = 17;
	expect(&answer, ENOMEM,
	       "No rung could give 4 MiB: the reserve has enough free memory, "
	       "but not in one piece, and buffer 17 cannot be moved. The "
	       "largest block that would have succeeded is 2 MiB, from the "
	       "reserve. What helps: unlock the buffers in the reserve that "
	       "are not in use; ask for 2 MiB or less; allow the split and "
	       "scatter rungs, if the device can gather.");
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
	       "page frames, which O_DIRECT and io_uring refuse. No rung above "
	       "could answer: the reserve has too little left (at most 16 MiB "
	       "now).");
}

/* The text says why a buffer is mapped as bare page frames. */
static void page_frames(void **state)
{
	struct contig_alloc answer =
		succeeded(64 << 10, CONTIG_RUNG_COHERENT, 1);

	(void)state;
	report(&answer, (struct contig_report)ANSWERED(COHERENT));
	expect(&answer, 0,
	       "64 KiB came from the coherent rung in one extent, mapped as "
	       "ordinary pages.");
	answer.out_mapping = CONTIG_MAPPING_PFN;
	answer.out_frames = CONTIG_FRAMES_DEMANDED;
	expect(&answer, 0,
	       "64 KiB came from the coherent rung in one extent, mapped as "
	       "bare page frames, which O_DIRECT and io_uring refuse, as was "
	       "demanded.");
	answer.out_frames = CONTIG_FRAMES_POOL;
	expect(&answer, 0,
	       "64 KiB came from the coherent rung in one extent, mapped as "
	       "bare page frames, which O_DIRECT and io_uring refuse, since "
	       "it lies in a pool.");
	answer.out_frames = CONTIG_FRAMES_ENCRYPTED;
	expect(&answer, 0,
	       "64 KiB came from the coherent rung in one extent, mapped as "
	       "bare page frames, which O_DIRECT and io_uring refuse, since "
	       "memory for devices has to be decrypted.");
	answer.out_frames = CONTIG_FRAMES_CACHES;
	expect(&answer, 0,
	       "64 KiB came from the coherent rung in one extent, mapped as "
	       "bare page frames, which O_DIRECT and io_uring refuse, since "
	       "devices may not look into the caches.");
	answer.out_frames = CONTIG_FRAMES_CMA;
	expect(&answer, 0,
	       "64 KiB came from the coherent rung in one extent, mapped as "
	       "bare page frames, which O_DIRECT and io_uring refuse, since "
	       "only CMA had such a block.");
}

/*
 * The length requested is exact to the byte; a length that can be allocated may
 * be rounded.
 */
static void lengths(void **state)
{
	struct contig_alloc answer = failed(64 * MIB + 4096, CONTIG_RUNGS_ALL);

	(void)state;
	report(&answer,
	       (struct contig_report)BLOCKED(RANGE, 0, NO_ROOM, 64 * MIB));
	expect(&answer, ENOMEM,
	       "No rung could give 64 MiB + 4 KiB: the range rung found too "
	       "little free memory to move the rest to. The largest block that "
	       "would have succeeded is 64 MiB, from the range rung. What "
	       "helps: free memory; ask for 64 MiB or less.");
	answer.out_at_least = CONTIG_RUNGS_RANGE;
	answer.length += 1;
	expect(&answer, ENOMEM,
	       "No rung could give 64 MiB + 4 KiB + 1 byte: the range rung "
	       "found too little free memory to move the rest to. The largest "
	       "block that would have succeeded is at least 64 MiB, from the "
	       "range rung. What helps: free memory; ask for 64 MiB or less.");
}

static void demanded_page_frames(void **state)
{
	struct contig_alloc answer = failed(MIB, CONTIG_RUNGS_ALL);

	(void)state;
	answer.flags = CONTIG_ALLOC_PAGE_FRAMES;
	report(&answer, (struct contig_report)BLOCKED(RANGE, 0, MAPPING, 0));
	expect(&answer, ENOMEM,
	       "No rung could give 1 MiB: the range rung was skipped because "
	       "it cannot give bare page frames. No length at all would have "
	       "succeeded. What helps: do without CONTIG_ALLOC_PAGE_FRAMES.");
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
	       "ordinary pages. No rung above could answer: the range rung "
	       "found memory of the kernel in each of 212 windows (at most 32 "
	       "MiB now). For a single extent: load "
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
	       "No rung could give 256 MiB: the range rung found pinned pages "
	       "in the only window. The largest block that would "
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
	       "No rung could give 5000 bytes: the scatter rung has "
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
	       "these constraints: the memory of the scatter rung does not "
	       "meet the constraints. No length at all would have succeeded. "
	       "What helps: widen the constraints.");
}

/* The advice names the parameter that would have helped. */
static void reserve_that_would_have_helped(void **state)
{
	static const struct {
		struct contig_constraints constraints;
		const char *advice;
		uint32_t address_bits;
	} cases[] = {
		{{.highest = (1ull << 24) - 1}, "early=3M@24bit)", 0},
		{{.highest = (1ull << 32) - 1}, "early=3M@32bit)", 0},
		{{.highest = (1ull << 32) - 2}, "early=3M@31bit)", 0},
		{{.highest = 1ull << 32}, "early=3M@32bit)", 0},
		{{.highest = UINT64_MAX}, "early=3M)", 0},
		{{.highest = 0xffffffff, .align = 16 * MIB},
		 "early=3M@32bit/align=16M)",
		 0},
		{{.highest = 0xffffffff, .align = MIB}, "early=3M@32bit)", 0},
		{{.highest = 0xffffffff,
		  .align = 4096,
		  .node_policy = CONTIG_NODE_STRICT,
		  .node = 1},
		 "early=3M@32bit/node=1)",
		 0},
		{{.max_segments = 1},
		 "early=3M@32bit, with the address bits of the device)",
		 0},
		{{.max_segments = 1}, "early=3M@28bit)", 28},
		{{.max_segments = 1}, "early=3M)", 64},
		{{.highest = (1ull << 32) - 1}, "early=3M@28bit)", 28},
	};
	struct contig_alloc answer;
	char text[1024];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		answer = failed(2 * MIB + 1, CONTIG_RUNGS_ALL);
		answer.constraints = cases[i].constraints;
		answer.out_address_bits = cases[i].address_bits;
		report(&answer, (struct contig_report)BLOCKED(RESERVE, 0,
							      CONSTRAINTS, 0));
		contig_explain(&answer, ENOMEM, text, sizeof(text));
		assert_non_null(strstr(text, cases[i].advice));
	}
}

/* The advice names the only way to get memory that was not cleared. */
static void contents_that_were_not_kept(void **state)
{
	struct contig_alloc answer = failed(MIB, CONTIG_RUNGS_ALL);

	(void)state;
	answer.flags = CONTIG_ALLOC_KEEP_CONTENTS;
	report(&answer, (struct contig_report)BLOCKED(RESERVE, 0, CONTENTS, 0));
	report(&answer, (struct contig_report)BLOCKED(SCATTER, 0, CONTENTS, 0));
	expect(&answer, ENOMEM,
	       "No rung could give 1 MiB: the reserve has no memory whose "
	       "contents were kept. No length at all would have succeeded. "
	       "What helps: load the module with the memory "
	       "(modprobe contig early=SIZE@ADDRESS/keep).");
}

static void time_and_signals(void **state)
{
	struct contig_alloc answer = failed(MIB, CONTIG_RUNGS_RANGE);

	(void)state;
	report(&answer, (struct contig_report)BLOCKED(RANGE, 9, TIME, 2 * MIB));
	expect(&answer, ETIME,
	       "The time ran out before a rung could give 1 MiB: the range "
	       "rung ran out of time. Yet a block of 2 MiB seems to be "
	       "available from the range rung. What helps: allow more time "
	       "(timeout_ms); allow the split and scatter rungs, if the device "
	       "can gather.");
	answer.out_report_count = 0;
	report(&answer, (struct contig_report)BLOCKED(RANGE, 9, SIGNAL, 0));
	expect(&answer, EINTR,
	       "A signal came before a rung could give 1 MiB: "
	       "the range rung was interrupted by a signal. No length at all "
	       "would have succeeded. What helps: call again; allow the split "
	       "and scatter rungs, if the device can gather.");
}

/* Every reason has a clause of its own. */
static void all_other_reasons(void **state)
{
	static const struct {
		struct contig_report report;
		const char *text;
	} cases[] = {
		{BLOCKED(RESERVE, 0, MAPPING, 0),
		 "the reserve was skipped because it cannot give memory with "
		 "struct pages. No length at all would have succeeded. What "
		 "helps: do without CONTIG_ALLOC_STRUCT_PAGE."},
		{BLOCKED(COHERENT, 0, ABSENT, 0),
		 "the pool of the device cannot be used. No length at all "
		 "would have succeeded."},
		{BLOCKED(RANGE, 2, BUSY, 0),
		 "the range rung found memory that refused to move in each of "
		 "2 windows. No length at all would have succeeded. What "
		 "helps: try again later."},
		{BLOCKED(RANGE, 0, NO_ROOM, 0),
		 "the range rung found too little free memory to move the rest "
		 "to. No length at all would have succeeded. What helps: free "
		 "memory."},
		{BLOCKED(SPLIT, 0, SEGMENTS, MIB / 2),
		 "the split rung would have needed more extents than allowed. "
		 "The largest block that would have succeeded is 512 KiB, from "
		 "the split rung. What helps: accept more extents "
		 "(max_segments); ask for 512 KiB or less."},
		{BLOCKED(SCATTER, 0, ABSENT, 0),
		 "the scatter rung does not exist on this machine. No length "
		 "at all would have succeeded."},
		{{.rung = 77, .blocked = 99},
		 "the unknown rung could not answer. No length at all would "
		 "have succeeded."},
	};
	char expected[512];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct contig_alloc answer = failed(MIB, 0);

		answer.constraints.max_segments = 2;
		report(&answer, cases[i].report);
		snprintf(expected, sizeof(expected),
			 "No rung could give 1 MiB under these constraints: %s",
			 cases[i].text);
		expect(&answer, ENOMEM, expected);
	}
}

/*
 * A text names the one cause that mattered, whatever the results of other
 * rungs.
 */
static void one_cause(void **state)
{
	static const struct {
		int error;
		struct contig_report reports[3];
		const char *cause;
	} cases[] = {
		/* The cause is that of the rung that came closest. */
		{ENOMEM,
		 {BLOCKED(COHERENT, 1, EXHAUSTED, 4 * MIB),
		  BLOCKED(RANGE, 3, PINNED, 32 * MIB),
		  BLOCKED(SPLIT, 9, BUSY, 16 * MIB)},
		 "pinned pages"},
		/*
		 * If no rung has a largest length, it is that of the last rung,
		 * which demands least.
		 */
		{ENOMEM,
		 {BLOCKED(COHERENT, 1, EXHAUSTED, 0),
		  BLOCKED(RANGE, 3, PINNED, 0), BLOCKED(SPLIT, 9, BUSY, 0)},
		 "memory that refused to move"},
		/* But not that of a rung that could never give the memory. */
		{ENOMEM,
		 {BLOCKED(RESERVE, 0, ABSENT, 0), BLOCKED(RANGE, 3, PINNED, 0),
		  BLOCKED(SCATTER, 0, MAPPING, 0)},
		 "pinned pages"},
		/* A deadline or a signal that ended the request comes first. */
		{ETIME,
		 {BLOCKED(RANGE, 3, PINNED, 32 * MIB),
		  BLOCKED(SPLIT, 9, TIME, 16 * MIB),
		  BLOCKED(SCATTER, 0, ABSENT, 0)},
		 "ran out of time"},
		{EINTR,
		 {BLOCKED(RANGE, 3, TIME, 32 * MIB),
		  BLOCKED(SPLIT, 9, SIGNAL, 16 * MIB),
		  BLOCKED(SCATTER, 0, ABSENT, 0)},
		 "interrupted by a signal"},
		{0,
		 {BLOCKED(RESERVE, 0, EXHAUSTED, 0),
		  BLOCKED(COHERENT, 0, TOO_LARGE, 0), ANSWERED(RANGE)},
		 "the reserve has too little left"},
	};
	static const char *const clauses[] = {
		"too little left",
		"pinned pages",
		"refused to move",
		"ran out of time",
		"interrupted by a signal",
		"was skipped",
		"there is no",
		"does not exist",
		"never give so much",
	};
	size_t i;
	size_t j;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct contig_alloc answer =
			succeeded(64 * MIB, CONTIG_RUNG_RANGE, 1);
		unsigned int named = 0;
		char text[1024];

		for (j = 0; j < 3; j++)
			report(&answer, cases[i].reports[j]);
		contig_explain(&answer, cases[i].error, text, sizeof(text));
		assert_non_null(strstr(text, cases[i].cause));
		for (j = 0; j < sizeof(clauses) / sizeof(clauses[0]); j++)
			named += strstr(text, clauses[j]) != NULL;
		assert_int_equal(named, 1);
	}
}

static void errors_without_reports(void **state)
{
	struct contig_alloc answer = failed(3ull << 40, 0);

	(void)state;
	expect(&answer, EDQUOT,
	       "3 TiB more would exceed the quota of this user. What helps: "
	       "free other buffers; have the quota raised.");
	expect(&answer, EFBIG,
	       "3 TiB is more than the memory of this machine.");
	expect(&answer, ERANGE,
	       "No memory of this machine, free or not, could give 3 TiB. What "
	       "helps: widen the constraints.");
	expect(&answer, EOPNOTSUPP,
	       "The request for 3 TiB was refused: a flag or a value is "
	       "unknown to this version.");
	answer.length = 1;
	expect(&answer, EFBIG,
	       "1 byte is more than the memory of this machine.");
	answer.length = 10000;
	expect(&answer, EFBIG,
	       "10000 bytes is more than the memory of this machine.");
	answer.length = 11000;
	expect(&answer, EFBIG,
	       "10 KiB + 760 bytes is more than the memory of this machine.");
	answer.length = 1200 * MIB;
	expect(&answer, EFBIG,
	       "1200 MiB is more than the memory of this machine.");
	answer.length = 0;
	expect(&answer, EFBIG,
	       "0 bytes is more than the memory of this machine.");
	answer.length = ~0ull;
	expect(&answer, EFBIG,
	       "15.9 EiB is more than the memory of this machine.");
}

static void a_short_room_cuts_the_text(void **state)
{
	struct contig_alloc answer = failed(MIB, 0);
	const char whole[] = "1 MiB is more than the memory of this machine.";
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(first_rung),
		TEST(locked_buffer),
		TEST(lower_rung),
		TEST(page_frames),
		TEST(demanded_page_frames),
		TEST(lengths),
		TEST(several_extents),
		TEST(no_rung),
		TEST(nothing_left),
		TEST(constraints_not_met),
		TEST(reserve_that_would_have_helped),
		TEST(contents_that_were_not_kept),
		TEST(time_and_signals),
		TEST(all_other_reasons),
		TEST(one_cause),
		TEST(errors_without_reports),
		TEST(a_short_room_cuts_the_text),
		TEST(a_wild_count_is_no_harm),
		TEST(a_buffer_explains_itself),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

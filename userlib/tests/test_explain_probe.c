// SPDX-License-Identifier: LGPL-2.1-or-later OR MIT
/*
 * Tests of contig_explain_probe().
 */
#include <contig.h>
#include <stdio.h>

#include "fake.h"
#include "reports.h"

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
	expect_probe(
		&probe,
		"64 MiB would come from the range rung, after moving 1 page. "
		"No rung above could answer: there is no reserve. The largest "
		"single extent that can be allocated is 128 MiB. Of the memory "
		"in question 100 MiB is free, 200 MiB can be moved, 50 MiB is "
		"the kernel's and 0 bytes is pinned.");
	probe.length = 200 * MIB;
	probe.out_rung = CONTIG_RUNG_NONE;
	probe.out_remedy = CONTIG_REMEDY_RESERVE;
	probe.out_reports[1] =
		(struct contig_report)BLOCKED(RANGE, 3, UNMOVABLE, 128 * MIB);
	expect_probe(&probe,
		     "No rung could give 200 MiB now: the range rung found "
		     "memory of the kernel in each of 3 windows (at most 128 "
		     "MiB now). The largest single extent that can be "
		     "allocated is 128 MiB. Of the memory in question 100 MiB "
		     "is free, 200 MiB can be moved, 50 MiB is the kernel's "
		     "and 0 bytes is pinned. What helps: load the module early "
		     "with a reserve (modprobe contig early=200M).");
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
	expect_probe(&probe,
		     "8 KiB would come from the range rung. The largest single "
		     "extent that can be allocated is 8 KiB. Of the memory in "
		     "question 8 KiB is free, 0 bytes can be moved, 0 bytes is "
		     "the kernel's and 0 bytes is pinned.");
	/* The caller may not see physical addresses. */
	probe.out_free_pages = 0;
	expect_probe(&probe,
		     "8 KiB would come from the range rung. The largest single "
		     "extent that can be allocated is 8 KiB.");
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
	/* The other rung was not blocked by the quota. */
	probe.out_reports[0].error = ENOMEM;
	expect_probe(
		&probe,
		"No rung could give 64 MiB now: the range rung has too little "
		"left. The largest single extent that can be allocated is 0 "
		"bytes. What helps: have the quota raised.");
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(probes),
		TEST(a_probe_of_what_is_free_moves_nothing),
		TEST(a_probe_over_the_quota_names_no_rung),
		TEST(every_remedy_has_its_advice),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

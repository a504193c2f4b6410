// SPDX-License-Identifier: GPL-2.0-only
#include <linux/mm.h>
#include <linux/sizes.h>

#include "constraints.h"
#include "extents.h"
#include "kunit.h"
#include "request.h"
#include "request_check.h"

#define TRIES 20000

static int constraints_init(struct kunit *test)
{
	struct rnd_state *random = kunit_kzalloc(test, sizeof(*random),
						 GFP_KERNEL);

	if (!random)
		return -ENOMEM;
	prandom_seed_state(random, 3);
	test->priv = random;
	return 0;
}

/*
 * Check like contig_window_fits(), but page by page: a segment ends at its
 * limit and at each boundary.
 */
static bool walk(const struct contig_request *rq, unsigned long pfn,
		 unsigned long npages, bool final, unsigned int *segments)
{
	unsigned long limit = contig_segment_limit(rq), length = 0, i;

	for (i = 0; i < npages; i++) {
		unsigned long at = pfn + i;

		if (at < rq->lowest || at > rq->highest)
			return false;
		if (length && (length == limit ||
			       (rq->boundary && at % rq->boundary == 0))) {
			if (length < rq->min_segment)
				return false;
			length = 0;
		}
		if (!length) {
			if (at % rq->align)
				return false;
			++*segments;
		}
		length++;
	}
	return final || length >= rq->min_segment;
}

/* Make small limits, so that each of them matters now and then. */
static void random_request(struct rnd_state *random, struct contig_request *rq)
{
	contig_request_init_plain(rq, 1);
	rq->align = 1UL << contig_random(random, 4);
	if (contig_random(random, 2))
		rq->boundary = 1UL << contig_random(random, 6);
	if (contig_random(random, 2))
		rq->max_segment = 1 + contig_random(random, 40);
	if (contig_random(random, 2))
		rq->min_segment = 1 + contig_random(random, 8);
	if (contig_random(random, 4) == 0)
		rq->lowest = contig_random(random, 128);
	if (contig_random(random, 4) == 0)
		rq->highest = 128 + contig_random(random, 128);
	/* contig_request_init() refuses longer minimal segments. */
	rq->min_segment = min(rq->min_segment, contig_segment_limit(rq));
}

static void windows_are_cut_into_segments(struct kunit *test)
{
	struct rnd_state *random = test->priv;
	unsigned int i, fit = 0;

	for (i = 0; i < TRIES; i++) {
		unsigned int got = 5, want = 5;
		struct contig_request rq;
		unsigned long pfn, npages;
		bool final, fits;

		random_request(random, &rq);
		pfn = contig_random(random, 200);
		if (contig_random(random, 2))
			pfn = round_down(pfn, rq.align);
		npages = 1 + contig_random(random, 100);
		final = contig_random(random, 2);
		fits = contig_window_fits(&rq, pfn, npages, final, &got);
		if (fits != walk(&rq, pfn, npages, final, &want) ||
		    (fits && got != want)) {
			KUNIT_FAIL(test,
				   "pfn %lu npages %lu final %d align %lu boundary %lu segment %lu to %lu in %lu to %lu: %d with %u, not %u\n",
				   pfn, npages, final, rq.align, rq.boundary,
				   rq.min_segment, rq.max_segment, rq.lowest,
				   rq.highest, fits, got, want);
			return;
		}
		fit += fits;
	}
	/* Neither result is rare. */
	KUNIT_EXPECT_GT(test, fit, TRIES / 20);
	KUNIT_EXPECT_LT(test, fit, TRIES - TRIES / 20);
}

static void lists_add_up_their_segments(struct kunit *test)
{
	struct contig_extents extents;
	struct contig_request rq;

	contig_extents_init(&extents);
	KUNIT_ASSERT_EQ(test, 0, contig_extents_append(&extents, 16, 8));
	KUNIT_ASSERT_EQ(test, 0, contig_extents_append(&extents, 64, 4));
	contig_request_init_plain(&rq, 12);
	KUNIT_EXPECT_TRUE(test, contig_extents_fit(&rq, &extents));
	rq.max_segments = 2;
	KUNIT_EXPECT_TRUE(test, contig_extents_fit(&rq, &extents));
	rq.max_segments = 1;
	KUNIT_EXPECT_FALSE(test, contig_extents_fit(&rq, &extents));
	rq.max_segments = 2;
	/* Two segments of the first extent, one of the second. */
	rq.max_segment = 4;
	KUNIT_EXPECT_FALSE(test, contig_extents_fit(&rq, &extents));
	rq.max_segments = 3;
	KUNIT_EXPECT_TRUE(test, contig_extents_fit(&rq, &extents));
	/* Only the last segment may be short. */
	rq.max_segment = ULONG_MAX;
	rq.min_segment = 8;
	KUNIT_EXPECT_TRUE(test, contig_extents_fit(&rq, &extents));
	rq.min_segment = 9;
	KUNIT_EXPECT_FALSE(test, contig_extents_fit(&rq, &extents));
	rq.min_segment = 0;
	rq.highest = 66;
	KUNIT_EXPECT_FALSE(test, contig_extents_fit(&rq, &extents));
	rq.highest = 67;
	KUNIT_EXPECT_TRUE(test, contig_extents_fit(&rq, &extents));
	/* More pages are as wrong as fewer. */
	rq.npages = 11;
	KUNIT_EXPECT_FALSE(test, contig_extents_fit(&rq, &extents));
	rq.npages = 13;
	KUNIT_EXPECT_FALSE(test, contig_extents_fit(&rq, &extents));
	contig_extents_free(&extents);
}

struct request_case {
	const char *what;
	u64 length;
	u32 flags;
	u32 rungs;
	struct contig_constraints c;
	int ret;
};

static const struct request_case cases[] = {
	{ "plain", 1, 0, 0, {}, 0 },
	{ "nothing", 0, 0, 0, {}, -EINVAL },
	{ "all there can be", U64_MAX, 0, 0, {}, -EFBIG },
	{ "unknown flag", 1, 1U << 31, 0, {}, -EOPNOTSUPP },
	{ "unknown rung", 1, 0, 1U << 31, {}, -EOPNOTSUPP },
	{ "no rung 0", 1, 0, 1, {}, -EOPNOTSUPP },
	{ "reserved member", 1, 0, 0, { .reserved = 1 }, -EOPNOTSUPP },
	{ "alignment 3", 1, 0, 0, { .align = 3 }, -EINVAL },
	{ "alignment 2", 1, 0, 0, { .align = 2 }, 0 },
	{ "small boundary", 1, 0, 0, { .boundary = 2048 }, -EINVAL },
	{ "odd boundary", 1, 0, 0, { .boundary = 12288 }, -EINVAL },
	{ "window upside down", 1, 0, 0, { .lowest = SZ_2M, .highest = SZ_1M },
	  -EINVAL },
	{ "window of less than a page", 1, 0, 0,
	  { .lowest = SZ_1M + 1, .highest = SZ_1M + 4096 }, -ERANGE },
	{ "end below the first page", 1, 0, 0, { .highest = 4094 }, -ERANGE },
	{ "window above memory", 1, 0, 0, { .lowest = 1ULL << 51 }, -ERANGE },
	{ "small segments", 1, 0, 0, { .max_segment = 4095 }, -EINVAL },
	{ "shortest above longest", 1, 0, 0,
	  { .min_segment = 8192, .max_segment = 4096 }, -EINVAL },
	{ "shortest above boundary", 8192, 0, 0,
	  { .min_segment = 8192, .boundary = 4096 }, -ERANGE },
	{ "shortest above boundary in one piece", 1, 0, 0,
	  { .min_segment = 8192, .boundary = 4096 }, 0 },
	{ "too few segments", SZ_1M, 0, 0,
	  { .max_segment = 65536, .max_segments = 15 }, -ERANGE },
	{ "enough segments", SZ_1M, 0, 0,
	  { .max_segment = 65536, .max_segments = 16 }, 0 },
	{ "node without policy", 1, 0, 0, { .node = 1 }, -EINVAL },
	{ "unknown policy", 1, 0, 0, { .node_policy = 3 }, -EOPNOTSUPP },
	{ "no such node", 1, 0, 0,
	  { .node_policy = CONTIG_NODE_STRICT, .node = MAX_NUMNODES },
	  -EINVAL },
};

static void request_case_name(const struct request_case *c, char *name)
{
	strscpy(name, c->what, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(request, cases, request_case_name);

static void requests_are_checked(struct kunit *test)
{
	const struct request_case *c = test->param_value;
	struct contig_request rq;

	KUNIT_EXPECT_EQ(test, c->ret,
			contig_request_init(&rq, c->length, c->flags, c->rungs,
					    0, &c->c, NULL));
}

static void bytes_become_pages(struct kunit *test)
{
	const struct contig_constraints c = {
		.lowest = 4097,
		.highest = SZ_16M + 4094,
		.align = SZ_64K,
		.boundary = SZ_1M,
		.min_segment = 4097,
		.max_segment = 3 * 4096 - 1,
		.max_segments = 3000,
	};
	struct contig_request rq;
	int ret = contig_request_init(&rq, 4097, 0, 0, 0, &c, NULL);

	KUNIT_ASSERT_EQ(test, 0, ret);
	KUNIT_EXPECT_EQ(test, rq.npages, 2);
	/* Rounded inwards: only whole pages in the range of addresses. */
	KUNIT_EXPECT_EQ(test, rq.lowest, 2);
	KUNIT_EXPECT_EQ(test, rq.highest, SZ_16M / 4096 - 1);
	KUNIT_EXPECT_EQ(test, rq.align, SZ_64K / 4096);
	KUNIT_EXPECT_EQ(test, rq.boundary, SZ_1M / 4096);
	KUNIT_EXPECT_EQ(test, rq.min_segment, 2);
	KUNIT_EXPECT_EQ(test, rq.max_segment, 2);
	KUNIT_EXPECT_EQ(test, rq.max_segments, 3000);
	KUNIT_EXPECT_EQ(test, rq.node, NUMA_NO_NODE);
}

static struct kunit_case constraints_cases[] = {
	KUNIT_CASE(windows_are_cut_into_segments),
	KUNIT_CASE(lists_add_up_their_segments),
	KUNIT_CASE_PARAM(requests_are_checked, request_gen_params),
	KUNIT_CASE(bytes_become_pages),
	{}
};

struct kunit_suite contig_constraints_suite = {
	.name = "contig_constraints",
	.init = constraints_init,
	.test_cases = constraints_cases,
};

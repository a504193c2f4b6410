// SPDX-License-Identifier: GPL-2.0-only
#include <linux/bitmap.h>
#include <linux/mm.h>
#include <linux/pageblock-flags.h>
#include <linux/slab.h>

#include "avoid.h"
#include "constraints.h"
#include "kunit.h"
#include "request.h"
#include "slide.h"
#include "survey.h"

#define ROUNDS 60
#define PAGES 3000U
/* Start of the simulated memory: the middle of a pageblock. */
#define BASE (1000 * pageblock_nr_pages + pageblock_nr_pages / 2)

enum state { FREE, MOVE, STUCK };

/* Simulated memory. */
struct slide_test {
	struct rnd_state random;
	struct contig_request request;
	struct contig_survey survey;
	struct contig_avoid avoid;
	unsigned int npages;
	bool by_page;
	u8 state[PAGES];
};

static int slide_init(struct kunit *test)
{
	struct slide_test *t = kunit_kzalloc(test, sizeof(*t), GFP_KERNEL);

	if (!t)
		return -ENOMEM;
	prandom_seed_state(&t->random, 4);
	test->priv = t;
	return 0;
}

/* Make runs of pages in the same state, some of them stuck. */
static void make_up(struct slide_test *t, unsigned int longest,
		    unsigned int stuck)
{
	unsigned int i = 0, n;
	enum state state;

	while (i < PAGES) {
		state = contig_random(&t->random, 2) ? FREE : MOVE;
		if (contig_random(&t->random, stuck) == 0)
			state = STUCK;
		n = 1 + contig_random(&t->random, longest);
		for (; n && i < PAGES; n--)
			t->state[i++] = state;
	}
}

/* Scan all of the memory. */
static void scan(struct kunit *test)
{
	struct slide_test *t = test->priv;
	struct contig_scan scan;
	unsigned int i = 0, n;

	KUNIT_ASSERT_EQ(test, 0, contig_scan_init(&scan, &t->request, t->npages,
						  &t->survey));
	scan.final = true;
	scan.complete = true;
	contig_scan_begin(&scan, BASE);
	while (i < PAGES) {
		for (n = 1; i + n < PAGES && t->state[i + n] == t->state[i];)
			n++;
		/* A run need not be passed on at once. */
		if (t->by_page)
			n = 1;
		else if (n > 1 && contig_random(&t->random, 2))
			n = 1 + contig_random(&t->random, n);
		if (t->state[i] == STUCK)
			contig_scan_stop_at(&scan, BASE + i, BASE + i + n);
		else
			contig_scan_slide(&scan, BASE + i, n,
					  t->state[i] == MOVE);
		i += n;
	}
	contig_scan_close(&scan, BASE + PAGES);
	contig_scan_free(&scan);
}

/* Check that a scan by runs finds the same as a scan page by page. */
static void scan_twice(struct kunit *test)
{
	struct slide_test *t = test->priv;
	struct contig_survey by_page;

	t->by_page = true;
	scan(test);
	by_page = t->survey;
	t->by_page = false;
	scan(test);
	KUNIT_EXPECT_MEMEQ(test, &by_page, &t->survey, sizeof(by_page));
}

/* Return the cost of a window, ULONG_MAX if it is impossible. */
static unsigned long cost_of(const struct slide_test *t, unsigned long pfn)
{
	unsigned long first = pfn / pageblock_nr_pages;
	unsigned long last = (pfn + t->npages - 1) / pageblock_nr_pages;
	unsigned long cost = 0, i;
	unsigned int segments = 0;

	if (pfn % t->request.align || pfn + t->npages > BASE + PAGES)
		return ULONG_MAX;
	for (i = pfn - BASE; i < pfn - BASE + t->npages; i++) {
		if (t->state[i] == STUCK)
			return ULONG_MAX;
		cost += 4 * (t->state[i] == MOVE);
	}
	if (!contig_window_fits(&t->request, pfn, t->npages, true, &segments) ||
	    segments > t->request.max_segments)
		return ULONG_MAX;
	return cost + last - first + 1 -
	       DIV_ROUND_UP(t->npages, pageblock_nr_pages);
}

/* Return the first window of those with the least cost. */
static unsigned long cheapest(const struct slide_test *t, unsigned long *cost)
{
	unsigned long pfn, best = 0;

	*cost = ULONG_MAX;
	for (pfn = BASE; pfn < BASE + PAGES; pfn++) {
		unsigned long c = cost_of(t, pfn);

		if (c < *cost) {
			*cost = c;
			best = pfn;
		}
	}
	return best;
}

static void check_windows(struct kunit *test)
{
	struct slide_test *t = test->priv;
	const struct contig_window *w = t->survey.windows;
	unsigned long cost, pfn = cheapest(t, &cost);
	unsigned int i, k;

	KUNIT_EXPECT_LE(test, t->survey.nr, CONTIG_WINDOWS);
	KUNIT_EXPECT_EQ(test, t->survey.nr == 0, cost == ULONG_MAX);
	if (!t->survey.nr)
		return;
	KUNIT_EXPECT_EQ(test, w[0].cost, cost);
	KUNIT_EXPECT_EQ(test, w[0].pfn, pfn);
	for (i = 0; i < t->survey.nr; i++) {
		KUNIT_EXPECT_EQ(test, w[i].cost, cost_of(t, w[i].pfn));
		if (i)
			KUNIT_EXPECT_LE(test, w[i - 1].cost, w[i].cost);
		for (k = 0; k < i; k++)
			KUNIT_EXPECT_GT(test, max(w[i].pfn, w[k].pfn) -
					      min(w[i].pfn, w[k].pfn),
					t->npages / 2);
	}
}

static void the_cheapest_window_is_found(struct kunit *test)
{
	struct slide_test *t = test->priv;
	unsigned int round, found = 0;

	for (round = 0; round < ROUNDS; round++) {
		contig_request_init_plain(&t->request, PAGES);
		t->request.align = 1UL << contig_random(&t->random, 7);
		t->npages = 1 + contig_random(&t->random, 700);
		/* Now and then there is no window. */
		make_up(t, 1 + contig_random(&t->random, 300),
			round % 10 ? 2 + contig_random(&t->random, 60) : 1);
		scan_twice(test);
		check_windows(test);
		found += t->survey.nr > 0;
	}
	KUNIT_EXPECT_GT(test, found, ROUNDS / 4);
	KUNIT_EXPECT_LT(test, found, ROUNDS);
}

static void windows_keep_to_the_constraints(struct kunit *test)
{
	struct slide_test *t = test->priv;
	unsigned int round;

	for (round = 0; round < ROUNDS; round++) {
		contig_request_init_plain(&t->request, PAGES);
		t->request.max_segments = 1 + contig_random(&t->random, 3);
		t->request.boundary = 64UL << contig_random(&t->random, 4);
		t->request.align = 1UL << contig_random(&t->random, 5);
		t->npages = 1 + contig_random(&t->random, 400);
		make_up(t, 400, 50);
		scan_twice(test);
		check_windows(test);
	}
}

static void the_longest_run_is_known(struct kunit *test)
{
	struct slide_test *t = test->priv;
	unsigned int round;

	for (round = 0; round < ROUNDS; round++) {
		unsigned long longest = 0, first = 0, i;

		contig_request_init_plain(&t->request, PAGES);
		t->request.align = 1UL << contig_random(&t->random, 5);
		t->npages = PAGES;
		make_up(t, 200, 1 + contig_random(&t->random, 20));
		scan(test);
		/* Longest run that begins at an aligned page frame. */
		for (i = 0; i < PAGES; i++) {
			if (t->state[i] == STUCK) {
				first = i + 1;
				continue;
			}
			while ((BASE + first) % t->request.align)
				first++;
			if (i >= first)
				longest = max(longest, i - first + 1);
		}
		KUNIT_EXPECT_EQ(test, t->survey.largest, longest);
	}
}

static void free_memory_ends_a_scan(struct kunit *test)
{
	struct slide_test *t = test->priv;
	struct contig_scan scan;

	contig_request_init_plain(&t->request, 10);
	KUNIT_ASSERT_EQ(test, 0, contig_scan_init(&scan, &t->request, 10,
						  &t->survey));
	contig_scan_begin(&scan, BASE);
	contig_scan_slide(&scan, BASE, 9, false);
	KUNIT_EXPECT_FALSE(test, contig_scan_done(&scan));
	contig_scan_slide(&scan, BASE + 9, 2, true);
	KUNIT_EXPECT_EQ(test, t->survey.nr, 1);
	KUNIT_EXPECT_FALSE(test, contig_scan_done(&scan));
	contig_scan_slide(&scan, BASE + 11, 10, false);
	KUNIT_EXPECT_TRUE(test, contig_scan_done(&scan));
	scan.complete = true;
	KUNIT_EXPECT_FALSE(test, contig_scan_done(&scan));
	contig_scan_free(&scan);
}

/* Spans are sorted and apart, and include every page that was added. */
static void ranges_stay_apart(struct kunit *test)
{
	struct slide_test *t = test->priv;
	DECLARE_BITMAP(added, PAGES);
	unsigned int round, i, k;

	for (round = 0; round < ROUNDS; round += 6) {
		unsigned int runs = 0, covered = 0;
		bool squeezed = false;

		bitmap_zero(added, PAGES);
		t->avoid.nr = 0;
		for (i = 0; i < 3 * CONTIG_AVOID; i++) {
			unsigned int first = contig_random(&t->random, PAGES);
			unsigned int n = 1 + contig_random(&t->random,
							   1 + round);

			n = min(n, PAGES - first);
			bitmap_set(added, first, n);
			contig_avoid_add(&t->avoid, first, first + n - 1);
			runs = 0;
			for (k = 0; k < PAGES; k++)
				runs += test_bit(k, added) &&
					(!k || !test_bit(k - 1, added));
			squeezed |= runs > CONTIG_AVOID;
			KUNIT_ASSERT_LE(test, t->avoid.nr, CONTIG_AVOID);
			if (!squeezed)
				KUNIT_EXPECT_EQ(test, t->avoid.nr, runs);
		}
		for (i = 0; i < t->avoid.nr; i++) {
			unsigned long first = t->avoid.ranges[i].first;
			unsigned long last = t->avoid.ranges[i].last;

			KUNIT_EXPECT_LE(test, first, last);
			if (i)
				KUNIT_EXPECT_GT(test, first,
						t->avoid.ranges[i - 1].last + 1);
			/* Spans begin and end at pages that were added. */
			KUNIT_EXPECT_TRUE(test, test_bit(first, added));
			KUNIT_EXPECT_TRUE(test, test_bit(last, added));
			covered += bitmap_weight(added, last + 1) -
				   bitmap_weight(added, first);
		}
		KUNIT_EXPECT_EQ(test, covered, bitmap_weight(added, PAGES));
	}
}

static struct kunit_case slide_cases[] = {
	KUNIT_CASE(the_cheapest_window_is_found),
	KUNIT_CASE(windows_keep_to_the_constraints),
	KUNIT_CASE(the_longest_run_is_known),
	KUNIT_CASE(free_memory_ends_a_scan),
	KUNIT_CASE(ranges_stay_apart),
	{}
};

struct kunit_suite contig_slide_suite = {
	.name = "contig_slide",
	.init = slide_init,
	.test_cases = slide_cases,
};

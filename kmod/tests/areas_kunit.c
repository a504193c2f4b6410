// SPDX-License-Identifier: GPL-2.0-only
#include <linux/slab.h>

#include "areas.h"
#include "kunit.h"

#define PAGES 200U
#define OPERATIONS 500

/* Areas, and a count for every page to compare them with. */
struct areas_test {
	struct rnd_state random;
	struct contig_areas areas;
	unsigned int count[PAGES];
};

/* Count a range up, in the same steps as LOCK and HOLD. */
static void count_up(struct kunit *test, unsigned int first, unsigned int last)
{
	struct areas_test *t = test->priv;
	unsigned long start, end, next = first;
	struct contig_spares spares;
	struct contig_areas added;
	struct contig_area *area;
	unsigned int i;

	/* HOLD allocates both spares, LOCK those that it needs. */
	KUNIT_ASSERT_EQ(test, 0, contig_random(&t->random, 2) ?
			contig_spares_alloc(&spares) :
			contig_spares_need(&t->areas, first, last, &spares));
	contig_areas_init(&added);
	while (next <= last && contig_areas_gap(&t->areas, next, last, &start,
						&end)) {
		area = contig_area_new(start, end);
		KUNIT_ASSERT_NOT_NULL(test, area);
		contig_areas_insert(&added, area);
		next = end + 1;
	}
	contig_areas_cut(&t->areas, first, last, &spares);
	contig_for_each_area(area, &t->areas, first, last)
		area->count++;
	contig_areas_take(&t->areas, &added);
	KUNIT_EXPECT_TRUE(test, contig_areas_empty(&added));
	contig_areas_join(&t->areas, first, last);
	contig_spares_free(&spares);
	for (i = first; i <= last; i++)
		t->count[i]++;
}

/* Count a range down of which every page is counted. */
static void count_down(struct kunit *test, unsigned int first,
		       unsigned int last)
{
	struct areas_test *t = test->priv;
	struct contig_area *area, *next;
	struct contig_spares spares;
	unsigned int i;

	KUNIT_ASSERT_EQ(test, 0, contig_spares_alloc(&spares));
	contig_areas_cut(&t->areas, first, last, &spares);
	for (area = contig_areas_first(&t->areas, first, last); area;
	     area = next) {
		next = contig_areas_next(area, first, last);
		if (--area->count)
			continue;
		contig_areas_remove(&t->areas, area);
		kfree(area);
	}
	contig_areas_join(&t->areas, first, last);
	contig_spares_free(&spares);
	for (i = first; i <= last; i++)
		t->count[i]--;
}

/* Check every page's count, and that there are as few areas as possible. */
static void compare(struct kunit *test)
{
	struct areas_test *t = test->priv;
	unsigned int page = 0, runs = 0, areas = 0, wrong = 0;
	struct contig_area *area;

	for (page = 0; page < PAGES; page++) {
		area = contig_areas_first(&t->areas, page, page);
		wrong += (area ? area->count : 0) != t->count[page];
		runs += t->count[page] &&
			(!page || t->count[page] != t->count[page - 1]);
	}
	page = 0;
	contig_for_each_area(area, &t->areas, 0, ULONG_MAX) {
		areas++;
		wrong += area->it.start < page ||
			 area->it.last < area->it.start;
		page = area->it.last + 1;
	}
	KUNIT_EXPECT_EQ(test, wrong, 0);
	KUNIT_EXPECT_EQ(test, areas, runs);
	KUNIT_EXPECT_EQ(test, runs == 0, contig_areas_empty(&t->areas));
}

static bool all_counted(const struct areas_test *t, unsigned int first,
			unsigned int last, unsigned int *gap)
{
	for (*gap = first; *gap <= last; (*gap)++)
		if (!t->count[*gap])
			return false;
	return true;
}

static int areas_init(struct kunit *test)
{
	struct areas_test *t = kunit_kzalloc(test, sizeof(*t), GFP_KERNEL);

	if (!t)
		return -ENOMEM;
	prandom_seed_state(&t->random, 2);
	contig_areas_init(&t->areas);
	test->priv = t;
	return 0;
}

static void areas_exit(struct kunit *test)
{
	struct areas_test *t = test->priv;
	struct contig_area *area;

	while ((area = contig_areas_first(&t->areas, 0, ULONG_MAX))) {
		contig_areas_remove(&t->areas, area);
		kfree(area);
	}
}

static void counts_are_per_page(struct kunit *test)
{
	struct areas_test *t = test->priv;
	unsigned int i, gap, ups = 0, downs = 0;

	for (i = 0; i < OPERATIONS; i++) {
		unsigned int first = contig_random(&t->random, PAGES);
		unsigned int n = 1 + contig_random(&t->random, 40);
		unsigned int last = min(first + n - 1, PAGES - 1);

		if (!all_counted(t, first, last, &gap) ||
		    (t->count[first] < 5 && contig_random(&t->random, 2))) {
			count_up(test, first, last);
			ups++;
		} else {
			count_down(test, first, last);
			downs++;
		}
		compare(test);
	}
	/* Both were tried often. */
	KUNIT_EXPECT_GT(test, ups, OPERATIONS / 10);
	KUNIT_EXPECT_GT(test, downs, OPERATIONS / 10);
	/* Count down to nothing. */
	for (i = 0; i < PAGES; i++)
		while (t->count[i])
			count_down(test, i, i);
	compare(test);
	KUNIT_EXPECT_TRUE(test, contig_areas_empty(&t->areas));
}

static void gaps_are_found(struct kunit *test)
{
	struct areas_test *t = test->priv;
	unsigned int i;

	for (i = 0; i < 20; i++) {
		unsigned int first = contig_random(&t->random, PAGES - 5);

		count_up(test, first, first + contig_random(&t->random, 5));
	}
	for (i = 0; i < OPERATIONS; i++) {
		unsigned int first = contig_random(&t->random, PAGES), gap;
		unsigned int last = first +
				    contig_random(&t->random, PAGES - first);
		bool covered = all_counted(t, first, last, &gap);
		unsigned long start = 0, end = 0, n;

		KUNIT_EXPECT_EQ(test, covered,
				contig_areas_cover(&t->areas, first, last));
		n = contig_areas_gap(&t->areas, first, last, &start, &end);
		KUNIT_EXPECT_EQ(test, !n, covered);
		if (!n)
			continue;
		KUNIT_EXPECT_EQ(test, start, gap);
		while (gap <= last && !t->count[gap])
			gap++;
		KUNIT_EXPECT_EQ(test, end, gap - 1);
		KUNIT_EXPECT_EQ(test, n, end - start + 1);
	}
}

static void neighbours_that_differ_stay_apart(struct kunit *test)
{
	struct areas_test *t = test->priv;
	struct contig_area *area;
	unsigned int i;

	for (i = 0; i < 4; i++) {
		area = contig_area_new(10 * i, 10 * i + 9);
		KUNIT_ASSERT_NOT_NULL(test, area);
		area->owned = i == 1;
		area->write = i == 2;
		area->count += i == 3;
		contig_areas_insert(&t->areas, area);
	}
	contig_areas_join(&t->areas, 0, PAGES);
	for (i = 0; i < 4; i++) {
		area = contig_areas_first(&t->areas, 10 * i, 10 * i + 9);
		KUNIT_ASSERT_NOT_NULL(test, area);
		KUNIT_EXPECT_EQ(test, area->it.start, 10 * i);
		KUNIT_EXPECT_EQ(test, area->it.last, 10 * i + 9);
		area->owned = false;
		area->write = false;
		area->count = 1;
	}
	/* Neighbours at both ends of the joined range are merged too. */
	contig_areas_join(&t->areas, 10, 29);
	area = contig_areas_first(&t->areas, 0, 0);
	KUNIT_ASSERT_NOT_NULL(test, area);
	KUNIT_EXPECT_EQ(test, contig_area_npages(area), 40);
}

static void the_ends_of_everything(struct kunit *test)
{
	struct areas_test *t = test->priv;
	struct contig_spares spares;
	struct contig_area *area;

	area = contig_area_new(0, ULONG_MAX);
	KUNIT_ASSERT_NOT_NULL(test, area);
	contig_areas_insert(&t->areas, area);
	KUNIT_EXPECT_TRUE(test, contig_areas_cover(&t->areas, 0, ULONG_MAX));
	KUNIT_ASSERT_EQ(test, 0, contig_spares_alloc(&spares));
	contig_areas_cut(&t->areas, ULONG_MAX, ULONG_MAX, &spares);
	contig_spares_free(&spares);
	KUNIT_EXPECT_EQ(test, area->it.last, ULONG_MAX - 1);
	contig_areas_join(&t->areas, 0, ULONG_MAX);
	area = contig_areas_first(&t->areas, 0, 0);
	KUNIT_ASSERT_NOT_NULL(test, area);
	KUNIT_EXPECT_EQ(test, area->it.last, ULONG_MAX);
}

static struct kunit_case areas_cases[] = {
	KUNIT_CASE(counts_are_per_page),
	KUNIT_CASE(gaps_are_found),
	KUNIT_CASE(neighbours_that_differ_stay_apart),
	KUNIT_CASE(the_ends_of_everything),
	{}
};

struct kunit_suite contig_areas_suite = {
	.name = "contig_areas",
	.init = areas_init,
	.exit = areas_exit,
	.test_cases = areas_cases,
};

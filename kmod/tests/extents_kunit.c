// SPDX-License-Identifier: GPL-2.0-only
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "extents.h"
#include "kunit.h"

#define ROUNDS 50
#define PAGES 1000U

/* A list, and the same page by page. */
struct extents_test {
	struct rnd_state random;
	struct contig_extents extents;
	unsigned int npages;
	unsigned int nr;
	unsigned long pfn[PAGES];
	u64 addrs[PAGES];
};

/* Return true if the page at @offset is the first of an extent. */
static bool is_first(const struct extents_test *t, unsigned int offset)
{
	return !offset || t->pfn[offset] != t->pfn[offset - 1] + 1;
}

/* Append page frames, some of which continue the last extent. */
static void fill(struct kunit *test, unsigned int npages, unsigned int longest)
{
	struct extents_test *t = test->priv;
	unsigned long pfn = 1000;

	contig_extents_init(&t->extents);
	t->npages = 0;
	t->nr = 0;
	while (t->npages < npages) {
		unsigned int n = 1 + contig_random(&t->random, longest), i;

		n = min(n, npages - t->npages);
		/* Adjacent, after a gap, anywhere, the last frame once more. */
		switch (contig_random(&t->random, 4)) {
		case 0:
			break;
		case 1:
			pfn += 1 + contig_random(&t->random, 9);
			break;
		case 2:
			pfn = 1 + contig_random(&t->random, 1U << 20);
			break;
		case 3:
			pfn -= 1;
			break;
		}
		KUNIT_ASSERT_EQ(test, 0,
				contig_extents_append(&t->extents, pfn, n));
		for (i = 0; i < n; i++, t->npages++) {
			t->pfn[t->npages] = pfn++;
			t->nr += is_first(t, t->npages);
		}
	}
}

static int extents_init(struct kunit *test)
{
	struct extents_test *t = kunit_kzalloc(test, sizeof(*t), GFP_KERNEL);

	if (!t)
		return -ENOMEM;
	prandom_seed_state(&t->random, 1);
	contig_extents_init(&t->extents);
	test->priv = t;
	return 0;
}

static void extents_exit(struct kunit *test)
{
	struct extents_test *t = test->priv;

	contig_extents_free(&t->extents);
}

static void runs_are_maximal(struct kunit *test)
{
	struct extents_test *t = test->priv;
	unsigned int round, i;

	for (round = 0; round < ROUNDS; round++) {
		unsigned long sum = 0;

		fill(test, 1 + contig_random(&t->random, PAGES), 1 + round);
		KUNIT_EXPECT_EQ(test, t->extents.nr, t->nr);
		KUNIT_EXPECT_EQ(test, t->extents.npages, t->npages);
		for (i = 0; i < t->extents.nr; i++) {
			KUNIT_EXPECT_EQ(test, t->extents.entries[i].first, sum);
			sum += contig_extents_entry_len(&t->extents, i);
		}
		KUNIT_EXPECT_EQ(test, sum, t->npages);
		contig_extents_free(&t->extents);
		KUNIT_EXPECT_EQ(test, t->extents.npages, 0);
	}
}

static void every_page_is_found(struct kunit *test)
{
	struct extents_test *t = test->priv;
	unsigned int round, i, wrong = 0;

	for (round = 0; round < ROUNDS; round++) {
		int index = -1;

		fill(test, 1 + contig_random(&t->random, PAGES), 1 + round);
		for (i = 0; i < t->npages; i++) {
			index += is_first(t, i);
			wrong += contig_extents_find(&t->extents, i) != index;
			wrong += contig_extents_pfn(&t->extents, i) !=
				 t->pfn[i];
		}
		contig_extents_free(&t->extents);
	}
	KUNIT_EXPECT_EQ(test, wrong, 0);
}

static void runs_are_counted(struct kunit *test)
{
	struct extents_test *t = test->priv;
	unsigned int round, wrong = 0;

	for (round = 0; round < ROUNDS * 10; round++) {
		unsigned int first, last, i, n = 1;
		unsigned long first_pfn, last_pfn;

		if (round % 10 == 0) {
			contig_extents_free(&t->extents);
			fill(test, PAGES, 1 + round / 10);
		}
		first = contig_random(&t->random, PAGES);
		last = first + contig_random(&t->random, PAGES - first);
		for (i = first + 1; i <= last; i++)
			n += is_first(t, i);
		KUNIT_EXPECT_EQ(test, n,
				contig_extents_count(&t->extents, first, last));
		KUNIT_EXPECT_EQ(test, n,
				contig_extents_ends(&t->extents, first, last,
						    &first_pfn, &last_pfn));
		KUNIT_EXPECT_EQ(test, first_pfn, t->pfn[first]);
		KUNIT_EXPECT_EQ(test, last_pfn, t->pfn[last]);
		contig_extents_addrs(&t->extents, first, last - first + 1,
				     t->addrs);
		for (i = first; i <= last; i++)
			wrong += t->addrs[i - first] >> PAGE_SHIFT != t->pfn[i];
	}
	KUNIT_EXPECT_EQ(test, wrong, 0);
}

static void a_cursor_walks_all(struct kunit *test)
{
	struct extents_test *t = test->priv;
	struct contig_cursor cursor;
	unsigned int round, wrong = 0;

	for (round = 0; round < ROUNDS; round++) {
		unsigned long from, pfn, n, i, limit;

		fill(test, PAGES, 1 + round);
		from = contig_random(&t->random, PAGES);
		contig_cursor_init(&cursor, &t->extents, from);
		while (from < PAGES) {
			/* Limits before, inside and after the list. */
			limit = contig_random(&t->random, PAGES + PAGES / 4);
			n = contig_cursor_next(&cursor, limit, &pfn);
			if (!n) {
				wrong += from < limit;
				continue;
			}
			for (i = 0; i < n; i++)
				wrong += pfn + i != t->pfn[from + i];
			from += n;
			wrong += from > limit || cursor.offset != from;
			/* It stops at the limit or at the end of an extent. */
			if (from < PAGES)
				wrong += from != limit && !is_first(t, from);
		}
		KUNIT_EXPECT_EQ(test, 0,
				contig_cursor_next(&cursor, ULONG_MAX, &pfn));
		contig_extents_free(&t->extents);
	}
	KUNIT_EXPECT_EQ(test, wrong, 0);
}

/* Pages are appended one by one, in batches as GUP returns them. */
static void pages_make_the_same_list(struct kunit *test)
{
	struct extents_test *t = test->priv;
	struct contig_extents other;
	struct page **pages, **found;
	unsigned int i, n, wrong = 0;

	pages = kunit_kcalloc(test, PAGES, sizeof(*pages), GFP_KERNEL);
	found = kunit_kcalloc(test, PAGES, sizeof(*found), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, pages);
	KUNIT_ASSERT_NOT_NULL(test, found);
	fill(test, PAGES, 5);
	for (i = 0; i < PAGES; i++)
		pages[i] = pfn_to_page(t->pfn[i]);
	contig_extents_init(&other);
	for (i = 0; i < PAGES; i += n) {
		n = min(PAGES - i, 1 + contig_random(&t->random, 40));
		wrong += contig_extents_append_pages(&other, pages + i, n) != n;
	}
	KUNIT_EXPECT_EQ(test, other.nr, t->extents.nr);
	KUNIT_EXPECT_EQ(test, other.npages, t->extents.npages);
	for (i = 0; i < other.nr && i < t->extents.nr; i++)
		wrong += memcmp(&other.entries[i], &t->extents.entries[i],
				sizeof(other.entries[i])) != 0;
	for (i = 0; i < ROUNDS; i++) {
		unsigned int first = contig_random(&t->random, PAGES);

		n = 1 + contig_random(&t->random, PAGES - first);
		contig_extents_pages(&other, first, n, found);
		wrong += memcmp(found, pages + first, n * sizeof(*found)) != 0;
	}
	KUNIT_EXPECT_EQ(test, wrong, 0);
	contig_extents_free(&other);
}

static struct kunit_case extents_cases[] = {
	KUNIT_CASE(runs_are_maximal),
	KUNIT_CASE(every_page_is_found),
	KUNIT_CASE(runs_are_counted),
	KUNIT_CASE(a_cursor_walks_all),
	KUNIT_CASE(pages_make_the_same_list),
	{}
};

struct kunit_suite contig_extents_suite = {
	.name = "contig_extents",
	.init = extents_init,
	.exit = extents_exit,
	.test_cases = extents_cases,
};

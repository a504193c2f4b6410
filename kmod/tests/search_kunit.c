// SPDX-License-Identifier: GPL-2.0-only
/*
 * A model of searches in memory of any size, which is simulated as it is looked at
 */
#include <linux/hash.h>
#include <linux/mm.h>
#include <linux/pageblock-flags.h>
#include <linux/sizes.h>

#include "kunit.h"
#include "request.h"
#include "slide.h"
#include "survey.h"

/* Memory is full: of its pages one in so many is free, all others move. */
#define FREE_EACH 8

/* Pages of the kernel lie together: in one run of pageblocks in so many. */
#define KERNEL_EACH 4
#define KERNEL_RUN 32

/* The same number for the same page frame. */
static bool one_in(unsigned long number, unsigned int n)
{
	return !(hash_64(number, 32) % n);
}

/* Pass a pageblock. Return the number of looks at page frames. */
static unsigned int pass_block(struct contig_scan *scan, unsigned long pfn)
{
	unsigned long end = pfn + pageblock_nr_pages;

	/* Only the frames before the page of the kernel are looked at. */
	if (one_in(pfn / pageblock_nr_pages / KERNEL_RUN, KERNEL_EACH)) {
		contig_scan_stop_at(scan, pfn, end);
		return pageblock_nr_pages / 2;
	}
	for (; pfn < end; pfn++)
		contig_scan_slide(scan, pfn, 1, !one_in(pfn, FREE_EACH));
	return pageblock_nr_pages;
}

/* Search for a window. Return the number of looks, and the pages to move. */
static unsigned int search(struct kunit *test, u64 memory, unsigned long npages,
			   unsigned long *moves)
{
	unsigned long pfn, end = memory >> PAGE_SHIFT;
	struct contig_request request;
	struct contig_survey *survey;
	struct contig_scan scan;
	unsigned int looked = 0;

	*moves = 0;
	survey = kunit_kzalloc(test, sizeof(*survey), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, survey);
	contig_request_init_plain(&request, npages);
	KUNIT_ASSERT_EQ(test, 0, contig_scan_init(&scan, &request, npages,
						  survey));
	scan.final = true;
	scan.wanted = 1;
	contig_scan_begin(&scan, 0);
	for (pfn = 0; pfn < end && !contig_scan_enough(&scan, looked);
	     pfn += pageblock_nr_pages)
		looked += pass_block(&scan, pfn);
	contig_scan_free(&scan);
	KUNIT_EXPECT_GT(test, survey->nr, 0);
	*moves = survey->windows[0].cost / 4;
	return looked;
}

/* What a search costs depends on what it looks for, not on the memory. */
static void costs_as_much_in_large_memory(struct kunit *test)
{
	static const u64 memory[] = { SZ_1G, 12ULL * SZ_1G, 64ULL * SZ_1G,
				      1024ULL * SZ_1G };
	static const u32 lengths[] = { SZ_64K, SZ_2M, SZ_16M };
	unsigned int i, k, looks, least;
	unsigned long moves;

	for (i = 0; i < ARRAY_SIZE(lengths); i++) {
		unsigned long npages = max(lengths[i] >> PAGE_SHIFT, 1UL);

		least = UINT_MAX;
		for (k = 0; k < ARRAY_SIZE(memory); k++) {
			looks = search(test, memory[k], npages, &moves);
			least = min(least, looks);
			kunit_info(test, "%5u KiB in %4llu GiB: %7u looks, %5lu pages to move, %lu in the window\n",
				   lengths[i] / SZ_1K, memory[k] / SZ_1G, looks,
				   moves, npages);
			KUNIT_EXPECT_LE(test, looks, 2 * least);
		}
	}
}

static struct kunit_case search_cases[] = {
	KUNIT_CASE(costs_as_much_in_large_memory),
	{}
};

struct kunit_suite contig_search_suite = {
	.name = "contig_search",
	.test_cases = search_cases,
};

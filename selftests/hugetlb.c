// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pages of a hugetlb pool in the way of the range rung: they move, or are replaced,
 * and the pool stays as the administrator and its users have it.
 */
#include "kselftest_harness.h"
#include "contig_utils.h"
#include "memory_utils.h"
#include "physical_utils.h"

#define POOL "/proc/sys/vm/nr_hugepages"
#define PARAMETER CONTIG_PARAMETERS "/move_hugetlb"
#define TRIES 8

FIXTURE(hugetlb) {
	int fd;
	size_t size;
	long pool;
	char *used;
	size_t pages;
	bool moves;
};

/* Make the pool as large as memory allows, up to @pages. */
static long pool_make(long pages)
{
	char text[24];

	write_text("/proc/sys/vm/drop_caches", "3");
	write_text("/proc/sys/vm/compact_memory", "1");
	snprintf(text, sizeof(text), "%ld", pages);
	write_text(POOL, text);
	return meminfo_kib("HugePages_Total");
}

FIXTURE_SETUP(hugetlb) {
	int cma[CMA_PIECES], n;
	size_t i;

	setup_client(self->fd);
	need_range(self->fd);
	quota_lift();
	self->moves = parameter_is("move_hugetlb", "Y");
	self->size = KIB(meminfo_kib("Hugepagesize"));
	if ((long)self->size <= 0)
		SKIP(return, "this kernel has no huge pages");
	n = cma_fill(self->fd, cma);
	/* A third of the pool is used, a third reserved, and a third free. */
	self->pool = pool_make(KIB(meminfo_kib("MemFree")) / 3 / self->size);
	close_all(cma, n);
	if (self->pool < 6)
		SKIP(return, "memory has no room for huge pages");
	self->pages = self->pool / 3;
	self->used = mmap(NULL, self->pages * self->size, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB, -1, 0);
	ASSERT_NE(MAP_FAILED, self->used);
	for (i = 0; i < self->pages; i++)
		fill_pattern(self->used + i * self->size, self->size, i);
	write_text(PARAMETER, "Y");
}

FIXTURE_TEARDOWN(hugetlb) {
	write_text(PARAMETER, self->moves ? "Y" : "N");
	if (self->used && self->used != MAP_FAILED)
		munmap(self->used, self->pages * self->size);
	write_text(POOL, "0");
	quota_restore();
	close(self->fd);
}

/* Ask for the frames of some huge pages, and give them back. */
static int take_some(FIXTURE_DATA(hugetlb) *self, uint64_t pfn, size_t n,
		     struct contig_alloc *alloc)
{
	int ret;

	*alloc = alloc_request(n * self->size, CONTIG_RUNGS_RANGE);
	alloc->constraints.lowest = pfn * page_size;
	alloc->constraints.highest = pfn * page_size + n * self->size - 1;
	ret = _test_cmd_alloc(self->fd, alloc);
	if (!ret)
		close(alloc->out_fd);
	return ret;
}

static int take(FIXTURE_DATA(hugetlb) *self, uint64_t pfn,
		struct contig_alloc *alloc)
{
	return take_some(self, pfn, 1, alloc);
}

TEST_F_TIMEOUT(hugetlb, used_pages_move_with_their_contents, 120)
{
	struct contig_alloc alloc;
	unsigned int had = 0;
	size_t i, at;

	for (i = 0; i < self->pages && had < TRIES; i++) {
		char *page = self->used + i * self->size;
		uint64_t pfn = pfn_of(page);

		/* Others may have put pages of theirs beside it. */
		if (take(self, pfn, &alloc))
			continue;
		had++;
		EXPECT_NE(pfn, pfn_of(page));
		for (at = page_size; at < self->size; at += page_size)
			if (pfn_of(page + at) != pfn_of(page) + at / page_size)
				break;
		EXPECT_LE(self->size, at) TH_LOG("it is no huge page any more");
	}
	EXPECT_LT(0, had);
	for (i = 0; i < self->pages; i++)
		EXPECT_TRUE(has_pattern(self->used + i * self->size, self->size,
					i));
	EXPECT_EQ(self->pool, meminfo_kib("HugePages_Total"));
	EXPECT_EQ(0, meminfo_kib("HugePages_Surp"));
}

static int by_number(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

/* Each goes to a free page of the pool, which can be its neighbour. */
TEST_F_TIMEOUT(hugetlb, neighbours_move_as_well, 120)
{
	const size_t frames = self->size / page_size;
	unsigned int had = 0, tries = 0;
	struct contig_alloc alloc;
	uint64_t *pfns;
	size_t i;

	pfns = calloc(self->pages, sizeof(*pfns));
	ASSERT_NE(NULL, pfns);
	for (i = 0; i < self->pages; i++)
		pfns[i] = pfn_of(self->used + i * self->size);
	qsort(pfns, self->pages, sizeof(*pfns), by_number);
	for (i = 0; i + 2 < self->pages && tries < TRIES; i++) {
		if (pfns[i] + 2 * frames != pfns[i + 2])
			continue;
		tries++;
		had += !take_some(self, pfns[i], 3, &alloc);
		i += 2;
	}
	free(pfns);
	if (!tries)
		SKIP(return, "no huge pages lie beside each other");
	EXPECT_LT(0, had);
	for (i = 0; i < self->pages; i++)
		EXPECT_TRUE(has_pattern(self->used + i * self->size, self->size,
					i));
	EXPECT_EQ(self->pool, meminfo_kib("HugePages_Total"));
}

/* Reservations hold: what was promised can be touched afterwards. */
TEST_F_TIMEOUT(hugetlb, free_pages_are_replaced, 120)
{
	size_t length = self->pages * self->size, i;
	struct contig_alloc alloc;
	unsigned int had = 0;
	uint64_t *pfns = calloc(self->pages, sizeof(*pfns));
	char *reserved;
	long unused;

	ASSERT_NE(NULL, pfns);
	for (i = 0; i < self->pages; i++)
		pfns[i] = pfn_of(self->used + i * self->size);
	munmap(self->used, length);
	self->used = NULL;
	/* All of the pool is promised, and none of it is touched. */
	length = self->pool * self->size;
	reserved = mmap(NULL, length, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB, -1, 0);
	ASSERT_NE(MAP_FAILED, reserved);
	unused = meminfo_kib("HugePages_Free");
	EXPECT_EQ(self->pool, unused);
	/* Others may have put pages of theirs beside it. */
	for (i = 0; i < self->pages && had < TRIES; i++)
		had += !take(self, pfns[i], &alloc);
	EXPECT_LT(0, had) TH_LOG("the last was blocked by %u",
				 alloc.out_reports[0].blocked);
	free(pfns);
	EXPECT_EQ(unused, meminfo_kib("HugePages_Free"));
	EXPECT_EQ(self->pool, meminfo_kib("HugePages_Total"));
	EXPECT_EQ(self->pool, meminfo_kib("HugePages_Rsvd"));
	EXPECT_EQ(0, madvise(reserved, length, MADV_POPULATE_WRITE));
	munmap(reserved, length);
}

TEST_F_TIMEOUT(hugetlb, stay_if_the_administrator_says_so, 120)
{
	struct contig_alloc alloc;
	uint64_t pfn;
	size_t i;

	ASSERT_EQ(0, write_text(PARAMETER, "N"));
	for (i = 0; i < self->pages && i < TRIES; i++) {
		pfn = pfn_of(self->used + i * self->size);
		EXPECT_EQ(-ENOMEM, take(self, pfn, &alloc));
		EXPECT_EQ(CONTIG_BLOCKED_UNMOVABLE,
			  alloc.out_reports[0].blocked);
		EXPECT_EQ(pfn, pfn_of(self->used + i * self->size));
	}
}

/* A device may be reading from a page that is locked. */
TEST_F_TIMEOUT(hugetlb, stay_while_they_are_locked, 120)
{
	struct contig_alloc alloc;
	uint64_t pfn;

	/* The kernel moves it out of CMA for that. */
	test_lock(self->fd, self->used, self->size, 0);
	pfn = pfn_of(self->used);
	EXPECT_EQ(-ENOMEM, take(self, pfn, &alloc));
	EXPECT_EQ(CONTIG_BLOCKED_PINNED, alloc.out_reports[0].blocked);
	EXPECT_EQ(pfn, pfn_of(self->used));
}

/* The pool is in the middle of memory, or in pieces all over it. */
TEST_F_TIMEOUT(hugetlb, bound_no_window, 120)
{
	struct contig_probe probe = probe_request(self->size,
						  CONTIG_RUNGS_RANGE);
	struct contig_alloc alloc;
	uint64_t with, without;

	ASSERT_EQ(0, write_text(PARAMETER, "N"));
	test_probe(self->fd, &probe);
	without = probe.out_kernel_pages;
	ASSERT_EQ(0, write_text(PARAMETER, "Y"));
	test_probe(self->fd, &probe);
	with = probe.out_kernel_pages;
	/* A pageblock with a page of the pool, and one of the kernel, has both. */
	EXPECT_LE(self->pages * (self->size / page_size), without - with);
	alloc = alloc_request(probe.out_largest / 2, CONTIG_RUNGS_RANGE);
	test_alloc(self->fd, &alloc);
	close(alloc.out_fd);
	EXPECT_EQ(self->pool, meminfo_kib("HugePages_Total"));
	EXPECT_TRUE(has_pattern(self->used, self->size, 0));
}

TEST_HARNESS_MAIN

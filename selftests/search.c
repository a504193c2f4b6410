// SPDX-License-Identifier: GPL-2.0-only
/*
 * How much the range rung looks at and moves, and where it takes memory.
 */
#include "kselftest_harness.h"
#include "contig_utils.h"
#include "memory_utils.h"
#include "physical_utils.h"
#include "time_utils.h"

#define LENGTH MIB(8)
#define BLOCKS 8
#define HELD 80

FIXTURE(search) {
	int fd;
	char *full;
	size_t length;
	int holds[HELD];
	int n;
	int freed;
};

FIXTURE_SETUP(search) {
	setup_client(self->fd);
	need_range(self->fd);
	quota_lift();
	watermarks_stay(true);
}

FIXTURE_TEARDOWN(search) {
	while (self->n)
		close(self->holds[--self->n]);
	if (self->full)
		munmap(self->full, self->length);
	watermarks_stay(false);
	quota_restore();
	close(self->fd);
}

/* Return how many looks all searches took since the module was loaded. */
static long looks(void)
{
	return stat_event("looks at page frames in searches");
}

/* Free every eighth page of the filled memory, from the page @first on. */
static void free_eighth(FIXTURE_DATA(search) *self, int first)
{
	size_t at;

	for (at = first * page_size; at < self->length; at += 8 * page_size)
		madvise(self->full + at, page_size, MADV_DONTNEED);
}

/*
 * What has to stay free outside of CMA, or the kernel meets its OOM killer: with
 * pages of 16 KiB that is much more.
 */
static size_t margin(void)
{
	return watermark_bytes() + MIB(32);
}

/*
 * Before memory is taken, free single pages if little of it is free: this process
 * and others need some, too. Return false if that was done too often.
 */
static bool spare(FIXTURE_DATA(search) *self)
{
	if (kernel_free_bytes() > margin() + MIB(32))
		return true;
	if (self->freed == 4)
		return false;
	self->freed++;
	free_eighth(self, 2 * self->freed - 1);
	return true;
}

/*
 * Fill memory with pages that move, and free each eighth one, so that there is
 * memory to move pages to, but nearly no free window.
 */
static bool fill(FIXTURE_DATA(search) *self)
{
	size_t free;

	write_text("/proc/sys/vm/drop_caches", "3");
	free = kernel_free_bytes();
	if (free < margin() + MIB(208))
		return false;
	self->length = (free - margin()) / page_size * page_size;
	self->full = mmap(NULL, self->length, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (self->full == MAP_FAILED) {
		self->full = NULL;
		return false;
	}
	madvise(self->full, self->length, MADV_NOHUGEPAGE);
	if (madvise(self->full, self->length, MADV_POPULATE_WRITE))
		return false;
	free_eighth(self, 0);
	return true;
}

/* What the page allocator has in one piece needs no search. */
TEST_F(search, is_not_needed_for_a_free_block)
{
	struct contig_alloc alloc = alloc_request(KIB(64), CONTIG_RUNGS_RANGE);
	long before = looks();
	unsigned int i;
	char *map;

	if (before < 0)
		SKIP(return, "no debugfs");
	write_text("/proc/sys/vm/drop_caches", "3");
	ASSERT_EQ(0, _test_cmd_alloc(self->fd, &alloc));
	EXPECT_EQ(before, looks());
	map = buffer_map(alloc.out_fd, KIB(64));
	ASSERT_NE(NULL, map);
	EXPECT_TRUE(is_zero(map, KIB(64)));
	for (i = 1; i < KIB(64) / page_size; i++)
		EXPECT_EQ(pfn_of(map) + i, pfn_of(map + i * page_size));
	memset(map, 1, KIB(64));
	munmap(map, KIB(64));
	close(alloc.out_fd);
	/* GFP flags cannot express this limit. */
	alloc = window_request(KIB(64));
	ASSERT_EQ(0, _test_cmd_alloc(self->fd, &alloc));
	EXPECT_LT(before, looks());
	close(alloc.out_fd);
}

/* CONTIG_ALLOC_NO_WAIT: memory could be moved, and is not. */
TEST_F_TIMEOUT(search, is_not_for_who_may_not_wait, 120)
{
	struct contig_alloc alloc = alloc_request(LENGTH / 2, CONTIG_RUNGS_RANGE);
	long before, seen;

	if (!fill(self))
		SKIP(return, "memory cannot be filled");
	/* Take what is free in one piece. */
	alloc.flags = CONTIG_ALLOC_NO_WAIT;
	while (self->n < HELD && spare(self) &&
	       !_test_cmd_alloc(self->fd, &alloc))
		self->holds[self->n++] = alloc.out_fd;
	if (alloc.out_fd >= 0)
		SKIP(return, "more is free in one piece than can be taken");
	before = pages_migrated();
	seen = looks();
	EXPECT_EQ(-EAGAIN, _test_cmd_alloc(self->fd, &alloc));
	EXPECT_EQ(CONTIG_BLOCKED_WAIT, alloc.out_reports[0].blocked);
	EXPECT_EQ(0, alloc.out_reports[0].largest);
	EXPECT_EQ(seen, looks());
	EXPECT_GT(MIB(1) / (long)page_size, pages_migrated() - before);
	alloc = alloc_request(LENGTH / 2, CONTIG_RUNGS_RANGE);
	test_alloc(self->fd, &alloc);
	close(alloc.out_fd);
	/* Single pages are free. */
	alloc = alloc_request(LENGTH / 2, CONTIG_RUNGS_SCATTER);
	alloc.flags = CONTIG_ALLOC_NO_WAIT;
	test_alloc(self->fd, &alloc);
	close(alloc.out_fd);
}

/* All of memory that moves would be a window, but has nowhere to go. */
TEST_F_TIMEOUT(search, moves_nothing_without_room, 120)
{
	struct contig_alloc alloc = {};
	uint64_t begun, took;
	size_t length;
	long before;

	if (!fill(self))
		SKIP(return, "memory cannot be filled");
	length = KIB(meminfo_kib("MemFree") + meminfo_kib("Cached"));
	length = (length + MIB(64)) / MIB(4) * MIB(4);
	alloc = alloc_request(length, CONTIG_RUNGS_RANGE);
	alloc.timeout_ms = 60000;
	before = pages_migrated();
	begun = now_ns();
	EXPECT_EQ(-ENOMEM, _test_cmd_alloc(self->fd, &alloc));
	took = (now_ns() - begun) / 1000000;
	TH_LOG("%zu MiB were refused in %llu ms, %ld pages moved",
	       length / MIB(1), (unsigned long long)took, pages_migrated() - before);
	if (alloc.out_reports[0].blocked == CONTIG_BLOCKED_UNMOVABLE)
		SKIP(return, "memory of the kernel leaves no window so long");
	EXPECT_EQ(CONTIG_BLOCKED_NO_ROOM, alloc.out_reports[0].blocked);
	/* Other tasks move some. A step would be 16 MiB. */
	EXPECT_GT(MIB(2) / (long)page_size, pages_migrated() - before);
}

/*
 * A search may look at 64 frames for each page to move, and a window costs at
 * most its length; it ends at the end of a pageblock.
 */
TEST_F_TIMEOUT(search, ends_when_it_costs_more_than_moving, 120)
{
	const long most = 64 * (LENGTH / page_size) +
			  pageblock_bytes() / page_size;
	struct contig_probe probe = probe_request(LENGTH, CONTIG_RUNGS_RANGE);
	uint64_t zone = highest_zone();
	int i, fd, had = 0, short_ones = 0;

	if (looks() < 0)
		SKIP(return, "no debugfs");
	if (KIB(meminfo_kib("MemTotal")) / page_size < 2 * (uint64_t)most)
		SKIP(return, "all memory is less than a search may look at");
	if (!fill(self))
		SKIP(return, "memory cannot be filled");
	probe.constraints.lowest = zone * page_size;
	/* Take what is free in one piece. */
	while (self->n < HELD && spare(self)) {
		ASSERT_EQ(0, _test_cmd_probe(self->fd, &probe));
		if (probe.out_moves)
			break;
		fd = buffer_get(self->fd, LENGTH, CONTIG_RUNGS_RANGE);
		if (fd < 0)
			break;
		self->holds[self->n++] = fd;
	}
	EXPECT_NE(0, probe.out_moves);
	/* Without room to move pages to, lower zones are all that is left. */
	free_eighth(self, 4);
	for (i = 0; i < BLOCKS; i++) {
		long before = looks(), cost;
		char *map;

		fd = buffer_get(self->fd, LENGTH, CONTIG_RUNGS_RANGE);
		cost = looks() - before;
		if (fd < 0)
			continue;
		had++;
		/* A page that does not move makes it look at all memory. */
		TH_LOG("block %d: %ld looks, %ld are enough", i, cost, most);
		short_ones += cost <= most;
		map = buffer_map(fd, LENGTH);
		ASSERT_NE(NULL, map);
		EXPECT_LE(zone, pfn_of(map))
			TH_LOG("block %d lies below the highest zone", i);
		munmap(map, LENGTH);
		close(fd);
	}
	EXPECT_LE(BLOCKS / 2, had);
	EXPECT_LE(BLOCKS / 2, short_ones);
}

/*
 * Leave few of the pages that lie in one window of LENGTH bytes, the last one of
 * which nearly all pages are those of fill(). Return how many, 0 if there is none.
 */
static long thin_out(FIXTURE_DATA(search) *self, uint64_t *pfns)
{
	size_t npages = self->length / page_size, i;
	const uint64_t frames = LENGTH / page_size;
	uint64_t best = 0, zone = highest_zone(), *counts;
	long seen = 0, left = 0;

	counts = calloc(UINT32_MAX / frames + 1, sizeof(*counts));
	if (!counts)
		return 0;
	for (i = 0; i < npages; i++) {
		uint64_t window = pfns[i] / frames;

		/* fill() leaves seven pages of eight. */
		if (pfns[i] >= zone && window <= UINT32_MAX / frames &&
		    ++counts[window] >= frames * 27 / 32 && window > best)
			best = window;
	}
	free(counts);
	for (i = 0; best && i < npages; i++) {
		if (!pfns[i] || pfns[i] / frames != best)
			continue;
		if (seen++ % 8)
			madvise(self->full + i * page_size, page_size,
				MADV_DONTNEED);
		else
			left++;
	}
	return left;
}

/* CONTIG_ALLOC_FEWEST_MOVES finds the one window that costs little. */
TEST_F_TIMEOUT(search, fewest_moves_looks_at_all_memory, 120)
{
	struct contig_alloc alloc = window_request(LENGTH);
	long left, before, moved;
	uint64_t *pfns;
	size_t npages;

	if (!fill(self))
		SKIP(return, "memory cannot be filled");
	npages = self->length / page_size;
	pfns = calloc(npages, sizeof(*pfns));
	ASSERT_NE(NULL, pfns);
	ASSERT_EQ(0, pfns_of(self->full, npages, pfns));
	left = thin_out(self, pfns);
	free(pfns);
	if (!left)
		SKIP(return, "no window has the pages of this process only");

	alloc.flags = CONTIG_ALLOC_FEWEST_MOVES | CONTIG_ALLOC_NO_WAIT;
	EXPECT_EQ(-EINVAL, _test_cmd_alloc(self->fd, &alloc));
	alloc.flags = CONTIG_ALLOC_FEWEST_MOVES;
	before = pages_migrated();
	ASSERT_EQ(0, _test_cmd_alloc(self->fd, &alloc));
	moved = pages_migrated() - before;
	close(alloc.out_fd);
	/* Other tasks move some, and pages of the kernel can be in the window. */
	EXPECT_GE(left + left / 4 + MIB(1) / 2 / (long)page_size, moved);

	alloc.flags = 0;
	before = pages_migrated();
	if (!_test_cmd_alloc(self->fd, &alloc))
		close(alloc.out_fd);
	TH_LOG("%ld pages are in the way, %ld moved; %ld without the flag", left,
	       moved, pages_migrated() - before);
}

TEST_HARNESS_MAIN
